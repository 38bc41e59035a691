"""Actors of the vault: imports that were asked for, and what time does to codes and uploads."""

from uuid import UUID

from fondaco_core.context import Ctx
from fondaco_core.db import governing
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
