"""Use cases of API clients: machines that act for a tenant or for one of its buyers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import hash_token, new_token
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound, Unauthenticated
from fondaco_core.identity import store
from fondaco_core.identity.errors import BadMoment, LimitReached, RoleTooHigh
from fondaco_core.identity.events import ApiClientCreated, ApiClientRevoked, ApiClientRotated
from fondaco_core.identity.rules import checked_networks, checked_scopes, may_hand_on
from fondaco_core.identity.service.sessions import end_sessions
from fondaco_core.ids import ApiClientId, CustomerId, TenantId, new_id, new_public_code
from fondaco_core.secret import Secret


@dataclass(frozen=True, slots=True)
class ApiClient:
    """A machine with credentials of its own; it acts for a buyer when `customer_id` is set."""

    id: ApiClientId
    tenant_id: TenantId
    client_id: str
    name: str
    customer_id: CustomerId | None
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    previous_until: datetime | None
    suspended_at: datetime | None
    awaits_consent: bool
    revoked_at: datetime | None


def _client(row: Any) -> ApiClient:
    fields: dict[str, Any] = {**row, "scopes": tuple(row["scopes"]), "networks": tuple(row["networks"])}
    return ApiClient(**fields)


async def create_api_client(
    tx: Tx,
    ctx: Ctx,
    *,
    name: str,
    scopes: Sequence[str],
    customer_id: CustomerId | None = None,
    awaits_consent: bool = False,
    networks: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiClient, Secret[str]]:
    """Makes a machine's credentials; the secret is shown once.

    A client that acts for the tenant gets no right that its maker lacks. One that acts for a buyer has a buyer's rights, those
    that show codes only when its maker may see codes, who holds its secret; where the buyer looks after the account
    themselves it does nothing before they agree. That the buyer exists is the caller's to see to, since buyers live above
    this floor (customers.create_buyer_client). Raises UnknownScope, RoleTooHigh, LimitReached, BadNetwork, BadMoment.
    """
    ctx.require("clients.edit")
    wanted = checked_scopes(scopes, for_customer=customer_id is not None)
    for scope in wanted:
        if not may_hand_on(ctx.permissions, scope):
            raise RoleTooHigh(scope)
    return await _make(
        tx, ctx, name=name, scopes=wanted, customer_id=customer_id, awaits_consent=awaits_consent, networks=networks,
        expires_at=expires_at,
    )  # fmt: skip


async def create_own_client(
    tx: Tx,
    ctx: Ctx,
    *,
    name: str,
    scopes: Sequence[str],
    networks: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiClient, Secret[str]]:
    """Makes credentials of a machine that acts for the asking buyer; the secret is shown once. Raises as create_api_client."""
    ctx.require("buyer.clients")
    if ctx.customer_id is None or not ctx.is_customer:
        raise Unauthenticated
    await _refuse_ended(tx, ctx)
    wanted = checked_scopes(scopes, for_customer=True)
    for scope in wanted:
        if scope not in ctx.permissions:
            raise RoleTooHigh(scope)
    return await _make(
        tx, ctx, name=name, scopes=wanted, customer_id=ctx.customer_id, awaits_consent=False, networks=networks,
        expires_at=expires_at,
    )  # fmt: skip


async def approve_client(tx: Tx, ctx: Ctx, *, api_client_id: ApiClientId) -> ApiClient:
    """Agrees, as a buyer, to a machine that the merchant made for one; twice changes nothing. Raises NotFound."""
    ctx.require("buyer.clients")
    await _refuse_ended(tx, ctx)
    client = await get_own_client(tx, ctx, api_client_id)
    if await tx.execute(store.CLIENT_APPROVED, api_client_id) == 0:
        return client
    await audit.record(tx, ctx, "client.approved", subject_kind="api_client", subject_id=api_client_id)
    return await get_own_client(tx, ctx, api_client_id)


async def rotate_secret(
    tx: Tx, ctx: Ctx, *, api_client_id: ApiClientId, overlap_hours: int
) -> tuple[ApiClient, Secret[str]]:
    """Gives a machine another secret, shown once; the one before still counts for so many hours.

    Who is shown a secret can be the machine: the merchant's people rotate none that they could not have made. For a
    buyer's see customers.rotate_client_secret. Raises NotFound, RoleTooHigh, BadMoment.
    """
    client = await _require_keeper(tx, ctx, api_client_id)
    if not ctx.is_customer:
        for scope in client.scopes:
            if not may_hand_on(ctx.permissions, scope):
                raise RoleTooHigh(scope)
    if not 0 <= overlap_hours <= limits.SECRET_OVERLAP_MAX_HOURS:
        most = limits.SECRET_OVERLAP_MAX_HOURS
        raise BadMoment(
            "overlap_hours", f"Secrets overlap for 0 to {most} hours.", f"新旧密钥可并用 0 至 {most} 小时。"
        )
    if client.revoked_at is not None:
        raise NotFound("client")
    secret, until = new_token("secret"), clock.now() + timedelta(hours=overlap_hours)
    await tx.execute(store.ROTATE_CLIENT, api_client_id, hash_token(secret), until)
    await audit.record(
        tx, ctx, "client.rotated", subject_kind="api_client", subject_id=api_client_id,
        detail={"overlap_hours": overlap_hours},
    )  # fmt: skip
    await outbox.announce(tx, (ctx.tenant, ApiClientRotated(api_client_id)))
    return await _seen(tx, api_client_id), secret


async def restrict_client(
    tx: Tx, ctx: Ctx, *, api_client_id: ApiClientId, networks: Sequence[str], expires_at: datetime | None
) -> ApiClient:
    """Says anew where a machine may ask from and until when. Raises NotFound, BadNetwork, BadMoment."""
    client = await _require_keeper(tx, ctx, api_client_id)
    if client.revoked_at is not None:
        raise NotFound("client")
    found = checked_networks(networks)
    if expires_at != client.expires_at:
        _check_end(expires_at)
    await tx.execute(store.RESTRICT_CLIENT, api_client_id, list(found), expires_at)
    await audit.record(
        tx, ctx, "client.restricted", subject_kind="api_client", subject_id=api_client_id,
        detail={"networks": list(found), "expires_at": expires_at},
    )  # fmt: skip
    return await _seen(tx, api_client_id)


async def revoke_api_client(tx: Tx, ctx: Ctx, *, api_client_id: ApiClientId) -> ApiClient:
    """Ends a machine's credentials and every access token that came of them; doing it twice changes nothing."""
    client = await _require_keeper(tx, ctx, api_client_id)
    if await tx.execute(store.REVOKE_CLIENT, api_client_id, clock.now()) == 0:
        return client
    await tenancy.remove_door(tx, tenancy.DoorKind.API_CLIENT, client.client_id, ctx.tenant)
    await end_sessions(tx, api_client_id=api_client_id)
    await audit.record(tx, ctx, "client.revoked", subject_kind="api_client", subject_id=api_client_id)
    await outbox.announce(tx, (ctx.tenant, ApiClientRevoked(api_client_id)))
    return await _seen(tx, api_client_id)


