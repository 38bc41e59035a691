"""Access tokens of API clients: what POST /oauth/token needs."""

import hmac
from dataclasses import dataclass

from fondaco_core import clock, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_token
from fondaco_core.db import reading, transaction
from fondaco_core.identity import store
from fondaco_core.identity.rules import SessionKind, permissions_in_state, permissions_of_scopes
from fondaco_core.identity.service.sessions import Started, start_session
from fondaco_core.ids import ApiClientId, TenantId
from fondaco_core.secret import Secret


@dataclass(frozen=True, slots=True)
class KnownClient:
    """An API client that may act now, as far as its public id tells; its secret is still to be checked."""

    id: ApiClientId
    tenant_id: TenantId
    client_id: str
    secret_hash: bytes
    scopes: tuple[str, ...]

    def has_secret(self, secret: Secret[str]) -> bool:
        """Whether this is the client's secret, in a time that tells nothing."""
        return hmac.compare_digest(hash_token(secret), self.secret_hash)


async def find_api_client(client_id: str) -> KnownClient | None:
    """The API client with a public id; None when there is none, it was revoked, or its tenant lets it do nothing."""
    async with reading(Ctx()) as tx:
        tenant_id = await tenancy.find_door(tx, tenancy.DoorKind.API_CLIENT, client_id)
    if tenant_id is None:
        return None
    async with reading(Ctx(tenant_id=tenant_id)) as tx:
        row = await tx.fetchrow(store.CLIENT_BY_PUBLIC_ID, client_id)
    if row is None:
        return None
    scopes = tuple(row["scopes"])
    scoped = permissions_of_scopes(scopes, for_customer=row["customer_id"] is not None)
    if not permissions_in_state(scoped, row["state"]):
        return None
    return KnownClient(ApiClientId(row["id"]), tenant_id, client_id, row["secret_hash"], scopes)


async def start_access(stranger: Ctx, client: KnownClient, *, scopes: tuple[str, ...]) -> Started:
    """A short-lived access token for a client whose secret was right; `scopes` are some of its own."""
    assert set(scopes) <= set(client.scopes)
    ctx = Ctx(
        actor=ActorKind.API_CLIENT, actor_id=client.id, tenant_id=client.tenant_id, request_id=stranger.request_id,
        ip=stranger.ip, user_agent=stranger.user_agent,
    )  # fmt: skip
    async with transaction(ctx) as tx:
        await tx.execute(store.CLIENT_USED, client.id, clock.now())
        return await start_session(
            tx, ctx, kind=SessionKind.API_CLIENT, tenant_id=client.tenant_id, api_client_id=client.id, scopes=scopes
        )
