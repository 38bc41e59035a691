"""Which suppliers' offers had not as much as they could have sold for a line."""

from dataclasses import dataclass

from fondaco_core.ids import OfferId, SourceId, TenantId
from fondaco_tenants.orders.rules.plan import Spare, units_over
from fondaco_tenants.orders.rules.quote import Quote


@dataclass(frozen=True, slots=True)
class Shortage:
    """So many units of an offer that its buyer could have had, by this source of the buyer's, and that were not there."""

    buyer_id: TenantId
    source_id: SourceId
    offer_id: OfferId
    units: int


def shortages(quote: Quote, spare: Spare) -> list[Shortage]:
    """What each step's offer lacks, route by route in the order in which they are tried, until the line has all.

    An offer that another of its ways serves lacks nothing. What money, quota, price or the bound on a source that is probed keep back is
    no want of stock.
    """
    lacking: dict[tuple[TenantId, SourceId, OfferId], int] = {}
    missing, left = quote.quantity, spare.copy()
    for route in quote.routes:
        if not missing:
            break
        wanted = units_over(quote, route, missing, left)
        brought = units_over(quote, route, min(missing, left.pools.get(route.pool_id, 0)), left)
        if brought:
            left.take(quote, route, brought)
        missing -= brought
        buyer, source = quote.seller_id, route.source_id
        for leg in route.legs:
            lacking[buyer, source, leg.offer_id] = wanted - brought
            buyer, source = leg.seller_id, leg.source_id
    return [Shortage(buyer, source, offer, units) for (buyer, source, offer), units in lacking.items() if units > 0]
