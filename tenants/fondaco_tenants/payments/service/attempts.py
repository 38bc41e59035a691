"""Use cases of payments: open one, see it, have it ended. Whose order or wallet it is for, the caller has seen to."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotAllowed
from fondaco_core.ids import CustomerId, GatewayId, OrderId, PaymentId, PaymentRefundId, TenantId, new_id
from fondaco_core.money import Money
from fondaco_tenants.payments import rules, store
from fondaco_tenants.payments.errors import TooManyPayments
from fondaco_tenants.payments.events import PaymentUnwanted
from fondaco_tenants.payments.rules import (
    BackTo,
    Outcome,
    Payer,
    PaymentPurpose,
    PaymentState,
    RefundReason,
    RefundState,
)
from fondaco_tenants.payments.service.gateways import GatewayView, find_offered


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment as it is stored."""

    id: PaymentId
    tenant_id: TenantId
    gateway_id: GatewayId
    purpose: PaymentPurpose
    order_id: OrderId | None
    customer_id: CustomerId | None
    amount: Money
    state: PaymentState
    leftovers: BackTo
    subject: str
    return_url: str
    notify_url: str
    locale: str
    gateway_reference: str | None
    pay_url: str | None
    qr_text: str | None
    created_at: datetime
    expires_at: datetime
    looks: int
    unwanted: bool
    captured_at: datetime | None
    captured: Money | None
    refunding_minor: int
    settled_at: datetime | None
    outcome: Outcome | None
    version: int

    @property
    def payer(self) -> Payer:
        """Whose wallet its money goes through."""
        return Payer(self.tenant_id, self.customer_id)


@dataclass(frozen=True, slots=True)
class RefundView:
    """Money of a payment on its way back to its source."""

    id: PaymentRefundId
    tenant_id: TenantId
    payment_id: PaymentId
    customer_id: CustomerId | None
    order_refund_id: UUID | None
    amount: Money
    reason: RefundReason
    state: RefundState
    requested_at: datetime
    tries: int
    ended_at: datetime | None
    into_wallet: bool
    # The number under which the gateway knows it.
    sent_as: PaymentRefundId
    # The gateway's own word for why it refused, and where a payment by hand is found.
    failure: str | None
    payout_reference: str | None

    @property
    def payer(self) -> Payer:
        """Whose wallet it left."""
        return Payer(self.tenant_id, self.customer_id)


@dataclass(frozen=True, slots=True)
class Due:
    """How much is to be paid, for what, and until when."""

    amount: Money
    subject: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Through:
    """Through what a payer pays, where that leads back to, and where this installation hears of it."""

    gateway: str
    return_url: str
    notify_base: str
    leftovers: BackTo = BackTo.SOURCE


def payment_view(row: Any) -> PaymentView:
    """A row as a PaymentView."""
    fields = dict(row)
    fields["amount"] = Money(fields.pop("amount_minor"), fields.pop("currency"))
    captured_minor, captured_currency = fields.pop("captured_minor"), fields.pop("captured_currency")
    fields["captured"] = None if captured_minor is None else Money(captured_minor, captured_currency)
    fields["purpose"] = PaymentPurpose(fields["purpose"])
    fields["state"] = PaymentState(fields["state"])
    fields["leftovers"] = BackTo(fields["leftovers"])
    fields["outcome"] = None if fields["outcome"] is None else Outcome(fields["outcome"])
    return PaymentView(**fields)


def refund_view(row: Any) -> RefundView:
    """A row as a RefundView."""
    fields = {name: row[name] for name in RefundView.__dataclass_fields__ if name != "amount"}
    fields["amount"] = Money(row["amount_minor"], row["currency"])
    fields["reason"] = RefundReason(row["reason"])
    fields["state"] = RefundState(row["state"])
    return RefundView(**fields)


