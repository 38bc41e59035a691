"""Use cases of money on its way back to its source. It leaves the wallet when it is asked for, so that nobody spends it twice."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from fondaco_core import audit, clock, ledger, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Bug
from fondaco_core.ids import GatewayId, OrderId, PaymentRefundId, new_id
from fondaco_core.money import Money
from fondaco_core.postings import NewTransfer
from fondaco_tenants import customers
from fondaco_tenants.payments import rules, store
from fondaco_tenants.payments.events import PaymentAlarm, RefundAlarm, RefundEnded, RefundRequested
from fondaco_tenants.payments.rules import RefundReason
from fondaco_tenants.payments.service.attempts import PaymentView, RefundView, payment_view, refund_view


@dataclass(frozen=True, slots=True)
class RefundToSend:
    """A refund with what the gateway has to be told."""

    refund: RefundView
    gateway_id: GatewayId
    gateway_reference: str
    paid: Money


async def paid_by(tx: Tx, order_id: OrderId) -> PaymentView | None:
    """The payment that an order was paid by; None when it was paid out of a wallet, or not at all. Called by orders."""
    row = await tx.fetchrow(store.PAID_ORDER, order_id)
    return None if row is None else payment_view(row)


async def request_refund(
    tx: Tx, ctx: Ctx, *, payment: PaymentView, amount: Money, reason: RefundReason, order_refund_id: UUID | None = None
) -> NewTransfer:
    """Asks for money to go back to its source, never more than was captured; gives the transfer that books it.

    The gateway is told after the commit, by whoever hears of it.
    """
    ctx.require("system.run" if ctx.has("system.run") else "orders.refund")
    assert payment.captured is not None
    assert payment.captured.currency == amount.currency
    if await tx.execute(store.RESERVE_REFUND, payment.id, amount.amount_minor) != 1:
        msg = f"Payment {payment.id} has not that much left to give back."
        raise Bug(msg)
    refund_id, now = PaymentRefundId(new_id()), clock.now()
    await tx.execute(
        store.ADD_REFUND, refund_id, payment.tenant_id, payment.id, payment.customer_id, order_refund_id,
        amount.amount_minor, amount.currency, reason.value, now,
    )  # fmt: skip
    await audit.record(
        tx, ctx, "payment.refund_requested", subject_kind="payment", subject_id=payment.id, tenant_id=payment.tenant_id,
        detail={"refund_id": refund_id, "amount_minor": amount.amount_minor, "currency": amount.currency, "why": reason.value},
    )  # fmt: skip
    await outbox.announce(tx, (payment.tenant_id, RefundRequested(str(refund_id))))
    return rules.money_leaving(payment.payer, amount, refund_id=refund_id)


async def refund_to_send(tx: Tx, ctx: Ctx, *, refund_id: PaymentRefundId) -> RefundToSend | None:
    """Takes a refund that is not at its end, for one more try; None when it is."""
    ctx.require("system.run")
    row = await tx.fetchrow(store.REFUND_TO_SEND, refund_id)
    if row is None:
        return None
    refund = refund_view(row)
    wait_s = min(limits.PAYMENT_LOOK_S * 2 ** min(refund.tries, 16), limits.REFUND_LOOK_MAX_S)
    await tx.execute(store.REFUND_TRIED, refund_id, clock.now() + timedelta(seconds=wait_s))
    paid = Money(row["captured_minor"], row["currency"])
    return RefundToSend(refund, GatewayId(row["gateway_id"]), row["gateway_reference"] or "", paid)


async def refund_unknown(tx: Tx, ctx: Ctx, *, refund: RefundView) -> None:
    """The gateway has not said what became of it, or is still at it: it stays so until it has."""
    ctx.require("system.run")
    await tx.execute(store.REFUND_UNKNOWN, refund.id, refund.sent_as)


async def refund_suspect(tx: Tx, ctx: Ctx, *, refund: RefundView) -> None:
    """The gateway says that it gave back another amount; nothing is booked, somebody is told."""
    ctx.require("system.run")
    await tx.execute(store.REFUND_UNKNOWN, refund.id, refund.sent_as)
    event = PaymentAlarm(str(refund.payment_id), "REFUND_AMOUNT")
    await outbox.announce(tx, (refund.tenant_id, event))


async def refund_done(tx: Tx, ctx: Ctx, *, refund: RefundView) -> None:
    """The gateway has given the money back; booked once, however many say so."""
    ctx.require("system.run")
    if await tx.execute(store.REFUND_DONE, refund.id, refund.sent_as, clock.now()) != 1:
        return
    await tx.execute(store.TOUCH, refund.payment_id)
    await ledger.post(tx, [rules.money_gone(refund.amount, refund_id=refund.id)])
    await _on_record(tx, ctx, refund, "payment.refunded", {})
    await outbox.announce(
        tx, (refund.tenant_id, RefundEnded(str(refund.id), str(refund.payment_id), into_wallet=False))
    )


async def refund_refused(tx: Tx, ctx: Ctx, *, refund: RefundView, reason: str) -> None:
    """The gateway does not give the money back, for good: it comes into the wallet; a guest has none, so a person is told."""
    ctx.require("system.run")
    guest = refund.customer_id is not None and await customers.is_guest(tx, refund.customer_id)
    told = reason[: limits.NAME_MAX]
    done = await tx.execute(store.REFUND_REFUSED, refund.id, refund.sent_as, clock.now(), told, not guest)
    if done != 1:
        return
    await _on_record(tx, ctx, refund, "payment.refund_refused", {"into_wallet": not guest})
    if guest:
        await tx.execute(store.TOUCH, refund.payment_id)
        await outbox.announce(tx, (refund.tenant_id, RefundAlarm(str(refund.id), str(refund.payment_id))))
        return
    await tx.execute(store.FREE_REFUND, refund.payment_id, refund.amount.amount_minor)
    await ledger.post(tx, [rules.money_returned(refund.payer, refund.amount, refund_id=refund.id)])
    await outbox.announce(tx, (refund.tenant_id, RefundEnded(str(refund.id), str(refund.payment_id), into_wallet=True)))


async def _on_record(tx: Tx, ctx: Ctx, refund: RefundView, action: str, detail: dict[str, object]) -> None:
    await audit.record(
        tx, ctx, action, subject_kind="payment", subject_id=refund.payment_id, tenant_id=refund.tenant_id,
        detail={"refund_id": refund.id, "amount_minor": refund.amount.amount_minor, "currency": refund.amount.currency, **detail},
    )  # fmt: skip


async def due_refunds(tx: Tx, ctx: Ctx, *, count: int = limits.PAYMENTS_POLLED) -> list[PaymentRefundId]:
    """Takes the refunds that are to be tried again, over all tenants; needs a transaction as fondaco_platform."""
    ctx.require("system.run")
    rows = await tx.fetch(store.REFUNDS_DUE, clock.now(), count, limits.PAYMENT_LOOK_S, limits.REFUND_LOOK_MAX_S)
    return [PaymentRefundId(row["id"]) for row in rows]
