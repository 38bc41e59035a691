"""Why an order of a listing is filled from where it is, in the schema; for the merchant only, and of its own step alone."""

from typing import Annotated

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.routing import Source
from fondaco_api.graphql.routing_policies import RoutingPolicy, load_policies_of_listings
from fondaco_api.graphql.scalars import BigInt, Money
from fondaco_api.graphql.supply import Partner, load_partners
from fondaco_core import limits
from fondaco_core.db import trading
from fondaco_core.ids import ListingId
from fondaco_tenants import orders
from fondaco_tenants.orders import Verdict

described(
    Verdict,
    "What becomes of a source when an order is routed.",
    name="RouteVerdict",
    TAKEN="Units come from it.",
    NEXT="It is not needed, and would be tried if more units were asked for.",
    DISABLED="It is switched off.",
    PAUSED="It is paused, or is being tried again and has its first few units; its `state` says why and until when.",
    DAY_UNITS="As many units have come from it today as you have bounded it by.",
    OFFER_WITHDRAWN="Its supplier does not offer it any more, or not in the listing's currency.",
    SUPPLIER_INACTIVE="Its supplier does not trade now.",
    NO_AGREEMENT="You have no agreement in force with its supplier.",
    NO_PRICE="It has no price for your tier now.",
    ABOVE_MAX_COST="It costs more than you have bounded its cost by.",
    BELOW_COST="It costs more than you are left with of your own price after the platform's fee, and you have not allowed that.",
    BELOW_MARGIN="It leaves you less than the margin that you want to stay, and you have not allowed that.",
    QUOTA="You have bought as much from its supplier as your agreement allows for now.",
    FUNDS="Neither your wallet nor what you may owe its supplier pays for a unit.",
    OUT_OF_STOCK="There is nothing in the pool that can be sold.",
    UNAVAILABLE="Its supplier cannot deliver, or not as many; why is not told.",
)


@strawberry.type(description="A source of a listing, and what an order that is paid at once would make of it now.")
class ExplainedSource:
    """A candidate as it was looked at."""

    row: strawberry.Private[orders.ExplainedSource]

    @strawberry.field(description="The source.")
    def source(self) -> Source:
        return Source.of(self.row.source)

    @strawberry.field(description="The supplier; null for an own pool, or when you may not see supply.")
    async def supplier(self, info: Info) -> Partner | None:
        key = self.row.supplier_id
        if key is None or not info.context.ctx.has("supply.read"):
            return None
        return await info.context.loaders.load(load_partners, key)

    @strawberry.field(description="What becomes of it.")
    def verdict(self) -> Verdict:
        return self.row.verdict

    @strawberry.field(
        description="How many units come from it; 0 unless it is TAKEN. Null, as its cost is, where the number would say how much a supplier "
        "has that does not tell."
    )
    def units(self) -> int | None:
        return self.row.units

    @strawberry.field(
        description="What a unit of a supplier's offer costs you, as many as are taken or would be; null for an own pool, whose batches "
        "say what they cost, or without a price."
    )
    def unit_cost(self) -> Money | None:
        return None if self.row.unit_cost is None else Money.of(self.row.unit_cost)

    @strawberry.field(
        description="What the listing's policy orders it by, the least first: its priority; a unit's cost in minor units; 1,000 less its "
        "health; when its first code expires, in seconds since 1970; its points; of WEIGHTED the units that it has had. Null where it has "
        "none, and where it would say when a supplier's codes expire."
    )
    def rank(self) -> BigInt | None:
        return None if self.row.rank is None else BigInt(self.row.rank)

    @strawberry.field(
        description="What you are left with of a unit after the platform's fee and what it costs you; negative when you lose by it. "
        "Null where there is no unit cost."
    )
    def unit_margin(self) -> Money | None:
        return None if self.row.unit_margin is None else Money.of(self.row.unit_margin)


@strawberry.type(description="Where an order of a listing that is paid at once would be filled from now.")
class ExplainedRoute:
    """The candidates as they were looked at."""

    units: int | None = strawberry.field(
        description="How many units all sources together would bring; the order is refused when it is fewer than it asks for. Null when it is, "
        "and a supplier is among them that does not tell how much it has."
    )
    listing_id: strawberry.Private[ListingId]

    @strawberry.field(description="What the listing's sources are ordered by, and the margin that is to stay.")
    async def routing(self, info: Info) -> RoutingPolicy:
        found = await info.context.loaders.load(load_policies_of_listings, self.listing_id)
        assert found is not None
        return found

    sources: list[ExplainedSource] = strawberry.field(
        description="Every source of the listing in the order in which they are tried, at most 50."
    )


@strawberry.type
class MerchantFields:
    """How a merchant's own orders are routed."""

    @strawberry.field(
        description="Where an order of one of your listings would be filled from now, and why: every source in the order in which they "
        "are tried. What lies behind a supplier's offer is not told. Null when you have no such listing. Needs `catalog.read`."
    )
    async def explain_route(
        self,
        info: Info,
        listing_id: Annotated[strawberry.ID, strawberry.argument(description="The listing, in whatever state.")],
        quantity: Annotated[
            int, strawberry.argument(description=f"How many units one order asks for, 1 to {limits.HOLD_CODES_MAX}.")
        ] = 1,
    ) -> ExplainedRoute | None:
        ctx, key = info.context.ctx, ListingId(key_of(listing_id, Listing, path=("listing_id",)))
        async with trading(ctx, read_only=True) as tx:
            found = await orders.explain_route(tx, ctx, listing_id=key, quantity=quantity)
        return ExplainedRoute(
            listing_id=key, units=found.units, sources=[ExplainedSource(row=row) for row in found.sources]
        )
