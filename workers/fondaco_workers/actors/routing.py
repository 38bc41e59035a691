"""Actors of routing: what buyers can buy of listings is watched and told, prices are compared, and routes are worked out."""

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing
from fondaco_core.logs import get_logger
from fondaco_tenants import orders, routing, webhooks
from fondaco_tenants.routing import StockChanged
from fondaco_workers.actor import actor

log = get_logger(__name__)


@actor(name="routing.watch_listings", permissions={"system.run"}, deadline_s=300)
async def watch_listings(ctx: Ctx) -> None:
    """Announces of which listings there is little, nothing, or something again."""
    announced = await routing.watch_listings(ctx, over_others=orders.stock_over_others)
    if announced:
        log.info("listings.announced", count=announced)


@actor(name="routing.tell_stock", permissions={"system.run"}, deadline_s=300)
async def tell_stock(ctx: Ctx) -> None:
    """Announces what has changed of stock to those merchants whose systems want to hear of it."""
    told, last = 0, None
    while True:
        async with governing(ctx) as tx:
            hearing = await webhooks.merchants_hearing(
                tx, ctx, kind=StockChanged.name, after=last, count=limits.STOCK_TOLD_MERCHANTS
            )
        told += await orders.tell_stock(ctx, hearing)
        if len(hearing) < limits.STOCK_TOLD_MERCHANTS:
            break
        last = hearing[-1]
    if told:
        log.info("stock.told", count=told)


@actor(name="routing.watch_resale_prices", permissions={"system.run"}, deadline_s=300)
async def watch_resale_prices(ctx: Ctx) -> None:
    """Announces which listings ask less than their suppliers allow."""
    found = await routing.watch_resale_prices(ctx)
    if found:
        log.info("resale_prices.breached", count=found)


@actor(name="routing.rebuild", permissions={"system.run"}, deadline_s=300)
async def rebuild(ctx: Ctx) -> None:
    """Works out the routes that changes of sources ask for."""
    await routing.rebuild_routes(ctx)
