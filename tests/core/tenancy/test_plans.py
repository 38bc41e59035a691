"""Plans: what the platform takes of sales by category, on a real database as the restricted roles."""

from uuid import uuid4

import pytest

from fondaco_core import tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading
from fondaco_core.errors import Invalid, NotAllowed, NotFound, StaleVersion
from fondaco_core.ids import PlanId, TenantId
from fondaco_core.outbox import Event
from fondaco_core.tenancy import Fees, Plan, PlanNameTaken, TenantFeesChanged
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.tenancy import make_plan, make_tenant, put_on_plan
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")
LOOK = admin_ctx()


async def change(plan: Plan, *, version: int | None = None, name: str | None = None, fees: Fees | None = None) -> Plan:
    async with governing(LOOK) as tx:
        return await tenancy.change_plan(
            tx, LOOK, plan_id=plan.id, version=version or plan.version, name=name, fees=fees
        )


async def told(tenant_id: TenantId, event: type[Event]) -> int:
    async with governing(LOOK) as tx:
        sql = "SELECT count(*) FROM outbox_event WHERE tenant_id = $1 AND name = $2"
        return int(await tx.fetchval(sql, tenant_id, event.name))


async def test_a_merchant_sees_what_its_plan_takes_and_before_it_its_own_fee() -> None:
    tenant_id = await make_tenant(fee_bps=150)
    owner = await make_member_ctx(tenant_id)
    plan = await make_plan(Fees(300, {"games": 120}))

    async with reading(owner) as tx:
        before = await tenancy.own_fees(tx, owner)
    await put_on_plan(tenant_id, plan.id)
    async with reading(owner) as tx:
        after = await tenancy.own_fees(tx, owner)

    assert (before.plan, before.fees) == (None, Fees(150, {}))
    assert (after.plan, after.version, after.fees) == (plan.name, 1, Fees(300, {"games": 120}))
    assert [after.fees.of(category) for category in ("games", "food", "")] == [120, 300, 300]


async def test_a_changed_plan_keeps_what_it_took_before_and_its_merchants_hear_of_it() -> None:
    plan = await make_plan(Fees(300, {"games": 120, "food": 0}))
    tenant_id, other = await make_tenant(), await make_tenant()
    await put_on_plan(tenant_id, plan.id)
    heard = await told(tenant_id, TenantFeesChanged)

    after = await change(plan, fees=Fees(250, {"food": 10}))

    async with governing(LOOK) as tx:
        history = await tenancy.plan_history(tx, LOOK, plan_id=plan.id)
    assert (after.version, after.fees) == (2, Fees(250, {"food": 10}))
    assert [(each.version, each.fees) for each in history] == [
        (2, Fees(250, {"food": 10})), (1, Fees(300, {"games": 120, "food": 0})),
    ]  # fmt: skip
    assert await told(tenant_id, TenantFeesChanged) == heard + 1
    assert await told(other, TenantFeesChanged) == 0
    await assert_invariants()


async def test_a_plan_that_only_gets_another_name_costs_what_it_did() -> None:
    plan = await make_plan(Fees(300, {"games": 120}))
    tenant_id = await make_tenant()
    await put_on_plan(tenant_id, plan.id)
    heard = await told(tenant_id, TenantFeesChanged)

    renamed = await change(plan, name=f"Gold {uuid4().hex}")

    assert (renamed.version, renamed.fees) == (2, plan.fees)
    assert await told(tenant_id, TenantFeesChanged) == heard


async def test_a_plan_is_changed_by_who_read_it_last() -> None:
    plan = await make_plan(Fees(300, {}))
    await change(plan, fees=Fees(200, {}))

    with pytest.raises(StaleVersion) as refused:
        await change(plan, fees=Fees(100, {}))

    assert refused.value.current_version == 2


async def test_no_two_plans_share_a_name() -> None:
    one, other = await make_plan(Fees(300, {})), await make_plan(Fees(200, {}))

    with pytest.raises(PlanNameTaken):
        await make_plan(Fees(1, {}), name=one.name)
    with pytest.raises(PlanNameTaken):
        await change(other, name=one.name)


@pytest.mark.parametrize(
    "fees",
    [
        Fees(-1, {}),
        Fees(10_001, {}),
        Fees(0, {"games": 10_001}),
        Fees(0, {"": 1}),
        Fees(0, {" games": 1}),
        Fees(0, {"x" * 201: 1}),
        Fees(0, {f"c{n}": 1 for n in range(101)}),
    ],
)
async def test_fees_are_shares_of_categories_that_can_be(fees: Fees) -> None:
    with pytest.raises(Invalid):
        await make_plan(fees)


async def test_a_merchant_leaves_a_plan_for_a_fee_of_its_own() -> None:
    tenant_id = await make_tenant(fee_bps=10)
    plan = await make_plan(Fees(300, {}))
    await put_on_plan(tenant_id, plan.id)

    async with governing(LOOK) as tx:
        tenant = await tenancy.set_tenant_fees(
            tx, LOOK, tenant_id=tenant_id, plan_id=None, fee_bps=77, reason="it has asked for it"
        )

    assert (tenant.plan_id, tenant.fee_bps) == (None, 77)


@pytest.mark.parametrize("both", [True, False])
async def test_a_merchant_is_put_on_a_plan_or_given_a_fee(*, both: bool) -> None:
    tenant_id, plan = await make_tenant(), await make_plan(Fees(300, {}))

    with pytest.raises(Invalid):
        async with governing(LOOK) as tx:
            await tenancy.set_tenant_fees(
                tx, LOOK, tenant_id=tenant_id, plan_id=plan.id if both else None, fee_bps=7 if both else None,
                reason="it has asked for it",
            )  # fmt: skip


async def test_a_plan_that_is_none_is_not_found() -> None:
    tenant_id, nothing = await make_tenant(), PlanId(uuid4())

    with pytest.raises(NotFound):
        await put_on_plan(tenant_id, nothing)
    async with governing(LOOK) as tx:
        with pytest.raises(NotFound):
            await tenancy.change_plan(tx, LOOK, plan_id=nothing, version=1)


async def test_only_the_platform_says_what_it_takes() -> None:
    owner = await make_member_ctx(await make_tenant())
    plan = await make_plan(Fees(300, {}))

    async def refused(ctx: Ctx) -> None:
        async with governing(LOOK) as tx:
            with pytest.raises(NotAllowed):
                await tenancy.create_plan(tx, ctx, name="Mine", fees=Fees(0, {}))
            with pytest.raises(NotAllowed):
                await tenancy.change_plan(tx, ctx, plan_id=plan.id, version=1, fees=Fees(0, {}))
            with pytest.raises(NotAllowed):
                await tenancy.set_tenant_fees(
                    tx, ctx, tenant_id=owner.tenant, plan_id=None, fee_bps=0, reason="because I want to"
                )
            with pytest.raises(NotAllowed):
                await tenancy.list_plans(tx, ctx)

    await refused(owner)
