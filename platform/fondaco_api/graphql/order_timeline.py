"""What happened to an order, in words a buyer can follow."""

from datetime import datetime
from enum import StrEnum

import strawberry

from fondaco_api.graphql.enums import described
from fondaco_api.graphql.scalars import Money
from fondaco_tenants import orders


class TimelineKind(StrEnum):
    """What may happen to an order."""

    PLACED = "PLACED"
    PAID = "PAID"
    FULFILLED = "FULFILLED"
    REVEALED = "REVEALED"
    REPLACED = "REPLACED"
    REFUNDED = "REFUNDED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


described(
    TimelineKind,
    "What happened to an order.",
    PLACED="It was placed and its stock held.",
    PAID="It was paid.",
    FULFILLED="Every unit got its code.",
    REVEALED="A code was shown for the first time.",
    REPLACED="Units whose code was bad got another one.",
    REFUNDED="Units were refunded.",
    CANCELLED="It was cancelled.",
    EXPIRED="Its hold ran out.",
    REJECTED="It was refused after a review.",
)


@strawberry.type(description="One thing that happened to an order, in words a buyer can follow.")
class TimelineEntry:
    """One entry of a timeline."""

    kind: TimelineKind = strawberry.field(description="What happened.")
    at: datetime = strawberry.field(description="When.")
    units: int | None = strawberry.field(description="How many units it was about, where that says something.")
    amount: Money | None = strawberry.field(description="The money it was about, where that says something.")

    @classmethod
    def of(cls, entry: "orders.TimelineEntry") -> "TimelineEntry":
        """An entry as the schema shows it."""
        amount = None if entry.amount is None else Money.of(entry.amount)
        return cls(kind=TimelineKind(entry.kind), at=entry.at, units=entry.units, amount=amount)
