"""Use cases of API clients: machines that act for a tenant or for one of its buyers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import hash_token, new_token
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.identity import store
from fondaco_core.identity.errors import LimitReached, RoleTooHigh
from fondaco_core.identity.events import ApiClientCreated, ApiClientRevoked
from fondaco_core.identity.rules import checked_scopes, may_hand_on
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
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def _client(row: Any) -> ApiClient:
    fields: dict[str, Any] = {**row, "scopes": tuple(row["scopes"])}
    return ApiClient(**fields)


async def create_api_client(
    tx: Tx, ctx: Ctx, *, name: str, scopes: Sequence[str], customer_id: CustomerId | None = None
) -> tuple[ApiClient, Secret[str]]:
    """Makes a machine's credentials; the secret is shown once. Raises UnknownScope, RoleTooHigh, LimitReached.

    A client that acts for the tenant gets no right that its maker lacks. One that acts for a buyer has a buyer's rights, those
    that show codes only when its maker may see codes, who holds its secret. That the buyer exists is the caller's to see to,
    since buyers live above this floor (customers.create_buyer_client).
    """
    ctx.require("clients.edit")
    wanted = checked_scopes(scopes, for_customer=customer_id is not None)
    for scope in wanted:
        if not may_hand_on(ctx.permissions, scope):
            raise RoleTooHigh(scope)
    checked = tenancy.checked_name(name)
    if await tx.fetchval(store.COUNT_CLIENTS, customer_id) >= limits.API_CLIENTS_MAX:
        raise LimitReached(limits.API_CLIENTS_MAX)

    id_, client_id, secret = ApiClientId(new_id()), new_public_code("FC", length=20), new_token("secret")
    await tx.execute(
        store.ADD_CLIENT,
        id_,
        ctx.tenant,
        client_id,
        hash_token(secret),
        checked,
        customer_id,
        list(wanted),
        clock.now(),
    )
    await tenancy.add_door(tx, tenancy.DoorKind.API_CLIENT, client_id, ctx.tenant)
    await audit.record(
        tx, ctx, "client.created", subject_kind="api_client", subject_id=id_,
        detail={"scopes": list(wanted), "customer_id": customer_id},
    )  # fmt: skip
    await outbox.announce(tx, (ctx.tenant, ApiClientCreated(id_)))
    return await get_api_client(tx, ctx, id_), secret


async def revoke_api_client(tx: Tx, ctx: Ctx, *, api_client_id: ApiClientId) -> ApiClient:
    """Ends a machine's credentials and every access token that came of them; doing it twice changes nothing."""
    ctx.require("clients.edit")
    client = await get_api_client(tx, ctx, api_client_id)
    if await tx.execute(store.REVOKE_CLIENT, api_client_id, clock.now()) == 0:
        return client
    await tenancy.remove_door(tx, tenancy.DoorKind.API_CLIENT, client.client_id, ctx.tenant)
    await end_sessions(tx, api_client_id=api_client_id)
    await audit.record(tx, ctx, "client.revoked", subject_kind="api_client", subject_id=api_client_id)
    await outbox.announce(tx, (ctx.tenant, ApiClientRevoked(api_client_id)))
    return await get_api_client(tx, ctx, api_client_id)


async def get_api_client(tx: Tx, ctx: Ctx, api_client_id: ApiClientId) -> ApiClient:
    """One API client of the tenant. Raises NotFound."""
    if not ctx.has("clients.edit"):
        ctx.require("clients.read")
    row = await tx.fetchrow(store.CLIENT, api_client_id)
    if row is None:
        raise NotFound("client")
    return _client(row)


async def clients_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[ApiClientId]) -> dict[ApiClientId, ApiClient]:
    """Several API clients of the tenant at once, those that exist."""
    ctx.require("clients.read")
    return {ApiClientId(row["id"]): _client(row) for row in await tx.fetch(store.CLIENTS_BY_IDS, list(ids))}


async def list_api_clients(
    tx: Tx, ctx: Ctx, *, after: ApiClientId | None = None, count: int = limits.PAGE_DEFAULT
) -> list[ApiClient]:
    """A page of the tenant's API clients, also revoked ones, newest first."""
    ctx.require("clients.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    return [_client(row) for row in await tx.fetch(store.LIST_CLIENTS, after, count)]
