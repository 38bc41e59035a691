"""What shows codes to their buyers, in the schema: links, reveals, and a code in the open.

`RevealedCode` is what shows a buyer's code; nothing of it is kept for repeated requests. (A merchant's own code is shown by
`RevealOwnCodeSuccess`; there is no third.) Orders show their links and reveals through `OrderDelivery`, which Order inherits.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.deliveries import OrderDeliveries
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node, fetch, global_id
from fondaco_core import clock, limits
from fondaco_core.context import ActorKind
from fondaco_core.ids import LinkId, OrderId
from fondaco_tenants import delivery
from fondaco_tenants.codes import RevealVia
from fondaco_tenants.delivery import LinkState

if TYPE_CHECKING:
    from fondaco_api.graphql.orders import Allocation, Order

described(
    LinkState,
    "Whether a delivery link opens.",
    name="DeliveryLinkState",
    OPEN="It opens.",
    SPENT="It was opened as often as it may be.",
    EXPIRED="Its time is over.",
    REVOKED="It was withdrawn.",
)
described(
    RevealVia,
    "Through which door a code was shown.",
    ACCOUNT="To the buyer, signed in.",
    API="To a machine of the buyer.",
    LINK="On the page of a delivery link.",
    GUEST="To who holds the order's token.",
    EMAIL="In an encrypted attachment that was mailed to the buyer.",
    BACK_OFFICE="To somebody of the merchant, with a reason.",
)


async def load_links(context: Context, ids: list[LinkId]) -> list[delivery.Link | None]:
    """Links that the asker may see."""
    async with context.reading() as tx:
        found = await delivery.find_links(tx, context.ctx, ids)
    return [found.get(id_) for id_ in ids]


async def load_links_of(context: Context, ids: list[OrderId]) -> list[list[delivery.Link]]:
    """The links of orders, newest first."""
    async with context.reading() as tx:
        found = await delivery.list_links(tx, context.ctx, ids)
    return [found.get(id_, []) for id_ in ids]


async def load_reveals(context: Context, ids: list[OrderId]) -> list[list[delivery.Reveal]]:
    """Who saw codes of orders, newest first."""
    async with context.reading() as tx:
        found = await delivery.list_reveals(tx, context.ctx, ids)
    return [found.get(id_, []) for id_ in ids]


@strawberry.type(description="One code in the open. It is answered once, to its buyer, and kept nowhere else.")
class RevealedCode:
    """A buyer's code in plaintext; resolved from secrets, so that nothing prints it."""

    unit: strawberry.Private[delivery.RevealedUnit]

    @strawberry.field(description="The unit of the order whose code it is.")
    def allocation_id(self) -> strawberry.ID:
        """The unit's global id."""
        return strawberry.ID(global_id("Allocation", self.unit.allocation_id))

    @strawberry.field(description="What was sold, as the order calls it.")
    def title(self) -> str:
        """The line's title."""
        return self.unit.title

    @strawberry.field(
        description="The code itself: a card's number, a redemption link, or the content of a QR code. Null for an API client "
        "with a public key, which is answered by `jwe` alone."
    )
    def plaintext(self) -> str | None:
        """The plaintext."""
        return self.unit.code.reveal() if self.unit.jwe is None else None

    @strawberry.field(
        description="The code and its PIN for an API client with a public key, as a compact JWE that only that key opens: JSON "
        "with allocationId, code and pin. Null for everybody else."
    )
    def jwe(self) -> str | None:
        """The envelope."""
        return self.unit.jwe

    @strawberry.field(description="The PIN that goes with it; null for a code without one.")
    def pin(self) -> str | None:
        """The PIN's plaintext."""
        return None if self.unit.pin is None else self.unit.pin.reveal()

    @strawberry.field(description="The same code with most of it hidden, as it shows everywhere else.")
    def masked_code(self) -> str:
        """The mask."""
        return self.unit.masked

    @strawberry.field(description="How to redeem it, in the viewer's language.")
    def redemption(self, info: Info) -> str:
        """Instructions."""
        return self.unit.redemption_zh if info.context.locale == "zh-CN" else self.unit.redemption

    @strawberry.field(description="What restricts its use, in the viewer's language; null for nothing.")
    def restrictions(self, info: Info) -> str | None:
        """Restrictions."""
        chinese = info.context.locale == "zh-CN" and self.unit.restrictions_zh
        return self.unit.restrictions_zh if chinese else self.unit.restrictions

    @strawberry.field(description="When it was first shown to anybody.")
    def revealed_at(self) -> datetime:
        """The first showing."""
        return self.unit.revealed_at

    @strawberry.field(description="How often it was shown so far, this time included.")
    def reveal_count(self) -> int:
        """The number of showings."""
        return self.unit.reveal_count


