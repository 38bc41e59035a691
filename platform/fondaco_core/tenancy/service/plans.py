"""Plans: what the platform takes of sales, by category of goods; and by which of them a merchant pays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fondaco_core import audit, clock, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound, StaleVersion
from fondaco_core.ids import PlanId, TenantId, new_id
from fondaco_core.tenancy import store
from fondaco_core.tenancy.errors import PlanNameTaken, TooManyPlans
from fondaco_core.tenancy.events import TenantFeesChanged
from fondaco_core.tenancy.rules import Fees, check_fee, check_fees
from fondaco_core.tenancy.service.tenants import Tenant, checked_name, get_tenant, tenant_for_change


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as it is now; `version` counts its changes, and `changed_at` is when its fees began to hold."""

    id: PlanId
    name: str
    version: int
    created_at: datetime
    changed_at: datetime
    fees: Fees


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """The fees of a plan as they held from `changed_at` on."""

    version: int
    changed_at: datetime
    fees: Fees


@dataclass(frozen=True, slots=True)
class OwnFees:
    """What a merchant pays the platform, and by which plan; without one the fee is its own, the same for all that it sells."""

    plan: str | None
    version: int | None
    since: datetime | None
    fees: Fees


async def create_plan(tx: Tx, ctx: Ctx, *, name: str, fees: Fees) -> Plan:
    """Makes a plan that merchants may be put on. Raises PlanNameTaken, TooManyPlans, Invalid."""
    ctx.require("platform.tenants")
    checked = checked_name(name)
    check_fees(fees)
    await tx.execute(store.PLANS_LOCK)
    if await tx.fetchval(store.COUNT_PLANS) >= limits.PLANS_MAX:
        raise TooManyPlans
    id_ = PlanId(new_id())
    if await tx.execute(store.ADD_PLAN, id_, checked, clock.now()) == 0:
        raise PlanNameTaken
    await _add_fees(tx, id_, 1, fees)
    made = await get_plan(tx, ctx, id_)
    await _recorded(tx, ctx, "plan.created", made)
    return made


async def change_plan(
    tx: Tx, ctx: Ctx, *, plan_id: PlanId, version: int, name: str | None = None, fees: Fees | None = None
) -> Plan:
    """Gives a plan another name or other fees, for orders that are placed from now on; what is None stays.

    The fees of before stay on record. Raises NotFound, StaleVersion, PlanNameTaken, Invalid.
    """
    ctx.require("platform.tenants")
    row = await tx.fetchrow(store.PLAN_FOR_CHANGE, plan_id)
    if row is None:
        raise NotFound("plan", path=("plan_id",))
    if row["version"] != version:
        raise StaleVersion("plan", current_version=row["version"])
    before = await get_plan(tx, ctx, plan_id)
    checked = before.name if name is None else checked_name(name)
    after = before.fees if fees is None else fees
    check_fees(after)
    if await tx.fetchval(store.PLAN_NAMED, checked, plan_id):
        raise PlanNameTaken
    await _add_fees(tx, plan_id, version + 1, after)
    await tx.execute(store.SET_PLAN, plan_id, checked, version + 1)
    plan = await get_plan(tx, ctx, plan_id)
    await _recorded(tx, ctx, "plan.changed", plan)
    if after != before.fees:
        on_it = [TenantId(found["id"]) for found in await tx.fetch(store.ON_PLAN, plan_id)]
        await outbox.announce(tx, *((tenant, TenantFeesChanged(tenant, plan_id)) for tenant in on_it))
    return plan


