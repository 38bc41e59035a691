"""Tables of custody: the rotation of a tenant's key or of the platform's, and destructions, as far as they have come."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, guarded


class KeyChange(Base):
    """One change of a tenant's keys, or of the platform's: every sealed value is walked over, and this row says how far."""

    __tablename__ = "key_change"
    __table_args__ = (
        CheckConstraint("kind IN ('ROTATION', 'DESTRUCTION')", name="kind"),
        CheckConstraint("(kind = 'DESTRUCTION') = (reason IS NOT NULL)", name="reason"),
        CheckConstraint("tenant_id IS NOT NULL OR kind = 'ROTATION'", name="platform"),
        # One at a time; who asks for a second one goes on with the first.
        Index(
            "uq_key_change_going", "tenant_id",
            unique=True, postgresql_where=text("finished_at IS NULL"), postgresql_nulls_not_distinct=True,
        ),
        Index("ix_key_change_tenant_id", "tenant_id", "id"),
        {
            "info": guarded(
                trade=True,
                reason="who re-seals a tenant's values acts in that tenant; an order waits for it where stock is short",
                tenant="SELECT, UPDATE (at_column, place, moved, moved_at, missed)",
                trade_grant="SELECT",
                platform="SELECT, INSERT, UPDATE",
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # Null for the platform's own key.
    tenant_id: Mapped[UUID | None]
    kind: Mapped[str]
    # The key that values are sealed with from now on: the tenant's new one, or the platform's for what buyers bought.
    number: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[datetime]
    started_by: Mapped[UUID | None]
    reason: Mapped[str | None]
    # How many values there were at the start, and how many have been re-sealed.
    total: Mapped[int] = mapped_column(server_default=text("0"))
    moved: Mapped[int] = mapped_column(server_default=text("0"))
    moved_at: Mapped[datetime | None]
    # The pass over all columns that goes on: when it began, where it stands, how many rows it had to leave to others.
    pass_started_at: Mapped[datetime]
    at_column: Mapped[str | None]
    place: Mapped[dict[str, Any] | None]
    missed: Mapped[int] = mapped_column(server_default=text("0"))
    finished_at: Mapped[datetime | None]