@strawberry.type(description="A link that shows an order's codes, or one unit's, a limited number of times.")
class DeliveryLink(Node):
    """A link as everybody may see it who may see the order; its secret is in the answer of `createDeliveryLink` alone."""

    link: strawberry.Private[delivery.Link]

    @classmethod
    def of(cls, link: delivery.Link) -> "DeliveryLink":
        """The schema's form of a link."""
        return cls(key=link.id, link=link)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "DeliveryLink | None":
        """The link, for the buyer and the merchant of its order."""
        link = await context.loaders.load(load_links, LinkId(key))
        return None if link is None else cls.of(link)

    @strawberry.field(description="Whether it opens now.")
    def state(self) -> LinkState:
        """Its state at this moment."""
        return self.link.state_at(clock.now())

    @strawberry.field(description="How often it may open in all.")
    def opens_max(self) -> int:
        """The bound."""
        return self.link.opens_max

    @strawberry.field(description="How often it was opened so far.")
    def opens(self) -> int:
        """The count."""
        return self.link.opens

    @strawberry.field(description="Until when it opens.")
    def expires_at(self) -> datetime:
        """The end."""
        return self.link.expires_at

    @strawberry.field(description="When it was made.")
    def created_at(self) -> datetime:
        """The beginning."""
        return self.link.created_at

    @strawberry.field(description="What kind of asker made it.")
    def created_by(self) -> ActorKind:
        """The maker's kind."""
        return ActorKind(self.link.created_by_kind)

    @strawberry.field(description="When it was withdrawn; null while it was not.")
    def revoked_at(self) -> datetime | None:
        """The withdrawal."""
        return self.link.revoked_at

    @strawberry.field(description="The order whose codes it shows.")
    async def order(self, info: Info) -> Annotated["Order", strawberry.lazy("fondaco_api.graphql.orders")] | None:
        """The order."""
        found: Any = await fetch(info.context, global_id("Order", self.link.order_id))
        return cast("Order | None", found)

    @strawberry.field(description="The one unit whose code it shows; null when it shows the whole order's.")
    async def allocation(
        self, info: Info
    ) -> Annotated["Allocation", strawberry.lazy("fondaco_api.graphql.orders")] | None:
        """The unit."""
        if self.link.allocation_id is None:
            return None
        found: Any = await fetch(info.context, global_id("Allocation", self.link.allocation_id))
        return cast("Allocation | None", found)

    @strawberry.field(description="Whether you may withdraw it now.")
    def viewer_can_revoke(self, info: Info) -> bool:
        """Whether revokeDeliveryLink would do something for the viewer."""
        ctx = info.context.ctx
        return self.link.revoked_at is None and (ctx.has("buyer.link") or ctx.has("delivery.edit"))


@strawberry.type(description="That somebody saw a code: who, when, how and from where.")
class CodeReveal:
    """One showing, without the code."""

    reveal: strawberry.Private[delivery.Reveal]

    @strawberry.field(description="When it was shown.")
    def revealed_at(self) -> datetime:
        """The moment."""
        return self.reveal.revealed_at

    @strawberry.field(description="Through which door.")
    def via(self) -> RevealVia:
        """The door."""
        return RevealVia(self.reveal.via)

    @strawberry.field(description="What kind of asker saw it.")
    def seen_by(self) -> ActorKind:
        """The asker's kind."""
        return ActorKind(self.reveal.actor_kind)

    @strawberry.field(description="The address it was asked from, half hidden: `203.0.*.*`; null when there was none.")
    def ip_masked(self) -> str | None:
        """Half an address."""
        return self.reveal.ip

    @strawberry.field(description="The unit whose code it was; null for a code shown outside of any order.")
    def allocation_id(self) -> strawberry.ID | None:
        """The unit's global id."""
        key = self.reveal.allocation_id
        return None if key is None else strawberry.ID(global_id("Allocation", key))

    @strawberry.field(description="The link that was opened; null when it was not by a link.")
    async def link(self, info: Info) -> DeliveryLink | None:
        """The link."""
        return None if self.reveal.link_id is None else await DeliveryLink.load_node(info.context, self.reveal.link_id)


@strawberry.type(description="How an order's codes reached their buyer.")
class OrderDelivery(OrderDeliveries):
    """What Order inherits: its deliveries, its links and its reveals."""

    @strawberry.field(description=f"Its delivery links, newest first, at most {limits.LINKS_PER_ORDER_MAX}.")
    async def delivery_links(self, info: Info) -> list[DeliveryLink]:
        """The order's links."""
        key = OrderId(cast("Any", self).key)
        return [DeliveryLink.of(link) for link in await info.context.loaders.load(load_links_of, key)]

    @strawberry.field(description=f"Who saw its codes and when, newest first, at most {limits.REVEALS_LISTED_MAX}.")
    async def reveals(self, info: Info) -> list[CodeReveal]:
        """The order's reveals."""
        key = OrderId(cast("Any", self).key)
        return [CodeReveal(reveal=reveal) for reveal in await info.context.loaders.load(load_reveals, key)]
