"""Actors of offers: what a supplier set is told to those whom it concerns."""

from datetime import datetime

from fondaco_core.context import Ctx
from fondaco_core.db import governing
from fondaco_core.ids import OfferId, TierId
from fondaco_core.logs import get_logger
from fondaco_tenants import supply
from fondaco_workers.actor import actor

log = get_logger(__name__)


@actor(name="supply.tell_offer", permissions={"system.run"})
async def tell_offer(ctx: Ctx, *, offer_id: OfferId, version: int) -> None:
    """Announces to each reseller who buys of an offer how it stands now."""
    async with governing(ctx) as tx:
        told = await supply.tell_offer(tx, ctx, offer_id=offer_id, version=version)
    if told:
        log.info("offer.told", offer_id=offer_id, resellers=told)


@actor(name="supply.tell_prices", permissions={"system.run"})
async def tell_prices(
    ctx: Ctx, *, offer_id: OfferId, tier_id: TierId, starts_at: datetime, currency: str, unit_price_minor: int | None
) -> None:
    """Announces to each reseller of a tier what an offer is going to cost it."""
    async with governing(ctx) as tx:
        told = await supply.tell_prices(
            tx, ctx, offer_id=offer_id, tier_id=tier_id, starts_at=starts_at, currency=currency,
            unit_price_minor=unit_price_minor,
        )  # fmt: skip
    if told:
        log.info("prices.told", offer_id=offer_id, resellers=told)
