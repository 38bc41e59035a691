"""Use cases of endpoints: make, change, switch on and off, delete, give another secret.

The URL is looked at by who calls (errands), since looking up a name is a network away; and again at every send.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import Tx
from fondaco_core.errors import Conflict, Invalid, NotFound, StaleVersion
from fondaco_core.ids import TenantId, WebhookEndpointId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants.webhooks import rules, store
from fondaco_tenants.webhooks.errors import TooManyEndpoints
from fondaco_tenants.webhooks.events import EndpointStopped
from fondaco_tenants.webhooks.rules import EndpointState

_DESCRIPTION_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that hears of some types of events; its secrets are nowhere in it."""

    id: WebhookEndpointId
    url: str
    description: str
    event_types: tuple[str, ...]
    state: EndpointState
    api_version: str
    concurrency: int
    failing_since: datetime | None
    paused_until: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """That a secret signs, and until when; not the secret."""

    id: UUID
    created_at: datetime
    expires_at: datetime | None


def to_endpoint(row: Any) -> Endpoint:
    """An endpoint as the database has it."""
    fields = {name: row[name] for name in Endpoint.__dataclass_fields__}
    fields |= {"event_types": tuple(row["event_types"]), "state": EndpointState(row["state"])}
    return Endpoint(**fields)


async def create_endpoint(
    tx: Tx, ctx: Ctx, *, url: str, event_types: Sequence[str], description: str = "", concurrency: int = 2
) -> tuple[Endpoint, Secret[str]]:
    """Has a merchant's own system hear of some types of events; the secret is shown once.

    Raises UnknownEventType, TooManyEndpoints, Invalid.
    """
    ctx.require("webhooks.edit")
    await tenancy.require_active(tx, ctx)
    types, said = rules.checked_types(event_types), _checked(description, concurrency)
    await tx.execute(store.LOCK_COUNT, ctx.tenant)
    if await tx.fetchval(store.COUNT_ENDPOINTS) >= limits.WEBHOOK_ENDPOINTS_MAX:
        raise TooManyEndpoints
    id_ = WebhookEndpointId(new_id())
    row = await tx.fetchrow(
        store.ADD_ENDPOINT, id_, ctx.tenant, url, said, types, rules.API_VERSION, concurrency, clock.now()
    )
    secret = await _add_secret(tx, ctx, id_)
    await outbox.listen(tx, ctx.tenant)
    await _recorded(tx, ctx, "created", id_, {"event_types": types})
    return to_endpoint(row), secret


async def update_endpoint(
    tx: Tx,
    ctx: Ctx,
    *,
    endpoint_id: WebhookEndpointId,
    version: int,
    url: str | None = None,
    event_types: Sequence[str] | None = None,
    description: str | None = None,
    concurrency: int | None = None,
) -> Endpoint:
    """Changes what an endpoint hears of, and where; what is None stays. Raises StaleVersion, UnknownEventType, Invalid."""
    ctx.require("webhooks.edit")
    found = await _locked(tx, endpoint_id)
    if found.version != version:
        raise StaleVersion("endpoint", current_version=found.version)
    types = list(found.event_types) if event_types is None else rules.checked_types(event_types)
    many = found.concurrency if concurrency is None else concurrency
    said = _checked(found.description if description is None else description, many)
    row = await tx.fetchrow(store.UPDATE_ENDPOINT, endpoint_id, found.url if url is None else url, said, types, many)
    await _recorded(
        tx, ctx, "changed", endpoint_id, {"event_types": types, "url_changed": url not in {None, found.url}}
    )
    return to_endpoint(row)


async def delete_endpoint(tx: Tx, ctx: Ctx, *, endpoint_id: WebhookEndpointId) -> None:
    """Ends an endpoint for good: its secrets are gone, and what was still to be sent is dropped."""
    ctx.require("webhooks.edit")
    await _locked(tx, endpoint_id)
    now = clock.now()
    await tx.execute(store.DELETE_ENDPOINT, endpoint_id, now)
    await tx.execute(store.DELETE_SECRETS, endpoint_id)
    dropped = await tx.execute(store.DROP_PENDING, endpoint_id, now)
    await _recorded(tx, ctx, "deleted", endpoint_id, {"dropped": dropped})


