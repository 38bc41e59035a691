"""Pure decisions about sources that fail: when one is paused, and for how long."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from fondaco_core import limits
from fondaco_core.ids import ListingId, OfferId, SourceId, TenantId
from fondaco_tenants.routing.rules import PauseReason, SourceState

# No pause is longer than this many doublings of the first; beyond it, numbers would grow for nothing.
_DOUBLINGS_MAX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A source that something went wrong with: how it stands, and what went wrong and well with it of late.

    `fresh` is what was told of it just now, for which alone it is looked at.
    """

    id: SourceId
    tenant_id: TenantId
    listing_id: ListingId | None
    offer_id: OfferId | None
    supplier_offer_id: OfferId | None
    state: SourceState
    state_since: datetime | None
    strikes: int
    fresh: Collection[PauseReason]
    bad_units: int = 0
    unreadable_units: int = 0
    short_times: int = 0
    sold_units: int = 0
    sold_times: int = 0


@dataclass(frozen=True, slots=True)
class Pause:
    """That a source is paused by itself: why, until when, and the how manieth time that is."""

    source: Watched
    reason: PauseReason
    until: datetime
    strikes: int


def judge(source: Watched, *, now: datetime) -> Pause | None:
    """Whether a source is paused; None when it goes on as it is.

    One that is being probed is paused again by the first thing that goes wrong. An unreadable code is worse than a bad one: it comes of
    what holds all of them. Being out of stock counts only as often as it is more than what was sold.
    """
    if source.state is SourceState.PAUSED:
        return None
    reason = _probe_failed(source) if source.state is SourceState.PROBING else _failed(source)
    if reason is None:
        return None
    forgotten = (
        source.state is SourceState.ACTIVE
        and source.state_since is not None
        and now - source.state_since > timedelta(seconds=limits.SOURCE_STRIKES_FORGOTTEN_S)
    )
    strikes = 0 if forgotten else source.strikes
    return Pause(source, reason, now + pause_of(strikes), strikes + 1)


def pause_of(strikes: int) -> timedelta:
    """How long a source is paused that was paused so often before."""
    seconds = limits.SOURCE_PAUSE_S << min(strikes, _DOUBLINGS_MAX)
    return timedelta(seconds=min(seconds, limits.SOURCE_PAUSE_MAX_S))


def _probe_failed(source: Watched) -> PauseReason | None:
    return next((reason for reason in PauseReason if reason in source.fresh), None)


def _failed(source: Watched) -> PauseReason | None:
    if source.unreadable_units >= limits.SOURCE_BAD_UNITS:
        return PauseReason.UNREADABLE
    bad = source.bad_units + source.unreadable_units
    if bad >= limits.SOURCE_BAD_UNITS and bad * 100 >= limits.SOURCE_BAD_PERCENT * source.sold_units:
        return PauseReason.BAD_CODES
    if source.short_times >= limits.SOURCE_SHORT_TIMES and source.short_times > source.sold_times:
        return PauseReason.STOCK_OUTS
    return None
