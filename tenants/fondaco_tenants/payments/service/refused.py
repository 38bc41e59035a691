"""Use cases of refunds that a gateway refused for good and no wallet took: a guest's money, which waits for a person.

It is sent again under a new number, since gateways remember the old one as refused; or it went another way, and somebody of
the platform, whose money it is, says by which.
"""

from uuid import UUID

from fondaco_core import audit, clock, ledger, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import PaymentRefundId, TenantId, new_id
from fondaco_tenants.payments import rules, store
from fondaco_tenants.payments.errors import RefundNotRefused
from fondaco_tenants.payments.events import RefundEnded, RefundRequested
from fondaco_tenants.payments.rules import RefundState
from fondaco_tenants.payments.service.attempts import RefundView, refund_view


async def list_refused_refunds(
    tx: Tx, ctx: Ctx, *, after: UUID | None = None, count: int = limits.PAGE_DEFAULT
) -> list[RefundView]:
    """Refunds that wait for a person, the newest first: of the merchant, or of all for the platform's people."""
    tenant_id = _require_whose(ctx, "orders.read", "platform.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    return [refund_view(row) for row in await tx.fetch(store.REFUSED_REFUNDS, tenant_id, after, count)]


async def refunds_by_ids(tx: Tx, ctx: Ctx, refund_ids: list[PaymentRefundId]) -> dict[PaymentRefundId, RefundView]:
    """Those of the refunds that the platform's people, or the merchant's who see its orders, may see."""
    tenant_id = _require_whose(ctx, "orders.read", "platform.read")
    views = [refund_view(row) for row in await tx.fetch(store.REFUNDS_BY_IDS, list(refund_ids), tenant_id)]
    return {view.id: view for view in views}


async def retry_refund(tx: Tx, ctx: Ctx, *, refund_id: PaymentRefundId, reason: str) -> RefundView:
    """Has a refused refund sent once more, under a new number; by who refunds orders here, or keeps the platform's money.

    Needs a transaction as fondaco_platform. Raises NotFound, RefundNotRefused.
    """
    tenant_id = _require_whose(ctx, "orders.refund", "platform.wallets")
    why = tenancy.checked_reason(reason)
    refund = await _locked(tx, refund_id, tenant_id)
    sent_as = new_id()
    await tx.execute(store.RETRY_REFUND, refund.id, sent_as, clock.now())
    await tx.execute(store.TOUCH, refund.payment_id)
    await _on_record(
        tx, ctx, refund, "payment.refund_retried", reason=why, detail={"sent_as": sent_as, "refused_as": refund.sent_as}
    )
    await outbox.announce(tx, (refund.tenant_id, RefundRequested(str(refund.id))))
    return await _again(tx, refund)


async def record_payout(tx: Tx, ctx: Ctx, *, refund_id: PaymentRefundId, reference: str, reason: str) -> RefundView:
    """Notes that a refused refund was paid out another way, and by which reference that is found; the money is gone then.

    Needs a transaction as fondaco_platform. Raises NotFound, RefundNotRefused, Invalid.
    """
    ctx.require("platform.wallets")
    why = tenancy.checked_reason(reason)
    named = " ".join(reference.split())
    if not 0 < len(named) <= limits.NAME_MAX or not named.isprintable():
        raise Invalid(
            f"Say where the payment is found: a reference of 1 to {limits.NAME_MAX} characters.",
            zh=f"请填写付款凭证号（1 至 {limits.NAME_MAX} 个字符）。",
            path=("reference",),
        )
    refund = await _locked(tx, refund_id, None)
    await tx.execute(store.PAY_REFUND_OUT, refund.id, clock.now(), named)
    await tx.execute(store.TOUCH, refund.payment_id)
    await ledger.post(tx, [rules.money_paid_out(refund.amount, refund_id=refund.id)])
    await _on_record(tx, ctx, refund, "payment.refund_paid_out", reason=why, detail={"reference": named})
    event = RefundEnded(str(refund.id), str(refund.payment_id), into_wallet=False)
    await outbox.announce(tx, (refund.tenant_id, event))
    return await _again(tx, refund)


def _require_whose(ctx: Ctx, of_merchant: str, of_platform: str) -> TenantId | None:
    """Whose refunds are meant: the merchant's that is acted for, or (None) everybody's, for the platform's people."""
    if ctx.tenant_id is None and ctx.has(of_platform):
        return None
    ctx.require(of_merchant)
    return ctx.tenant


async def _locked(tx: Tx, refund_id: PaymentRefundId, tenant_id: TenantId | None) -> RefundView:
    row = await tx.fetchrow(store.LOCK_REFUND, refund_id, tenant_id)
    if row is None:
        raise NotFound("refund", path=("refund_id",))
    refund = refund_view(row)
    if refund.state is not RefundState.REFUSED or refund.into_wallet:
        raise RefundNotRefused(refund.state.value)
    return refund


async def _again(tx: Tx, refund: RefundView) -> RefundView:
    return refund_view(await tx.fetchrow(store.LOCK_REFUND, refund.id, refund.tenant_id))


async def _on_record(
    tx: Tx, ctx: Ctx, refund: RefundView, action: str, *, reason: str, detail: dict[str, object]
) -> None:
    await audit.record(
        tx, ctx, action, subject_kind="payment", subject_id=refund.payment_id, tenant_id=refund.tenant_id, reason=reason,
        detail={
            "refund_id": refund.id, "amount_minor": refund.amount.amount_minor, "currency": refund.amount.currency, **detail,
        },
    )  # fmt: skip
