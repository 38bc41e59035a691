"""Following stock in the schema: own listings, and suppliers' offers as far as their tiers tell of them."""

from asyncio import sleep
from collections.abc import AsyncGenerator
from typing import Annotated, Any
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.errors import ApiError
from fondaco_api.graphql.listings import Listing, is_owner, load_listings, load_stock
from fondaco_api.graphql.node import read_global_id
from fondaco_api.graphql.stock import load_seen_stock, load_stock_over_others
from fondaco_api.graphql.supply_market import SupplyOffer, load_seen_offers, seen_by
from fondaco_core import limits
from fondaco_core.ids import ListingId, OfferId


@strawberry.type(description="Something whose stock is followed, as it is now: one of the two.")
class StockChange:
    """One event."""

    listing: Listing | None = strawberry.field(description="Your listing; null of an offer.")
    offer: SupplyOffer | None = strawberry.field(description="Your supplier's offer; null of a listing.")


def _parts(ids: list[strawberry.ID]) -> tuple[list[ListingId], list[OfferId]]:
    read = [read_global_id(text) for text in dict.fromkeys(ids)]
    listings = [ListingId(named[1]) for named in read if named is not None and named[0] is Listing]
    offers = [OfferId(named[1]) for named in read if named is not None and named[0] is SupplyOffer]
    if not 1 <= len(read) <= limits.STOCK_FOLLOWED_MAX or len(listings) + len(offers) < len(read):
        msg = f"Give the ids of 1 to {limits.STOCK_FOLLOWED_MAX} listings or offers."
        raise ApiError(msg)
    return listings, offers


async def _look(
    context: Context, listings: list[ListingId], offers: list[OfferId]
) -> dict[UUID, tuple[Any, StockChange]]:
    """What there is of each, by which a change is known, and the event that tells it."""
    loaders = context.loaders
    found = [each for each in await loaders.load_many(load_listings, listings) if each is not None]
    own = [each for each in found if is_owner(context.ctx, each.row.tenant_id)]
    seen = [each for each in await loaders.load_many(load_seen_offers, offers) if each is not None]
    if len(own) + len(seen) < len(listings) + len(offers):
        msg = "There is no such listing of yours, or no such offer for you."
        raise ApiError(msg)
    told: dict[UUID, tuple[Any, StockChange]] = {}
    for chained, load in ((False, load_stock), (True, load_stock_over_others)):
        some = [each for each in own if each.row.chained is chained]
        units = await loaders.load_many(load, [each.row.id for each in some])
        told |= {
            each.key: (count, StockChange(listing=each, offer=None)) for each, count in zip(some, units, strict=True)
        }
    asked = [seen_by(each.row) for each in seen]
    stock = iter(await loaders.load_many(load_seen_stock, [one for one in asked if one is not None]))
    for each, one in zip(seen, asked, strict=True):
        told[each.key] = (None if one is None else next(stock), StockChange(listing=None, offer=each))
    return told


@strawberry.type
class Subscription:
    """Following stock."""

    @strawberry.subscription(
        description="Listings of yours and offers of your suppliers, each now, and again whenever there is more or less of it than you "
        "were shown last; at most every 2 seconds."
    )
    async def stock_changed(
        self,
        info: Info,
        ids: Annotated[
            list[strawberry.ID],
            strawberry.argument(description="The ids of at most 100, each a `Listing` or a `SupplyOffer`."),
        ],
    ) -> AsyncGenerator[StockChange, None]:
        """Follows stock; holds no transaction between two looks."""
        listings, offers = _parts(ids)
        shown: dict[UUID, Any] = {}
        while True:
            # Whatever was read a moment ago is not what is true now.
            info.context.loaders.clear()
            for key, (count, change) in (await _look(info.context, listings, offers)).items():
                if key not in shown or shown[key] != count:
                    shown[key] = count
                    yield change
            await sleep(limits.STOCK_FOLLOW_S)
