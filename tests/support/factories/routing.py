"""Sources that are valid by default, committed."""

from fondaco_core.context import Ctx
from fondaco_core.db import transaction
from fondaco_core.ids import ListingId, PoolId
from fondaco_tenants import routing
from fondaco_tenants.routing import Source


async def make_source(
    ctx: Ctx, *, listing_id: ListingId, pool_id: PoolId, priority: int | None = None, enabled: bool = True
) -> Source:
    """Lets a listing be filled from a pool."""
    async with transaction(ctx) as tx:
        return await routing.add_source(
            tx, ctx, listing_id=listing_id, pool_id=pool_id, priority=priority, enabled=enabled
        )