async def enable_endpoint(tx: Tx, ctx: Ctx, *, endpoint_id: WebhookEndpointId) -> Endpoint:
    """Has an endpoint hear again, with a clean record; what waited for it is sent now."""
    ctx.require("webhooks.edit")
    await tenancy.require_active(tx, ctx)
    found = await _locked(tx, endpoint_id)
    if found.state is EndpointState.ENABLED:
        return found
    row = await tx.fetchrow(store.ENABLE_ENDPOINT, endpoint_id)
    await _recorded(tx, ctx, "enabled", endpoint_id, {})
    return to_endpoint(row)


async def disable_endpoint(tx: Tx, ctx: Ctx, *, endpoint_id: WebhookEndpointId) -> Endpoint:
    """Has an endpoint hear nothing until somebody enables it; what was still to be sent waits."""
    ctx.require("webhooks.edit")
    found = await _locked(tx, endpoint_id)
    return found if found.state is EndpointState.DISABLED else await stop_endpoint(tx, ctx, endpoint_id, "BY_HAND")


async def stop_endpoint(tx: Tx, ctx: Ctx, endpoint_id: WebhookEndpointId, reason: str) -> Endpoint:
    """Disables an endpoint, by hand or because it asked for it or failed for too long; on record and announced."""
    if not ctx.has("system.run"):
        ctx.require("webhooks.edit")
    row = await tx.fetchrow(store.DISABLE_ENDPOINT, endpoint_id, clock.now(), reason)
    await _recorded(tx, ctx, "disabled", endpoint_id, {"reason": reason})
    await outbox.announce(tx, (ctx.tenant, EndpointStopped(endpoint_id, reason)))
    return to_endpoint(row)


async def rotate_secret(
    tx: Tx, ctx: Ctx, *, endpoint_id: WebhookEndpointId, overlap_hours: int = limits.WEBHOOK_OVERLAP_HOURS
) -> Secret[str]:
    """Gives an endpoint another secret, shown once; those before it sign as well until the overlap is over.

    Raises Invalid for an overlap that is none, Conflict when too many secrets are still valid.
    """
    ctx.require("webhooks.edit")
    if not 0 <= overlap_hours <= limits.WEBHOOK_OVERLAP_HOURS_MAX:
        raise Invalid(
            f"The overlap is from 0 to {limits.WEBHOOK_OVERLAP_HOURS_MAX} hours.",
            zh=f"重叠时间须为 0 至 {limits.WEBHOOK_OVERLAP_HOURS_MAX} 小时。",
            path=("overlap_hours",),
        )
    await _locked(tx, endpoint_id)
    now = clock.now()
    valid = await secrets_of(tx, ctx, [endpoint_id])
    if overlap_hours > 0 and len(valid[endpoint_id]) >= limits.WEBHOOK_SECRETS_MAX:
        raise Conflict(
            f"{limits.WEBHOOK_SECRETS_MAX} secrets are valid already; wait for one to end, or rotate without an overlap.",
            zh=f"已有 {limits.WEBHOOK_SECRETS_MAX} 个有效密钥；请等待其中一个到期，或不设重叠时间。",
        )
    await tx.execute(store.END_SECRETS, endpoint_id, now + timedelta(hours=overlap_hours))
    secret = await _add_secret(tx, ctx, endpoint_id)
    await _recorded(tx, ctx, "secret_rotated", endpoint_id, {"overlap_hours": overlap_hours})
    return secret


async def merchants_hearing(
    tx: Tx, ctx: Ctx, *, kind: str, after: TenantId | None = None, count: int = limits.PAGE_MAX
) -> list[TenantId]:
    """The next merchants with an endpoint that wants to hear of a type; in a transaction as fondaco_platform."""
    ctx.require("system.run")
    return [TenantId(row["tenant_id"]) for row in await tx.fetch(store.HEARING, kind, after, count)]


