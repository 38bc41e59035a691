"""How orders can be refused, with the data that a client needs to go on."""

from datetime import datetime
from typing import Any

import strawberry

from fondaco_api.graphql.context import Context
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import global_id
from fondaco_api.graphql.orders import Allocation
from fondaco_api.graphql.scalars import Money
from fondaco_api.graphql.wallets import InsufficientFunds
from fondaco_core.errors import Refusal
from fondaco_tenants import customers, orders
from fondaco_tenants.customers import CustomerBlocked
from fondaco_tenants.orders import Budget, OrderState

described(
    Budget,
    "Whose unpaid holds are counted together.",
    BUYER="Yours at this merchant, by account or contact.",
    DEVICE="Those of your device.",
    ADDRESS="Those of your network address.",
    GUESTS="Those of all guests of one item.",
)


@failure(orders.OutOfStock)
class OutOfStock(Failure):
    """Fewer units than asked for can be had now, from any source."""

    asked: int = strawberry.field(description="How many were asked for.")
    available: int | None = strawberry.field(
        description="How many of them can be had now; null where other merchants fill it, too, whose stock is not told."
    )
    listing_id: strawberry.ID = strawberry.field(description="The listing that is short.")

    @classmethod
    def data(cls, refusal: Any, context: Context) -> dict[str, Any]:
        """The listing as its global id."""
        return {
            "asked": refusal.asked,
            "available": refusal.available,
            "listing_id": global_id(Listing, refusal.listing_id),
        }


@failure(orders.PriceChanged)
class PriceChanged(Failure):
    """The total is not the one that was agreed to."""

    total: Money = strawberry.field(description="The total now; agree to it to go on.")

    @classmethod
    def data(cls, refusal: Any, context: Context) -> dict[str, Any]:
        """The new total."""
        return {"total": Money.of(refusal.total)}


@failure(orders.LimitExceeded)
class LimitExceeded(Failure):
    """More than the listing allows in one order, or to one customer."""

    listing_id: strawberry.ID = strawberry.field(description="The listing whose limit it is.")
    limit: int = strawberry.field(description="How many are allowed.")
    remaining: int = strawberry.field(description="How many may still be bought.")
    period_days: int | None = strawberry.field(
        description="Within how many days; null for ever, or when it is a limit per order."
    )
    per_order: bool = strawberry.field(description="Whether it is the limit of one order rather than of one customer.")

    @classmethod
    def data(cls, refusal: Any, context: Context) -> dict[str, Any]:
        """The listing as its global id."""
        return super().data(refusal, context) | {"listing_id": global_id(Listing, refusal.listing_id)}


@failure(orders.HoldBudgetExceeded)
class HoldBudgetExceeded(Failure):
    """As much is held unpaid as may be: pay or cancel an order, wait until one runs out, or pay at once."""

    budget: Budget = strawberry.field(description="Which budget is used up.")
    orders_max: int | None = strawberry.field(description="How many orders may wait; null where only units count.")
    units_max: int = strawberry.field(description="How many units these may have together.")
    orders_left: int | None = strawberry.field(description="How many more orders may wait now; null likewise.")
    units_left: int = strawberry.field(description="How many more units may be held now.")
    frees_at: datetime | None = strawberry.field(
        description="When the first of what is held runs out by itself; null when nothing is held."
    )

    @classmethod
    def data(cls, refusal: Any, context: Context) -> dict[str, Any]:
        """The budget as the schema's."""
        return super().data(refusal, context) | {"budget": Budget(refusal.budget)}


@failure(orders.OrderNotOpen)
class OrderNotOpen(Failure):
    """The order is in a state that does not allow this."""

    state: OrderState = strawberry.field(description="The state it is in.")

    @classmethod
    def data(cls, refusal: Any, context: Context) -> dict[str, Any]:
        """The state as the schema's."""
        return {"state": OrderState(refusal.state)}


@failure(orders.HoldExpired)
class HoldExpired(Failure):
    """The order was not paid in time; place it again."""

    expired_at: datetime = strawberry.field(description="When its hold ran out.")


@failure(orders.CodeAlreadyRevealed)
class CodeAlreadyRevealed(Failure):
    """Somebody has seen some of the codes: they cannot go back to stock."""

    allocation_ids: list[strawberry.ID] = strawberry.field(description="The units whose codes were seen.")

    @classmethod
    def data(cls, refusal: Any, context: Context) -> dict[str, Any]:
        """The units as global ids."""
        return {"allocation_ids": [global_id(Allocation, each) for each in refusal.allocation_ids]}


@failure(orders.CodeAlreadyRedeemed)
class CodeAlreadyRedeemed(Failure):
    """Some of the codes were redeemed: their units are neither refunded nor replaced unless that is taken back."""

    allocation_ids: list[strawberry.ID] = strawberry.field(description="The units whose codes were redeemed.")

    @classmethod
    def data(cls, refusal: Any, context: Context) -> dict[str, Any]:
        """The units as global ids."""
        return {"allocation_ids": [global_id(Allocation, each) for each in refusal.allocation_ids]}


# What each mutation may be refused with; the types above have to be declared before they are listed.
PLACE_REFUSALS: tuple[type[Refusal], ...] = (
    orders.OutOfStock, orders.PriceChanged, orders.LimitExceeded, orders.InsufficientFunds, orders.InvalidOrder,
    orders.GuestsNotServed, orders.HoldBudgetExceeded, CustomerBlocked, customers.BadContact,
)  # fmt: skip
PAY_REFUSALS: tuple[type[Refusal], ...] = (
    orders.OrderNotOpen, orders.HoldExpired, orders.InsufficientFunds, CustomerBlocked,
)  # fmt: skip
START_REFUSALS: tuple[type[Refusal], ...] = (orders.OrderNotOpen, orders.HoldExpired, CustomerBlocked)
CANCEL_REFUSALS: tuple[type[Refusal], ...] = (orders.OrderNotOpen,)
REFUND_REFUSALS: tuple[type[Refusal], ...] = (
    orders.OrderNotOpen, orders.CodeAlreadyRevealed, orders.CodeAlreadyRedeemed,
)  # fmt: skip

# What one order of several, or a simulated one, may meet with data of its own.
ITEM_FAILURES = (OutOfStock, PriceChanged, LimitExceeded, InsufficientFunds)
