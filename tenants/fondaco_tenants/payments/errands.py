"""What payments asks of gateways: open, ask, end, give back; and what gateways send. Claim → call → record, no call in a transaction.

Everything here may be run twice, by two at once, or be cut off anywhere: gateways know our ids, and what is recorded is
recorded by conditional updates.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fondaco_core import clock, limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import governing
from fondaco_core.errors import NotFound, Outage
from fondaco_core.ids import PaymentId, PaymentRefundId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.logs import get_logger
from fondaco_core.secret import Secret
from fondaco_tenants.payments import rules
from fondaco_tenants.payments.adapters import FACTORIES
from fondaco_tenants.payments.errors import ForgedNotification, GatewayRefused, PaymentNotOpened
from fondaco_tenants.payments.ports import (
    Acknowledgement,
    Found,
    Gateway,
    GatewayConfig,
    NewPayment,
    NewRefund,
    Notified,
    RawNotification,
    RefundFound,
    RefundStanding,
)
from fondaco_tenants.payments.rules import PaymentState, RefundState, Step, Verdict
from fondaco_tenants.payments.service import capture, gateways, refunds
from fondaco_tenants.payments.service.attempts import PaymentView
from fondaco_tenants.payments.service.capture import Evidence
from fondaco_tenants.payments.service.gateways import Reach
from fondaco_tenants.payments.service.refunds import RefundToSend

log = get_logger(__name__)
T = TypeVar("T")
RUN = frozenset({"system.run"})


async def gateway_of(reach: Reach) -> Gateway:
    """The adapter of a gateway, with its opened secret; an Outage when this process has none of its kind."""
    factory = FACTORIES.get(reach.kind)
    if factory is None:
        msg = f"There is no adapter for gateways of the kind {reach.kind}."
        raise Outage(msg)
    opened = await keyring().open(reach.sealed, aad=bound_to("gateway", reach.id, None))
    config = GatewayConfig(reach.key, reach.base_url, reach.options)
    return factory(config, Secret(opened.reveal().decode()))


async def gateway_by_key(ctx: Ctx, key: str) -> Gateway:
    """The adapter of the gateway of that key, for jobs of the system; NotFound when there is none."""
    ctx.require("system.run")
    async with governing(ctx) as tx:
        reach = await gateways.reach_by_key(tx, key)
    if reach is None:
        raise NotFound("gateway")
    return await gateway_of(reach)


async def _claimed(ctx: Ctx, payment_id: PaymentId) -> tuple[PaymentView, Gateway] | None:
    async with governing(ctx) as tx:
        payment = await capture.get_for_system(tx, ctx, payment_id)
        reach = None if payment is None else await gateways.reach_by_id(tx, payment.gateway_id)
    if payment is None or reach is None:
        return None
    return payment, await gateway_of(reach)


async def open_at_gateway(payment_id: PaymentId) -> None:
    """Takes a new payment to its gateway. Raises PaymentNotOpened when the gateway refuses it for good.

    A gateway that does not answer leaves it UNKNOWN: the schedule asks again, and opens it if the gateway has it not.
    """
    ctx = system_ctx("payments.open", permissions=RUN)
    try:
        claimed = await _claimed(ctx, payment_id)
    except Outage as outage:
        log.warning("gateway.away", what="payment", id=payment_id, error=type(outage).__name__)
        return
    if claimed is None or claimed[0].state not in {PaymentState.CREATING, PaymentState.UNKNOWN}:
        return
    payment, gateway = claimed
    if await _open(ctx, payment, gateway) is PaymentState.FAILED:
        raise PaymentNotOpened


async def _open(ctx: Ctx, payment: PaymentView, gateway: Gateway) -> PaymentState:
    new = NewPayment(
        payment.id, payment.amount, payment.subject, payment.notify_url, payment.return_url, payment.expires_at,
        payment.locale,
    )  # fmt: skip
    try:
        created = await gateway.create(new)
    except GatewayRefused as refusal:
        log.warning("payment.refused", payment_id=payment.id, reason=refusal.reason)
        async with governing(ctx) as tx:
            await capture.refused(tx, ctx, payment=payment, reason=refusal.reason)
        return PaymentState.FAILED
    except Outage:
        async with governing(ctx) as tx:
            await capture.unanswered(tx, ctx, payment=payment)
        return PaymentState.UNKNOWN
    async with governing(ctx) as tx:
        await capture.opened(
            tx, ctx, payment=payment, gateway_reference=created.gateway_reference, pay_url=created.pay_url,
            qr_text=created.qr_text,
        )  # fmt: skip
    return PaymentState.PENDING


async def look_at_payment(ctx: Ctx, payment_id: PaymentId) -> PaymentState | None:
    """Asks the gateway where a payment stands, and does what follows from it: the second verification of every payment.

    Nothing is captured that this has not heard from the gateway itself. Raises Outage when it does not answer.
    """
    ctx.require("system.run")
    claimed = await _claimed(ctx, payment_id)
    if claimed is None:
        return None
    payment, gateway = claimed
    if payment.state is PaymentState.CAPTURED:
        return payment.state
    found = await gateway.query(payment.id)
    step = _step(payment, found)
    if step is Step.STOP:
        found = await _stop(payment, gateway)
        # What could not be ended now is asked about again.
        step = Step.WAIT if (again := _step(payment, found)) is Step.STOP else again
    if step is Step.OPEN:
        return await _open(ctx, payment, gateway)
    if step is Step.CAPTURE:
        await _capture(ctx, payment, found)
    elif step is Step.END:
        async with governing(ctx) as tx:
            await capture.ended(tx, ctx, payment=payment)
    return payment.state


def _step(payment: PaymentView, found: Found) -> Step:
    return rules.next_step(
        payment.state, found.state, unwanted=payment.unwanted, expires_at=payment.expires_at, now=clock.now()
    )


async def _stop(payment: PaymentView, gateway: Gateway) -> Found:
    """Ends a payment at the gateway and asks again: it may have been paid in that moment."""
    try:
        await gateway.close(payment.id)
    except GatewayRefused as refusal:
        log.info("payment.not_closed", payment_id=payment.id, reason=refusal.reason)
    return await gateway.query(payment.id)


async def _capture(ctx: Ctx, payment: PaymentView, found: Found) -> None:
    reason = _contradiction(payment, found)
    async with governing(ctx) as tx:
        if reason is not None:
            log.error("payment.suspect", payment_id=payment.id, reason=reason)
            await capture.suspect(tx, ctx, payment=payment, reason=reason)
            return
        assert found.amount is not None
        await capture.capture(
            tx, ctx, payment=payment, amount=found.amount, gateway_reference=found.gateway_reference or "",
            paid_at=found.paid_at,
        )  # fmt: skip


def _contradiction(payment: PaymentView, found: Found) -> str | None:
    """Why what the gateway says cannot be true; a wrong amount or currency can be, and is dealt with where money is settled."""
    if found.amount is None or not 0 < found.amount.amount_minor <= limits.AMOUNT_MAX_MINOR:
        return "NO_AMOUNT"
    if payment.gateway_reference is not None and found.gateway_reference != payment.gateway_reference:
        return "OTHER_REFERENCE"
    return None


async def send_refund(ctx: Ctx, refund_id: PaymentRefundId) -> None:
    """Has the gateway give money back, or asks what became of it. Raises Outage when it does not answer; nothing is lost then."""
    ctx.require("system.run")
    async with governing(ctx) as tx:
        work = await refunds.refund_to_send(tx, ctx, refund_id=refund_id)
        reach = None if work is None else await gateways.reach_by_id(tx, work.gateway_id)
    if work is None or reach is None:
        return
    gateway = await gateway_of(reach)
    try:
        found = await _refund(work, gateway)
    except GatewayRefused as refusal:
        async with governing(ctx) as tx:
            await refunds.refund_refused(tx, ctx, refund=work.refund, reason=refusal.reason)
        return
    except Outage:
        async with governing(ctx) as tx:
            await refunds.refund_unknown(tx, ctx, refund=work.refund)
        raise
    await _record_refund(ctx, work, found)


async def _refund(work: RefundToSend, gateway: Gateway) -> RefundFound:
    refund = work.refund
    if refund.state is RefundState.UNKNOWN or refund.tries:
        # It may have arrived the last time.
        found = await gateway.query_refund(refund.sent_as)
        if found.state is not RefundStanding.MISSING:
            return found
    reason = refund.reason.value
    return await gateway.refund(
        NewRefund(refund.sent_as, refund.payment_id, work.gateway_reference, refund.amount, work.paid, reason)
    )


async def _record_refund(ctx: Ctx, work: RefundToSend, found: RefundFound) -> None:
    refund = work.refund
    async with governing(ctx) as tx:
        match found.state:
            case RefundStanding.DONE if found.amount is not None and found.amount != refund.amount:
                log.error("payment.refund_suspect", refund_id=refund.id)
                await refunds.refund_suspect(tx, ctx, refund=refund)
            case RefundStanding.DONE:
                await refunds.refund_done(tx, ctx, refund=refund)
            case RefundStanding.REFUSED:
                await refunds.refund_refused(tx, ctx, refund=refund, reason="REFUSED")
            case RefundStanding.PENDING | RefundStanding.MISSING:
                await refunds.refund_unknown(tx, ctx, refund=refund)


async def poll_payments(ctx: Ctx) -> int:
    """Asks about every payment whose time it is, over all tenants, a few at once; says how many. Gateways forget to notify."""
    ctx.require("system.run")
    async with governing(ctx) as tx:
        due = await capture.due_payments(tx, ctx)
    await _each(due, lambda payment_id: look_at_payment(ctx, payment_id), "payment")
    return len(due)


async def poll_refunds(ctx: Ctx) -> int:
    """Tries every refund whose time it is, over all tenants, a few at once; says how many."""
    ctx.require("system.run")
    async with governing(ctx) as tx:
        due = await refunds.due_refunds(tx, ctx)
    await _each(due, lambda refund_id: send_refund(ctx, refund_id), "refund")
    return len(due)


async def _each(ids: Sequence[T], work: Callable[[T], Awaitable[object]], what: str) -> None:
    """Does a piece of work for each, some at once; none keeps the others, whether its gateway is away or it breaks.

    What broke is raised when all were tried.
    """
    places = asyncio.Semaphore(limits.PAYMENTS_AT_ONCE)

    async def one(id_: T) -> None:
        async with places:
            try:
                await work(id_)
            except Outage as outage:
                log.warning("gateway.away", what=what, id=id_, error=type(outage).__name__)

    broken = [
        each for each in await asyncio.gather(*(one(id_) for id_ in ids), return_exceptions=True) if each is not None
    ]
    if broken:
        raise broken[0]


@dataclass(frozen=True, slots=True)
class Received:
    """How a notification was judged, and how its gateway wants that answered."""

    verdict: Verdict
    answer: Acknowledgement


async def receive_notification(key: str, raw: RawNotification, *, ip: str | None) -> Received:
    """Takes what came in at a gateway's address: looks at the signature, keeps the evidence, has somebody ask the gateway.

    NotFound when there is no such gateway. Whose payment it is, our own row says. The same notification again is answered
    alike and does nothing.
    """
    ctx = system_ctx("payments.receive", permissions=RUN)
    async with governing(ctx) as tx:
        reach = await gateways.reach_by_key(tx, key)
    if reach is None:
        raise NotFound("gateway")
    gateway = await gateway_of(reach)
    try:
        notified: Notified | None = gateway.read_notification(raw)
    except ForgedNotification:
        notified = None
    digest = hashlib.sha256(raw.body).hexdigest()
    id_ = new_id()
    sealing = await keyring().sealing_key(None)
    sealed = sealing.seal(_message(raw), aad=bound_to("payment_notification", id_, None))
    async with governing(ctx) as tx:
        payment = None if notified is None else await capture.get_for_system(tx, ctx, notified.payment_id)
        verdict = _verdict(reach, notified, payment)
        fresh = await capture.keep_notification(
            tx, ctx,
            Evidence(
                id_, reach.id, verdict, None if notified is None else notified.notification_id, digest, sealed, ip,
                raw.received_at,
            ),
            payment=payment if verdict is Verdict.GENUINE else None,
        )  # fmt: skip
    log.info("gateway.notified", gateway=key, verdict=verdict.value, fresh=fresh)
    return Received(verdict, gateway.acknowledge(taken=verdict is Verdict.GENUINE))


def _verdict(reach: Reach, notified: Notified | None, payment: PaymentView | None) -> Verdict:
    if notified is None:
        return Verdict.FORGED
    if payment is None:
        return Verdict.STRANGE
    return Verdict.GENUINE if payment.gateway_id == reach.id else Verdict.MISDIRECTED


def _message(raw: RawNotification) -> bytes:
    """Head and body as one message, without what lets somebody in elsewhere."""
    kept = {name: value for name, value in raw.headers.items() if name not in {"cookie", "authorization"}}
    head = "".join(f"{name}: {value}\r\n" for name, value in sorted(kept.items()))
    return head.encode("utf-8", "surrogateescape") + b"\r\n" + raw.body
