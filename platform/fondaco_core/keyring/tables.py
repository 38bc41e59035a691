"""Tables of the keyring: data keys, wrapped by a master key."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Identity, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, guarded


class DataKey(Base):
    """One data key, of a tenant or of the platform; what is stored opens only with the master key it names."""

    __tablename__ = "data_key"
    __table_args__ = (
        CheckConstraint("purpose IN ('SEAL', 'FINGERPRINT', 'LOOKUP')", name="purpose"),
        Index(
            "uq_data_key_current", "tenant_id", "purpose",
            unique=True, postgresql_where=text("retired_at IS NULL"), postgresql_nulls_not_distinct=True,
        ),
        {
            "info": guarded(
                also="tenant_id IS NULL",
                reason="the platform's own keys have no tenant; every process needs them, wrapped as they are",
                trade=True,
                tenant="SELECT, INSERT",
                trade_grant="SELECT",
                platform="SELECT, INSERT, UPDATE",
            )
        },
    )  # fmt: skip

    # Stands in every sealed value, so that a rotated key is still found.
    number: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    tenant_id: Mapped[UUID | None]
    purpose: Mapped[str]
    master_key_id: Mapped[str]
    wrapped: Mapped[bytes]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    # How many values it has sealed, as far as processes have said so; what is not said yet is little beside the bound.
    seals: Mapped[int] = mapped_column(server_default=text("0"))
    # When it was destroyed: `wrapped` is empty then, and what it sealed opens for nobody.
    destroyed_at: Mapped[datetime | None]
