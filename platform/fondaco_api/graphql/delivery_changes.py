"""What is done about deliveries: codes shown to their buyers, links that show them made and withdrawn."""

from typing import Annotated

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.delivery import DeliveryLink, RevealedCode
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.orders import Allocation, Order
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits
from fondaco_core.db import Tx
from fondaco_core.ids import AllocationId, LinkId, OrderId
from fondaco_tenants import delivery, orders


@failure(delivery.NotDelivered)
class NotDelivered(Failure):
    """There is no code to show: it is still on its way, or the purchase was undone."""

    pending: bool = strawberry.field(description="Whether it is still on its way, so that asking again later helps.")


@strawberry.input(description="Whose code to show.")
class RevealCodeInput:
    """One unit."""

    allocation_id: strawberry.ID = strawberry.field(description="The unit of your order.")


@strawberry.input(description="Whose codes to show.")
class RevealOrderInput:
    """One order."""

    order_id: strawberry.ID = strawberry.field(description="Your order.")


@strawberry.input(description="What a new link shall open, how often and until when.")
class CreateDeliveryLinkInput:
    """A link's terms."""

    order_id: strawberry.ID = strawberry.field(description="The order whose codes it shows.")
    allocation_id: strawberry.ID | None = strawberry.field(
        default=None, description="One unit of it, when it shall show that one alone."
    )
    opens_max: int = strawberry.field(
        default=1,
        description=f"How often it may open, from 1 to {limits.LINK_OPENS_MAX}. Each opening shows all its codes.",
    )
    expires_in_hours: int = strawberry.field(
        default=24, description=f"How long it lives, in hours, from 1 to {limits.LINK_HOURS_MAX}."
    )
    reason: str | None = strawberry.field(
        default=None,
        description=f"Why, in at least {limits.REASON_CHARS_MIN} characters; the merchant's people have to say, and it is kept "
        "in the audit log. A buyer need not.",
    )


@strawberry.input(description="Which link to withdraw.")
class RevokeDeliveryLinkInput:
    """One link."""

    link_id: strawberry.ID = strawberry.field(description="The link.")


@strawberry.type(description="The code of one unit, in the open.")
class RevealCodeSuccess:
    """One alone."""

    code: RevealedCode = strawberry.field(description="The code, with what its buyer needs to use it.")


@strawberry.type(description="The delivered codes of an order, in the open.")
class RevealOrderSuccess:
    """Many at once."""

    codes: list[RevealedCode] = strawberry.field(
        description=f"One for each delivered unit, at most {limits.REVEAL_UNITS_MAX}, in the order of the basket."
    )


@strawberry.type(description="The link is made.")
class CreateDeliveryLinkSuccess:
    """The link with its whole address, which is derived anew whenever the same request is repeated."""

    link: DeliveryLink = strawberry.field(description="The link.")

    @strawberry.field(
        description="Its whole address, with the secret behind the #. It is told here alone, and again only to a repetition "
        "of the same request; null when it cannot be told any more."
    )
    async def url(self, info: Info) -> str | None:
        """The address to hand on."""
        async with info.context.reading() as tx:
            address = await delivery.find_link_address(tx, info.context.ctx, link_id=LinkId(self.link.key))
        return None if address is None else info.context.settings.public_url + address.reveal()


@strawberry.type(description="The link is withdrawn.")
class RevokeDeliveryLinkSuccess:
    """The link as it is now."""

    link: DeliveryLink = strawberry.field(description="The link as it is now.")


@strawberry.type
class Mutation:
    """What can be done about deliveries."""

    @mutation(refusals=[delivery.NotDelivered, orders.GiftSealed], replays=False)
    async def reveal_code(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[RevealCodeInput, strawberry.argument(description="Whose code to show.")],
    ) -> RevealCodeSuccess:
        """Shows the code of one delivered unit to its buyer, and puts the showing on record with who, when and from where.

        From then on the unit is not refunded automatically. Asking again shows it again, on record again; nothing is
        kept for repeated requests.
        """
        allocation_id = AllocationId(key_of(input.allocation_id, Allocation, path=("allocation_id",)))
        unit = await delivery.reveal_code(tx, info.context.ctx, allocation_id=allocation_id)
        return RevealCodeSuccess(code=RevealedCode(unit=unit))

    @mutation(refusals=[delivery.NotDelivered, orders.GiftSealed], replays=False)
    async def reveal_order(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[RevealOrderInput, strawberry.argument(description="Whose codes to show.")],
    ) -> RevealOrderSuccess:
        """Shows every delivered code of an order to its buyer at once, each on record; units on their way are left out."""
        order_id = OrderId(key_of(input.order_id, Order, path=("order_id",)))
        units = await delivery.reveal_order(tx, info.context.ctx, order_id=order_id)
        return RevealOrderSuccess(codes=[RevealedCode(unit=unit) for unit in units])

    @mutation(
        refusals=[
            delivery.NotDelivered, delivery.TooManyLinks, delivery.PlainRefused, delivery.CodesOfOthers, orders.GiftSealed,
        ]
    )  # fmt: skip
    async def create_delivery_link(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[CreateDeliveryLinkInput, strawberry.argument(description="The link's terms.")],
    ) -> CreateDeliveryLinkSuccess:
        """Makes a link that shows an order's codes a limited number of times to whoever has it, without an account.

        For the buyer, to hand a code on; for the merchant's support, to send it without seeing it, unless it is another
        merchant's. Opening its page shows nothing; pressing its button does.
        """
        unit = input.allocation_id
        link = await delivery.create_link(
            tx,
            info.context.ctx,
            order_id=OrderId(key_of(input.order_id, Order, path=("order_id",))),
            allocation_id=None if unit is None else AllocationId(key_of(unit, Allocation, path=("allocation_id",))),
            opens_max=input.opens_max,
            expires_in_hours=input.expires_in_hours,
            reason=input.reason,
        )
        return CreateDeliveryLinkSuccess(link=DeliveryLink.of(link))

    @mutation()
    async def revoke_delivery_link(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[RevokeDeliveryLinkInput, strawberry.argument(description="Which link to withdraw.")],
    ) -> RevokeDeliveryLinkSuccess:
        """Withdraws a delivery link, so that it opens no more; what it has shown stays shown and on record."""
        link_id = LinkId(key_of(input.link_id, DeliveryLink, path=("link_id",)))
        return RevokeDeliveryLinkSuccess(
            link=DeliveryLink.of(await delivery.revoke_link(tx, info.context.ctx, link_id=link_id))
        )
