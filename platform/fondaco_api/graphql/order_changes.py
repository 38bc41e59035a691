"""What happens to an order after it was placed: paid, cancelled, refunded."""

from typing import Annotated

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.node import key_of, keys_of
from fondaco_api.graphql.order_refusals import CANCEL_REFUSALS, PAY_REFUSALS, REFUND_REFUSALS
from fondaco_api.graphql.orders import Allocation, Order
from fondaco_api.graphql.scalars import Money
from fondaco_api.graphql.transaction import mutation
from fondaco_core.db import Tx, trading
from fondaco_core.ids import AllocationId, OrderId
from fondaco_tenants import orders
from fondaco_tenants.payments import BackTo


@strawberry.type(description="The order is paid and fulfilled.")
class PayOrderSuccess:
    """A paid order."""

    order: Order = strawberry.field(description="The order as it is now.")


@strawberry.type(description="The order is cancelled, its stock free again.")
class CancelOrderSuccess:
    """A cancelled order."""

    order: Order = strawberry.field(description="The order as it is now.")


@strawberry.type(
    description="The units are refunded: their codes are back in stock, the money is in the buyer's wallet or on its way back to its "
    "source."
)
class RefundOrderSuccess:
    """A refund."""

    order: Order = strawberry.field(description="The order as it is now.")
    units: int = strawberry.field(description="How many units were refunded.")
    amount: Money = strawberry.field(description="What the buyer gets back.")
    to: BackTo = strawberry.field(
        description="Where the money goes; on its way to its SOURCE it is followed in `Order.payments`."
    )


@strawberry.input(description="Which order to pay.")
class PayOrderInput:
    """An order to pay."""

    order_id: strawberry.ID = strawberry.field(description="The unpaid order.")


@strawberry.input(description="Which order to cancel.")
class CancelOrderInput:
    """An order to cancel."""

    order_id: strawberry.ID = strawberry.field(description="The unpaid order.")
    reason: str | None = strawberry.field(default=None, description="Why, for the record.")


@strawberry.input(description="What to refund.")
class RefundOrderInput:
    """Units to refund."""

    order_id: strawberry.ID = strawberry.field(description="The paid order.")
    reason: str = strawberry.field(description="Why, for the record and the buyer.")
    allocation_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Which units; leave it out for all that were neither refunded nor seen."
    )
    to: BackTo | None = strawberry.field(
        default=None,
        description="Where the money goes. Left out, it goes to where it came from; a guest's always does, and what was paid out of "
        "a wallet comes into the wallet.",
    )


@strawberry.type
class Mutation:
    """What can be done with orders."""

    @mutation(refusals=PAY_REFUSALS, opens=trading)
    async def pay_order(
        self, info: Info, tx: Tx, input: Annotated[PayOrderInput, strawberry.argument(description="Which order.")]
    ) -> PayOrderSuccess:
        """Pays an unpaid order from the buyer's wallet and fulfils it in the same moment."""
        order_id = OrderId(key_of(input.order_id, Order, path=("order_id",)))
        return PayOrderSuccess(order=Order.of(await orders.pay_order(tx, info.context.ctx, order_id=order_id)))

    @mutation(refusals=CANCEL_REFUSALS, opens=trading)
    async def cancel_order(
        self, info: Info, tx: Tx, input: Annotated[CancelOrderInput, strawberry.argument(description="Which order.")]
    ) -> CancelOrderSuccess:
        """Cancels an unpaid order; its stock is free again at once."""
        order_id = OrderId(key_of(input.order_id, Order, path=("order_id",)))
        return CancelOrderSuccess(
            order=Order.of(await orders.cancel_order(tx, info.context.ctx, order_id=order_id, reason=input.reason))
        )

    @mutation(refusals=REFUND_REFUSALS, opens=trading)
    async def refund_order(
        self, info: Info, tx: Tx, input: Annotated[RefundOrderInput, strawberry.argument(description="What to refund.")]
    ) -> RefundOrderSuccess:
        """Refunds units whose codes nobody has seen: the codes go back to stock, the money to its source or to the wallet."""
        ctx = info.context.ctx
        order_id = OrderId(key_of(input.order_id, Order, path=("order_id",)))
        chosen = (
            None
            if input.allocation_ids is None
            else [AllocationId(key) for key in keys_of(input.allocation_ids, Allocation, path=("allocation_ids",))]
        )
        done = await orders.refund_order(
            tx, ctx, order_id=order_id, reason=input.reason, allocation_ids=chosen, to=input.to
        )
        order = await orders.get_order(tx, ctx, order_id)
        return RefundOrderSuccess(order=Order.of(order), units=done.units, amount=Money.of(done.amount), to=done.to)
