"""Machines that act for a merchant or a buyer: made, approved, restricted, given another secret, revoked."""

from datetime import datetime
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.customers import Customer
from fondaco_api.graphql.identity import ApiClient
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.once import shown_once
from fondaco_api.graphql.replay import Repeat
from fondaco_api.graphql.transaction import mutation
from fondaco_core import identity
from fondaco_core.db import Tx
from fondaco_core.ids import ApiClientId, CustomerId
from fondaco_core.secret import Secret
from fondaco_tenants import customers

_NETWORKS = "Networks that it may ask from, as `203.0.113.0/24` or `2001:db8::/32`; from anywhere when there are none."


@strawberry.input
class _Machine:
    """A machine to be made."""

    name: str = strawberry.field(description="What to call it, 1 to 200 characters.")
    scopes: list[str] = strawberry.field(
        description="What it may do: permissions that you have yourself, or, for a buyer, those that begin with `buyer.`."
    )
    networks: list[str] = strawberry.field(default_factory=list, description=_NETWORKS)
    expires_at: datetime | None = strawberry.field(
        default=None, description="When its credentials end; never when left out."
    )


@strawberry.input(description="A machine that is to act.")
class CreateApiClientInput(_Machine):
    """What createApiClient takes."""

    customer_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The buyer it acts for; leave it out for one that acts for the merchant. A buyer with a password agrees first.",
    )


@strawberry.input(description="A machine that is to act for you, as a buyer.")
class CreateOwnApiClientInput(_Machine):
    """What createOwnApiClient takes."""


@strawberry.input
class _Which:
    """Which machine."""

    api_client_id: strawberry.ID = strawberry.field(description="The API client's id.")

    def key(self) -> ApiClientId:
        """The row's id."""
        return ApiClientId(key_of(self.api_client_id, ApiClient, path=("api_client_id",)))


@strawberry.input(description="A machine that the merchant made for you, as a buyer, and that you agree to.")
class ApproveApiClientInput(_Which):
    """What approveApiClient takes."""


@strawberry.input(description="A machine that is to have another secret.")
class RotateApiClientSecretInput(_Which):
    """What rotateApiClientSecret takes."""

    overlap_hours: int = strawberry.field(
        default=24, description="For how many hours the secret before still counts, 0 to 168."
    )


@strawberry.input(description="Where a machine may ask from and until when, whole: what is left out is lifted.")
class RestrictApiClientInput(_Which):
    """What restrictApiClient takes."""

    networks: list[str] = strawberry.field(default_factory=list, description=_NETWORKS)
    expires_at: datetime | None = strawberry.field(
        default=None, description="When its credentials end; never when left out."
    )


@strawberry.input(description="A machine that is to act no longer.")
class RevokeApiClientInput(_Which):
    """What revokeApiClient takes."""


@strawberry.type
class _AsItIs:
    """What changes of a machine answer."""

    api_client: ApiClient = strawberry.field(description="The API client as it is now.")


@strawberry.type
class _WithSecret(_AsItIs):
    """A machine with its secret."""

    secret: str | None = strawberry.field(
        description="Its secret, the `client_secret` for POST /oauth/token; shown once, null when the request is repeated."
    )


@strawberry.type(description="The machine may act, or waits for its buyer to agree.")
class CreateApiClientSuccess(_WithSecret):
    """What createApiClient answers."""


@strawberry.type(description="The machine may act for you.")
class CreateOwnApiClientSuccess(_WithSecret):
    """What createOwnApiClient answers."""


@strawberry.type(description="The machine has another secret.")
class RotateApiClientSecretSuccess(_WithSecret):
    """What rotateApiClientSecret answers."""


@strawberry.type(description="The machine may act for you.")
class ApproveApiClientSuccess(_AsItIs):
    """What approveApiClient answers."""


@strawberry.type(description="The machine asks from there and until then.")
class RestrictApiClientSuccess(_AsItIs):
    """What restrictApiClient answers."""


@strawberry.type(description="The machine may act no longer.")
class RevokeApiClientSuccess(_AsItIs):
    """What revokeApiClient answers."""


_MADE = [identity.UnknownScope, identity.RoleTooHigh, identity.LimitReached, identity.BadNetwork, identity.BadMoment]


