"""Mutations of listings: what a merchant does with what it sells."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from fondaco_api.graphql.catalog import Entitlement, given
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.errors import Failure, failure, failure_type, to_failure
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.scalars import MoneyInput
from fondaco_api.graphql.storefront import Store
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound, Refusal, StaleVersion
from fondaco_core.ids import EntitlementId, ListingId, StoreId
from fondaco_tenants import catalog, routing, storefront
from fondaco_tenants.catalog import ListingState


@failure(catalog.ListingInWrongState)
class ListingInWrongState(Failure):
    """The listing is in a state from which this cannot be done."""

    state: ListingState = strawberry.field(description="The state it is in.")


@strawberry.input(description="A new listing; it is a draft until it is published.")
class CreateListingInput:
    """All of a listing."""

    store_id: strawberry.ID = strawberry.field(description="The store that is to sell it.")
    entitlement_id: strawberry.ID = strawberry.field(description="What it is.")
    title: str = strawberry.field(description="What the merchant calls it.")
    description: str = strawberry.field(default="", description="What the merchant says of it.")
    price: MoneyInput = strawberry.field(description="What one unit costs, in the store's currency.")
    order_max: int = strawberry.field(default=10, description="The most units in one order: 1 to 1,000.")
    customer_max: int | None = strawberry.field(default=None, description="The most units for one customer.")
    customer_period_days: int | None = strawberry.field(
        default=None, description="The period of the limit per customer, in days; null: it counts for ever."
    )
    low_stock_at: int = strawberry.field(default=0, description="The merchant is told when fewer units are left.")
    position: int = strawberry.field(default=0, description="Its place in the store; lower comes first.")


@strawberry.input(
    description="Changes to a listing. What is left out stays; null clears the limit per customer and its period."
)
class UpdateListingInput:
    """What may change of a listing."""

    id: strawberry.ID = strawberry.field(description="The listing.")
    version: int = strawberry.field(
        description="The version that was read; the change is refused when it is not the latest."
    )
    title: str | None = strawberry.field(default=UNSET, description="What the merchant calls it.")
    description: str | None = strawberry.field(default=UNSET, description="What the merchant says of it.")
    price: MoneyInput | None = strawberry.field(
        default=UNSET, description="What one unit costs, in the store's currency."
    )
    order_max: int | None = strawberry.field(default=UNSET, description="The most units in one order: 1 to 1,000.")
    customer_max: int | None = strawberry.field(
        default=UNSET, description="The most units for one customer; null: no limit."
    )
    customer_period_days: int | None = strawberry.field(
        default=UNSET, description="The period of the limit per customer, in days; null: it counts for ever."
    )
    low_stock_at: int | None = strawberry.field(
        default=UNSET, description="The merchant is told when fewer units are left."
    )
    position: int | None = strawberry.field(default=UNSET, description="Its place in the store; lower comes first.")


@strawberry.input
class _ListingAsRead:
    """A listing and its version."""

    id: strawberry.ID = strawberry.field(description="The listing.")
    version: int = strawberry.field(description="The version that was read; refused when it is not the latest.")


@strawberry.input(description="Which listing to put on sale, as it was read.")
class PublishListingInput(_ListingAsRead):
    """What publishListing takes."""


@strawberry.input(description="Which listing to take off sale for a while, as it was read.")
class PauseListingInput(_ListingAsRead):
    """What pauseListing takes."""


@strawberry.input(description="Which listing to take off sale for ever, as it was read.")
class ArchiveListingInput(_ListingAsRead):
    """What archiveListing takes."""


@strawberry.input(description="A new price for one listing.")
class ListingPriceInput:
    """One change of a price."""

    listing_id: strawberry.ID = strawberry.field(description="The listing.")
    version: int = strawberry.field(description="The version that was read; refused when it is not the latest.")
    price: MoneyInput = strawberry.field(description="What one unit is to cost, in the store's currency.")


@strawberry.input(description="New prices for several listings.")
class UpdateListingPricesInput:
    """The changes."""

    items: list[ListingPriceInput] = strawberry.field(
        description=f"The new prices, each listing once, at most {limits.PRICES_PER_REQUEST_MAX}."
    )


@strawberry.type(description="The listing was drafted.")
class CreateListingSuccess:
    """The result."""

    listing: Listing = strawberry.field(description="The new listing.")


@strawberry.type(description="The listing was changed.")
class UpdateListingSuccess:
    """The result."""

    listing: Listing = strawberry.field(description="The listing as it is now.")


@strawberry.type(description="The listing is on sale.")
class PublishListingSuccess:
    """The result."""

    listing: Listing = strawberry.field(description="The listing as it is now.")


@strawberry.type(description="The listing is off sale for a while.")
class PauseListingSuccess:
    """The result."""

    listing: Listing = strawberry.field(description="The listing as it is now.")


@strawberry.type(description="The listing is off sale for ever.")
class ArchiveListingSuccess:
    """The result."""

    listing: Listing = strawberry.field(description="The listing as it is now.")


@strawberry.type(description="What became of one change of a price: the listing as it is now, or why it was refused.")
class ListingPriceOutcome:
    """One item's result."""

    listing: Listing | None = strawberry.field(
        description="The listing as it is now; null when the change was refused."
    )
    failure: Failure | None = strawberry.field(description="Why the change was refused; null when it was made.")


@strawberry.type(description="The prices that could be changed were changed; each item says what became of it.")
class UpdateListingPricesSuccess:
    """The results."""

    outcomes: list[ListingPriceOutcome] = strawberry.field(description="What became of each item, in their order.")


