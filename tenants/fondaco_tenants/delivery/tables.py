"""Tables of delivery: links that open an order's codes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded


class DeliveryLink(TenantOwned):
    """A link that opens the codes of one order a limited number of times; only a hash of its secret is kept."""

    __tablename__ = "delivery_link"
    __table_args__ = (
        CheckConstraint("opens BETWEEN 0 AND opens_max", name="opens"),
        Index("ix_delivery_link_order_id", "order_id"),
        {"info": guarded(trade_grant="SELECT", hidden=("secret_hash",))},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.id"))
    # Null opens every unit of the order.
    allocation_id: Mapped[UUID | None] = mapped_column(ForeignKey("allocation.id"))
    secret_hash: Mapped[bytes]
    opens_max: Mapped[int] = mapped_column(Integer)
    opens: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    expires_at: Mapped[datetime]
    created_by_kind: Mapped[str]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
