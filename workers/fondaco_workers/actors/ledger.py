"""Actors of the ledger."""

from fondaco_core import ledger
from fondaco_core.context import Ctx
from fondaco_core.db import governing
from fondaco_workers.actor import actor


@actor(name="ledger.roll_up", permissions={"system.run"}, deadline_s=300)
async def roll_up(ctx: Ctx) -> None:
    """Brings the accounts that every sale credits up to date, so that reading a balance stays cheap."""
    ctx.require("system.run")
    async with governing(ctx) as tx:
        await ledger.roll_up(tx)