@strawberry.type
class Mutation:
    """Machines."""

    @mutation(refusals=[*_MADE, customers.CustomerBlocked])
    async def create_api_client(
        self, info: Info, tx: Tx, input: CreateApiClientInput, repeat: Repeat | None
    ) -> CreateApiClientSuccess:
        """Makes credentials of a machine that acts for the merchant, or for one of its buyers. Needs `clients.edit`."""
        ctx, buyer = info.context.ctx, input.customer_id
        more = {"networks": input.networks, "expires_at": input.expires_at}

        async def make() -> tuple[UUID, Secret[str] | None]:
            if buyer is None:
                client, secret = await identity.create_api_client(tx, ctx, name=input.name, scopes=input.scopes, **more)  # type: ignore[arg-type]
            else:
                id_ = CustomerId(key_of(buyer, Customer, path=("customer_id",)))
                client, secret = await customers.create_buyer_client(
                    tx,
                    ctx,
                    customer_id=id_,
                    name=input.name,
                    scopes=input.scopes,
                    **more,  # type: ignore[arg-type]
                )
            return client.id, secret

        made, secret = await shown_once(tx, ctx, repeat, make)
        client = await identity.get_api_client(tx, ctx, ApiClientId(made))
        return CreateApiClientSuccess(api_client=ApiClient.of(client), secret=secret)

    @mutation(refusals=_MADE)
    async def create_own_api_client(
        self, info: Info, tx: Tx, input: CreateOwnApiClientInput, repeat: Repeat | None
    ) -> CreateOwnApiClientSuccess:
        """Makes credentials of a machine that acts for you, as a buyer with an account. Needs `buyer.clients`."""
        ctx = info.context.ctx

        async def make() -> tuple[UUID, Secret[str] | None]:
            client, secret = await identity.create_own_client(
                tx, ctx, name=input.name, scopes=input.scopes, networks=input.networks, expires_at=input.expires_at
            )
            return client.id, secret

        made, secret = await shown_once(tx, ctx, repeat, make)
        client = await identity.get_own_client(tx, ctx, ApiClientId(made))
        return CreateOwnApiClientSuccess(api_client=ApiClient.of(client), secret=secret)

    @mutation()
    async def approve_api_client(self, info: Info, tx: Tx, input: ApproveApiClientInput) -> ApproveApiClientSuccess:
        """Agrees, as a buyer, to a machine that the merchant made for you. Needs `buyer.clients`."""
        row = await identity.approve_client(tx, info.context.ctx, api_client_id=input.key())
        return ApproveApiClientSuccess(api_client=ApiClient.of(row))

    @mutation(refusals=[identity.RoleTooHigh, identity.BadMoment])
    async def rotate_api_client_secret(
        self, info: Info, tx: Tx, input: RotateApiClientSecretInput, repeat: Repeat | None
    ) -> RotateApiClientSecretSuccess:
        """Gives a machine another secret; the one before counts for a while.

        Needs to be its buyer; or `clients.edit` and every right that the machine has, where no buyer looks after it.
        """
        ctx = info.context.ctx

        async def make() -> tuple[UUID, Secret[str] | None]:
            client, secret = await customers.rotate_client_secret(
                tx, ctx, api_client_id=input.key(), overlap_hours=input.overlap_hours
            )
            return client.id, secret

        made, secret = await shown_once(tx, ctx, repeat, make)
        found = identity.get_own_client if ctx.is_customer else identity.get_api_client
        return RotateApiClientSecretSuccess(
            api_client=ApiClient.of(await found(tx, ctx, ApiClientId(made))), secret=secret
        )

    @mutation(refusals=[identity.BadNetwork, identity.BadMoment])
    async def restrict_api_client(self, info: Info, tx: Tx, input: RestrictApiClientInput) -> RestrictApiClientSuccess:
        """Says where a machine may ask from and until when. Needs `clients.edit`, or to be its buyer."""
        row = await identity.restrict_client(
            tx, info.context.ctx, api_client_id=input.key(), networks=input.networks, expires_at=input.expires_at
        )
        return RestrictApiClientSuccess(api_client=ApiClient.of(row))

    @mutation()
    async def revoke_api_client(self, info: Info, tx: Tx, input: RevokeApiClientInput) -> RevokeApiClientSuccess:
        """Ends a machine's credentials and its access tokens, within seconds. Needs `clients.edit`, or to be its buyer."""
        row = await identity.revoke_api_client(tx, info.context.ctx, api_client_id=input.key())
        return RevokeApiClientSuccess(api_client=ApiClient.of(row))
