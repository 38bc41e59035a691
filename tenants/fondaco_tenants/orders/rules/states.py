"""Where orders and their units can be, and what follows on what."""

from enum import StrEnum


class OrderState(StrEnum):
    """Where an order is. Only PENDING_PAYMENT and HELD_FOR_REVIEW still wait for something."""

    PENDING_PAYMENT = "PENDING_PAYMENT"
    PAID = "PAID"
    FULFILLED = "FULFILLED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    HELD_FOR_REVIEW = "HELD_FOR_REVIEW"
    REJECTED = "REJECTED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"


NEXT_STATES: dict[OrderState, frozenset[OrderState]] = {
    OrderState.PENDING_PAYMENT: frozenset(
        {OrderState.PAID, OrderState.FULFILLED, OrderState.EXPIRED, OrderState.CANCELLED, OrderState.HELD_FOR_REVIEW}
    ),
    OrderState.HELD_FOR_REVIEW: frozenset({OrderState.PENDING_PAYMENT, OrderState.PAID, OrderState.REJECTED}),
    OrderState.PAID: frozenset({OrderState.FULFILLED, OrderState.PARTIALLY_REFUNDED, OrderState.REFUNDED}),
    OrderState.FULFILLED: frozenset({OrderState.PARTIALLY_REFUNDED, OrderState.REFUNDED}),
    OrderState.PARTIALLY_REFUNDED: frozenset({OrderState.PARTIALLY_REFUNDED, OrderState.REFUNDED}),
    # Its money was under way when the hold ran out, and its stock can be had again.
    OrderState.EXPIRED: frozenset({OrderState.PAID, OrderState.FULFILLED}),
    OrderState.CANCELLED: frozenset(),
    OrderState.REJECTED: frozenset(),
    OrderState.REFUNDED: frozenset(),
}
SETTLED = frozenset({OrderState.PAID, OrderState.FULFILLED, OrderState.PARTIALLY_REFUNDED})


class AllocationState(StrEnum):
    """Where one unit of an order is."""

    HELD = "HELD"
    FULFILLED = "FULFILLED"
    RELEASED = "RELEASED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    WAITING = "WAITING"


def state_after_refund(*, units_live: int) -> OrderState:
    """What an order is once units were refunded: wholly when none is left."""
    return OrderState.PARTIALLY_REFUNDED if units_live else OrderState.REFUNDED
