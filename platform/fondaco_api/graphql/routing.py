"""Sources in the schema: the places a listing or an offer to resellers is filled from; for the merchant only."""

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.codes import Pool
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node, load_named
from fondaco_api.graphql.scalars import Money
from fondaco_core.ids import ListingId, OfferId, SourceId
from fondaco_tenants import routing
from fondaco_tenants.routing import PauseReason, SourceKind, SourceState

if TYPE_CHECKING:
    from fondaco_api.graphql.listings import Listing
    from fondaco_api.graphql.supply_market import SupplyOffer
    from fondaco_api.graphql.supply_offers import Offer

described(
    SourceKind,
    "What kind of place a listing or an offer is filled from.",
    POOL="An own pool of codes.",
    OFFER="A supplier's offer.",
)
described(
    SourceState,
    "Whether orders come to a source.",
    ACTIVE="They do.",
    PAUSED="They pass it over; it was paused by itself or by a person. One that was paused by itself is tried all the same where "
    "nothing else fills the same.",
    PROBING="A few units go over it, to see whether it does again.",
)
described(
    PauseReason,
    "Why a source is paused or being tried again.",
    BAD_CODES="Codes that came from it turned out bad.",
    STOCK_OUTS="It was out of stock again and again.",
    UNREADABLE="Codes that came from it could not be read.",
    PERSON="A person paused it; it stays so until a person resumes it.",
)


async def load_sources(context: Context, ids: list[SourceId]) -> "list[Source | None]":
    """Sources by their ids, of the asker's own listings and offers."""
    ctx = context.ctx
    if ctx.tenant_id is None or not (ctx.has("catalog.read") or ctx.has("supply.read")):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await routing.sources_by_ids(tx, ctx, ids)
    return [Source.of(found[id_]) if id_ in found else None for id_ in ids]


async def load_sources_of_listings(context: Context, ids: list[ListingId]) -> "list[list[Source]]":
    """The sources of the asker's own listings, each listing's in the order in which they are tried."""
    async with context.reading() as tx:
        found = await routing.list_sources(tx, context.ctx, listing_ids=ids)
    by_listing: dict[ListingId, list[Source]] = defaultdict(list)
    for source in found:
        assert source.listing_id is not None
        by_listing[source.listing_id].append(Source.of(source))
    return [by_listing[id_] for id_ in ids]


async def load_sources_of_offers(context: Context, ids: list[OfferId]) -> "list[list[Source]]":
    """The sources of the asker's own offers, each offer's in the order in which they are tried."""
    async with context.reading() as tx:
        found = await routing.list_offer_sources(tx, context.ctx, offer_ids=ids)
    by_offer: dict[OfferId, list[Source]] = defaultdict(list)
    for source in found:
        assert source.offer_id is not None
        by_offer[source.offer_id].append(Source.of(source))
    return [by_offer[id_] for id_ in ids]


@strawberry.type(description="One place that a listing, or one of your offers to other merchants, is filled from.")
class Source(Node):
    """A source."""

    row: strawberry.Private[routing.Source]

    @classmethod
    def of(cls, row: routing.Source) -> "Source":
        """The schema's form of a source."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Source | None":
        """The source, for the merchant whose it is."""
        return await context.loaders.load(load_sources, SourceId(key))

    @strawberry.field(description="The listing that it fills; null when it fills an offer, or when you may not see it.")
    async def listing(self, info: Info) -> Annotated["Listing", strawberry.lazy("fondaco_api.graphql.listings")] | None:
        """What it fills, if that is a listing."""
        key = self.row.listing_id
        found: Listing | None = None if key is None else await load_named(info.context, "Listing", key)
        return found

    @strawberry.field(
        description="The offer of yours that it fills; null when it fills a listing, or when you may not see it."
    )
    async def offer(
        self, info: Info
    ) -> Annotated["Offer", strawberry.lazy("fondaco_api.graphql.supply_offers")] | None:
        """What it fills, if that is an offer."""
        key = self.row.offer_id
        found: Offer | None = None if key is None else await load_named(info.context, "Offer", key)
        return found

    @strawberry.field(description="What kind of place it is.")
    def kind(self) -> SourceKind:
        """The kind."""
        return self.row.kind

    @strawberry.field(
        description="Its place where sources are ordered by priority, and between equals; lower goes first."
    )
    def priority(self) -> int:
        """The priority."""
        return self.row.priority

    @strawberry.field(description="Whether it is tried at all.")
    def enabled(self) -> bool:
        """Whether it is on."""
        return self.row.enabled

    @strawberry.field(description="The pool of codes; null for a supplier's offer, or when you may not see it.")
    async def pool(self, info: Info) -> Pool | None:
        """The pool."""
        if self.row.pool_id is None:
            return None
        found = await Pool.load_node(info.context, self.row.pool_id)
        return found if isinstance(found, Pool) else None

    @strawberry.field(
        description="The supplier's offer; null for an own pool, when you may not see it, or when it is not offered to you any more."
    )
    async def supplier_offer(
        self, info: Info
    ) -> Annotated["SupplyOffer", strawberry.lazy("fondaco_api.graphql.supply_market")] | None:
        """The supplier's offer."""
        key = self.row.supplier_offer_id
        found: SupplyOffer | None = None if key is None else await load_named(info.context, "SupplyOffer", key)
        return found

    @strawberry.field(
        description="The most that a unit from a supplier may cost you: it is passed over while it costs more. Null: no bound but "
        "what you are left with of your own price."
    )
    def max_cost(self) -> Money | None:
        """The bound on cost."""
        cost = self.row.max_cost_minor
        return None if cost is None else Money.minor(cost, self.row.currency)

    @strawberry.field(
        description="Whether a unit from a supplier may cost you more than you are left with of your own price after the platform's fee."
    )
    def below_cost(self) -> bool:
        """Whether it may be sold below its cost."""
        return self.row.below_cost

    @strawberry.field(description="Whether orders come to it; beside `enabled`, which is yours alone to say.")
    def state(self) -> SourceState:
        """The state."""
        return self.row.state

    @strawberry.field(description="Why it is paused or being tried again; null while it is `ACTIVE`.")
    def paused_for(self) -> PauseReason | None:
        """Why it is paused."""
        return self.row.paused_for

    @strawberry.field(description="What the person wrote who paused it.")
    def pause_note(self) -> str | None:
        """The person's words."""
        return self.row.pause_note

    @strawberry.field(description="Since when it is in its state; null when it was never paused.")
    def state_since(self) -> datetime | None:
        """Since when."""
        return self.row.state_since

    @strawberry.field(description="When it is tried again; null when it is not paused, or until a person resumes it.")
    def paused_until(self) -> datetime | None:
        """Until when."""
        return self.row.paused_until

    @strawberry.field(
        description="Its share where sources take turns (`WEIGHTED`), beside the weights of the others; with 0 it only gives what these cannot."
    )
    def weight(self) -> int:
        """The weight."""
        return self.row.weight

    @strawberry.field(
        description="The most units that come from it on a day, by UTC, held or sold; what is released may come again. Null: no bound."
    )
    def day_units_max(self) -> int | None:
        """The bound of a day."""
        return self.row.day_units_max

    @strawberry.field(description="How many units have come from it today; null where that is not bounded.")
    def day_units(self) -> int | None:
        """The units of today."""
        return self.row.day_units
