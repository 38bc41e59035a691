"""Who asks, in the schema: the viewer, the people who work for a merchant, and its API clients."""

from datetime import datetime
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.customers import Customer, load_customers
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.tenancy import Tenant, load_tenants
from fondaco_core import identity
from fondaco_core.context import ActorKind
from fondaco_core.identity import MemberRole, PlatformRole
from fondaco_core.ids import ApiClientId, MemberId

described(
    MemberRole,
    "What somebody does for a merchant, and so what they may do.",
    OWNER="Everything, also who else works here.",
    MANAGER="Everything but who works here, and no code in plaintext.",
    OPERATOR="Stock and listings.",
    FINANCE="Wallets and statements.",
    SUPPORT="Buyers and their orders, refunds, delivery.",
    AUDITOR="Sees everything and changes nothing; never sees a code.",
)


described(
    PlatformRole,
    "What one of the platform's own people may do.",
    ADMIN="Everything there is to govern.",
    AUDITOR="Look at it, and change nothing.",
)


async def load_members(context: Context, ids: list[MemberId]) -> "list[Member | None]":
    """People who work for the viewer's merchant, by their ids."""
    if not context.ctx.has("members.read"):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await identity.members_by_ids(tx, context.ctx, ids)
    return [Member.of(found[id_]) if id_ in found else None for id_ in ids]


async def load_clients(context: Context, ids: list[ApiClientId]) -> "list[ApiClient | None]":
    """API clients of the viewer's merchant, by their ids."""
    if not (context.ctx.has("clients.read") or (context.ctx.is_customer and context.ctx.has("buyer.clients"))):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await identity.clients_by_ids(tx, context.ctx, ids)
    return [ApiClient.of(found[id_]) if id_ in found else None for id_ in ids]


