"""Who asks, in the schema: the viewer, the people who work for a merchant, and its API clients."""

from datetime import datetime
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.customers import Customer, load_customers
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.once import shown_once
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.replay import Repeat
from fondaco_api.graphql.tenancy import Tenant, load_tenants
from fondaco_api.graphql.transaction import mutation
from fondaco_core import identity
from fondaco_core.context import ActorKind
from fondaco_core.db import Tx, governing
from fondaco_core.errors import StaleVersion
from fondaco_core.identity import MemberRole, PlatformRole
from fondaco_core.ids import ApiClientId, CustomerId, MemberId
from fondaco_core.secret import Secret
from fondaco_tenants import customers

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
    if not context.ctx.has("clients.read"):
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

    @strawberry.field(description="When it was revoked; null when it was not.")
    def revoked_at(self) -> datetime | None:
        return self.row.revoked_at

    @strawberry.field(description="Whether you may revoke it now.")
    def viewer_can_revoke(self, info: Info) -> bool:
        return info.context.ctx.has("clients.edit") and self.row.revoked_at is None


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


@strawberry.input(description="Somebody to ask in.")
class InviteMemberInput:
    """What inviteMember takes."""

    email: str = strawberry.field(description="Their e-mail address.")
    name: str = strawberry.field(description="Their name, 1 to 200 characters; used when they have no account yet.")
    role: MemberRole = strawberry.field(description="What they are to do; nothing beyond what you may do yourself.")


@strawberry.input(description="Another role for somebody.")
class ChangeMemberRoleInput:
    """What changeMemberRole takes."""

    member_id: strawberry.ID = strawberry.field(description="The member's id.")
    role: MemberRole = strawberry.field(description="What they are to do; nothing beyond what you may do yourself.")
    version: int = strawberry.field(description="The version you read.")


@strawberry.input(description="Somebody who is to work here no longer.")
class RemoveMemberInput:
    """What removeMember takes."""

    member_id: strawberry.ID = strawberry.field(description="The member's id.")


@strawberry.input(description="A machine that is to act.")
class CreateApiClientInput:
    """What createApiClient takes."""

    name: str = strawberry.field(description="What to call it, 1 to 200 characters.")
    scopes: list[str] = strawberry.field(
        description="What it may do: permissions that you have yourself, or, for a buyer, those that begin with `buyer.`."
    )
    customer_id: strawberry.ID | None = strawberry.field(
        default=None, description="The buyer it acts for; leave it out for one that acts for the merchant."
    )


@strawberry.input(description="A machine that is to act no longer.")
class RevokeApiClientInput:
    """What revokeApiClient takes."""

    api_client_id: strawberry.ID = strawberry.field(description="The API client's id.")


@strawberry.input(description="One of the platform's own people.")
class InvitePlatformUserInput:
    """What invitePlatformUser takes."""

    email: str = strawberry.field(description="Their e-mail address.")
    name: str = strawberry.field(description="Their name, 1 to 200 characters.")
    role: PlatformRole = strawberry.field(description="What they may do.")


@strawberry.input(description="Somebody who forgot their password.")
class IssuePasswordResetInput:
    """What issuePasswordReset takes."""

    email: str = strawberry.field(description="The account's e-mail address; see that it is really they who ask.")


@strawberry.type
class _PasswordToken:
    """What hands out a token for a password."""

    reset_token: str | None = strawberry.field(
        description="What they choose a password with (`resetPassword`); shown once, null when the request is repeated."
    )


@strawberry.type(description="The account is there; its owner has to choose a password.")
class InvitePlatformUserSuccess(_PasswordToken):
    """What invitePlatformUser answers."""


@strawberry.type(description="The account's owner may choose another password.")
class IssuePasswordResetSuccess(_PasswordToken):
    """What issuePasswordReset answers."""


@strawberry.type(description="Somebody was asked in.")
class InviteMemberSuccess:
    """What inviteMember answers."""

    member: Member = strawberry.field(description="The member, who has not accepted yet.")
    invitation_token: str | None = strawberry.field(
        description="What they accept with (`acceptInvitation`); shown once, null when the request is repeated."
    )


@strawberry.type(description="The member has another role.")
class ChangeMemberRoleSuccess:
    """What changeMemberRole answers."""

    member: Member = strawberry.field(description="The member as they are now.")


@strawberry.type(description="They work here no longer.")
class RemoveMemberSuccess:
    """What removeMember answers."""

    removed_member_id: strawberry.ID = strawberry.field(description="The id of who was removed.")


@strawberry.type(description="The machine may act.")
class CreateApiClientSuccess:
    """What createApiClient answers."""

    api_client: ApiClient = strawberry.field(description="The API client.")
    secret: str | None = strawberry.field(
        description="Its secret, the `client_secret` for POST /oauth/token; shown once, null when the request is repeated."
    )


@strawberry.type(description="The machine may act no longer.")
class RevokeApiClientSuccess:
    """What revokeApiClient answers."""

    api_client: ApiClient = strawberry.field(description="The API client as it is now.")


