"""orders: purchases and their states, from the hold to the refund.

Owns     order, order_line, allocation, hop, refund.
Promises holding is atomic over the whole order and every hop; units delivered, refunded and open are the units ordered;
         a paid order is fulfilled in the paying transaction; an unpaid one gives its stock back when its hold runs out.
Stands on routing, codes, catalog, customers, ledger.
"""

from fondaco_core.ledger import InsufficientFunds
from fondaco_tenants.orders.errands import look_up_order, mend_waiting, send_look_up
from fondaco_tenants.orders.errors import (
    CodeAlreadyRevealed,
    GiftOpened,
    GiftSealed,
    GiftTakenBack,
    GuestsNotServed,
    HoldBudgetExceeded,
    HoldExpired,
    InvalidOrder,
    LimitExceeded,
    NoLetters,
    OrderNotOpen,
    OutOfStock,
    PriceChanged,
    ReplacementLimit,
)
from fondaco_tenants.orders.events import (
    OrderClosed,
    OrderFulfilled,
    OrderPlaced,
    OrderRefunded,
    UnitFailed,
    UnitReplaced,
)
from fondaco_tenants.orders.rules import SETTLED, AllocationState, Budget, HoldBudgets, OrderState, TimelineEntry
from fondaco_tenants.orders.service.budgets import (
    BudgetsView,
    forget_guest_holds,
    get_hold_budgets,
    set_hold_budgets,
)
from fondaco_tenants.orders.service.change import (
    Refunded,
    cancel_order,
    expire_overdue,
    mark_revealed,
    pay_order,
    refund_order,
)
from fondaco_tenants.orders.service.gifts import Gift, find_gifts, recipient_of, require_opener, take_back_gift
from fondaco_tenants.orders.service.look_up import OrderSearch, search_orders
from fondaco_tenants.orders.service.place import Placed, place_order, place_orders
from fondaco_tenants.orders.service.quote import NewGift, OrderRequest, PayBy
from fondaco_tenants.orders.service.read import (
    AllocationView,
    LineView,
    OrderView,
    allocations_of_code,
    find_allocations,
    find_orders,
    get_order,
    get_order_by_code,
    lines_of,
    list_allocations,
    list_orders,
    timeline_of,
)
from fondaco_tenants.orders.service.settle import find_payments, settle_payment, start_payment
from fondaco_tenants.orders.service.simulate import Simulated, SimulatedLine, simulate_order
from fondaco_tenants.orders.service.swap import Replaced, replace_unit, swap_withdrawn

__all__ = [
    "SETTLED",
    "AllocationState",
    "AllocationView",
    "Budget",
    "BudgetsView",
    "CodeAlreadyRevealed",
    "Gift",
    "GiftOpened",
    "GiftReturned",
    "GiftSealed",
    "GiftTakenBack",
    "GuestsNotServed",
    "HoldBudgetExceeded",
    "HoldBudgets",
    "HoldExpired",
    "InsufficientFunds",
    "InvalidOrder",
    "LimitExceeded",
    "LineView",
    "LookUpAsked",
    "NewGift",
    "NoLetters",
    "OrderClosed",
    "OrderFulfilled",
    "OrderNotOpen",
    "OrderPlaced",
    "OrderRefunded",
    "OrderRequest",
    "OrderSearch",
    "OrderState",
    "OrderView",
    "OutOfStock",
    "PayBy",
    "Placed",
    "PriceChanged",
    "Refunded",
    "Replaced",
    "ReplacementLimit",
    "Simulated",
    "SimulatedLine",
    "TimelineEntry",
    "UnitFailed",
    "UnitReplaced",
    "allocations_of_code",
    "cancel_order",
    "expire_overdue",
    "find_allocations",
    "find_gifts",
    "find_orders",
    "find_payments",
    "forget_guest_holds",
    "get_hold_budgets",
    "get_order",
    "get_order_by_code",
    "lines_of",
    "list_allocations",
    "list_orders",
    "look_up_order",
    "mark_revealed",
    "mend_waiting",
    "pay_order",
    "place_order",
    "place_orders",
    "recipient_of",
    "refund_order",
    "replace_unit",
    "require_opener",
    "search_orders",
    "send_look_up",
    "set_hold_budgets",
    "settle_payment",
    "simulate_order",
    "start_payment",
    "swap_withdrawn",
    "take_back_gift",
    "timeline_of",
]
