"""How much there is of what other merchants fill, in a trading transaction that only reads: nothing but a number or a band leaves it.

Whoever may see a listing may ask whether there is any of it, as in the storefront: how much of it is told is the door's business.
Of an offer its supplier's tier says how much of its stock is told, to whoever sells it on as well: what a merchant is told of its own
listings and offers is as exact as what all suppliers on the way tell, and its partners and buyers are not told more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from fondaco_core import clock, limits
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import ListingId, OfferId, PoolId, TenantId, TierId
from fondaco_tenants import routing
from fondaco_tenants.orders import store_stock
from fondaco_tenants.orders.rules.stock import Head, Openness, Told, tell_units
from fondaco_tenants.orders.service.quote import route_of
from fondaco_tenants.routing import StockNow
from fondaco_tenants.storefront import StockClass, stock_class
from fondaco_tenants.supply import StockView

_OPENNESS = {StockView.EXACT: Openness.EXACT, StockView.BANDED: Openness.BANDED, StockView.HIDDEN: Openness.HIDDEN}


async def stock_over_others(
    tx: Tx, listing_ids: Sequence[ListingId], *, up_to: int = limits.STOCK_SEEN_MAX
) -> dict[ListingId, int]:
    """How many units of each of these listings are seen, of those that one order could take now from all of its sources, up to `up_to`."""
    return {key: told.seen for key, told in (await stock_told_over_others(tx, listing_ids, up_to=up_to)).items()}


async def stock_told_over_others(tx: Tx, listing_ids: Sequence[ListingId], *, up_to: int) -> dict[ListingId, Told]:
    """The same with the number, where all suppliers on the way tell it; exact up to `up_to`."""
    rows = await tx.fetch(store_stock.OF_LISTINGS, list(listing_ids), clock.now(), up_to)
    return {ListingId(key): _count(same, up_to) for key, same in _by_head(rows)}


class Page(NamedTuple):
    """How much of a page was news, and where the next one begins; None after the last."""

    told: int
    last: Any


@dataclass(frozen=True, slots=True)
class SeenOffer:
    """An offer as somebody sees it: by which tier, and what a single unit costs."""

    offer_id: OfferId
    tier_id: TierId
    price_minor: int


@dataclass(frozen=True, slots=True)
class SeenStock:
    """What is told of the stock behind an offer: how many units, or much, little or nothing, or only whether there is any."""

    view: StockView
    available: bool
    units: int | None
    stock_class: StockClass | None


async def stock_seen_of_offers(tx: Tx, ctx: Ctx, offers: Sequence[SeenOffer]) -> dict[OfferId, SeenStock]:
    """What is told of the stock behind offers that the asker sees, as the tier says by which it sees them; one statement."""
    ctx.require("supply.read")
    return await _seen(tx, offers, up_to=limits.STOCK_EXACT_MAX)


async def _seen(tx: Tx, offers: Sequence[SeenOffer], *, up_to: int) -> dict[OfferId, SeenStock]:
    columns = zip(*((each.offer_id, each.tier_id, each.price_minor) for each in offers), strict=True)
    rows = await _rows_of_offers(tx, *columns, up_to=up_to)
    return {
        OfferId(key): _told(StockView(same[0]["stock_view"]), _count(same, up_to))
        for key, same in _by_head(rows)
        if same[0]["stock_view"] is not None
    }


async def stock_of_own_offers(
    tx: Tx, ctx: Ctx, offer_ids: Sequence[OfferId], *, up_to: int = limits.STOCK_EXACT_MAX
) -> dict[OfferId, int | None]:
    """How many units each of the tenant's own offers has behind it for whoever pays most for it, exact up to `up_to`.

    None where a supplier of its own does not tell how much it has.
    """
    ctx.require("supply.read")
    nothing = [None] * len(offer_ids)
    rows = await _rows_of_offers(tx, offer_ids, nothing, nothing, up_to=up_to)
    return {
        OfferId(key): _count(same, up_to).units for key, same in _by_head(rows) if same[0]["tenant_id"] == ctx.tenant
    }


async def tell_of_listings(tx: Tx, ctx: Ctx, *, tenant_id: TenantId, after: ListingId | None) -> Page:
    """Tells a merchant what has changed of the stock of its next listings on sale; in a transaction as fondaco_platform."""
    ctx.require("system.run")
    rows = await tx.fetch(store_stock.ON_SALE, tenant_id, after, limits.STOCK_TOLD_AT_ONCE)
    ids = [ListingId(row["id"]) for row in rows]
    found = await stock_told_over_others(tx, ids, up_to=limits.STOCK_TOLD_MAX) if ids else {}
    now = [
        StockNow(id_, None, told.seen > 0, told.units, stock_class(told.seen, low_stock_at=0).value)
        for id_, told in found.items()
    ]
    news = await routing.tell_stock(tx, ctx, tenant_id=tenant_id, found=now)
    return Page(news, ids[-1] if len(ids) == limits.STOCK_TOLD_AT_ONCE else None)


async def tell_of_offers(tx: Tx, ctx: Ctx, *, tenant_id: TenantId, after: OfferId | None) -> Page:
    """Tells a merchant what has changed of the stock behind the next offers that it may buy, as its tiers say; as fondaco_platform."""
    ctx.require("system.run")
    rows = await tx.fetch(store_stock.OFFERED, tenant_id, after, limits.STOCK_TOLD_AT_ONCE, clock.now())
    seen = [SeenOffer(OfferId(row["id"]), TierId(row["tier_id"]), row["price_minor"]) for row in rows]
    found = await _seen(tx, seen, up_to=limits.STOCK_TOLD_MAX) if seen else {}
    now = [
        StockNow(
            None, id_, stock.available, stock.units, None if stock.stock_class is None else stock.stock_class.value
        )
        for id_, stock in found.items()
    ]
    told = await routing.tell_stock(tx, ctx, tenant_id=tenant_id, found=now)
    return Page(told, seen[-1].offer_id if len(seen) == limits.STOCK_TOLD_AT_ONCE else None)


async def _rows_of_offers(
    tx: Tx,
    offer_ids: Sequence[OfferId],
    tier_ids: Sequence[TierId | None],
    prices: Sequence[int | None],
    *,
    up_to: int,
) -> list[Any]:
    return await tx.fetch(store_stock.OF_OFFERS, list(offer_ids), clock.now(), up_to, list(tier_ids), list(prices))


def _told(view: StockView, told: Told) -> SeenStock:
    # Nobody tells more than it is told itself.
    if view is StockView.EXACT and told.units is None:
        view = StockView.BANDED
    return SeenStock(
        view=view,
        available=told.seen > 0,
        units=told.units if view is StockView.EXACT else None,
        stock_class=None if view is StockView.HIDDEN else stock_class(told.seen, low_stock_at=0),
    )


def _by_head(rows: Sequence[Any]) -> list[tuple[Any, list[Any]]]:
    return [(key, list(same)) for key, same in groupby(rows, key=lambda row: row["id"])]


def _count(rows: Sequence[Mapping[str, Any]], up_to: int) -> Told:
    """What is told of the units that there are of a head, of which each row is a way down; one row without a pool where there is none."""
    head = Head(TenantId(rows[0]["tenant_id"]), rows[0]["price_minor"], rows[0]["currency"], rows[0]["fee_bps"])
    ways = [row for row in rows if row["pool_id"] is not None]
    available = {PoolId(row["pool_id"]): row["available"] for row in ways}
    routes = [
        (route_of(row), max((_OPENNESS[StockView(view)] for view in row["views"] or ()), default=Openness.EXACT))
        for row in ways
    ]
    return tell_units(head, routes, available, low_below=limits.STOCK_LOW_BELOW, up_to=up_to)
