"""Sources in the schema: the places a listing is filled from; for the merchant only."""

from collections import defaultdict
from uuid import UUID

import strawberry

from fondaco_api.graphql.codes import Pool
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node
from fondaco_core.ids import ListingId, SourceId
from fondaco_tenants import routing
from fondaco_tenants.routing import SourceKind

described(
    SourceKind,
    "What kind of place a listing or an offer is filled from.",
    POOL="An own pool of codes.",
    OFFER="A supplier's offer.",
)


async def load_sources(context: Context, ids: list[SourceId]) -> "list[Source | None]":
    """Sources by their ids, of the asker's own listings."""
    ctx = context.ctx
    if ctx.tenant_id is None or not ctx.has("catalog.read"):
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


@strawberry.type(description="One place that a listing is filled from.")
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

    @strawberry.field(description="What kind of place it is.")
    def kind(self) -> SourceKind:
        """The kind."""
        return self.row.kind

    @strawberry.field(description="Its place in the order in which sources are tried; lower goes first.")
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
