"""What visitors see, and what the owner sees of the same: stores by their slug, pages of listings, stock.

Anybody may visit: these functions ask for no permission, and show only what is on sale in open stores of merchants who
may trade. Those for the owner ask first, as every use case does.
"""

from collections.abc import Sequence

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import ListingId, StoreId, TenantId
from fondaco_tenants.catalog import ListingState
from fondaco_tenants.storefront import store
from fondaco_tenants.storefront.rules import ShownListing, Store

After = tuple[int | None, ListingId | None]


async def visit_store(tx: Tx, slug: str) -> Store | None:
    """The open store with a slug, in a transaction of its tenant; None when visitors do not find it."""
    row = await tx.fetchrow(store.VISIT, slug, [])
    return None if row is None else store.to_store(row)


async def visit_stores(tx: Tx, ids: Sequence[StoreId]) -> dict[StoreId, Store]:
    """Those of the stores of the transaction's tenant that visitors find."""
    rows = await tx.fetch(store.VISIT, None, ids)
    return {found.id: found for found in map(store.to_store, rows)}


async def list_shown(
    tx: Tx,
    store_id: StoreId,
    *,
    search: str | None = None,
    category: str | None = None,
    after: After = (None, None),
    backward: bool = False,
    count: int = limits.PAGE_DEFAULT,
) -> list[ShownListing]:
    """A page of what a store sells, in the merchant's order, on the far side of `after`; one statement."""
    assert 0 <= count <= limits.PAGE_MAX + 1
    sql = store.PAGE_BACKWARD if backward else store.PAGE
    return [store.to_shown(row) for row in await tx.fetch(sql, store_id, search, category, *after, count)]


async def visit_listings(tx: Tx, ids: Sequence[ListingId]) -> dict[ListingId, ShownListing]:
    """Those of the listings of the transaction's tenant that visitors find."""
    return {found.id: found for found in map(store.to_shown, await tx.fetch(store.BY_IDS, ids))}


async def tenants_of_stores(tx: Tx, ids: Sequence[StoreId]) -> dict[StoreId, TenantId]:
    """Whose the open stores are; in a transaction without a tenant."""
    assert tx.tenant_id is None
    return {row["id"]: row["tenant_id"] for row in await tx.fetch(store.TENANTS_OF_STORES, ids)}


async def tenants_of_listings(tx: Tx, ids: Sequence[ListingId]) -> dict[ListingId, TenantId]:
    """Whose the listings on sale are; in a transaction without a tenant."""
    assert tx.tenant_id is None
    return {row["id"]: row["tenant_id"] for row in await tx.fetch(store.TENANTS_OF_LISTINGS, ids)}


async def list_own_shown(
    tx: Tx,
    ctx: Ctx,
    *,
    store_id: StoreId | None = None,
    state: ListingState | None = None,
    search: str | None = None,
    category: str | None = None,
    after: After = (None, None),
    backward: bool = False,
    count: int = limits.PAGE_DEFAULT,
) -> list[ShownListing]:
    """A page of the tenant's own listings, on sale or not, in their order."""
    ctx.require("catalog.read")
    assert 0 <= count <= limits.PAGE_MAX + 1
    sql = store.OWN_PAGE_BACKWARD if backward else store.OWN_PAGE
    rows = await tx.fetch(sql, ctx.tenant, search, category, *after, count, store_id, state and state.value)
    return [store.to_shown(row) for row in rows]


async def own_shown(tx: Tx, ctx: Ctx, ids: Sequence[ListingId]) -> dict[ListingId, ShownListing]:
    """Those of the listings that are the tenant's own, on sale or not."""
    ctx.require("catalog.read")
    return {found.id: found for found in map(store.to_shown, await tx.fetch(store.OWN_BY_IDS, ids))}


async def stock_of_listings(
    tx: Tx, ctx: Ctx, ids: Sequence[ListingId], *, up_to: int = limits.STOCK_EXACT_MAX
) -> dict[ListingId, int]:
    """How many units each of the tenant's own listings can sell now, exact up to `up_to`."""
    ctx.require("catalog.read")
    return {row["id"]: row["available"] for row in await tx.fetch(store.STOCK, ids, up_to)}
