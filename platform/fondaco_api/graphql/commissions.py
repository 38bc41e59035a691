"""Commissions in the schema: what a merchant gets for resellers that it brought, and pays for those that others brought."""

from datetime import datetime
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.scalars import Money
from fondaco_api.graphql.supply import Partner, load_partners
from fondaco_tenants import orders


@strawberry.type(
    description="Your side of the commission of one sale, or of what was refunded of it; it counts in a payout when the sale does."
)
class Commission:
    """A commission as it was read."""

    row: strawberry.Private[orders.Commission]

    @strawberry.field(description="The supplier that pays you, or the reseller that you pay.")
    async def partner(self, info: Info) -> Partner | None:
        return await info.context.loaders.load(load_partners, self.row.partner_id)

    @strawberry.field(description="1 for who brought the reseller, 2 for who brought that one, and so on.")
    def level(self) -> int:
        return self.row.level

    @strawberry.field(description="Above zero what you get, below it what you pay.")
    def amount(self) -> Money:
        return Money.of(self.row.amount)

    @strawberry.field(description="Whether it goes back, since units of the sale were refunded.")
    def refunded(self) -> bool:
        return self.row.refunded

    @strawberry.field(description="When the sale was paid, or refunded.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="From when on a payout counts it.")
    def due_at(self) -> datetime:
        return self.row.due_at

    @strawberry.field(description="When a payout counted it; null while it waits.")
    def settled_at(self) -> datetime | None:
        return self.row.settled_at


@strawberry.type
class MerchantFields:
    """What a merchant gets and pays for resellers that were brought."""

    @strawberry.field(description="Commission that you get or pay, newest first. Needs `supply.read`.")
    async def commissions(self, info: Info, first: First = None, after: After = None) -> Connection[Commission]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with info.context.reading() as tx:
            rows = await orders.list_commissions(tx, info.context.ctx, after=page.bound(1)[0], count=page.limit)
        return connect(page, rows, key=lambda row: (row.id,), make=lambda row: Commission(row=row))
