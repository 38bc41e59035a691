"""Tables of routing: where a listing can be filled from."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded


class ListingWatch(TenantOwned):
    """What was last announced of what buyers can buy of a listing, so that each crossing is announced once."""

    __tablename__ = "listing_watch"
    __table_args__ = (
        CheckConstraint("band IN ('ENOUGH', 'LOW', 'OUT')", name="band"),
        {"info": guarded(tenant="SELECT", trade_grant="", platform="SELECT, INSERT, UPDATE")},
    )

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listing.id"), primary_key=True)
    band: Mapped[str]
    changed_at: Mapped[datetime]


class Source(TenantOwned):
    """One place that a listing can be filled from, in the order of its priority."""

    __tablename__ = "source"
    __table_args__ = (
        CheckConstraint("kind IN ('POOL')", name="kind"),
        UniqueConstraint("listing_id", "pool_id"),
        Index("ix_source_pool_id", "pool_id"),
        {"info": guarded(tenant="SELECT, INSERT, UPDATE, DELETE", trade_grant="SELECT")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listing.id"))
    kind: Mapped[str]
    pool_id: Mapped[UUID] = mapped_column(ForeignKey("code_pool.id"))
    # Lower goes first.
    priority: Mapped[int] = mapped_column(server_default=text("0"))
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime]
