"""Use cases of telling resellers what became of offers that they buy; each piece of news once, in transactions as fondaco_platform."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from fondaco_core import outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx, idempotency
from fondaco_core.ids import OfferId, TenantId, TierId
from fondaco_core.outbox import Event
from fondaco_tenants.supply import store_offers
from fondaco_tenants.supply.events import OfferPriceComing, SupplyOfferChanged


async def tell_offer(tx: Tx, ctx: Ctx, *, offer_id: OfferId, version: int) -> int:
    """Announces to each reseller whose tier has a price for an offer how it stands now; says to how many."""
    ctx.require("system.run")
    return await _tell(
        tx, ctx, offer_id, None, key=f"offer:{version}", news=lambda state: SupplyOfferChanged(offer_id, state, version)
    )


async def tell_prices(
    tx: Tx,
    ctx: Ctx,
    *,
    offer_id: OfferId,
    tier_id: TierId,
    starts_at: datetime,
    currency: str,
    unit_price_minor: int | None,
) -> int:
    """Announces to each reseller who buys in the tier what an offer is going to cost it; says to how many."""
    ctx.require("system.run")
    news = OfferPriceComing(
        offer_id, tier_id, starts_at=starts_at, currency=currency, unit_price_minor=unit_price_minor
    )
    key = f"prices:{tier_id}:{starts_at.isoformat()}"
    return await _tell(tx, ctx, offer_id, tier_id, key=key, news=lambda _: news)


async def _tell(
    tx: Tx, ctx: Ctx, offer_id: OfferId, tier_id: TierId | None, *, key: str, news: Callable[[str], Event]
) -> int:
    # The key is the offer's own: no request comes in its name, and none can be there before.
    keeper, seal = replace(ctx, actor_id=offer_id), hashlib.sha256(key.encode()).digest()
    if await idempotency.claim(tx, keeper, key=key, operation="supply.tell", input_hash=seal, answer={}) is not None:
        return 0
    rows = await tx.fetch(store_offers.RESELLERS, offer_id, ctx.tenant, tier_id)
    # An event is of the merchant that it is told to.
    await outbox.announce(tx, *((TenantId(row["reseller_tenant_id"]), news(row["state"])) for row in rows))
    return len(rows)
