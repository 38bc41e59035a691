"""Use cases of messages: tell a fact to who wants to hear of it, list what was told, send it again, forget it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import WebhookEndpointId, WebhookMessageId, new_id
from fondaco_tenants.webhooks import rules, store
from fondaco_tenants.webhooks.errors import EndpointDisabled
from fondaco_tenants.webhooks.events import MessagesWaiting
from fondaco_tenants.webhooks.rules import AttemptFailure, EndpointState, MessageState
from fondaco_tenants.webhooks.service.endpoints import get_endpoint


@dataclass(frozen=True, slots=True)
class Message:
    """One fact for one endpoint, and what became of it. `body` is what is sent, to the byte."""

    id: WebhookMessageId
    endpoint_id: WebhookEndpointId
    name: str
    type: str
    body: bytes
    happened_at: datetime
    state: MessageState
    attempts: int
    due_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt went."""

    id: UUID
    number: int
    sent_at: datetime
    duration_ms: int
    status: int | None
    failure: AttemptFailure | None
    answer: str


def _message(row: Any) -> Message:
    id_, state = WebhookMessageId(row["id"]), MessageState(row["state"])
    body = rules.body_of(
        kind=row["type"], happened_at=row["happened_at"], data=orjson.loads(row["payload"]),
        api_version=row["api_version"],
    )  # fmt: skip
    return Message(
        id=id_, endpoint_id=WebhookEndpointId(row["endpoint_id"]), name=rules.message_name(id_), type=row["type"], body=body,
        happened_at=row["happened_at"], state=state, attempts=row["attempts"],
        due_at=row["due_at"] if state is MessageState.PENDING else None, ended_at=row["ended_at"],
    )  # fmt: skip


async def tell(tx: Tx, ctx: Ctx, *, event: str, fact: str, happened_at: datetime, told: Mapping[str, object]) -> int:
    """Makes a message of a fact for every endpoint that wants to hear of it, and says how many; twice makes them once."""
    ctx.require("system.run")
    public, payload = rules.public_payload(event, told)
    endpoints = [row["id"] for row in await tx.fetch(store.LISTENERS, public.name)]
    return await _add(tx, ctx, endpoints, public.name, payload, fact=fact, happened_at=happened_at)


async def send_test(tx: Tx, ctx: Ctx, *, endpoint_id: WebhookEndpointId) -> Message:
    """Sends an endpoint a message of the type webhook.test. Raises NotFound, EndpointDisabled."""
    ctx.require("webhooks.edit")
    await tenancy.require_active(tx, ctx)
    endpoint = await get_endpoint(tx, ctx, endpoint_id)
    if endpoint.state is EndpointState.DISABLED:
        raise EndpointDisabled
    payload = {"endpointId": rules.opaque_id("WebhookEndpoint", endpoint_id)}
    fact = f"test {new_id()}"
    await _add(tx, ctx, [endpoint_id], rules.TEST.name, payload, fact=fact, happened_at=clock.now())
    await audit.record(tx, ctx, "webhook_endpoint.tested", subject_kind="webhook_endpoint", subject_id=endpoint_id)
    page = await list_messages(tx, ctx, endpoint_id=endpoint_id, count=1)
    return page[0]


async def _add(
    tx: Tx,
    ctx: Ctx,
    endpoints: Sequence[UUID],
    kind: str,
    payload: Mapping[str, Any],
    *,
    fact: str,
    happened_at: datetime,
) -> int:
    if not endpoints:
        return 0
    added = await tx.execute(
        store.ADD_MESSAGES, [new_id() for _ in endpoints], list(endpoints), ctx.tenant, fact, kind,
        orjson.dumps(dict(payload)).decode(), happened_at, clock.now(),
    )  # fmt: skip
    if added:
        await outbox.announce(tx, (ctx.tenant, MessagesWaiting(added)))
    return added


