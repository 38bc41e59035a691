"""Use cases of pools: make, rename, archive, list; how much is in stock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fondaco_core import audit, clock, limits, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound, StaleVersion
from fondaco_core.ids import EntitlementId, PoolId, new_id
from fondaco_tenants import catalog
from fondaco_tenants.catalog import EntitlementRetired, EntitlementState, FulfilmentKind
from fondaco_tenants.codes.errors import EntitlementHasNoCodes, PoolArchived, PoolHasStock
from fondaco_tenants.codes.store import pools as store

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


def _pool(row: Any) -> Pool:
    values: dict[str, Any] = {**row}
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


async def rename_pool(tx: Tx, ctx: Ctx, *, pool_id: PoolId, version: int, name: str) -> Pool:
    """Gives a pool another name; raises StaleVersion when somebody was faster."""
    ctx.require("codes.edit")
    checked = tenancy.checked_name(name)
    await _locked(tx, pool_id, version)
    await tx.fetchval(store.RENAME, pool_id, checked)
    await audit.record(tx, ctx, "pool.renamed", subject_kind="pool", subject_id=pool_id)
    return await get_pool(tx, ctx, pool_id=pool_id)


async def archive_pool(tx: Tx, ctx: Ctx, *, pool_id: PoolId, version: int) -> Pool:
    """Puts an empty pool away: nothing is imported into it any more. Raises PoolHasStock."""
    ctx.require("codes.edit")
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
