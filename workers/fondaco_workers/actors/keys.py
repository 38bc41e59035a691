"""Actors of custody: changes of keys are carried on, whoever began them, until they are done."""

from uuid import UUID

from fondaco_core import custody
from fondaco_core.context import Ctx
from fondaco_core.db import sealed_columns
from fondaco_core.logs import get_logger
from fondaco_tenants import registry
from fondaco_workers.actor import actor

log = get_logger(__name__)


@actor(name="keys.carry_on", permissions={"platform.keys", "system.run"}, deadline_s=12 * 3_600, slow=True)
async def carry_on(ctx: Ctx, *, change_id: UUID) -> None:
    """Re-seals a tenant's values, as far as there are any to re-seal now."""
    change = await custody.carry_on(ctx, change_id=change_id, columns=sealed_columns(registry.metadata()))
    log.info("keys.carried_on", kind=change.kind.value, moved=change.moved, done=change.finished_at is not None)


@actor(name="keys.look_after", permissions={"platform.keys", "system.run"}, deadline_s=12 * 3_600, slow=True)
async def look_after(ctx: Ctx) -> None:
    """Carries on what was cut off or too early to end, and rotates keys that have sealed a lot."""
    going = await custody.look_after_keys(ctx, columns=sealed_columns(registry.metadata()))
    if going:
        log.info("keys.looked_after", changes=going)
