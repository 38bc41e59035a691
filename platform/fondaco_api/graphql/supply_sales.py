"""What a merchant sold to its resellers and bought from its suppliers, in the schema: its own step of each sale, and no other."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Connection, First, Page, connect, read_page
from fondaco_api.graphql.scalars import Money
from fondaco_api.graphql.supply import Partner, load_partners
from fondaco_api.graphql.supply_market import SupplyOffer, load_seen_offers
from fondaco_api.graphql.supply_offers import Offer, load_offers
from fondaco_core.db import trading
from fondaco_core.ids import HopId, TenantId
from fondaco_tenants import orders
from fondaco_tenants.orders import AllocationState


async def load_units(context: Context, ids: list[HopId]) -> "list[list[SuppliedUnit]]":
    """The units of sales between merchants."""
    async with trading(context.ctx, read_only=True) as tx:
        found = await orders.units_of_resold(tx, context.ctx, ids)
    return [[SuppliedUnit(masked_code=each.masked, state=each.state) for each in found.get(id_, ())] for id_ in ids]


@strawberry.type(description="One unit that was sold between merchants, as its sale's two parties see it.")
class SuppliedUnit:
    """A unit as it was read."""

    masked_code: str | None = strawberry.field(
        description="Its code with all but the ends hidden; null where none is kept, as while it waits for one."
    )
    state: AllocationState = strawberry.field(description="How it stands.")


async def load_sales(context: Context, ids: list[HopId]) -> list[orders.Resold | None]:
    """What the asker's merchant sold to others, by ids."""
    return await _load(context, ids, sold=True)


async def load_purchases(context: Context, ids: list[HopId]) -> list[orders.Resold | None]:
    """What the asker's merchant bought from others, by ids."""
    return await _load(context, ids, sold=False)


async def _load(context: Context, ids: list[HopId], *, sold: bool) -> list[orders.Resold | None]:
    if context.ctx.tenant_id is None or not context.ctx.has("supply.read"):
        return [None for _ in ids]
    async with trading(context.ctx, read_only=True) as tx:
        found = await orders.resold_by_ids(tx, context.ctx, ids, sold=sold)
    return [found.get(id_) for id_ in ids]


@strawberry.type
class _Resold:
    """What both parties see of units that went from one to the other by one line of an order and one offer: a lot."""

    row: strawberry.Private[orders.Resold]

    @strawberry.field(
        description="The lot's number, which both parties see, such as LT-06EY-3K9P-X4QD-7M2C: a code that turns up where it should not be "
        "is traced by it (`traceLot`)."
    )
    def lot(self) -> str:
        return self.row.lot

    @strawberry.field(description="When it was paid.")
    def paid_at(self) -> datetime:
        return self.row.paid_at

    @strawberry.field(description="The other party: to whom you sold, or from whom you bought.")
    async def partner(self, info: Info) -> Partner | None:
        return await info.context.loaders.load(load_partners, self.row.partner_id)

    @strawberry.field(description="How many units.")
    def quantity(self) -> int:
        return self.row.units

    @strawberry.field(description="How many of them were given back.")
    def refunded_quantity(self) -> int:
        return self.row.refunded_units

    @strawberry.field(
        description="What each unit costs between the two of you; where some of them cost less than others, what they cost on average, "
        "rounded down."
    )
    def unit_price(self) -> Money:
        return Money.of(self.row.unit_price)

    @strawberry.field(description="What all of its units cost together.")
    def total(self) -> Money:
        return Money.of(self.row.amount)

    @strawberry.field(
        description="What of all units' price is owed by the buyer's credit line instead of having been paid."
    )
    def credit(self) -> Money:
        return Money.of(self.row.credit)

    @strawberry.field(description="From when the money is the supplier's own.")
    def settles_at(self) -> datetime:
        return self.row.settles_at

    @strawberry.field(description="When it became the supplier's own; null while it has not.")
    def settled_at(self) -> datetime | None:
        return self.row.settled_at

    @strawberry.field(
        description="Stands for who bought it in the end: always the same for the same buyer at the same store, different for every "
        "merchant that looks, and nothing that anybody can be found by."
    )
    def end_customer(self) -> str:
        return self.row.end_customer

    @strawberry.field(description="Its units, each with its code's mask and how it stands.")
    async def units(self, info: Info) -> list[SuppliedUnit]:
        return await info.context.loaders.load(load_units, self.row.id)


