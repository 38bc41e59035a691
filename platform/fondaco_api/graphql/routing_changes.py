"""Mutations of sources: where a merchant's listings and offers to resellers are filled from."""

from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from fondaco_api.graphql.catalog import given
from fondaco_api.graphql.codes import Pool
from fondaco_api.graphql.context import Info
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.routing import Source
from fondaco_api.graphql.scalars import MoneyInput
from fondaco_api.graphql.supply_market import SupplyOffer
from fondaco_api.graphql.supply_offers import Offer
from fondaco_api.graphql.transaction import mutation
from fondaco_core import tenancy
from fondaco_core.db import Tx
from fondaco_core.ids import ListingId, OfferId, PoolId, SourceId
from fondaco_tenants import codes, routing, storefront, supply

_MAX_COST = "The most that a unit from a supplier may cost you, in the currency of what is filled; it is passed over while it costs more."
_BELOW_COST = "Whether a unit from a supplier may cost you more than you are left with of your own price, or leave less than your margin."
_WEIGHT = "Its share where sources take turns, 0 to 1,000; with 0 it only gives what the others cannot."
_DAY_UNITS_MAX = "The most units that come from it on a day, by UTC; counted from when it is first said."


@strawberry.input(
    description="A new source: of a listing or of one of your offers, from one of your pools or from a supplier's offer."
)
class AddSourceInput:
    """All of a source."""

    listing_id: strawberry.ID | None = strawberry.field(
        default=None, description="The listing that is to be filled from it. Give this or `offerId`."
    )
    offer_id: strawberry.ID | None = strawberry.field(
        default=None, description="The offer of yours that is to be filled from it. Give this or `listingId`."
    )
    pool_id: strawberry.ID | None = strawberry.field(
        default=None, description="The pool; it must hold what it fills. Give this or `supplierOfferId`."
    )
    supplier_offer_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The offer of a supplier with whom you have an agreement; of the same entitlement and currency. Give this or `poolId`.",
    )
    priority: int | None = strawberry.field(
        default=None, description="Lower goes first: 0 to 1,000,000; null: after all others."
    )
    enabled: bool = strawberry.field(default=True, description="Whether it is tried at once.")
    max_cost: MoneyInput | None = strawberry.field(default=None, description=_MAX_COST)
    below_cost: bool = strawberry.field(default=False, description=_BELOW_COST)
    weight: int = strawberry.field(default=1, description=_WEIGHT)
    day_units_max: int | None = strawberry.field(default=None, description=_DAY_UNITS_MAX)


@strawberry.input(description="Changes to a source. What is left out stays; null takes a bound on cost or units away.")
class UpdateSourceInput:
    """What may change of a source."""

    id: strawberry.ID = strawberry.field(description="The source.")
    priority: int | None = strawberry.field(default=UNSET, description="Lower goes first: 0 to 1,000,000.")
    enabled: bool | None = strawberry.field(default=UNSET, description="Whether it is tried.")
    max_cost: MoneyInput | None = strawberry.field(default=UNSET, description=_MAX_COST)
    below_cost: bool | None = strawberry.field(default=UNSET, description=_BELOW_COST)
    weight: int | None = strawberry.field(default=UNSET, description=f"{_WEIGHT} Changing it begins all turns anew.")
    day_units_max: int | None = strawberry.field(default=UNSET, description=_DAY_UNITS_MAX)


@strawberry.input(description="Which source to remove.")
class RemoveSourceInput:
    """The source."""

    id: strawberry.ID = strawberry.field(description="The source.")


@strawberry.type(description="The listing or offer is filled from the place, too.")
class AddSourceSuccess:
    """The result."""

    source: Source = strawberry.field(description="The new source.")


@strawberry.type(description="The source was changed.")
class UpdateSourceSuccess:
    """The result."""

    source: Source = strawberry.field(description="The source as it is now.")


@strawberry.type(description="The listing or offer is not filled from the place any more.")
class RemoveSourceSuccess:
    """The result."""

    listing: Listing | None = strawberry.field(
        description="The listing, with the sources that it still has; null when it was an offer's."
    )
    offer: Offer | None = strawberry.field(
        description="The offer, with the sources that it still has; null when it was a listing's."
    )


@strawberry.input(description="Which source to pause, and why.")
class PauseSourceInput:
    """The source and the reason."""

    id: strawberry.ID = strawberry.field(description="The source.")
    reason: str = strawberry.field(description="Why; kept in the log, and shown with the source.")


@strawberry.input(description="Which source to resume, and why.")
class ResumeSourceInput:
    """The source and the reason."""

    id: strawberry.ID = strawberry.field(description="The source.")
    reason: str = strawberry.field(description="Why; kept in the log.")


@strawberry.type(description="No order comes to the source until somebody resumes it.")
class PauseSourceSuccess:
    """The result."""

    source: Source = strawberry.field(description="The source as it is now.")


