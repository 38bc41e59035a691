"""Tables of statements: the files of them that somebody asked for."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded, sealed_as


class StatementExport(TenantOwned):
    """A file of a statement that somebody asked for. It is written by a worker, and deleted after a while."""

    __tablename__ = "statement_export"
    __table_args__ = (
        CheckConstraint("state IN ('REQUESTED', 'READY', 'EXPIRED')", name="state"),
        CheckConstraint("format IN ('CSV', 'XLSX')", name="format"),
        CheckConstraint("since < until", name="period"),
        Index("ix_statement_export_tenant_id", "tenant_id", "id"),
        Index("ix_statement_export_kept", "expires_at", postgresql_where=text("state IN ('REQUESTED', 'READY')")),
        {"info": guarded(trade_grant="")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str]
    format: Mapped[str]
    currency: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime]
    # Only what was moved between the merchant and this one.
    partner_id: Mapped[UUID | None]
    rows: Mapped[int | None]
    size: Mapped[int | None]
    requested_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]


class StatementExportPiece(TenantOwned):
    """One sealed piece of a file of a statement."""

    __tablename__ = "statement_export_piece"
    __table_args__ = (
        {
            "info": guarded(
                tenant="SELECT, INSERT, DELETE, UPDATE (sealed)", trade_grant="", hidden=("sealed",), platform="SELECT",
                reason="the file's pieces go when its time is over",
            )
        },
    )  # fmt: skip

    export_id: Mapped[UUID] = mapped_column(ForeignKey("statement_export.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(info=sealed_as("statement_export.{number}", row="export_id"))
