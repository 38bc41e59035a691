"""OpenID providers in the schema: by which one may sign in, and who keeps them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.sessions import by_side
from fondaco_api.graphql.transaction import mutation
from fondaco_core import identity
from fondaco_core.db import Tx, governing
from fondaco_core.errors import Invalid
from fondaco_core.identity import MemberRole
from fondaco_core.ids import TenantId
from fondaco_core.secret import Secret


@strawberry.type(description="A provider by which one may sign in.")
class SignInProvider:
    """What anybody may know of a provider."""

    title: str = strawberry.field(description="What to call it on a button.")
    path: str = strawberry.field(description="Where a browser begins: a path of this host.")


@strawberry.type(description="An OpenID provider as it is set up.")
class IdentityProvider:
    """What its keepers know of a provider; never its client's secret."""

    key: str = strawberry.field(description="What names it in `removeIdentityProvider`.")
    title: str = strawberry.field(description="What to call it on a button.")
    issuer: str = strawberry.field(description="Its issuer, as its ID tokens say it.")
    client_id: str = strawberry.field(description="What it knows this installation by.")
    domains: list[str] = strawberry.field(description="The domains of addresses that it is believed about.")
    join_role: MemberRole | None = strawberry.field(
        description="What somebody becomes whom it vouches for and nobody invited; null when only members get in."
    )
    redirect_uri: str = strawberry.field(description="Where it sends browsers back to; enter it there.")
    created_at: datetime = strawberry.field(description="When it was set up.")
    owner: strawberry.Private[TenantId | None]

    @strawberry.field(description="Whether you may remove it.")
    def viewer_can_remove(self, info: Info) -> bool:
        """Its keepers may, each side its own."""
        return identity.keeps_provider(info.context.ctx, self.owner)

    @classmethod
    def of(cls, row: identity.Provider) -> "IdentityProvider":
        """The schema's form of a provider."""
        return cls(
            key=str(row.id), title=row.title, issuer=row.issuer, client_id=row.client_id, domains=list(row.domains),
            join_role=row.join_role, redirect_uri=identity.ways().public_url + identity.callback_of(row.id), created_at=row.created_at,
            owner=row.tenant_id,
        )  # fmt: skip


@strawberry.type
class Query:
    """How one may sign in."""

    @strawberry.field(description="The providers by which one may sign in, beside a password and a passkey.")
    async def sign_in_providers(
        self,
        tenant: Annotated[
            str | None,
            strawberry.argument(description="The short name of the merchant to sign in for, where it is known."),
        ] = None,
    ) -> list[SignInProvider]:
        found = await identity.offered_providers(tenant)
        return [SignInProvider(title=row.title, path=f"/account/oidc/{row.id}") for row in found]


@strawberry.type
class MerchantFields:
    """The merchant's providers."""

    @strawberry.field(description="Providers by which this merchant's people may sign in. Needs `members.edit`.")
    async def identity_providers(self, info: Info) -> list[IdentityProvider]:
        async with info.context.reading() as tx:
            return [IdentityProvider.of(row) for row in await identity.list_providers(tx, info.context.ctx)]


@strawberry.type
class PlatformFields:
    """The platform's providers."""

    @strawberry.field(description="Providers by which anybody's people may sign in. Needs `platform.people`.")
    async def identity_providers(self, info: Info) -> list[IdentityProvider]:
        async with governing(info.context.ctx) as tx:
            return [IdentityProvider.of(row) for row in await identity.list_providers(tx, info.context.ctx)]


@strawberry.input(
    description="An OpenID provider to sign in by: the merchant's, or, for the platform's admins, the platform's."
)
class AddIdentityProviderInput:
    """What addIdentityProvider takes."""

    title: str = strawberry.field(description="What to call it on a button, 1 to 200 characters.")
    issuer: str = strawberry.field(description="Its issuer, an https address; what it offers is found from there.")
    client_id: str = strawberry.field(description="What it knows this installation by.")
    client_secret: str = strawberry.field(description="The secret that goes with it; it is never shown again.")
    domains: list[str] = strawberry.field(
        description="The domains of addresses that it is believed about, as `example.com`."
    )
    join_role: MemberRole | None = strawberry.field(
        default=None,
        description="What somebody becomes whom it vouches for and nobody invited; leave it out to let in members only.",
    )


@strawberry.input(description="A provider by which nobody is to sign in any more.")
class RemoveIdentityProviderInput:
    """What removeIdentityProvider takes."""

    key: str = strawberry.field(description="The provider's `key`.")


@strawberry.type(description="One may sign in by the provider.")
class AddIdentityProviderSuccess:
    """What addIdentityProvider answers."""

    provider: IdentityProvider = strawberry.field(description="The provider.")


@strawberry.type(description="Nobody signs in by it any more.")
class RemoveIdentityProviderSuccess:
    """What removeIdentityProvider answers."""

    removed: bool = strawberry.field(default=True, description="Always true.")


@strawberry.type
class Mutation:
    """Keeping providers."""

    @mutation(
        refusals=[identity.BadProvider, identity.RoleTooHigh, identity.LimitReached], opens=by_side, replays=False
    )
    async def add_identity_provider(
        self, info: Info, tx: Tx, input: AddIdentityProviderInput
    ) -> AddIdentityProviderSuccess:
        """Lets people sign in by an OpenID provider. Needs `members.edit`, or `platform.people` for the platform's own."""
        row = await identity.add_provider(
            tx, info.context.ctx, title=input.title, issuer=input.issuer, client_id=input.client_id,
            client_secret=Secret(input.client_secret), domains=input.domains, join_role=input.join_role,
        )  # fmt: skip
        return AddIdentityProviderSuccess(provider=IdentityProvider.of(row))

    @mutation(opens=by_side)
    async def remove_identity_provider(
        self, info: Info, tx: Tx, input: RemoveIdentityProviderInput
    ) -> RemoveIdentityProviderSuccess:
        """Lets nobody sign in by a provider any more. Needs `members.edit`, or `platform.people` for the platform's own."""
        try:
            key = UUID(input.key)
        except ValueError:
            raise Invalid("This is not a provider's key.", zh="身份提供方标识无效。", path=("key",)) from None
        await identity.remove_provider(tx, info.context.ctx, provider_id=key)
        return RemoveIdentityProviderSuccess()
