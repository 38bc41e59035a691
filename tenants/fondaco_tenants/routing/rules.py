"""Pure decisions of routing: what a source is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fondaco_core.errors import Invalid
from fondaco_core.ids import ListingId, PoolId, SourceId

# More than any listing has, and far inside what the database can hold.
PRIORITY_MAX = 1_000_000


class SourceKind(StrEnum):
    """What kind of place a listing is filled from."""

    POOL = "POOL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place that a listing can be filled from; a lower priority goes first, the older of two equals before the other."""

    id: SourceId
    listing_id: ListingId
    kind: SourceKind
    pool_id: PoolId
    priority: int
    enabled: bool
    created_at: datetime


def checked_priority(priority: int | None) -> int | None:
    """The priority itself when it is in bounds; else Invalid."""
    if priority is not None and not 0 <= priority <= PRIORITY_MAX:
        raise Invalid(
            f"A priority is a whole number from 0 to {PRIORITY_MAX}; lower goes first.",
            zh=f"优先级须为 0 至 {PRIORITY_MAX} 的整数，越小越优先。",
            path=("priority",),
        )
    return priority
