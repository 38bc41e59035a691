"""Tables of orders: orders, lines, allocations, refunds; budgets of holds, gifts, exports."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, PrimaryKeyConstraint, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded, sealed_as
from fondaco_tenants.orders import tables_commissions, tables_hops

# Their tables are known wherever these are.
MORE = (tables_hops.Hop, tables_hops.HopRefund, tables_commissions.Commission)


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
        # What a device and an address hold unpaid: only orders that wait are in them, so that others cost nothing.
        Index(
            "ix_order_unpaid_device",
            "device_hash",
            postgresql_where=text("state = 'PENDING_PAYMENT' AND device_hash IS NOT NULL"),
        ),
        Index(
            "ix_order_unpaid_address",
            "address_hash",
            postgresql_where=text("state = 'PENDING_PAYMENT' AND address_hash IS NOT NULL"),
        ),
        # What people look for: the few orders that are not simply fulfilled, and those with a reference.
        Index("ix_order_unfinished", "tenant_id", "id", postgresql_where=text("state <> 'FULFILLED'")),
        Index("ix_order_reference", "tenant_id", "reference", postgresql_where=text("reference IS NOT NULL")),
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
    # Keyed hashes, of this tenant alone, of the device and the address that it was placed from; null when not known.
    device_hash: Mapped[bytes | None]
    address_hash: Mapped[bytes | None]
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
        # The orders of one listing in the order of their ids, which begin with their time.
        Index("ix_order_line_order_of_listing", "tenant_id", "listing_id", "order_id"),
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
    """One unit of an order line bound to one leaf. `tenant_id` is the store's, `leaf_tenant_id` the stock's owner.

    Only the store sees it: between them may stand merchants who know nothing of each other.
    """

    __tablename__ = "allocation"
    __table_args__ = (
        CheckConstraint("state IN ('HELD', 'FULFILLED', 'RELEASED', 'FAILED', 'UNKNOWN', 'WAITING')", name="state"),
        CheckConstraint("refunded_at IS NULL OR state = 'RELEASED'", name="refunded"),
        CheckConstraint("(state = 'WAITING') <= (wait_until IS NOT NULL AND code_id IS NULL)", name="waiting"),
        UniqueConstraint("line_id", "unit", "attempt"),
        # Invariant 1, seen from the order's side.
        Index(
            "uq_allocation_live_code", "code_id", unique=True,
            postgresql_where=text("state IN ('HELD', 'FULFILLED', 'UNKNOWN')"),
        ),
        Index("ix_allocation_order_id", "order_id"),
        # The units of codes that turned out bad, to trace them by.
        Index("ix_allocation_failed_code", "code_id", postgresql_where=text("state = 'FAILED'")),
        Index("ix_allocation_waiting", "wait_until", postgresql_where=text("state = 'WAITING'")),
        {
            "info": guarded(
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
    # Which of its line's routes it came over: the hops of that number.
    route: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    code_id: Mapped[UUID | None]
    # The code's mask, for the store whose own code it is not.
    masked: Mapped[str | None]
    state: Mapped[str]
    changed_at: Mapped[datetime]
    refunded_at: Mapped[datetime | None]
    revealed_at: Mapped[datetime | None]
    # Why its code turned out bad, once it FAILED.
    failure: Mapped[str | None]
    # Until when a unit without a code waits for stock; then it is refunded.
    wait_until: Mapped[datetime | None]
    # When it got its code in place of a bad one; null for a first attempt.
    replaced_at: Mapped[datetime | None]


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
    # Where the money went: WALLET, or SOURCE, where it was paid from.
    target: Mapped[str] = mapped_column(server_default=text("'WALLET'"))
    reason: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    refunded_at: Mapped[datetime]


class HoldBudget(TenantOwned):
    """How much a merchant lets be held unpaid; without a row, the platform's defaults hold."""

    __tablename__ = "hold_budget"
    __table_args__ = (
        PrimaryKeyConstraint("tenant_id"),
        CheckConstraint("guest_share_percent BETWEEN 1 AND 100", name="guest_share"),
        {"info": guarded(trade_grant="SELECT")},
    )

    buyer_orders_max: Mapped[int] = mapped_column(Integer)
    buyer_units_max: Mapped[int] = mapped_column(Integer)
    guest_orders_max: Mapped[int] = mapped_column(Integer)
    guest_units_max: Mapped[int] = mapped_column(Integer)
    device_orders_max: Mapped[int] = mapped_column(Integer)
    device_units_max: Mapped[int] = mapped_column(Integer)
    address_orders_max: Mapped[int] = mapped_column(Integer)
    address_units_max: Mapped[int] = mapped_column(Integer)
    # Of what a pool has for sale, how much guests together may hold unpaid, in percent.
    guest_share_percent: Mapped[int] = mapped_column(Integer)
    changed_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer)


