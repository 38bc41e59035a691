"""Webhooks go out: claim what is due, send it, record how it went.

One run has many messages on their way at once, in one worker's thread: an endpoint that does not answer holds one of a few
places kept for such, and none of those that others wait for. What is claimed and not recorded, because the process died,
is due again after limits.WEBHOOK_LEASE_S: a message arrives at least once, always under the same id. The order in which
messages arrive is not promised.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

import orjson

from fondaco_core import clock, http, limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.http import Answer, ForbiddenAddress, Request, Unanswered
from fondaco_core.ids import TenantId, WebhookEndpointId, WebhookMessageId, new_id
from fondaco_core.logs import get_logger
from fondaco_tenants.webhooks import rules, store
from fondaco_tenants.webhooks.errors import UrlUnresolved
from fondaco_tenants.webhooks.rules import AttemptFailure, EndpointState
from fondaco_tenants.webhooks.service.endpoints import open_secrets, stop_endpoint

log = get_logger(__name__)

_REASONS: Final = {
    "deadline": AttemptFailure.TIMEOUT,
    "resolve": AttemptFailure.RESOLVE,
    "connect": AttemptFailure.CONNECT,
    "tls": AttemptFailure.TLS,
}


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A message that this process sends: which attempt it is, and its place in the schedule."""

    id: WebhookMessageId
    tenant_id: TenantId
    endpoint_id: WebhookEndpointId
    attempt: int
    tries: int


async def check_url(ctx: Ctx, url: str) -> None:
    """Looks whether messages could be sent there: a public address, by https. Raises ForbiddenAddress, UrlUnresolved."""
    ctx.require("webhooks.edit")
    try:
        await http.check(url)
    except Unanswered:
        raise UrlUnresolved from None


