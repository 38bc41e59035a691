"""Break glass in the schema: one of the platform's people looks at a merchant's side, and the merchant sees it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.sessions import by_side
from fondaco_api.graphql.tenancy import Tenant
from fondaco_api.graphql.transaction import mutation
from fondaco_core import identity, limits
from fondaco_core.db import Tx, governing
from fondaco_core.errors import SecondFactorNeeded
from fondaco_core.ids import BreakGlassId, TenantId


async def load_glass(context: Context, ids: list[BreakGlassId]) -> "list[BreakGlass | None]":
    """Looks at the viewer's merchant's side, by their ids."""
    if context.ctx.tenant_id is None or not context.ctx.has("merchant.read"):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await identity.glass_by_ids(tx, context.ctx, ids)
    return [BreakGlass.of(found[id_]) if id_ in found else None for id_ in ids]


@strawberry.type(description="One of the platform's people looks at a merchant's side for a while, with a reason.")
class BreakGlass(Node):
    """A look as it was read."""

    row: strawberry.Private[identity.BreakGlass]

    @classmethod
    def of(cls, row: identity.BreakGlass) -> "BreakGlass":
        """The schema's form of a look."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "BreakGlass | None":
        """The look, for the merchant whose side it is at."""
        return await context.loaders.load(load_glass, BreakGlassId(key))

    @strawberry.field(description="Who looks.")
    def person(self) -> str:
        return self.row.user_name

    @strawberry.field(description="Why.")
    def reason(self) -> str:
        return self.row.reason

    @strawberry.field(description="Since when.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="Until when at the latest.")
    def expires_at(self) -> datetime:
        return self.row.expires_at

    @strawberry.field(description="When it was ended before that; null when it was not.")
    def ended_at(self) -> datetime | None:
        return self.row.ended_at

    @strawberry.field(description="Whether they can look now.")
    def open(self) -> bool:
        return self.row.is_open()

    @strawberry.field(description="Whether you may end it now.")
    def viewer_can_end(self, info: Info) -> bool:
        return self.row.is_open() and info.context.ctx.has("merchant.edit")


@strawberry.type
class MerchantFields:
    """Who of the platform looks at this merchant's side."""

    @strawberry.field(
        description="Looks of the platform's people at this side, the latest first; show those that are open as a banner."
    )
    async def break_glass(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        open_only: Annotated[bool, strawberry.argument(description="Only those that go on now.")] = False,  # noqa: FBT002 - a field's argument
    ) -> Connection[BreakGlass]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with info.context.reading() as tx:
            rows = await identity.list_break_glass(
                tx, info.context.ctx, open_only=open_only, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=BreakGlass.of)


@strawberry.input(description="A merchant whose side is to be looked at, and why.")
class OpenBreakGlassInput:
    """What openBreakGlass takes."""

    tenant_id: strawberry.ID = strawberry.field(description="The merchant's id.")
    reason: str = strawberry.field(
        description=f"Why, for the merchant to read, {limits.REASON_CHARS_MIN} to {limits.NOTE_MAX} characters."
    )
    minutes: int = strawberry.field(default=limits.BREAK_GLASS_MIN, description="For how long, 1 to 240 minutes.")


@strawberry.input(description="A look that is to end.")
class EndBreakGlassInput:
    """What endBreakGlass takes."""

    break_glass_id: strawberry.ID = strawberry.field(description="The look's id.")


@strawberry.type(description="You may look, with this token alone; the merchant sees that you do.")
class OpenBreakGlassSuccess:
    """What openBreakGlass answers."""

    token: str = strawberry.field(
        description="A bearer token that sees `merchant` as an auditor of it does: no code, and no change."
    )
    expires_at: datetime = strawberry.field(description="Until when.")


@strawberry.type(description="Nobody looks any more.")
class EndBreakGlassSuccess:
    """What endBreakGlass answers."""

    ended: bool = strawberry.field(default=True, description="Always true.")


@strawberry.type
class Mutation:
    """Looking at a merchant's side."""

    @mutation(refusals=[identity.BadMoment, SecondFactorNeeded], opens=governing, replays=False)
    async def open_break_glass(self, info: Info, tx: Tx, input: OpenBreakGlassInput) -> OpenBreakGlassSuccess:
        """Lets you look at a merchant's side for a while; it sees who, why and until when. For the platform's admins."""
        id_ = TenantId(key_of(input.tenant_id, Tenant, path=("tenant_id",)))
        _, started = await identity.break_glass(
            tx, info.context.ctx, tenant_id=id_, reason=input.reason, minutes=input.minutes
        )
        return OpenBreakGlassSuccess(token=started.token.reveal(), expires_at=started.expires_at)

    @mutation(opens=by_side)
    async def end_break_glass(self, info: Info, tx: Tx, input: EndBreakGlassInput) -> EndBreakGlassSuccess:
        """Ends a look of the platform's people at once. Needs `merchant.edit`, or to be one of the platform's admins."""
        id_ = BreakGlassId(key_of(input.break_glass_id, BreakGlass, path=("break_glass_id",)))
        await identity.end_break_glass(tx, info.context.ctx, break_glass_id=id_)
        return EndBreakGlassSuccess()
