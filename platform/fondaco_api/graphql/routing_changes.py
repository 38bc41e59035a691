"""Mutations of sources: where a merchant's listings are filled from."""

from typing import Annotated

import strawberry
from strawberry import UNSET

from fondaco_api.graphql.catalog import given
from fondaco_api.graphql.codes import Pool
from fondaco_api.graphql.context import Info
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.routing import Source
from fondaco_api.graphql.transaction import mutation
from fondaco_core import tenancy
from fondaco_core.db import Tx
from fondaco_core.ids import ListingId, PoolId, SourceId
from fondaco_tenants import codes, routing, storefront


@strawberry.input(description="A new source of a listing.")
class AddSourceInput:
    """All of a source."""

    listing_id: strawberry.ID = strawberry.field(description="The listing that is to be filled from it.")
    pool_id: strawberry.ID = strawberry.field(description="The pool; it must hold what the listing sells.")
    priority: int | None = strawberry.field(
        default=None, description="Lower goes first: 0 to 1,000,000; null: after all others."
    )
    enabled: bool = strawberry.field(default=True, description="Whether it is tried at once.")


@strawberry.input(description="Changes to a source. What is left out stays.")
class UpdateSourceInput:
    """What may change of a source."""

    id: strawberry.ID = strawberry.field(description="The source.")
    priority: int | None = strawberry.field(default=UNSET, description="Lower goes first: 0 to 1,000,000.")
    enabled: bool | None = strawberry.field(default=UNSET, description="Whether it is tried.")


@strawberry.input(description="Which source to remove.")
class RemoveSourceInput:
    """The source."""

    id: strawberry.ID = strawberry.field(description="The source.")


@strawberry.type(description="The listing is filled from the place, too.")
class AddSourceSuccess:
    """The result."""

    source: Source = strawberry.field(description="The new source.")


@strawberry.type(description="The source was changed.")
class UpdateSourceSuccess:
    """The result."""

    source: Source = strawberry.field(description="The source as it is now.")


@strawberry.type(description="The listing is not filled from the place any more.")
class RemoveSourceSuccess:
    """The result."""

    listing: Listing = strawberry.field(description="The listing, with the sources that it still has.")


@strawberry.type
class Mutation:
    """Where a merchant's listings are filled from."""

    @mutation(refusals=[routing.PoolDoesNotFit, codes.PoolArchived, routing.SourceExists, tenancy.TenantNotActive])
    async def add_source(
        self, info: Info, tx: Tx, input: Annotated[AddSourceInput, strawberry.argument(description="The source.")]
    ) -> AddSourceSuccess:
        """Lets a listing be filled from one of your pools; the pool must hold what the listing sells."""
        added = await routing.add_source(
            tx,
            info.context.ctx,
            listing_id=ListingId(key_of(input.listing_id, Listing, path=("listing_id",))),
            pool_id=PoolId(key_of(input.pool_id, Pool, path=("pool_id",))),
            priority=input.priority,
            enabled=input.enabled,
        )
        return AddSourceSuccess(source=Source.of(added))

    @mutation(refusals=[tenancy.TenantNotActive])
    async def update_source(
        self, info: Info, tx: Tx, input: Annotated[UpdateSourceInput, strawberry.argument(description="The changes.")]
    ) -> UpdateSourceSuccess:
        """Switches a source on or off, or gives it another place in the order."""
        source_id = SourceId(key_of(input.id, Source))
        changed = await routing.update_source(tx, info.context.ctx, source_id=source_id, **given(input))
        return UpdateSourceSuccess(source=Source.of(changed))

    @mutation(refusals=[tenancy.TenantNotActive])
    async def remove_source(
        self, info: Info, tx: Tx, input: Annotated[RemoveSourceInput, strawberry.argument(description="Which one.")]
    ) -> RemoveSourceSuccess:
        """Lets a listing not be filled from a place any more; what was sold from it stays sold."""
        ctx = info.context.ctx
        listing_id, _ = await routing.remove_source(tx, ctx, source_id=SourceId(key_of(input.id, Source)))
        assert listing_id is not None
        return RemoveSourceSuccess(listing=Listing.of((await storefront.own_shown(tx, ctx, [listing_id]))[listing_id]))