class GuestHold(TenantOwned):
    """How many units of a pool an unpaid order of a guest holds; deleted when the order does not wait any more."""

    __tablename__ = "guest_hold"
    __table_args__ = (
        CheckConstraint("units > 0", name="units"),
        Index("ix_guest_hold_pool_id", "pool_id"),
        {
            "info": guarded(
                trade=True, tenant="SELECT", trade_grant="SELECT, INSERT, DELETE",
                reason="a count for as long as an order waits; the order itself says what became of it",
            )
        },
    )  # fmt: skip

    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.id"), primary_key=True)
    pool_id: Mapped[UUID] = mapped_column(primary_key=True)
    units: Mapped[int] = mapped_column(Integer)


class Gift(TenantOwned):
    """For whom an order was bought, when not for the buyer: the recipient's contact is sealed, the message plain text."""

    __tablename__ = "gift"
    __table_args__ = (
        CheckConstraint("opened_at IS NULL OR taken_back_at IS NULL", name="once"),
        CheckConstraint("locale IN ('zh-CN', 'en')", name="locale"),
        {
            "info": guarded(
                trade=True, tenant="SELECT, UPDATE (opened_at, taken_back_at, contact_sealed)", trade_grant="SELECT, INSERT",
                hidden=("contact_sealed", "message"),
            )
        },
    )  # fmt: skip

    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.id"), primary_key=True)
    contact_sealed: Mapped[bytes] = mapped_column(info=sealed_as("gift", row="order_id"))
    contact_masked: Mapped[str]
    name: Mapped[str | None]
    message: Mapped[str | None]
    locale: Mapped[str]
    opened_at: Mapped[datetime | None]
    taken_back_at: Mapped[datetime | None]


class OrderExport(TenantOwned):
    """A file of orders that somebody asked for. It is written by a worker, and deleted after a while."""

    __tablename__ = "order_export"
    __table_args__ = (
        CheckConstraint("state IN ('REQUESTED', 'READY', 'EXPIRED')", name="state"),
        CheckConstraint("format IN ('CSV', 'XLSX')", name="format"),
        CheckConstraint("placed_from < placed_to", name="period"),
        Index("ix_order_export_tenant_id", "tenant_id", "id"),
        Index("ix_order_export_kept", "expires_at", postgresql_where=text("state IN ('REQUESTED', 'READY')")),
        {"info": guarded(trade_grant="")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str]
    format: Mapped[str]
    placed_from: Mapped[datetime]
    placed_to: Mapped[datetime]
    # Whether contacts stand in it in clear; whoever asked for it was allowed to.
    contacts: Mapped[bool]
    rows: Mapped[int | None]
    size: Mapped[int | None]
    requested_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]


class OrderExportPiece(TenantOwned):
    """One sealed piece of an export."""

    __tablename__ = "order_export_piece"
    __table_args__ = (
        {
            "info": guarded(
                tenant="SELECT, INSERT, DELETE, UPDATE (sealed)", trade_grant="", hidden=("sealed",), platform="SELECT",
                reason="the file's pieces go when its time is over",
            )
        },
    )  # fmt: skip

    export_id: Mapped[UUID] = mapped_column(ForeignKey("order_export.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(info=sealed_as("order_export.{number}", row="export_id"))
