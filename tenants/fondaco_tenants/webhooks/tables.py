"""Tables of webhooks: where facts are sent to, what is to be sent, and how each attempt went."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded, sealed_as


class WebhookEndpoint(TenantOwned):
    """An address of a merchant's own system that hears of some types of events."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        CheckConstraint("state IN ('ENABLED', 'FAILING', 'DISABLED')", name="state"),
        CheckConstraint("concurrency BETWEEN 1 AND 10", name="concurrency"),
        # Those to send to: the pump goes through them each time it looks for work.
        Index("ix_webhook_endpoint_open", "tenant_id", "id", postgresql_where=text("state <> 'DISABLED'")),
        {
            "info": guarded(
                trade_grant="",
                platform="SELECT, UPDATE",
                reason="sending is one job over all tenants; it locks the endpoint",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    url: Mapped[str]
    description: Mapped[str]
    event_types: Mapped[list[str]]
    state: Mapped[str]
    api_version: Mapped[str]
    # How many messages are on their way to it at once.
    concurrency: Mapped[int] = mapped_column(Integer)
    # Answers slowly or fails: it shares the places that are kept for such, so that others do not wait for it.
    slow: Mapped[bool] = mapped_column(server_default=text("false"))
    # Since when no attempt has succeeded.
    failing_since: Mapped[datetime | None]
    # It asked to be left alone until then.
    paused_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class WebhookSecret(TenantOwned):
    """What an endpoint's messages are signed with; while one replaces another, both are."""

    __tablename__ = "webhook_secret"
    __table_args__ = (
        Index("ix_webhook_secret_endpoint_id", "endpoint_id"),
        {
            "info": guarded(
                tenant="SELECT, INSERT, UPDATE, DELETE", trade_grant="", platform="SELECT, DELETE", hidden=("sealed",),
                reason="a secret that has run out is deleted, and those of a deleted endpoint",
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoint.id"))
    sealed: Mapped[bytes] = mapped_column(info=sealed_as("webhook_secret"))
    created_at: Mapped[datetime]
    # Until when it still signs, once another one has replaced it.
    expires_at: Mapped[datetime | None]


class WebhookMessage(TenantOwned):
    """One fact for one endpoint: ids, states and counts, never a code or a contact."""

    __tablename__ = "webhook_message"
    __table_args__ = (
        CheckConstraint("state IN ('PENDING', 'DELIVERED', 'FAILED', 'DROPPED')", name="state"),
        # A fact is told to an endpoint once, however often the task that tells it is run.
        UniqueConstraint("endpoint_id", "fact"),
        Index("ix_webhook_message_due", "endpoint_id", "due_at", postgresql_where=text("state = 'PENDING'")),
        Index("ix_webhook_message_listed", "tenant_id", "id"),
        Index("ix_webhook_message_created_at", "created_at"),
        {
            "info": guarded(
                trade_grant="", platform="SELECT, UPDATE, DELETE",
                reason="sending is one job over all tenants; messages are forgotten after a while",
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoint.id"))
    # What tells this fact from every other: the task that told it.
    fact: Mapped[str]
    type: Mapped[str]
    payload: Mapped[dict[str, Any]]
    happened_at: Mapped[datetime]
    created_at: Mapped[datetime]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    # The place in the schedule of attempts; sending it again begins anew.
    tries: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    due_at: Mapped[datetime]
    # Until when whoever sends it now is believed to be alive.
    sending_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class WebhookAttempt(TenantOwned):
    """How one attempt to send a message went."""

    __tablename__ = "webhook_attempt"
    __table_args__ = (
        Index("ix_webhook_attempt_message_id", "message_id"),
        {
            "info": guarded(
                tenant="SELECT, INSERT", trade_grant="", platform="SELECT, DELETE",
                reason="attempts never change, and are forgotten with their messages",
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_message.id"))
    number: Mapped[int] = mapped_column(Integer)
    sent_at: Mapped[datetime]
    duration_ms: Mapped[int] = mapped_column(Integer)
    status: Mapped[int | None] = mapped_column(Integer)
    # What went wrong, as one word; null when the endpoint took it.
    failure: Mapped[str | None]
    # How the answer began, cleaned; empty when there was none.
    answer: Mapped[str]
