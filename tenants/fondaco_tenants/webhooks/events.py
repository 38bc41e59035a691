"""Facts that webhooks announce."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class MessagesWaiting(Event):
    """There are messages to send now: the sender's cue."""

    name: ClassVar[str] = "webhook.waiting"

    messages: int


@dataclass(frozen=True, slots=True)
class EndpointStopped(Event):
    """An endpoint gets no more messages until somebody enables it: GONE, FAILING or BY_HAND."""

    name: ClassVar[str] = "webhook_endpoint.disabled"

    endpoint_id: UUID
    reason: str
