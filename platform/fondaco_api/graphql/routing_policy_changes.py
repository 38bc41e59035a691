"""Mutations of routing policies: what a merchant orders its sources by."""

from typing import Annotated

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.routing_policies import RoutingPolicy
from fondaco_api.graphql.scalars import MoneyInput
from fondaco_api.graphql.supply_offers import Offer
from fondaco_api.graphql.transaction import mutation
from fondaco_core import tenancy
from fondaco_core.db import Tx
from fondaco_core.ids import ListingId, OfferId
from fondaco_tenants import routing
from fondaco_tenants.routing import Policy


@strawberry.input(description="What SCORE counts against a source: each from 0 to 1,000, and one of them above 0.")
class RoutingPointsInput:
    """The four weights of a score."""

    cost: int = strawberry.field(default=0, description="For a minor unit of cost, such as a cent.")
    health: int = strawberry.field(default=0, description="For a point of health that it lacks of 1,000.")
    expiry: int = strawberry.field(default=0, description="For a day until its first code expires.")
    priority: int = strawberry.field(default=0, description="For a step of priority.")


@strawberry.input(description="A routing policy, whole: what is left out is as the merchant's default says.")
class SetRoutingPolicyInput:
    """Whose policy, and what it says."""

    listing_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The listing whose sources it orders. Without this and `offerId` it is the merchant's default.",
    )
    offer_id: strawberry.ID | None = strawberry.field(
        default=None, description="The offer of yours whose sources it orders. Not beside `listingId`."
    )
    kind: Policy | None = strawberry.field(
        default=None, description="What sources are ordered by; null: as the default says, and of the default PRIORITY."
    )
    points: RoutingPointsInput | None = strawberry.field(
        default=None, description="What SCORE counts; needed for it, and refused beside any other."
    )
    margin_bps: int | None = strawberry.field(
        default=None,
        description="The margin that is to stay by the price, in basis points, 0 to 10,000; null: as the default says.",
    )
    margin: MoneyInput | None = strawberry.field(
        default=None,
        description="The margin that is to stay of each unit, in the currency of the listing or offer; not of the default.",
    )


@strawberry.type(description="The policy as it is now.")
class SetRoutingPolicySuccess:
    """The result."""

    routing: RoutingPolicy = strawberry.field(description="What holds now.")


@strawberry.type
class Mutation:
    """Ordering a merchant's sources."""

    @mutation(refusals=[tenancy.TenantNotActive])
    async def set_routing_policy(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[SetRoutingPolicyInput, strawberry.argument(description="The policy.")],
    ) -> SetRoutingPolicySuccess:
        """Says what the sources of a listing, of an offer, or of all without a policy of their own are ordered by, and which margin stays.

        Needs `catalog.edit` for a listing, `supply.edit` for an offer, and both for the default.
        """
        listing = None if input.listing_id is None else key_of(input.listing_id, Listing, path=("listing_id",))
        offer = None if input.offer_id is None else key_of(input.offer_id, Offer, path=("offer_id",))
        points = input.points
        row = await routing.set_routing_policy(
            tx,
            info.context.ctx,
            listing_id=None if listing is None else ListingId(listing),
            offer_id=None if offer is None else OfferId(offer),
            policy=input.kind,
            points=None
            if points is None
            else routing.Points(points.cost, points.health, points.expiry, points.priority),
            margin_bps=input.margin_bps,
            margin=None if input.margin is None else input.margin.read(path=("margin",)),
        )
        return SetRoutingPolicySuccess(routing=RoutingPolicy(row=row))
