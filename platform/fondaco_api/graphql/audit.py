"""The audit log in the schema: who did what, for a merchant's own auditors and for the platform's."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.tenancy import Tenant, load_tenants
from fondaco_core import audit, identity
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import Tx, governing
from fondaco_core.ids import TenantId

described(
    ActorKind,
    "What kind of asker somebody is.",
    ANONYMOUS="Nobody in particular: a visitor.",
    MEMBER="Somebody who works for a merchant.",
    PLATFORM_ADMIN="One of the platform's own people.",
    CUSTOMER="A buyer with an account.",
    GUEST="A buyer without one, who holds the token of one order.",
    API_CLIENT="A machine that acts for a merchant or for one of its buyers.",
    SYSTEM="The platform itself, in a job.",
    BREAK_GLASS="One of the platform's own people who looks at a merchant's side for a while, and changes nothing.",
)


def _opens(ctx: Ctx, request: Context) -> AbstractAsyncContextManager[Tx]:
    """The platform's people look over tenants, everybody else within one."""
    return governing(ctx) if ctx.actor is ActorKind.PLATFORM_ADMIN else request.reading()


async def load_actor_names(request: Context, ids: list[UUID]) -> list[str | None]:
    """Names of people and machines by their ids."""
    async with _opens(request.ctx, request) as tx:
        found = await identity.actor_names(tx, request.ctx, ids)
    return [found.get(id_) for id_ in ids]


@strawberry.type(description="One figure or id that an entry of the audit log tells.")
class AuditDetail:
    """A name and a value."""

    name: str = strawberry.field(description="What it is.")
    value: str = strawberry.field(
        description="Its value: a text, or JSON when it is none; never a code, a contact or a secret."
    )


@strawberry.type(description="One act, as it was written down in the transaction that did it; nobody can change it.")
class AuditEntry:
    """An entry of the audit log."""

    row: strawberry.Private[dict[str, Any]]

    @strawberry.field(description="When it happened.")
    def happened_at(self) -> datetime:
        moment: datetime = self.row["happened_at"]
        return moment

    @strawberry.field(description="What was done, as noun.verb: `code.revealed`.")
    def action(self) -> str:
        return str(self.row["action"])

    @strawberry.field(description="What kind of asker did it.")
    def actor_kind(self) -> ActorKind:
        return ActorKind(self.row["actor_kind"])

    @strawberry.field(description="The name of the person or machine that did it; null for buyers, jobs and visitors.")
    async def actor_name(self, info: Info) -> str | None:
        actor_id = self.row["actor_id"]
        return None if actor_id is None else await info.context.loaders.load(load_actor_names, actor_id)

    @strawberry.field(description="The merchant it concerns; null when it concerns none.")
    async def tenant(self, info: Info) -> Tenant | None:
        tenant_id = self.row["tenant_id"]
        return None if tenant_id is None else await info.context.loaders.load(load_tenants, TenantId(tenant_id))

    @strawberry.field(description="What kind of thing it was done to: `order`, `member`, `tenant`.")
    def subject_kind(self) -> str:
        return str(self.row["subject_kind"])

    @strawberry.field(description="That thing's number in the database, the same in every entry about it.")
    def subject_id(self) -> str | None:
        return None if self.row["subject_id"] is None else str(self.row["subject_id"])

    @strawberry.field(description="Why, where somebody had to say.")
    def reason(self) -> str | None:
        reason: str | None = self.row["reason"]
        return reason

    @strawberry.field(description="The id of the request that did it.")
    def request_id(self) -> str:
        return str(self.row["request_id"])

    @strawberry.field(description="The network address it came from.")
    def ip(self) -> str | None:
        ip: str | None = self.row["ip"]
        return ip

    @strawberry.field(description="What else was written down, by name.")
    def details(self) -> list[AuditDetail]:
        told = sorted(self.row["detail"].items())
        return [AuditDetail(name=name, value=_text(value)) for name, value in told if value is not None]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


async def _page(info: Info, first: int | None, after: str | None, action: str | None) -> Connection[AuditEntry]:
    page = read_page(first, after, None, None, keys=(UUID,))
    ctx = info.context.ctx
    async with _opens(ctx, info.context) as tx:
        rows = await audit.list_entries(tx, ctx, action=action, after=page.bound(1)[0], count=page.limit)
    return connect(page, rows, key=lambda row: (row["id"],), make=lambda row: AuditEntry(row=row))


Action = Annotated[str | None, strawberry.argument(description="Only this kind of act, for example `code.revealed`.")]


@strawberry.type
class MerchantFields:
    """A merchant's own log."""

    @strawberry.field(description="Who did what here, newest first. Needs the permission `audit.read`.")
    async def audit_log(
        self, info: Info, first: First = None, after: After = None, action: Action = None
    ) -> Connection[AuditEntry]:
        return await _page(info, first, after, action)


@strawberry.type
class PlatformFields:
    """Everybody's log."""

    @strawberry.field(description="Who did what, over all merchants and the platform itself, newest first.")
    async def audit_log(
        self, info: Info, first: First = None, after: After = None, action: Action = None
    ) -> Connection[AuditEntry]:
        return await _page(info, first, after, action)