_ITEM_REFUSALS: dict[type[Refusal], type[Failure]] = {
    kind: failure_type(kind) for kind in (Invalid, NotFound, StaleVersion, catalog.ListingInWrongState)
}


async def _shown(tx: Tx, ctx: Ctx, listing_id: ListingId) -> Listing:
    """The listing as its owner sees it in the same transaction; who may edit may see."""
    return Listing.of((await storefront.own_shown(tx, ctx, [listing_id]))[listing_id])


Move = Callable[..., Awaitable[catalog.Listing]]


async def _move(tx: Tx, info: Info, move: Move, given_: _ListingAsRead) -> Listing:
    ctx = info.context.ctx
    moved = await move(tx, ctx, listing_id=ListingId(key_of(given_.id, Listing)), version=given_.version)
    return await _shown(tx, ctx, moved.id)


def _refused(refusal: Refusal, context: Context, place: int) -> Failure:
    refusal.path = ("items", str(place), *refusal.path)
    made = to_failure(refusal, _ITEM_REFUSALS, context, prefix="input")
    assert made is not None, type(refusal)
    return made


@strawberry.type
class Mutation:
    """What a merchant does with its listings."""

    @mutation(refusals=[catalog.EntitlementRetired, tenancy.TenantNotActive])
    async def create_listing(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[CreateListingInput, strawberry.argument(description="The listing.")],
    ) -> CreateListingSuccess:
        """Drafts a listing in one of your stores. Buyers see it once it is published."""
        ctx = info.context.ctx
        made = await catalog.create_listing(
            tx,
            ctx,
            store_id=StoreId(key_of(input.store_id, Store, path=("store_id",))),
            entitlement_id=EntitlementId(key_of(input.entitlement_id, Entitlement, path=("entitlement_id",))),
            title=input.title,
            description=input.description,
            price=input.price.read(path=("price",)),
            order_max=input.order_max,
            customer_max=input.customer_max,
            customer_period_days=input.customer_period_days,
            low_stock_at=input.low_stock_at,
            position=input.position,
        )
        return CreateListingSuccess(listing=await _shown(tx, ctx, made.id))

    @mutation(refusals=[StaleVersion, catalog.ListingInWrongState, tenancy.TenantNotActive])
    async def update_listing(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[UpdateListingInput, strawberry.argument(description="The changes.")],
    ) -> UpdateListingSuccess:
        """Changes a listing's terms, at once for new orders; placed orders keep theirs."""
        ctx = info.context.ctx
        changes: dict[str, Any] = given(input, clearable=frozenset({"customer_max", "customer_period_days"}))
        if "price" in changes:
            changes["price"] = changes["price"].read(path=("price",))
        listing_id = ListingId(key_of(input.id, Listing))
        await catalog.update_listing(tx, ctx, listing_id=listing_id, version=input.version, **changes)
        return UpdateListingSuccess(listing=await _shown(tx, ctx, listing_id))

    @mutation(
        refusals=[
            StaleVersion, catalog.ListingInWrongState, catalog.EntitlementRetired, routing.NoSource, tenancy.TenantNotActive,
        ]
    )  # fmt: skip
    async def publish_listing(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[PublishListingInput, strawberry.argument(description="Which one.")],
    ) -> PublishListingSuccess:
        """Puts a drafted or paused listing on sale, which takes a source that is switched on."""
        return PublishListingSuccess(listing=await _move(tx, info, routing.publish_listing, input))

    @mutation(refusals=[StaleVersion, catalog.ListingInWrongState, tenancy.TenantNotActive])
    async def pause_listing(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[PauseListingInput, strawberry.argument(description="Which one.")],
    ) -> PauseListingSuccess:
        """Takes a listing off sale for a while; buyers do not see it, placed orders are not touched."""
        return PauseListingSuccess(listing=await _move(tx, info, catalog.pause_listing, input))

    @mutation(refusals=[StaleVersion, catalog.ListingInWrongState, tenancy.TenantNotActive])
    async def archive_listing(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[ArchiveListingInput, strawberry.argument(description="Which one.")],
    ) -> ArchiveListingSuccess:
        """Takes a listing off sale for ever; placed orders are not touched."""
        return ArchiveListingSuccess(listing=await _move(tx, info, catalog.archive_listing, input))

    @mutation(refusals=[tenancy.TenantNotActive])
    async def update_listing_prices(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[UpdateListingPricesInput, strawberry.argument(description="The changes.")],
    ) -> UpdateListingPricesSuccess:
        """Changes the prices of several listings, each by itself: one that is refused does not stop the others."""
        context = info.context
        changes = [
            catalog.PriceChange(
                ListingId(key_of(item.listing_id, Listing, path=("items", str(place), "listing_id"))),
                item.version,
                item.price.read(path=("items", str(place), "price")),
            )
            for place, item in enumerate(input.items[: limits.PRICES_PER_REQUEST_MAX + 1])
        ]
        answers = await catalog.update_prices(tx, context.ctx, changes=changes)
        shown = await storefront.own_shown(tx, context.ctx, [change.listing_id for change in changes])
        return UpdateListingPricesSuccess(
            outcomes=[
                ListingPriceOutcome(listing=None, failure=_refused(answer, context, place))
                if isinstance(answer, Refusal)
                else ListingPriceOutcome(listing=Listing.of(shown[answer.id]), failure=None)
                for place, answer in enumerate(answers)
            ]
        )
