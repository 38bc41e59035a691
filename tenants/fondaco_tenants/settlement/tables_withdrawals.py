"""Tables of withdrawals: where merchants have their money paid to, and what they asked for."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded, sealed_as


class WithdrawalDestination(TenantOwned):
    """Where money may be paid to. It is never changed: another account is another destination, which has to wait again."""

    __tablename__ = "withdrawal_destination"
    __table_args__ = (
        CheckConstraint("kind IN ('BANK', 'ALIPAY', 'WECHAT_PAY', 'PAYPAL', 'OTHER')", name="kind"),
        Index("ix_withdrawal_destination_tenant_id", "tenant_id", "id"),
        {
            "info": guarded(
                tenant="SELECT, INSERT, UPDATE (removed_at, payee_sealed)", trade_grant="SELECT", hidden=("payee_sealed",)
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    # The last characters of the account's number.
    masked: Mapped[str]
    # Who is paid and where, as JSON: opened for whoever of the platform pays it, on the record.
    payee_sealed: Mapped[bytes] = mapped_column(info=sealed_as("withdrawal_destination"))
    added_by: Mapped[UUID | None]
    added_at: Mapped[datetime]
    # A session that was stolen cannot have money sent elsewhere at once.
    usable_from: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class Withdrawal(TenantOwned):
    """Money of a merchant's wallet that is to leave the platform; it is set aside until somebody has decided."""

    __tablename__ = "withdrawal"
    __table_args__ = (
        CheckConstraint("state IN ('REQUESTED', 'APPROVED', 'PAID', 'REFUSED', 'CANCELLED')", name="state"),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("(state = 'PAID') = (bank_reference IS NOT NULL)", name="paid"),
        CheckConstraint("(state = 'REFUSED') = (refusal IS NOT NULL)", name="refused"),
        CheckConstraint("(state IN ('REQUESTED', 'APPROVED')) = (closed_at IS NULL)", name="closed"),
        CheckConstraint("approved_by IS NULL OR approved_by IS DISTINCT FROM requested_by", name="four_eyes"),
        Index("ix_withdrawal_tenant_id", "tenant_id", "id"),
        Index("ix_withdrawal_open", "id", postgresql_where=text("state IN ('REQUESTED', 'APPROVED')")),
        {"info": guarded(tenant="SELECT", trade_grant="SELECT, INSERT, UPDATE", platform="SELECT, UPDATE")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    destination_id: Mapped[UUID] = mapped_column(ForeignKey("withdrawal_destination.id"))
    currency: Mapped[str]
    amount_minor: Mapped[int]
    state: Mapped[str]
    transfer_id: Mapped[UUID]
    requested_by: Mapped[UUID | None]
    requested_at: Mapped[datetime]
    approved_by: Mapped[UUID | None]
    approved_at: Mapped[datetime | None]
    # Under which number the bank has it; why it was refused.
    bank_reference: Mapped[str | None]
    refusal: Mapped[str | None]
    closed_by: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
