"""Actors of supply: what one end of an agreement did is told to the other."""

from datetime import datetime
from uuid import UUID

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import reading, transaction
from fondaco_core.ids import TenantId, TierId
from fondaco_tenants import supply, webhooks
from fondaco_tenants.supply import AgreementChanged, TermsSet
from fondaco_workers.actor import actor


@actor(name="supply.tell_partner", permissions={"system.run"})
async def tell_partner(
    ctx: Ctx,
    *,
    agreement_id: UUID,
    supplier_tenant_id: UUID,
    reseller_tenant_id: UUID,
    state: str,
    change: str,
    changed_at: datetime,
    version: int,
) -> None:
    """Tells the endpoints of the other end of an agreement what became of it; those of who did it hear by themselves."""
    partner = TenantId(reseller_tenant_id if ctx.tenant == supplier_tenant_id else supplier_tenant_id)
    told = {
        "agreement_id": agreement_id, "supplier_tenant_id": supplier_tenant_id, "reseller_tenant_id": reseller_tenant_id,
        "state": state, "change": change,
    }  # fmt: skip
    there, fact = ctx.for_tenant(partner), f"agreement {agreement_id} {version}"
    async with transaction(there) as tx:
        await webhooks.tell(tx, there, event=AgreementChanged.name, fact=fact, happened_at=changed_at, told=told)


@actor(name="supply.tell_terms", permissions={"system.run"}, deadline_s=600)
async def tell_terms(ctx: Ctx, *, tier_id: TierId, terms_id: UUID, set_at: datetime, starts_at: datetime) -> None:
    """Tells the endpoints of a tier's resellers what it grants from a moment on."""
    told, fact = {"tier_id": tier_id, "starts_at": starts_at.isoformat()}, f"terms {terms_id}"
    last: TenantId | None = None
    while True:
        async with reading(ctx) as tx:
            page = await supply.resellers_of_tier(tx, ctx, tier_id=tier_id, after=last)
        for reseller in page:
            there = ctx.for_tenant(reseller)
            async with transaction(there) as tx:
                await webhooks.tell(tx, there, event=TermsSet.name, fact=fact, happened_at=set_at, told=told)
        if len(page) < limits.PAGE_MAX:
            return
        last = page[-1]
