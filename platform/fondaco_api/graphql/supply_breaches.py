"""Breaches of minimum resale prices in the schema, as the supplier sees them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.node import global_id
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.scalars import Money
from fondaco_api.graphql.supply import Partner, load_partners
from fondaco_api.graphql.supply_offers import Offer, load_offers
from fondaco_tenants import routing


@strawberry.type(
    description="A reseller's listing that asks less for a unit than your offer allows that fills it. It is told once, and over when the "
    "listing asks enough, is not on sale any more, or is not filled from the offer."
)
class ResaleBreach:
    """A breach as it was found."""

    row: strawberry.Private[routing.ResaleBreach]

    @strawberry.field(description="Your offer.")
    async def offer(self, info: Info) -> Offer | None:
        return await info.context.loaders.load(load_offers, self.row.offer_id)

    @strawberry.field(description="The reseller.")
    async def reseller(self, info: Info) -> Partner | None:
        return await info.context.loaders.load(load_partners, self.row.reseller_id)

    @strawberry.field(
        description="What it sells: a `Listing`, which `listing(id:)` shows as buyers see it while it is on sale."
    )
    def listing_id(self) -> strawberry.ID:
        return strawberry.ID(global_id("Listing", self.row.listing_id))

    @strawberry.field(description="What a unit cost its buyers when it was found.")
    def asked(self) -> Money:
        return Money.of(self.row.asked)

    @strawberry.field(description="The least that the offer allowed then.")
    def least(self) -> Money:
        return Money.of(self.row.least)

    @strawberry.field(description="When it was found.")
    def found_at(self) -> datetime:
        return self.row.found_at

    @strawberry.field(description="When it was found to be over; null while it goes on.")
    def ended_at(self) -> datetime | None:
        return self.row.ended_at


@strawberry.type
class MerchantFields:
    """What a supplier sees of its resellers' prices."""

    @strawberry.field(description="Which resellers ask less than your offers allow, newest first. Needs `supply.read`.")
    async def resale_breaches(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        *,
        ended: Annotated[bool, strawberry.argument(description="Also those that are over.")] = False,
    ) -> Connection[ResaleBreach]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with info.context.reading() as tx:
            rows = await routing.list_breaches(
                tx, info.context.ctx, ended=ended, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=lambda row: ResaleBreach(row=row))
