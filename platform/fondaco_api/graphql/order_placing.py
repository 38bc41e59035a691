"""Placing orders: one, many at once, or only as a simulation."""

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, Union
from uuid import UUID

import strawberry

from fondaco_api.graphql.budget import TooManyStreams
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.errors import ApiError, ErrorCode, Failure
from fondaco_api.graphql.order_inputs import PlaceOrderInput, PlaceOrdersInput, SimulateOrderInput, request_of
from fondaco_api.graphql.order_refusals import ITEM_FAILURES, PLACE_REFUSALS, LimitExceeded, OutOfStock, PriceChanged
from fondaco_api.graphql.orders import Order
from fondaco_api.graphql.replay import Repeat, fingerprint
from fondaco_api.graphql.scalars import Money
from fondaco_api.graphql.transaction import mutation, refusal_of, retried
from fondaco_api.graphql.wallets import InsufficientFunds
from fondaco_core import limits
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import Tx, reading, trading
from fondaco_core.db.idempotency import checked_key, claim, claim_many, free
from fondaco_core.errors import Invalid, NotFound, Refusal
from fondaco_core.identity import GUEST_PERMISSIONS, new_order_token
from fondaco_core.ids import ListingId, OrderId
from fondaco_tenants import customers, delivery, orders, storefront
from fondaco_tenants.orders import OrderRequest, OrderState, OrderView, PayBy


@strawberry.type(description="The order stands.")
class PlaceOrderSuccess:
    """A placed order."""

    order: Order = strawberry.field(description="The order, fulfilled already when it was paid from a wallet.")

    @strawberry.field(
        description="For a guest: the token that opens this order and nothing else, to be sent as a Bearer token. "
        "Whoever has it has the codes; the order's page is /s/STORE/o/CODE#TOKEN. Null for buyers with an account."
    )
    def guest_token(self, info: Info) -> str | None:
        """Made anew each time; it is kept nowhere."""
        view = self.order.view
        if info.context.ctx.actor is not ActorKind.GUEST:
            return None
        return new_order_token(tenant_id=view.tenant_id, order_id=view.id, version=view.token_version).reveal()


async def _buyer(context: Context, given: PlaceOrderInput, lines: Sequence[tuple[ListingId, int]]) -> Ctx:
    """Who orders: a buyer as they are, or a stranger as a guest of the store that lists what they want."""
    ctx = context.ctx
    if ctx.customer_id is not None or ctx.actor is not ActorKind.ANONYMOUS:
        ctx.require("buyer.order")
        if ctx.customer_id is None:
            raise orders.InvalidOrder(
                "Only buyers order: use credentials of a buyer, or none and `guest`.",
                zh="仅买家可下单：请使用买家凭证，或以访客身份下单。",
            )
        if given.guest is not None:
            raise orders.InvalidOrder(
                "You order as the buyer whose credentials these are: leave `guest` out, or send none.",
                zh="您正以当前凭证的买家身份下单：请去掉 `guest`，或不带凭证以访客身份下单。",
                path=("guest",),
            )
        return ctx
    if given.guest is None:
        raise orders.InvalidOrder(
            "Say in `guest` where the codes are to be sent, or sign in as a buyer of the store.",
            zh="请在 `guest` 中填写接收卡密的联系方式，或以该店铺买家身份登录。",
            path=("guest",),
        )
    listing_id = next((listing for listing, _ in lines), None)
    async with reading(Ctx()) as tx:
        found = await storefront.tenants_of_listings(tx, [] if listing_id is None else [listing_id])
    if listing_id is None or listing_id not in found:
        raise NotFound("listing", path=("lines", "0", "listing_id"))
    return dataclasses.replace(ctx, tenant_id=found[listing_id], permissions=frozenset({"buyer.order"}))


async def _place(ctx: Ctx, given: PlaceOrderInput, request: OrderRequest, repeat: Repeat | None) -> OrderView:
    async with trading(ctx) as tx:
        order_id = request.order_id
        if repeat is not None and ctx.customer_id is None:
            _check_guest_key(repeat.key)
        if repeat is not None:
            kept = await claim(
                tx,
                ctx,
                key=repeat.key,
                operation=repeat.operation,
                input_hash=repeat.input_hash,
                answer={"order": str(order_id)},
            )
            if kept is not None:
                return await _placed(tx, ctx, OrderId(UUID(kept["order"])))
        customer_id = ctx.customer_id
        if customer_id is None:
            assert given.guest is not None
            customer_id = await customers.find_or_create_guest(tx, ctx, contact=given.guest.contact)
        return (await orders.place_order(tx, ctx, customer_id=customer_id, request=request)).order


async def _check_gifts(ctx: Ctx, requests: Sequence[OrderRequest]) -> None:
    """Refuses gifts of a machine that is shown no code in the open: it would have them sent to whomever it names."""
    if ctx.actor is ActorKind.API_CLIENT and any(request.gift is not None for request in requests):
        async with reading(ctx) as tx:
            await delivery.refuse_plain(tx, ctx)