class _Run:
    """One run of the sender: takes what is due until there is nothing, or its time is over, and waits for every answer."""

    # The one of this process that takes on new messages.
    taking: "_Run | None" = None

    def __init__(self, ctx: Ctx) -> None:
        self._ctx = ctx
        self._until = time.monotonic() + limits.WEBHOOK_RUN_S
        # What is on its way, and whether it holds a place of the slow.
        self._flying: dict[asyncio.Task[None], bool] = {}
        self.bell = asyncio.Event()

    async def go(self) -> int:
        """Sends, and says how many attempts were made."""
        made = 0
        try:
            while True:
                if time.monotonic() < self._until:
                    self.bell.clear()
                    made += await self._take()
                elif _Run.taking is self:
                    _Run.taking = None
                if not self._flying and not (self.bell.is_set() and _Run.taking is self):
                    return made
                await self._wait()
        finally:
            if _Run.taking is self:
                _Run.taking = None
            for task in self._flying:
                task.cancel()
            await asyncio.gather(*self._flying, return_exceptions=True)

    async def _take(self) -> int:
        made = 0
        for slow in (False, True):
            room = limits.WEBHOOK_SENDS_MAX - len(self._flying)
            if slow:
                room = min(room, limits.WEBHOOK_SLOW_SENDS_MAX - sum(self._flying.values()))
            if room <= 0:
                continue
            async with governing(self._ctx) as tx:
                rows = await tx.fetch(store.CLAIM, clock.now(), slow, room, limits.WEBHOOK_LEASE_S)
            for row in rows:
                claimed = _Claimed(row["id"], row["tenant_id"], row["endpoint_id"], row["attempts"], row["tries"])
                self._flying[asyncio.create_task(_send_safely(claimed))] = slow
            made += len(rows)
        return made

    async def _wait(self) -> None:
        """Until something was answered, somebody rings, or it is time to look again."""
        if not self._flying:
            return
        ringing = asyncio.create_task(self.bell.wait())
        try:
            done, _ = await asyncio.wait(
                {*self._flying, ringing}, timeout=limits.WEBHOOK_LOOK_S, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ringing.cancel()
        for task in done:
            self._flying.pop(task, None)  # type: ignore[arg-type]


async def send_due(ctx: Ctx) -> int:
    """Sends every message whose time has come, and says how many attempts it made; one such run at a time in a process."""
    ctx.require("system.run")
    if _Run.taking is not None:
        _Run.taking.bell.set()
        return 0
    _Run.taking = _Run(ctx)
    return await _Run.taking.go()


async def _send_safely(claimed: _Claimed) -> None:
    """One message's trouble is no other's; what was not recorded is due again when the claim runs out."""
    try:
        await _send(claimed)
    except Exception as error:  # the edge of one message's work
        log.warning("webhook.unsettled", message=str(claimed.id), attempt=claimed.attempt, exc_info=error)


async def _send(claimed: _Claimed) -> None:
    ctx = system_ctx("webhooks.send", tenant_id=claimed.tenant_id, permissions=frozenset({"system.run"}))
    async with reading(ctx) as tx:
        row = await tx.fetchrow(store.TO_SEND, claimed.id, claimed.attempt)
        secrets = [] if row is None else await open_secrets(tx, ctx, claimed.endpoint_id)
    if row is None or not secrets:
        async with transaction(ctx) as tx:
            await tx.execute(store.GIVE_BACK, claimed.id, claimed.attempt, clock.now())
        return
    name, sent_at, began = rules.message_name(claimed.id), clock.now(), time.monotonic()
    body = rules.body_of(
        kind=row["type"], happened_at=row["happened_at"], data=orjson.loads(row["payload"]),
        api_version=row["api_version"],
    )  # fmt: skip
    timestamp = int(sent_at.timestamp())
    headers = {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": rules.signatures(secrets, name=name, timestamp=timestamp, body=body),
    }
    answer, failure = await _exchange(row["url"], headers, body)
    duration_s = time.monotonic() - began
    await _record(ctx, claimed, answer, failure, sent_at=sent_at, duration_s=duration_s)


async def _exchange(url: str, headers: dict[str, str], body: bytes) -> tuple[Answer | None, AttemptFailure | None]:
    request = Request(
        "POST", url, headers=headers, body=body, timeout_s=limits.WEBHOOK_TIMEOUT_S,
        answer_bytes_max=limits.WEBHOOK_ANSWER_BYTES_MAX, cut=True,
    )  # fmt: skip
    try:
        return await http.send(request), None
    except ForbiddenAddress:
        return None, AttemptFailure.FORBIDDEN_ADDRESS
    except Unanswered as unanswered:
        return None, _REASONS.get(unanswered.reason, AttemptFailure.BROKEN)


async def _record(
    ctx: Ctx,
    claimed: _Claimed,
    answer: Answer | None,
    failure: AttemptFailure | None,
    *,
    sent_at: Any,
    duration_s: float,
) -> None:
    now = clock.now()
    async with transaction(ctx) as tx:
        # The endpoint first, as everybody locks.
        endpoint = await tx.fetchrow(store.LOCK_ENDPOINT, claimed.endpoint_id)
        outcome = rules.after_attempt(
            message_id=claimed.id,
            tries=claimed.tries,
            status=None if answer is None else answer.status,
            failure=failure,
            retry_after=None if answer is None else rules.retry_after_s(answer.headers.get("retry-after"), now=now),
            failing_since=None if endpoint is None else endpoint["failing_since"],
            now=now,
        )
        await tx.execute(
            store.ADD_ATTEMPT, new_id(), ctx.tenant, claimed.id, claimed.attempt, sent_at, round(duration_s * 1000),
            None if answer is None else answer.status, None if outcome.failure is None else outcome.failure.value,
            "" if answer is None else rules.cleaned_answer(answer.body),
        )  # fmt: skip
        await tx.execute(store.SETTLE, claimed.id, claimed.attempt, outcome.state.value, outcome.due_at, now)
        if endpoint is None or endpoint["state"] == EndpointState.DISABLED.value:
            return
        if outcome.failure is None:
            await tx.execute(store.ANSWERED, claimed.endpoint_id, duration_s > limits.WEBHOOK_SLOW_S)
            return
        await tx.execute(store.FAILED, claimed.endpoint_id, now, outcome.paused_until)
        if outcome.disable is not None:
            await stop_endpoint(tx, ctx, claimed.endpoint_id, outcome.disable)
            log.warning("webhook.disabled", endpoint=str(claimed.endpoint_id), reason=outcome.disable)
