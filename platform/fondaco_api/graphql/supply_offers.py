"""A merchant's own offers in the schema: what it offers other merchants, and what each of its tiers pays."""

from datetime import datetime
from itertools import groupby
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.catalog import Entitlement, load_entitlements, words
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.routing import Source, load_sources_of_offers
from fondaco_api.graphql.routing_policies import RoutingPolicy, load_policies_of_offers
from fondaco_api.graphql.scalars import CurrencyCode, Money
from fondaco_api.graphql.stock import load_stock_of_own_offers
from fondaco_api.graphql.supply import Tier, load_tiers
from fondaco_api.graphql.supply_scorecards import Scorecard, load_scorecards
from fondaco_core import clock
from fondaco_core.ids import EntitlementId, OfferId, TierId
from fondaco_tenants import supply
from fondaco_tenants.supply import OfferState

described(
    OfferState,
    "Where an offer stands.",
    DRAFT="It is being prepared; no other merchant sees it.",
    PUBLISHED="Those resellers buy from it whose tiers have a price for it.",
    WITHDRAWN="Nobody buys from it any more; it may be published again.",
)


async def load_offers(context: Context, ids: list[OfferId]) -> "list[Offer | None]":
    """Offers of the viewer's merchant, by their ids."""
    if not context.ctx.has("supply.read"):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await supply.own_offers_by_ids(tx, context.ctx, ids)
    return [Offer.of(found[id_]) if id_ in found else None for id_ in ids]


async def load_prices(context: Context, ids: list[OfferId]) -> list[list[supply.PriceList]]:
    """What each tier pays for offers of the viewer's merchant, now and to come."""
    async with context.reading() as tx:
        found = await supply.prices_of_offers(tx, context.ctx, ids)
    return [found[id_] for id_ in ids]


@strawberry.type(description="What a unit costs from a quantity on.")
class PriceBreak:
    """A break as it was set."""

    from_units: int = strawberry.field(description="How many units one line of an order must have at least.")
    unit_price: Money = strawberry.field(description="What each unit of the line costs then.")


@strawberry.type(
    description="What an offer costs from a moment on, until a later list begins. A list is never changed, only followed."
)
class PriceList:
    """A price list as it was set."""

    row: strawberry.Private[supply.PriceList]

    @strawberry.field(description="From when it holds.")
    def starts_at(self) -> datetime:
        return self.row.starts_at

    @strawberry.field(description="When it was set.")
    def set_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(
        description="The price of a unit by quantity: the first is for one unit, and who takes more never pays more for each. "
        "Empty: the offer is not to be had from then on."
    )
    def breaks(self) -> list[PriceBreak]:
        return [
            PriceBreak(from_units=each.from_units, unit_price=Money.of(each.unit_price)) for each in self.row.breaks
        ]


@strawberry.type(description="A price list of one of your offers, with the tier that it is for.")
class TierPriceList(PriceList):
    """A price list as its owner sees it."""

    @strawberry.field(description="The tier that pays it.")
    async def tier(self, info: Info) -> Tier | None:
        return await info.context.loaders.load(load_tiers, self.row.tier_id)


@strawberry.type(description="What one of your tiers pays for an offer, now and as far as it is set.")
class TierPrices:
    """The lists of one tier that hold or are to come."""

    tier_id: strawberry.Private[TierId]
    lists: strawberry.Private[list[supply.PriceList]]

    @strawberry.field(description="The tier.")
    async def tier(self, info: Info) -> Tier | None:
        return await info.context.loaders.load(load_tiers, self.tier_id)

    @strawberry.field(description="What it pays now; null when it does not get the offer now.")
    def current(self) -> PriceList | None:
        held = supply.effective(self.lists, clock.now())
        return PriceList(row=held) if held is not None and held.breaks else None

    @strawberry.field(description="What it is going to pay, earliest first; an empty list of breaks ends it.")
    def coming(self) -> list[PriceList]:
        return [PriceList(row=row) for row in supply.coming(self.lists, clock.now())]


