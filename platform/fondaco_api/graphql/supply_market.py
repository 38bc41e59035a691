"""Other merchants' offers in the schema: the market, and what one's suppliers offer one at one's own price."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.catalog import Entitlement, load_entitlements, words
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Connection, First, Page, connect, read_page, write_cursor
from fondaco_api.graphql.scalars import CurrencyCode, Money, MoneyInput
from fondaco_api.graphql.stock import load_seen_stock
from fondaco_api.graphql.supply import Partner, load_partners
from fondaco_api.graphql.supply_agreements import Agreement, load_agreements
from fondaco_api.graphql.supply_offers import PriceList
from fondaco_api.graphql.supply_scorecards import Scorecard, load_scorecards
from fondaco_core import limits
from fondaco_core.ids import EntitlementId, OfferId, TenantId
from fondaco_tenants import orders, supply
from fondaco_tenants.storefront import StockClass
from fondaco_tenants.supply import OfferState, StockView


async def load_seen_offers(context: Context, ids: list[OfferId]) -> "list[SupplyOffer | None]":
    """Offers as the viewer's merchant may see others', by their ids."""
    if not context.ctx.has("supply.read") or context.ctx.tenant_id is None:
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await supply.offers_by_ids(tx, context.ctx, ids)
    return [SupplyOffer.of(found[id_]) if id_ in found else None for id_ in ids]


def seen_by(row: supply.MarketOffer) -> orders.SeenOffer | None:
    """By which tier somebody sees the stock behind an offer; None when there is nothing to buy at any price."""
    if row.prices is None or row.offer.state is not OfferState.PUBLISHED:
        return None
    return orders.SeenOffer(row.offer.id, row.prices.tier_id, row.prices.breaks[0].unit_price.amount_minor)


@strawberry.type(
    description="What is told of the stock behind an offer, as the supplier's tier says by which you see it: what its supplier can "
    "deliver now, whatever you can pay for."
)
class OfferStock:
    """The stock behind an offer, as much as is told of it."""

    view: StockView = strawberry.field(description="How much is told.")
    available: bool = strawberry.field(description="Whether there is any.")
    units: int | None = strawberry.field(
        description="How many units there are, exact up to 100,000; null unless the view is EXACT."
    )
    stock_class: StockClass | None = strawberry.field(
        description="Whether there is much, little or nothing; null when the view is HIDDEN."
    )


@strawberry.type(
    description="An offer as other merchants see it: what it is, and what it costs you. Where it comes from, what others pay "
    "and what it costs its supplier is not told. Of your own offers it is how the market sees them."
)
class SupplyOffer(Node):
    """An offer as somebody sees it who is not its owner."""

    row: strawberry.Private[supply.MarketOffer]

    @classmethod
    def of(cls, row: supply.MarketOffer) -> "SupplyOffer":
        """The schema's form of an offer that is seen from outside."""
        return cls(key=row.offer.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "SupplyOffer | None":
        """The offer, for who may see supply of a merchant to which it is offered, and of its owner."""
        return await context.loaders.load(load_seen_offers, OfferId(key))

    @strawberry.field(description="What it is.")
    async def entitlement(self, info: Info) -> Entitlement:
        found = await info.context.loaders.load(load_entitlements, self.row.offer.entitlement_id)
        assert found is not None
        return Entitlement.of(found)

    @strawberry.field(description="Who offers it.")
    async def supplier(self, info: Info) -> Partner | None:
        return await info.context.loaders.load(load_partners, self.row.offer.tenant_id)

    @strawberry.field(description="What its supplier calls it.")
    def title(self) -> str:
        return self.row.offer.terms.title

    @strawberry.field(description="The currency of all of its prices.")
    def currency(self) -> CurrencyCode:
        return CurrencyCode(self.row.offer.currency)

    @strawberry.field(description="The least that your store may ask for a unit of it; null: whatever you like.")
    def min_resale(self) -> Money | None:
        least = self.row.offer.terms.min_resale
        return None if least is None else Money.of(least)

    @strawberry.field(
        description="Your agreement with its supplier, or the request that waits for an answer; null without one."
    )
    async def agreement(self, info: Info) -> Agreement | None:
        id_ = self.row.agreement_id
        return None if id_ is None else await info.context.loaders.load(load_agreements, id_)

    @strawberry.field(
        description="What it costs you: by your tier where you have an agreement, else what you would begin with. Null when it "
        "has no such price now."
    )
    def prices(self) -> PriceList | None:
        return None if self.row.prices is None else PriceList(row=self.row.prices)

    @strawberry.field(description="What it is going to cost you next, as far as that is set; null when no change is.")
    def coming_prices(self) -> PriceList | None:
        return None if self.row.coming is None else PriceList(row=self.row.coming)

    @strawberry.field(description="What each unit costs you when you take so many; null when it has no price for you.")
    def unit_price(
        self,
        quantity: Annotated[int, strawberry.argument(description="How many units, at least 1.")] = 1,
    ) -> Money | None:
        if self.row.prices is None or quantity < 1:
            return None
        price = supply.unit_price(self.row.prices, quantity)
        return None if price is None else Money.of(price)

    @strawberry.field(
        description="What is told of the stock behind it; null when it has no price for you, or is not published."
    )
    async def stock(self, info: Info) -> OfferStock | None:
        asked = seen_by(self.row)
        found = None if asked is None else await info.context.loaders.load(load_seen_stock, asked)
        if found is None:
            return None
        return OfferStock(view=found.view, available=found.available, units=found.units, stock_class=found.stock_class)

    @strawberry.field(description="How it does, whatever it is filled from.")
    async def scorecard(self, info: Info) -> Scorecard | None:
        found = await info.context.loaders.load(load_scorecards, self.row.offer.id)
        return (
            None if found is None else Scorecard(row=found, own=self.row.offer.tenant_id == info.context.ctx.tenant_id)
        )

    @strawberry.field(description="When it was last published; null for an own one that never was.")
    def published_at(self) -> datetime | None:
        return self.row.offer.published_at

    @strawberry.field(
        description="Whether you may buy it now: by an agreement in force, at a price that holds, while it is published."
    )
    def viewer_can_buy(self) -> bool:
        return self.row.open_


OfEntitlement = Annotated[
    strawberry.ID | None, strawberry.argument(description="Only what is offered of this entitlement.")
]
OfSupplier = Annotated[strawberry.ID | None, strawberry.argument(description="Only what this merchant offers.")]
Search = Annotated[
    str | None,
    strawberry.argument(
        description="Part of a title, of an entitlement's brand, name or SKU, or of a supplier's name."
    ),
]
MaxPrice = Annotated[
    MoneyInput | None,
    strawberry.argument(description="Only those in this currency of which a single unit costs you no more."),
]
MinHealth = Annotated[
    int | None,
    strawberry.argument(
        description="Only those whose scorecard's health is no less, from 0 to 1,000; what nobody has bought yet has 800."
    ),
]
OfStock = Annotated[
    list[StockClass] | None,
    strawberry.argument(
        description="Only those whose stock is one of these now, as far as you are told of it: of what is hidden IN_STOCK or OUT. Looked at "
        "offer by offer, so that a page may be shorter than you asked for while another one follows."
    ),
]
Read = Callable[..., Awaitable[list[supply.MarketOffer]]]


async def _page(
    info: Info, read: Read, page: Page, stock: list[StockClass] | None, filters: supply.MarketFilters
) -> Connection[SupplyOffer]:
    if stock is not None:
        return await _page_in_stock(info, read, page, frozenset(stock), filters)
    async with info.context.reading() as tx:
        rows = await read(tx, info.context.ctx, after=page.bound(1)[0], count=page.limit, **filters)
    return connect(page, rows, key=lambda row: (row.offer.id,), make=SupplyOffer.of)


async def _page_in_stock(
    info: Info, read: Read, page: Page, wanted: frozenset[StockClass], filters: supply.MarketFilters
) -> Connection[SupplyOffer]:
    """A page of what has such a stock; it ends, unfinished, where enough were looked at."""
    kept: list[supply.MarketOffer] = []
    at, is_last = page.bound(1)[0], False
    for _ in range(limits.MARKET_ROUNDS_MAX):
        async with info.context.reading() as tx:
            rows = await read(tx, info.context.ctx, after=at, count=limits.PAGE_MAX, **filters)
        asked = [(row, offer) for row in rows if (offer := seen_by(row)) is not None]
        seen = await info.context.loaders.load_many(load_seen_stock, [offer for _, offer in asked])
        kept += [row for (row, _), told in zip(asked, seen, strict=True) if told and _class_of(told) in wanted]
        is_last = len(rows) < limits.PAGE_MAX
        at = rows[-1].offer.id if rows else at
        if is_last or len(kept) >= page.limit:
            break
    found = connect(page, kept[: page.limit], key=lambda row: (row.offer.id,), make=SupplyOffer.of)
    if not is_last and len(kept) < page.limit:
        found.page_info.has_next_page, found.page_info.end_cursor = True, write_cursor((at,))
    return found


def _class_of(seen: orders.SeenStock) -> StockClass:
    """The class of a stock, as much as is told of it: of what is hidden, plenty or nothing."""
    return seen.stock_class or (StockClass.IN_STOCK if seen.available else StockClass.OUT)


def _filters(
    entitlement_id: str | None,
    supplier_id: str | None,
    search: str | None,
    max_price: MoneyInput | None,
    min_health: int | None,
) -> supply.MarketFilters:
    entitlement = None if entitlement_id is None else key_of(entitlement_id, Entitlement, path=("entitlement_id",))
    supplier = None if supplier_id is None else key_of(supplier_id, Partner, path=("supplier_id",))
    return {
        "entitlement_id": None if entitlement is None else EntitlementId(entitlement),
        "supplier_id": None if supplier is None else TenantId(supplier),
        "text": words(search),
        "max_price": None if max_price is None else max_price.read(path=("max_price",)),
        "min_health": min_health,
    }


@strawberry.type
class Query:
    """What merchants offer each other."""

    @strawberry.field(
        description="What other merchants offer to all who trade here, newest first: ask its supplier for an agreement to buy "
        "it. Needs `supply.read`."
    )
    async def supply_market(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        entitlement_id: OfEntitlement = None,
        supplier_id: OfSupplier = None,
        search: Search = None,
        max_price: MaxPrice = None,
        min_health: MinHealth = None,
        stock: OfStock = None,
    ) -> Connection[SupplyOffer]:
        return await _page(
            info,
            supply.search_market,
            read_page(first, after, None, None, keys=(UUID,)),
            stock,
            _filters(entitlement_id, supplier_id, search, max_price, min_health),
        )


@strawberry.type
class MerchantFields:
    """What a merchant's suppliers offer it."""

    @strawberry.field(
        description="What you may buy now from your suppliers, each at your own price; newest first. Needs `supply.read`."
    )
    async def supply_offers(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        entitlement_id: OfEntitlement = None,
        supplier_id: OfSupplier = None,
        search: Search = None,
        max_price: MaxPrice = None,
        min_health: MinHealth = None,
        stock: OfStock = None,
    ) -> Connection[SupplyOffer]:
        return await _page(
            info,
            supply.list_offered,
            read_page(first, after, None, None, keys=(UUID,)),
            stock,
            _filters(entitlement_id, supplier_id, search, max_price, min_health),
        )
