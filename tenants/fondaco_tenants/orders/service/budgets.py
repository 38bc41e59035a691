"""Budgets of what is held unpaid: by buyer, device and address, and of a pool by all guests together; a merchant sets them.

They are exact: who wants to hold more takes the locks of all its budgets first, in one order, and counts then. Only orders
that wait to be paid come here; one that is paid at once costs nothing of it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, tenancy
from fondaco_core.addresses import household
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import keyed_hash
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, Refusal, StaleVersion
from fondaco_core.ids import CustomerId, OrderId, PoolId, TenantId
from fondaco_core.keyring import keyring
from fondaco_tenants import codes
from fondaco_tenants.orders import rules, store
from fondaco_tenants.orders.errors import HoldBudgetExceeded, InvalidOrder, OutOfStock
from fondaco_tenants.orders.rules import Budget, Held, HoldBudgets, Quote
from fondaco_tenants.orders.service.draft import Draft
from fondaco_tenants.orders.service.quote import as_guest

Key = tuple[Budget, bytes]
_WHOLE = 100


@dataclass(frozen=True, slots=True)
class BudgetsView:
    """A merchant's budgets; version 0 are the platform's defaults."""

    budgets: HoldBudgets
    version: int


@dataclass(slots=True)
class Usage:
    """What is held now, as it was counted under the locks, and the budgets that hold."""

    budgets: HoldBudgets
    held: dict[Key, Held]


def device_hash(tenant_id: TenantId, device: str | None) -> bytes | None:
    """By what a device is known again at one merchant, and at no other; InvalidOrder for a name that is none."""
    if device is None or not device.strip():
        return None
    if len(device) > limits.DEVICE_ID_MAX or "\0" in device:
        raise InvalidOrder(
            f"A device has a name of at most {limits.DEVICE_ID_MAX} characters.",
            zh=f"设备标识最多 {limits.DEVICE_ID_MAX} 个字符。", path=("deviceId",),
        )  # fmt: skip
    return keyed_hash(keyring().lookup_key, "device", f"{tenant_id}|{device.strip()}")


def address_hash(ctx: Ctx) -> bytes | None:
    """By what an address is known again at one merchant. Machines have none: a shop's server buys for many people."""
    if ctx.ip is None or ctx.actor not in {ActorKind.ANONYMOUS, ActorKind.GUEST, ActorKind.CUSTOMER}:
        return None
    return keyed_hash(keyring().lookup_key, "address", f"{ctx.tenant}|{household(ctx.ip)}")


def budget_keys(draft: Draft) -> list[Key]:
    """The budgets that an unpaid order is held under, but for the guests'."""
    found: list[Key] = [(Budget.BUYER, b"")]
    if draft.device_hash is not None:
        found.append((Budget.DEVICE, draft.device_hash))
    if draft.address_hash is not None:
        found.append((Budget.ADDRESS, draft.address_hash))
    return found


def _lock_key(person: bytes, value: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(value, digest_size=8, person=person).digest(), "big", signed=True)


async def _lock(tx: Tx, customer_id: CustomerId, keys: Iterable[Key], pools: Iterable[PoolId]) -> None:
    locks = [_lock_key(b"unpaid", customer_id.bytes)]
    locks += [_lock_key(budget.value.lower().encode(), value) for budget, value in keys if value]
    locks += [_lock_key(b"guests", pool.bytes) for pool in pools]
    await tx.fetch(store.LOCK_LIMITS, locks)


