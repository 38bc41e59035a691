"""Orders: what their buyers and the merchant's people see of them."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast
from uuid import UUID

import strawberry

from fondaco_api.graphql.catalog import Entitlement
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.delivery import OrderDelivery
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.errors import ApiError
from fondaco_api.graphql.node import Node, key_of, load_named
from fondaco_api.graphql.order_gift import OrderGift, load_gifts
from fondaco_api.graphql.order_timeline import TimelineEntry
from fondaco_api.graphql.paging import After, Before, Connection, First, Last, connect, read_page
from fondaco_api.graphql.payments import OrderPayments
from fondaco_api.graphql.redemption import load_redeemed_at
from fondaco_api.graphql.scalars import Money
from fondaco_core import clock, limits
from fondaco_core.context import ActorKind
from fondaco_core.errors import NotFound
from fondaco_core.ids import AllocationId, EntitlementId, OrderId
from fondaco_tenants import aftersales, orders
from fondaco_tenants.orders import AllocationState, AllocationView, LineView, OrderState, OrderView

if TYPE_CHECKING:
    from fondaco_api.graphql.customers import Customer
    from fondaco_api.graphql.storefront import Store

described(
    OrderState,
    "Where an order stands.",
    PENDING_PAYMENT="Its stock is held until `holdExpiresAt`; it waits to be paid.",
    PAID="It is paid, and what takes longer is under way.",
    FULFILLED="Every unit has its code.",
    EXPIRED="It was not paid in time; its stock is free again.",
    CANCELLED="It was cancelled before it was paid; its stock is free again.",
    HELD_FOR_REVIEW="A person looks at it before it goes on.",
    REJECTED="It was refused after a review.",
    PARTIALLY_REFUNDED="Some of its units were refunded.",
    REFUNDED="All of its units were refunded.",
)
described(
    AllocationState,
    "Where one unit of an order stands.",
    HELD="A code is held for it until the order is paid.",
    FULFILLED="Its code is the buyer's.",
    RELEASED="Its code went back to stock: cancelled, expired or refunded.",
    FAILED="Its code failed; the unit goes on in another attempt.",
    UNKNOWN="Its source has not said what became of it.",
    WAITING="Its code failed and there was no other; it gets the next one, or is refunded.",
)


async def load_orders(context: Context, ids: list[OrderId]) -> list[OrderView | None]:
    """Orders that the asker may see, by id."""
    async with context.reading() as tx:
        found = await orders.find_orders(tx, context.ctx, ids)
    return [found.get(each) for each in ids]


async def load_lines(context: Context, ids: list[OrderId]) -> list[list[LineView]]:
    """The lines of orders."""
    async with context.reading() as tx:
        found = await orders.lines_of(tx, context.ctx, ids)
    return [found.get(each, []) for each in ids]


async def load_allocations(context: Context, ids: list[AllocationId]) -> list[AllocationView | None]:
    """Units that the asker may see, by id."""
    async with context.reading() as tx:
        found = await orders.find_allocations(tx, context.ctx, ids)
    return [found.get(each) for each in ids]


@strawberry.type(
    description="One unit of an order: its code, masked. The plaintext is only ever in the result of `revealCode`."
)
class Allocation(Node):
    """One unit of an order line bound to one code."""

    state: AllocationState = strawberry.field(description="Where the unit stands.")
    unit: int = strawberry.field(description="The unit's number within its line, from 1.")
    masked_code: str | None = strawberry.field(description="The code with most of it hidden; null while there is none.")
    revealed_at: datetime | None = strawberry.field(
        description="When its code was first shown; null while nobody saw it."
    )
    refunded_at: datetime | None = strawberry.field(description="When it was refunded; null when it was not.")
    order_key: strawberry.Private[OrderId]

    @classmethod
    def of(cls, view: AllocationView) -> "Allocation":
        """A unit as the schema shows it."""
        return cls(
            key=view.id, state=view.state, unit=view.unit, masked_code=view.masked, revealed_at=view.revealed_at,
            refunded_at=view.refunded_at, order_key=view.order_id,
        )  # fmt: skip

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Allocation | None":
        """The unit as the asker may see it."""
        view = await context.loaders.load(load_allocations, AllocationId(key))
        return None if view is None else cls.of(view)

    @strawberry.field(
        description="When its code was redeemed at the merchant who made it; null while it was not, and for all other codes."
    )
    async def redeemed_at(self, info: Info) -> datetime | None:
        """When the code was redeemed."""
        return await info.context.loaders.load(load_redeemed_at, AllocationId(self.key))

    @strawberry.field(description="Whether you may have its code shown to you.")
    async def viewer_can_reveal(self, info: Info) -> bool:
        """By permission and state; a gift's codes are its recipient's. Whose order it is was decided when it was read."""
        if self.state is not AllocationState.FULFILLED or not info.context.ctx.has("buyer.reveal"):
            return False
        gift = await info.context.loaders.load(load_gifts, self.order_key)
        return gift is None or gift.taken_back_at is not None

    @strawberry.field(description="Whether you may have another code put in its place.")
    def viewer_can_replace(self, info: Info) -> bool:
        """By permission and state; how often a code was replaced before, replacing says."""
        return self.state is AllocationState.FULFILLED and info.context.ctx.has("orders.replace")


@strawberry.type(description="One line of an order: a listing, how many, at which price.")
class OrderLine:
    """One line."""

    number: int = strawberry.field(description="The line's number, from 0.")
    title: str = strawberry.field(description="The listing's title when the order was placed.")
    quantity: int = strawberry.field(description="How many units were ordered.")
    live_quantity: int = strawberry.field(description="How many of them are neither released nor refunded.")
    unit_price: Money = strawberry.field(description="The price of one unit when the order was placed.")
    subtotal: Money = strawberry.field(description="The price of all units.")
    entitlement_key: strawberry.Private[EntitlementId]

    @classmethod
    def of(cls, view: LineView, currency: str) -> "OrderLine":
        """A line as the schema shows it."""
        return cls(
            number=view.number, title=view.title, quantity=view.quantity, live_quantity=view.live_quantity,
            unit_price=Money.minor(view.unit_price_minor, currency),
            subtotal=Money.minor(view.unit_price_minor * view.quantity, currency), entitlement_key=view.entitlement_id,
        )  # fmt: skip

    @strawberry.field(description="The good that was ordered.")
    async def entitlement(self, info: Info) -> Entitlement | None:
        """The standard the line is of."""
        return await Entitlement.load_node(info.context, self.entitlement_key)


@strawberry.type(description="A customer's purchase in a store.")
class Order(Node, OrderDelivery, OrderPayments, OrderGift):
    """A purchase."""

    code: str = strawberry.field(description="The order's number for people, unguessable: `FD-7K2M-9QXA-4TBC`.")
    state: OrderState = strawberry.field(description="Where the order stands.")
    total: Money = strawberry.field(description="What the buyer pays.")
    refunded: Money = strawberry.field(description="What the buyer got back.")
    channel: str = strawberry.field(description="Through which channel it was placed: `API`, `WEB`.")
    reference: str | None = strawberry.field(description="The buyer's own reference, as given.")
    placed_at: datetime = strawberry.field(description="When it was placed.")
    paid_at: datetime | None = strawberry.field(description="When it was paid; null before.")
    fulfilled_at: datetime | None = strawberry.field(description="When every unit had its code; null before.")
    hold_expires_at: datetime | None = strawberry.field(
        description="Until when its stock is held while it is unpaid; else null."
    )
    view: strawberry.Private[OrderView]

    @classmethod
    def of(cls, view: OrderView) -> "Order":
        """An order as the schema shows it."""
        return cls(
            key=view.id, code=view.code, state=view.state, total=Money.of(view.total), refunded=Money.of(view.refunded),
            channel=view.channel, reference=view.reference, placed_at=view.placed_at, paid_at=view.paid_at,
            fulfilled_at=view.fulfilled_at, hold_expires_at=view.hold_expires_at, view=view,
        )  # fmt: skip

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Order | None":
        """The order as the asker may see it."""
        view = await context.loaders.load(load_orders, OrderId(key))
        return None if view is None else cls.of(view)

    @strawberry.field(description=f"Its lines, at most {limits.ORDER_LINES_MAX}.")
    async def lines(self, info: Info) -> list[OrderLine]:
        """The lines."""
        found = await info.context.loaders.load(load_lines, self.view.id)
        return [OrderLine.of(line, self.view.total.currency) for line in found]

    @strawberry.field(description="Its units, each with its masked code, in the order they were allocated.")
    async def allocations(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Allocation]:
        """The units."""
        page = read_page(first, after, last, before, keys=(UUID,))
        (bound,) = page.bound(1)
        async with info.context.reading() as tx:
            rows = await orders.list_allocations(
                tx, info.context.ctx, order_id=self.view.id, bound=bound, backwards=page.backward, count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=Allocation.of)

    @strawberry.field(description="What happened to it so far, oldest first: when, and who did it.")
    async def timeline(self, info: Info) -> list[TimelineEntry]:
        """The timeline."""
        async with info.context.reading() as tx:
            entries = await aftersales.timeline_of(tx, info.context.ctx, self.view.id)
        return [TimelineEntry.of(each) for each in entries]

    @strawberry.field(description="The store it was placed in; null when it is closed to you by now.")
    async def store(self, info: Info) -> Annotated["Store", strawberry.lazy("fondaco_api.graphql.storefront")] | None:
        """The store."""
        found: Any = await load_named(info.context, "Store", self.view.store_id)
        return cast("Store | None", found)

    @strawberry.field(description="Who ordered, as the merchant's people know them; null for the buyer's own side.")
    async def customer(
        self, info: Info
    ) -> Annotated["Customer", strawberry.lazy("fondaco_api.graphql.customers")] | None:
        """The buyer."""
        if not info.context.ctx.has("customers.read"):
            return None
        found: Any = await load_named(info.context, "Customer", self.view.customer_id)
        return cast("Customer | None", found)

    @strawberry.field(description="Whether you may pay it now.")
    def viewer_can_pay(self, info: Info) -> bool:
        """An own order that is unpaid and still held; a guest has no wallet to pay from."""
        ctx = info.context.ctx
        held = self.hold_expires_at is not None and self.hold_expires_at > clock.now()
        affordable = ctx.actor is not ActorKind.GUEST or not self.view.total.amount_minor
        return self.state is OrderState.PENDING_PAYMENT and held and affordable and ctx.has("buyer.order")

    @strawberry.field(description="Whether you may cancel it now.")
    def viewer_can_cancel(self, info: Info) -> bool:
        """An unpaid order, one's own or of one's merchant."""
        ctx = info.context.ctx
        return self.state is OrderState.PENDING_PAYMENT and (ctx.has("buyer.order") or ctx.has("orders.cancel"))

    @strawberry.field(description="Whether you may refund units of it that nobody has seen.")
    def viewer_can_refund(self, info: Info) -> bool:
        """A paid order of one's merchant."""
        return self.state in orders.SETTLED and info.context.ctx.has("orders.refund")


