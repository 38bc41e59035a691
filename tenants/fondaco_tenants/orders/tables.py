"""Tables of orders: orders, lines, allocations, hops, refunds."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, TenantOwned, guarded


class Order(TenantOwned):
    """A customer's purchase in a store."""

    __tablename__ = "order"
    __table_args__ = (
        CheckConstraint(
            "state IN ('PENDING_PAYMENT', 'PAID', 'FULFILLED', 'EXPIRED', 'CANCELLED', 'HELD_FOR_REVIEW', 'REJECTED',"
            " 'PARTIALLY_REFUNDED', 'REFUNDED')",
            name="state",
        ),
        CheckConstraint("total_minor >= 0 AND refunded_minor BETWEEN 0 AND total_minor", name="money"),
        Index("ix_order_customer_id", "customer_id", "id"),
        Index("ix_order_tenant_id", "tenant_id", "id"),
        Index("ix_order_hold", "hold_expires_at", postgresql_where=text("state = 'PENDING_PAYMENT'")),
        {"info": guarded(trade=True, tenant="SELECT", trade_grant="SELECT, INSERT, UPDATE")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # What people read aloud: FD-7K2M-9QXA-4TBC
    code: Mapped[str] = mapped_column(unique=True)
    store_id: Mapped[UUID]
    customer_id: Mapped[UUID]
    state: Mapped[str]
    currency: Mapped[str]
    total_minor: Mapped[int]
    refunded_minor: Mapped[int] = mapped_column(server_default=text("0"))
    # WEB, API
    channel: Mapped[str]
    # The buyer's own reference, as given.
    reference: Mapped[str | None]
    hold_expires_at: Mapped[datetime | None]
    placed_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    fulfilled_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    # Why it was cancelled, expired or rejected.
    reason: Mapped[str | None]
    # Raised to make every guest token of the order invalid.
    token_version: Mapped[int] = mapped_column(server_default=text("1"))
    version: Mapped[int] = mapped_column(server_default=text("1"))


class OrderLine(TenantOwned):
    """One listing and quantity of an order, at the price that was asked."""

    __tablename__ = "order_line"
    __table_args__ = (
        CheckConstraint("quantity BETWEEN 1 AND 1000", name="quantity"),
        CheckConstraint("live_quantity BETWEEN 0 AND quantity", name="live_quantity"),
        CheckConstraint("unit_price_minor >= 0", name="unit_price"),
        Index("ix_order_line_order_id", "order_id"),
        Index("ix_order_line_limit", "listing_id", "customer_id", "placed_at"),
        {"info": guarded(trade=True, tenant="SELECT", trade_grant="SELECT, INSERT, UPDATE")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.id"))
    listing_id: Mapped[UUID]
    entitlement_id: Mapped[UUID]
    customer_id: Mapped[UUID]
    number: Mapped[int] = mapped_column(Integer)
    title: Mapped[str]
    quantity: Mapped[int] = mapped_column(Integer)
    # Units that are neither released nor refunded: what counts against a customer's limit.
    live_quantity: Mapped[int] = mapped_column(Integer)
    unit_price_minor: Mapped[int]
    placed_at: Mapped[datetime]


class Allocation(TenantOwned):
    """One unit of an order line bound to one leaf. `tenant_id` is the store's, `leaf_tenant_id` the stock's owner."""

    __tablename__ = "allocation"
    __table_args__ = (
        CheckConstraint("state IN ('HELD', 'FULFILLED', 'RELEASED', 'FAILED', 'UNKNOWN')", name="state"),
        CheckConstraint("refunded_at IS NULL OR state = 'RELEASED'", name="refunded"),
        UniqueConstraint("line_id", "unit", "attempt"),
        # Invariant 1, seen from the order's side.
        Index(
            "uq_allocation_live_code", "code_id", unique=True,
            postgresql_where=text("state IN ('HELD', 'FULFILLED', 'UNKNOWN')"),
        ),
        Index("ix_allocation_order_id", "order_id"),
        {
            "info": guarded(
                kind="shared",
                parties=("tenant_id", "leaf_tenant_id"),
                # To reveal is all that is done to a unit outside of a trading transaction.
                tenant="SELECT, UPDATE (revealed_at, changed_at)",
                trade=True,
                trade_grant="SELECT, INSERT, UPDATE",
            ),
            "postgresql_with": {"fillfactor": "90"},
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    leaf_tenant_id: Mapped[UUID]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.id"))
    line_id: Mapped[UUID] = mapped_column(ForeignKey("order_line.id"))
    unit: Mapped[int] = mapped_column(Integer)
    attempt: Mapped[int] = mapped_column(Integer)
    source_id: Mapped[UUID]
    code_id: Mapped[UUID | None]
    state: Mapped[str]
    changed_at: Mapped[datetime]
    refunded_at: Mapped[datetime | None]
    revealed_at: Mapped[datetime | None]


class Hop(Base):
    """One seller → buyer step of a route, as bought. The last hop's buyer is the customer, and has no tenant."""

    __tablename__ = "hop"
    __table_args__ = (
        UniqueConstraint("line_id", "source_id", "depth"),
        CheckConstraint("quantity > 0 AND unit_price_minor >= 0 AND fee_minor >= 0", name="money"),
        Index("ix_hop_order_id", "order_id"),
        Index("ix_hop_seller_tenant_id", "seller_tenant_id", "id"),
        {
            "info": guarded(
                kind="shared",
                parties=("seller_tenant_id", "buyer_tenant_id"),
                tenant="SELECT",
                trade=True,
                trade_grant="SELECT, INSERT, UPDATE",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.id"))
    line_id: Mapped[UUID] = mapped_column(ForeignKey("order_line.id"))
    source_id: Mapped[UUID]
    # 0 is the hop to the customer; the leaf's is the largest.
    depth: Mapped[int] = mapped_column(Integer)
    seller_tenant_id: Mapped[UUID]
    buyer_tenant_id: Mapped[UUID | None]
    quantity: Mapped[int] = mapped_column(Integer)
    unit_price_minor: Mapped[int]
    # The platform's share of the hop, over all units.
    fee_minor: Mapped[int]


class Refund(TenantOwned):
    """Money given back for units of an order."""

    __tablename__ = "refund"
    __table_args__ = (
        CheckConstraint("amount_minor >= 0 AND units > 0", name="amount"),
        Index("ix_refund_order_id", "order_id"),
        {"info": guarded(trade=True, tenant="SELECT", trade_grant="SELECT, INSERT")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.id"))
    units: Mapped[int] = mapped_column(Integer)
    amount_minor: Mapped[int]
    reason: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    refunded_at: Mapped[datetime]