async def usage_of(tx: Tx, ctx: Ctx, *, customer_id: CustomerId | None, keys: Iterable[Key]) -> Usage:
    """What a buyer, devices and addresses hold unpaid at the merchant of `ctx`, and the merchant's budgets."""
    ctx.require("buyer.order")
    oldest = UUID(int=int((clock.now() - timedelta(seconds=2 * limits.HOLD_MAX_S)).timestamp() * 1000) << 80)
    hashes = {budget: [value for each, value in keys if each is budget] for budget in (Budget.DEVICE, Budget.ADDRESS)}
    row = await tx.fetchrow(
        store.HELD, customer_id, oldest, hashes[Budget.DEVICE], hashes[Budget.ADDRESS], ctx.tenant
    )  # fmt: skip
    assert row is not None
    columns = (row["budgets"], row["hashes"], row["orders"], row["units"], row["frees_at"])
    held = {
        (Budget(budget), value): Held(orders, units, frees_at)
        for budget, value, orders, units, frees_at in zip(*(column or () for column in columns), strict=True)
    }
    return Usage(_budgets(row), held)


async def within_budgets(
    tx: Tx, ctx: Ctx, customer_id: CustomerId, drafts: list[Draft], outcomes: MutableMapping[OrderId, Any]
) -> list[Draft]:
    """Keeps the orders that may be held unpaid beside what is held already, counting those of this request before them."""
    waiting = [draft for draft in drafts if not draft.fulfilled]
    if not waiting:
        return drafts
    guest = as_guest(ctx)
    keys = {key for draft in waiting for key in budget_keys(draft)}
    pools = {route.pool_id for draft in waiting for line in draft.priced.lines for route in line.routes}
    await _lock(tx, customer_id, keys, pools if guest else ())
    usage = await usage_of(tx, ctx, customer_id=customer_id, keys=keys)
    kept: list[Draft] = []
    for draft in drafts:
        if not draft.fulfilled:
            try:
                usage.held |= hold_more(usage, budget_keys(draft), units=draft.units_asked, guest=guest)
            except Refusal as refusal:
                outcomes[draft.request.order_id] = refusal
                continue
            draft.budgets = usage.budgets if guest else None
        kept.append(draft)
    return kept


def hold_more(usage: Usage, keys: Iterable[Key], *, units: int, guest: bool) -> dict[Key, Held]:
    """What is held under each key with one more order; refuses what is beyond one of the budgets."""
    return {
        key: rules.hold_more(usage.held.get(key, Held()), key[0], usage.budgets, units=units, guest=guest)
        for key in keys
    }


async def guests_left(tx: Tx, budgets: HoldBudgets, wants: Mapping[PoolId, int]) -> dict[PoolId, tuple[int, Held]]:
    """How many units of each pool guests may hold together, and what they hold of it already; of another merchant's, this store's guests."""
    if budgets.guest_share_percent == _WHOLE:
        return {}
    rows = {PoolId(row["pool_id"]): row for row in await tx.fetch(store.HELD_BY_GUESTS, list(wants), tx.tenant_id)}
    held = {
        pool: Held(rows[pool]["orders"], rows[pool]["units"], rows[pool]["frees_at"]) if pool in rows else Held()
        for pool in wants
    }
    # As many as it takes to know that there are enough, and no more: every one that is counted costs.
    enough = max(
        _WHOLE * (held[pool].units + units) // budgets.guest_share_percent + 1 for pool, units in wants.items()
    )
    stock = await codes.stock_of_pools(tx, sorted(wants), up_to=enough)
    return {pool: (rules.guests_share(held[pool], budgets, available=stock.get(pool, 0)), held[pool]) for pool in wants}


async def within_share(tx: Tx, drafts: list[Draft], outcomes: MutableMapping[OrderId, Any]) -> list[Draft]:
    """Keeps the guests' orders whose codes leave enough of each pool for those who pay; under the locks of `within_budgets`."""
    kept: list[Draft] = []
    for draft in drafts:
        wants = Counter(unit.picked.pool_id for unit in draft.all_units)
        if draft.budgets is not None:
            others = {
                unit.picked.pool_id: line
                for line in draft.priced.lines
                for unit in draft.units[line.line]
                if unit.route.legs
            }
            try:
                check_share(await guests_left(tx, draft.budgets, wants), wants, others)
            except (HoldBudgetExceeded, OutOfStock) as refusal:
                outcomes[draft.request.order_id] = refusal
                continue
        kept.append(draft)
    return kept


