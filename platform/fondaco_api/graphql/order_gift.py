"""For whom an order is, when not for its buyer."""

from datetime import datetime

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_core.ids import OrderId
from fondaco_tenants import orders


async def load_gifts(context: Context, ids: list[OrderId]) -> list["orders.Gift | None"]:
    """For whom orders are, by order."""
    async with context.reading() as tx:
        found = await orders.find_gifts(tx, context.ctx, ids)
    return [found.get(each) for each in ids]


@strawberry.type(
    description="Somebody else for whom an order is. They get a link to the goods, and see neither price nor buyer's contact."
)
class Gift:
    """A gift as its buyer and its merchant see it."""

    contact: str = strawberry.field(description="Where they are told, most of it hidden.")
    name: str | None = strawberry.field(description="By which name they are addressed; null when none was given.")
    message: str | None = strawberry.field(description="What the buyer tells them; null when nothing.")
    locale: str = strawberry.field(description="Their language: `zh-CN` or `en`.")
    opened_at: datetime | None = strawberry.field(
        description="When they first saw the codes; null while they have not."
    )
    taken_back_at: datetime | None = strawberry.field(
        description="When the buyer took it back: from then on it is an order like any other; else null."
    )

    @strawberry.field(description="Whether you may take it back: it is yours, and nobody has opened it.")
    def viewer_can_take_back(self, info: Info) -> bool:
        """By permission and state; whose order it is was decided when it was read."""
        return self.opened_at is None and self.taken_back_at is None and info.context.ctx.has("buyer.order")


@strawberry.type
class OrderGift:
    """What an order tells of its recipient."""

    @strawberry.field(description="Somebody else for whom it is; null when it is the buyer's own.")
    async def gift(self, info: Info) -> Gift | None:
        """The gift."""
        key: OrderId = getattr(self, "key")  # noqa: B009 - of the node that this is part of
        found = await info.context.loaders.load(load_gifts, key)
        if found is None:
            return None
        return Gift(
            contact=found.contact_masked, name=found.name, message=found.message, locale=found.locale,
            opened_at=found.opened_at, taken_back_at=found.taken_back_at,
        )  # fmt: skip
