"""What is done for all tenants: stock is watched, a bounded number of listings at a time, and routes are worked out."""

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing, trading
from fondaco_tenants.routing.service import routes, watch


async def watch_listings(ctx: Ctx) -> int:
    """Announces of which listings of all tenants there is little, nothing, or something again, and says how many crossed."""
    ctx.require("system.run")
    announced, after = 0, None
    while True:
        async with governing(ctx) as tx:
            looked = await watch.look_at_listings(tx, ctx, after=after, count=limits.WATCH_POOLS)
            announced += await watch.announce_listings(tx, ctx, looked)
        if len(looked) < limits.WATCH_POOLS:
            return announced
        after = looked[-1].listing_id


async def rebuild_routes(ctx: Ctx) -> int:
    """Works out the routes of every offer that waits for it, each in a transaction of its own; says how many."""
    ctx.require("system.run")
    done = 0
    while True:
        async with trading(ctx) as tx:
            if not await routes.rebuild_next(tx, ctx):
                return done
        done += 1
