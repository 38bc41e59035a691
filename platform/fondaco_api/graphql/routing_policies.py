"""Routing policies in the schema: what a merchant orders its sources by, and the margin that is to stay with it."""

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.scalars import Money
from fondaco_core.ids import ListingId, OfferId
from fondaco_tenants import routing
from fondaco_tenants.routing import Policy

described(
    Policy,
    "What the sources of a listing or an offer are ordered by; between equals priority decides, and then age.",
    name="RoutingPolicyKind",
    PRIORITY="Their priority.",
    CHEAPEST="What a unit costs you when so many are bought: a supplier's price for your tier; of an own pool, what its import said of "
    "the code that comes next, nothing in another currency.",
    HEALTHIEST="The health of the supplier's offer; an own pool has 1,000, and an offer that nobody has bought from 800.",
    FIRST_EXPIRING="When the first code expires that they lead to; what never expires comes last. Of suppliers you see the order alone.",
    WEIGHTED="Whose turn it is by their weights, unit by unit, so that each has had its share to the unit, once orders of the very same moment are made up for; at "
    "an offer, order by order. What one cannot give the others do, and it makes up for it once it can.",
    SCORE="The fewest points; see `RoutingPoints`.",
)


@strawberry.type(
    description="How many points SCORE counts for what, against a source: points = cost × (a unit's cost in minor units) + health × "
    "(1,000 − health) + expiry × (days until its first code expires, 36,500 without) + priority × (its priority)."
)
class RoutingPoints:
    """The four weights of a score."""

    cost: int = strawberry.field(description="For a minor unit of cost, such as a cent.")
    health: int = strawberry.field(description="For a point of health that it lacks of 1,000.")
    expiry: int = strawberry.field(description="For a day until its first code expires.")
    priority: int = strawberry.field(description="For a step of priority.")


@strawberry.type(
    description="What the sources of a listing, of an offer, or of whatever says nothing of its own are ordered by, and the margin that "
    "is to stay. Where a listing's source is a supplier's offer, the supplier orders what is behind it, and so on."
)
class RoutingPolicy:
    """A policy as it was read."""

    row: strawberry.Private[routing.RoutingPolicy]

    @strawberry.field(description="What sources are ordered by.")
    def kind(self) -> Policy:
        return self.row.effective

    @strawberry.field(
        description="Whether the merchant's default says so; true of the default itself while it was never set."
    )
    def inherited(self) -> bool:
        return self.row.policy is None

    @strawberry.field(description="What SCORE counts; null of any other.")
    def points(self) -> RoutingPoints | None:
        points = self.row.effective_points
        if points is None:
            return None
        return RoutingPoints(cost=points.cost, health=points.health, expiry=points.expiry, priority=points.priority)

    @strawberry.field(
        description="The least that is to stay with you of a sale by the price, in basis points, after the platform's fee and what the unit "
        "costs you; a source that leaves less is passed over unless it may go below cost. Of the two margins the greater counts."
    )
    def margin_bps(self) -> int:
        return self.row.effective_margin_bps

    @strawberry.field(description="The least that is to stay with you of each unit; null when nothing was said.")
    def margin(self) -> Money | None:
        row = self.row
        return None if row.margin_minor is None or row.currency is None else Money.minor(row.margin_minor, row.currency)


async def load_policies_of_listings(context: Context, ids: list[ListingId]) -> list[RoutingPolicy | None]:
    """The policies of the asker's own listings."""
    async with context.reading() as tx:
        found = await routing.policies_of_listings(tx, context.ctx, ids)
    return [RoutingPolicy(row=found[id_]) if id_ in found else None for id_ in ids]


async def load_policies_of_offers(context: Context, ids: list[OfferId]) -> list[RoutingPolicy]:
    """The policies of the asker's own offers."""
    async with context.reading() as tx:
        found = await routing.policies_of_offers(tx, context.ctx, ids)
    return [RoutingPolicy(row=found[id_]) for id_ in ids]


@strawberry.type
class MerchantFields:
    """What a merchant orders its sources by."""

    @strawberry.field(
        description="What the sources of those listings and offers are ordered by that say nothing of their own. Needs `catalog.read` or "
        "`supply.read`."
    )
    async def routing(self, info: Info) -> RoutingPolicy:
        async with info.context.reading() as tx:
            return RoutingPolicy(row=await routing.default_policy(tx, info.context.ctx))
