"""Actors of webhooks: what happened becomes messages, messages are sent, old ones are forgotten."""

from datetime import datetime

import orjson

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing, transaction
from fondaco_tenants import webhooks
from fondaco_workers.actor import actor


@actor(name="webhooks.tell", permissions={"system.run"})
async def tell(ctx: Ctx, *, event: str, fact: str, happened_at: datetime, told: str) -> None:
    """Makes messages of a fact for the endpoints that want to hear of it."""
    async with transaction(ctx) as tx:
        await webhooks.tell(tx, ctx, event=event, fact=fact, happened_at=happened_at, told=orjson.loads(told))


# Slow, since a run may wait for endpoints: it has one thread of a worker, however many messages are on their way.
@actor(name="webhooks.send_due", permissions={"system.run"}, deadline_s=600, slow=True)
async def send_due(ctx: Ctx) -> None:
    """Sends every message whose time has come; while another run of this process does, that one is told to look."""
    await webhooks.send_due(ctx)


@actor(name="webhooks.forget", permissions={"system.run"}, deadline_s=600)
async def forget(ctx: Ctx) -> None:
    """Deletes messages that nobody asks about any more."""
    for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
        async with governing(ctx) as tx:
            if await webhooks.forget_old(tx, ctx) < limits.CLEAN_UP_ROWS:
                return
