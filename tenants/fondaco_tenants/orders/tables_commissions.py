"""The table of commissions: what merchants pay those that brought their resellers, each side its own row."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded

# Minor units, level by level.
AMOUNTS = ARRAY(BigInteger)


class Commission(TenantOwned):
    """A merchant's side of one level's commission of one hop, or of what went back of it; both sides together are nothing."""

    __tablename__ = "commission"
    __table_args__ = (
        CheckConstraint("amount_minor <> 0 AND level > 0 AND tenant_id <> partner_tenant_id", name="amount"),
        Index("ix_commission_hop_id", "hop_id"),
        Index("ix_commission_tenant_id", "tenant_id", "id"),
        Index("ix_commission_unsettled", "due_at", postgresql_where=text("settled_at IS NULL")),
        {"info": guarded(trade=True, tenant="SELECT", trade_grant="SELECT, INSERT, UPDATE (settled_at)")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # The other side: who sold, or who brought the buyer.
    partner_tenant_id: Mapped[UUID]
    hop_id: Mapped[UUID]
    # Null for what a sale costs, the refund for what it gives back.
    refund_id: Mapped[UUID | None]
    # 1 is who brought the buyer.
    level: Mapped[int] = mapped_column(Integer)
    # Above nothing: it gets that; below: it pays that.
    amount_minor: Mapped[int]
    currency: Mapped[str]
    created_at: Mapped[datetime]
    # When it counts in a payout, as the sale does; and when it did.
    due_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