@strawberry.type(description="Orders come to the source again.")
class ResumeSourceSuccess:
    """The result."""

    source: Source = strawberry.field(description="The source as it is now.")


@strawberry.type
class Mutation:
    """Where a merchant's listings and offers are filled from."""

    @mutation(
        refusals=[
            routing.PoolDoesNotFit, codes.PoolArchived, routing.OfferDoesNotFit, routing.SupplyCircle, routing.SourceExists,
            tenancy.TenantNotActive,
        ]
    )  # fmt: skip
    async def add_source(
        self, info: Info, tx: Tx, input: Annotated[AddSourceInput, strawberry.argument(description="The source.")]
    ) -> AddSourceSuccess:
        """Lets a listing or one of your offers be filled from one of your pools, or from a supplier's offer.

        Needs `catalog.edit` for a listing, `supply.edit` for an offer.
        """
        listing, offer = _key(input.listing_id, Listing, "listing_id"), _key(input.offer_id, Offer, "offer_id")
        pool = _key(input.pool_id, Pool, "pool_id")
        theirs = _key(input.supplier_offer_id, SupplyOffer, "supplier_offer_id")
        added = await routing.add_source(
            tx,
            info.context.ctx,
            listing_id=None if listing is None else ListingId(listing),
            offer_id=None if offer is None else OfferId(offer),
            pool_id=None if pool is None else PoolId(pool),
            supplier_offer_id=None if theirs is None else OfferId(theirs),
            priority=input.priority,
            enabled=input.enabled,
            max_cost=None if input.max_cost is None else input.max_cost.read(path=("max_cost",)),
            below_cost=input.below_cost,
            weight=input.weight,
            day_units_max=input.day_units_max,
        )
        return AddSourceSuccess(source=Source.of(added))

    @mutation(refusals=[tenancy.TenantNotActive])
    async def update_source(
        self, info: Info, tx: Tx, input: Annotated[UpdateSourceInput, strawberry.argument(description="The changes.")]
    ) -> UpdateSourceSuccess:
        """Switches a source on or off, gives it another place or weight, or bounds what its units may cost and how many come on a day."""
        changes: dict[str, Any] = given(input, clearable=frozenset({"max_cost", "day_units_max"}))
        if "day_units_max" in changes:
            changes["bounds_day"] = True
        if "max_cost" in changes:
            changes["bounds_cost"] = True
            if changes["max_cost"] is not None:
                changes["max_cost"] = changes["max_cost"].read(path=("max_cost",))
        source_id = SourceId(key_of(input.id, Source))
        changed = await routing.update_source(tx, info.context.ctx, source_id=source_id, **changes)
        return UpdateSourceSuccess(source=Source.of(changed))

    @mutation(refusals=[tenancy.TenantNotActive])
    async def remove_source(
        self, info: Info, tx: Tx, input: Annotated[RemoveSourceInput, strawberry.argument(description="Which one.")]
    ) -> RemoveSourceSuccess:
        """Lets a listing or offer not be filled from a place any more; what was sold from it stays sold."""
        ctx = info.context.ctx
        listing_id, offer_id = await routing.remove_source(tx, ctx, source_id=SourceId(key_of(input.id, Source)))
        if listing_id is not None:
            shown = (await storefront.own_shown(tx, ctx, [listing_id]))[listing_id]
            return RemoveSourceSuccess(listing=Listing.of(shown), offer=None)
        assert offer_id is not None
        own = (await supply.own_offers_by_ids(tx, ctx, [offer_id]))[offer_id]
        return RemoveSourceSuccess(listing=None, offer=Offer.of(own))

    @mutation(refusals=[routing.SourceInWrongState, tenancy.TenantNotActive])
    async def pause_source(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[PauseSourceInput, strawberry.argument(description="Which one, and why.")],
    ) -> PauseSourceSuccess:
        """Lets no order come to a source until somebody resumes it, even where nothing else fills the same."""
        source_id = SourceId(key_of(input.id, Source))
        paused = await routing.pause_source(tx, info.context.ctx, source_id=source_id, reason=input.reason)
        return PauseSourceSuccess(source=Source.of(paused))

    @mutation(refusals=[routing.SourceInWrongState, tenancy.TenantNotActive])
    async def resume_source(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[ResumeSourceInput, strawberry.argument(description="Which one, and why.")],
    ) -> ResumeSourceSuccess:
        """Lets orders come to a source again that is paused or being tried again; what went wrong with it before is forgotten."""
        source_id = SourceId(key_of(input.id, Source))
        resumed = await routing.resume_source(tx, info.context.ctx, source_id=source_id, reason=input.reason)
        return ResumeSourceSuccess(source=Source.of(resumed))


def _key(text: str | None, kind: type[Node], name: str) -> UUID | None:
    return None if text is None else key_of(text, kind, path=(name,))
