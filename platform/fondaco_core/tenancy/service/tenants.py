"""Use cases of tenancy: a company applies, is approved, suspended, resumed, closed; a public name leads to its tenant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fondaco_core import audit, clock, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import PlanId, TenantId, new_id
from fondaco_core.outbox import Event
from fondaco_core.tenancy import store
from fondaco_core.tenancy.errors import BadSlug, NameTaken, TenantNotActive, WrongTenantState
from fondaco_core.tenancy.events import TenantApplied, TenantApproved, TenantClosed, TenantResumed, TenantSuspended
from fondaco_core.tenancy.rules import DoorKind, TenantState, check_fee, is_slug, next_states


@dataclass(frozen=True, slots=True)
class Tenant:
    """A merchant company as it is stored. `fee_bps` is the platform's share of every sale while it has no plan."""

    id: TenantId
    slug: str
    name: str
    state: TenantState
    plan_id: PlanId | None
    fee_bps: int
    applied_at: datetime
    decided_at: datetime | None
    reason: str | None
    version: int


def _tenant(row: Any) -> Tenant:
    fields: dict[str, Any] = {**row, "id": TenantId(row["id"]), "state": TenantState(row["state"])}
    return Tenant(**fields)


def checked_name(text: str, *, field: str = "name") -> str:
    """A name without blanks at its ends; Invalid when nothing or too much is left."""
    name = " ".join(text.split())
    if not 0 < len(name) <= limits.NAME_MAX or "\0" in name:
        raise Invalid(
            f"A name has 1 to {limits.NAME_MAX} characters.",
            zh=f"名称须为 1 至 {limits.NAME_MAX} 个字符。",
            path=(field,),
        )
    return name


def checked_reason(
    text: str,
    *,
    too_short: Callable[[], Invalid] = audit.ReasonNeeded,
    too_long: Callable[[], Invalid] = audit.ReasonNeeded,
) -> str:
    """A reason that says something; ReasonNeeded, or what the module says instead, when it is too short or too long."""
    reason = text.strip()
    if len(reason) > limits.NOTE_MAX:
        raise too_long()
    if len(reason) < limits.REASON_CHARS_MIN or "\0" in reason:
        raise too_short()
    return reason


async def apply_tenant(tx: Tx, ctx: Ctx, *, slug: str, name: str, fee_bps: int = 0) -> TenantId:
    """Enters a company that wants to be a merchant; it waits for approval. Raises BadSlug, NameTaken."""
    ctx.require("platform.tenants")
    if not is_slug(slug):
        raise BadSlug
    checked = checked_name(name)
    check_fee(fee_bps)

    tenant_id = TenantId(new_id())
    if await tx.execute(store.ADD, tenant_id, slug, checked, fee_bps, clock.now()) == 0:
        raise NameTaken
    await add_door(tx, DoorKind.TENANT, slug, tenant_id)
    await audit.record(
        tx,
        ctx,
        "tenant.applied",
        subject_kind="tenant",
        subject_id=tenant_id,
        tenant_id=tenant_id,
        detail={"slug": slug},
    )
    await outbox.announce(tx, (tenant_id, TenantApplied(tenant_id)))
    return tenant_id


async def approve_tenant(tx: Tx, ctx: Ctx, tenant_id: TenantId, *, reason: str | None = None) -> Tenant:
    """Lets a company that applied trade; the key that seals its codes and contacts is made when it is first needed."""
    ctx.require("platform.tenants")
    step = _Step((TenantState.APPLIED,), TenantState.ACTIVE, TenantApproved(tenant_id))
    return await _decide(tx, ctx, tenant_id, step, None if reason is None else checked_reason(reason))


async def suspend_tenant(tx: Tx, ctx: Ctx, tenant_id: TenantId, *, reason: str) -> Tenant:
    """Stops a merchant from trading for now: its people may look, its buyers keep what they bought."""
    ctx.require("platform.tenants")
    step = _Step((TenantState.ACTIVE,), TenantState.SUSPENDED, TenantSuspended(tenant_id))
    return await _decide(tx, ctx, tenant_id, step, checked_reason(reason))


async def resume_tenant(tx: Tx, ctx: Ctx, tenant_id: TenantId, *, reason: str) -> Tenant:
    """Lets a suspended merchant trade again."""
    ctx.require("platform.tenants")
    step = _Step((TenantState.SUSPENDED,), TenantState.ACTIVE, TenantResumed(tenant_id))
    return await _decide(tx, ctx, tenant_id, step, checked_reason(reason))


