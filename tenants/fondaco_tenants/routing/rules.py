"""Pure decisions of routing: what a source is, and what it can be."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fondaco_core import limits
from fondaco_core.errors import Invalid
from fondaco_core.ids import ListingId, OfferId, PoolId, SourceId
from fondaco_core.money import Money

# More than any listing has, and far inside what the database can hold.
PRIORITY_MAX = 1_000_000


class SourceKind(StrEnum):
    """What kind of place something is filled from."""

    POOL = "POOL"
    OFFER = "OFFER"


class SourceState(StrEnum):
    """Whether a source is tried: always, for a while not, or with a few units to see whether it does again."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    PROBING = "PROBING"


class PauseReason(StrEnum):
    """Why a source is not simply tried: what failed, or that a person said so."""

    BAD_CODES = "BAD_CODES"
    STOCK_OUTS = "STOCK_OUTS"
    UNREADABLE = "UNREADABLE"
    PERSON = "PERSON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place that a listing or an own offer can be filled from.

    A lower priority goes first, the older of two equals before the other. `max_cost_minor` is the most that a unit of a supplier
    may cost; None leaves it at what the unit is sold for. `currency` is that of what is filled. `tried` says whether an order comes to
    it now: a paused one is tried all the same where nothing else fills the same, unless a person paused it.
    """

    id: SourceId
    listing_id: ListingId | None
    offer_id: OfferId | None
    kind: SourceKind
    pool_id: PoolId | None
    supplier_offer_id: OfferId | None
    priority: int
    enabled: bool
    max_cost_minor: int | None
    below_cost: bool
    currency: str
    created_at: datetime
    state: SourceState = SourceState.ACTIVE
    paused_for: PauseReason | None = None
    pause_note: str | None = None
    state_since: datetime | None = None
    paused_until: datetime | None = None
    tried: bool = True


def check_one_of_two(first: object, second: object, *, path: tuple[str, ...]) -> None:
    """Refuses where both or neither of two things that exclude each other are given."""
    if (first is None) == (second is None):
        raise Invalid("Give one of the two, not both.", zh="两者须且只须提供其一。", path=path)


def checked_max_cost(max_cost: Money | None, currency: str) -> int | None:
    """A bound on cost in minor units; Invalid when no real unit could pass it, or when what is filled has another currency."""
    if max_cost is None:
        return None
    if max_cost.currency != currency:
        raise Invalid(
            f"The bound is in {currency}, as what is filled is sold.",
            zh=f"成本上限须以 {currency} 计价，与商品一致。",
            path=("max_cost", "currency"),
        )
    if not 0 <= max_cost.amount_minor <= limits.AMOUNT_MAX_MINOR:
        raise Invalid("This cost is beyond any real price.", zh="该成本超出允许范围。", path=("max_cost", "amount"))
    return max_cost.amount_minor


def checked_priority(priority: int | None) -> int | None:
    """The priority itself when it is in bounds; else Invalid."""
    if priority is not None and not 0 <= priority <= PRIORITY_MAX:
        raise Invalid(
            f"A priority is a whole number from 0 to {PRIORITY_MAX}; lower goes first.",
            zh=f"优先级须为 0 至 {PRIORITY_MAX} 的整数，越小越优先。",
            path=("priority",),
        )
    return priority
