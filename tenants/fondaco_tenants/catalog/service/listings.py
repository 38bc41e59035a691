"""Use cases of a merchant's listings: draft, publish, pause, archive, change, read."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TypedDict, Unpack

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound, StaleVersion
from fondaco_core.ids import EntitlementId, ListingId, StoreId, new_id
from fondaco_core.money import Money
from fondaco_tenants.catalog import store
from fondaco_tenants.catalog.errors import EntitlementRetired, ListingInWrongState
from fondaco_tenants.catalog.events import ListingChanged, ListingMoved, ListingRepriced
from fondaco_tenants.catalog.rules import (
    Entitlement,
    EntitlementState,
    Listing,
    ListingState,
    ListingTerms,
    changed_names,
    checked_terms,
    may_move,
)
from fondaco_tenants.catalog.service.entitlements import entitlements_by_ids


class ListingChanges(TypedDict, total=False):
    """What may be changed of a listing; what is left out stays as it is."""

    title: str
    description: str
    price: Money
    order_max: int
    customer_max: int | None
    customer_period_days: int | None
    low_stock_at: int
    position: int


async def create_listing(
    tx: Tx,
    ctx: Ctx,
    *,
    store_id: StoreId,
    entitlement_id: EntitlementId,
    title: str,
    price: Money,
    description: str = "",
    order_max: int = 10,
    customer_max: int | None = None,
    customer_period_days: int | None = None,
    low_stock_at: int = 0,
    position: int = 0,
) -> Listing:
    """Drafts a listing of an entitlement in an own store, at a price in the store's currency; publishing comes later."""
    ctx.require("catalog.edit")
    await tenancy.require_active(tx, ctx)
    currency = await tx.fetchval(store.CURRENCY_OF_STORE, store_id)
    if currency is None:
        raise NotFound("store", path=("store_id",))
    await _listable(tx, entitlement_id, path=("entitlement_id",))
    terms = ListingTerms(
        title=title,
        description=description,
        price=price,
        order_max=order_max,
        customer_max=customer_max,
        customer_period_days=customer_period_days,
        low_stock_at=low_stock_at,
        position=position,
    )
    listing = Listing(
        id=ListingId(new_id()),
        tenant_id=ctx.tenant,
        store_id=store_id,
        entitlement_id=entitlement_id,
        terms=checked_terms(terms, currency=currency),
        state=ListingState.DRAFT,
        created_at=clock.now(),
        version=1,
    )
    await tx.execute(store.ADD_LISTING, *store.listing_values(listing))
    await audit.record(
        tx, ctx, "listing.created", subject_kind="listing", subject_id=listing.id,
        detail={"store_id": store_id, "entitlement_id": entitlement_id, "price_minor": price.amount_minor},
    )  # fmt: skip
    await outbox.announce(tx, (ctx.tenant, ListingChanged(listing.id, store_id, version=1)))
    return listing


async def update_listing(
    tx: Tx, ctx: Ctx, *, listing_id: ListingId, version: int, **changes: Unpack[ListingChanges]
) -> Listing:
    """Changes a listing's terms; orders that were placed keep theirs. Raises StaleVersion when somebody was faster."""
    ctx.require("catalog.edit")
    await tenancy.require_active(tx, ctx)
    before = await _locked(tx, listing_id, version)
    if before.state is ListingState.ARCHIVED:
        raise ListingInWrongState(before.state, wanted="changed")
    terms = checked_terms(replace(before.terms, **changes), currency=before.terms.price.currency)
    changed = changed_names(before.terms, terms, (field.name for field in fields(ListingTerms)))
    if not changed:
        return before
    after = replace(before, terms=terms, version=version + 1)
    await tx.execute(
        store.CHANGE_LISTING, listing_id, version, terms.title, terms.description, terms.price.amount_minor,
        terms.order_max, terms.customer_max, terms.customer_period_days, terms.low_stock_at, terms.position,
    )  # fmt: skip
    was, now = before.terms.price.amount_minor, terms.price.amount_minor
    await audit.record(
        tx, ctx, "listing.changed", subject_kind="listing", subject_id=listing_id,
        detail={"version": after.version, "changed": changed} | ({"price_minor": [was, now]} if was != now else {}),
    )  # fmt: skip
    await outbox.announce(tx, (ctx.tenant, ListingChanged(listing_id, before.store_id, version=after.version)))
    if was != now:
        currency = terms.price.currency
        await outbox.announce(
            tx, (ctx.tenant, ListingRepriced(listing_id, currency=currency, before_minor=was, after_minor=now))
        )
    return after


