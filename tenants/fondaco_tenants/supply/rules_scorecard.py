"""Pure decisions of scorecards: what is counted of an offer, how healthy that makes it, and how long it takes to deliver."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from fondaco_core import limits
from fondaco_core.ids import OfferId, SourceId, TenantId

_PER_MILLE = 1_000
# The bucket of what took so long that no other is for it.
BUCKET_MAX = 62
# What takes longer than each of these loses health: a minute, an hour, a day.
_SLOW_MS = (60_000, 3_600_000, 86_400_000)
_SLOW_COSTS = 50
# A pause tells that buyers were turned away from it; of many only so much is held against it.
_PAUSE_COSTS, _PAUSES_COST_MAX = 20, 200


class TroubleKind(StrEnum):
    """What can go wrong with a source: out of stock, a bad code, a unit that came late, a code nobody can read; that it was paused."""

    SHORT = "SHORT"
    BAD = "BAD"
    LATE = "LATE"
    UNREADABLE = "UNREADABLE"
    PAUSED = "PAUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that went wrong with a merchant's source; `offer_id` is the supplier's offer that it leads to, if it does."""

    tenant_id: TenantId
    source_id: SourceId
    offer_id: OfferId | None
    kind: TroubleKind
    units: int = 1
    took_ms: int | None = None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What is added to an offer's scorecard: units of one sale that took so long, or of a trouble."""

    offer_id: OfferId
    day: date
    orders: int = 0
    short_orders: int = 0
    filled_units: int = 0
    short_units: int = 0
    bad_units: int = 0
    pauses: int = 0
    # How many units took how long.
    timed_units: int = 0
    took_ms: int = 0


def fact_of(trouble: Trouble) -> Fact | None:
    """What a trouble adds to the scorecard of the offer that it came from; None for one of an own pool."""
    if trouble.offer_id is None:
        return None
    offer_id, day, kind = trouble.offer_id, trouble.at.date(), trouble.kind
    if kind is TroubleKind.SHORT:
        return Fact(offer_id=offer_id, day=day, short_orders=1, short_units=trouble.units)
    if kind is TroubleKind.LATE:
        return Fact(offer_id=offer_id, day=day, timed_units=trouble.units, took_ms=trouble.took_ms or 0)
    if kind is TroubleKind.PAUSED:
        return Fact(offer_id=offer_id, day=day, pauses=1)
    return Fact(offer_id=offer_id, day=day, bad_units=trouble.units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What an offer, or a supplier's offers together, did over some days."""

    orders: int = 0
    short_orders: int = 0
    filled_units: int = 0
    short_units: int = 0
    bad_units: int = 0
    pauses: int = 0
    p95_ms: int | None = None

    @property
    def asked_units(self) -> int:
        """Units that it was asked for and could have sold."""
        return self.filled_units + self.short_units

    @property
    def fill_rate(self) -> float | None:
        """Which share of what it was asked for it had; None when nothing was asked."""
        return self.filled_units / self.asked_units if self.asked_units else None

    @property
    def stock_out_rate(self) -> float | None:
        """Which share of the orders that came to it found too little."""
        came = self.orders + self.short_orders
        return self.short_orders / came if came else None

    @property
    def bad_rate(self) -> float | None:
        """Which share of what it delivered turned out bad; an old unit may turn out bad today, so that one day may show more than all."""
        return min(1.0, self.bad_units / self.filled_units) if self.filled_units else (1.0 if self.bad_units else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """How an offer, or all of a supplier's offers that the asker sees, did in a week and in a month, and how healthy that is."""

    health: int
    week: Tally
    month: Tally


def health_of(tally: Tally) -> int:
    """How healthy what an offer did of late makes it, from 0 to 1000.

    The share of good units among those asked for, where a bad code counts as several units that did not come, and where an offer
    begins as if it had been asked for some units before; less something for each pause, and for being slow.
    """
    good = tally.filled_units - limits.HEALTH_BAD_WEIGHT * tally.bad_units
    prior = limits.HEALTH_PRIOR_UNITS
    share = (_PER_MILLE * good + limits.HEALTH_NEUTRAL * prior) // (tally.asked_units + prior)
    slow = sum(_SLOW_COSTS for bound in _SLOW_MS if tally.p95_ms is not None and tally.p95_ms > bound)
    return max(0, share - min(_PAUSES_COST_MAX, _PAUSE_COSTS * tally.pauses) - slow)


def bucket_of(took_ms: int) -> int:
    """Which bucket holds what took so long: n holds what took at most 2^n milliseconds."""
    return min(BUCKET_MAX, max(0, took_ms - 1).bit_length())


def p95_of(buckets: Mapping[int, int]) -> int | None:
    """What 95 of 100 units did not take longer than, in milliseconds, as exactly as the buckets are; None without units."""
    total = sum(buckets.values())
    if not total:
        return None
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen * 100 >= total * 95:
            return 0 if bucket == 0 else 1 << bucket
    return None
