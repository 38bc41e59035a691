"""A unit whose code turned out bad gets another one, from any pool that fills its line, at no change of price.

The bad attempt FAILED and its code is QUARANTINED, the next attempt has the new code: one transaction. Where no source has
one, a paid unit WAITS for stock, and is refunded when its time is over; an unpaid order is cancelled. The next attempt keeps
the `source_id` that the unit was sold by, since that is the way its money went and goes back; the code says where it is from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import AllocationId, CodeId, OrderId, PoolId, TenantId, new_id
from fondaco_tenants import codes
from fondaco_tenants.codes import Picked
from fondaco_tenants.orders import rules, store
from fondaco_tenants.orders.errors import CodeAlreadyRedeemed, NotOwnCode, OrderNotOpen, ReplacementLimit
from fondaco_tenants.orders.events import UnitFailed, UnitReplaced
from fondaco_tenants.orders.rules import AllocationState, OrderState
from fondaco_tenants.orders.service.change import close_orders
from fondaco_tenants.orders.service.lots import record_lots_of
from fondaco_tenants.orders.service.read import AllocationView, OrderView, allocation_view, may_see, order_view
from fondaco_tenants.orders.service.scored import note_trouble
from fondaco_tenants.supply import TroubleKind

# What the record says of a unit whose code somebody took out of the vault; of another merchant's, it says no more.
_WITHDRAWN = "The code was withdrawn from the vault."


@dataclass(frozen=True, slots=True)
class Replaced:
    """What became of a unit: the attempt that takes the failed one's place, with a code or waiting for one."""

    order: OrderView
    failed_id: AllocationId
    unit: AllocationView


async def replace_unit(tx: Tx, ctx: Ctx, *, allocation_id: AllocationId, reason: str) -> Replaced:
    """Gives a paid unit another code because the one it had is bad, whether the buyer saw it or not.

    Raises NotFound, NotOwnCode, OrderNotOpen for a unit that has no code now, ReplacementLimit when there were enough replacements,
    CodeAlreadyRedeemed for a code that was good enough to be redeemed.
    """
    ctx.require("orders.replace")
    why = tenancy.checked_reason(reason)
    order = await _locked_order(tx, ctx, allocation_id)
    unit = await _locked_unit(tx, allocation_id)
    if order.state not in rules.SETTLED or unit["state"] != AllocationState.FULFILLED.value:
        raise OrderNotOpen(order.id, state=order.state.value, units=True)
    if unit["leaf_tenant_id"] != order.tenant_id:
        raise NotOwnCode
    failed = await tx.fetchval(store.COUNT_FAILED, order.id)
    if unit["attempt"] > limits.UNIT_REPLACEMENTS_MAX:
        raise ReplacementLimit(limits.UNIT_REPLACEMENTS_MAX, per_unit=True)
    if failed >= limits.ORDER_REPLACEMENTS_MAX:
        raise ReplacementLimit(limits.ORDER_REPLACEMENTS_MAX, per_unit=False)
    if await _is_redeemed(tx, unit):
        raise CodeAlreadyRedeemed([allocation_id])
    made = await _swap(tx, ctx, order, unit, reason=why, condemned=why)
    assert made is not None, "a paid unit gets a code, or waits for one"
    return Replaced(order_view(await tx.fetchrow(store.LOCK, order.id)), allocation_id, made)


async def _locked_order(tx: Tx, ctx: Ctx, allocation_id: AllocationId) -> OrderView:
    order_id = await tx.fetchval(store.ORDER_ID_OF, allocation_id)
    row = None if order_id is None else await tx.fetchrow(store.LOCK, order_id)
    if row is None or not may_see(ctx, view := order_view(row)):
        raise NotFound("allocation", path=("allocation_id",))
    return view


async def _locked_unit(tx: Tx, allocation_id: AllocationId) -> Any:
    row = await tx.fetchrow(store.LOCK_UNIT, allocation_id)
    assert row is not None, "units are never deleted"
    return row