async def open_order_payment(
    tx: Tx, ctx: Ctx, *, order_id: OrderId, customer_id: CustomerId, due: Due, through: Through
) -> PaymentView:
    """Opens a payment for an order of the asker's own, or answers the one that waits at that gateway already.

    It is not at the gateway yet: errands.open_at_gateway takes it there after the commit.
    """
    ctx.require("buyer.order")
    gateway = await find_offered(tx, key=through.gateway, currency=due.amount.currency)
    if ctx.actor is ActorKind.GUEST:
        # A guest has no wallet to leave anything in.
        through = replace(through, leftovers=BackTo.SOURCE)
    await tx.fetchval(store.LOCK_STARTS, _start_key(order_id))
    soon = clock.now() + timedelta(seconds=limits.PAYMENT_LOOK_S)
    waiting = await tx.fetchrow(store.REUSABLE, order_id, gateway.id, through.leftovers.value, soon)
    if waiting is not None:
        return payment_view(waiting)
    if await tx.fetchval(store.OPEN_OF_ORDER, order_id) >= limits.ORDER_PAYMENTS_OPEN_MAX:
        raise TooManyPayments(payments_max=limits.ORDER_PAYMENTS_OPEN_MAX)
    return await _add(tx, ctx, gateway, due, through, order_id=order_id, customer_id=customer_id)


async def open_top_up(tx: Tx, ctx: Ctx, *, amount: Money, through: Through) -> PaymentView:
    """Opens a payment into the asking buyer's own wallet, or into the merchant's for its people; see open_order_payment."""
    ctx.require("buyer.order" if ctx.customer_id is not None else "wallets.top_up")
    if ctx.actor is ActorKind.GUEST:
        raise NotAllowed("buyer.order")
    rules.checked_amount(amount)
    gateway = await find_offered(tx, key=through.gateway, currency=amount.currency)
    await tx.fetchval(store.LOCK_STARTS, _start_key(ctx.customer_id or ctx.tenant))
    now = clock.now()
    oldest = UUID(int=int((now - timedelta(days=2)).timestamp() * 1000) << 80)
    if await tx.fetchval(store.OPEN_TOP_UPS, ctx.tenant, ctx.customer_id, oldest) >= limits.TOP_UPS_OPEN_MAX:
        raise TooManyPayments(payments_max=limits.TOP_UPS_OPEN_MAX)
    subject = "钱包充值" if ctx.locale == "zh-CN" else "Wallet top-up"
    due = Due(amount, subject, now + timedelta(seconds=limits.TOP_UP_OPEN_S))
    return await _add(tx, ctx, gateway, due, replace(through, leftovers=BackTo.SOURCE), customer_id=ctx.customer_id)


def _start_key(owner: UUID) -> int:
    digest = hashlib.blake2b(owner.bytes, digest_size=8, person=b"payment").digest()
    return int.from_bytes(digest, "big", signed=True)


async def _add(
    tx: Tx,
    ctx: Ctx,
    gateway: GatewayView,
    due: Due,
    through: Through,
    *,
    customer_id: CustomerId | None,
    order_id: OrderId | None = None,
) -> PaymentView:
    purpose = PaymentPurpose.TOP_UP if order_id is None else PaymentPurpose.ORDER
    payment_id, now = PaymentId(new_id()), clock.now()
    return_url = rules.checked_url(through.return_url, path=("returnUrl",), local=True)
    notify_url = f"{through.notify_base.rstrip('/')}/gateways/{gateway.key}/notify"
    await tx.execute(
        store.ADD, payment_id, ctx.tenant, gateway.id, purpose.value, order_id, customer_id, due.amount.amount_minor,
        due.amount.currency, through.leftovers.value, due.subject[: limits.NAME_MAX], return_url, notify_url, ctx.locale, now,
        due.expires_at, now + timedelta(seconds=rules.look_after_s(0)),
    )  # fmt: skip
    await audit.record(
        tx, ctx, "payment.started", subject_kind="payment", subject_id=payment_id,
        detail={
            "gateway": gateway.key, "order_id": order_id, "amount_minor": due.amount.amount_minor,
            "currency": due.amount.currency,
        },
    )  # fmt: skip
    return payment_view(await tx.fetchrow(store.GET, payment_id))


