"""Use cases of a listing's sources: add, switch, reorder, remove, read."""

from collections.abc import Mapping, Sequence

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Conflict, NotFound
from fondaco_core.ids import ListingId, PoolId, SourceId, new_id
from fondaco_tenants import catalog, codes
from fondaco_tenants.routing import store
from fondaco_tenants.routing.errors import NoSource, PoolDoesNotFit, SourceExists
from fondaco_tenants.routing.events import SourcesChanged
from fondaco_tenants.routing.rules import Source, SourceKind, checked_priority


async def publish_listing(tx: Tx, ctx: Ctx, *, listing_id: ListingId, version: int) -> catalog.Listing:
    """Puts a listing on sale that something fills, whether or not it is in stock just now.

    Raises NoSource, and what catalog.publish_listing raises.
    """
    ctx.require("catalog.edit")
    published = await catalog.publish_listing(tx, ctx, listing_id=listing_id, version=version)
    sources = await list_sources(tx, ctx, listing_ids=[listing_id])
    if not any(source.enabled for source in sources):
        raise NoSource
    return published


async def add_source(
    tx: Tx, ctx: Ctx, *, listing_id: ListingId, pool_id: PoolId, priority: int | None = None, enabled: bool = True
) -> Source:
    """Lets a listing be filled from an own pool of its entitlement; after all others unless a priority says otherwise.

    Raises PoolDoesNotFit, codes.PoolArchived, SourceExists.
    """
    ctx.require("catalog.edit")
    await tenancy.require_active(tx, ctx)
    listing = await tx.fetchrow(store.LOCK_LISTING, listing_id)
    if listing is None:
        raise NotFound("listing", path=("listing_id",))
    pool = (await codes.pools_by_ids(tx, ctx, pool_ids=[pool_id])).get(pool_id)
    if pool is None:
        raise NotFound("pool", path=("pool_id",))
    if pool.entitlement_id != listing["entitlement_id"]:
        raise PoolDoesNotFit
    if pool.archived_at is not None:
        raise codes.PoolArchived
    if len(await list_sources(tx, ctx, listing_ids=[listing_id])) >= limits.SOURCES_MAX:
        raise Conflict(
            f"A listing has at most {limits.SOURCES_MAX} sources.", zh=f"一个商品最多 {limits.SOURCES_MAX} 个货源。"
        )
    source_id, now = SourceId(new_id()), clock.now()
    given = checked_priority(priority)
    kind = SourceKind.POOL
    got = await tx.fetchval(store.ADD, source_id, ctx.tenant, listing_id, kind.value, pool_id, given, enabled, now)
    if got is None:
        raise SourceExists
    await _told(tx, ctx, "listing.source_added", listing_id, {"source_id": source_id, "pool_id": pool_id})
    return Source(
        id=source_id, listing_id=listing_id, kind=kind, pool_id=pool_id, priority=got, enabled=enabled, created_at=now
    )


async def update_source(
    tx: Tx, ctx: Ctx, *, source_id: SourceId, priority: int | None = None, enabled: bool | None = None
) -> Source:
    """Switches a source on or off, or gives it another place in the order; what is None stays."""
    ctx.require("catalog.edit")
    await tenancy.require_active(tx, ctx)
    listing_id = await _locked(tx, source_id)
    row = await tx.fetchrow(store.CHANGE, source_id, checked_priority(priority), enabled)
    if row is None:
        raise NotFound("source")
    changed = store.to_source(row)
    detail = {"source_id": source_id, "priority": changed.priority, "enabled": changed.enabled}
    await _told(tx, ctx, "listing.source_changed", listing_id, detail)
    return changed


async def remove_source(tx: Tx, ctx: Ctx, *, source_id: SourceId) -> ListingId:
    """Lets a listing not be filled from a place any more, and says which listing; what was sold from it stays sold."""
    ctx.require("catalog.edit")
    await tenancy.require_active(tx, ctx)
    listing_id = await _locked(tx, source_id)
    if await tx.execute(store.REMOVE, source_id) == 0:
        raise NotFound("source")
    await _told(tx, ctx, "listing.source_removed", listing_id, {"source_id": source_id})
    return listing_id


async def list_sources(tx: Tx, ctx: Ctx, *, listing_ids: Sequence[ListingId]) -> list[Source]:
    """The sources of listings, each listing's in the order in which they are tried; at most SOURCES_MAX each."""
    ctx.require("catalog.read")
    return [store.to_source(row) for row in await tx.fetch(store.OF_LISTINGS, listing_ids)]


async def sources_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[SourceId]) -> dict[SourceId, Source]:
    """Those of the sources that exist, by their ids."""
    ctx.require("catalog.read")
    return {found.id: found for found in map(store.to_source, await tx.fetch(store.BY_IDS, ids))}


async def _locked(tx: Tx, source_id: SourceId) -> ListingId:
    listing_id: ListingId | None = await tx.fetchval(store.LISTING_OF, source_id)
    if listing_id is None:
        raise NotFound("source")
    await tx.fetchrow(store.LOCK_LISTING, listing_id)
    return listing_id


async def _told(tx: Tx, ctx: Ctx, action: str, listing_id: ListingId, detail: Mapping[str, object]) -> None:
    await audit.record(tx, ctx, action, subject_kind="listing", subject_id=listing_id, detail=detail)
    await outbox.announce(tx, (ctx.tenant, SourcesChanged(listing_id)))