async def swap_withdrawn(tx: Tx, ctx: Ctx, *, code_ids: Sequence[CodeId]) -> int:
    """Swaps the units whose codes were withdrawn from the vault before their buyers saw them; says how many.

    Of one that was seen or redeemed support is told, and decides: whoever saw a code may have used it. Doing it again
    changes nothing.
    """
    ctx.require("system.run")
    swapped = 0
    units = await tx.fetch(store.UNITS_OF_CODES, list(code_ids))
    # All orders before anything else, since one that is cancelled locks what its merchants have, which others wait for.
    wanted = sorted({row["order_id"] for row in units})
    locked = {order_id: order_view(await tx.fetchrow(store.LOCK, order_id)) for order_id in wanted}
    for order_id, order in locked.items():
        for row in units:
            unit = await _locked_unit(tx, row["id"]) if row["order_id"] == order_id else None
            if unit is None or unit["state"] not in {AllocationState.HELD.value, AllocationState.FULFILLED.value}:
                continue
            # Why its owner withdrew it is nothing for another merchant who sold it, nor for the buyer.
            why = row["reason"] if _is_own(order, unit) else None
            if unit["revealed_at"] is None and not await _is_redeemed(tx, unit):
                await _swap(tx, ctx, order, unit, reason=why or _WITHDRAWN, condemned=row["reason"] or _WITHDRAWN)
                swapped += 1
            elif await tx.execute(store.DOUBT_UNIT, unit["id"], why or _WITHDRAWN):
                await note_trouble(tx, unit, TroubleKind.BAD)
                await _tell(tx, ctx, order, unit, became="SEEN", reason=why)
    return swapped


def _is_own(order: OrderView, unit: Any) -> bool:
    """Whether a unit's code is the store's own, and no other merchant's."""
    return bool(unit["leaf_tenant_id"] == order.tenant_id)


async def _is_redeemed(tx: Tx, unit: Any) -> bool:
    return bool(await codes.redeemed_among(tx, [AllocationId(unit["id"])], releasing=False))


async def _swap(tx: Tx, ctx: Ctx, order: OrderView, unit: Any, *, reason: str, condemned: str) -> AllocationView | None:
    """Fails a locked unit and makes its next attempt; None when its order was cancelled instead, being unpaid.

    `reason` is the store's to read, `condemned` is what the code's owner reads with the code.
    """
    now = clock.now()
    if unit["failure"] is None:
        await note_trouble(tx, unit, TroubleKind.BAD)
    await tx.execute(store.FAIL_UNIT, unit["id"], reason, now)
    await codes.condemn_codes(tx, [AllocationId(unit["id"])], reason=condemned)
    picked = await _spare(tx, unit)
    paid = unit["state"] == AllocationState.FULFILLED.value
    if picked is None and not paid:
        await tx.execute(store.LOWER_LINES, [unit["line_id"]])
        await close_orders(tx, ctx, [order.id], OrderState.CANCELLED, reason=reason, tenants=[order.tenant_id])
        await _tell(tx, ctx, order, unit, became="CANCELLED", reason=reason)
        return None
    made = AllocationId(new_id())
    state = AllocationState.WAITING if picked is None else AllocationState(unit["state"])
    wait_until = now + timedelta(seconds=limits.UNIT_WAIT_S) if picked is None else None
    await tx.execute(
        store.ADD_ATTEMPT, made, unit["id"], None if picked is None else picked.owner_id,
        None if picked is None else picked.code_id, state.value, now, wait_until, None if picked is None else picked.masked,
    )  # fmt: skip
    if picked is None:
        await _tell(tx, ctx, order, unit, became="WAITING", reason=reason, made=made)
    else:
        await codes.allocate_codes(tx, [(made, picked)], delivered=paid)
        await _announce_replaced(tx, ctx, order, unit, made, picked=picked, reason=reason)
    await tx.execute(store.TOUCH, order.id)
    return allocation_view(await tx.fetchrow(store.ALLOCATION_BY_IDS, [made]))


async def _spare(tx: Tx, unit: Any) -> Picked | None:
    """A locked code out of the first pool that a unit may get another one from and that has one."""
    pools = [PoolId(row["pool_id"]) for row in await tx.fetch(store.POOLS_OF_UNIT, unit["line_id"], unit["route"])]
    found = await codes.pick_codes(tx, dict.fromkeys(pools, 1)) if pools else {}
    return next((found[pool][0] for pool in pools if found[pool]), None)


