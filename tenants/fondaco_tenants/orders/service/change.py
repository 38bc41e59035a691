"""What happens to an order after it was placed: pay, cancel, expire, refund, reveal. The order's row is locked first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from fondaco_core import audit, clock, ledger, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Bug, NotFound
from fondaco_core.ids import AllocationId, OrderId, OrderLineId, SourceId, new_id
from fondaco_core.money import Money
from fondaco_core.postings import NewTransfer
from fondaco_tenants import codes, customers, payments
from fondaco_tenants.orders import rules, store
from fondaco_tenants.orders.errors import CodeAlreadyRedeemed, CodeAlreadyRevealed, HoldExpired, OrderNotOpen
from fondaco_tenants.orders.events import OrderClosed, OrderFulfilled, OrderRefunded
from fondaco_tenants.orders.rules import AllocationState, HopBack, HopPlan, OrderState, SoldHop
from fondaco_tenants.orders.service import chain
from fondaco_tenants.orders.service.commissions import give_back, pay_commissions
from fondaco_tenants.orders.service.lots import record_lots_of, tell_sellers
from fondaco_tenants.orders.service.quote import as_guest, check_guest_pays_nothing
from fondaco_tenants.orders.service.read import OrderView, may_see, order_view
from fondaco_tenants.payments import BackTo, RefundReason


@dataclass(frozen=True, slots=True)
class Refunded:
    """Money that went back, in the same transaction as the codes that went back to stock.

    In the wallet it is at once; on its way to the SOURCE it is when the gateway has said so.
    """

    order_id: OrderId
    units: int
    amount: Money
    to: BackTo


async def _locked(tx: Tx, ctx: Ctx, order_id: OrderId) -> OrderView:
    row = await tx.fetchrow(store.LOCK, order_id)
    if row is None or not may_see(ctx, view := order_view(row)):
        raise NotFound("order")
    return view


async def pay_order(tx: Tx, ctx: Ctx, *, order_id: OrderId) -> OrderView:
    """Pays a pending order from its buyer's wallet and fulfils it, in one transaction.

    Raises OrderNotOpen, HoldExpired, InsufficientFunds, CustomerBlocked, TenantNotActive; paying a paid order again answers
    it as it is.
    """
    ctx.require("buyer.order")
    order = await _locked(tx, ctx, order_id)
    if order.state in rules.SETTLED:
        return order
    if order.state is not OrderState.PENDING_PAYMENT:
        raise OrderNotOpen(order_id, state=order.state.value)
    now = clock.now()
    assert order.hold_expires_at is not None
    if order.hold_expires_at <= now:
        raise HoldExpired(order_id, expired_at=order.hold_expires_at)
    if as_guest(ctx):
        check_guest_pays_nothing(order.total)
    await tenancy.require_active(tx, ctx)
    await customers.require_welcome(tx, order.customer_id)
    sale, chained, commissioned = await sale_of(tx, order)
    allocations = [AllocationId(row["id"]) for row in await tx.fetch(store.FULFIL_ALLOCATIONS, order_id, now)]
    await codes.deliver_codes(tx, allocations)
    debited = ledger.wallets_debited(sale)
    if chained:
        ledger.check_affordable(debited, await chain.lock_chain(tx, [order_id], buyers=debited))
        await chain.post_held(tx, order_id)
    else:
        ledger.check_affordable(debited, await ledger.lock_wallets(tx, sorted(debited, key=str)))
    await ledger.post(tx, sale)
    await tx.execute(store.PAID, order_id, now, limits.SALE_SETTLE_DAYS)
    await payments.give_up_payments(tx, [order_id])
    await audit.record(tx, ctx, "order.paid", subject_kind="order", subject_id=order_id, tenant_id=order.tenant_id)
    await outbox.announce(tx, (order.tenant_id, OrderFulfilled(str(order_id))))
    if chained:
        await tell_sellers(tx, order_id)
        await pay_commissions(tx, commissioned)
    return order_view(await tx.fetchrow(store.LOCK, order_id))


async def sale_of(tx: Tx, order: OrderView) -> tuple[list[NewTransfer], bool, dict[UUID, OrderId]]:
    """The transfers that pay an order, whether more is set aside between merchants behind it, and which of its hops cost commission."""
    rows = await tx.fetch(store.HOPS, order.id)
    hops = [
        HopPlan(
            line=0, source_id=SourceId(r["source_id"]), depth=0, seller_id=r["seller_tenant_id"], buyer_id=None,
            quantity=r["quantity"], unit_price_minor=r["unit_price_minor"], fee_minor=r["fee_minor"],
        )
        for r in rows if r["depth"] == 0
    ]  # fmt: skip
    sale = rules.payments_of_hops(hops, customer_id=order.customer_id, currency=order.total.currency, order_id=order.id)
    return sale, len(hops) < len(rows), {row["id"]: order.id for row in rows if row["commissions"]}


async def cancel_order(tx: Tx, ctx: Ctx, *, order_id: OrderId, reason: str | None = None) -> OrderView:
    """Cancels an unpaid order: its stock is free again. By its buyer, or by the merchant's people."""
    ctx.require("orders.cancel" if ctx.has("orders.cancel") else "buyer.order")
    why = None if reason is None else tenancy.checked_reason(reason)
    order = await _locked(tx, ctx, order_id)
    if order.state is not OrderState.PENDING_PAYMENT:
        raise OrderNotOpen(order_id, state=order.state.value)
    await close_orders(tx, ctx, [order_id], OrderState.CANCELLED, reason=why, tenants=[order.tenant_id])
    return order_view(await tx.fetchrow(store.LOCK, order_id))


