"""Units whose codes turned out bad: support gives them others."""

from typing import Annotated, Any

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.order_refusals import CodeAlreadyRedeemed, OrderNotOpen
from fondaco_api.graphql.orders import Allocation, Order
from fondaco_api.graphql.transaction import mutation
from fondaco_core.db import Tx, trading
from fondaco_core.ids import AllocationId
from fondaco_tenants import orders


@failure(orders.ReplacementLimit)
class ReplacementLimit(Failure):
    """As many codes were replaced as may be; refund what is still bad."""

    most: int = strawberry.field(description="How many replacements there may be.")
    per_unit: bool = strawberry.field(description="Whether that is of one unit rather than of one order.")


@strawberry.input(description="Which unit has a bad code.")
class ReplaceUnitInput:
    """What replaceUnit takes."""

    allocation_id: strawberry.ID = strawberry.field(description="The delivered unit, also when its code was seen.")
    reason: str = strawberry.field(description="What is wrong with the code, for the record.")


@strawberry.type(description="The bad code is in quarantine, and the unit goes on in another attempt.")
class ReplaceUnitSuccess:
    """What replaceUnit answers."""

    order: Order = strawberry.field(description="The order as it is now.")
    allocation: Allocation = strawberry.field(
        description="The unit's next attempt: FULFILLED with another code, or WAITING while no source has one."
    )


@strawberry.type
class Mutation:
    """What support does about bad codes."""

    @mutation(refusals=[orders.OrderNotOpen, orders.ReplacementLimit, orders.CodeAlreadyRedeemed], opens=trading)
    async def replace_unit(
        self, info: Info, tx: Tx, input: Annotated[ReplaceUnitInput, strawberry.argument(description="Which unit.")]
    ) -> ReplaceUnitSuccess:
        """Gives a delivered unit another code, from any source of its line and at no price, because its code is bad.

        Without stock the unit waits, and is refunded by itself when none comes in time. Needs `orders.replace`.
        """
        done = await orders.replace_unit(
            tx,
            info.context.ctx,
            allocation_id=AllocationId(key_of(input.allocation_id, Allocation, path=("allocation_id",))),
            reason=input.reason,
        )
        return ReplaceUnitSuccess(order=Order.of(done.order), allocation=Allocation.of(done.unit))


# Declared elsewhere, and needed here for the union.
_: Any = (OrderNotOpen, CodeAlreadyRedeemed)