async def set_tenant_fees(
    tx: Tx, ctx: Ctx, *, tenant_id: TenantId, plan_id: PlanId | None, fee_bps: int | None, reason: str
) -> Tenant:
    """Puts a merchant on a plan, or has it pay the same share of all that it sells, for orders from now on.

    One of both is given. Raises NotFound, Invalid.
    """
    ctx.require("platform.tenants")
    if (plan_id is None) == (fee_bps is None):
        raise Invalid("Name a plan or a fee, not both.", zh="请指定套餐或费率，二者只选其一。", path=("plan_id",))
    if fee_bps is not None:
        check_fee(fee_bps)
    before = await tenant_for_change(tx, tenant_id)
    if plan_id is not None:
        await get_plan(tx, ctx, plan_id)
    await tx.execute(store.SET_FEES, tenant_id, plan_id, fee_bps)
    await audit.record(
        tx, ctx, "tenant.fees_set", subject_kind="tenant", subject_id=tenant_id, tenant_id=tenant_id, reason=reason,
        detail={"before": _told(before.plan_id, before.fee_bps), "after": _told(plan_id, fee_bps)},
    )  # fmt: skip
    await outbox.announce(tx, (tenant_id, TenantFeesChanged(tenant_id, plan_id)))
    return await get_tenant(tx, ctx, tenant_id)


async def get_plan(tx: Tx, ctx: Ctx, plan_id: PlanId) -> Plan:
    """One plan. Raises NotFound."""
    found = await plans_by_ids(tx, ctx, [plan_id])
    if plan_id not in found:
        raise NotFound("plan", path=("plan_id",))
    return found[plan_id]


async def plans_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[PlanId]) -> dict[PlanId, Plan]:
    """Those of the plans that exist, by their ids."""
    ctx.require("platform.read")
    return {PlanId(row["id"]): _plan(row) for row in await tx.fetch(store.PLANS_BY_IDS, list(ids))}


async def list_plans(tx: Tx, ctx: Ctx, *, after: PlanId | None = None, count: int = limits.PAGE_DEFAULT) -> list[Plan]:
    """A page of plans, newest first."""
    ctx.require("platform.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    return [_plan(row) for row in await tx.fetch(store.LIST_PLANS, after, count)]


async def plan_history(
    tx: Tx, ctx: Ctx, *, plan_id: PlanId, before: int | None = None, count: int = limits.PAGE_DEFAULT
) -> list[PlanVersion]:
    """A page of what a plan took from when on, the latest first; that which holds is among them."""
    ctx.require("platform.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    rows = await tx.fetch(store.PLAN_HISTORY, plan_id, before, count)
    return [PlanVersion(row["version"], row["changed_at"], _fees(row)) for row in rows]


async def own_fees(tx: Tx, ctx: Ctx) -> OwnFees:
    """What the merchant one acts for pays the platform."""
    ctx.require("merchant.read")
    tenant = await get_tenant(tx, ctx)
    if tenant.plan_id is None:
        return OwnFees(None, None, None, Fees(tenant.fee_bps, {}))
    plan = _plan(await tx.fetchrow(store.PLANS_BY_IDS, [tenant.plan_id]))
    return OwnFees(plan.name, plan.version, plan.changed_at, plan.fees)


async def _add_fees(tx: Tx, plan_id: PlanId, version: int, fees: Fees) -> None:
    rows = {"": fees.fee_bps, **fees.by_category}
    await tx.execute(store.ADD_PLAN_FEES, plan_id, version, list(rows), list(rows.values()), clock.now())


async def _recorded(tx: Tx, ctx: Ctx, action: str, plan: Plan) -> None:
    detail = {"version": plan.version, "fee_bps": plan.fees.fee_bps, "categories": dict(plan.fees.by_category)}
    await audit.record(tx, ctx, action, subject_kind="plan", subject_id=plan.id, detail=detail)


def _told(plan_id: PlanId | None, fee_bps: int | None) -> dict[str, object]:
    return {"fee_bps": fee_bps} if plan_id is None else {"plan_id": plan_id}


def _fees(row: Any) -> Fees:
    by_category = dict(zip(row["categories"], row["fees"], strict=True))
    return Fees(by_category.pop(""), by_category)


def _plan(row: Any) -> Plan:
    return Plan(PlanId(row["id"]), row["name"], row["version"], row["created_at"], row["changed_at"], _fees(row))
