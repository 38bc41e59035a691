"""At which price units come over a route, at every hop."""

from dataclasses import dataclass
from datetime import datetime

from fondaco_core.ids import AgreementId, EntitlementId, OfferId, SourceId, TenantId
from fondaco_core.money import fee_of
from fondaco_tenants.orders.rules.commissions import commissions_of
from fondaco_tenants.orders.rules.quote import Leg, Quote, Route


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

    Empty where a merchant would pay more than it bounds its cost by, or be left with less than the margin that is to stay with it,
    unless it said so: a route that robs one of its merchants is no route.
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
        if (
            cost * units > sold.amount_minor - sold.fee_minor - sum(sold.commissions) - margin_of(leg, sold)
            and not leg.below_cost
        ):
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


def margin_of(leg: Leg, sold: HopPlan) -> int:
    """What is to stay with the buyer of a step of what it sells the units for: by the unit or by its price, whichever is more."""
    return max(leg.margin_minor * sold.quantity, -(-sold.amount_minor * leg.margin_bps // 10_000))