@strawberry.type(
    description="What your merchant sold to a reseller by one line of an order and one offer: a lot. Whose customer it was, and by which order, is the "
    "reseller's alone."
)
class SupplySale(Node, _Resold):
    """A sale as its supplier sees it."""

    @classmethod
    def of(cls, row: orders.Resold) -> "SupplySale":
        """The schema's form of a sale."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "SupplySale | None":
        """The lot, for the merchant that is this party to it."""
        row = await context.loaders.load(load_sales, HopId(key))
        return None if row is None else cls.of(row)

    @strawberry.field(description="What was sold.")
    async def offer(self, info: Info) -> Offer | None:
        return await info.context.loaders.load(load_offers, self.row.offer_id)

    @strawberry.field(description="The platform's fee, over all units; yours to bear.")
    def fee(self) -> Money:
        assert self.row.fee is not None
        return Money.of(self.row.fee)


@strawberry.type(description="What your merchant bought from a supplier for one line of an order.")
class SupplyPurchase(Node, _Resold):
    """A purchase as its reseller sees it."""

    @classmethod
    def of(cls, row: orders.Resold) -> "SupplyPurchase":
        """The schema's form of a purchase."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "SupplyPurchase | None":
        """The lot, for the merchant that is this party to it."""
        row = await context.loaders.load(load_purchases, HopId(key))
        return None if row is None else cls.of(row)

    @strawberry.field(description="What was bought; null when it is not offered to you any more.")
    async def supplier_offer(self, info: Info) -> SupplyOffer | None:
        return await info.context.loaders.load(load_seen_offers, self.row.offer_id)


OfPartner = Annotated[
    strawberry.ID | None, strawberry.argument(description="Only with this partner.", name="partnerId")
]
From = Annotated[datetime | None, strawberry.argument(description="Only what was paid from then on.", name="from")]
To = Annotated[datetime | None, strawberry.argument(description="Only what was paid before.", name="to")]


async def _page(
    info: Info, *, sold: bool, first: int | None, after: str | None, partner: str | None, since: datetime | None,
    until: datetime | None,
) -> tuple[Page, list[orders.Resold]]:  # fmt: skip
    page = read_page(first, after, None, None, keys=(UUID,))
    key = None if partner is None else TenantId(key_of(partner, Partner, path=("partner_id",)))
    bound = page.bound(1)[0]
    ctx = info.context.ctx
    async with trading(ctx, read_only=True) as tx:
        rows = await orders.list_resold(
            tx, ctx, sold=sold, partner_id=key, since=since, until=until, after=None if bound is None else HopId(bound),
            count=page.limit,
        )  # fmt: skip
    return page, rows


@strawberry.type
class MerchantFields:
    """A merchant's dealings with its partners."""

    @strawberry.field(description="What your merchant sold to its resellers, the latest first. Needs `supply.read`.")
    async def supply_sales(
        self, info: Info, *, first: First = None, after: After = None, partner_id: OfPartner = None, since: From = None, until: To = None
    ) -> Connection[SupplySale]:  # fmt: skip
        page, rows = await _page(
            info, sold=True, first=first, after=after, partner=partner_id, since=since, until=until
        )
        return connect(page, rows, key=lambda row: (row.id,), make=SupplySale.of)

    @strawberry.field(
        description="What your merchant bought from its suppliers, the latest first. Needs `supply.read`."
    )
    async def supply_purchases(
        self, info: Info, *, first: First = None, after: After = None, partner_id: OfPartner = None, since: From = None, until: To = None
    ) -> Connection[SupplyPurchase]:  # fmt: skip
        page, rows = await _page(
            info, sold=False, first=first, after=after, partner=partner_id, since=since, until=until
        )
        return connect(page, rows, key=lambda row: (row.id,), make=SupplyPurchase.of)
