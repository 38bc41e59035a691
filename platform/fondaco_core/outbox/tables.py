"""Tables of the outbox: facts that wait to be relayed, and the work that they became."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Identity, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, TenantOwned, guarded

# Rows live for moments: what is left of them has to be cleared away long before a tenth of the table has died.
_CLEARED_OFTEN = {"autovacuum_vacuum_threshold": "1000", "autovacuum_vacuum_scale_factor": "0.02"}


class OutboxEvent(Base):
    """A fact, written with the data that it is about; the relay turns it into tasks and deletes it."""

    __tablename__ = "outbox_event"
    __table_args__ = (
        {
            "info": guarded(
                also="false",
                reason="an event may be about the platform and have no tenant; tenants write events and never read them",
                tenant="INSERT",
                trade=True,
                trade_grant="INSERT",
                # UPDATE is for locking what is taken: no row is ever changed.
                platform="SELECT, INSERT, UPDATE, DELETE",
            ),
            "postgresql_with": _CLEARED_OFTEN,
        },
    )

    seq: Mapped[int] = mapped_column(Identity(), primary_key=True)
    tenant_id: Mapped[UUID | None]
    name: Mapped[str]
    payload: Mapped[dict[str, Any]]
    happened_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class OutboxTask(Base):
    """One actor's work on one event, or one run of a periodic job. The row is the work; a message only points at it."""

    __tablename__ = "outbox_task"
    __table_args__ = (
        CheckConstraint("attempts >= 0 AND handed >= 0", name="counts"),
        # A periodic job that is not done yet is not begun a second time.
        Index("uq_outbox_task_job", "job", unique=True, postgresql_where=text("job IS NOT NULL")),
        Index("ix_outbox_task_due_at", "due_at", postgresql_where=text("parked_at IS NULL")),
        Index("ix_outbox_task_parked_at", "parked_at", postgresql_where=text("parked_at IS NOT NULL")),
        {
            "info": guarded(
                reason="work may be the platform's own and have no tenant; only relay, workers and scheduler see it",
                tenant="",
                trade_grant="",
                platform="SELECT, INSERT, UPDATE, DELETE",
            ),
            "postgresql_with": _CLEARED_OFTEN | {"fillfactor": "70"},
        },
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    actor: Mapped[str]
    tenant_id: Mapped[UUID | None]
    payload: Mapped[dict[str, Any]]
    # The name of the periodic job that this is a run of.
    job: Mapped[str | None]
    happened_at: Mapped[datetime]
    # When it is handed to the queue (again), unless it is done by then.
    due_at: Mapped[datetime]
    # How often it was handed over since it was last begun, and how often it was begun.
    handed: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    # Until when the worker that is at it is believed to be alive.
    running_until: Mapped[datetime | None]
    # The class of what went wrong the last time.
    failure: Mapped[str | None]
    # When it was given up: a person has to look.
    parked_at: Mapped[datetime | None]


class OutboxTick(Base):
    """When a periodic job last came round."""

    __tablename__ = "outbox_tick"
    __table_args__ = (
        {
            "info": guarded(
                kind="global",
                reason="the schedule is the platform's own; it holds the names of jobs and nothing else",
                tenant="",
                trade_grant="",
                platform="SELECT, INSERT, UPDATE",
            )
        },
    )

    job: Mapped[str] = mapped_column(primary_key=True)
    ticked_at: Mapped[datetime]


class OutboxListener(TenantOwned):
    """A tenant whose facts are told to actors that work for such tenants alone; for all others they make no tasks."""

    __tablename__ = "outbox_listener"
    __table_args__ = (
        {
            "info": guarded(
                tenant="SELECT, INSERT", trade_grant="",
                reason="who once listened may listen again; the relay looks who does",
            )
        },
    )  # fmt: skip

    # Declared again, since it is the key.
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)  # pyright: ignore[reportIncompatibleVariableOverride]