async def revoke_clients_of(tx: Tx, ctx: Ctx, *, customer_id: CustomerId) -> None:
    """Ends every machine of a buyer, with its access tokens; for use cases that have seen to who may."""
    now = clock.now()
    await tx.execute(store.END_CLIENT_SESSIONS, customer_id, now)
    ended = [ApiClientId(row["id"]) for row in await tx.fetch(store.REVOKE_CLIENTS, customer_id, now)]
    if not ended:
        return
    await audit.record_many(
        tx, ctx, "client.revoked", subject_kind="api_client", subjects=[(ctx.tenant, each, {}) for each in ended]
    )
    await outbox.announce(tx, *((ctx.tenant, ApiClientRevoked(each)) for each in ended))


async def suspend_clients(tx: Tx, *, customer_id: CustomerId) -> None:
    """Stops the machines of a buyer whom the merchant blocks; for use cases that have seen to who may."""
    await tx.execute(store.SUSPEND_CLIENTS, customer_id, clock.now())
    await tx.execute(store.END_CLIENT_SESSIONS, customer_id, clock.now())


async def resume_clients(tx: Tx, *, customer_id: CustomerId) -> None:
    """Lets them act again."""
    await tx.execute(store.RESUME_CLIENTS, customer_id)


async def get_api_client(tx: Tx, ctx: Ctx, api_client_id: ApiClientId) -> ApiClient:
    """One API client of the tenant. Raises NotFound."""
    if not ctx.has("clients.edit"):
        ctx.require("clients.read")
    return await _seen(tx, api_client_id)


