"""Actors of the vault: imports that were asked for, and what time does to codes and uploads."""

from datetime import datetime
from uuid import UUID

from fondaco_core.context import Ctx
from fondaco_core.db import governing, transaction
from fondaco_core.ids import BatchId, CodeId
from fondaco_core.logs import get_logger
from fondaco_tenants import codes
from fondaco_workers.actor import actor

log = get_logger(__name__)


@actor(name="codes.import_batch", permissions={"codes.import", "codes.read"}, deadline_s=3_600, slow=True)
async def import_batch(ctx: Ctx, *, batch_id: BatchId) -> None:
    """Imports an upload from wherever it stands to its end."""
    await codes.run_import(ctx, batch_id=batch_id)


@actor(name="codes.record_collisions", permissions={"system.run"})
async def record_collisions(ctx: Ctx, *, code_ids: list[UUID]) -> None:
    """Writes down for the platform which codes came that another merchant has."""
    async with governing(ctx) as tx:
        await codes.record_collisions(tx, ctx, code_ids=[CodeId(code_id) for code_id in code_ids])
    log.warning("codes.collided", count=len(code_ids))


@actor(name="codes.record_probing", permissions={"system.run"})
async def record_probing(ctx: Ctx, *, hits: int, since: datetime) -> None:
    """Writes down for the platform that a merchant tries out codes that others have."""
    async with governing(ctx) as tx:
        await codes.record_probing(tx, ctx, hits=hits, since=since)
    log.warning("codes.probed", tenant_id=str(ctx.tenant), hits=hits)


@actor(name="codes.expire", permissions={"system.run"}, deadline_s=600)
async def expire(ctx: Ctx) -> None:
    """Takes codes whose time is over out of stock."""
    expired = await codes.expire_codes(ctx)
    if expired:
        log.info("codes.expired", count=expired)


@actor(name="codes.forget_uploads", permissions={"system.run"}, deadline_s=600)
async def forget_uploads(ctx: Ctx) -> None:
    """Drops uploads that nobody imported in time."""
    await codes.forget_uploads(ctx)


@actor(name="codes.resume_imports", permissions={"codes.import"})
async def resume_imports(ctx: Ctx) -> None:
    """Has the imports of a merchant go on that may trade again."""
    async with transaction(ctx) as tx:
        resumed = await codes.resume_imports(tx, ctx)
    if resumed:
        log.info("imports.resumed", tenant_id=str(ctx.tenant), count=resumed)


@actor(name="codes.forget_lines", permissions={"system.run"}, deadline_s=600)
async def forget_lines(ctx: Ctx) -> None:
    """Forgets what lines of old imports said that were not accepted."""
    await codes.forget_lines(ctx)


@actor(name="codes.watch_stock", permissions={"system.run"}, deadline_s=300)
async def watch_stock(ctx: Ctx) -> None:
    """Announces which pools have little, nothing, or something again."""
    announced = await codes.watch_stock(ctx)
    if announced:
        log.info("stock.announced", count=announced)


@actor(name="codes.watch_expiry", permissions={"system.run"}, deadline_s=600)
async def watch_expiry(ctx: Ctx) -> None:
    """Announces which imports have units near their expiry."""
    announced = await codes.watch_expiry(ctx)
    if announced:
        log.info("expiry.announced", count=announced)


@actor(name="codes.make", permissions={"codes.import", "codes.read"}, deadline_s=600, slow=True)
async def make(ctx: Ctx, *, batch_id: BatchId) -> None:
    """Makes codes of a merchant's own that were asked for."""
    await codes.make_codes(ctx, batch_id=batch_id)


@actor(name="codes.forget_misses", permissions={"system.run"})
async def forget_misses(ctx: Ctx) -> None:
    """Forgets who showed codes that do not exist, once it does not count any more."""
    async with governing(ctx) as tx:
        await codes.forget_misses(tx, ctx)
