"""How much may be held unpaid."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fondaco_core import limits
from fondaco_tenants.orders.errors import HoldBudgetExceeded


class Budget(StrEnum):
    """Whose unpaid holds are counted together. GUESTS are all guests that hold codes of one pool."""

    BUYER = "BUYER"
    DEVICE = "DEVICE"
    ADDRESS = "ADDRESS"
    GUESTS = "GUESTS"


@dataclass(frozen=True, slots=True)
class HoldBudgets:
    """How much may be held unpaid at one merchant: orders and units by whom, and the guests' share of a pool in percent."""

    buyer_orders_max: int = limits.UNPAID_ORDERS_MAX
    buyer_units_max: int = limits.UNPAID_UNITS_MAX
    guest_orders_max: int = limits.GUEST_UNPAID_ORDERS_MAX
    guest_units_max: int = limits.GUEST_UNPAID_UNITS_MAX
    device_orders_max: int = limits.DEVICE_UNPAID_ORDERS_MAX
    device_units_max: int = limits.DEVICE_UNPAID_UNITS_MAX
    address_orders_max: int = limits.ADDRESS_UNPAID_ORDERS_MAX
    address_units_max: int = limits.ADDRESS_UNPAID_UNITS_MAX
    guest_share_percent: int = limits.GUEST_SHARE_PERCENT

    def of(self, budget: Budget, *, guest: bool) -> tuple[int, int]:
        """The orders and units that a buyer, a device or an address may hold."""
        assert budget is not Budget.GUESTS
        whose = "guest" if budget is Budget.BUYER and guest else budget.value.lower()
        return getattr(self, f"{whose}_orders_max"), getattr(self, f"{whose}_units_max")


@dataclass(frozen=True, slots=True)
class Held:
    """What is held unpaid, and when the first of it runs out."""

    orders: int = 0
    units: int = 0
    frees_at: datetime | None = None


def hold_more(held: Held, budget: Budget, budgets: HoldBudgets, *, units: int, guest: bool) -> Held:
    """What is held with one more order of so many units; refuses what is beyond the budget."""
    orders_max, units_max = budgets.of(budget, guest=guest)
    if held.orders + 1 > orders_max or held.units + units > units_max:
        raise HoldBudgetExceeded(
            budget.value, orders_max=orders_max, units_max=units_max, orders_left=max(0, orders_max - held.orders),
            units_left=max(0, units_max - held.units), frees_at=held.frees_at,
        )  # fmt: skip
    return Held(held.orders + 1, held.units + units, held.frees_at)


def guests_share(held: Held, budgets: HoldBudgets, *, available: int) -> int:
    """How many units of a pool guests may hold together: their share, and never less than one guest may hold alone."""
    return max(budgets.guest_units_max, (held.units + available) * budgets.guest_share_percent // 100)
