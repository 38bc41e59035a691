"""Actors of reconciliation: gateways' books are compared with ours."""

from datetime import date

from fondaco_core.context import Ctx
from fondaco_core.ids import GatewayId
from fondaco_tenants import payments
from fondaco_workers.actor import actor


@actor(name="reconciliation.compare_due", permissions={"system.run"}, deadline_s=3_600, slow=True)
async def compare_due(ctx: Ctx) -> None:
    """Fetches yesterday's statement of every gateway, and what was put off before, and compares it with ours."""
    await payments.reconcile_due(ctx)


@actor(name="reconciliation.compare", permissions={"system.run"}, deadline_s=3_600, slow=True)
async def compare(ctx: Ctx, *, gateway_id: GatewayId, day: str) -> None:
    """Compares one day of one gateway, because somebody asked for it."""
    await payments.reconcile_day(ctx, gateway_id=gateway_id, day=date.fromisoformat(day))
