"""Tables of settlement: what merchants were paid out for their sales, and what is carried from one payout to the next."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded
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
    transfer_id: Mapped[UUID | None]
    # Between which moments what it is for became due; null when it moved only what was carried.
    since: Mapped[datetime | None]
    until: Mapped[datetime | None]
    paid_at: Mapped[datetime]


class PayoutItem(TenantOwned):
    """One hop, or one refund of a hop, that a payout took into account, and with how much: each once."""

    __tablename__ = "payout_item"
    __table_args__ = (
        PrimaryKeyConstraint("item_id"),
        CheckConstraint("kind IN ('HOP', 'REFUND', 'COMMISSION')", name="kind"),
        Index("ix_payout_item_payout_id", "payout_id"),
        {"info": guarded(trade=True, tenant="SELECT", trade_grant="SELECT, INSERT")},
    )

    # The hop or the refund of a hop: ids are never the same.
    item_id: Mapped[UUID]
    payout_id: Mapped[UUID] = mapped_column(ForeignKey("payout.id"))
    kind: Mapped[str]
    amount_minor: Mapped[int]
