"""Use cases of sources: what fills a listing or an offer; add, switch, reorder, remove, read."""

from collections.abc import Mapping, Sequence

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Conflict, NotFound
from fondaco_core.ids import ListingId, OfferId, PoolId, SourceId, new_id
from fondaco_core.money import Money
from fondaco_tenants import catalog, codes, supply
from fondaco_tenants.routing import store
from fondaco_tenants.routing.errors import NoSource, OfferDoesNotFit, PoolDoesNotFit, SourceExists, SupplyCircle
from fondaco_tenants.routing.events import OfferSourcesChanged, SourcesChanged
from fondaco_tenants.routing.rules import (
    Source,
    SourceKind,
    check_one_of_two,
    checked_day_units,
    checked_max_cost,
    checked_priority,
    checked_weight,
)
from fondaco_tenants.routing.service import policies
from fondaco_tenants.supply import AgreementState


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


async def publish_offer(tx: Tx, ctx: Ctx, *, offer_id: OfferId, version: int) -> supply.Offer:
    """Shows an offer to resellers that something fills, whether or not it is in stock just now.

    Raises NoSource, and what supply.publish_offer raises.
    """
    ctx.require("supply.edit")
    published = await supply.publish_offer(tx, ctx, offer_id=offer_id, version=version)
    if not any(source.enabled for source in await _sources_of(tx, None, offer_id)):
        raise NoSource
    return published


async def add_source(
    tx: Tx,
    ctx: Ctx,
    *,
    listing_id: ListingId | None = None,
    offer_id: OfferId | None = None,
    pool_id: PoolId | None = None,
    supplier_offer_id: OfferId | None = None,
    priority: int | None = None,
    enabled: bool = True,
    max_cost: Money | None = None,
    below_cost: bool = False,
    weight: int = 1,
    day_units_max: int | None = None,
) -> Source:
    """Lets a listing or an own offer be filled from an own pool, or from a supplier's offer; after all others unless a priority says so.

    Raises PoolDoesNotFit, codes.PoolArchived, OfferDoesNotFit, SupplyCircle, SourceExists.
    """
    ctx.require("catalog.edit" if offer_id is None else "supply.edit")
    check_one_of_two(listing_id, offer_id, path=("listing_id",))
    check_one_of_two(pool_id, supplier_offer_id, path=("pool_id",))
    await tenancy.require_active(tx, ctx)
    filled = await _lock_head(tx, ctx, listing_id, offer_id)
    currency = str(filled["currency"])
    max_cost_minor = checked_max_cost(max_cost, currency)
    if pool_id is not None:
        await _check_pool(tx, ctx, pool_id, filled)
    if supplier_offer_id is not None:
        await _check_supplier(tx, ctx, supplier_offer_id, filled)
    if len(await _sources_of(tx, listing_id, offer_id)) >= limits.SOURCES_MAX:
        raise Conflict(f"There are at most {limits.SOURCES_MAX} sources.", zh=f"货源最多 {limits.SOURCES_MAX} 个。")
    source_id, now = SourceId(new_id()), clock.now()
    kind = SourceKind.POOL if supplier_offer_id is None else SourceKind.OFFER
    got = await tx.fetchval(
        store.ADD, source_id, ctx.tenant, listing_id, offer_id, kind.value, pool_id, supplier_offer_id,
        checked_priority(priority), enabled, max_cost_minor, below_cost, now, checked_weight(weight), checked_day_units(day_units_max),
    )  # fmt: skip
    if got is None:
        raise SourceExists(path=("pool_id" if pool_id is not None else "supplier_offer_id",))
    added = Source(
        id=source_id, listing_id=listing_id, offer_id=offer_id, kind=kind, pool_id=pool_id,
        supplier_offer_id=supplier_offer_id, priority=got, enabled=enabled, max_cost_minor=max_cost_minor,
        below_cost=below_cost, weight=weight, day_units_max=day_units_max, day_units=None if day_units_max is None else 0,
        currency=currency, created_at=now,
    )  # fmt: skip
    await policies.apply(tx, ctx, listing_id, offer_id)
    await _count(tx, added, anew=day_units_max is not None)
    detail = {"source_id": source_id, "pool_id": pool_id, "supplier_offer_id": supplier_offer_id}
    await _told(tx, ctx, "source_added", listing_id, offer_id, detail)
    return added


