"""Use cases of money that came in: captured once, then settled once. They run as the platform, or in a trading transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from fondaco_core import audit, clock, ledger, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import GatewayId, PaymentId, TenantId
from fondaco_core.money import Money
from fondaco_core.postings import NewTransfer
from fondaco_tenants.payments import rules, store
from fondaco_tenants.payments.events import (
    PaymentAlarm,
    PaymentCaptured,
    PaymentEnded,
    PaymentNotified,
    PaymentSettled,
    WalletCredited,
)
from fondaco_tenants.payments.rules import BackTo, Outcome, PaymentPurpose, PaymentState, Verdict
from fondaco_tenants.payments.service.attempts import PaymentView, payment_view
from fondaco_tenants.payments.service.refunds import request_refund


async def get_for_system(tx: Tx, ctx: Ctx, payment_id: PaymentId) -> PaymentView | None:
    """A payment of whatever tenant, for jobs of the system."""
    ctx.require("system.run")
    row = await tx.fetchrow(store.GET, payment_id)
    return None if row is None else payment_view(row)


async def opened(tx: Tx, ctx: Ctx, *, payment: PaymentView, gateway_reference: str, pay_url: str, qr_text: str) -> None:
    """The gateway has the payment; it can be paid now."""
    ctx.require("system.run")
    await tx.execute(store.OPENED, payment.id, gateway_reference, pay_url, qr_text)


async def unanswered(tx: Tx, ctx: Ctx, *, payment: PaymentView) -> None:
    """The gateway has not said whether it took the payment: it is asked again, by whoever comes first."""
    ctx.require("system.run")
    await tx.execute(store.UNANSWERED, payment.id)


async def refused(tx: Tx, ctx: Ctx, *, payment: PaymentView, reason: str) -> None:
    """The gateway did not take the payment, for good."""
    ctx.require("system.run")
    if await tx.fetchval(store.FAILED, payment.id, reason[: limits.NAME_MAX]) is not None:
        await _ended(tx, ctx, payment, PaymentState.FAILED)


async def ended(tx: Tx, ctx: Ctx, *, payment: PaymentView) -> None:
    """The payment ended at the gateway without money."""
    ctx.require("system.run")
    if await tx.fetchval(store.ENDED, payment.id) is not None:
        await _ended(tx, ctx, payment, PaymentState.CLOSED)


async def _ended(tx: Tx, ctx: Ctx, payment: PaymentView, state: PaymentState) -> None:
    await audit.record(
        tx, ctx, f"payment.{state.value.lower()}", subject_kind="payment", subject_id=payment.id,
        tenant_id=payment.tenant_id,
    )  # fmt: skip
    await outbox.announce(tx, (payment.tenant_id, PaymentEnded(str(payment.id), state.value)))


async def suspect(tx: Tx, ctx: Ctx, *, payment: PaymentView, reason: str) -> None:
    """The gateway contradicts itself about a payment; nothing is booked, somebody is told once."""
    ctx.require("system.run")
    if await tx.execute(store.SUSPECTED, payment.id, reason) != 1:
        return
    await audit.record(
        tx, ctx, "payment.suspect", subject_kind="payment", subject_id=payment.id, tenant_id=payment.tenant_id,
        reason=reason,
    )  # fmt: skip
    await outbox.announce(tx, (payment.tenant_id, PaymentAlarm(str(payment.id), reason)))


async def capture(
    tx: Tx, ctx: Ctx, *, payment: PaymentView, amount: Money, gateway_reference: str, paid_at: datetime | None
) -> bool:
    """The gateway has said, when asked, that the money is there. True for whoever says so first, however many do.

    A top-up is settled in the same moment; an order by orders, which hears of it.
    """
    ctx.require("system.run")
    rules.checked_amount(amount)
    row = await tx.fetchrow(
        store.CAPTURED, payment.id, clock.now(), amount.amount_minor, amount.currency, gateway_reference
    )
    if row is None:
        return False
    await audit.record(
        tx, ctx, "payment.captured", subject_kind="payment", subject_id=payment.id, tenant_id=payment.tenant_id,
        detail={
            "amount_minor": amount.amount_minor, "currency": amount.currency, "gateway_reference": gateway_reference,
            "paid_at": paid_at,
        },
    )  # fmt: skip
    order_id = None if payment.order_id is None else str(payment.order_id)
    await outbox.announce(tx, (payment.tenant_id, PaymentCaptured(str(payment.id), order_id)))
    if payment.purpose is PaymentPurpose.TOP_UP:
        await _settle_top_up(tx, ctx, payment_view(await tx.fetchrow(store.GET, payment.id)))
    return True


async def _settle_top_up(tx: Tx, ctx: Ctx, payment: PaymentView) -> None:
    captured = payment.captured
    assert captured is not None
    usable = captured.currency == payment.amount.currency
    outcome = Outcome.TOPPED_UP if usable else Outcome.WRONG_CURRENCY
    transfers = await settled(tx, ctx, payment=payment, outcome=outcome, total=payment.amount)
    await ledger.post(tx, transfers)
    if usable:
        customer_id = None if payment.customer_id is None else str(payment.customer_id)
        event = WalletCredited(customer_id, captured.amount_minor, captured.currency)
        await outbox.announce(tx, (payment.tenant_id, event))


async def settled(tx: Tx, ctx: Ctx, *, payment: PaymentView, outcome: Outcome, total: Money) -> list[NewTransfer]:
    """Says once what becomes of captured money, and gives the transfers that book it; empty when it was said before.

    What is not needed goes back to its source, or stays in the wallet if the buyer chose so. Whoever calls posts the
    transfers in this transaction, together with those of the sale: a guest's wallet is empty before and after.
    """
    ctx.require("system.run")
    captured = payment.captured
    assert captured is not None
    if await tx.execute(store.SETTLED, payment.id, clock.now(), outcome.value) != 1:
        return []
    transfers = [rules.money_in(payment.payer, captured, purpose=payment.purpose, payment_id=payment.id)]
    rest, reason = rules.leftover_of(outcome, total_minor=total.amount_minor, captured_minor=captured.amount_minor)
    if rest and (payment.leftovers is BackTo.SOURCE or captured.currency != total.currency):
        assert reason is not None
        transfers.append(
            await request_refund(tx, ctx, payment=payment, amount=Money(rest, captured.currency), reason=reason)
        )
    order_id = None if payment.order_id is None else str(payment.order_id)
    await audit.record(
        tx, ctx, "payment.settled", subject_kind="payment", subject_id=payment.id, tenant_id=payment.tenant_id,
        detail={"outcome": outcome.value, "left_over_minor": rest, "leftovers": payment.leftovers.value},
    )  # fmt: skip
    await outbox.announce(tx, (payment.tenant_id, PaymentSettled(str(payment.id), order_id, outcome.value)))
    return transfers


async def due_payments(tx: Tx, ctx: Ctx, *, count: int = limits.PAYMENTS_POLLED) -> list[PaymentId]:
    """Takes the payments whose gateway is to be asked again, over all tenants; needs a transaction as fondaco_platform."""
    ctx.require("system.run")
    rows = await tx.fetch(store.DUE, clock.now(), count, limits.PAYMENT_LOOK_S, limits.PAYMENT_LOOK_MAX_S)
    return [PaymentId(row["id"]) for row in rows]


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Captured money of an order that has waited for too long: its event was given up, say."""

    payment_id: PaymentId
    tenant_id: TenantId
    captured_at: datetime


