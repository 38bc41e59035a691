"""What is sent to buyers, in the schema: deliveries with their log.

Orders show their deliveries through `OrderDeliveries`, which OrderDelivery inherits.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node, fetch, global_id
from fondaco_core import limits
from fondaco_core.context import ActorKind
from fondaco_core.ids import DeliveryId, OrderId
from fondaco_tenants import delivery
from fondaco_tenants.delivery import Channel, DeliveryState, Form, Outcome

if TYPE_CHECKING:
    from fondaco_api.graphql.orders import Allocation, Order

described(
    Channel,
    "By which way a delivery goes.",
    name="DeliveryChannel",
    ACCOUNT="It shows on the buyer's own page.",
    API="A machine of the buyer fetches it.",
    EMAIL="By mail.",
    SMS="By a text message.",
)
described(
    DeliveryState,
    "What is known of a delivery.",
    QUEUED="It is to be sent, or sent again.",
    SENT="It left: the server of the addressee's side has it, or it shows on the buyer's page.",
    DELIVERED="It arrived: the codes were opened.",
    FAILED="It was given up; `failure` says why.",
    UNKNOWN="It is on its way, or nobody knows whether it arrived.",
)
described(
    Form,
    "In which form a delivery carries the codes.",
    name="DeliveryForm",
    LINK="By a link that opens a limited number of times.",
    ZIP="In an attached ZIP, encrypted with AES-256; the passphrase shows on the buyer's order.",
    PDF="In an attached PDF, encrypted with AES-256; the passphrase shows on the buyer's order.",
    PAGE="Not at all: they show on the buyer's own side.",
)
described(
    Outcome,
    "How an attempt ended.",
    name="DeliveryOutcome",
    SENT="The server has taken it.",
    LATER="Not now; it is tried again.",
    REFUSED="Never to this address.",
    UNKNOWN="No answer came; it may have arrived.",
    NO_WAY_OUT="The operator has configured no way to send it.",
)


async def load_deliveries(context: Context, ids: list[DeliveryId]) -> list[delivery.Delivery | None]:
    """Deliveries that the asker may see."""
    async with context.reading() as tx:
        found = await delivery.find_deliveries(tx, context.ctx, ids)
    return [found.get(id_) for id_ in ids]


async def load_deliveries_of(context: Context, ids: list[OrderId]) -> list[list[delivery.Delivery]]:
    """The deliveries of orders, newest first."""
    async with context.reading() as tx:
        found = await delivery.list_deliveries(tx, context.ctx, ids)
    return [found.get(id_, []) for id_ in ids]


async def load_attempts(context: Context, ids: list[DeliveryId]) -> list[list[delivery.Attempt]]:
    """The attempts of deliveries, newest first."""
    async with context.reading() as tx:
        found = await delivery.list_attempts(tx, context.ctx, ids)
    return [found.get(id_, []) for id_ in ids]


@strawberry.type(description="One attempt to send a delivery.")
class DeliveryAttempt:
    """A line of the log."""

    number: int = strawberry.field(description="Which attempt it was, from 1 on.")
    began_at: datetime = strawberry.field(description="When it began.")
    ended_at: datetime | None = strawberry.field(description="When it ended; null while it runs.")
    outcome: Outcome | None = strawberry.field(description="How it ended; null while it runs.")
    status: int | None = strawberry.field(description="The server's answer, a number; null when there was none.")


@strawberry.type(description="An order on its way to one contact, by one channel.")
class Delivery(Node):
    """A line of an order's delivery log; the contact is masked for everybody."""

    row: strawberry.Private[delivery.Delivery]

    @classmethod
    def of(cls, row: delivery.Delivery) -> "Delivery":
        """The schema's form of a delivery."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Delivery | None":
        """The delivery, for the buyer and the merchant of its order."""
        row = await context.loaders.load(load_deliveries, DeliveryId(key))
        return None if row is None else cls.of(row)

    @strawberry.field(description="By which way it goes.")
    def channel(self) -> Channel:
        """The channel."""
        return self.row.channel

    @strawberry.field(description="What is known of it.")
    def state(self) -> DeliveryState:
        """The state."""
        return self.row.state

    @strawberry.field(description="In which form it carries the codes.")
    def form(self) -> Form:
        """The form."""
        return self.row.form

    @strawberry.field(description="The contact it goes to, most of it hidden: `a***@example.com`.")
    def contact_masked(self) -> str:
        """Half a contact."""
        return self.row.contact_masked

    @strawberry.field(description="Whether it goes to the one whom a gift is for.")
    def to_recipient(self) -> bool:
        """Whether the addressee is a gift's recipient."""
        return self.row.addressee == "RECIPIENT"

    @strawberry.field(description="Whether somebody asked for it, after the order had been sent once.")
    def resent(self) -> bool:
        """Whether it is a repetition."""
        return self.row.resend_of is not None

    @strawberry.field(description="What kind of asker had it sent.")
    def requested_by(self) -> ActorKind:
        """The asker's kind."""
        return ActorKind(self.row.requested_by_kind)

    @strawberry.field(description="Why the last attempt did not get through; null when it did, or there was none.")
    def failure(self) -> Outcome | None:
        """The last attempt's trouble."""
        return None if self.row.failure is None else Outcome.__members__.get(self.row.failure)

    @strawberry.field(description="When it is tried again; null when nothing more is tried by itself.")
    def next_attempt_at(self) -> datetime | None:
        """The next attempt."""
        return self.row.next_attempt_at

    @strawberry.field(description="When it was asked for.")
    def created_at(self) -> datetime:
        """The beginning."""
        return self.row.created_at

    @strawberry.field(description="When it left; null while it has not.")
    def sent_at(self) -> datetime | None:
        """The sending."""
        return self.row.sent_at

    @strawberry.field(description="When its codes were opened first; null while they were not.")
    def delivered_at(self) -> datetime | None:
        """The arrival."""
        return self.row.delivered_at

    @strawberry.field(description="Every attempt so far, the newest first.")
    async def attempts(self, info: Info) -> list[DeliveryAttempt]:
        """The log."""
        return [
            DeliveryAttempt(
                number=each.number, began_at=each.began_at, ended_at=each.ended_at, outcome=each.outcome, status=each.status
            )
            for each in await info.context.loaders.load(load_attempts, DeliveryId(self.key))
        ]  # fmt: skip

    @strawberry.field(description="The order whose codes it brings.")
    async def order(self, info: Info) -> Annotated["Order", strawberry.lazy("fondaco_api.graphql.orders")] | None:
        """The order."""
        found: Any = await fetch(info.context, global_id("Order", self.row.order_id))
        return cast("Order | None", found)

    @strawberry.field(
        description="The one unit that it brings in place of a bad one; null when it brings the whole order."
    )
    async def allocation(
        self, info: Info
    ) -> Annotated["Allocation", strawberry.lazy("fondaco_api.graphql.orders")] | None:
        """The replaced unit."""
        if self.row.allocation_id is None:
            return None
        found: Any = await fetch(info.context, global_id("Allocation", self.row.allocation_id))
        return cast("Allocation | None", found)

    @strawberry.field(description="Whether you may have it sent again to the same contact.")
    def viewer_can_resend(self, info: Info) -> bool:
        """Whether resendDelivery is the viewer's to call."""
        ctx = info.context.ctx
        return self.row.form is not Form.PAGE and (ctx.has("buyer.link") or ctx.has("delivery.edit"))


@strawberry.type(description="How an order is sent.")
class OrderDeliveries:
    """What Order inherits: its deliveries, and what opens an enclosed file."""

    @strawberry.field(description=f"Its deliveries, newest first, at most {limits.DELIVERIES_LISTED_MAX}.")
    async def deliveries(self, info: Info) -> list[Delivery]:
        """The order's delivery log."""
        key = OrderId(cast("Any", self).key)
        return [Delivery.of(row) for row in await info.context.loaders.load(load_deliveries_of, key)]

    @strawberry.field(
        description="What opens the file that was mailed; for the buyer alone, null for everybody else and when none was."
    )
    async def delivery_passphrase(self, info: Info) -> str | None:
        """The passphrase of enclosures."""
        ctx, key = info.context.ctx, OrderId(cast("Any", self).key)
        if not ctx.has("buyer.reveal") or (ctx.customer_id is None and ctx.order_id is None):
            return None
        rows = await info.context.loaders.load(load_deliveries_of, key)
        enclosed = any(row.form in {Form.ZIP, Form.PDF} for row in rows)
        return delivery.passphrase_of(key).reveal() if enclosed else None
