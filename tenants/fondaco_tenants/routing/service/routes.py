"""The flattened supply graph: the routes of an offer follow from its sources, and those of what stands on it from them.

A route that is missing for a moment is not sold over; one whose step is gone is not either, since each step is looked up when
an order is routed. So the graph may be worked out after the change that asks for it, by a job, offer by offer.
"""

from fondaco_core import clock, limits
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import OfferId
from fondaco_tenants.routing import store


async def rebuild_next(tx: Tx, ctx: Ctx) -> bool:
    """Works out the routes of the offer that has waited longest, and puts what stands on it on the list if they changed.

    False when none waits. In a trading transaction; those who do it at once go one after the other.
    """
    ctx.require("system.run")
    await tx.execute(store.LOCK_GRAPH)
    offer_id: OfferId | None = await tx.fetchval(store.TAKE_DUE)
    if offer_id is None:
        return False
    if await tx.fetchval(store.REBUILD, offer_id, limits.CHAIN_SELLERS_MAX, limits.ROUTES_MAX):
        await tx.execute(store.DUE_ABOVE, offer_id, clock.now())
    return True