async def unsettled_payments(tx: Tx, ctx: Ctx, *, after: Unsettled | None) -> list[Unsettled]:
    """A page of the money of all tenants that waits, oldest first; needs a transaction as fondaco_platform."""
    ctx.require("system.run")
    before = clock.now() - timedelta(seconds=limits.SETTLE_WITHIN_S)
    place = (None, None) if after is None else (after.captured_at, after.payment_id)
    rows = await tx.fetch(store.UNSETTLED, before, limits.PAYMENTS_POLLED, *place)
    return [Unsettled(PaymentId(row["id"]), TenantId(row["tenant_id"]), row["captured_at"]) for row in rows]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A notification as it is kept: sealed, with what was thought of it."""

    id: UUID
    gateway_id: GatewayId
    verdict: Verdict
    notification_id: str | None
    digest: str
    sealed: bytes
    ip: str | None
    received_at: datetime


async def keep_notification(tx: Tx, ctx: Ctx, evidence: Evidence, *, payment: PaymentView | None) -> bool:
    """Keeps a notification, and announces it when it is of a payment; False for one that is kept already.

    Of forged ones so many are kept in an hour: more of the same proves nothing, and costs whom it is sent to.
    """
    ctx.require("system.run")
    if evidence.verdict is Verdict.FORGED:
        since = evidence.received_at - timedelta(hours=1)
        if await tx.fetchval(store.FORGED_SINCE, evidence.gateway_id, since) >= limits.FORGED_KEPT_PER_HOUR:
            return False
    tenant_id, payment_id = (None, None) if payment is None else (payment.tenant_id, payment.id)
    said = None if evidence.notification_id is None else evidence.notification_id[: limits.NAME_MAX]
    fresh = await tx.execute(
        store.NOTE, evidence.id, evidence.gateway_id, tenant_id, payment_id, said, evidence.verdict.value,
        evidence.digest, evidence.sealed, evidence.ip, evidence.received_at,
    )  # fmt: skip
    if fresh and payment_id is not None:
        await outbox.announce(tx, (tenant_id, PaymentNotified(str(payment_id))))
    return fresh == 1