async def close_tenant(tx: Tx, ctx: Ctx, tenant_id: TenantId, *, reason: str) -> Tenant:
    """Ends a merchant for good: nobody signs in for it any more, its buyers keep what they bought."""
    ctx.require("platform.tenants")
    before = tuple(state for state in TenantState if TenantState.CLOSED in next_states(state))
    step = _Step(before, TenantState.CLOSED, TenantClosed(tenant_id))
    return await _decide(tx, ctx, tenant_id, step, checked_reason(reason))


async def get_tenant(tx: Tx, ctx: Ctx, tenant_id: TenantId | None = None) -> Tenant:
    """The tenant one acts for; with an id, and for the platform's people only, any. Raises NotFound."""
    if tenant_id is not None and tenant_id != ctx.tenant_id:
        ctx.require("platform.read")
    row = await tx.fetchrow(store.GET, tenant_id or ctx.tenant)
    if row is None:
        raise NotFound("tenant")
    return _tenant(row)


async def tenants_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[TenantId]) -> dict[TenantId, Tenant]:
    """Several tenants at once, those that the platform's people asked for and that exist."""
    ctx.require("platform.read")
    return {TenantId(row["id"]): _tenant(row) for row in await tx.fetch(store.BY_IDS, list(ids))}


async def list_tenants(
    tx: Tx,
    ctx: Ctx,
    *,
    state: TenantState | None = None,
    after: TenantId | None = None,
    count: int = limits.PAGE_DEFAULT,
) -> list[Tenant]:
    """A page of tenants, newest first."""
    ctx.require("platform.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    return [_tenant(row) for row in await tx.fetch(store.LIST, state.value if state else None, after, count)]


async def state_of(tx: Tx, tenant_id: TenantId) -> TenantState | None:
    """A tenant's state, or None when there is no such tenant; in a transaction of that tenant or of the platform."""
    state = await tx.fetchval(store.STATE, tenant_id)
    return None if state is None else TenantState(state)


async def require_active(tx: Tx, ctx: Ctx) -> None:
    """Refuses with TenantNotActive unless the tenant that is acted for may trade now."""
    state = await state_of(tx, ctx.tenant)
    if state is None:
        raise NotFound("tenant")
    if state is not TenantState.ACTIVE:
        raise TenantNotActive(state)


async def find_door(tx: Tx, kind: str, name: str) -> TenantId | None:
    """The tenant behind a public name, or None; anybody may ask, also before a tenant is known."""
    found = await tx.fetchval(store.FIND_DOOR, DoorKind(kind).value, name)
    return None if found is None else TenantId(found)


async def add_door(tx: Tx, kind: str, name: str, tenant_id: TenantId) -> None:
    """Makes a public name lead to a tenant; raises NameTaken. For modules whose things have public names."""
    if await tx.execute(store.ADD_DOOR, DoorKind(kind).value, name, tenant_id) == 0:
        raise NameTaken


async def remove_door(tx: Tx, kind: str, name: str, tenant_id: TenantId) -> None:
    """Makes a tenant's public name lead nowhere."""
    await tx.execute(store.SHUT_DOOR, DoorKind(kind).value, name, tenant_id)


async def doors_of(tx: Tx, kind: str, tenant_ids: Sequence[TenantId]) -> dict[TenantId, str]:
    """The public name of each tenant, for those that have one of the kind."""
    rows = await tx.fetch(store.DOORS_OF, DoorKind(kind).value, list(tenant_ids))
    return {TenantId(row["tenant_id"]): row["name"] for row in rows}


async def tenant_for_change(tx: Tx, tenant_id: TenantId) -> Tenant:
    """A tenant that nobody else changes until the transaction ends; raises NotFound."""
    row = await tx.fetchrow(store.GET_FOR_CHANGE, tenant_id)
    if row is None:
        raise NotFound("tenant")
    return _tenant(row)


@dataclass(frozen=True, slots=True)
class _Step:
    """One decision: from which states, to which, and what is told of it; the event's name is also the act's in the log."""

    before: tuple[TenantState, ...]
    after: TenantState
    event: Event


async def _decide(tx: Tx, ctx: Ctx, tenant_id: TenantId, step: _Step, reason: str | None) -> Tenant:
    tenant = await tenant_for_change(tx, tenant_id)
    if tenant.state not in step.before:
        raise WrongTenantState(tenant.state, step.after)
    assert step.after in next_states(tenant.state)
    await tx.execute(store.SET_STATE, tenant_id, step.after.value, clock.now(), reason)
    await audit.record(
        tx, ctx, step.event.name, subject_kind="tenant", subject_id=tenant_id, tenant_id=tenant_id, reason=reason,
        detail={"before": tenant.state.value, "after": step.after.value},
    )  # fmt: skip
    await outbox.announce(tx, (tenant_id, step.event))
    return _tenant(await tx.fetchrow(store.GET, tenant_id))
