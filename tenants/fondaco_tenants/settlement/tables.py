"""Tables of settlement: what merchants were paid out for their sales, what is carried from one payout to the next, what was repaid."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, Integer, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, TenantOwned, guarded
from fondaco_tenants.settlement import tables_statements, tables_withdrawals

# Their tables are known wherever these are.
MORE = (
    tables_withdrawals.WithdrawalDestination, tables_withdrawals.Withdrawal, tables_statements.StatementExport,
    tables_statements.StatementExportPiece,
)  # fmt: skip


class SettlementAccount(TenantOwned):
    """A merchant in one currency: the row that who settles it locks, and what its last payout did not move."""

    __tablename__ = "settlement_account"
    __table_args__ = (
        PrimaryKeyConstraint("tenant_id", "currency"),
        Index("ix_settlement_account_carried", "tenant_id", postgresql_where=text("carried_minor <> 0")),
        {"info": guarded(trade=True, tenant="SELECT", trade_grant="SELECT, INSERT, UPDATE (carried_minor)")},
    )

    currency: Mapped[str]
    # Negative: what is still to be taken back.
    carried_minor: Mapped[int] = mapped_column(server_default=text("0"))


class Payout(TenantOwned):
    """Money that went from what a merchant was to get into its wallet; negative when it was taken back."""

    __tablename__ = "payout"
    __table_args__ = (
        CheckConstraint("(amount_minor = 0) = (transfer_id IS NULL)", name="transfer"),
        CheckConstraint("hops >= 0 AND refunds >= 0", name="counts"),
        Index("ix_payout_tenant_id", "tenant_id", "id"),
        {"info": guarded(trade=True, tenant="SELECT", trade_grant="SELECT, INSERT")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    currency: Mapped[str]
    amount_minor: Mapped[int]
    hops: Mapped[int] = mapped_column(Integer)
    refunds: Mapped[int] = mapped_column(Integer)
    repayments: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    transfer_id: Mapped[UUID | None]
    # Between which moments what it is for became due; null when it moved only what was carried.
    since: Mapped[datetime | None]
    until: Mapped[datetime | None]
    paid_at: Mapped[datetime]


class PayoutItem(TenantOwned):
    """One hop, refund of a hop or repayment of one that a payout took into account, and with how much: each once."""

    __tablename__ = "payout_item"
    __table_args__ = (
        PrimaryKeyConstraint("item_id"),
        CheckConstraint("kind IN ('HOP', 'REFUND', 'COMMISSION', 'REPAYMENT')", name="kind"),
        Index("ix_payout_item_payout_id", "payout_id"),
        {"info": guarded(trade=True, tenant="SELECT", trade_grant="SELECT, INSERT")},
    )

    # The hop, or the refund or the repayment of one: ids are never the same.
    item_id: Mapped[UUID]
    payout_id: Mapped[UUID] = mapped_column(ForeignKey("payout.id"))
    kind: Mapped[str]
    amount_minor: Mapped[int]


class CreditRepayment(Base):
    """What of a hop was bought on credit and paid afterwards; rows of one `repayment_id` were paid at once, by one transfer."""

    __tablename__ = "credit_repayment"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        Index("ix_credit_repayment_hop_id", "hop_id"),
        Index("ix_credit_repayment_agreement_id", "agreement_id", "repayment_id"),
        Index(
            "ix_credit_repayment_unsettled",
            "supplier_tenant_id",
            "currency",
            postgresql_where=text("settled_at IS NULL"),
        ),
        {
            "info": guarded(
                kind="shared",
                parties=("supplier_tenant_id", "reseller_tenant_id"),
                tenant="SELECT",
                trade=True,
                trade_grant="SELECT, INSERT, UPDATE (settled_at)",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    repayment_id: Mapped[UUID]
    hop_id: Mapped[UUID] = mapped_column(ForeignKey("hop.id"))
    agreement_id: Mapped[UUID] = mapped_column(ForeignKey("agreement.id"))
    supplier_tenant_id: Mapped[UUID]
    reseller_tenant_id: Mapped[UUID]
    currency: Mapped[str]
    amount_minor: Mapped[int]
    # Whether it was taken because it was due; else the reseller paid by itself.
    drawn: Mapped[bool] = mapped_column(Boolean)
    repaid_at: Mapped[datetime]
    # When the supplier's payout took it into account.
    settled_at: Mapped[datetime | None]
