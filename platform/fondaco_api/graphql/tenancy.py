"""Tenants in the schema: merchant companies, as the platform's people govern them and as they see themselves."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.once import shown_once
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.replay import Repeat
from fondaco_api.graphql.transaction import mutation
from fondaco_core import identity, limits, tenancy
from fondaco_core.context import ActorKind
from fondaco_core.db import Tx, governing
from fondaco_core.errors import Refusal
from fondaco_core.ids import TenantId
from fondaco_core.secret import Secret
from fondaco_core.tenancy import TenantState

described(
    TenantState,
    "Where a merchant stands with the platform.",
    APPLIED="It wants to be a merchant and waits for a decision.",
    ACTIVE="It trades.",
    SUSPENDED="It may not trade for now: its people may look, its buyers keep what they bought.",
    CLOSED="It has left for good: nobody signs in for it, its buyers keep what they bought.",
)


async def load_tenants(context: Context, ids: list[TenantId]) -> "list[Tenant | None]":
    """Tenants by their ids: any to the platform's people, one's own to everybody else."""
    ctx = context.ctx
    found: dict[TenantId, tenancy.Tenant] = {}
    if ctx.actor is ActorKind.PLATFORM_ADMIN:
        async with governing(ctx) as tx:
            found = await tenancy.tenants_by_ids(tx, ctx, ids)
    elif ctx.tenant_id in ids:
        async with context.reading() as tx:
            own = await tenancy.get_tenant(tx, ctx)
        found = {own.id: own}
    return [Tenant.of(found[id_]) if id_ in found else None for id_ in ids]


@strawberry.type(description="A merchant company: it sells to buyers, supplies other merchants and buys from them.")
class Tenant(Node):
    """A tenant as it was read."""

    row: strawberry.Private[tenancy.Tenant]

    @classmethod
    def of(cls, row: tenancy.Tenant) -> "Tenant":
        """The schema's form of a tenant."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Tenant | None":
        """The tenant, for the platform's people and itself."""
        return await context.loaders.load(load_tenants, TenantId(key))

    @strawberry.field(
        description="Its short name, unique over the platform, by which its people sign in; it never changes."
    )
    def slug(self) -> str:
        return self.row.slug

    @strawberry.field(description="The company's name.")
    def name(self) -> str:
        return self.row.name

    @strawberry.field(description="Where it stands with the platform.")
    def state(self) -> TenantState:
        return self.row.state

    @strawberry.field(
        description="The platform's share of each of its sales, in basis points (1/100 of a percent), while it is on no plan; what "
        "holds now is in `merchant.fees`."
    )
    def fee_bps(self, info: Info) -> int | None:
        ctx = info.context.ctx
        return self.row.fee_bps if ctx.has("platform.read") or ctx.has("merchant.read") else None

    @strawberry.field(description="When it applied.")
    def applied_at(self) -> datetime:
        return self.row.applied_at

    @strawberry.field(description="When its state was last decided; null while it waits.")
    def decided_at(self) -> datetime | None:
        return self.row.decided_at

    @strawberry.field(description="Why it was decided so; null when nobody said, and for buyers.")
    def reason(self, info: Info) -> str | None:
        ctx = info.context.ctx
        return self.row.reason if ctx.has("platform.read") or ctx.has("merchant.read") else None

    @strawberry.field(description="Counts its changes.")
    def version(self) -> int:
        return self.row.version

    @strawberry.field(description="Whether you may approve it now.")
    def viewer_can_approve(self, info: Info) -> bool:
        return self._may(info) and self.row.state is TenantState.APPLIED

    @strawberry.field(description="Whether you may suspend it now.")
    def viewer_can_suspend(self, info: Info) -> bool:
        return self._may(info) and self.row.state is TenantState.ACTIVE

    @strawberry.field(description="Whether you may let it trade again now.")
    def viewer_can_resume(self, info: Info) -> bool:
        return self._may(info) and self.row.state is TenantState.SUSPENDED

    @strawberry.field(description="Whether you may close it now.")
    def viewer_can_close(self, info: Info) -> bool:
        return self._may(info) and self.row.state is not TenantState.CLOSED

    def _may(self, info: Info) -> bool:
        return info.context.ctx.has("platform.tenants")


@strawberry.type
class PlatformFields:
    """Tenants as the platform's people see them."""

    @strawberry.field(description="All merchants, newest first.")
    async def tenants(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        state: Annotated[TenantState | None, strawberry.argument(description="Only those in this state.")] = None,
    ) -> Connection[Tenant]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with governing(info.context.ctx) as tx:
            rows = await tenancy.list_tenants(
                tx, info.context.ctx, state=state, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=Tenant.of)

    @strawberry.field(description="One merchant; null when there is none with this id.")
    async def tenant(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The merchant's id.")]
    ) -> Tenant | None:
        return await info.context.loaders.load(load_tenants, TenantId(key_of(id, Tenant)))


@strawberry.input(description="A company that wants to be a merchant.")
class CreateTenantInput:
    """What createTenant takes."""

    slug: str = strawberry.field(description="Its short name: 3 to 40 small letters, digits and hyphens.")
    name: str = strawberry.field(description="The company's name, 1 to 200 characters.")
    fee_bps: int = strawberry.field(
        default=0,
        description="The platform's share of its sales, 0 to 10000 basis points; `setTenantFees` puts it on a plan.",
    )
    owner_email: str = strawberry.field(description="Who is asked to be its first owner.")
    owner_name: str = strawberry.field(description="That person's name, 1 to 200 characters.")


