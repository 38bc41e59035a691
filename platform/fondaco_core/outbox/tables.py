"""Tables of the outbox: facts that wait to be relayed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Identity, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, guarded


class OutboxEvent(Base):
    """A fact, written with the data that it is about; the relay hands it to the queue and deletes it."""

    __tablename__ = "outbox_event"
    __table_args__ = {
        "info": guarded(
            also="false",
            reason="an event may be about the platform and have no tenant; tenants write events and never read them",
            tenant="INSERT",
            trade=True,
            trade_grant="INSERT",
            platform="SELECT, INSERT, DELETE",
        )
    }

    seq: Mapped[int] = mapped_column(Identity(), primary_key=True)
    tenant_id: Mapped[UUID | None]
    name: Mapped[str]
    payload: Mapped[dict[str, Any]]
    happened_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
