"""Tenants for tests, valid by default."""

from uuid import uuid4

from fondaco_core import tenancy
from fondaco_core.db import governing
from fondaco_core.ids import PlanId, TenantId
from tests.support.factories.identity import admin_ctx


async def make_tenant(
    *, slug: str | None = None, name: str = "Some merchant", fee_bps: int = 0, approved: bool = True
) -> TenantId:
    """An ACTIVE tenant with a data key of its own; one that still waits with `approved=False`."""
    ctx = admin_ctx()
    async with governing(ctx) as tx:
        tenant_id = await tenancy.apply_tenant(
            tx, ctx, slug=slug or f"t-{uuid4().hex[:16]}", name=name, fee_bps=fee_bps
        )
        if approved:
            await tenancy.approve_tenant(tx, ctx, tenant_id)
    return tenant_id


async def make_plan(fees: tenancy.Fees, *, name: str | None = None) -> tenancy.Plan:
    """A plan that nobody is on yet."""
    ctx = admin_ctx()
    async with governing(ctx) as tx:
        return await tenancy.create_plan(tx, ctx, name=name or f"Plan {uuid4().hex}", fees=fees)


async def put_on_plan(tenant_id: TenantId, plan_id: PlanId) -> None:
    """Has a merchant pay by a plan."""
    ctx = admin_ctx()
    async with governing(ctx) as tx:
        await tenancy.set_tenant_fees(
            tx, ctx, tenant_id=tenant_id, plan_id=plan_id, fee_bps=None, reason="it has agreed to"
        )