async def get_own_client(tx: Tx, ctx: Ctx, api_client_id: ApiClientId) -> ApiClient:
    """One API client that acts for the asking buyer. Raises NotFound."""
    ctx.require("buyer.clients")
    client = await _seen(tx, api_client_id)
    if not ctx.is_customer or client.customer_id != ctx.customer_id:
        raise NotFound("client")
    return client


async def list_own_clients(
    tx: Tx, ctx: Ctx, *, after: ApiClientId | None = None, count: int = limits.PAGE_DEFAULT
) -> list[ApiClient]:
    """A page of the machines that act for the asking buyer, also revoked ones, newest first."""
    ctx.require("buyer.clients")
    assert 0 < count <= limits.PAGE_MAX + 1
    return [_client(row) for row in await tx.fetch(store.LIST_OWN_CLIENTS, after, count, ctx.customer_id)]


async def clients_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[ApiClientId]) -> dict[ApiClientId, ApiClient]:
    """Several API clients of the tenant at once, those that exist; a buyer sees one's own."""
    if not (ctx.is_customer and ctx.has("buyer.clients")):
        ctx.require("clients.read")
    rows = [_client(row) for row in await tx.fetch(store.CLIENTS_BY_IDS, list(ids))]
    return {each.id: each for each in rows if not ctx.is_customer or each.customer_id == ctx.customer_id}


async def list_api_clients(
    tx: Tx, ctx: Ctx, *, after: ApiClientId | None = None, count: int = limits.PAGE_DEFAULT
) -> list[ApiClient]:
    """A page of the tenant's API clients, also revoked ones, newest first."""
    ctx.require("clients.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    return [_client(row) for row in await tx.fetch(store.LIST_CLIENTS, after, count)]


async def _make(
    tx: Tx,
    ctx: Ctx,
    *,
    name: str,
    scopes: tuple[str, ...],
    customer_id: CustomerId | None,
    awaits_consent: bool,
    networks: Sequence[str],
    expires_at: datetime | None,
) -> tuple[ApiClient, Secret[str]]:
    checked, from_networks = tenancy.checked_name(name), checked_networks(networks)
    _check_end(expires_at)
    if await tx.fetchval(store.COUNT_CLIENTS, customer_id) >= limits.API_CLIENTS_MAX:
        raise LimitReached(limits.API_CLIENTS_MAX)
    id_, client_id, secret = ApiClientId(new_id()), new_public_code("FC", length=20), new_token("secret")
    await tx.execute(
        store.ADD_CLIENT, id_, ctx.tenant, client_id, hash_token(secret), checked, customer_id, list(scopes), clock.now(),
        list(from_networks), expires_at, awaits_consent,
    )  # fmt: skip
    await tenancy.add_door(tx, tenancy.DoorKind.API_CLIENT, client_id, ctx.tenant)
    await audit.record(
        tx, ctx, "client.created", subject_kind="api_client", subject_id=id_,
        detail={"scopes": list(scopes), "customer_id": customer_id},
    )  # fmt: skip
    await outbox.announce(tx, (ctx.tenant, ApiClientCreated(id_)))
    return await _seen(tx, id_), secret


def _check_end(expires_at: datetime | None) -> None:
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= clock.now()):
        raise BadMoment("expires_at", "An end lies in the future.", "到期时间须晚于当前时间。")


async def _require_keeper(tx: Tx, ctx: Ctx, api_client_id: ApiClientId) -> ApiClient:
    """The client, for its merchant's people and for the buyer whom it acts for."""
    if ctx.is_customer:
        await _refuse_ended(tx, ctx)
        return await get_own_client(tx, ctx, api_client_id)
    ctx.require("clients.edit")
    return await _seen(tx, api_client_id)


async def _refuse_ended(tx: Tx, ctx: Ctx) -> None:
    """Refuses whose session ended and is believed a moment longer: a machine would outlive it."""
    if ctx.session_id is not None and await tx.fetchval(store.ENDED_SESSION, ctx.session_id):
        raise Unauthenticated


async def _seen(tx: Tx, api_client_id: ApiClientId) -> ApiClient:
    row = await tx.fetchrow(store.CLIENT, api_client_id)
    if row is None:
        raise NotFound("client")
    return _client(row)
