"""Tables of after-sales: codes that turned up where they should not be."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded


class Leak(TenantOwned):
    """A unit whose code turned up where it should not be, as one merchant on its path knows it: only its own two lots.

    Every merchant on the path has a row of its own, none of which says anything of the others.
    """

    __tablename__ = "leak"
    __table_args__ = (
        CheckConstraint("finds >= 0", name="finds"),
        UniqueConstraint("tenant_id", "unit_id"),
        Index("ix_leak_tenant_id", "tenant_id", "id"),
        Index("ix_leak_partner_id", "tenant_id", "partner_id", "id", postgresql_where=text("partner_id IS NOT NULL")),
        {
            "info": guarded(
                tenant="SELECT", trade=True, trade_grant="SELECT, INSERT, UPDATE (finds, found_at)",
                reason="whoever reports a leak writes it down for every merchant on the code's path, each its own step",
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # The code's id for its owner; for the others a number that says nothing.
    unit_id: Mapped[UUID]
    masked: Mapped[str]
    # Whether the code is this merchant's own.
    own: Mapped[bool]
    # The lot that it came in and the one that it went in, where there are such; and to whom it went.
    purchase_lot_id: Mapped[UUID | None]
    sale_lot_id: Mapped[UUID | None]
    partner_id: Mapped[UUID | None]
    # At how many places it was found, and when first and last.
    finds: Mapped[int] = mapped_column(Integer)
    reported_at: Mapped[datetime]
    found_at: Mapped[datetime]


class LeakFind(TenantOwned):
    """A place at which a merchant found one of its codes, in its own words; nobody else's to read."""

    __tablename__ = "leak_find"
    __table_args__ = (
        UniqueConstraint("leak_id", "place"),
        {"info": guarded(tenant="SELECT", trade_grant="SELECT, INSERT", hidden=("place",))},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    leak_id: Mapped[UUID] = mapped_column(ForeignKey("leak.id"))
    place: Mapped[str]
    found_by: Mapped[UUID | None]
    found_at: Mapped[datetime]
