"""Tables of the catalogue: the platform's standard entitlements, and what each store lists."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, TenantOwned, guarded
from fondaco_core.db.isolation import CURRENT_TENANT


class Entitlement(Base):
    """The platform-wide standard definition of a good, to which every merchant's listings and pools point."""

    __tablename__ = "entitlement"
    __table_args__ = (
        CheckConstraint("fulfilment_kind IN ('CODE', 'LINK', 'QR', 'TOP_UP', 'SERVICE')", name="fulfilment_kind"),
        CheckConstraint("state IN ('ACTIVE', 'RETIRED')", name="state"),
        {
            "info": guarded(
                kind="global",
                reason="the platform's standard, the same for every tenant, public",
                tenant="SELECT",
                platform="SELECT, INSERT, UPDATE",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # A stable, speaking name for programs: netflix-1m-us
    sku: Mapped[str] = mapped_column(unique=True)
    brand: Mapped[str]
    name: Mapped[str]
    name_zh: Mapped[str]
    category: Mapped[str]
    fulfilment_kind: Mapped[str]
    face_value_minor: Mapped[int | None]
    face_currency: Mapped[str | None]
    # ISO 3166-1 alpha-2, or GLOBAL
    region: Mapped[str]
    # How long it lasts once redeemed, in days; null when it does not end.
    validity_days: Mapped[int | None]
    # Whether upper and lower case are the same code, which decides when two codes are one.
    case_sensitive: Mapped[bool] = mapped_column(server_default=text("false"))
    redemption: Mapped[str]
    redemption_zh: Mapped[str]
    restrictions: Mapped[str | None]
    restrictions_zh: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default=text("'ACTIVE'"))
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class Listing(TenantOwned):
    """What a store sells: an entitlement at a price, with limits."""

    __tablename__ = "listing"
    __table_args__ = (
        CheckConstraint("state IN ('DRAFT', 'ACTIVE', 'PAUSED', 'ARCHIVED')", name="state"),
        CheckConstraint("price_minor >= 0", name="price"),
        CheckConstraint("order_max BETWEEN 1 AND 1000", name="order_max"),
        CheckConstraint("customer_max > 0", name="customer_max"),
        CheckConstraint("customer_period_days > 0", name="customer_period_days"),
        Index("ix_listing_store", "store_id", "position", "id"),
        {
            "info": guarded(
                also=f"{CURRENT_TENANT} IS NULL AND state = 'ACTIVE'",
                reason="a visitor who comes by an id has no tenant yet, and finds the tenant of what is on sale",
                trade_grant="SELECT",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    entitlement_id: Mapped[UUID] = mapped_column(ForeignKey("entitlement.id"))
    title: Mapped[str]
    description: Mapped[str] = mapped_column(server_default=text("''"))
    price_minor: Mapped[int]
    currency: Mapped[str]
    # The most units in one order.
    order_max: Mapped[int] = mapped_column(server_default=text("10"))
    # The most units one customer may have over all orders of the last `customer_period_days`, or ever when that is null.
    customer_max: Mapped[int | None]
    customer_period_days: Mapped[int | None]
    # Below this many available codes the merchant is told.
    low_stock_at: Mapped[int] = mapped_column(server_default=text("0"))
    state: Mapped[str] = mapped_column(server_default=text("'DRAFT'"))
    position: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(server_default=text("1"))
