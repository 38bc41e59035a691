"""Tables of hops: what one merchant sold another for an order, step by step, and what of it went back."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, guarded
from fondaco_tenants.orders.tables_commissions import AMOUNTS


class Hop(Base):
    """One seller → buyer step of a route, as bought. The last hop's buyer is the customer, and has no tenant."""

    __tablename__ = "hop"
    __table_args__ = (
        UniqueConstraint("line_id", "route", "depth"),
        CheckConstraint(
            "quantity > 0 AND unit_price_minor >= 0 AND fee_minor >= 0 AND credit_minor >= 0", name="money"
        ),
        CheckConstraint("cleared_minor BETWEEN 0 AND credit_minor", name="cleared"),
        CheckConstraint("(depth = 0) = (buyer_tenant_id IS NULL)", name="customer"),
        Index("ix_hop_order_id", "order_id"),
        Index("ix_hop_seller_tenant_id", "seller_tenant_id", "id"),
        Index("ix_hop_buyer_tenant_id", "buyer_tenant_id", "id", postgresql_where=text("buyer_tenant_id IS NOT NULL")),
        Index("uq_hop_lot", "lot", unique=True, postgresql_where=text("lot IS NOT NULL")),
        # What is due and what is owed stays a read of so many rows, however many are settled and paid.
        Index(
            "ix_hop_unsettled_of", "seller_tenant_id", "currency", "settles_at", "id",
            postgresql_where=text("settled_at IS NULL AND settles_at IS NOT NULL"),
        ),
        Index(
            "ix_hop_owed", "agreement_id", "settles_at", "id",
            postgresql_where=text("credit_minor > cleared_minor AND settles_at IS NOT NULL"),
        ),
        {
            "info": guarded(
                kind="shared",
                parties=("seller_tenant_id", "buyer_tenant_id"),
                tenant="SELECT",
                trade=True,
                trade_grant="SELECT, INSERT, UPDATE",
                platform="SELECT, UPDATE (scored)",
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.id"))
    line_id: Mapped[UUID] = mapped_column(ForeignKey("order_line.id"))
    # The seller's own source that it was filled from.
    source_id: Mapped[UUID]
    # A line that several routes serve has hops of each.
    route: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    # 0 is the hop to the customer; the leaf's is the largest.
    depth: Mapped[int] = mapped_column(Integer)
    seller_tenant_id: Mapped[UUID]
    buyer_tenant_id: Mapped[UUID | None]
    # Units that two merchants trade by one line and one offer are one lot, over however many routes they come: it is named after
    # the first of their hops, which alone bears its public number. Null where the buyer is the customer.
    lot_id: Mapped[UUID | None]
    lot: Mapped[str | None]
    # What was bought, by which agreement; null where the buyer is the customer.
    offer_id: Mapped[UUID | None]
    agreement_id: Mapped[UUID | None]
    entitlement_id: Mapped[UUID]
    currency: Mapped[str]
    quantity: Mapped[int] = mapped_column(Integer)
    unit_price_minor: Mapped[int]
    # The platform's share of the hop, over all units.
    fee_minor: Mapped[int]
    # What of its price the buyer owes the seller, over all units, instead of having paid it.
    credit_minor: Mapped[int] = mapped_column(server_default=text("0"))
    # What of its price goes to who brought the buyer, to who brought that one, and so on, over all units.
    commissions: Mapped[list[int]] = mapped_column(AMOUNTS, server_default=text("'{}'"))
    # What of that is owed no more: repaid, or taken off by refunds.
    cleared_minor: Mapped[int] = mapped_column(server_default=text("0"))
    # When the money is the seller's own, and what is owed is due: null while the order is not paid.
    settles_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    # Whether its seller's scorecard has it.
    scored: Mapped[bool] = mapped_column(server_default=text("false"))


class HopRefund(Base):
    """Units of a hop that were given back: what the seller returned to the buyer, and the platform of its fee."""

    __tablename__ = "hop_refund"
    __table_args__ = (
        CheckConstraint(
            "units > 0 AND amount_minor >= 0 AND fee_minor >= 0 AND credit_minor BETWEEN 0 AND amount_minor",
            name="money",
        ),
        Index("ix_hop_refund_hop_id", "hop_id"),
        Index("ix_hop_refund_seller_tenant_id", "seller_tenant_id", "refunded_at"),
        Index("ix_hop_refund_unsettled", "seller_tenant_id", "currency", postgresql_where=text("settled_at IS NULL")),
        Index(
            "ix_hop_refund_buyer_tenant_id",
            "buyer_tenant_id",
            "refunded_at",
            postgresql_where=text("buyer_tenant_id IS NOT NULL"),
        ),
        {
            "info": guarded(
                kind="shared",
                parties=("seller_tenant_id", "buyer_tenant_id"),
                tenant="SELECT",
                trade=True,
                trade_grant="SELECT, INSERT, UPDATE (settled_at)",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    hop_id: Mapped[UUID] = mapped_column(ForeignKey("hop.id"))
    seller_tenant_id: Mapped[UUID]
    buyer_tenant_id: Mapped[UUID | None]
    units: Mapped[int] = mapped_column(Integer)
    amount_minor: Mapped[int]
    fee_minor: Mapped[int]
    # What of the amount was owed and is not any more.
    credit_minor: Mapped[int] = mapped_column(server_default=text("0"))
    currency: Mapped[str]
    refunded_at: Mapped[datetime]
    # When the seller's next payout took it into account.
    settled_at: Mapped[datetime | None]
