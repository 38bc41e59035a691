"""Listings in the schema: what a store sells, as buyers and as its merchant see it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.catalog import Entitlement
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node, key_of, load_named
from fondaco_api.graphql.routing import Source, load_sources_of_listings
from fondaco_api.graphql.routing_policies import RoutingPolicy, load_policies_of_listings
from fondaco_api.graphql.scalars import Money
from fondaco_api.graphql.stock import load_stock_over_others, over_others
from fondaco_core.context import Ctx
from fondaco_core.db import reading
from fondaco_core.ids import ListingId, TenantId
from fondaco_tenants import storefront
from fondaco_tenants.catalog import ListingState
from fondaco_tenants.storefront import StockClass

if TYPE_CHECKING:
    from fondaco_api.graphql.storefront import Store

described(
    ListingState,
    "Where a listing stands.",
    DRAFT="It is being prepared; buyers do not see it.",
    ACTIVE="It is on sale.",
    PAUSED="It is off sale for a while; buyers do not see it.",
    ARCHIVED="It is off sale for ever.",
)
described(
    StockClass,
    "How much there is, as far as buyers are told.",
    OUT="Nothing can be sold now.",
    LOW="There is little left.",
    IN_STOCK="There is plenty.",
)


def is_owner(ctx: Ctx, tenant_id: UUID) -> bool:
    """Whether somebody asks who may see the merchant's own side of a tenant's catalogue."""
    return ctx.tenant_id == tenant_id and ctx.has("catalog.read")


async def load_listings(context: Context, ids: list[ListingId]) -> "list[Listing | None]":
    """Listings by their ids, each as the asker may see it: one's own in any state, others' when they are on sale."""
    ctx = context.ctx
    found: dict[ListingId, storefront.ShownListing] = {}
    if ctx.tenant_id is not None and ctx.has("catalog.read"):
        async with context.reading() as tx:
            found = await storefront.own_shown(tx, ctx, ids)
        found = _by_id(await over_others(ctx, list(found.values())))
    strange = [id_ for id_ in ids if id_ not in found]
    if strange:
        nobody = ctx.visiting(None)
        async with reading(nobody) as tx:
            tenants = await storefront.tenants_of_listings(tx, strange)
        by_tenant: dict[TenantId, list[ListingId]] = defaultdict(list)
        for id_, tenant_id in tenants.items():
            by_tenant[tenant_id].append(id_)
        for tenant_id, theirs in by_tenant.items():
            context.visited.add(tenant_id)
            async with reading(nobody.visiting(tenant_id)) as tx:
                shown = await storefront.visit_listings(tx, theirs)
            found |= _by_id(await over_others(nobody.visiting(tenant_id), list(shown.values())))
    return [Listing.of(found[id_]) if id_ in found else None for id_ in ids]


def _by_id(rows: Sequence[storefront.ShownListing]) -> dict[ListingId, storefront.ShownListing]:
    return {row.id: row for row in rows}


async def load_stock(context: Context, ids: list[ListingId]) -> list[int]:
    """How many units the asker's own listings can sell."""
    async with context.reading() as tx:
        found = await storefront.stock_of_listings(tx, context.ctx, ids)
    return [found.get(id_, 0) for id_ in ids]


@strawberry.type(description="How many units of a listing may be bought.")
class ListingLimits:
    """Read from the listing's row."""

    row: strawberry.Private[storefront.ShownListing]

    @strawberry.field(description="The most units in one order.")
    def per_order(self) -> int:
        """Per order."""
        return self.row.order_max

    @strawberry.field(
        description="The most units for one customer over all orders of the period; null without a limit."
    )
    def per_customer(self) -> int | None:
        """Per customer."""
        return self.row.customer_max

    @strawberry.field(description="The period of the limit per customer, in days; null when it counts for ever.")
    def period_days(self) -> int | None:
        """The period."""
        return self.row.customer_period_days


