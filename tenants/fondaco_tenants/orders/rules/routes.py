"""Over which routes units come, and at which price at every hop."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fondaco_core.ids import AgreementId, EntitlementId, OfferId, PoolId, SourceId, TenantId
from fondaco_core.money import fee_of
from fondaco_tenants.orders.rules.commissions import commissions_of
from fondaco_tenants.orders.rules.quote import Quote, Route


def plan_units(quote: Quote, available: Mapping[PoolId, int]) -> list[tuple[Route, int]]:
    """Over which routes a line's units come, in the order in which they are tried: the next gives what the one before lacks.

    The plan is short of units when the routes are.
    """
    plan: list[tuple[Route, int]] = []
    missing, left = quote.quantity, dict(available)
    probed: Counter[SourceId] = Counter()
    for route in quote.routes:
        wanted = min(missing, left.get(route.pool_id, 0), *(most - probed[source] for source, most in route.probes))
        units = units_over(quote, route, wanted) if wanted > 0 else 0
        if units:
            probed.update({source: units for source, _ in route.probes})
            plan.append((route, units))
            left[route.pool_id] -= units
            missing -= units
    return plan


def units_over(quote: Quote, route: Route, units: int) -> int:
    """How many of so many units a route can bring: what every buyer on it may buy and pay, and nobody sells below cost."""
    units = min([units, *(most for _, most in route.probes)])
    if not route.legs:
        return units
    for leg in route.legs:
        bounds = (leg.units_left, leg.hold_left if quote.waits else None)
        units = min([units, *(bound for bound in bounds if bound is not None)])
    for leg in route.legs:
        # Fewer units may cost more each, so that fewer still can be paid.
        while units > 0 and (cost := leg.unit_price(units)) * units > leg.funds_minor:
            units = leg.funds_minor // cost
    return units if units > 0 and price_hops(quote, route, units) else 0


def told_available(quote: Quote, units: int) -> int | None:
    """How many of a line's units a buyer is told that there are: what others have is told as enough or not, and no number says why."""
    return units if units >= quote.quantity or not quote.chained else None


def short_lines(
    lines: Sequence[Quote], available: Mapping[PoolId, int]
) -> tuple[list[tuple[Quote, int]], dict[PoolId, int]]:
    """The lines of one order that the pools cannot serve together, each with the units it lacks; and what the others leave of the pools."""
    left = dict(available)
    short: list[tuple[Quote, int]] = []
    for line in lines:
        plan = plan_units(line, left)
        for route, units in plan:
            left[route.pool_id] -= units
        missing = line.quantity - sum(units for _, units in plan)
        if missing:
            short.append((line, missing))
    return short, left


@dataclass(frozen=True, slots=True, kw_only=True)
class HopPlan:
    """One seller → buyer step of a route as it is about to be bought; the first hop's buyer is the customer.

    `credit_minor` is what of its amount the buyer will owe the seller instead of paying it.
    """

    line: int
    route: int = 0
    source_id: SourceId
    depth: int
    seller_id: TenantId
    buyer_id: TenantId | None
    offer_id: OfferId | None = None
    agreement_id: AgreementId | None = None
    entitlement_id: EntitlementId | None = None
    quantity: int
    unit_price_minor: int
    fee_minor: int
    credit_minor: int = 0
    # What of its amount goes to those that brought the buyer, level by level.
    commissions: tuple[int, ...] = ()
    # How many days after it is paid its money is the seller's own; of a sale to a customer that is the platform's to say.
    settle_days: int | None = None
    settles_at: datetime | None = None

    @property
    def amount_minor(self) -> int:
        """What the buyer pays or owes for all units."""
        return self.unit_price_minor * self.quantity


def price_hops(quote: Quote, route: Route, units: int, *, number: int = 0) -> list[HopPlan]:
    """The hops of one route, from the customer down to the leaf. A pool of the seller's own is the leaf itself: one hop.

    Empty where a merchant would pay more than it bounds its cost by, or more than it is left with, unless it said so: a route that
    robs one of its merchants is no route.
    """
    assert units > 0
    sold = HopPlan(
        line=quote.line, route=number, source_id=route.source_id, depth=0, seller_id=quote.seller_id, buyer_id=None,
        entitlement_id=quote.entitlement_id, quantity=units, unit_price_minor=quote.unit_price_minor,
        fee_minor=fee_of(quote.unit_price_minor * units, quote.fee_bps),
    )  # fmt: skip
    hops = [sold]
    for depth, leg in enumerate(route.legs, start=1):
        cost = leg.unit_price(units)
        if leg.max_cost_minor is not None and cost > leg.max_cost_minor:
            return []
        if cost * units > sold.amount_minor - sold.fee_minor - sum(sold.commissions) and not leg.below_cost:
            return []
        sold = HopPlan(
            line=quote.line, route=number, source_id=leg.source_id, depth=depth, seller_id=leg.seller_id,
            buyer_id=sold.seller_id, offer_id=leg.offer_id, agreement_id=leg.agreement_id,
            entitlement_id=quote.entitlement_id, quantity=units, unit_price_minor=cost,
            fee_minor=fee_of(cost * units, leg.fee_bps), settle_days=leg.settle_days,
            commissions=commissions_of(cost * units, leg.commissions_bps),
        )  # fmt: skip
        hops.append(sold)
    return hops
