"""Tenants through their states, on a real database as the restricted roles."""

from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest

from fondaco_core import audit, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Database, governing, reading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound, Unauthenticated
from fondaco_core.ids import TenantId
from fondaco_core.keyring import keyring
from fondaco_core.tenancy import BadSlug, NameTaken, TenantNotActive, TenantState, WrongTenantState
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")


def some_slug() -> str:
    return f"t-{uuid4().hex[:16]}"


async def state_now(tenant_id: TenantId) -> TenantState | None:
    async with reading(Ctx(tenant_id=tenant_id)) as tx:
        return await tenancy.state_of(tx, tenant_id)


async def test_a_company_that_applied_waits() -> None:
    tenant_id = await make_tenant(approved=False)

    assert await state_now(tenant_id) is TenantState.APPLIED


async def test_approval_makes_a_key_that_seals() -> None:
    tenant_id = await make_tenant()

    key = await keyring().sealing_key(tenant_id)

    assert await state_now(tenant_id) is TenantState.ACTIVE
    assert key.number > 0


async def test_a_tenant_is_found_by_its_short_name(database: Database) -> None:
    assert database is not None
    slug = some_slug()
    tenant_id = await make_tenant(slug=slug)

    async with reading(Ctx()) as tx:
        found = await tenancy.find_door(tx, "TENANT", slug)
        missing = await tenancy.find_door(tx, "STORE", slug)

    assert (found, missing) == (tenant_id, None)


async def test_a_short_name_belongs_to_one_tenant() -> None:
    slug = some_slug()
    await make_tenant(slug=slug)

    with pytest.raises(NameTaken):
        await make_tenant(slug=slug)


async def test_a_short_name_must_fit_into_an_address() -> None:
    with pytest.raises(BadSlug):
        await make_tenant(slug="Not A Slug")


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\0b"])
async def test_a_company_has_a_name(name: str) -> None:
    with pytest.raises(Invalid):
        await make_tenant(name=name)


@pytest.mark.parametrize("fee_bps", [-1, 10_001])
async def test_a_fee_is_a_share(fee_bps: int) -> None:
    with pytest.raises(Invalid):
        await make_tenant(fee_bps=fee_bps)


async def test_a_tenant_goes_through_its_states_and_ends() -> None:
    ctx, tenant_id = admin_ctx(), await make_tenant()
    states: list[TenantState] = []

    for step in (tenancy.suspend_tenant, tenancy.resume_tenant, tenancy.close_tenant):
        async with governing(ctx) as tx:
            states.append((await step(tx, ctx, tenant_id, reason="a reason")).state)

    assert states == [TenantState.SUSPENDED, TenantState.ACTIVE, TenantState.CLOSED]
    for step in (tenancy.suspend_tenant, tenancy.resume_tenant, tenancy.close_tenant):
        with pytest.raises(WrongTenantState):
            async with governing(ctx) as tx:
                await step(tx, ctx, tenant_id, reason="a reason")


async def test_a_tenant_is_approved_once() -> None:
    ctx, tenant_id = admin_ctx(), await make_tenant()

    with pytest.raises(WrongTenantState):
        async with governing(ctx) as tx:
            await tenancy.approve_tenant(tx, ctx, tenant_id)


async def test_a_decision_needs_a_reason() -> None:
    ctx, tenant_id = admin_ctx(), await make_tenant()

    with pytest.raises(Invalid):
        async with governing(ctx) as tx:
            await tenancy.suspend_tenant(tx, ctx, tenant_id, reason="  ")


async def test_a_decision_about_nobody_is_not_found() -> None:
    ctx = admin_ctx()

    with pytest.raises(NotFound):
        async with governing(ctx) as tx:
            await tenancy.close_tenant(tx, ctx, TenantId(uuid4()), reason="a reason")


async def test_only_the_platform_decides() -> None:
    tenant_id = await make_tenant()
    owner = await make_member_ctx(tenant_id)

    with pytest.raises(NotAllowed):
        async with governing(owner) as tx:
            await tenancy.close_tenant(tx, owner, tenant_id, reason="a reason")
    with pytest.raises(Unauthenticated):
        async with governing(Ctx()) as tx:
            await tenancy.close_tenant(tx, Ctx(), tenant_id, reason="a reason")


async def test_what_was_decided_is_in_the_log_with_its_reason() -> None:
    ctx, tenant_id = admin_ctx(), await make_tenant()

    async with governing(ctx) as tx:
        await tenancy.suspend_tenant(tx, ctx, tenant_id, reason="unpaid fees")
        [latest, *before] = await audit.list_entries(tx, ctx, subject_id=tenant_id)

    assert (latest["action"], latest["reason"], latest["tenant_id"]) == ("tenant.suspended", "unpaid fees", tenant_id)
    assert [entry["action"] for entry in before] == ["tenant.approved", "tenant.applied"]


async def test_a_suspended_tenant_does_not_trade() -> None:
    ctx, tenant_id = admin_ctx(), await make_tenant()
    async with governing(ctx) as tx:
        await tenancy.suspend_tenant(tx, ctx, tenant_id, reason="a reason")

    with pytest.raises(TenantNotActive) as refused:
        async with reading(Ctx(tenant_id=tenant_id)) as tx:
            await tenancy.require_active(tx, Ctx(tenant_id=tenant_id))

    assert refused.value.state == "SUSPENDED"


async def test_a_tenant_sees_itself_and_no_other() -> None:
    mine, other = await make_tenant(), await make_tenant()
    owner = await make_member_ctx(mine)

    async with reading(owner) as tx:
        own = await tenancy.get_tenant(tx, owner)
        strange = await tenancy.state_of(tx, other)
        everything = await tx.fetchval("SELECT count(*) FROM tenant")

    assert (own.id, strange, everything) == (mine, None, 1)
    with pytest.raises(NotAllowed):
        async with reading(owner) as tx:
            await tenancy.get_tenant(tx, owner, other)


async def test_a_tenant_cannot_change_its_own_state() -> None:

    tenant_id = await make_tenant()
    ctx = replace(await make_member_ctx(tenant_id), tenant_id=tenant_id)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with transaction(ctx) as tx:
            await tx.execute("UPDATE tenant SET state = 'CLOSED' WHERE id = $1", tenant_id)


async def test_tenants_are_listed_newest_first_by_state() -> None:
    ctx = admin_ctx()
    first, second = await make_tenant(approved=False), await make_tenant(approved=False)

    async with governing(ctx) as tx:
        page = await tenancy.list_tenants(tx, ctx, state=TenantState.APPLIED, count=2)
        rest = await tenancy.list_tenants(tx, ctx, state=TenantState.APPLIED, after=page[0].id, count=1)

    assert [tenant.id for tenant in page] == [second, first]
    assert [tenant.id for tenant in rest] == [first]
