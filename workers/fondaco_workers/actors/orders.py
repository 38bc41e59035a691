"""Actors of orders."""

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import trading
from fondaco_tenants import orders
from fondaco_workers.actor import actor


@actor(name="orders.expire_overdue", permissions={"system.run"}, deadline_s=300)
async def expire_overdue(ctx: Ctx) -> None:
    """Ends unpaid orders whose hold has run out, so that their stock is for sale again."""
    for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
        async with trading(ctx) as tx:
            if await orders.expire_overdue(tx, ctx) < limits.EXPIRE_BATCH:
                return
