"""Pure decisions of offers: how one moves, what a price list may say, which one holds when, and what a quantity costs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from fondaco_core import limits
from fondaco_core.errors import Invalid
from fondaco_core.ids import AgreementId, EntitlementId, OfferId, TenantId, TierId
from fondaco_core.money import Money
from fondaco_tenants.supply.rules import AgreementState


class OfferState(StrEnum):
    """Where an offer stands; only PUBLISHED is bought from."""

    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    WITHDRAWN = "WITHDRAWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferTerms:
    """What a supplier says of an offer; everything of it may be changed later."""

    title: str
    # Whether merchants without an agreement find it.
    in_market: bool
    # The least that a reseller's store may ask for a unit; None for anything.
    min_resale: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A supplier's wholesale line for an entitlement; who gets it at which price is said by its price lists."""

    id: OfferId
    tenant_id: TenantId
    entitlement_id: EntitlementId
    currency: str
    terms: OfferTerms
    state: OfferState
    created_at: datetime
    published_at: datetime | None
    withdrawn_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class PriceBreak:
    """What a unit costs from a quantity on."""

    from_units: int
    unit_price: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """What an offer costs a tier from a moment on, until a later list begins; without breaks the tier does not get it."""

    offer_id: OfferId
    tier_id: TierId
    starts_at: datetime
    breaks: tuple[PriceBreak, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketOffer:
    """An offer as another merchant sees it: its price for that merchant alone, and nothing of what is behind it.

    `prices` are those of the merchant's own tier where it has an agreement, else those of who would ask for one; None when
    there are none now. `coming` is the next list that begins. `open_` says whether the merchant may buy it now.
    """

    offer: Offer
    agreement_id: AgreementId | None
    agreement_state: AgreementState | None
    prices: PriceList | None
    coming: PriceList | None
    open_: bool


_MOVES: dict[OfferState, frozenset[OfferState]] = {
    OfferState.DRAFT: frozenset({OfferState.PUBLISHED}),
    OfferState.PUBLISHED: frozenset({OfferState.WITHDRAWN}),
    OfferState.WITHDRAWN: frozenset({OfferState.PUBLISHED}),
}


def may_move(before: OfferState, after: OfferState) -> bool:
    """Whether an offer may go from one state to another."""
    return after in _MOVES[before]


def moved(offer: Offer, state: OfferState, now: datetime) -> Offer:
    """The offer in its next state, with the moment at which it got there."""
    assert may_move(offer.state, state)
    published = now if state is OfferState.PUBLISHED else offer.published_at
    withdrawn = now if state is OfferState.WITHDRAWN else None
    return replace(offer, state=state, published_at=published, withdrawn_at=withdrawn, version=offer.version + 1)


def checked_min_resale(least: Money | None, *, currency: str) -> Money | None:
    """The least resale price itself; Invalid when it is in another currency than the offer, or is no price."""
    if least is not None:
        _check_price(least, currency=currency, path=("min_resale",))
    return least


def checked_breaks(breaks: Sequence[PriceBreak], *, currency: str) -> tuple[PriceBreak, ...]:
    """The breaks themselves; Invalid, with the field at fault, when they are no price list of an offer in the currency.

    A list begins with one unit, its quantities rise, and who takes more never pays more for a unit.
    """
    if not 0 < len(breaks) <= limits.PRICE_BREAKS_MAX:
        raise Invalid(
            f"A price list has 1 to {limits.PRICE_BREAKS_MAX} breaks.",
            zh=f"价目须有 1 至 {limits.PRICE_BREAKS_MAX} 个数量档。",
            path=("breaks",),
        )
    before: PriceBreak | None = None
    for place, each in enumerate(breaks):
        path = ("breaks", str(place))
        _check_price(each.unit_price, currency=currency, path=(*path, "unit_price"))
        _check_quantity(each.from_units, before, path=(*path, "from_units"))
        if before is not None and each.unit_price.amount_minor > before.unit_price.amount_minor:
            raise Invalid(
                "Who takes more does not pay more for a unit than who takes less.",
                zh="数量越多，单价不得越高。",
                path=(*path, "unit_price"),
            )
        before = each
    return tuple(breaks)


def checked_start(starts_at: datetime | None, now: datetime) -> datetime:
    """The moment from which prices hold: now when it is not said or over already; Invalid when it is too far away."""
    if starts_at is None or starts_at <= now:
        return now
    if starts_at > now + timedelta(days=limits.PRICES_AHEAD_DAYS_MAX):
        raise Invalid(
            f"Prices begin at most {limits.PRICES_AHEAD_DAYS_MAX} days ahead.",
            zh=f"价格最多可提前 {limits.PRICES_AHEAD_DAYS_MAX} 天设定。",
            path=("starts_at",),
        )
    return starts_at


def effective(lists: Iterable[PriceList], at: datetime) -> PriceList | None:
    """Of the price lists of one offer and tier, the one that holds at a moment: the latest that has begun."""
    return max((each for each in lists if each.starts_at <= at), key=lambda each: each.starts_at, default=None)


def coming(lists: Iterable[PriceList], at: datetime) -> list[PriceList]:
    """Of the price lists of one offer and tier, those that begin after a moment, earliest first."""
    return sorted((each for each in lists if each.starts_at > at), key=lambda each: each.starts_at)


def unit_price(prices: PriceList, quantity: int) -> Money | None:
    """What each of so many units costs by a price list; None when the tier does not get the offer."""
    assert quantity > 0
    fitting = [each for each in prices.breaks if each.from_units <= quantity]
    return fitting[-1].unit_price if fitting else None


def _check_quantity(from_units: int, before: PriceBreak | None, *, path: tuple[str, ...]) -> None:
    if before is None and from_units != 1:
        raise Invalid("A price list begins with 1 unit.", zh="价目须从 1 件起。", path=path)
    if before is not None and not before.from_units < from_units <= limits.HOLD_CODES_MAX:
        raise Invalid(
            f"Quantities rise from break to break, up to {limits.HOLD_CODES_MAX}.",
            zh=f"各档起订数量须递增，且不超过 {limits.HOLD_CODES_MAX}。",
            path=path,
        )


def _check_price(price: Money, *, currency: str, path: tuple[str, ...]) -> None:
    if price.currency != currency:
        raise Invalid(
            f"This offer is in {currency}, not in {price.currency}.",
            zh=f"该供货项的币种为 {currency}，不是 {price.currency}。",
            path=(*path, "currency"),
        )
    if not 0 <= price.amount_minor <= limits.AMOUNT_MAX_MINOR:
        raise Invalid(
            "An amount is zero or more, and no fortune.", zh="金额须不小于零且不超过上限。", path=(*path, "amount")
        )


def checked_health(health: int | None) -> int | None:
    """The least health that somebody asks for, from 0 to 1,000."""
    if health is not None and not 0 <= health <= limits.HEALTH_MAX:
        raise Invalid(
            f"Health is from 0 to {limits.HEALTH_MAX}.",
            zh=f"健康度须为 0 至 {limits.HEALTH_MAX}。",
            path=("min_health",),
        )
    return health