async def _page_of_orders(
    info: Info,
    *,
    states: list[OrderState] | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection[Order]:
    page = read_page(first, after, last, before, keys=(UUID,))
    (bound,) = page.bound(1)
    async with info.context.reading() as tx:
        rows = await orders.list_orders(
            tx, info.context.ctx, states=states, bound=bound, backwards=page.backward, count=page.limit
        )
    return connect(page, rows, key=lambda row: (row.id,), make=Order.of)


_States = Annotated[
    list[OrderState] | None, strawberry.argument(description="Only orders in these states; null for all.")
]


@strawberry.type
class MerchantFields:
    """Orders as the merchant's people see them."""

    @strawberry.field(description="Orders of all stores, newest first.")
    async def orders(
        self,
        info: Info,
        *,
        states: _States = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Order]:
        """The merchant's orders."""
        info.context.ctx.require("orders.read")
        return await _page_of_orders(info, states=states, first=first, after=after, last=last, before=before)


@strawberry.type
class ViewerFields:
    """Orders as their buyer sees them."""

    @strawberry.field(
        description="Your own orders at this merchant, newest first; a guest sees the one order of the token."
    )
    async def orders(
        self,
        info: Info,
        *,
        states: _States = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Order]:
        """The buyer's orders."""
        info.context.ctx.require("buyer.read")
        return await _page_of_orders(info, states=states, first=first, after=after, last=last, before=before)


@strawberry.type
class Query:
    """Orders by their number."""

    @strawberry.field(
        description="An order by its number for people; null when it does not exist or you may not see it."
    )
    async def order(
        self,
        info: Info,
        code: Annotated[str, strawberry.argument(description="The number, such as `FD-7K2M-9QXA-4TBC`.")],
    ) -> Order | None:
        """One order by its code."""
        async with info.context.reading() as tx:
            try:
                return Order.of(await orders.get_order_by_code(tx, info.context.ctx, code))
            except NotFound:
                return None


@strawberry.type
class Subscription:
    """Orders as they change."""

    @strawberry.subscription(
        description="An order now and after each change. Closes by itself once the order is EXPIRED, CANCELLED, REJECTED or REFUNDED; it stays open on FULFILLED and PARTIALLY_REFUNDED, which may still be refunded."
    )
    async def order_changed(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The order's id.")]
    ) -> AsyncGenerator[Order, None]:
        """Follows one order; holds no transaction between two looks."""
        order_id = OrderId(key_of(id, Order))
        seen = -1
        ended = {OrderState.EXPIRED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.REFUNDED}
        while True:
            async with info.context.reading() as tx:
                try:
                    view = await orders.get_order(tx, info.context.ctx, order_id)
                except NotFound as error:
                    raise ApiError(error.message) from None
            if view.version != seen:
                seen = view.version
                yield Order.of(view)
            if view.state in ended:
                return
            await asyncio.sleep(limits.FOLLOW_POLL_S)