async def expire_overdue(tx: Tx, ctx: Ctx, *, count: int = limits.EXPIRE_BATCH) -> int:
    """Ends unpaid orders whose hold has run out, over all tenants, oldest first; says how many."""
    ctx.require("system.run")
    rows = await tx.fetch(store.OVERDUE, clock.now(), count)
    if rows:
        await close_orders(
            tx, ctx, [OrderId(row["id"]) for row in rows], OrderState.EXPIRED, reason=None,
            tenants=[row["tenant_id"] for row in rows],
        )  # fmt: skip
    return len(rows)


async def close_orders(
    tx: Tx, ctx: Ctx, order_ids: Sequence[OrderId], state: OrderState, *, reason: str | None, tenants: Sequence[UUID]
) -> None:
    """Ends unpaid orders that the caller has locked, and gives their stock back; for the use cases that have asked who may."""
    assert state in rules.NEXT_STATES[OrderState.PENDING_PAYMENT]
    now = clock.now()
    released = await tx.fetch(store.RELEASE_ALLOCATIONS, list(order_ids), now)
    await codes.release_codes(tx, [AllocationId(row["id"]) for row in released])
    await tx.execute(store.LOWER_LINES, [row["line_id"] for row in released])
    if await chain.void_held(tx, order_ids):
        await record_lots_of(tx, order_ids, "supply.released", released=True)
    await tx.execute(store.CLOSE, list(order_ids), state.value, reason, now)
    await payments.give_up_payments(tx, order_ids)
    pairs = list(zip(tenants, order_ids, strict=True))
    await audit.record_many(
        tx, ctx, f"order.{state.value.lower()}", subject_kind="order", reason=reason,
        subjects=[(tenant, order_id, {}) for tenant, order_id in pairs],
    )  # fmt: skip
    await outbox.announce(tx, *((tenant, OrderClosed(str(order_id), state.value)) for tenant, order_id in pairs))


async def refund_order(
    tx: Tx,
    ctx: Ctx,
    *,
    order_id: OrderId,
    reason: str,
    allocation_ids: Sequence[AllocationId] | None = None,
    to: BackTo | None = None,
) -> Refunded:
    """Refunds units that nobody has seen: codes back to stock, money back to where it was paid from, or to the buyer's wallet.

    `allocation_ids` None means every unit that is still live, `to` None where the money came from; a guest has no wallet, and
    what was paid out of a wallet goes there. Raises CodeAlreadyRevealed and CodeAlreadyRedeemed, naming the units.
    """
    ctx.require("orders.refund")
    why = tenancy.checked_reason(reason)
    order = await _locked(tx, ctx, order_id)
    if order.state not in rules.SETTLED:
        raise OrderNotOpen(order_id, state=order.state.value)
    chosen = await _refundable(tx, order, allocation_ids)
    refund_id, now = new_id(), clock.now()
    transfers = await _refund_hops(tx, order, chosen, refund_id)
    if await tx.execute(store.REFUND_ALLOCATIONS, [allocation for allocation, _, _ in chosen], now) != len(chosen):
        msg = "An allocation changed under its lock."
        raise Bug(msg)
    bound = [AllocationId(row["id"]) for row in await tx.fetch(store.BOUND, [unit for unit, _, _ in chosen])]
    if bound:
        await codes.release_codes(tx, bound)
    await tx.execute(store.LOWER_LINES, [line for _, line, _ in chosen])
    amount = Money(
        sum(t.amount_minor for t in transfers if t.credit.customer_id == order.customer_id), order.total.currency
    )
    target, leaving = await _on_its_way(tx, ctx, order, amount, refund_id=refund_id, to=to)
    await ledger.post(tx, [*transfers, *leaving])
    await _finish_refund(tx, ctx, order, chosen, amount, refund_id=refund_id, reason=why, target=target)
    return Refunded(order_id, len(chosen), amount, target)


async def _on_its_way(
    tx: Tx, ctx: Ctx, order: OrderView, amount: Money, *, refund_id: UUID, to: BackTo | None
) -> tuple[BackTo, list[NewTransfer]]:
    """Where refunded money goes, and the transfer that sends it there when that is not the wallet it comes into first."""
    payment = await payments.paid_by(tx, order.id)
    if payment is None or not amount.amount_minor:
        return BackTo.WALLET, []
    if to is BackTo.WALLET and not await customers.is_guest(tx, order.customer_id):
        return BackTo.WALLET, []
    reason = RefundReason.ORDER_REFUNDED
    return BackTo.SOURCE, [
        await payments.request_refund(tx, ctx, payment=payment, amount=amount, reason=reason, order_refund_id=refund_id)
    ]


