"""Actors of settlement."""

from uuid import UUID

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import trading
from fondaco_core.logs import get_logger
from fondaco_tenants import settlement
from fondaco_workers.actor import actor

log = get_logger(__name__)


@actor(name="settlement.settle_due", permissions={"system.run"}, deadline_s=600)
async def settle_due(ctx: Ctx) -> None:
    """Pays merchants what is due to them, draws what they owe from what they have then, and pays that on to who lent it.

    One after the other, each page in a transaction of its own. Both ends of agreements hear what nobody has paid.
    """
    sellers = await _pay_out(ctx)
    resellers = await _draw(ctx)
    # What passes over several merchants gets one step further with each run.
    lenders = await _pay_out(ctx) if resellers else 0
    overdue = await _tell(ctx)
    log.info("settlement.settled", sellers=sellers, resellers=resellers, lenders=lenders, overdue=overdue)


async def _pay_out(ctx: Ctx) -> int:
    async with trading(ctx, read_only=True) as tx:
        sellers = await settlement.due_sellers(tx, ctx)
    for tenant_id, currency in sellers:
        more = True
        while more:
            async with trading(ctx) as tx:
                more = await settlement.settle_seller(tx, ctx, tenant_id=tenant_id, currency=currency)
    return len(sellers)


async def _draw(ctx: Ctx) -> int:
    drawn = 0
    for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
        async with trading(ctx, read_only=True) as tx:
            resellers = await settlement.due_resellers(tx, ctx)
        for tenant_id, currency in resellers:
            more = True
            while more:
                async with trading(ctx) as tx:
                    more = await settlement.draw_due(tx, ctx, tenant_id=tenant_id, currency=currency)
        drawn += len(resellers)
        if len(resellers) < limits.SETTLE_PAGE:
            break
    return drawn


async def _tell(ctx: Ctx) -> int:
    told = 0
    for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
        async with trading(ctx) as tx:
            some = await settlement.tell_overdue(tx, ctx)
        told += some
        if some < limits.SETTLE_PAGE:
            break
    return told


@actor(name="settlement.mail_destination_added", permissions={"system.run"}, deadline_s=120)
async def mail_destination_added(ctx: Ctx, *, destination_id: UUID) -> None:
    """Tells a merchant's owners that money may soon be paid somewhere else."""
    await settlement.mail_destination_added(ctx, destination_id=destination_id)


@actor(name="settlement.write_statement", permissions={"system.run"}, deadline_s=1_800, slow=True)
async def write_statement(ctx: Ctx, *, export_id: UUID) -> None:
    """Writes a file of a statement that was asked for."""
    await settlement.write_statement(ctx, export_id=export_id)


@actor(name="settlement.forget_statements", permissions={"system.run"}, deadline_s=600)
async def forget_statements(ctx: Ctx) -> None:
    """Deletes files of statements whose time is over."""
    await settlement.forget_statements(ctx)
