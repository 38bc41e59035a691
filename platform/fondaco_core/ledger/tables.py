"""Tables of the ledger: accounts and transfers. The vocabulary is double entry's: debit, credit, pending, posted, voided."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, guarded


class LedgerAccount(Base):
    """Money of one owner for one purpose in one currency.

    A *bounded* account (a wallet) keeps its balance up to date in its row, under the row's lock, and can not pass its
    floor. An unbounded one (receivables, fees, clearing) is credited by every sale at once, so that its row would be
    the bottleneck of a busy merchant: its row is a roll-up of all transfers posted by transactions before
    `rolled_up_to`, and its balance is that plus the transfers since.
    """

    __tablename__ = "ledger_account"
    __table_args__ = (
        CheckConstraint("kind IN ('WALLET', 'RECEIVABLE', 'DEPOSIT', 'CREDIT_USED', 'FEES', 'GATEWAY_CLEARING', 'REFUNDS')", name="kind"),
        CheckConstraint("NOT bounded OR posted_minor - pending_minor >= floor_minor", name="floor"),
        CheckConstraint("pending_minor >= 0", name="pending"),
        CheckConstraint("bounded = (kind = 'WALLET')", name="bounded"),
        Index(
            "uq_ledger_account_owner", "tenant_id", "customer_id", "kind", "currency",
            unique=True, postgresql_nulls_not_distinct=True,
        ),
        {
            "info": guarded(
                reason="the platform's own accounts have no tenant",
                tenant="SELECT, INSERT, UPDATE (posted_minor, pending_minor)",
                trade=True,
                platform="SELECT, INSERT, UPDATE",
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID | None]
    # Set when the money is a customer's at that tenant.
    customer_id: Mapped[UUID | None]
    kind: Mapped[str]
    currency: Mapped[str]
    bounded: Mapped[bool] = mapped_column(Boolean)
    # The lowest balance allowed: zero, or minus the credit line.
    floor_minor: Mapped[int] = mapped_column(server_default=text("0"))
    posted_minor: Mapped[int] = mapped_column(server_default=text("0"))
    # What pending transfers will take.
    pending_minor: Mapped[int] = mapped_column(server_default=text("0"))
    rolled_up_to: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]


class LedgerTransfer(Base):
    """One amount from a debit account to a credit account; immutable but for the one step from PENDING."""

    __tablename__ = "ledger_transfer"
    __table_args__ = (
        CheckConstraint("state IN ('PENDING', 'POSTED', 'VOIDED')", name="state"),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
        CheckConstraint("(state = 'POSTED') = (posted_xid IS NOT NULL)", name="posted"),
        Index("ix_ledger_transfer_debit", "debit_account_id", "posted_xid"),
        Index("ix_ledger_transfer_credit", "credit_account_id", "posted_xid"),
        Index("ix_ledger_transfer_reference", "reference_id"),
        # What a merchant paid and what others paid it, in the order of time: its statements. One within a merchant is in the first alone.
        Index(
            "ix_ledger_transfer_payer",
            "payer_tenant_id",
            "resolved_at",
            "id",
            "payee_tenant_id",
            postgresql_where=text("state = 'POSTED' AND payer_tenant_id IS NOT NULL"),
        ),
        Index(
            "ix_ledger_transfer_payee",
            "payee_tenant_id",
            "resolved_at",
            "id",
            "payer_tenant_id",
            postgresql_where=text(
                "state = 'POSTED' AND payee_tenant_id IS NOT NULL AND payee_tenant_id IS DISTINCT FROM payer_tenant_id"
            ),
        ),
        {
            "info": guarded(
                kind="shared",
                parties=("payer_tenant_id", "payee_tenant_id"),
                changeable="state = 'PENDING'",
                tenant="SELECT, INSERT, UPDATE (state, posted_xid, resolved_at)",
                trade=True,
                platform="SELECT, INSERT, UPDATE (state, posted_xid, resolved_at)",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    debit_account_id: Mapped[UUID]
    credit_account_id: Mapped[UUID]
    payer_tenant_id: Mapped[UUID | None]
    payee_tenant_id: Mapped[UUID | None]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    state: Mapped[str]
    # What it is for: SALE, FEE, REFUND, FEE_REFUND, TOP_UP, PAYMENT, PAY_BACK, GRANT
    purpose: Mapped[str]
    # The order, refund or act that it belongs to.
    reference_id: Mapped[UUID | None]
    # The 64-bit number of the transaction that posted it, which never comes again (pg_current_xact_id).
    posted_xid: Mapped[int | None]
    created_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