def may_see(ctx: Ctx, payment: PaymentView) -> bool:
    """Whether the asker may know of a payment: the merchant's people who see orders or wallets, and who pays it.

    A guest's right to the order itself is for orders to decide.
    """
    if payment.tenant_id != ctx.tenant_id:
        return False
    if payment.customer_id is None:
        return ctx.has("wallets.read")
    if ctx.has("orders.read" if payment.order_id is not None else "wallets.read"):
        return True
    if not ctx.has("buyer.read"):
        return False
    if ctx.order_id is not None:
        return payment.order_id == ctx.order_id
    return ctx.customer_id == payment.customer_id


def _require_reader(ctx: Ctx) -> None:
    ctx.require(next((name for name in ("orders.read", "wallets.read") if ctx.has(name)), "buyer.read"))


async def find_payments(tx: Tx, ctx: Ctx, payment_ids: Sequence[PaymentId]) -> dict[PaymentId, PaymentView]:
    """Those of the payments that the asker may see."""
    _require_reader(ctx)
    views = [payment_view(row) for row in await tx.fetch(store.BY_IDS, list(payment_ids))]
    return {view.id: view for view in views if may_see(ctx, view)}


async def payments_of_orders(tx: Tx, ctx: Ctx, order_ids: Sequence[OrderId]) -> dict[OrderId, list[PaymentView]]:
    """The latest payments of orders that the asker may see, newest first."""
    _require_reader(ctx)
    found: dict[OrderId, list[PaymentView]] = defaultdict(list)
    count = limits.PAYMENTS_LISTED_MAX * max(1, len(order_ids))
    for row in await tx.fetch(store.OF_ORDERS, list(order_ids), count):
        view = payment_view(row)
        assert view.order_id is not None
        if may_see(ctx, view) and len(found[view.order_id]) < limits.PAYMENTS_LISTED_MAX:
            found[view.order_id].append(view)
    return found


async def list_payments(
    tx: Tx, ctx: Ctx, *, bound: UUID | None = None, backwards: bool = False, count: int = limits.PAGE_DEFAULT
) -> list[PaymentView]:
    """A page of payments, newest first: a buyer's own, or the merchant's top-ups of its own wallet for its people."""
    ctx.require("wallets.read" if ctx.customer_id is None and ctx.order_id is None else "buyer.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    if ctx.order_id is not None:
        return []
    statement = (store.LIST_OF_TENANT if ctx.customer_id is None else store.LIST_OF_CUSTOMER)[backwards]
    return [payment_view(row) for row in await tx.fetch(statement, ctx.customer_id, bound, count, ctx.tenant)]


async def refunds_of(tx: Tx, ctx: Ctx, payment_ids: Sequence[PaymentId]) -> dict[PaymentId, list[RefundView]]:
    """What went back, or is on its way, of payments that the asker may see."""
    visible = await find_payments(tx, ctx, payment_ids)
    found: dict[PaymentId, list[RefundView]] = defaultdict(list)
    for row in await tx.fetch(store.REFUNDS_OF, list(visible), limits.HOLD_CODES_MAX):
        found[PaymentId(row["payment_id"])].append(refund_view(row))
    return found


async def give_up_payments(tx: Tx, order_ids: Sequence[OrderId], *, but: PaymentId | None = None) -> None:
    """Has the payments of orders that wait ended at their gateways: nobody wants them any more. Called by orders."""
    keep = [] if but is None else [but]
    rows = await tx.fetch(store.UNWANTED, list(order_ids), clock.now(), keep)
    await outbox.announce(tx, *((row["tenant_id"], PaymentUnwanted(str(row["id"]))) for row in rows))
