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


@dataclass(frozen=True, slots=True)
class DeliveryDue(Event):
    """A delivery is to be sent now."""

    name: ClassVar[str] = "delivery.due"

    delivery_id: UUID


@dataclass(frozen=True, slots=True)
class DeliveryRequested(Event):
    """Somebody asked that an order be sent once more."""

    name: ClassVar[str] = "delivery.requested"

    delivery_id: UUID
    order_id: UUID


@dataclass(frozen=True, slots=True)
class DeliverySent(Event):
    """A delivery left: the mail or message server has taken it."""

    name: ClassVar[str] = "delivery.sent"

    delivery_id: UUID
    order_id: UUID


@dataclass(frozen=True, slots=True)
class DeliveryFailed(Event):
    """A delivery was given up, or nobody knows whether it arrived: somebody has to look."""

    name: ClassVar[str] = "delivery.failed"

    delivery_id: UUID
    order_id: UUID


@dataclass(frozen=True, slots=True)
class RevealUnusual(Event):
    """Codes were shown in an unusual way: which rule, how many within the window; `alarm_id` leads to the rest."""

    name: ClassVar[str] = "reveal.unusual"

    alarm_id: UUID
    rule: str
    count: int