async def _refundable(
    tx: Tx, order: OrderView, allocation_ids: Sequence[AllocationId] | None
) -> list[tuple[AllocationId, OrderLineId, int]]:
    wanted = None if allocation_ids is None else list(dict.fromkeys(allocation_ids))
    rows = await tx.fetch(store.LOCK_ALLOCATIONS, order.id, wanted)
    if wanted is not None and len(rows) != len(wanted):
        raise NotFound("allocation", path=("allocationIds",))
    # A unit that waits for another code has none to give back; its money goes back as any other's.
    live = [row for row in rows if row["state"] in {AllocationState.FULFILLED.value, AllocationState.WAITING.value}]
    if not live or (wanted is not None and len(live) != len(rows)):
        raise OrderNotOpen(order.id, state=order.state.value, units=True)
    seen = [AllocationId(row["id"]) for row in live if row["revealed_at"] is not None]
    if seen:
        raise CodeAlreadyRevealed(seen)
    # A till may have redeemed a code that was never shown here: its buyer had it from elsewhere.
    redeemed = await codes.redeemed_among(tx, [AllocationId(row["id"]) for row in live], releasing=True)
    if redeemed:
        raise CodeAlreadyRedeemed(redeemed)
    return [(AllocationId(r["id"]), OrderLineId(r["line_id"]), r["route"]) for r in live]


async def _refund_hops(
    tx: Tx, order: OrderView, chosen: Sequence[tuple[AllocationId, OrderLineId, int]], refund_id: UUID
) -> list[NewTransfer]:
    """Gives back at every hop that the units came over, and writes it down; the transfers that do it."""
    rows = await tx.fetch(store.REFUNDED_UNITS, order.id)
    before = {(row["line_id"], row["route"]): row["units"] for row in rows}
    units = Counter((line, route) for _, line, route in chosen)
    hops = [row for row in await tx.fetch(store.HOPS, order.id) if units[row["line_id"], row["route"]]]
    if any(row["depth"] for row in hops):
        await chain.lock_buyer(tx, order)
    owed = await chain.lock_owed(tx, hops)
    returned: list[tuple[UUID, int, HopBack]] = []
    transfers: list[NewTransfer] = []
    for row in hops:
        route = (row["line_id"], row["route"])
        hop = SoldHop(
            row["seller_tenant_id"], row["buyer_tenant_id"], row["unit_price_minor"], row["quantity"], row["fee_minor"],
            before.get(route, 0), owed.get(row["id"], 0),
        )  # fmt: skip
        back = rules.share_back(hop, units[route])
        returned.append((row["id"], units[route], back))
        transfers += rules.refund_of_hop(
            hop, back, customer_id=order.customer_id, currency=order.total.currency, refund_id=refund_id
        )
    await chain.write_back(tx, hops, returned, currency=order.total.currency)
    shares = [
        (row, before.get((row["line_id"], row["route"]), 0), given)
        for row, (_, given, _) in zip(hops, returned, strict=True)
    ]
    return transfers + await give_back(tx, shares, refund_id=refund_id, currency=order.total.currency)


async def _finish_refund(
    tx: Tx,
    ctx: Ctx,
    order: OrderView,
    chosen: Sequence[tuple[AllocationId, OrderLineId, int]],
    amount: Money,
    *,
    refund_id: UUID,
    reason: str,
    target: BackTo,
) -> None:
    now, units, amount_minor = clock.now(), len(chosen), amount.amount_minor
    rows = await tx.fetch(store.LINES, [order.id])
    state = rules.state_after_refund(units_live=sum(row["live_quantity"] for row in rows))
    await tx.execute(store.REFUND_ORDER, order.id, state.value, amount_minor, now)
    await tx.execute(
        store.ADD_REFUND,
        refund_id,
        order.tenant_id,
        order.id,
        units,
        amount_minor,
        reason,
        ctx.actor.value,
        ctx.actor_id,
        now,
        target.value,
    )
    await audit.record(
        tx, ctx, "order.refunded", subject_kind="order", subject_id=order.id, tenant_id=order.tenant_id, reason=reason,
        detail={
            "units": units, "amount_minor": amount_minor, "to": target.value,
            "allocations": [str(unit) for unit, _, _ in chosen],
        },
    )  # fmt: skip
    await outbox.announce(tx, (order.tenant_id, OrderRefunded(str(order.id), str(refund_id), units)))


async def mark_revealed(tx: Tx, *, allocation_ids: Sequence[AllocationId]) -> None:
    """Notes that codes are shown, in the transaction that shows them: from here on no refund takes them back to stock.

    Raises OrderNotOpen when a unit is not fulfilled, or was refunded a moment before.
    """
    assert allocation_ids
    marked = {row["id"] for row in await tx.fetch(store.MARK_REVEALED, list(allocation_ids), clock.now())}
    missing = set(allocation_ids) - marked
    if missing:
        order = await tx.fetchrow(store.ORDER_OF, list(missing))
        if order is None:
            raise NotFound("allocation")
        raise OrderNotOpen(OrderId(order["id"]), state=order["state"], units=True)
