"""Actors of payments: ask gateways, settle what came in, give back what must go."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing, trading
from fondaco_core.ids import PaymentId, PaymentRefundId
from fondaco_core.logs import get_logger
from fondaco_tenants import orders, payments
from fondaco_tenants.payments import Unsettled
from fondaco_workers.actor import actor

log = get_logger(__name__)


@actor(name="payments.look", permissions={"system.run"})
async def look(ctx: Ctx, *, payment_id: PaymentId) -> None:
    """Asks a gateway where a payment stands: it was notified, or nobody wants the payment any more."""
    await payments.look_at_payment(ctx, payment_id)


@actor(name="payments.settle", permissions={"system.run"})
async def settle(ctx: Ctx, *, payment_id: PaymentId) -> None:
    """Does with captured money what it came for, or sends it back."""
    async with trading(ctx) as tx:
        outcome = await orders.settle_payment(tx, ctx, payment_id=payment_id)
    if outcome is not None:
        log.info("payment.settled", payment_id=payment_id, outcome=outcome.value)


@actor(name="payments.send_refund", permissions={"system.run"})
async def send_refund(ctx: Ctx, *, refund_id: PaymentRefundId) -> None:
    """Has a gateway give money back."""
    await payments.send_refund(ctx, refund_id)


@actor(name="payments.poll", permissions={"system.run"}, deadline_s=300)
async def poll(ctx: Ctx) -> None:
    """Asks about every payment and refund whose time it is: gateways forget to notify, processes die."""
    asked = await _until_none_is_due(lambda: payments.poll_payments(ctx))
    tried = await _until_none_is_due(lambda: payments.poll_refunds(ctx))
    if asked or tried:
        log.info("payments.polled", payments=asked, refunds=tried)


async def _until_none_is_due(poll_some: Callable[[], Awaitable[int]]) -> int:
    done = 0
    for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
        some = await poll_some()
        done += some
        if some < limits.PAYMENTS_POLLED:
            break
    return done


@actor(name="payments.settle_overdue", permissions={"system.run"}, deadline_s=300)
async def settle_overdue(ctx: Ctx) -> None:
    """Settles captured money that has waited for too long, should its event have been given up.

    One that cannot be settled does not keep the others; its error is raised when all were tried.
    """
    broken: Exception | None = None
    after: Unsettled | None = None
    for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
        async with governing(ctx) as tx:
            waiting = await payments.unsettled_payments(tx, ctx, after=after)
        for each in waiting:
            acting = replace(ctx, tenant_id=each.tenant_id)
            try:
                async with trading(acting) as tx:
                    await orders.settle_payment(tx, acting, payment_id=each.payment_id)
            except Exception as error:  # the edge of one payment: whatever it is, the next one is another
                log.warning("payment.not_settled", payment_id=each.payment_id, exc_info=error)
                broken = broken or error
        if len(waiting) < limits.PAYMENTS_POLLED:
            break
        after = waiting[-1]
    if broken is not None:
        raise broken
