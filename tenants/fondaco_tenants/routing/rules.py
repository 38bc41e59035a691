"""Pure decisions of routing: what a source is, and what it can be."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fondaco_core import limits
from fondaco_core.errors import Invalid
from fondaco_core.ids import ListingId, OfferId, PoolId, SourceId
from fondaco_core.money import Money

# More than any listing has, and far inside what the database can hold.
PRIORITY_MAX = 1_000_000
# Enough for any split in thousandths, and for a point of anything to outweigh the others.
WEIGHT_MAX = 1_000
DAY_UNITS_MAX = 10_000_000
MARGIN_BPS_MAX = 10_000


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


class Policy(StrEnum):
    """What a merchant orders the sources of a listing or an offer by; priority, and then age, decides between equals."""

    PRIORITY = "PRIORITY"
    CHEAPEST = "CHEAPEST"
    HEALTHIEST = "HEALTHIEST"
    FIRST_EXPIRING = "FIRST_EXPIRING"
    WEIGHTED = "WEIGHTED"
    SCORE = "SCORE"


@dataclass(frozen=True, slots=True)
class Points:
    """What counts against a source by SCORE: a minor unit of cost, a point of health below 1,000, a day until expiry, a step of priority."""

    cost: int
    health: int
    expiry: int
    priority: int

    def __iter__(self) -> Iterator[int]:
        """The four in the order in which they are kept."""
        return iter((self.cost, self.health, self.expiry, self.priority))


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """How the sources of a listing or an offer are ordered, and the margin that is to stay with the merchant at each sale.

    What is None is as the merchant's default says, whose own is PRIORITY and no margin. `effective` is what then holds. Of the
    margins the one by the price and the one by the unit, the greater counts.
    """

    policy: Policy | None = None
    points: Points | None = None
    margin_bps: int | None = None
    margin_minor: int | None = None
    currency: str | None = None
    effective: Policy = Policy.PRIORITY
    effective_points: Points | None = None
    effective_margin_bps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place that a listing or an own offer can be filled from.

    A lower priority goes first, the older of two equals before the other. `max_cost_minor` is the most that a unit of a supplier
    may cost; None leaves it at what the unit is sold for. `currency` is that of what is filled. `weight` is its share where sources
    take turns, `day_units_max` the most units that come from it on a day, and `day_units` how many have today, where it is bounded.
    `tried` says whether an order comes to it now: a paused one is tried all the same where nothing else fills the same, unless a
    person paused it.
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
    weight: int = 1
    day_units_max: int | None = None
    day_units: int | None = None
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


def checked_weight(weight: int | None) -> int | None:
    """The weight itself when it is in bounds; else Invalid."""
    return _within(weight, 0, WEIGHT_MAX, what="A weight", zh="权重", path="weight")


def checked_day_units(units: int | None) -> int | None:
    """The bound of a day itself when it is one; else Invalid."""
    return _within(units, 0, DAY_UNITS_MAX, what="A day's units", zh="每日上限", path="day_units_max")


def checked_margin(margin_bps: int | None) -> int | None:
    """The margin in basis points itself when it is in bounds; else Invalid."""
    return _within(margin_bps, 0, MARGIN_BPS_MAX, what="A margin in basis points", zh="毛利（基点）", path="margin_bps")


def checked_points(policy: Policy | None, points: Points | None) -> list[int]:
    """What is kept of points: those of SCORE, which needs them and some above 0; Invalid where another policy has some."""
    if (policy is Policy.SCORE) != (points is not None) or (points is not None and not any(points)):
        raise Invalid(
            "The policy SCORE needs points, at least one of them above 0, and no other takes any.",
            zh="SCORE 策略须提供计分项且至少一项大于 0，其他策略不接受计分项。",
            path=("points",),
        )
    return [_within(each, 0, WEIGHT_MAX, what="A point", zh="计分", path="points") or 0 for each in points or ()]


def _within(number: int | None, least: int, most: int, *, what: str, zh: str, path: str) -> int | None:
    if number is not None and not least <= number <= most:
        raise Invalid(f"{what} is from {least} to {most}.", zh=f"{zh}须为 {least} 至 {most}。", path=(path,))
    return number
