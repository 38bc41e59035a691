"""Actors of scorecards: what was sold and what went wrong is counted, sources that fail are paused, and tried again."""

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing
from fondaco_core.ids import HopId
from fondaco_core.logs import get_logger
from fondaco_tenants import orders, routing, supply
from fondaco_workers.actor import actor

log = get_logger(__name__)


@actor(name="scores.add_sales", permissions={"system.run"}, gathers=True)
async def add_sales(ctx: Ctx, *, hop_id: tuple[HopId, ...]) -> None:
    """Adds what a merchant sold to others to the scorecards of its offers."""
    async with governing(ctx) as tx:
        await orders.score_sales(tx, ctx, hop_ids=hop_id)


@actor(name="scores.look_at_troubles", permissions={"system.run"}, deadline_s=300)
async def look_at_troubles(ctx: Ctx) -> None:
    """Counts what went wrong with sources, pauses those that failed, and tries again whose pause is over."""
    looked = await routing.look_at_troubles(ctx)
    if looked:
        log.info("scores.looked_at_troubles", count=looked)


@actor(name="scores.refresh", permissions={"system.run"}, deadline_s=300)
async def refresh(ctx: Ctx) -> None:
    """Works out anew how healthy offers are that nothing happened to today, and forgets what is too old for any scorecard."""
    for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
        async with governing(ctx) as tx:
            await supply.begin_counting(tx)
            if await supply.refresh_health(tx, ctx) < limits.SCORED_AT_ONCE:
                break
    async with governing(ctx) as tx:
        await supply.forget_scores(tx, ctx)