@strawberry.type(description="What a store sells: an entitlement at a price, within limits.")
class Listing(Node):
    """A listing; its fields are read when they are asked for."""

    row: strawberry.Private[storefront.ShownListing]

    @classmethod
    def of(cls, row: storefront.ShownListing) -> "Listing":
        """The schema's form of a listing."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Listing | None":
        """The listing, for its owner in any state, for others while it is on sale."""
        return await context.loaders.load(load_listings, ListingId(key))

    @strawberry.field(description="What the merchant calls it.")
    def title(self) -> str:
        """The title."""
        return self.row.title

    @strawberry.field(description="What the merchant says of it; may be empty.")
    def description(self) -> str:
        """The description."""
        return self.row.description

    @strawberry.field(description="What one unit costs, in the store's currency.")
    def price(self) -> Money:
        """The price."""
        return Money.minor(self.row.price_minor, self.row.currency)

    @strawberry.field(description="How many units may be bought.")
    def limits(self) -> ListingLimits:
        """The limits."""
        return ListingLimits(row=self.row)

    @strawberry.field(description="How much there is, as far as buyers are told.")
    def stock_class(self) -> StockClass:
        """The stock class."""
        return storefront.stock_class(self.row.available, low_stock_at=self.row.low_stock_at)

    @strawberry.field(description="What it is: the platform's standard that it points at.")
    def entitlement(self) -> Entitlement:
        """The entitlement."""
        row = self.row
        return Entitlement(
            key=row.entitlement_id,
            head=row,
            details=row,
            standing=row.entitlement_state,
            revision=row.entitlement_version,
        )

    @strawberry.field(description="Its place in the store; lower comes first.")
    def position(self) -> int:
        """The position."""
        return self.row.position

    @strawberry.field(description="Where it stands; buyers only ever see ACTIVE ones.")
    def state(self) -> ListingState:
        """The state."""
        return ListingState(self.row.state)

    @strawberry.field(description="Counts its changes; a change names the version it was made on.")
    def version(self) -> int:
        """The version."""
        return self.row.version

    @strawberry.field(description="The store that sells it; null when you may not see it.")
    async def store(self, info: Info) -> Annotated["Store", strawberry.lazy("fondaco_api.graphql.storefront")] | None:
        """The store."""
        found: Store | None = await load_named(info.context, "Store", self.row.store_id)
        return found

    @strawberry.field(
        description="How many units can be sold now, exact up to 100,000. For the merchant, as far as all suppliers on the way tell how much "
        "they have; null otherwise, and for everybody else."
    )
    async def stock(self, info: Info) -> int | None:
        """The stock."""
        if not is_owner(info.context.ctx, self.row.tenant_id):
            return None
        loaders = info.context.loaders
        if not self.row.chained:
            return await loaders.load(load_stock, self.row.id)
        return (await loaders.load(load_stock_over_others, self.row.id)).units

    @strawberry.field(
        description="The merchant is told when fewer units are left. For the merchant; null for everybody else."
    )
    def low_stock_at(self, info: Info) -> int | None:
        """The alarm."""
        return self.row.low_stock_at if is_owner(info.context.ctx, self.row.tenant_id) else None

    @strawberry.field(
        description="The places it is filled from, by their priority, at most 50; `routing` says what they are ordered by. For the merchant; null for everybody else."
    )
    async def sources(self, info: Info) -> list[Source] | None:
        """The sources."""
        if not is_owner(info.context.ctx, self.row.tenant_id):
            return None
        return await info.context.loaders.load(load_sources_of_listings, self.row.id)

    @strawberry.field(description="What its sources are ordered by. For the merchant; null for everybody else.")
    async def routing(self, info: Info) -> RoutingPolicy | None:
        """The policy."""
        if not is_owner(info.context.ctx, self.row.tenant_id):
            return None
        return await info.context.loaders.load(load_policies_of_listings, self.row.id)

    @strawberry.field(description="Whether you may change, publish, pause and archive it.")
    def viewer_can_edit(self, info: Info) -> bool:
        """The merchant's people may, by their role."""
        ctx = info.context.ctx
        return ctx.tenant_id == self.row.tenant_id and ctx.has("catalog.edit")


@strawberry.type
class Query:
    """A listing by its id."""

    @strawberry.field(description="A listing by its id; null when it is not on sale, unless it is your own.")
    async def listing(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The listing's id.")],
    ) -> Listing | None:
        """One listing."""
        return await Listing.load_node(info.context, key_of(id, Listing))
