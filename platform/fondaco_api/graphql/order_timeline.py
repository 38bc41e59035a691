"""What happened to an order, when and by whom, in words a buyer can follow."""

from datetime import datetime

import strawberry

from fondaco_api.graphql.enums import described
from fondaco_api.graphql.scalars import Money
from fondaco_tenants import aftersales
from fondaco_tenants.aftersales import TimelineActor, TimelineKind
from fondaco_tenants.delivery import Channel

described(
    TimelineKind,
    "What happened to an order.",
    PLACED="It was placed and its stock held.",
    PAID="It was paid.",
    FULFILLED="Every unit got its code.",
    SENT="It was sent by mail or message; `channel` says which.",
    NOT_SENT="A mail or message was given up.",
    ARRIVED="What was sent was opened.",
    REVEALED="A code was shown for the first time.",
    REDEEMED="A code of the merchant's own making was redeemed.",
    REPLACED="Units whose code was bad got another one.",
    REFUNDED="Units were refunded.",
    TAKEN_BACK="It was a gift, and its buyer took it back.",
    CANCELLED="It was cancelled.",
    EXPIRED="Its hold ran out.",
    REJECTED="It was refused after a review.",
)
described(
    TimelineActor,
    "Who did something to an order.",
    BUYER="Its buyer, signed in or with the order's token.",
    HOLDER="Whoever held a link to it.",
    MERCHANT="Somebody of the merchant.",
    MACHINE="A machine of the buyer or of the merchant.",
    PLATFORM="Somebody of the platform.",
    SYSTEM="Nobody in particular: it follows from what was done before, or from the time.",
)


@strawberry.type(description="One thing that happened to an order, in words a buyer can follow.")
class TimelineEntry:
    """One entry of a timeline."""

    kind: TimelineKind = strawberry.field(description="What happened.")
    at: datetime = strawberry.field(description="When.")
    by: TimelineActor = strawberry.field(description="Who did it.")
    units: int | None = strawberry.field(description="How many units it was about, where that says something.")
    amount: Money | None = strawberry.field(description="The money it was about, where that says something.")
    channel: Channel | None = strawberry.field(description="By which way something was sent; null for all else.")
    reason: str | None = strawberry.field(
        description="Why, as the merchant's people wrote it down for themselves; null to the buyer."
    )

    @classmethod
    def of(cls, entry: "aftersales.TimelineEntry") -> "TimelineEntry":
        """An entry as the schema shows it."""
        return cls(
            kind=entry.kind, at=entry.at, by=entry.by, units=entry.units,
            amount=None if entry.amount is None else Money.of(entry.amount),
            channel=None if entry.channel is None else Channel(entry.channel), reason=entry.reason,
        )  # fmt: skip
