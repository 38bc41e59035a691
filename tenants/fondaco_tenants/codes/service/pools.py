"""Use cases of pools: make, change, archive, list; how much is in stock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fondaco_core import audit, clock, limits, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound, StaleVersion
from fondaco_core.ids import EntitlementId, PoolId, new_id
from fondaco_tenants import catalog
from fondaco_tenants.catalog import EntitlementRetired, EntitlementState, FulfilmentKind
from fondaco_tenants.codes.errors import EntitlementHasNoCodes, PoolArchived, PoolHasStock
from fondaco_tenants.codes.store import pools as store
from fondaco_tenants.codes.store.hold import RAISE_MARK

WITH_CODES = frozenset({FulfilmentKind.CODE, FulfilmentKind.LINK, FulfilmentKind.QR})


@dataclass(frozen=True, slots=True)
class Pool:
    """A tenant's stock of codes for one entitlement, as it is stored."""

    id: PoolId
    entitlement_id: EntitlementId
    name: str
    created_at: datetime
    archived_at: datetime | None
    version: int
    # Codes that expire within so many days are not sold.
    stop_sale_days: int = 0
    # So many units or fewer are low stock; None when nobody wants to be told.
    low_stock_at: int | None = None
    # How many days before codes expire somebody is told.
    expiry_alarm_days: tuple[int, ...] = (30, 7, 1)


@dataclass(frozen=True, slots=True)
class PoolChanges:
    """What is to be changed about a pool; None leaves it as it is. A `low_stock_at` of 0 is none."""

    name: str | None = None
    stop_sale_days: int | None = None
    low_stock_at: int | None = None
    expiry_alarm_days: Sequence[int] | None = None


def _pool(row: Any) -> Pool:
    values: dict[str, Any] = {**row, "expiry_alarm_days": tuple(row["expiry_alarm_days"])}
    return Pool(**values)


async def create_pool(tx: Tx, ctx: Ctx, *, entitlement_id: EntitlementId, name: str) -> Pool:
    """Makes an empty pool for an entitlement that is delivered as a code, a link or a QR code."""
    ctx.require("codes.edit")
    await tenancy.require_active(tx, ctx)
    entitlement = await catalog.get_entitlement(tx, entitlement_id)
    if entitlement.fulfilment_kind not in WITH_CODES:
        raise EntitlementHasNoCodes
    if entitlement.state is not EntitlementState.ACTIVE:
        raise EntitlementRetired

    checked = tenancy.checked_name(name)
    pool = Pool(PoolId(new_id()), entitlement_id, checked, clock.now(), archived_at=None, version=1)
    await tx.execute(store.ADD, pool.id, ctx.tenant, pool.entitlement_id, pool.name, pool.created_at)
    await audit.record(
        tx, ctx, "pool.created", subject_kind="pool", subject_id=pool.id, detail={"entitlement_id": entitlement_id}
    )
    return pool


async def change_pool(tx: Tx, ctx: Ctx, *, pool_id: PoolId, version: int, changes: PoolChanges) -> Pool:
    """Changes a pool's name, when it stops selling, and when somebody is told; raises StaleVersion when somebody was faster."""
    ctx.require("codes.edit")
    await tenancy.require_active(tx, ctx)
    before = await _locked(tx, pool_id, version)
    after = _changed(before, changes)
    await tx.execute(
        store.CHANGE, pool_id, after.name, after.stop_sale_days, after.low_stock_at, list(after.expiry_alarm_days)
    )
    if after.stop_sale_days < before.stop_sale_days:
        await tx.execute(store.RESET_MARK, pool_id)
        await tx.execute(RAISE_MARK, pool_id)
    changed = [name for name in _CHANGEABLE if getattr(before, name) != getattr(after, name)]
    await audit.record(
        tx, ctx, "pool.changed", subject_kind="pool", subject_id=pool_id,
        detail={name: getattr(after, name) for name in changed if name != "name"} | {"changed": changed},
    )  # fmt: skip
    return await get_pool(tx, ctx, pool_id=pool_id)


_CHANGEABLE = ("name", "stop_sale_days", "low_stock_at", "expiry_alarm_days")