async def update_source(
    tx: Tx,
    ctx: Ctx,
    *,
    source_id: SourceId,
    priority: int | None = None,
    enabled: bool | None = None,
    below_cost: bool | None = None,
    max_cost: Money | None = None,
    bounds_cost: bool = False,
    weight: int | None = None,
    day_units_max: int | None = None,
    bounds_day: bool = False,
) -> Source:
    """Switches a source on or off, gives it another place in the order, or other bounds; what is None stays.

    `max_cost` counts only with `bounds_cost`, and `day_units_max` only with `bounds_day`: None takes the bound away then. Another weight,
    and switching it, begins the turns of all sources anew.
    """
    ctx.require("catalog.edit" if ctx.has("catalog.edit") else "supply.edit")
    listing_id, offer_id, currency = await locked_source(tx, ctx, source_id)
    max_cost_minor = checked_max_cost(max_cost, currency)
    before = (await sources_by_ids(tx, ctx, [source_id])).get(source_id)
    row = await tx.fetchrow(
        store.CHANGE, source_id, checked_priority(priority), enabled, below_cost, bounds_cost, max_cost_minor,
        checked_weight(weight), bounds_day, checked_day_units(day_units_max),
    )  # fmt: skip
    if row is None:
        raise NotFound("source")
    changed = store.to_source(row)
    unbounded = before is None or before.day_units_max is None
    if weight is not None or enabled is not None or (changed.day_units_max is not None and unbounded):
        await _count(tx, changed, anew=changed.day_units_max is not None and unbounded)
    detail = {
        "source_id": source_id, "priority": changed.priority, "enabled": changed.enabled,
        "max_cost_minor": changed.max_cost_minor, "below_cost": changed.below_cost, "weight": changed.weight,
        "day_units_max": changed.day_units_max,
    }  # fmt: skip
    await _told(tx, ctx, "source_changed", listing_id, offer_id, detail)
    return changed


async def remove_source(tx: Tx, ctx: Ctx, *, source_id: SourceId) -> tuple[ListingId | None, OfferId | None]:
    """Lets a listing or offer not be filled from a place any more, and says which; what was sold from it stays sold."""
    ctx.require("catalog.edit" if ctx.has("catalog.edit") else "supply.edit")
    listing_id, offer_id, _ = await locked_source(tx, ctx, source_id)
    if await tx.execute(store.REMOVE, source_id) == 0:
        raise NotFound("source")
    await _told(tx, ctx, "source_removed", listing_id, offer_id, {"source_id": source_id})
    return listing_id, offer_id


async def list_sources(tx: Tx, ctx: Ctx, *, listing_ids: Sequence[ListingId]) -> list[Source]:
    """The sources of listings, each listing's in the order in which they are tried; at most SOURCES_MAX each."""
    ctx.require("catalog.read")
    return [store.to_source(row) for row in await tx.fetch(store.OF_LISTINGS, listing_ids)]


async def list_offer_sources(tx: Tx, ctx: Ctx, *, offer_ids: Sequence[OfferId]) -> list[Source]:
    """The sources of own offers, each offer's in the order in which they are tried; at most SOURCES_MAX each."""
    ctx.require("supply.read")
    return [store.to_source(row) for row in await tx.fetch(store.OF_OFFERS, offer_ids)]


async def sources_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[SourceId]) -> dict[SourceId, Source]:
    """Those of the sources that exist, by their ids: of listings for who may see the catalogue, of offers for who may see supply."""
    ctx.require("catalog.read" if ctx.has("catalog.read") else "supply.read")
    found = map(store.to_source, await tx.fetch(store.BY_IDS, ids))
    return {each.id: each for each in found if ctx.has("catalog.read" if each.offer_id is None else "supply.read")}