def _check_guest_key(key: str) -> None:
    """Refuses a key that somebody else might send, too: the repeated request gets the order's token."""
    if len(key) < limits.GUEST_KEY_MIN:
        raise Invalid(
            f"The idempotency key of a guest has at least {limits.GUEST_KEY_MIN} characters; a random UUID is a good one.",
            zh=f"访客的幂等键至少须有 {limits.GUEST_KEY_MIN} 个字符，建议使用随机 UUID。",
            path=("idempotencyKey",),
        )


async def _placed(tx: Tx, ctx: Ctx, order_id: OrderId) -> OrderView:
    """The order of an earlier request as whoever placed it may see it; a guest does so by the key that is repeated."""
    reader = ctx if ctx.customer_id is not None else _guest(ctx, order_id)
    return await orders.get_order(tx, reader, order_id)


def _guest(ctx: Ctx, order_id: OrderId) -> Ctx:
    return dataclasses.replace(
        ctx, actor=ActorKind.GUEST, order_id=order_id, order_token_version=1, permissions=GUEST_PERMISSIONS
    )


async def _take_hold(context: Context, ctx: Ctx, requests: Sequence[OrderRequest]) -> None:
    """Counts what an address begins to hold unpaid; contacts and accounts cost nothing, so that they bound nothing by themselves."""
    units = sum(quantity for each in requests if each.pay_by is PayBy.LATER for _, quantity in each.lines)
    if units <= 0 or context.budgets is None:
        return
    taken = await context.budgets.take_hold(ctx, units)
    if not taken.given:
        context.response_headers.append(("retry-after", str(taken.retry_after_s)))
        message = f"Too much is held unpaid from here; pay at once, or ask again in {taken.retry_after_s} seconds."
        raise ApiError(message, code=ErrorCode.THROTTLED, retryAfterS=taken.retry_after_s)


async def _wait(context: Context, order: OrderView, wait_ms: int) -> OrderView:
    """Waits until an order no longer waits for anything, at most so long; a client waits in so many places as it may follow."""
    if context.budgets is None:
        return order
    try:
        with context.budgets.stream(context.budgets.allowance(context.ctx), "wait"):
            return await _settled(context, order, wait_ms)
    except TooManyStreams:
        return order