def _changed(pool: Pool, changes: PoolChanges) -> Pool:
    """The pool as it will be, when that makes sense; Invalid otherwise."""
    after = pool
    if changes.name is not None:
        after = replace(after, name=tenancy.checked_name(changes.name))
    if changes.stop_sale_days is not None:
        days = _checked(changes.stop_sale_days, 0, limits.EXPIRY_DAYS_MAX, field="stop_sale_before_expiry_days")
        after = replace(after, stop_sale_days=days)
    if changes.low_stock_at is not None:
        low = _checked(changes.low_stock_at, 0, limits.LOW_STOCK_MAX, field="low_stock_at")
        after = replace(after, low_stock_at=low or None)
    if changes.expiry_alarm_days is not None:
        days_before = sorted(set(changes.expiry_alarm_days), reverse=True)
        _checked(len(days_before), 0, limits.EXPIRY_ALARMS_MAX, field="expiry_alarm_days")
        for each in days_before:
            _checked(each, 1, limits.EXPIRY_DAYS_MAX, field="expiry_alarm_days")
        after = replace(after, expiry_alarm_days=tuple(days_before))
    return after


def _checked(number: int, least: int, most: int, *, field: str) -> int:
    if not least <= number <= most:
        raise Invalid(f"This is a number from {least} to {most}.", zh=f"该值须为 {least} 至 {most}。", path=(field,))
    return number


async def archive_pool(tx: Tx, ctx: Ctx, *, pool_id: PoolId, version: int) -> Pool:
    """Puts an empty pool away: nothing is imported into it any more. Raises PoolHasStock."""
    ctx.require("codes.edit")
    await tenancy.require_active(tx, ctx)
    pool = await _locked(tx, pool_id, version)
    if pool.archived_at is not None:
        raise PoolArchived
    if await tx.fetchval(store.HAS_STOCK, pool_id):
        raise PoolHasStock
    await tx.fetchval(store.ARCHIVE, pool_id, clock.now())
    await audit.record(tx, ctx, "pool.archived", subject_kind="pool", subject_id=pool_id)
    return await get_pool(tx, ctx, pool_id=pool_id)


async def get_pool(tx: Tx, ctx: Ctx, *, pool_id: PoolId) -> Pool:
    """One pool of the tenant. Raises NotFound."""
    found = await pools_by_ids(tx, ctx, pool_ids=[pool_id])
    if pool_id not in found:
        raise NotFound("pool", path=("pool_id",))
    return found[pool_id]


async def pools_by_ids(tx: Tx, ctx: Ctx, *, pool_ids: Sequence[PoolId]) -> dict[PoolId, Pool]:
    """Those of the pools that the tenant has."""
    ctx.require("codes.read")
    return {PoolId(row["id"]): _pool(row) for row in await tx.fetch(store.BY_IDS, list(pool_ids))}


async def list_pools(
    tx: Tx,
    ctx: Ctx,
    *,
    entitlement_id: EntitlementId | None = None,
    archived: bool = False,
    after: PoolId | None = None,
    backward: bool = False,
    count: int = limits.PAGE_DEFAULT,
) -> list[Pool]:
    """A page of pools, newest first; `archived` shows those that were put away, too."""
    ctx.require("codes.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    statement = store.LIST_UP if backward else store.LIST_DOWN
    return [_pool(row) for row in await tx.fetch(statement, after, entitlement_id, archived, count)]


async def stock_of_pools(
    tx: Tx, pool_ids: Sequence[PoolId], *, up_to: int = limits.STOCK_COUNTED_MAX
) -> dict[PoolId, int]:
    """How many codes each pool can sell now, exact up to `up_to` and counted no further.

    Whoever may see a shop may ask whether there is stock; how much of it is told is the caller's business.
    """
    assert up_to > 0
    if not pool_ids:
        return {}
    rows = await tx.fetch(store.STOCK, list(pool_ids), up_to, clock.now())
    return {PoolId(row["id"]): row["available"] for row in rows}


async def _locked(tx: Tx, pool_id: PoolId, version: int) -> Pool:
    row = await tx.fetchrow(store.LOCK, pool_id)
    if row is None:
        raise NotFound("pool", path=("pool_id",))
    pool = _pool(row)
    if pool.version != version:
        raise StaleVersion("pool", current_version=pool.version)
    return pool