async def list_endpoints(
    tx: Tx, ctx: Ctx, *, after: WebhookEndpointId | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Endpoint]:
    """A page of the merchant's endpoints, newest first."""
    ctx.require("webhooks.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    return [to_endpoint(row) for row in await tx.fetch(store.LIST_ENDPOINTS, after, count)]


async def endpoints_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[WebhookEndpointId]) -> dict[WebhookEndpointId, Endpoint]:
    """Several endpoints at once, those that exist."""
    ctx.require("webhooks.read")
    return {WebhookEndpointId(row["id"]): to_endpoint(row) for row in await tx.fetch(store.ENDPOINTS_BY_IDS, list(ids))}


async def get_endpoint(tx: Tx, ctx: Ctx, endpoint_id: WebhookEndpointId) -> Endpoint:
    """One endpoint. Raises NotFound."""
    if not ctx.has("webhooks.edit"):
        ctx.require("webhooks.read")
    rows = await tx.fetch(store.ENDPOINTS_BY_IDS, [endpoint_id])
    if not rows:
        raise NotFound("endpoint")
    return to_endpoint(rows[0])


async def secrets_of(
    tx: Tx, ctx: Ctx, ids: Sequence[WebhookEndpointId]
) -> Mapping[WebhookEndpointId, list[SigningSecret]]:
    """Which secrets sign an endpoint's messages now, newest first."""
    if not ctx.has("webhooks.edit"):
        ctx.require("webhooks.read")
    found: dict[WebhookEndpointId, list[SigningSecret]] = {id_: [] for id_ in ids}
    for row in await tx.fetch(store.SECRETS, list(ids), clock.now()):
        found[row["endpoint_id"]].append(SigningSecret(row["id"], row["created_at"], row["expires_at"]))
    return found


async def open_secrets(tx: Tx, ctx: Ctx, endpoint_id: WebhookEndpointId) -> list[Secret[bytes]]:
    """The secrets that sign an endpoint's messages now, for the sender alone."""
    ctx.require("system.run")
    rows = await tx.fetch(store.SEALED_SECRETS, endpoint_id, clock.now(), limits.WEBHOOK_SECRETS_MAX)
    return [await keyring().open(row["sealed"], aad=bound_to("webhook_secret", row["id"], ctx.tenant)) for row in rows]


async def _add_secret(tx: Tx, ctx: Ctx, endpoint_id: WebhookEndpointId) -> Secret[str]:
    id_, material = new_id(), os.urandom(limits.WEBHOOK_SECRET_BYTES)
    key = await keyring().sealing_key(ctx.tenant)
    sealed = key.seal(material, aad=bound_to("webhook_secret", id_, ctx.tenant))
    await tx.execute(store.ADD_SIGNING, id_, ctx.tenant, endpoint_id, sealed, clock.now())
    return rules.new_secret_text(material)


async def _locked(tx: Tx, endpoint_id: WebhookEndpointId) -> Endpoint:
    row = await tx.fetchrow(store.LOCK_ENDPOINT, endpoint_id)
    if row is None:
        raise NotFound("endpoint")
    return to_endpoint(row)


def _checked(description: str, concurrency: int) -> str:
    said = " ".join(description.split())
    if len(said) > _DESCRIPTION_CHARS_MAX or "\0" in said:
        raise Invalid(
            f"A description has at most {_DESCRIPTION_CHARS_MAX} characters.",
            zh=f"说明最多 {_DESCRIPTION_CHARS_MAX} 个字符。",
            path=("description",),
        )
    if not 1 <= concurrency <= limits.WEBHOOK_CONCURRENCY_MAX:
        raise Invalid(
            f"From 1 to {limits.WEBHOOK_CONCURRENCY_MAX} messages are on their way to an endpoint at once.",
            zh=f"每个回调地址的并发数须为 1 至 {limits.WEBHOOK_CONCURRENCY_MAX}。",
            path=("concurrency",),
        )
    return said


async def _recorded(tx: Tx, ctx: Ctx, what: str, endpoint_id: WebhookEndpointId, detail: Mapping[str, object]) -> None:
    await audit.record(
        tx, ctx, f"webhook_endpoint.{what}", subject_kind="webhook_endpoint", subject_id=endpoint_id, detail=detail
    )
