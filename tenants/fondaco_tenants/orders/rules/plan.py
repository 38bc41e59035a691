"""Over which routes units come: what one route takes of a pool, a wallet, a quota or a bound is not there for the next."""

import heapq
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeVar

from fondaco_core.ids import AgreementId, PoolId, SourceId, TenantId
from fondaco_tenants.orders.rules.quote import Leg, Quote, Route
from fondaco_tenants.orders.rules.routes import price_hops

Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class Spare:
    """What is left for the routes of orders that are planned one after the other: in pools, and of what merchants have and may.

    What a merchant has is known from the first route that leads over it; of sources it may be known before, under a lock.
    """

    pools: dict[PoolId, int]
    sources: dict[SourceId, int] = field(default_factory=dict)
    wallets: dict[TenantId, int] = field(default_factory=dict)
    credits: dict[AgreementId, int] = field(default_factory=dict)
    units: dict[AgreementId, int] = field(default_factory=dict)
    held: dict[AgreementId, int] = field(default_factory=dict)

    def copy(self) -> "Spare":
        """The same, to be counted down."""
        return Spare(
            dict(self.pools), dict(self.sources), dict(self.wallets), dict(self.credits), dict(self.units), dict(self.held)
        )  # fmt: skip

    def become(self, other: "Spare") -> None:
        """Takes over what another one has left."""
        self.pools, self.sources, self.wallets = other.pools, other.sources, other.wallets
        self.credits, self.units, self.held = other.credits, other.units, other.held

    def bounds(self, route: Route, *, waits: bool) -> Iterable[int]:
        """How many units each bound on a route still allows: of its sources, and of what its buyers may buy and hold."""
        bounds: list[int | None] = [self.sources.get(route.source_id, route.source_left)]
        for leg in route.legs:
            bounds.append(self.sources.get(leg.source_id, leg.source_left))
            bounds.append(self.units.get(leg.agreement_id, leg.units_left))
            if waits:
                bounds.append(self.held.get(leg.agreement_id, leg.hold_left))
        return (bound for bound in bounds if bound is not None)

    def funds(self, buyer: TenantId, leg: Leg) -> int:
        """What the buyer of a step can pay, or owe its seller."""
        credit = self.credits.get(leg.agreement_id, leg.funds_minor - leg.wallet_minor)
        return self.wallets.get(buyer, leg.wallet_minor) + credit

    def take(self, quote: Quote, route: Route, units: int) -> None:
        """Counts down what so many units over a route take; a wallet pays before credit does."""
        self.pools[route.pool_id] -= units
        _less(self.sources, route.source_id, route.source_left, units)
        buyer = quote.seller_id
        for leg in route.legs:
            _less(self.sources, leg.source_id, leg.source_left, units)
            _less(self.units, leg.agreement_id, leg.units_left, units)
            _less(self.held, leg.agreement_id, leg.hold_left, units if quote.waits else 0)
            amount = leg.unit_price(units) * units
            paid = min(amount, self.wallets.get(buyer, leg.wallet_minor))
            _less(self.wallets, buyer, leg.wallet_minor, paid)
            _less(self.credits, leg.agreement_id, leg.funds_minor - leg.wallet_minor, amount - paid)
            buyer = leg.seller_id


def _less(of: dict[Key, int], key: Key, first: int | None, by: int) -> None:
    left = of.get(key, first)
    if left is not None:
        of[key] = left - by


def plan_units(quote: Quote, spare: Spare) -> list[tuple[Route, int]]:
    """Over which routes a line's units come, in the order in which they are tried: the next gives what the one before lacks.

    Where its sources take turns, each gives its share first. The plan is short of units when the routes are; what it takes is not
    left over any more.
    """
    shares = _shares(quote)
    while True:
        left = spare.copy()
        plan = _in_order(quote, left, dict(shares))
        if not shares or sum(units for _, units in plan) == quote.quantity:
            spare.become(left)
            return plan
        # Who cannot give its share leaves it to the others, the first of them first.
        del shares[next(route.source_id for route in quote.routes if route.source_id in shares)]


def _in_order(quote: Quote, spare: Spare, shares: dict[SourceId, int]) -> list[tuple[Route, int]]:
    plan: list[tuple[Route, int]] = []
    missing = quote.quantity
    for route in quote.routes:
        if not missing:
            break
        wanted = min(missing, spare.pools.get(route.pool_id, 0), shares.get(route.source_id, missing))
        units = units_over(quote, route, wanted, spare)
        if units:
            plan.append((route, units))
            spare.take(quote, route, units)
            missing -= units
            _less(shares, route.source_id, None, units)
    return plan


def _shares(quote: Quote) -> dict[SourceId, int]:
    turns = {route.source_id: (route.weight, route.taken) for route in quote.routes if route.weight is not None}
    return take_turns(quote.quantity, turns) if len(turns) > 1 else {}


def take_turns(units: int, turns: Mapping[Key, tuple[int, int]]) -> dict[Key, int]:
    """Whose turn each of so many units is, by weight and by how many each has had: after any number all are as near as can be to their shares.

    The next is whose count, and half a unit more, is the least part of its weight (Webster). No weight is no turn.
    """
    given = dict.fromkeys(turns, 0)
    queue = [
        (Fraction(2 * taken + 1, weight), place, key, weight)
        for place, (key, (weight, taken)) in enumerate(turns.items())
        if weight
    ]
    heapq.heapify(queue)
    for _ in range(units if queue else 0):
        turn, place, key, weight = queue[0]
        given[key] += 1
        heapq.heapreplace(queue, (turn + Fraction(2, weight), place, key, weight))
    return given


def units_over(quote: Quote, route: Route, units: int, spare: Spare) -> int:
    """How many of so many units a route can bring: what every buyer on it may buy and pay, and nobody sells below its margin."""
    if units <= 0:
        return 0
    units = min([units, *spare.bounds(route, waits=quote.waits)])
    # Fewer units may cost more each, so that fewer still can be paid, at this step or another.
    while units > 0 and (fewer := _payable(quote, route, units, spare)) < units:
        units = fewer
    return units if units > 0 and price_hops(quote, route, units) else 0


def _payable(quote: Quote, route: Route, units: int, spare: Spare) -> int:
    buyer = quote.seller_id
    for leg in route.legs:
        cost, funds = leg.unit_price(units), spare.funds(buyer, leg)
        if cost * units > funds:
            return min(units - 1, funds // cost)
        buyer = leg.seller_id
    return units


def told_available(quote: Quote, units: int) -> int | None:
    """How many of a line's units a buyer is told that there are: what others have is told as enough or not, and no number says why."""
    return units if units >= quote.quantity or not quote.chained else None


def short_lines(lines: Sequence[Quote], spare: Spare) -> list[tuple[Quote, int]]:
    """The lines of one order that cannot be served together, each with the units it lacks."""
    short: list[tuple[Quote, int]] = []
    for line in lines:
        missing = line.quantity - sum(units for _, units in plan_units(line, spare))
        if missing:
            short.append((line, missing))
    return short
