"""Why each place that a listing is filled from is taken or passed over, as far as its merchant may know: its own first step."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from fondaco_core.ids import SourceId
from fondaco_core.money import fee_of


class Verdict(StrEnum):
    """What becomes of a candidate when an order is routed."""

    TAKEN = "TAKEN"
    NEXT = "NEXT"
    DISABLED = "DISABLED"
    PAUSED = "PAUSED"
    DAY_UNITS = "DAY_UNITS"
    OFFER_WITHDRAWN = "OFFER_WITHDRAWN"
    SUPPLIER_INACTIVE = "SUPPLIER_INACTIVE"
    NO_AGREEMENT = "NO_AGREEMENT"
    NO_PRICE = "NO_PRICE"
    ABOVE_MAX_COST = "ABOVE_MAX_COST"
    BELOW_COST = "BELOW_COST"
    BELOW_MARGIN = "BELOW_MARGIN"
    QUOTA = "QUOTA"
    FUNDS = "FUNDS"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class FirstStep:
    """What a merchant buys by when a supplier's offer fills its listing: how the offer stands for it, and what it can bear.

    `prices` are a unit's price from a number of units on, rising in units; none where its tier does not get the offer.
    """

    published: bool
    supplier_active: bool
    agreed: bool
    prices: tuple[tuple[int, int], ...] = ()
    max_cost_minor: int | None = None
    below_cost: bool = False
    funds_minor: int = 0
    units_left: int | None = None
    margin_bps: int = 0
    margin_minor: int = 0

    def unit_price(self, units: int) -> int | None:
        """What a unit costs when so many are bought; None without a price."""
        return next((price for from_units, price in reversed(self.prices) if from_units <= units), None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that a listing is filled from; without a step it is a pool of the merchant's own."""

    source_id: SourceId
    enabled: bool
    step: FirstStep | None = None
    # False while it is paused, or probed with as many units as it gets at first.
    tried: bool = True
    # How many units may still come from it today; None without a bound.
    units_left: int | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """What becomes of a candidate, how many units it brings, and what one of them costs and leaves; None of an own pool or without a price.

    The units are None, too, where they are not told.
    """

    source_id: SourceId
    verdict: Verdict
    units: int | None
    cost_minor: int | None
    margin_minor: int | None


def explain(
    candidates: Sequence[Candidate],
    *,
    quantity: int,
    price_minor: int,
    fee_bps: int,
    taken: Mapping[SourceId, int],
    able: Collection[SourceId],
) -> list[Explained]:
    """Says of each candidate, in the order in which they are tried, what becomes of it.

    `taken` is what the order's plan takes of each, `able` those that could bring something. What keeps one back that nothing of the
    merchant's own does lies beyond its neighbour, and is told as UNAVAILABLE alone.
    """
    assert quantity > 0
    told: list[Explained] = []
    missing = quantity
    for candidate in candidates:
        units = taken.get(candidate.source_id, 0)
        wanted = units or missing or quantity
        cost = None if candidate.step is None else candidate.step.unit_price(wanted)
        verdict = _verdict(
            candidate, units, wanted, price_minor=price_minor, fee_bps=fee_bps,
            able=candidate.source_id in able, complete=missing == 0,
        )  # fmt: skip
        margin = None if cost is None else price_minor - fee_of(price_minor, fee_bps) - cost
        told.append(Explained(candidate.source_id, verdict, units, cost, margin))
        missing -= units
    return told


def withhold(told: Sequence[Explained], *, quantity: int, reserved: Collection[SourceId]) -> list[Explained]:
    """The same without what says how much a reserved source has: from the first that ran short on, what those that are taken bring.

    Whatever brings the last unit of an order that is complete had enough, which is all that its number says.
    """
    shown: list[Explained] = []
    missing, short = quantity, False
    for each in told:
        missing -= each.units or 0
        short = short or (each.verdict is Verdict.TAKEN and each.source_id in reserved and missing > 0)
        hidden = short and each.verdict is Verdict.TAKEN
        shown.append(replace(each, units=None, cost_minor=None, margin_minor=None) if hidden else each)
    return shown


def _verdict(
    candidate: Candidate, units: int, wanted: int, *, price_minor: int, fee_bps: int, able: bool, complete: bool
) -> Verdict:
    if units:
        return Verdict.TAKEN
    used_up = candidate.units_left is not None and candidate.units_left <= 0
    off = (
        (not candidate.enabled, Verdict.DISABLED), (not candidate.tried, Verdict.PAUSED), (used_up, Verdict.DAY_UNITS),
    )  # fmt: skip
    why = next((verdict for holds, verdict in off if holds), None)
    if why is None and candidate.step is not None:
        why = _held_back(candidate.step, wanted, price_minor=price_minor, fee_bps=fee_bps)
    if why is not None:
        return why
    if able and complete:
        return Verdict.NEXT
    return Verdict.OUT_OF_STOCK if candidate.step is None else Verdict.UNAVAILABLE


def _held_back(step: FirstStep, wanted: int, *, price_minor: int, fee_bps: int) -> Verdict | None:
    """What of a merchant's own keeps it from buying so many units, each of which it sells at a price."""
    cost = step.unit_price(wanted)
    sold = price_minor * wanted
    left = sold - fee_of(sold, fee_bps)
    margin = max(step.margin_minor * wanted, -(-sold * step.margin_bps // 10_000))
    checks = (
        (not step.published, Verdict.OFFER_WITHDRAWN),
        (not step.supplier_active, Verdict.SUPPLIER_INACTIVE),
        (not step.agreed, Verdict.NO_AGREEMENT),
        (cost is None, Verdict.NO_PRICE),
        (cost is not None and step.max_cost_minor is not None and cost > step.max_cost_minor, Verdict.ABOVE_MAX_COST),
        (cost is not None and cost * wanted > left and not step.below_cost, Verdict.BELOW_COST),
        (cost is not None and cost * wanted > left - margin and not step.below_cost, Verdict.BELOW_MARGIN),
        (step.units_left is not None and step.units_left <= 0, Verdict.QUOTA),
        (cost is not None and cost > step.funds_minor, Verdict.FUNDS),
    )
    return next((verdict for holds, verdict in checks if holds), None)
