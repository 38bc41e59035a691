"""Money from a gateway reaches its order: it is paid and fulfilled, held again when the money comes late, or given back.

All of it in one transaction, and without a person. The order's row is locked first, then the payment's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from fondaco_core import audit, clock, ledger, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, Refusal
from fondaco_core.ids import AllocationId, ListingId, OrderId, PaymentId, PoolId, new_id
from fondaco_core.postings import NewTransfer
from fondaco_tenants import codes, customers, payments
from fondaco_tenants.codes import Picked
from fondaco_tenants.orders import rules, store
from fondaco_tenants.orders.errors import HoldExpired, OrderNotOpen
from fondaco_tenants.orders.events import OrderFulfilled
from fondaco_tenants.orders.rules import OrderState
from fondaco_tenants.orders.service import chain
from fondaco_tenants.orders.service.change import sale_of
from fondaco_tenants.orders.service.commissions import pay_commissions
from fondaco_tenants.orders.service.lots import tell_sellers
from fondaco_tenants.orders.service.quote import limit_key
from fondaco_tenants.orders.service.read import OrderView, find_orders, get_order, order_view
from fondaco_tenants.payments import Due, Outcome, PaymentView, Standing, Through


async def start_payment(tx: Tx, ctx: Ctx, *, order_id: OrderId, through: Through) -> PaymentView:
    """Opens a payment through a gateway for an unpaid order of the asker's own, for as long as its stock is held.

    Raises OrderNotOpen, HoldExpired, CustomerBlocked, TenantNotActive, GatewayUnavailable, TooManyPayments. payments.open_at_gateway takes it to the gateway after the commit.
    """
    ctx.require("buyer.order")
    order = await get_order(tx, ctx, order_id)
    if order.state is not OrderState.PENDING_PAYMENT:
        raise OrderNotOpen(order_id, state=order.state.value)
    assert order.hold_expires_at is not None
    if order.hold_expires_at <= clock.now():
        raise HoldExpired(order_id, expired_at=order.hold_expires_at)
    if not order.total.amount_minor:
        raise Invalid(
            "This order costs nothing; pay it with payOrder.",
            zh="该订单金额为零，请使用 payOrder 完成。",
            path=("orderId",),
        )
    await tenancy.require_active(tx, ctx)
    await customers.require_welcome(tx, order.customer_id)
    due = Due(order.total, order.code, order.hold_expires_at)
    return await payments.open_order_payment(
        tx, ctx, order_id=order_id, customer_id=order.customer_id, due=due, through=through
    )


async def find_payments(tx: Tx, ctx: Ctx, payment_ids: Sequence[PaymentId]) -> dict[PaymentId, PaymentView]:
    """Those of the payments that the asker may see; one of an order only with the order."""
    ctx.require(next((name for name in ("orders.read", "wallets.read") if ctx.has(name)), "buyer.read"))
    found = await payments.find_payments(tx, ctx, payment_ids)
    of_orders = {view.order_id for view in found.values() if view.order_id is not None}
    visible = await find_orders(tx, ctx, sorted(of_orders)) if of_orders else {}
    return {key: view for key, view in found.items() if view.order_id is None or view.order_id in visible}


async def settle_payment(tx: Tx, ctx: Ctx, *, payment_id: PaymentId) -> Outcome | None:
    """Does with captured money what it came for, or sends it back; once, however many try. None when there is nothing to do.

    An order that still waits is paid and fulfilled. One whose hold ran out lately is held again, at its old price, from wherever its
    listing is filled now, if it is on sale. What is too much, too little, too late, twice or of another currency goes back to its source.
    """
    ctx.require("system.run")
    payment = await payments.get_for_system(tx, ctx, payment_id)
    if payment is None or payment.order_id is None or payment.captured is None or payment.settled_at is not None:
        return None
    row = await tx.fetchrow(store.LOCK, payment.order_id)
    assert row is not None
    order = order_view(row)
    # Whoever had the order's row before may have settled it.
    payment = await payments.get_for_system(tx, ctx, payment_id)
    if payment is None or payment.captured is None or payment.settled_at is not None:
        return None
    outcome = payments.outcome_of(
        total=order.total, captured=payment.captured, standing=await _standing(tx, ctx, order)
    )
    again: list[_Unit] | None = None
    between: list[NewTransfer] = []
    if outcome is Outcome.ORDER_PAID_LATE:
        again = await _pick_again(tx, order)
        paid = (
            None
            if again is None
            else await chain.pay_again(tx, order, await tx.fetch(store.HOPS, order.id), clock.now())
        )
        if again is None or paid is None:
            outcome = Outcome.TOO_LATE
        else:
            between = paid
    transfers = await payments.settled(tx, ctx, payment=payment, outcome=outcome, total=order.total)
    assert transfers, "nobody else settles a payment of an order whose row is locked"
    if outcome in payments.PAYING:
        sale, chained, commissioned = await sale_of(tx, order)
        transfers += sale + between
        await _fulfil(tx, ctx, order, payment, again)
        if chained:
            await tell_sellers(tx, order.id)
            await pay_commissions(tx, commissioned)
        if chained and again is None:
            await chain.lock_chain(tx, [order.id], buyers=ledger.wallets_debited(transfers))
            await chain.post_held(tx, order.id)
    await ledger.post(tx, transfers)
    return outcome


async def _standing(tx: Tx, ctx: Ctx, order: OrderView) -> Standing:
    if order.state in rules.SETTLED or order.state is OrderState.REFUNDED:
        return Standing.PAID
    if order.state not in {OrderState.PENDING_PAYMENT, OrderState.EXPIRED}:
        return Standing.OVER
    if order.closed_at is not None and clock.now() - order.closed_at > timedelta(seconds=limits.PAID_LATE_S):
        return Standing.OVER
    try:
        await tenancy.require_active(tx, replace(ctx, tenant_id=order.tenant_id))
        await customers.require_welcome(tx, order.customer_id)
    except Refusal:
        return Standing.NOT_SERVED
    return Standing.HELD if order.state is OrderState.PENDING_PAYMENT else Standing.EXPIRED


async def _fulfil(tx: Tx, ctx: Ctx, order: OrderView, payment: PaymentView, again: "Sequence[_Unit] | None") -> None:
    """Delivers what is held, or what was just picked again, and says that the order is paid."""
    now = clock.now()
    if again is None:
        units = [AllocationId(row["id"]) for row in await tx.fetch(store.FULFIL_ALLOCATIONS, order.id, now)]
        await codes.deliver_codes(tx, units)
        await tx.execute(store.PAID, order.id, now, limits.SALE_SETTLE_DAYS)
    else:
        assert OrderState.FULFILLED in rules.NEXT_STATES[order.state]
        await codes.allocate_codes(tx, [(unit.id, unit.picked) for unit in again], delivered=True)
        await tx.execute(
            store.ALLOCATE_AGAIN, [unit.id for unit in again], [unit.before for unit in again],
            [unit.picked.owner_id for unit in again], [unit.picked.code_id for unit in again], now,
            [unit.picked.masked for unit in again],
        )  # fmt: skip
        await tx.execute(store.RAISE_LINES, order.id)
        await tx.execute(store.PAID_LATE, order.id, now, limits.SALE_SETTLE_DAYS)
    await payments.give_up_payments(tx, [order.id], but=payment.id)
    await audit.record(
        tx, ctx, "order.paid", subject_kind="order", subject_id=order.id, tenant_id=order.tenant_id,
        detail={"payment_id": payment.id, "late": again is not None},
    )  # fmt: skip
    await outbox.announce(tx, (order.tenant_id, OrderFulfilled(str(order.id))))


@dataclass(frozen=True, slots=True)
class _Unit:
    """One unit that is held again: its new allocation, the one before, and its code."""

    id: AllocationId
    before: AllocationId
    picked: Picked


@dataclass(slots=True)
class _Line:
    """The units of one line that need codes again, and the pools that its listing is filled from now."""

    units: list[AllocationId]
    pools: list[PoolId]


async def _pick_again(tx: Tx, order: OrderView) -> list[_Unit] | None:
    """Locks a code for every unit of an order whose hold has ended, first expiring first; None when some cannot be had.

    Nothing can where the buyer has bought as much meanwhile as a listing allows.
    """
    limited = [ListingId(row["listing_id"]) for row in await tx.fetch(store.LIMITED_LISTINGS, order.id)]
    if limited:
        await tx.fetch(store.LOCK_LIMITS, [limit_key(listing_id, order.customer_id) for listing_id in limited])
        if await tx.fetchval(store.OVER_LIMIT, order.id, order.customer_id, clock.now()):
            return None
    lines = [
        _Line([AllocationId(unit) for unit in row["units"]], [PoolId(pool) for pool in row["pools"] or ()])
        for row in await tx.fetch(store.LINES_TO_HOLD_AGAIN, order.id)
    ]
    stock: dict[PoolId, list[Picked]] = {}
    while True:
        made, short = _assign_again(lines, stock)
        if not short:
            return made
        wants: dict[PoolId, int] = {}
        for line, missing in short:
            # A pool is picked from once: what this transaction has locked would be found again.
            pool = next((pool for pool in line.pools if pool not in stock), None)
            if pool is None:
                return None
            wants[pool] = wants.get(pool, 0) + missing
        stock |= await codes.pick_codes(tx, wants)


def _assign_again(
    lines: Sequence[_Line], stock: dict[PoolId, list[Picked]]
) -> tuple[list[_Unit], list[tuple[_Line, int]]]:
    left = {pool: list(picked) for pool, picked in stock.items()}
    made: list[_Unit] = []
    short: list[tuple[_Line, int]] = []
    for line in lines:
        found = [picked for pool in line.pools for picked in _take(left, pool)]
        used, spare = found[: len(line.units)], found[len(line.units) :]
        for picked in spare:
            left[picked.pool_id].append(picked)
        made += [_Unit(AllocationId(new_id()), unit, picked) for unit, picked in zip(line.units, used, strict=False)]
        if len(used) < len(line.units):
            short.append((line, len(line.units) - len(used)))
    return made, short


def _take(left: dict[PoolId, list[Picked]], pool: PoolId) -> list[Picked]:
    taken = left.get(pool, [])
    left[pool] = []
    return taken