async def publish_listing(tx: Tx, ctx: Ctx, *, listing_id: ListingId, version: int) -> Listing:
    """Puts a drafted or paused listing on sale. Raises EntitlementRetired when the platform retired its entitlement."""
    ctx.require("catalog.edit")
    await tenancy.require_active(tx, ctx)
    return await _move(tx, ctx, listing_id, version, ListingState.ACTIVE)


async def pause_listing(tx: Tx, ctx: Ctx, *, listing_id: ListingId, version: int) -> Listing:
    """Takes a listing off sale for a while; buyers do not see it, placed orders are not touched."""
    ctx.require("catalog.edit")
    await tenancy.require_active(tx, ctx)
    return await _move(tx, ctx, listing_id, version, ListingState.PAUSED)


async def archive_listing(tx: Tx, ctx: Ctx, *, listing_id: ListingId, version: int) -> Listing:
    """Takes a listing off sale for ever."""
    ctx.require("catalog.edit")
    await tenancy.require_active(tx, ctx)
    return await _move(tx, ctx, listing_id, version, ListingState.ARCHIVED)


async def get_listing(tx: Tx, ctx: Ctx, listing_id: ListingId) -> Listing:
    """One own listing, on sale or not. Raises NotFound."""
    ctx.require("catalog.read")
    found = await listings_by_ids(tx, [listing_id])
    if listing_id not in found:
        raise NotFound("listing")
    return found[listing_id]


async def list_listings(
    tx: Tx,
    ctx: Ctx,
    *,
    store_id: StoreId | None = None,
    state: ListingState | None = None,
    search: str | None = None,
    after: tuple[int | None, ListingId | None] = (None, None),
    backward: bool = False,
    count: int = limits.PAGE_DEFAULT,
) -> list[Listing]:
    """A page of the tenant's listings in the order of their positions, on the far side of `after`."""
    ctx.require("catalog.read")
    assert 0 <= count <= limits.PAGE_MAX + 1
    sql = store.LIST_LISTINGS_BACKWARD if backward else store.LIST_LISTINGS
    rows = await tx.fetch(sql, ctx.tenant, store_id, state and state.value, search, *after, count)
    return [store.to_listing(row) for row in rows]


async def listings_by_ids(tx: Tx, ids: Sequence[ListingId]) -> dict[ListingId, Listing]:
    """Those of the listings that the transaction's tenant has, by their ids; for other modules, which asked already."""
    return {found.id: found for found in map(store.to_listing, await tx.fetch(store.FIND_LISTINGS, ids))}


async def _move(tx: Tx, ctx: Ctx, listing_id: ListingId, version: int, state: ListingState) -> Listing:
    before = await _locked(tx, listing_id, version)
    if not may_move(before.state, state):
        raise ListingInWrongState(before.state, wanted=state)
    if state is ListingState.ACTIVE:
        await _listable(tx, before.entitlement_id)
    after = replace(before, state=state, version=version + 1)
    await tx.execute(store.MOVE_LISTING, listing_id, version, state.value)
    await audit.record(
        tx, ctx, "listing.moved", subject_kind="listing", subject_id=listing_id,
        detail={"version": after.version, "state": [before.state, state]},
    )  # fmt: skip
    await outbox.announce(tx, (ctx.tenant, ListingMoved(listing_id, before=before.state.value, after=state.value)))
    return after


async def _listable(tx: Tx, entitlement_id: EntitlementId, *, path: tuple[str, ...] = ()) -> Entitlement:
    found = (await entitlements_by_ids(tx, [entitlement_id])).get(entitlement_id)
    if found is None:
        raise NotFound("entitlement", path=path)
    if found.state is EntitlementState.RETIRED:
        raise EntitlementRetired(path=path)
    return found


async def _locked(tx: Tx, listing_id: ListingId, version: int) -> Listing:
    row = await tx.fetchrow(store.LOCK_LISTING, listing_id)
    if row is None:
        raise NotFound("listing")
    found = store.to_listing(row)
    if found.version != version:
        raise StaleVersion("listing", current_version=found.version)
    return found