@strawberry.input(description="Which company that applied may trade.")
class ApproveTenantInput:
    """What approveTenant takes."""

    tenant_id: strawberry.ID = strawberry.field(description="The merchant's id.")
    reason: str | None = strawberry.field(default=None, description="Why, for the record, at most 2000 characters.")


@strawberry.input
class _Decision:
    """A decision about a merchant that it will want to understand."""

    tenant_id: strawberry.ID = strawberry.field(description="The merchant's id.")
    reason: str = strawberry.field(
        description=f"Why, for the record, {limits.REASON_CHARS_MIN} to {limits.NOTE_MAX} characters."
    )


@strawberry.input(description="Which merchant is not to trade for now, and why.")
class SuspendTenantInput(_Decision):
    """What suspendTenant takes."""


@strawberry.input(description="Which suspended merchant may trade again, and why.")
class ResumeTenantInput(_Decision):
    """What resumeTenant takes."""


@strawberry.input(description="Which merchant is to leave for good, and why.")
class CloseTenantInput(_Decision):
    """What closeTenant takes."""


@strawberry.type(description="The company is entered, waits for approval, and its first owner is asked in.")
class CreateTenantSuccess:
    """What createTenant answers."""

    tenant: Tenant = strawberry.field(description="The merchant.")
    invitation_token: str | None = strawberry.field(
        description="What the owner accepts with (`acceptInvitation`), where no mail leaves; shown once. Null where it is mailed to them, and when the request is repeated."
    )


@strawberry.type
class _Decided:
    """What decisions answer."""

    tenant: Tenant = strawberry.field(description="The merchant as it is now.")


@strawberry.type(description="The merchant may trade.")
class ApproveTenantSuccess(_Decided):
    """What approveTenant answers."""


@strawberry.type(description="The merchant does not trade for now.")
class SuspendTenantSuccess(_Decided):
    """What suspendTenant answers."""


@strawberry.type(description="The merchant may trade again.")
class ResumeTenantSuccess(_Decided):
    """What resumeTenant answers."""


@strawberry.type(description="The merchant has left for good.")
class CloseTenantSuccess(_Decided):
    """What closeTenant answers."""


@strawberry.type
class Mutation:
    """What the platform's people decide about tenants."""

    @mutation(refusals=[tenancy.BadSlug, tenancy.NameTaken, identity.BadEmail], opens=governing)
    async def create_tenant(
        self, info: Info, tx: Tx, input: CreateTenantInput, repeat: Repeat | None
    ) -> CreateTenantSuccess:
        """Enters a company that wants to be a merchant and invites its first owner. For the platform's admins."""
        ctx = info.context.ctx

        async def make() -> tuple[UUID, Secret[str] | None]:
            tenant_id = await tenancy.apply_tenant(tx, ctx, slug=input.slug, name=input.name, fee_bps=input.fee_bps)
            try:
                _, token = await identity.invite_owner(
                    tx, ctx, tenant_id=tenant_id, email=input.owner_email, name=input.owner_name
                )
            except Refusal as refusal:
                refusal.path = tuple(f"owner_{part}" for part in refusal.path)
                raise
            return tenant_id, token

        made, token = await shown_once(tx, ctx, repeat, make)
        tenant = await tenancy.get_tenant(tx, ctx, TenantId(made))
        return CreateTenantSuccess(tenant=Tenant.of(tenant), invitation_token=token)

    @mutation(refusals=[tenancy.WrongTenantState], opens=governing)
    async def approve_tenant(self, info: Info, tx: Tx, input: ApproveTenantInput) -> ApproveTenantSuccess:
        """Lets a company that applied trade. For the platform's admins."""
        id_ = TenantId(key_of(input.tenant_id, Tenant, path=("tenant_id",)))
        row = await tenancy.approve_tenant(tx, info.context.ctx, id_, reason=input.reason)
        return ApproveTenantSuccess(tenant=Tenant.of(row))

    @mutation(refusals=[tenancy.WrongTenantState], opens=governing)
    async def suspend_tenant(self, info: Info, tx: Tx, input: SuspendTenantInput) -> SuspendTenantSuccess:
        """Stops a merchant from trading for now; its buyers keep what they bought. For the platform's admins."""
        id_ = TenantId(key_of(input.tenant_id, Tenant, path=("tenant_id",)))
        row = await tenancy.suspend_tenant(tx, info.context.ctx, id_, reason=input.reason)
        return SuspendTenantSuccess(tenant=Tenant.of(row))

    @mutation(refusals=[tenancy.WrongTenantState], opens=governing)
    async def resume_tenant(self, info: Info, tx: Tx, input: ResumeTenantInput) -> ResumeTenantSuccess:
        """Lets a suspended merchant trade again. For the platform's admins."""
        id_ = TenantId(key_of(input.tenant_id, Tenant, path=("tenant_id",)))
        row = await tenancy.resume_tenant(tx, info.context.ctx, id_, reason=input.reason)
        return ResumeTenantSuccess(tenant=Tenant.of(row))

    @mutation(refusals=[tenancy.WrongTenantState], opens=governing)
    async def close_tenant(self, info: Info, tx: Tx, input: CloseTenantInput) -> CloseTenantSuccess:
        """Ends a merchant for good; its buyers keep what they bought. For the platform's admins."""
        id_ = TenantId(key_of(input.tenant_id, Tenant, path=("tenant_id",)))
        row = await tenancy.close_tenant(tx, info.context.ctx, id_, reason=input.reason)
        return CloseTenantSuccess(tenant=Tenant.of(row))
