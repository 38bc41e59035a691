"""Units whose codes turned out bad: support gives them others, or proves what was done with them."""

from typing import Annotated, Any

import strawberry

from fondaco_api.graphql.aftersales import Evidence, evidence_of
from fondaco_api.graphql.context import Info
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.order_refusals import CodeAlreadyRedeemed, OrderNotOpen
from fondaco_api.graphql.orders import Allocation, Order
from fondaco_api.graphql.transaction import mutation
from fondaco_core import notary
from fondaco_core.db import Tx, trading
from fondaco_core.ids import AllocationId
from fondaco_tenants import aftersales, orders


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


@strawberry.input(description="Which sold unit's path to prove, and why.")
class MakeUnitEvidenceInput:
    """One unit."""

    allocation_id: strawberry.ID = strawberry.field(description="A unit of an order at one of your stores.")
    reason: str = strawberry.field(description="What it is for; goes on the record. At least 3 characters.")


@strawberry.type(description="The evidence is made.")
class MakeUnitEvidenceSuccess:
    """The file."""

    evidence: Evidence = strawberry.field(description="The file; nothing of it is kept here.")


@strawberry.type
class Mutation:
    """What support does about bad codes."""

    @mutation(
        refusals=[orders.OrderNotOpen, orders.NotOwnCode, orders.ReplacementLimit, orders.CodeAlreadyRedeemed],
        opens=trading,
    )
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

    @mutation(refusals=[notary.NotSealedYet], replays=False)
    async def make_unit_evidence(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[
            MakeUnitEvidenceInput, strawberry.argument(description="Which unit's path to prove, and why.")
        ],
    ) -> MakeUnitEvidenceSuccess:
        """Makes a file that proves what your side did with a unit that you sold, whoever's code it is; on the record.

        Of another merchant's code it is your part of the path: from the order to whom it was shown. Needs the permissions
        `audit.read` and `orders.read`. Nothing is kept for repeated requests.
        """
        allocation_id = AllocationId(key_of(input.allocation_id, Allocation, path=("allocation_id",)))
        made = await aftersales.make_unit_evidence(
            tx, info.context.ctx, allocation_id=allocation_id, reason=input.reason
        )
        return MakeUnitEvidenceSuccess(evidence=evidence_of(made))


# Declared elsewhere, and needed here for the union.
_: Any = (OrderNotOpen, CodeAlreadyRedeemed)
