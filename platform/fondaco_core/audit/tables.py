"""Tables of the audit log: who did what, append only."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, guarded


class AuditEntry(Base):
    """One act. No role may change or delete a row; a worker seals them in order afterwards."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_tenant_id_id", "tenant_id", "id"),
        Index("ix_audit_entry_subject_id", "subject_id", "id"),
        # Rows lie in the order of their transactions, so that the smallest of indexes finds the newest.
        Index("ix_audit_entry_xid", "xid", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
        {
            "info": guarded(
                reason="an act of the platform itself has no tenant",
                tenant="SELECT, INSERT",
                trade=True,
                trade_grant="INSERT",
                platform="SELECT, INSERT",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID | None]
    happened_at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    # noun.verb, as in the list of permissions: order.placed, code.revealed
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID | None]
    request_id: Mapped[str]
    ip: Mapped[str | None]
    reason: Mapped[str | None]
    detail: Mapped[dict[str, Any]]
    # The 64-bit number of its transaction: entries of transactions that have all ended can be sealed in this order.
    xid: Mapped[int] = mapped_column(server_default=text("pg_current_xact_id()::text::bigint"))
