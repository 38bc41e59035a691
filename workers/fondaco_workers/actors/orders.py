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


@actor(name="orders.forget_guest_holds", permissions={"system.run"}, deadline_s=300)
async def forget_guest_holds(ctx: Ctx) -> None:
    """Deletes what was counted of guests' orders that do not wait any more."""
    async with trading(ctx) as tx:
        await orders.forget_guest_holds(tx, ctx)