@strawberry.type
class Mutation:
    """Who and what may act for a merchant."""

    @mutation(refusals=[identity.BadEmail, identity.RoleTooHigh, identity.AlreadyMember, identity.LimitReached])
    async def invite_member(
        self, info: Info, tx: Tx, input: InviteMemberInput, repeat: Repeat | None
    ) -> InviteMemberSuccess:
        """Asks somebody to work for the merchant. Needs the permission `members.edit`."""
        ctx = info.context.ctx

        async def make() -> tuple[UUID, Secret[str]]:
            return await identity.invite_member(tx, ctx, email=input.email, name=input.name, role=input.role)

        made, token = await shown_once(tx, ctx, repeat, make)
        member = await identity.get_member(tx, ctx, MemberId(made))
        return InviteMemberSuccess(member=Member.of(member), invitation_token=token)

    @mutation(refusals=[identity.RoleTooHigh, identity.LastOwner, StaleVersion])
    async def change_member_role(self, info: Info, tx: Tx, input: ChangeMemberRoleInput) -> ChangeMemberRoleSuccess:
        """Gives somebody another role. Needs the permission `members.edit`."""
        id_ = MemberId(key_of(input.member_id, Member, path=("member_id",)))
        row = await identity.change_member_role(
            tx, info.context.ctx, member_id=id_, role=input.role, version=input.version
        )
        return ChangeMemberRoleSuccess(member=Member.of(row))

    @mutation(refusals=[identity.RoleTooHigh, identity.LastOwner])
    async def remove_member(self, info: Info, tx: Tx, input: RemoveMemberInput) -> RemoveMemberSuccess:
        """Ends somebody's work for the merchant and signs them out. Needs the permission `members.edit`."""
        id_ = MemberId(key_of(input.member_id, Member, path=("member_id",)))
        await identity.remove_member(tx, info.context.ctx, member_id=id_)
        return RemoveMemberSuccess(removed_member_id=input.member_id)

    @mutation(refusals=[identity.UnknownScope, identity.RoleTooHigh, identity.LimitReached, customers.CustomerBlocked])
    async def create_api_client(
        self, info: Info, tx: Tx, input: CreateApiClientInput, repeat: Repeat | None
    ) -> CreateApiClientSuccess:
        """Makes credentials of a machine that acts for the merchant, or for one of its buyers. Needs `clients.edit`."""
        ctx, buyer = info.context.ctx, input.customer_id

        async def make() -> tuple[UUID, Secret[str]]:
            if buyer is None:
                client, secret = await identity.create_api_client(tx, ctx, name=input.name, scopes=input.scopes)
            else:
                id_ = CustomerId(key_of(buyer, Customer, path=("customer_id",)))
                client, secret = await customers.create_buyer_client(
                    tx, ctx, customer_id=id_, name=input.name, scopes=input.scopes
                )
            return client.id, secret

        made, secret = await shown_once(tx, ctx, repeat, make)
        client = await identity.get_api_client(tx, ctx, ApiClientId(made))
        return CreateApiClientSuccess(api_client=ApiClient.of(client), secret=secret)

    @mutation()
    async def revoke_api_client(self, info: Info, tx: Tx, input: RevokeApiClientInput) -> RevokeApiClientSuccess:
        """Ends a machine's credentials and its access tokens, within seconds. Needs the permission `clients.edit`."""
        id_ = ApiClientId(key_of(input.api_client_id, ApiClient, path=("api_client_id",)))
        row = await identity.revoke_api_client(tx, info.context.ctx, api_client_id=id_)
        return RevokeApiClientSuccess(api_client=ApiClient.of(row))

    @mutation(refusals=[identity.BadEmail, identity.EmailTaken], opens=governing)
    async def invite_platform_user(
        self, info: Info, tx: Tx, input: InvitePlatformUserInput, repeat: Repeat | None
    ) -> InvitePlatformUserSuccess:
        """Makes an account of one of the platform's own people. For the platform's admins."""
        ctx = info.context.ctx

        async def make() -> tuple[UUID, Secret[str]]:
            return await identity.invite_platform_user(tx, ctx, email=input.email, name=input.name, role=input.role)

        _, token = await shown_once(tx, ctx, repeat, make)
        return InvitePlatformUserSuccess(reset_token=token)

    @mutation(refusals=[identity.BadEmail], opens=governing)
    async def issue_password_reset(
        self, info: Info, tx: Tx, input: IssuePasswordResetInput, repeat: Repeat | None
    ) -> IssuePasswordResetSuccess:
        """Lets somebody who forgot their password choose another one. For the platform's admins."""
        ctx = info.context.ctx

        async def make() -> tuple[UUID, Secret[str]]:
            return await identity.issue_password_reset(tx, ctx, email=input.email)

        _, token = await shown_once(tx, ctx, repeat, make)
        return IssuePasswordResetSuccess(reset_token=token)