@strawberry.type(
    description="What your merchant offers other merchants of one entitlement. Others see it as a `SupplyOffer`."
)
class Offer(Node):
    """An offer as its owner sees it."""

    row: strawberry.Private[supply.Offer]

    @classmethod
    def of(cls, row: supply.Offer) -> "Offer":
        """The schema's form of an offer."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Offer | None":
        """The offer, for the people of its owner who may see supply."""
        return await context.loaders.load(load_offers, OfferId(key))

    @strawberry.field(description="What it is.")
    async def entitlement(self, info: Info) -> Entitlement:
        found = await info.context.loaders.load(load_entitlements, self.row.entitlement_id)
        assert found is not None
        return Entitlement.of(found)

    @strawberry.field(description="What you call it.")
    def title(self) -> str:
        return self.row.terms.title

    @strawberry.field(description="The currency of all of its prices; it never changes.")
    def currency(self) -> CurrencyCode:
        return CurrencyCode(self.row.currency)

    @strawberry.field(description="Where it stands.")
    def state(self) -> OfferState:
        return self.row.state

    @strawberry.field(description="Whether merchants without an agreement find it in `supplyMarket`.")
    def in_market(self) -> bool:
        return self.row.terms.in_market

    @strawberry.field(description="The least that a reseller's store may ask for a unit; null: whatever it likes.")
    def min_resale(self) -> Money | None:
        least = self.row.terms.min_resale
        return None if least is None else Money.of(least)

    @strawberry.field(
        description="What each tier pays that gets it now, is going to, or got it last; tiers without a price do not see it."
    )
    async def prices(self, info: Info) -> list[TierPrices]:
        rows = await info.context.loaders.load(load_prices, self.row.id)
        return [TierPrices(tier_id=tier, lists=list(same)) for tier, same in groupby(rows, key=lambda row: row.tier_id)]

    @strawberry.field(
        description="All price lists that it ever had or is going to have, the latest first. Needs `supply.read`."
    )
    async def price_history(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        tier_id: Annotated[strawberry.ID | None, strawberry.argument(description="Only those of this tier.")] = None,
    ) -> Connection[TierPriceList]:
        page = read_page(first, after, None, None, keys=(datetime, UUID))
        key = None if tier_id is None else TierId(key_of(tier_id, Tier, path=("tier_id",)))
        async with info.context.reading() as tx:
            rows = await supply.list_prices(
                tx, info.context.ctx, offer=self.row, tier_id=key, after=page.bound(2), count=page.limit
            )
        return connect(
            page, rows, key=lambda row: (row.starts_at, row.tier_id), make=lambda row: TierPriceList(row=row)
        )

    @strawberry.field(description="How it does, as those see it who may buy it, with how much was sold.")
    async def scorecard(self, info: Info) -> Scorecard | None:
        found = await info.context.loaders.load(load_scorecards, self.row.id)
        return None if found is None else Scorecard(row=found, own=True)

    @strawberry.field(
        description="How many units you can deliver of it now to the tier that pays most, from all of its sources, exact up to 100,000; "
        "null when a supplier of yours does not tell how much it has."
    )
    async def stock(self, info: Info) -> int | None:
        return await info.context.loaders.load(load_stock_of_own_offers, self.row.id)

    @strawberry.field(description="What its sources are ordered by.")
    async def routing(self, info: Info) -> RoutingPolicy:
        return await info.context.loaders.load(load_policies_of_offers, self.row.id)

    @strawberry.field(
        description="The places it is filled from, by their priority, at most 50; `routing` says what they are ordered by."
    )
    async def sources(self, info: Info) -> list[Source]:
        return await info.context.loaders.load(load_sources_of_offers, self.row.id)

    @strawberry.field(description="When it was drafted.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="When it was last published; null when it never was.")
    def published_at(self) -> datetime | None:
        return self.row.published_at

    @strawberry.field(description="When it was withdrawn; null while it is not.")
    def withdrawn_at(self) -> datetime | None:
        return self.row.withdrawn_at

    @strawberry.field(description="Counts its changes; a change names the version it was made on. Prices do not count.")
    def version(self) -> int:
        return self.row.version

    @strawberry.field(description="Whether you may change, publish and withdraw it, and set its prices.")
    def viewer_can_edit(self, info: Info) -> bool:
        return info.context.ctx.has("supply.edit")


@strawberry.type
class MerchantFields:
    """A merchant's own offers."""

    @strawberry.field(description="What your merchant offers other merchants, newest first. Needs `supply.read`.")
    async def offers(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        state: Annotated[OfferState | None, strawberry.argument(description="Only those in this state.")] = None,
        entitlement_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only those of this entitlement.")
        ] = None,
        search: Annotated[str | None, strawberry.argument(description="Part of a title.")] = None,
    ) -> Connection[Offer]:
        page = read_page(first, after, None, None, keys=(UUID,))
        key = None if entitlement_id is None else key_of(entitlement_id, Entitlement, path=("entitlement_id",))
        async with info.context.reading() as tx:
            rows = await supply.list_offers(
                tx, info.context.ctx, state=state, entitlement_id=None if key is None else EntitlementId(key),
                search=words(search), after=page.bound(1)[0], count=page.limit,
            )  # fmt: skip
        return connect(page, rows, key=lambda row: (row.id,), make=Offer.of)