async def _settled(context: Context, order: OrderView, wait_ms: int) -> OrderView:
    """The order once it waits for nothing, or when the time is over; holds no transaction meanwhile."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + min(max(wait_ms, 0), limits.WAIT_MAX_MS) / 1000
    while order.state in {OrderState.PENDING_PAYMENT, OrderState.PAID} and loop.time() < deadline:
        await asyncio.sleep(min(limits.FOLLOW_POLL_S, max(0.0, deadline - loop.time())))
        async with context.reading() as tx:
            order = await orders.get_order(tx, context.ctx, order.id)
    return order


PlacedItem = Annotated[
    Union[PlaceOrderSuccess, OutOfStock, PriceChanged, LimitExceeded, InsufficientFunds, "OrderRefused"],
    strawberry.union("PlaceOrdersItem", description="What became of one order of `placeOrders`."),
]


@strawberry.type(description="The order was, or would be, refused for a reason that needs no data to go on.")
class OrderRefused(Failure):
    """Any other refusal of one item."""


@strawberry.type(description="What became of each order, in the order they were asked for.")
class PlaceOrdersSuccess:
    """The outcome of many orders."""

    results: list[PlacedItem] = strawberry.field(
        description="One for each order that was asked for: it stands, or why not."
    )


@strawberry.type(description="What one line would cost, and from where its units would come.")
class SimulatedLine:
    """One line of a simulation."""

    title: str = strawberry.field(description="The listing's title.")
    quantity: int = strawberry.field(description="How many were asked for.")
    unit_price: Money = strawberry.field(description="The price of one unit now.")
    subtotal: Money = strawberry.field(description="The price of all units now.")
    available: int | None = strawberry.field(
        description="How many of the units asked for can be had now; null when it is fewer than all and other merchants fill it, too, whose "
        "stock is not told."
    )
    sources_tried: int | None = strawberry.field(
        description="From how many sources they would come; null where other merchants fill it, too."
    )


@strawberry.type(description="What `placeOrder` would do now.")
class SimulateOrderSuccess:
    """A simulation."""

    lines: list[SimulatedLine] = strawberry.field(description="One for each line that was asked for.")
    total: Money = strawberry.field(description="What the order would cost.")
    would_be_placed: bool = strawberry.field(description="Whether it would stand.")
    failure: Failure | None = strawberry.field(description="The refusal it would meet; null when it would stand.")


@strawberry.type
class Mutation:
    """Placing orders."""

    @mutation(refusals=[*PLACE_REFUSALS, delivery.PlainRefused])
    async def place_order(
        self,
        info: Info,
        input: Annotated[PlaceOrderInput, strawberry.argument(description="What to order.")],
        repeat: Repeat | None,
        wait_ms: Annotated[
            int,
            strawberry.argument(
                description=f"How long the answer may wait for an order that is not paid at once, up to {limits.WAIT_MAX_MS} ms."
            ),
        ] = 0,
    ) -> PlaceOrderSuccess:
        """Places an order: prices it, holds a code for every unit, and, paid from a wallet, fulfils it in the same moment.

        All of it stands, or nothing does. Send an `idempotencyKey`: a repeated request gets the same order.
        """
        request = request_of(input, info.context)
        ctx = await _buyer(info.context, input, request.lines)
        await _check_gifts(ctx, [request])
        await _take_hold(info.context, ctx, [request])
        placed = await retried(lambda: _place(ctx, input, request, repeat), info, "placeOrder")
        if ctx.customer_id is None:
            info.context.ctx = _guest(ctx, placed.id)
        if wait_ms:
            placed = await _wait(info.context, placed, wait_ms)
        return PlaceOrderSuccess(order=Order.of(placed))

    @mutation(refusals=[delivery.PlainRefused])
    async def place_orders(
        self,
        info: Info,
        input: Annotated[PlaceOrdersInput, strawberry.argument(description="The orders.")],
        repeat: Repeat | None,
    ) -> PlaceOrdersSuccess:
        """Places many independent orders of one buyer at once; says for each what became of it.

        With an `idempotencyKey`, a repeated request gets the orders that stand, and tries those that were refused again.
        """
        ctx = info.context.ctx
        ctx.require("buyer.order")
        if ctx.customer_id is None or not 1 <= len(input.orders) <= limits.ORDERS_PER_REQUEST_MAX:
            raise orders.InvalidOrder(
                f"A buyer places 1 to {limits.ORDERS_PER_REQUEST_MAX} orders at once.",
                zh=f"买家每次可提交 1 至 {limits.ORDERS_PER_REQUEST_MAX} 个订单。", path=("orders",),
            )  # fmt: skip
        requests = [request_of(each, info.context, "orders", str(n)) for n, each in enumerate(input.orders)]
        await _check_gifts(ctx, requests)
        await _take_hold(info.context, ctx, requests)
        outcomes = await retried(lambda: _place_many(ctx, input, requests, repeat), info, "placeOrders")
        results: list[Any] = [
            PlaceOrderSuccess(order=Order.of(outcome))
            if isinstance(outcome, OrderView)
            else refusal_of(outcome, info.context, ITEM_FAILURES, OrderRefused)
            for outcome in outcomes
        ]
        return PlaceOrdersSuccess(results=results)

    @mutation(refusals=[orders.InvalidOrder], replays=False)
    async def simulate_order(
        self,
        info: Info,
        input: Annotated[SimulateOrderInput, strawberry.argument(description="What would be ordered.")],
    ) -> SimulateOrderSuccess:
        """Says what `placeOrder` would do now: price, availability, and the refusal it would meet. Changes nothing."""
        request = request_of(input, info.context)
        ctx = await _buyer(info.context, input, request.lines)
        # Over other merchants routes are known to trading alone.
        async with trading(ctx) as tx:
            found = await orders.simulate_order(tx, ctx, customer_id=ctx.customer_id, request=request)
        refusal = found.refusal
        return SimulateOrderSuccess(
            lines=[
                SimulatedLine(
                    title=line.title, quantity=line.quantity, unit_price=Money.of(line.unit_price),
                    subtotal=Money.of(line.subtotal), available=line.available, sources_tried=line.sources,
                )
                for line in found.lines
            ],
            total=Money.of(found.total),
            would_be_placed=refusal is None,
            failure=None if refusal is None else refusal_of(refusal, info.context, ITEM_FAILURES, OrderRefused),
        )  # fmt: skip


async def _place_many(
    ctx: Ctx, given: PlaceOrdersInput, requests: Sequence[OrderRequest], repeat: Repeat | None
) -> list[OrderView | Refusal]:
    assert ctx.customer_id is not None
    async with trading(ctx) as tx:
        before: list[dict[str, Any] | None] = [None] * len(requests)
        keys: list[str] = []
        if repeat is not None:
            keys = [checked_key(f"{repeat.key}:{n}") for n in range(len(requests))]
            before = await claim_many(tx, ctx, operation=repeat.operation, claims=[
                (key, fingerprint(repeat.operation, {"order": each}), {"order": str(request.order_id)})
                for key, each, request in zip(keys, given.orders, requests, strict=True)
            ])  # fmt: skip
        fresh = [n for n, kept in enumerate(before) if kept is None]
        placed = (
            await orders.place_orders(tx, ctx, customer_id=ctx.customer_id, requests=[requests[n] for n in fresh])
            if fresh
            else []
        )
        outcomes = {n: one if isinstance(one, Refusal) else one.order for n, one in zip(fresh, placed, strict=True)}
        if keys:
            await free(tx, ctx, keys=[keys[n] for n, one in outcomes.items() if isinstance(one, Refusal)])
        earlier = {n: OrderId(UUID(kept["order"])) for n, kept in enumerate(before) if kept is not None}
        if earlier:
            found = await orders.find_orders(tx, ctx, list(earlier.values()))
            outcomes |= {n: found[order_id] for n, order_id in earlier.items()}
        return [outcomes[n] for n in range(len(requests))]
