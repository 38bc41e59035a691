"""Actors of the floor: what keeps an installation tidy and honest."""

from datetime import timedelta

from fondaco_core import clock, identity, limits
from fondaco_core.context import Ctx
from fondaco_core.db import check_due, governing, idempotency
from fondaco_core.logs import get_logger
from fondaco_tenants import registry
from fondaco_workers.actor import actor
from fondaco_workers.metrics import observe_invariants

log = get_logger(__name__)


@actor(name="system.check_invariants", permissions={"system.run"}, deadline_s=3_600, slow=True)
async def check_invariants(ctx: Ctx) -> None:
    """Runs every invariant whose turn it is and logs each that does not hold, by its words and the ids of rows, as an error."""
    invariants = registry.invariants()
    checked = await check_due(ctx, invariants)
    for breach in checked.breaches:
        log.error(
            "invariant.broken", module=breach.invariant.module, promise=breach.invariant.promise, rows=breach.rows
        )
    observe_invariants(held=len(invariants) - checked.broken, broken=checked.broken)
    log.info("invariants.checked", count=checked.looked_at, broken=checked.broken)


@actor(name="system.forget_answers", permissions={"system.run"}, deadline_s=600)
async def forget_answers(ctx: Ctx) -> None:
    """Deletes the answers to repeated requests that nobody repeats any more."""
    before = clock.now() - timedelta(hours=limits.IDEMPOTENCY_HOURS)
    for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
        async with governing(ctx) as tx:
            if await idempotency.forget(tx, ctx, before=before, count=limits.CLEAN_UP_ROWS) < limits.CLEAN_UP_ROWS:
                return


@actor(name="system.forget_ended", permissions={"system.run"}, deadline_s=600)
async def forget_ended(ctx: Ctx) -> None:
    """Deletes sessions, invitations and counts of attempts to sign in that are over for long."""
    async with governing(ctx) as tx:
        await identity.forget_ended(tx, ctx)
