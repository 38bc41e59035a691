"""Simulating an order: the path of placing it, without locks and without effect."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from fondaco_core import clock
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Refusal
from fondaco_core.ids import CustomerId, ListingId, PoolId
from fondaco_core.money import Money
from fondaco_tenants import codes, customers
from fondaco_tenants.orders import rules
from fondaco_tenants.orders.errors import OutOfStock
from fondaco_tenants.orders.rules import PricedOrder, Quote, Route, Spare
from fondaco_tenants.orders.service.budgets import (
    address_hash,
    budget_keys,
    check_share,
    device_hash,
    guests_left,
    hold_more,
    usage_of,
)
from fondaco_tenants.orders.service.draft import Draft
from fondaco_tenants.orders.service.quote import (
    OrderRequest,
    PayBy,
    as_guest,
    bought_before,
    check_guest_pays_nothing,
    quotes_of,
    read_listings,
    require_affordable,
    with_all_routes,
)


@dataclass(frozen=True, slots=True)
class SimulatedLine:
    """What one line would cost, and from where each of its units would come.

    `sources` is how many these are, and `available` how many units there are, each None where others fill it, too, and it is not told.
    """

    listing_id: ListingId
    title: str
    quantity: int
    unit_price: Money
    subtotal: Money
    available: int | None
    route: tuple[tuple[Route, int], ...]
    sources: int | None


@dataclass(frozen=True, slots=True)
class Simulated:
    """What `place_order` would do now: `refusal` is None when the order would stand."""

    lines: tuple[SimulatedLine, ...]
    total: Money
    refusal: Refusal | None


async def simulate_order(tx: Tx, ctx: Ctx, *, customer_id: CustomerId | None, request: OrderRequest) -> Simulated:
    """Prices, checks and routes an order as placing it would, and changes nothing; `customer_id` is None for a new guest.

    Raises only what makes the question itself senseless: no lines, no such listing. Any other refusal is the answer.
    """
    ctx.require("buyer.order")
    rules.check_lines(request.lines)
    rows = await read_listings(tx, None, set(request.lines))
    quotes = quotes_of(rows, request.lines, pay_by=request.pay_by)
    routes = await with_all_routes(tx, quotes)
    quotes = [replace(quote, routes=routes.get((quote.listing_id, quote.quantity), quote.routes)) for quote in quotes]
    total = sum((quote.unit_price_minor * quote.quantity for quote in quotes), 0)
    stock = await codes.stock_of_pools(
        tx,
        sorted({route.pool_id for quote in quotes for route in quote.routes}),
        up_to=sum(quote.quantity for quote in quotes),
    )
    refusal = await _refusal(tx, ctx, request, quotes, stock, customer_id=customer_id)
    left = Spare(dict(stock))
    simulated: list[SimulatedLine] = []
    for quote in quotes:
        plan = rules.plan_units(quote, left)
        price = Money(quote.unit_price_minor, quote.currency)
        simulated.append(
            SimulatedLine(
                quote.listing_id,
                quote.title,
                quote.quantity,
                price,
                price * quote.quantity,
                rules.told_available(quote, sum(units for _, units in plan)),
                tuple(plan),
                None if quote.chained else len({route.source_id for route, _ in plan}),
            )
        )
    return Simulated(tuple(simulated), Money(total, quotes[0].currency), refusal)


async def _refusal(
    tx: Tx,
    ctx: Ctx,
    request: OrderRequest,
    quotes: Sequence[Quote],
    stock: dict[PoolId, int],
    *,
    customer_id: CustomerId | None,
) -> Refusal | None:
    try:
        if customer_id is not None:
            await customers.require_welcome(tx, customer_id)
        priced = rules.price_order(quotes, agreed=request.agreed, guest=as_guest(ctx))
        if customer_id is not None:
            bought = await bought_before(
                tx, customer_id, [q for q in quotes if q.customer_max is not None], clock.now()
            )
            for quote in quotes:
                rules.check_customer_limit(quote, bought=bought.get(quote.listing_id, 0))
        # Of others' stock nobody learns by asking who could not have it anyway.
        chained = any(quote.chained for quote in quotes)
        if chained:
            await _require_means(tx, ctx, request, priced, stock, customer_id=customer_id)
        for line, missing in rules.short_lines(quotes, Spare(dict(stock))):
            raise OutOfStock(
                line.listing_id,
                asked=line.quantity,
                available=rules.told_available(line, line.quantity - missing),
                path=("lines", str(line.line)),
            )
        if not chained:
            await _require_means(tx, ctx, request, priced, stock, customer_id=customer_id)
    except Refusal as refusal:
        return refusal
    return None


async def _require_means(
    tx: Tx,
    ctx: Ctx,
    request: OrderRequest,
    priced: PricedOrder,
    stock: dict[PoolId, int],
    *,
    customer_id: CustomerId | None,
) -> None:
    if request.pay_by is PayBy.LATER:
        await _require_holdable(tx, ctx, request, priced.lines, stock, customer_id=customer_id)
    elif as_guest(ctx):
        check_guest_pays_nothing(priced.total)
    elif priced.total.amount_minor:
        await require_affordable(tx, customer_id, priced)


async def _require_holdable(
    tx: Tx,
    ctx: Ctx,
    request: OrderRequest,
    quotes: Sequence[Quote],
    stock: dict[PoolId, int],
    *,
    customer_id: CustomerId | None,
) -> None:
    draft = Draft(CustomerId(UUID(int=0)) if customer_id is None else customer_id, request, PricedOrder(tuple(quotes)))
    draft.device_hash, draft.address_hash = device_hash(quotes[0].seller_id, request.device), address_hash(ctx)
    keys = budget_keys(draft)
    usage = await usage_of(tx, ctx, customer_id=customer_id, keys=keys)
    hold_more(usage, keys, units=draft.units_asked, guest=as_guest(ctx))
    if as_guest(ctx):
        left, wants, others = Spare(dict(stock)), Counter[PoolId](), dict[PoolId, Quote]()
        for quote in quotes:
            for route, units in rules.plan_units(quote, left):
                wants[route.pool_id] += units
                others |= {route.pool_id: quote} if route.legs else {}
        check_share(await guests_left(tx, usage.budgets, wants), wants, others)
