"""Actors of settlement."""

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import trading
from fondaco_core.logs import get_logger
from fondaco_tenants import settlement
from fondaco_workers.actor import actor

log = get_logger(__name__)


@actor(name="settlement.settle_due", permissions={"system.run"}, deadline_s=600)
async def settle_due(ctx: Ctx) -> None:
    """Pays merchants what is due to them, one after the other, each page in a transaction of its own."""
    async with trading(ctx, read_only=True) as tx:
        sellers = await settlement.due_sellers(tx, ctx)
    for tenant_id, currency in sellers:
        for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
            async with trading(ctx) as tx:
                more = await settlement.settle_seller(tx, ctx, tenant_id=tenant_id, currency=currency)
            if not more:
                break
    log.info("settlement.settled", sellers=len(sellers))
