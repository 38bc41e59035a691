"""Tables of tenancy: tenants, the plans that say what they pay, and the doors by which one is found before it is known."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, PrimaryKeyConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, guarded


class Plan(Base):
    """What the platform takes of sales, under a name; its fees stand by version, so that the rows are the history."""

    __tablename__ = "plan"
    __table_args__ = (
        {
            "info": guarded(
                kind="global",
                reason="the platform's own price lists; which merchant has which of them stands with the merchant",
                tenant="SELECT",
                platform="SELECT, INSERT, UPDATE",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    # Which of its fees hold.
    version: Mapped[int] = mapped_column(Integer)


class PlanFee(Base):
    """The share that a plan takes of sales of one category of goods, and (an empty category) of all others; never changed."""

    __tablename__ = "plan_fee"
    __table_args__ = (
        PrimaryKeyConstraint("plan_id", "version", "category"),
        CheckConstraint("fee_bps BETWEEN 0 AND 10000", name="fee_bps"),
        {
            "info": guarded(
                kind="global",
                reason="the platform's own price lists; which merchant has which of them stands with the merchant",
                tenant="SELECT",
                platform="SELECT, INSERT",
            )
        },
    )

    plan_id: Mapped[UUID] = mapped_column(ForeignKey("plan.id"))
    version: Mapped[int] = mapped_column(Integer)
    category: Mapped[str]
    fee_bps: Mapped[int]
    created_at: Mapped[datetime]


class Tenant(Base):
    """A merchant company."""

    __tablename__ = "tenant"
    __table_args__ = (
        CheckConstraint("state IN ('APPLIED', 'ACTIVE', 'SUSPENDED', 'CLOSED')", name="state"),
        CheckConstraint("fee_bps BETWEEN 0 AND 10000", name="fee_bps"),
        Index("ix_tenant_plan_id", "plan_id"),
        {
            "info": guarded(
                parties=("id",),
                tenant="SELECT, UPDATE (name, version, second_factor_required)",
                trade_grant="SELECT",
                trade=True,
                platform="SELECT, INSERT, UPDATE",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    state: Mapped[str]
    # By which plan it pays; null: the same for all that it sells.
    plan_id: Mapped[UUID | None] = mapped_column(ForeignKey("plan.id"))
    # The platform's share of every sale, in basis points, while it has no plan.
    fee_bps: Mapped[int] = mapped_column(server_default=text("0"))
    applied_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    # Whether its people do nothing here before they have a second factor.
    second_factor_required: Mapped[bool] = mapped_column(server_default=false())
    version: Mapped[int] = mapped_column(server_default=text("1"))


class TenantDoor(Base):
    """Which tenant a public name belongs to: the tenant's own slug, a store's slug, an API client's id."""

    __tablename__ = "tenant_door"
    __table_args__ = (
        CheckConstraint("kind IN ('TENANT', 'STORE', 'API_CLIENT')", name="kind"),
        {
            "info": guarded(
                kind="global",
                reason="read before a tenant is known: it maps a public name to its tenant and holds nothing else",
                tenant="SELECT, INSERT, DELETE",
                trade_grant="SELECT",
                platform="SELECT, INSERT, DELETE",
            )
        },
    )

    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"), index=True)
