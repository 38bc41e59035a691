"""Fetches gateways' statements and has them compared. A statement is kept part by part, however long it is."""

from datetime import date

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing
from fondaco_core.errors import Outage
from fondaco_core.ids import GatewayId
from fondaco_core.logs import get_logger
from fondaco_tenants.payments.errands import gateway_of
from fondaco_tenants.payments.errors import GatewayRefused
from fondaco_tenants.payments.ports import Gateway
from fondaco_tenants.payments.service import gateways, reconciliation
from fondaco_tenants.payments.service.reconciliation import Run

log = get_logger(__name__)


async def reconcile_due(ctx: Ctx) -> int:
    """Compares every day that is to be compared; says how many were. A gateway that is away has its days compared the next time."""
    ctx.require("system.run")
    async with governing(ctx) as tx:
        due = await reconciliation.due_reconciliations(tx, ctx)
    done = 0
    for gateway_id, day in due:
        try:
            done += await reconcile_day(ctx, gateway_id=gateway_id, day=day) is not None
        except (Outage, GatewayRefused) as failure:
            log.warning("reconciliation.put_off", gateway_id=gateway_id, day=day, error=type(failure).__name__)
    return done


async def reconcile_day(ctx: Ctx, *, gateway_id: GatewayId, day: date) -> int | None:
    """Compares one day of one gateway; how many differences there are, or None when somebody else is at it. Raises Outage."""
    ctx.require("system.run")
    async with governing(ctx) as tx:
        reach = await gateways.reach_by_id(tx, gateway_id)
        run = (
            None
            if reach is None
            else await reconciliation.begin_reconciliation(tx, ctx, gateway_id=gateway_id, day=day)
        )
    if reach is None or run is None:
        return None
    if not await _fetch(ctx, await gateway_of(reach), run, day):
        return None
    async with governing(ctx) as tx:
        differences = await reconciliation.finish_reconciliation(tx, ctx, run=run)
    log.info("reconciliation.done", gateway=reach.key, day=day, differences=differences)
    return differences


async def _fetch(ctx: Ctx, gateway: Gateway, run: Run, day: date) -> bool:
    """Keeps the whole statement; whether this run still counts."""
    after, number = None, 0
    for _ in range(limits.STATEMENT_PARTS_MAX):
        page = await gateway.statement(day, after=after)
        for begin in range(0, len(page.lines), limits.RECONCILE_ROWS):
            lines = page.lines[begin : begin + limits.RECONCILE_ROWS]
            async with governing(ctx) as tx:
                if not await reconciliation.keep_lines(tx, ctx, run=run, first=number, lines=lines):
                    return False
            number += len(lines)
        if page.after is None:
            return True
        if page.after == after:
            break
        after = page.after
    msg = "The gateway's statement has no end."
    raise Outage(msg)
