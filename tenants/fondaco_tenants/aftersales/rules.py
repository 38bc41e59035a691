"""Pure words of after-sales: what may happen to an order, and who may have done it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fondaco_core.context import ActorKind
from fondaco_core.money import Money


class TimelineKind(StrEnum):
    """What may happen to an order."""

    PLACED = "PLACED"
    PAID = "PAID"
    FULFILLED = "FULFILLED"
    SENT = "SENT"
    NOT_SENT = "NOT_SENT"
    ARRIVED = "ARRIVED"
    REVEALED = "REVEALED"
    REDEEMED = "REDEEMED"
    REPLACED = "REPLACED"
    REFUNDED = "REFUNDED"
    TAKEN_BACK = "TAKEN_BACK"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


class TimelineActor(StrEnum):
    """Who did it, as far as everybody around an order may know."""

    BUYER = "BUYER"
    HOLDER = "HOLDER"
    MERCHANT = "MERCHANT"
    MACHINE = "MACHINE"
    PLATFORM = "PLATFORM"
    SYSTEM = "SYSTEM"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened to an order. `channel` is the way by which something was sent; `reason` is for the merchant."""

    kind: TimelineKind
    at: datetime
    by: TimelineActor
    units: int | None = None
    amount: Money | None = None
    channel: str | None = None
    reason: str | None = None


# Who is who: a person of the merchant is the merchant, whoever opens a link has shown nothing but that they hold it.
_WHO: Mapping[ActorKind, TimelineActor] = {
    ActorKind.ANONYMOUS: TimelineActor.HOLDER,
    ActorKind.MEMBER: TimelineActor.MERCHANT,
    ActorKind.PLATFORM_ADMIN: TimelineActor.PLATFORM,
    ActorKind.BREAK_GLASS: TimelineActor.PLATFORM,
    ActorKind.CUSTOMER: TimelineActor.BUYER,
    ActorKind.GUEST: TimelineActor.BUYER,
    ActorKind.API_CLIENT: TimelineActor.MACHINE,
    ActorKind.SYSTEM: TimelineActor.SYSTEM,
}


def who(actor_kind: str | None) -> TimelineActor:
    """Who an actor is to those around an order; what nobody in particular did, the system did."""
    return TimelineActor.SYSTEM if actor_kind is None else _WHO[ActorKind(actor_kind)]
