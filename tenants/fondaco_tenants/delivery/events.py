"""Facts that delivery announces; ids and counts, never a secret."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class LinkCreated(Event):
    """Somebody made a link to an order's codes."""

    name: ClassVar[str] = "delivery_link.created"

    link_id: UUID
    order_id: UUID


@dataclass(frozen=True, slots=True)
class LinkOpened(Event):
    """Somebody opened a link and saw the codes behind it."""

    name: ClassVar[str] = "delivery_link.opened"

    link_id: UUID
    order_id: UUID
    opens: int


@dataclass(frozen=True, slots=True)
class LinkRevoked(Event):
    """Somebody withdrew a link."""

    name: ClassVar[str] = "delivery_link.revoked"

    link_id: UUID
    order_id: UUID
