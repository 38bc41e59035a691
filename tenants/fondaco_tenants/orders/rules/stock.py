"""How many units an order could take of what other merchants fill: counted by the very rules that place it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from uuid import UUID

from fondaco_core.ids import EntitlementId, ListingId, PoolId, StoreId, TenantId
from fondaco_tenants.orders.rules.plan import Spare, plan_units
from fondaco_tenants.orders.rules.quote import Quote, Route

_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Head:
    """What routes fill: who sells it, for how much, and which share of that is the platform's."""

    seller_id: TenantId
    price_minor: int
    currency: str
    fee_bps: int


def count_units(head: Head, routes: Sequence[Route], available: Mapping[PoolId, int], *, up_to: int) -> int:
    """How many units one order that is paid at once could take over these routes, exact up to `up_to`.

    Each step is counted at its price for a single unit, so that whoever asks for fewer gets them, too. A pool counts once, however
    many routes lead there, and so does what a merchant on several of them has.
    """
    alone = [_for_single_units(route) for route in routes]
    return sum(units for _, units in plan_units(_asked(head, alone, up_to), Spare(dict(available))))


class Openness(IntEnum):
    """How much a merchant is told of what a route leads to; of several steps the most reserved one counts."""

    EXACT = 0
    BANDED = 1
    HIDDEN = 2


@dataclass(frozen=True, slots=True)
class Told:
    """How much is told: `units` where all of it may be, and `seen`, which no band that anybody chooses makes more of than may be told."""

    units: int | None
    seen: int


def tell_units(
    head: Head,
    routes: Sequence[tuple[Route, Openness]],
    available: Mapping[PoolId, int],
    *,
    low_below: int,
    up_to: int,
) -> Told:
    """What is told of the units that these routes bring, of which some lead to what is told as a band or not at all.

    What is hidden is plenty as soon as there is any. A band is few or plenty, whatever threshold the asker sets and whatever stands beside it.
    """

    def count(most: Openness, least: Openness = Openness.EXACT, up_to: int = up_to) -> int:
        some = [route for route, openness in routes if least <= openness <= most]
        return count_units(head, some, available, up_to=up_to) if some else 0

    everything, exact = count(Openness.HIDDEN), count(Openness.EXACT)
    if everything <= exact:
        return Told(exact, exact)
    if everything > count(Openness.BANDED):
        return Told(None, up_to)
    banded = count(Openness.BANDED, Openness.BANDED, min(up_to, low_below))
    return Told(None, up_to if banded >= min(up_to, low_below) else max(exact, min(banded, 1)))


def _for_single_units(route: Route) -> Route:
    return replace(route, legs=tuple(replace(leg, prices=((1, leg.unit_price(1)),)) for leg in route.legs))


def _asked(head: Head, routes: Sequence[Route], units: int) -> Quote:
    """So many units as an order would ask for them; what says nothing of routes is left empty."""
    return Quote(
        listing_id=ListingId(_NOBODY), store_id=StoreId(_NOBODY), seller_id=head.seller_id, entitlement_id=EntitlementId(_NOBODY),
        title="", unit_price_minor=head.price_minor, currency=head.currency, order_max=units, customer_max=None,
        customer_period_days=None, fee_bps=head.fee_bps, hold_s=0, guest_checkout=True, chained=True, routes=tuple(routes),
        quantity=units, line=0,
    )  # fmt: skip