def _code_of(order: OrderView, unit: Any) -> UUID:
    return codes.name_of_code(unit["code_id"], owner_id=unit["leaf_tenant_id"], seen_by=order.tenant_id)


async def _announce_replaced(
    tx: Tx, ctx: Ctx, order: OrderView, unit: Any, made: AllocationId, *, picked: Picked, reason: str
) -> None:
    seen = unit["revealed_at"] is not None
    detail = {
        "order_id": order.id, "failed": unit["id"], "failed_code": _code_of(order, unit), "code": picked.named_to(order.tenant_id),
        "attempt": unit["attempt"] + 1, "seen": seen,
    }  # fmt: skip
    await audit.record(
        tx, ctx, "unit.replaced", subject_kind="allocation", subject_id=made, tenant_id=order.tenant_id, reason=reason,
        detail=detail,
    )  # fmt: skip
    if picked.owner_id != order.tenant_id:
        await record_lots_of(tx, [order.id], "supply.replaced")
    told = UnitReplaced(str(order.id), str(made), str(unit["id"]), unit["attempt"] + 1, seen)
    await outbox.announce(tx, (order.tenant_id, told))


async def _tell(
    tx: Tx, ctx: Ctx, order: OrderView, unit: Any, *, became: str, reason: str | None, made: AllocationId | None = None
) -> None:
    """Tells support of a unit that has no other code by now, and what became of it."""
    detail = {
        "order_id": order.id,
        "became": became,
        "code": _code_of(order, unit),
        "attempt": unit["attempt"],
        "next": made,
    }
    await audit.record(
        tx, ctx, "unit.failed", subject_kind="allocation", subject_id=unit["id"], tenant_id=order.tenant_id,
        reason=reason, detail=detail,
    )  # fmt: skip
    await outbox.announce(tx, (order.tenant_id, UnitFailed(str(order.id), str(unit["id"]), became)))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A unit that waits for a code."""

    tenant_id: TenantId
    order_id: OrderId
    allocation_id: AllocationId
    wait_until: datetime


async def list_waiting(
    tx: Tx, ctx: Ctx, *, after: tuple[datetime, UUID] | None = None, count: int = limits.EXPIRE_BATCH
) -> list[Waiting]:
    """Units of any tenant that wait for a code, by when they give up; for a job, as fondaco_platform."""
    ctx.require("system.run")
    until, last = after or (None, None)
    rows = await tx.fetch(store.WAITING, until, last, count)
    return [
        Waiting(TenantId(r["tenant_id"]), OrderId(r["order_id"]), AllocationId(r["id"]), r["wait_until"]) for r in rows
    ]


async def serve_waiting(tx: Tx, ctx: Ctx, *, waiting: Waiting) -> bool:
    """Gives a unit that waits its code, when a source of its line has one by now; False when none has.

    True as well when there is nothing left to do: it was served or refunded meanwhile.
    """
    ctx.require("system.run")
    order = order_view(await tx.fetchrow(store.LOCK, waiting.order_id))
    unit = await _locked_unit(tx, waiting.allocation_id)
    if unit["state"] != AllocationState.WAITING.value:
        return True
    picked = await _spare(tx, unit)
    if picked is None:
        return False
    now = clock.now()
    await tx.execute(store.SERVE_UNIT, unit["id"], picked.owner_id, picked.code_id, now, picked.masked)
    waited = now - (waiting.wait_until - timedelta(seconds=limits.UNIT_WAIT_S))
    await note_trouble(
        tx, {**dict(unit), "code_id": picked.code_id}, TroubleKind.LATE, took_ms=waited // timedelta(milliseconds=1)
    )  # fmt: skip
    await codes.allocate_codes(tx, [(AllocationId(unit["id"]), picked)], delivered=True)
    await tx.execute(store.TOUCH, order.id)
    failed = {**dict(unit), "id": unit["failed_id"], "attempt": unit["attempt"] - 1, "code_id": unit["failed_code_id"]}
    await _announce_replaced(tx, ctx, order, failed, AllocationId(unit["id"]), picked=picked, reason="Stock came in.")
    return True


def acting_for(ctx: Ctx, tenant_id: TenantId) -> Ctx:
    """The system as it mends and refunds for one merchant."""
    return replace(ctx, tenant_id=tenant_id, permissions=ctx.permissions | {"orders.read", "orders.refund"})
