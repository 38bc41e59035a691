"""Actors of orders."""

from uuid import UUID

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import trading
from fondaco_core.ids import CodeId, OrderId
from fondaco_core.logs import get_logger
from fondaco_tenants import orders
from fondaco_workers.actor import actor

log = get_logger(__name__)


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


@actor(name="orders.swap_withdrawn", permissions={"system.run"})
async def swap_withdrawn(ctx: Ctx, *, code_ids: list[UUID]) -> None:
    """Gives units another code whose own was taken out of the vault before anybody saw it."""
    async with trading(ctx) as tx:
        swapped = await orders.swap_withdrawn(tx, ctx, code_ids=[CodeId(code_id) for code_id in code_ids])
    log.info("orders.swapped", units=swapped, codes=len(code_ids))


@actor(name="orders.mend_waiting", permissions={"system.run"}, deadline_s=300)
async def mend_waiting(ctx: Ctx) -> None:
    """Gives units that wait their codes when stock came in, and refunds those whose time is over."""
    served, refunded = await orders.mend_waiting(ctx)
    if served or refunded:
        log.info("orders.mended", served=served, refunded=refunded)


@actor(name="orders.send_look_up", permissions={"system.run"})
async def send_look_up(ctx: Ctx, *, order_id: UUID | None, locale: str) -> None:
    """Writes to a guest where the order is that was looked for, if there is one."""
    if order_id is not None:
        await orders.send_look_up(ctx, order_id=OrderId(order_id), locale=locale)


@actor(name="orders.write_export", permissions={"system.run"}, deadline_s=1_800, slow=True)
async def write_export(ctx: Ctx, *, export_id: UUID) -> None:
    """Writes a file of orders that was asked for."""
    await orders.write_export(ctx, export_id=export_id)


@actor(name="orders.forget_exports", permissions={"system.run"}, deadline_s=600)
async def forget_exports(ctx: Ctx) -> None:
    """Deletes files whose time is over."""
    await orders.forget_exports(ctx)
