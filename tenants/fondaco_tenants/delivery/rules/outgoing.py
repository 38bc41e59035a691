"""When a delivery is tried, tried again, and given up: pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fondaco_core import limits


class Channel(StrEnum):
    """By which way a delivery goes."""

    ACCOUNT = "ACCOUNT"
    API = "API"
    EMAIL = "EMAIL"
    SMS = "SMS"


class DeliveryState(StrEnum):
    """What is known of a delivery. One that is on its way counts as UNKNOWN: should we die now, nobody knows."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


class Form(StrEnum):
    """What goes out: a link, or the codes themselves in an encrypted file. PAGE is what the buyer's own side shows."""

    LINK = "LINK"
    ZIP = "ZIP"
    PDF = "PDF"
    PAGE = "PAGE"


class Outcome(StrEnum):
    """How one attempt ended."""

    # The server has taken it.
    SENT = "SENT"
    # Not now.
    LATER = "LATER"
    # Never to this address.
    REFUSED = "REFUSED"
    # Nobody knows.
    UNKNOWN = "UNKNOWN"
    # There is no way out: none is configured.
    NO_WAY_OUT = "NO_WAY_OUT"


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a delivery after an attempt; no moment means that nothing is tried any more by itself."""

    state: DeliveryState
    at: datetime | None


def channel_of(masked: str) -> Channel:
    """The way to a contact, by its mask."""
    return Channel.EMAIL if "@" in masked else Channel.SMS


def after_attempt(outcome: Outcome, *, attempts: int, unknowns: int, now: datetime) -> Next:
    """What follows from the outcome of the attempt number `attempts`, `unknowns` of which ended unknown, this one included.

    What may have arrived is sent again only a few times, under the same Message-ID: a second copy of a link harms nobody,
    a tenth looks like spam. What surely did not arrive is tried for most of a day.
    """
    again = now + _back_off(attempts)
    match outcome:
        case Outcome.SENT:
            return Next(DeliveryState.SENT, None)
        case Outcome.REFUSED | Outcome.NO_WAY_OUT:
            return Next(DeliveryState.FAILED, None)
        case Outcome.UNKNOWN:
            more = unknowns <= limits.DELIVERY_UNKNOWNS_MAX and attempts < limits.DELIVERY_ATTEMPTS_MAX
            return Next(DeliveryState.UNKNOWN, again if more else None)
        case Outcome.LATER:
            if attempts >= limits.DELIVERY_ATTEMPTS_MAX:
                return Next(DeliveryState.UNKNOWN if unknowns else DeliveryState.FAILED, None)
            return Next(DeliveryState.UNKNOWN if unknowns else DeliveryState.QUEUED, again)


def _back_off(attempts: int) -> timedelta:
    wait_s = limits.DELIVERY_BACK_OFF_S * 2 ** min(attempts - 1, 20)
    return timedelta(seconds=min(wait_s, limits.DELIVERY_BACK_OFF_MAX_S))