@strawberry.type(description="Somebody who works for a merchant, or is asked to.")
class Member(Node):
    """A member as they were read."""

    row: strawberry.Private[identity.Member]

    @classmethod
    def of(cls, row: identity.Member) -> "Member":
        """The schema's form of a member."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Member | None":
        """The member, for who may see who works here."""
        return await context.loaders.load(load_members, MemberId(key))

    @strawberry.field(description="The e-mail address of the account.")
    def email(self) -> str:
        return self.row.email

    @strawberry.field(description="The person's name; null until they have accepted.")
    def name(self) -> str | None:
        return self.row.name

    @strawberry.field(description="What they do here.")
    def role(self) -> MemberRole:
        return self.row.role

    @strawberry.field(description="When they were invited.")
    def invited_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="When they accepted; null until they do.")
    def accepted_at(self) -> datetime | None:
        return self.row.accepted_at

    @strawberry.field(description="Counts changes; a change names the version it was made on.")
    def version(self) -> int:
        return self.row.version

    @strawberry.field(description="Whether you may change their role or remove them.")
    def viewer_can_edit(self, info: Info) -> bool:
        return info.context.ctx.has("members.edit")


@strawberry.type(description="A machine that acts for a merchant or for one of its buyers.")
class ApiClient(Node):
    """An API client as it was read."""

    row: strawberry.Private[identity.ApiClient]

    @classmethod
    def of(cls, row: identity.ApiClient) -> "ApiClient":
        """The schema's form of an API client."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "ApiClient | None":
        """The client, for who may see API clients."""
        return await context.loaders.load(load_clients, ApiClientId(key))

    @strawberry.field(description="Its public name: the `client_id` for POST /oauth/token.")
    def client_id(self) -> str:
        return self.row.client_id

    @strawberry.field(description="What people call it.")
    def name(self) -> str:
        return self.row.name

    @strawberry.field(
        description="What it may do: permissions of its side, for example `catalog.read` or `buyer.order`."
    )
    def scopes(self) -> list[str]:
        return list(self.row.scopes)

    @strawberry.field(description="The buyer it acts for; null when it acts for the merchant.")
    async def customer(self, info: Info) -> Customer | None:
        id_ = self.row.customer_id
        return None if id_ is None else await info.context.loaders.load(load_customers, id_)

    @strawberry.field(description="When it was made.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="When it last got an access token; null when it never did.")
    def last_used_at(self) -> datetime | None:
        return self.row.last_used_at

    @strawberry.field(
        description="Networks that it may ask from, as `203.0.113.0/24`; from anywhere when there are none."
    )
    def networks(self) -> list[str]:
        return list(self.row.networks)

    @strawberry.field(description="When its credentials end; null when they do not.")
    def expires_at(self) -> datetime | None:
        return self.row.expires_at

    @strawberry.field(
        description="Until when the secret before the last rotation still counts; null when there is none."
    )
    def previous_secret_until(self) -> datetime | None:
        return self.row.previous_until

    @strawberry.field(description="Since when it may not act because its buyer is blocked; null when it may.")
    def suspended_at(self) -> datetime | None:
        return self.row.suspended_at

    @strawberry.field(
        description="Whether it waits for its buyer to agree (`approveApiClient`), and does nothing before."
    )
    def awaits_consent(self) -> bool:
        return self.row.awaits_consent

    @strawberry.field(description="When it was revoked; null when it was not.")
    def revoked_at(self) -> datetime | None:
        return self.row.revoked_at

    @strawberry.field(description="Whether you may revoke it now.")
    def viewer_can_revoke(self, info: Info) -> bool:
        ctx = info.context.ctx
        own = ctx.is_customer and ctx.has("buyer.clients") and self.row.customer_id == ctx.customer_id
        return (ctx.has("clients.edit") or own) and self.row.revoked_at is None


@strawberry.type
class ViewerFields:
    """Who the viewer is."""

    @strawberry.field(description="What kind of asker you are.")
    def kind(self, info: Info) -> ActorKind:
        return info.context.ctx.actor

    @strawberry.field(description="Your name; null when none is known.")
    async def name(self, info: Info) -> str | None:
        ctx = info.context.ctx
        if ctx.actor is ActorKind.CUSTOMER and ctx.customer_id is not None:
            customer = await info.context.loaders.load(load_customers, ctx.customer_id)
            return None if customer is None else customer.row.name
        async with info.context.reading() as tx:
            return await identity.find_own_name(tx, ctx)

    @strawberry.field(description="The merchant you act for, or whose buyer you are; null for anybody else.")
    async def tenant(self, info: Info) -> Tenant | None:
        tenant_id = info.context.ctx.tenant_id
        return None if tenant_id is None else await info.context.loaders.load(load_tenants, tenant_id)

    @strawberry.field(description="The buyer you are, or act for; null for anybody else.")
    async def customer(self, info: Info) -> Customer | None:
        customer_id = info.context.ctx.customer_id
        return None if customer_id is None else await info.context.loaders.load(load_customers, customer_id)

    @strawberry.field(
        description="Machines that act for you, as a buyer with an account, newest first; empty for others."
    )
    async def api_clients(self, info: Info, first: First = None, after: After = None) -> Connection[ApiClient]:
        page = read_page(first, after, None, None, keys=(UUID,))
        ctx, rows = info.context.ctx, list[identity.ApiClient]()
        if ctx.is_customer and ctx.has("buyer.clients"):
            async with info.context.reading() as tx:
                rows = await identity.list_own_clients(tx, ctx, after=page.bound(1)[0], count=page.limit)
        return connect(page, rows, key=lambda row: (row.id,), make=ApiClient.of)

    @strawberry.field(description="What you may do here, as names such as `orders.refund`.")
    def permissions(self, info: Info) -> list[str]:
        return sorted(info.context.ctx.permissions)


@strawberry.type
class MerchantFields:
    """Who and what acts for a merchant."""

    @strawberry.field(description="Who works here or is asked to, the longest first. Needs `members.read`.")
    async def members(self, info: Info, first: First = None, after: After = None) -> Connection[Member]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with info.context.reading() as tx:
            rows = await identity.list_members(tx, info.context.ctx, after=page.bound(1)[0], count=page.limit)
        return connect(page, rows, key=lambda row: (row.id,), make=Member.of)

    @strawberry.field(
        description="Machines that act for this merchant or its buyers, newest first. Needs `clients.read`."
    )
    async def api_clients(self, info: Info, first: First = None, after: After = None) -> Connection[ApiClient]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with info.context.reading() as tx:
            rows = await identity.list_api_clients(tx, info.context.ctx, after=page.bound(1)[0], count=page.limit)
        return connect(page, rows, key=lambda row: (row.id,), make=ApiClient.of)
