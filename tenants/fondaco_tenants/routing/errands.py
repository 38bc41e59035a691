"""What is done for all tenants: stock is watched, a bounded number of listings at a time, and routes are worked out."""

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing, trading
from fondaco_tenants.routing.service import breaches, pauses, routes, watch


async def watch_listings(ctx: Ctx, *, over_others: watch.OverOthers) -> int:
    """Announces of which listings of all tenants there is little, nothing, or something again, and says how many crossed.

    Of those that other merchants fill, `over_others` says how much there is.
    """
    ctx.require("system.run")
    announced, after = 0, None
    while True:
        async with governing(ctx) as tx:
            looked = await watch.look_at_listings(
                tx, ctx, after=after, count=limits.WATCH_POOLS, over_others=over_others
            )
            announced += await watch.announce_listings(tx, ctx, looked)
        if len(looked) < limits.WATCH_POOLS:
            return announced
        after = looked[-1].listing_id


async def watch_resale_prices(ctx: Ctx) -> int:
    """Announces which listings of all tenants ask less than their suppliers allow, each once, and says how many are new."""
    ctx.require("system.run")
    found = 0
    while True:
        async with governing(ctx) as tx:
            new = await breaches.find_breaches(tx, ctx)
        found += new
        if new < limits.BREACHES_AT_ONCE:
            return found


async def rebuild_routes(ctx: Ctx) -> int:
    """Works out the routes of every offer that waits for it, each in a transaction of its own; says how many."""
    ctx.require("system.run")
    done = 0
    while True:
        async with trading(ctx) as tx:
            if not await routes.rebuild_next(tx, ctx):
                return done
        done += 1


async def look_at_troubles(ctx: Ctx) -> int:
    """Counts what went wrong with sources of all tenants and pauses those that failed; then tries again whose pause is over.

    Says how many things went wrong. Each page is a transaction of its own.
    """
    ctx.require("system.run")
    total = 0
    while True:
        async with governing(ctx) as tx:
            looked = await pauses.look_at_troubles(tx, ctx)
        total += looked
        if looked < limits.SCORED_AT_ONCE:
            break
    async with governing(ctx) as tx:
        await pauses.move_probes(tx, ctx)
    return total
