"""Actors of routing: what buyers can buy of listings is watched, and routes are worked out."""

from fondaco_core.context import Ctx
from fondaco_core.logs import get_logger
from fondaco_tenants import routing
from fondaco_workers.actor import actor

log = get_logger(__name__)


@actor(name="routing.watch_listings", permissions={"system.run"}, deadline_s=300)
async def watch_listings(ctx: Ctx) -> None:
    """Announces of which listings there is little, nothing, or something again."""
    announced = await routing.watch_listings(ctx)
    if announced:
        log.info("listings.announced", count=announced)


@actor(name="routing.rebuild", permissions={"system.run"}, deadline_s=300)
async def rebuild(ctx: Ctx) -> None:
    """Works out the routes that changes of sources ask for."""
    await routing.rebuild_routes(ctx)
