"""Access tokens of API clients: what POST /oauth/token needs."""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fondaco_core import clock, limits, outbox, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_token
from fondaco_core.db import governing, reading, transaction
from fondaco_core.identity import store
from fondaco_core.identity.events import ApiClientEndsSoon
from fondaco_core.identity.rules import SessionKind, may_ask_from, permissions_in_state, permissions_of_scopes
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
    previous_hash: bytes | None
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    expires_at: datetime | None

    def has_secret(self, secret: Secret[str]) -> bool:
        """Whether this is the client's secret, or the one before while both count, in a time that tells nothing."""
        shown = hash_token(secret)
        now = hmac.compare_digest(shown, self.secret_hash)
        before = hmac.compare_digest(shown, self.previous_hash or bytes(len(shown)))
        return now or (before and self.previous_hash is not None)

    def may_ask_from(self, ip: str | None) -> bool:
        """Whether its tenant lets it ask from this address."""
        return not self.networks or may_ask_from(ip, self.networks)


async def find_api_client(client_id: str) -> KnownClient | None:
    """The API client with a public id; None when there is none, it was revoked, or its tenant lets it do nothing."""
    async with reading(Ctx()) as tx:
        tenant_id = await tenancy.find_door(tx, tenancy.DoorKind.API_CLIENT, client_id)
    if tenant_id is None:
        return None
    async with reading(Ctx(tenant_id=tenant_id)) as tx:
        row = await tx.fetchrow(store.CLIENT_BY_PUBLIC_ID, client_id, clock.now())
    if row is None:
        return None
    scopes = tuple(row["scopes"])
    scoped = permissions_of_scopes(scopes, for_customer=row["customer_id"] is not None)
    if not permissions_in_state(scoped, row["state"]):
        return None
    return KnownClient(
        ApiClientId(row["id"]), tenant_id, client_id, row["secret_hash"], row["previous_hash"], scopes,
        tuple(row["networks"]), row["expires_at"],
    )  # fmt: skip


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
            tx,
            ctx,
            kind=SessionKind.API_CLIENT,
            tenant_id=client.tenant_id,
            api_client_id=client.id,
            scopes=scopes,
            ends=client.expires_at,
        )


async def announce_endings(ctx: Ctx) -> int:
    """Announces, once, which machines' credentials end soon, over all tenants; says of how many. For a job."""
    ctx.require("system.run")
    now = clock.now()
    soon = now + timedelta(days=limits.CLIENT_ENDS_SOON_DAYS)
    async with governing(ctx) as tx:
        rows = await tx.fetch(store.CLIENTS_ENDING, soon, now, limits.CLEAN_UP_ROWS)
    told = 0
    for row in rows:
        async with transaction(replace(ctx, tenant_id=TenantId(row["tenant_id"]))) as tx:
            if await tx.execute(store.CLIENT_NOTICED, row["id"], now):
                await outbox.announce(tx, (row["tenant_id"], ApiClientEndsSoon(row["id"])))
                told += 1
    return told
