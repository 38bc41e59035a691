"""What takes more than one transaction: mending units that wait for a code, each in a transaction of its own."""

from fondaco_core import clock, limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing, trading
from fondaco_tenants.orders.service import change, swap

# What the buyer reads of a unit whose code failed while nobody had another.
_NO_STOCK = "The code failed, and no other came in time. 卡密失效，且未能及时补货。"


async def mend_waiting(ctx: Ctx) -> tuple[int, int]:
    """Gives units that wait their codes, where there are some by now, and refunds those whose time is over.

    Says how many it served and how many it refunded. Cut off anywhere, the next run goes on.
    """
    ctx.require("system.run")
    served = refunded = 0
    after = None
    for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
        async with governing(ctx) as tx:
            found = await swap.list_waiting(tx, ctx, after=after)
        for each in found:
            acting = swap.acting_for(ctx, each.tenant_id)
            async with trading(acting) as tx:
                if await swap.serve_waiting(tx, acting, waiting=each):
                    served += 1
                elif each.wait_until <= clock.now():
                    await change.refund_order(
                        tx, acting, order_id=each.order_id, reason=_NO_STOCK, allocation_ids=[each.allocation_id]
                    )
                    refunded += 1
        if len(found) < limits.EXPIRE_BATCH:
            break
        after = (found[-1].wait_until, found[-1].allocation_id)
    return served, refunded