async def list_messages(
    tx: Tx,
    ctx: Ctx,
    *,
    endpoint_id: WebhookEndpointId | None = None,
    state: MessageState | None = None,
    after: WebhookMessageId | None = None,
    count: int = limits.PAGE_DEFAULT,
) -> list[Message]:
    """A page of what was told, newest first."""
    if not ctx.has("webhooks.edit"):
        ctx.require("webhooks.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    named = None if state is None else state.value
    rows = await tx.fetch(store.LIST_MESSAGES, ctx.tenant, endpoint_id, named, after, count)
    return [_message(row) for row in rows]


async def messages_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[WebhookMessageId]) -> dict[WebhookMessageId, Message]:
    """Several messages at once, those that exist."""
    if not ctx.has("webhooks.edit"):
        ctx.require("webhooks.read")
    return {WebhookMessageId(row["id"]): _message(row) for row in await tx.fetch(store.MESSAGES_BY_IDS, list(ids))}


async def list_attempts(
    tx: Tx, ctx: Ctx, *, message_id: WebhookMessageId, after: UUID | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Attempt]:
    """A page of a message's attempts, newest first."""
    ctx.require("webhooks.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    return [
        Attempt(
            id=row["id"], number=row["number"], sent_at=row["sent_at"], duration_ms=row["duration_ms"],
            status=row["status"], failure=None if row["failure"] is None else AttemptFailure(row["failure"]),
            answer=row["answer"],
        )
        for row in await tx.fetch(store.LIST_ATTEMPTS, message_id, after, count)
    ]  # fmt: skip


async def resend_message(tx: Tx, ctx: Ctx, *, message_id: WebhookMessageId) -> Message:
    """Sends a message again, whatever became of it, under the same id. Raises NotFound, EndpointDisabled."""
    ctx.require("webhooks.edit")
    await tenancy.require_active(tx, ctx)
    found = (await messages_by_ids(tx, ctx, [message_id])).get(message_id)
    if found is None:
        raise NotFound("message")
    await _require_open(tx, ctx, found.endpoint_id)
    if await tx.execute(store.RESEND, message_id, clock.now()):
        await audit.record(tx, ctx, "webhook_message.resent", subject_kind="webhook_message", subject_id=message_id)
        await outbox.announce(tx, (ctx.tenant, MessagesWaiting(1)))
    return (await messages_by_ids(tx, ctx, [message_id]))[message_id]


async def resend_failed(tx: Tx, ctx: Ctx, *, endpoint_id: WebhookEndpointId, since: datetime) -> int:
    """Sends again what an endpoint did not take since a moment, at most WEBHOOK_RESENDS_MAX, and says how many."""
    ctx.require("webhooks.edit")
    await tenancy.require_active(tx, ctx)
    await _require_open(tx, ctx, endpoint_id)
    count = await tx.execute(store.RESEND_FAILED, endpoint_id, since, clock.now(), limits.WEBHOOK_RESENDS_MAX)
    if count:
        await audit.record(
            tx, ctx, "webhook_endpoint.resent", subject_kind="webhook_endpoint", subject_id=endpoint_id,
            detail={"messages": count, "since": since},
        )  # fmt: skip
        await outbox.announce(tx, (ctx.tenant, MessagesWaiting(count)))
    return count


async def _require_open(tx: Tx, ctx: Ctx, endpoint_id: WebhookEndpointId) -> None:
    if (await get_endpoint(tx, ctx, endpoint_id)).state is EndpointState.DISABLED:
        raise EndpointDisabled


async def forget_old(tx: Tx, ctx: Ctx) -> int:
    """Deletes messages, attempts and secrets whose time is over, a bounded number, and says how many messages."""
    ctx.require("system.run")
    now = clock.now()
    before = now - timedelta(days=limits.WEBHOOK_KEPT_DAYS)
    await tx.execute(store.FORGET_SECRETS, now)
    await tx.execute(store.DROP_OLD, before, limits.CLEAN_UP_ROWS, now)
    return await tx.execute(store.FORGET_MESSAGES, before, limits.CLEAN_UP_ROWS)