def check_share(
    shares: Mapping[PoolId, tuple[int, Held]], wants: Mapping[PoolId, int], others: Mapping[PoolId, Quote]
) -> None:
    """Refuses what would leave too little of a pool for those who pay.

    Of a pool of another merchant's (`others`, with the line that it fills) it is not told how much there is, nor when any comes free.
    """
    for pool, (most, held) in shares.items():
        if held.units + wants[pool] > most:
            if pool in others:
                line = others[pool]
                raise OutOfStock(line.listing_id, asked=line.quantity, available=None, path=("lines", str(line.line)))
            raise HoldBudgetExceeded(
                Budget.GUESTS.value, orders_max=None, units_max=most, orders_left=None,
                units_left=max(0, most - held.units), frees_at=held.frees_at,
            )  # fmt: skip


async def hold_for_guests(tx: Tx, tenant_id: TenantId, drafts: Sequence[Draft]) -> None:
    """Writes down what guests hold of each pool, with the orders."""
    rows = [
        (draft.request.order_id, pool, units)
        for draft in drafts
        if draft.budgets is not None
        for pool, units in Counter(unit.picked.pool_id for unit in draft.all_units).items()
    ]
    if rows:
        await tx.later(store.HOLD_FOR_GUESTS, *(list(column) for column in zip(*rows, strict=True)), tenant_id)


async def forget_guest_holds(tx: Tx, ctx: Ctx) -> int:
    """Deletes the counts of orders that do not wait any more, over all tenants; says how many."""
    ctx.require("system.run")
    return await tx.execute(store.FORGET_GUEST_HOLDS)


async def get_hold_budgets(tx: Tx, ctx: Ctx) -> BudgetsView:
    """The budgets of the tenant one acts for."""
    ctx.require("merchant.read")
    return await _load(tx, ctx)


async def _load(tx: Tx, ctx: Ctx) -> BudgetsView:
    row = await tx.fetchrow(store.GET_BUDGETS, ctx.tenant)
    return BudgetsView(HoldBudgets(), 0) if row is None else BudgetsView(_budgets(row), row["version"])


async def set_hold_budgets(tx: Tx, ctx: Ctx, *, version: int, budgets: HoldBudgets) -> BudgetsView:
    """Sets all budgets, if they are still at `version`; what is held already stays. Raises StaleVersion, Invalid."""
    ctx.require("merchant.edit")
    await tenancy.require_active(tx, ctx)
    values = asdict(budgets)
    for name, value in values.items():
        _check(name, value)
    written = await tx.fetchval(store.PUT_BUDGETS, ctx.tenant, clock.now(), version, *values.values())
    if written is None:
        raise StaleVersion("budgets", current_version=(await _load(tx, ctx)).version)
    await audit.record(
        tx, ctx, "hold_budgets.changed", subject_kind="tenant", subject_id=ctx.tenant, detail=values | {"version": written}
    )  # fmt: skip
    return BudgetsView(budgets, written)


def _check(name: str, value: int) -> None:
    most = _WHOLE if name.endswith("percent") else (
        limits.HOLD_BUDGET_ORDERS_MAX if name.endswith("orders_max") else limits.HOLD_BUDGET_UNITS_MAX
    )  # fmt: skip
    if not 1 <= value <= most:
        raise Invalid(f"This is from 1 to {most}.", zh=f"须为 1 至 {most}。", path=(name,))


def _budgets(row: Mapping[str, int | datetime | None]) -> HoldBudgets:
    names = [field.name for field in fields(HoldBudgets)]
    if row[names[0]] is None:
        return HoldBudgets()
    values: dict[str, int] = {name: row[name] for name in names}  # type: ignore[misc]  # the row is there
    return HoldBudgets(**values)
