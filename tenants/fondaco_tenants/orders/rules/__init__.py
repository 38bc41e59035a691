"""Pure decisions about orders: prices, routes, money over the hops, states, budgets."""

from fondaco_tenants.orders.rules.budgets import (
    Budget,
    Held,
    HoldBudgets,
    guests_share,
    hold_more,
)
from fondaco_tenants.orders.rules.commissions import commissions_back, commissions_of
from fondaco_tenants.orders.rules.money import (
    Allowance,
    HopBack,
    SoldHop,
    at_ease,
    bear_chain,
    buyer_of,
    payments_of_hops,
    refund_of_hop,
    share_back,
)
from fondaco_tenants.orders.rules.plan import (
    Spare,
    plan_units,
    short_lines,
    take_turns,
    told_available,
    units_over,
)
from fondaco_tenants.orders.rules.quote import (
    Leg,
    PricedOrder,
    Quote,
    Route,
    check_customer_limit,
    check_lines,
    price_order,
)
from fondaco_tenants.orders.rules.routes import (
    HopPlan,
    price_hops,
)
from fondaco_tenants.orders.rules.shortages import Shortage, shortages
from fondaco_tenants.orders.rules.states import (
    NEXT_STATES,
    SETTLED,
    AllocationState,
    OrderState,
    state_after_refund,
)

__all__ = [
    "NEXT_STATES",
    "SETTLED",
    "AllocationState",
    "Allowance",
    "Budget",
    "Held",
    "HoldBudgets",
    "HopBack",
    "HopPlan",
    "Leg",
    "OrderState",
    "PricedOrder",
    "Quote",
    "Route",
    "Shortage",
    "SoldHop",
    "Spare",
    "at_ease",
    "bear_chain",
    "buyer_of",
    "check_customer_limit",
    "check_lines",
    "commissions_back",
    "commissions_of",
    "guests_share",
    "hold_more",
    "payments_of_hops",
    "plan_units",
    "price_hops",
    "price_order",
    "refund_of_hop",
    "share_back",
    "short_lines",
    "shortages",
    "state_after_refund",
    "take_turns",
    "told_available",
    "units_over",
]