async def _count(tx: Tx, source: Source, *, anew: bool) -> None:
    """Begins to count what comes from a source that is bounded by day, `anew` when it was not; and the turns of all beside it."""
    now = clock.now()
    if anew:
        await tx.execute(store.COUNT_DAY, [source.id], now)
    turns = [row["id"] for row in await tx.fetch(store.TAKING_TURNS, source.listing_id, source.offer_id)]
    if turns:
        await tx.execute(store.COUNT_TURNS, turns, now)


async def _sources_of(tx: Tx, listing_id: ListingId | None, offer_id: OfferId | None) -> list[Source]:
    statement, key = (store.OF_OFFERS, offer_id) if listing_id is None else (store.OF_LISTINGS, listing_id)
    return [store.to_source(row) for row in await tx.fetch(statement, [key])]


async def _lock_head(tx: Tx, ctx: Ctx, listing_id: ListingId | None, offer_id: OfferId | None) -> Mapping[str, object]:
    row = await (
        tx.fetchrow(store.LOCK_OFFER, offer_id, ctx.tenant)
        if listing_id is None
        else tx.fetchrow(store.LOCK_LISTING, listing_id)
    )
    if row is None:
        what = "offer" if listing_id is None else "listing"
        raise NotFound(what, path=(f"{what}_id",))
    return dict(row)


async def _check_pool(tx: Tx, ctx: Ctx, pool_id: PoolId, filled: Mapping[str, object]) -> None:
    pool = (await codes.pools_by_ids(tx, ctx, pool_ids=[pool_id])).get(pool_id)
    if pool is None:
        raise NotFound("pool", path=("pool_id",))
    if pool.entitlement_id != filled["entitlement_id"]:
        raise PoolDoesNotFit
    if pool.archived_at is not None:
        raise codes.PoolArchived


async def _check_supplier(tx: Tx, ctx: Ctx, offer_id: OfferId, filled: Mapping[str, object]) -> None:
    await tx.execute(store.LOCK_GRAPH)
    found = (await supply.offers_by_ids(tx, ctx, [offer_id])).get(offer_id)
    if found is None or found.offer.tenant_id == ctx.tenant:
        raise NotFound("offer", path=("supplier_offer_id",))
    if (found.offer.entitlement_id, found.offer.currency) != (filled["entitlement_id"], filled["currency"]):
        raise OfferDoesNotFit
    if found.agreement_state not in {AgreementState.ACTIVE, AgreementState.SUSPENDED}:
        raise Conflict(
            "There is no agreement with this supplier; ask for one first (requestAgreement, joinSupplier).",
            zh="与该供应商尚无协议，请先申请或凭邀请码加入（requestAgreement、joinSupplier）。",
            path=("supplier_offer_id",),
        )
    if await tx.fetchval(store.LEADS_TO_ME, offer_id):
        raise SupplyCircle


async def locked_source(tx: Tx, ctx: Ctx, source_id: SourceId) -> tuple[ListingId | None, OfferId | None, str]:
    """What an own source fills, locked, and its currency; refuses who may not change it."""
    row = await tx.fetchrow(store.HEAD_OF, source_id)
    of_offer = row is not None and row["offer_id"] is not None
    ctx.require("supply.edit" if of_offer else "catalog.edit")
    await tenancy.require_active(tx, ctx)
    if row is None:
        raise NotFound("source")
    filled = await _lock_head(tx, ctx, row["listing_id"], row["offer_id"])
    return row["listing_id"], row["offer_id"], str(filled["currency"])


async def _told(  # noqa: PLR0917 - whose, what, and what of
    tx: Tx, ctx: Ctx, what: str, listing_id: ListingId | None, offer_id: OfferId | None, detail: Mapping[str, object]
) -> None:
    if listing_id is not None:
        await audit.record(tx, ctx, f"listing.{what}", subject_kind="listing", subject_id=listing_id, detail=detail)
        await outbox.announce(tx, (ctx.tenant, SourcesChanged(listing_id)))
        return
    assert offer_id is not None
    await audit.record(tx, ctx, f"offer.{what}", subject_kind="offer", subject_id=offer_id, detail=detail)
    await tx.execute(store.DUE, new_id(), offer_id, clock.now())
    await outbox.announce(tx, (ctx.tenant, OfferSourcesChanged(offer_id)))
