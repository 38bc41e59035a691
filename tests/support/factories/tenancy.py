"""Tenants for tests, valid by default."""

from uuid import uuid4

from fondaco_core import tenancy
from fondaco_core.db import governing
from fondaco_core.ids import TenantId
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
