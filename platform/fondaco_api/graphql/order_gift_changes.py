"""Taking a gift back while nobody has opened it."""

from datetime import datetime
from typing import Annotated

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.orders import Order
from fondaco_api.graphql.transaction import mutation
from fondaco_core.db import Tx
from fondaco_core.ids import OrderId
from fondaco_tenants import orders


@failure(orders.GiftOpened)
class GiftOpened(Failure):
    """Its recipient has seen the codes."""

    opened_at: datetime = strawberry.field(description="When they first saw them.")


@strawberry.input(description="Which gift to take back.")
class TakeBackGiftInput:
    """What takeBackGift takes."""

    order_id: strawberry.ID = strawberry.field(description="Your order that is for somebody else.")


@strawberry.type(description="The order is your own now; the recipient's link does not open any more.")
class TakeBackGiftSuccess:
    """What takeBackGift answers."""

    order: Order = strawberry.field(description="The order as it is now.")


@strawberry.type
class Mutation:
    """What a buyer does with a gift."""

    @mutation(refusals=[orders.GiftOpened])
    async def take_back_gift(
        self, info: Info, tx: Tx, input: Annotated[TakeBackGiftInput, strawberry.argument(description="Which gift.")]
    ) -> TakeBackGiftSuccess:
        """Takes a gift back that its recipient has not opened: its codes are yours to see, to keep or to give again."""
        ctx = info.context.ctx
        order_id = OrderId(key_of(input.order_id, Order, path=("order_id",)))
        await orders.take_back_gift(tx, ctx, order_id=order_id)
        return TakeBackGiftSuccess(order=Order.of(await orders.get_order(tx, ctx, order_id)))
