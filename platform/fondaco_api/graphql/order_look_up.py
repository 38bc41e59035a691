"""Finding orders again: a guest's one by letter, the merchant's by anything that people remember of them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.orders import Order
from fondaco_api.graphql.paging import After, Before, Connection, First, Last, connect, read_page
from fondaco_api.graphql.transaction import mutation
from fondaco_core import identity
from fondaco_core.errors import Invalid
from fondaco_core.ids import ListingId
from fondaco_tenants import customers, orders
from fondaco_tenants.orders import OrderSearch, OrderState


@strawberry.input(description="What orders are looked for by; everything given holds at once.")
class OrderSearchInput:
    """A search."""

    states: list[OrderState] | None = strawberry.field(default=None, description="In one of these states.")
    code: str | None = strawberry.field(default=None, description="With this number, whole.")
    contact: str | None = strawberry.field(
        default=None, description="Of the buyer with this contact, whole. Needs `customers.read` as well."
    )
    listing_id: strawberry.ID | None = strawberry.field(default=None, description="With this listing among the lines.")
    reference: str | None = strawberry.field(default=None, description="With this reference of the buyer, whole.")
    placed_from: datetime | None = strawberry.field(default=None, description="Placed then or later.")
    placed_to: datetime | None = strawberry.field(default=None, description="Placed before then.")


@strawberry.type
class MerchantFields:
    """Orders as the merchant's people look for them."""

    @strawberry.field(description="Orders of all stores that fit, newest first. Needs the permission `orders.read`.")
    async def find_orders(  # noqa: PLR0917 - arguments of a field, which clients give by name
        self,
        info: Info,
        search: Annotated[
            OrderSearchInput | None, strawberry.argument(description="What is known of them; null for all.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Order]:
        """The orders that fit."""
        page = read_page(first, after, last, before, keys=(UUID,))
        (bound,) = page.bound(1)
        search = search or OrderSearchInput()
        listing_id = (
            None if search.listing_id is None else ListingId(key_of(search.listing_id, Listing, path=("listing_id",)))
        )
        sought = OrderSearch(
            states=None if search.states is None else tuple(search.states), code=search.code, contact=search.contact,
            listing_id=listing_id, reference=search.reference, placed_from=search.placed_from, placed_to=search.placed_to,
        )  # fmt: skip
        async with info.context.reading() as tx:
            rows = await orders.search_orders(
                tx, info.context.ctx, search=sought, bound=bound, backwards=page.backward, count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=Order.of)


@strawberry.input(description="What a guest knows of an order.")
class LookUpOrderInput:
    """What lookUpOrder takes."""

    store: str = strawberry.field(description="The store's short name, as in its address.")
    order_code: str = strawberry.field(description="The order's number, such as `FD-7K2M-9QXA-4TBC`.")
    contact: str = strawberry.field(description="The e-mail address that it was placed with.")


@strawberry.type(
    description="If there is such an order, a link to it is on its way to the contact. Nobody else is told."
)
class LookUpOrderSuccess:
    """The same answer in any case."""

    accepted: bool = strawberry.field(description="Always true.")


@strawberry.type
class Mutation:
    """What a guest does who has lost the link."""

    @mutation(refusals=[customers.BadContact, orders.NoLetters, identity.TooManyAttempts], replays=False)
    async def look_up_order(
        self, info: Info, input: Annotated[LookUpOrderInput, strawberry.argument(description="Which order.")]
    ) -> LookUpOrderSuccess:
        """Sends a link to a guest's order to the address that it was placed with, if there is one; says not whether."""
        if len(input.order_code) > 100 or "\0" in input.order_code:  # noqa: PLR2004 - longer than any number of ours
            raise Invalid("This is no order's number.", zh="订单号格式不正确。", path=("order_code",))
        await orders.look_up_order(
            info.context.ctx, store_slug=input.store, order_code=input.order_code, contact=input.contact
        )
        return LookUpOrderSuccess(accepted=True)
