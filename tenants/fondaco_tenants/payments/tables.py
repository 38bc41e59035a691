"""Tables of payments: gateways, payments, what gateways notified, money on its way back."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, TenantOwned, guarded
from fondaco_core.db.sealed import sealed_as

_SHOWN = "id, key, kind, title_zh, title_en, currencies, enabled, created_at, changed_at, version"


class Gateway(Base):
    """A way to pay that the platform has an account with; every merchant's buyers pay through it."""

    __tablename__ = "gateway"
    __table_args__ = (
        CheckConstraint("key ~ '^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$'", name="key"),
        {
            "info": guarded(
                kind="global",
                reason="the platform's: every merchant's buyers pay through the same ones; tenants see no address and no secret",
                tenant=f"SELECT ({_SHOWN})",
                platform="SELECT, INSERT, UPDATE",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # What stands in addresses: /gateways/<key>/notify.
    key: Mapped[str] = mapped_column(unique=True)
    # Which adapter speaks with it.
    kind: Mapped[str]
    title_zh: Mapped[str]
    title_en: Mapped[str]
    currencies: Mapped[list[str]]
    base_url: Mapped[str]
    # What its adapter wants to know beside: an account number, say. Nothing secret.
    options: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    secret: Mapped[bytes] = mapped_column(info=sealed_as("gateway", platform=True))
    enabled: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class Payment(TenantOwned):
    """One attempt to pay an order, or to top up a wallet, through a gateway.

    CREATING → PENDING → CAPTURED; UNKNOWN while nobody knows whether the gateway took it; CLOSED, FAILED. What comes in
    after a close is captured all the same: it is there.
    """

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("purpose IN ('ORDER', 'TOP_UP')", name="purpose"),
        CheckConstraint("state IN ('CREATING', 'UNKNOWN', 'PENDING', 'CAPTURED', 'CLOSED', 'FAILED')", name="state"),
        CheckConstraint("(purpose = 'ORDER') = (order_id IS NOT NULL) AND (order_id IS NULL OR customer_id IS NOT NULL)", name="whose"),
        CheckConstraint("leftovers IN ('SOURCE', 'WALLET')", name="leftovers"),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint(
            "(state = 'CAPTURED') = (captured_at IS NOT NULL) AND (captured_at IS NULL) = (captured_minor IS NULL)"
            " AND (captured_at IS NULL) = (captured_currency IS NULL)",
            name="captured",
        ),
        CheckConstraint("refunding_minor BETWEEN 0 AND coalesce(captured_minor, 0)", name="refunding"),
        CheckConstraint("(settled_at IS NULL) = (outcome IS NULL) AND (settled_at IS NULL OR state = 'CAPTURED')", name="settled"),
        # One payment pays an order; every other one is given back.
        Index(
            "uq_payment_order_paid", "order_id", unique=True,
            postgresql_where=text("outcome IN ('ORDER_PAID', 'ORDER_PAID_LATE')"),
        ),
        Index("ix_payment_order_id", "order_id", postgresql_where=text("order_id IS NOT NULL")),
        Index("ix_payment_tenant_id", "tenant_id", "customer_id", "id"),
        Index("ix_payment_next_look_at", "next_look_at", postgresql_where=text("next_look_at IS NOT NULL")),
        Index("ix_payment_unsettled", "captured_at", postgresql_where=text("state = 'CAPTURED' AND settled_at IS NULL")),
        Index("ix_payment_gateway_id", "gateway_id", "captured_at"),
        {
            "info": guarded(
                trade=True,
                tenant="SELECT, INSERT",
                trade_grant="SELECT, INSERT, UPDATE",
                platform="SELECT, INSERT, UPDATE",
            ),
            "postgresql_with": {"fillfactor": "90"},
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    gateway_id: Mapped[UUID]
    purpose: Mapped[str]
    order_id: Mapped[UUID | None]
    # Whose wallet it goes through; null for the merchant's own.
    customer_id: Mapped[UUID | None]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    state: Mapped[str]
    # Where goes what cannot be used: back to the source, or into the buyer's wallet.
    leftovers: Mapped[str]
    subject: Mapped[str]
    return_url: Mapped[str]
    notify_url: Mapped[str]
    locale: Mapped[str]
    gateway_reference: Mapped[str | None]
    pay_url: Mapped[str | None]
    qr_text: Mapped[str | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    # When the gateway is asked next; null when there is nothing to ask any more.
    next_look_at: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    # Nobody wants it any more: it is closed at the gateway.
    unwanted: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    captured_at: Mapped[datetime | None]
    # What was really paid, which is what counts.
    captured_minor: Mapped[int | None]
    captured_currency: Mapped[str | None]
    # What went back to the source or is on its way.
    refunding_minor: Mapped[int] = mapped_column(server_default=text("0"))
    settled_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    # The gateway's own word for why it refused.
    failure: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class PaymentNotification(Base):
    """A notification as it came in: evidence, never changed. Sealed, because it says who paid from which account."""

    __tablename__ = "payment_notification"
    __table_args__ = (
        CheckConstraint("verdict IN ('GENUINE', 'FORGED', 'STRANGE', 'MISDIRECTED')", name="verdict"),
        # The same notification a second time is no second piece of evidence.
        Index(
            "uq_payment_notification_said", "gateway_id", "notification_id", "digest", unique=True,
            postgresql_where=text("verdict <> 'FORGED'"),
        ),
        Index("ix_payment_notification_payment_id", "payment_id"),
        Index("ix_payment_notification_forged", "gateway_id", "received_at", postgresql_where=text("verdict = 'FORGED'")),
        {
            "info": guarded(
                reason="what nobody's payment is named in has no tenant; evidence is the platform's to show, and to re-seal",
                tenant="",
                platform="SELECT, INSERT, UPDATE (message)",
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    gateway_id: Mapped[UUID]
    # Found from our own payment alone, never from what somebody sends.
    tenant_id: Mapped[UUID | None]
    payment_id: Mapped[UUID | None]
    # The gateway's own number; null for what is not the gateway's.
    notification_id: Mapped[str | None]
    verdict: Mapped[str]
    # SHA-256 of the body, in hexadecimal.
    digest: Mapped[str]
    # Head and body as they came.
    message: Mapped[bytes] = mapped_column(info=sealed_as("payment_notification", platform=True))
    ip: Mapped[str | None]
    received_at: Mapped[datetime]


class PaymentRefund(TenantOwned):
    """Money of a captured payment on its way back to where it came from. REQUESTED → DONE | REFUSED; UNKNOWN until it is known.

    REFUSED goes on, by a person, when no wallet took the money: REQUESTED under another number, or PAID_OUT by hand.
    """

    __tablename__ = "payment_refund"
    __table_args__ = (
        CheckConstraint("state IN ('REQUESTED', 'UNKNOWN', 'DONE', 'REFUSED', 'PAID_OUT')", name="state"),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("(state IN ('DONE', 'REFUSED', 'PAID_OUT')) = (ended_at IS NOT NULL)", name="ended"),
        CheckConstraint("(state = 'PAID_OUT') = (payout_reference IS NOT NULL)", name="paid_out"),
        Index("ix_payment_refund_payment_id", "payment_id"),
        # What the statement of a day is compared with.
        Index("ix_payment_refund_ended_at", "ended_at", postgresql_where=text("state = 'DONE'")),
        Index("ix_payment_refund_next_try_at", "next_try_at", postgresql_where=text("next_try_at IS NOT NULL")),
        # The number under which a gateway knows it, once the first one was refused.
        Index("uq_payment_refund_sent_as", "sent_as", unique=True, postgresql_where=text("sent_as IS NOT NULL")),
        # What waits for a person.
        Index("ix_payment_refund_refused", "id", postgresql_where=text("state = 'REFUSED' AND NOT into_wallet")),
        # Units of an order are refunded to the source once.
        Index("uq_payment_refund_order_refund_id", "order_refund_id", unique=True),
        {
            "info": guarded(
                trade=True,
                tenant="SELECT",
                trade_grant="SELECT, INSERT",
                platform="SELECT, INSERT, UPDATE",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    customer_id: Mapped[UUID | None]
    # The refund of units of an order that this pays out; null for what could not be used.
    order_refund_id: Mapped[UUID | None]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    reason: Mapped[str]
    state: Mapped[str]
    requested_at: Mapped[datetime]
    next_try_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    ended_at: Mapped[datetime | None]
    # The gateway's own word for why it refused, and whether the money went into the buyer's wallet instead.
    failure: Mapped[str | None]
    into_wallet: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    # The number under which it was sent again after it was refused; null while it is known by its id.
    sent_as: Mapped[UUID | None]
    # Where a payment by hand is found.
    payout_reference: Mapped[str | None]


_PLATFORMS = "the platform's: it has the accounts with gateways, and one statement lists every merchant's payments"


class Reconciliation(Base):
    """One day of one gateway, compared with its statement. A later comparison of the same day takes its place."""

    __tablename__ = "reconciliation"
    __table_args__ = (
        CheckConstraint("state IN ('RUNNING', 'DONE')", name="state"),
        CheckConstraint("(state = 'DONE') <= (finished_at IS NOT NULL)", name="finished"),
        UniqueConstraint("gateway_id", "day"),
        {
            "info": guarded(
                kind="global", reason=_PLATFORMS, tenant="", trade_grant="", platform="SELECT, INSERT, UPDATE"
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    gateway_id: Mapped[UUID]
    # Of the gateway's statement, UTC.
    day: Mapped[date]
    state: Mapped[str]
    # Which run of it this is: one that was believed dead writes nothing more.
    run_id: Mapped[UUID]
    started_at: Mapped[datetime]
    # When it was last compared whole.
    finished_at: Mapped[datetime | None]
    lines: Mapped[int] = mapped_column(server_default=text("0"))
    # How many differences the last comparison found, also those beyond what is listed.
    differences: Mapped[int] = mapped_column(server_default=text("0"))


class StatementLine(Base):
    """A line of a gateway's statement as it was read: evidence, and what ours is compared with."""

    __tablename__ = "statement_line"
    __table_args__ = (
        CheckConstraint("kind IN ('PAYMENT', 'REFUND')", name="kind"),
        Index("ix_statement_line_our_id", "our_id"),
        {
            "info": guarded(
                kind="global", reason=_PLATFORMS, tenant="", trade_grant="", platform="SELECT, INSERT, DELETE"
            )
        },
    )

    reconciliation_id: Mapped[UUID] = mapped_column(ForeignKey("reconciliation.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    # As the gateway wrote it; null in `our_id` when it is no id of ours by its very shape.
    written_id: Mapped[str]
    our_id: Mapped[UUID | None]
    gateway_reference: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    happened_at: Mapped[datetime]


class ReconciliationDifference(Base):
    """Something in which a gateway's books and ours are not the same. OPEN → RESOLVED, by a person with a reason or because it is gone."""

    __tablename__ = "reconciliation_difference"
    __table_args__ = (
        CheckConstraint("subject IN ('PAYMENT', 'REFUND')", name="subject"),
        CheckConstraint(
            "kind IN ('MISSING_HERE', 'MISSING_THERE', 'AMOUNT', 'CURRENCY', 'STATE', 'REPEATED')", name="kind"
        ),
        CheckConstraint("state IN ('OPEN', 'RESOLVED')", name="state"),
        CheckConstraint("(state = 'RESOLVED') = (resolved_at IS NOT NULL AND reason IS NOT NULL)", name="resolved"),
        UniqueConstraint(
            "reconciliation_id", "subject", "written_id", "kind", name="uq_reconciliation_difference_found"
        ),
        Index("ix_reconciliation_difference_open", "id", postgresql_where=text("state = 'OPEN'")),
        {
            "info": guarded(
                kind="global", reason=_PLATFORMS, tenant="", trade_grant="", platform="SELECT, INSERT, UPDATE"
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reconciliation_id: Mapped[UUID] = mapped_column(ForeignKey("reconciliation.id"))
    subject: Mapped[str]
    kind: Mapped[str]
    written_id: Mapped[str]
    # Our payment or refund, and its merchant; null where there is none.
    our_id: Mapped[UUID | None]
    tenant_id: Mapped[UUID | None]
    gateway_reference: Mapped[str | None]
    ours_state: Mapped[str | None]
    ours_minor: Mapped[int | None]
    ours_currency: Mapped[str | None]
    theirs_minor: Mapped[int | None]
    theirs_currency: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default=text("'OPEN'"))
    found_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    # Null when it was gone by itself.
    resolved_by: Mapped[UUID | None]
    reason: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
