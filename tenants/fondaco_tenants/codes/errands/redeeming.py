"""Redemption at its door: who guesses is shut out, and what was wrong is counted although it changed nothing else.

A refusal takes back all that its transaction has done, so that what must stay of it, the count, has one of its own.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from fondaco_core import clock, limits, outbox
from fondaco_core.addresses import household
from fondaco_core.context import Ctx
from fondaco_core.crypto import keyed_hash
from fondaco_core.db import Tx, reading, transaction
from fondaco_core.db.idempotency import claim, store
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants.codes.errors_own import TooManyWrongCodes, UnknownCode
from fondaco_tenants.codes.events import RedemptionAlarm
from fondaco_tenants.codes.service import redeem
from fondaco_tenants.codes.service.redeem import Redemption, Verified


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may come again: its key, what it asks for, and a keyed hash of its input."""

    key: str
    operation: str
    input_hash: bytes


async def verify_code(ctx: Ctx, *, text: Secret[str]) -> Verified:
    """Says whether a code can be redeemed. Raises CodeMistyped, UnknownCode, TooManyWrongCodes."""
    ctx.require("codes.verify")
    async with _guarded(ctx), transaction(ctx) as tx:
        return await redeem.verify_code(tx, ctx, text=text)


async def lock_code(
    ctx: Ctx, *, text: Secret[str], lease_s: int | None = None, reference: str | None = None, asked: Asked | None = None
) -> Redemption:
    """Keeps a code for the asker for a while; see service.redeem. Raises TooManyWrongCodes, too."""
    ctx.require("codes.redeem")

    async def lock(tx: Tx, redemption_id: UUID) -> Redemption:
        return await redeem.lock_code(
            tx, ctx, redemption_id=redemption_id, text=text, reference=reference,
            lease_s=limits.REDEMPTION_LOCK_S if lease_s is None else lease_s,
        )  # fmt: skip

    return await _once(ctx, asked, lock)


async def redeem_code(
    ctx: Ctx, *, text: Secret[str], reference: str | None = None, asked: Asked | None = None
) -> Redemption:
    """Redeems a code, once; see service.redeem. Raises TooManyWrongCodes, too."""
    ctx.require("codes.redeem")
    return await _once(
        ctx,
        asked,
        lambda tx, redemption_id: redeem.redeem_code(
            tx, ctx, redemption_id=redemption_id, text=text, reference=reference
        ),
    )


async def _once(ctx: Ctx, asked: Asked | None, work: Callable[[Tx, UUID], Awaitable[Redemption]]) -> Redemption:
    """Does the work in a transaction; a repeated request is answered with what the first one did."""
    redemption_id = redeem.fresh_redemption_id()
    async with _guarded(ctx), transaction(ctx) as tx:
        if asked is None:
            return await work(tx, redemption_id)
        kept = await claim(tx, ctx, key=asked.key, operation=asked.operation, input_hash=asked.input_hash)
        if kept is not None:
            return await redeem.get_redemption(tx, ctx, redemption_id=UUID(kept["redemption_id"]))
        done = await work(tx, redemption_id)
        await store(tx, ctx, key=asked.key, answer={"redemption_id": str(done.id)})
        return done


@asynccontextmanager
async def _guarded(ctx: Ctx) -> AsyncGenerator[None]:
    """Shuts out who has shown too many unknown codes lately, and counts one that is shown now."""
    bounds = {
        _key(ctx, f"asker|{ctx.actor.value}|{ctx.actor_id}"): limits.REDEMPTION_MISSES_MAX,
        _key(ctx, f"address|{household(ctx.ip)}"): limits.REDEMPTION_MISSES_ADDRESS_MAX,
    }
    window = timedelta(seconds=limits.REDEMPTION_MISSES_S)
    now = clock.now()
    async with reading(ctx) as tx:
        found = await redeem.misses_of(tx, ctx, keys=list(bounds), since=now - window)
    ends = [since + window for key, (misses, since) in found.items() if misses >= bounds[key]]
    if ends:
        raise TooManyWrongCodes(max(1, int((max(ends) - now).total_seconds())))
    try:
        yield
    except UnknownCode:
        await _count(ctx, bounds, now - window)
        raise


async def _count(ctx: Ctx, bounds: dict[bytes, int], since: datetime) -> None:
    async with transaction(ctx) as tx:
        counted = await redeem.count_miss(tx, ctx, keys=list(bounds), since=since)
        # The one that fills the measure is told, once.
        full = [misses for key, misses in counted.items() if misses == bounds[key]]
        if full:
            alarm = RedemptionAlarm(ctx.actor.value, ctx.actor_id, max(full), limits.REDEMPTION_MISSES_S)
            await outbox.announce(tx, (ctx.tenant, alarm))


def _key(ctx: Ctx, text: str) -> bytes:
    return keyed_hash(keyring().lookup_key, "redemption", f"{ctx.tenant}|{text}")
