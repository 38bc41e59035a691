"""Use cases of buying merchants: find what others offer, and what one may buy now at which price."""

from collections.abc import Sequence
from typing import TypedDict, Unpack

from fondaco_core import clock, limits
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import EntitlementId, OfferId, TenantId
from fondaco_core.money import Money
from fondaco_tenants.supply import store_offers
from fondaco_tenants.supply.rules_offers import MarketOffer, checked_health


class MarketFilters(TypedDict, total=False):
    """What to leave of other merchants' offers: each that is given narrows them, None narrows nothing."""

    entitlement_id: EntitlementId | None
    # Parts of the offer's title, of its entitlement's brand, names and SKU, or of the supplier's name.
    text: str | None
    supplier_id: TenantId | None
    # Those of its currency whose single unit costs no more.
    max_price: Money | None
    # Those whose scorecard says no less, from 0 to 1,000; what nobody has bought yet is neither good nor bad.
    min_health: int | None


async def search_market(
    tx: Tx,
    ctx: Ctx,
    *,
    after: OfferId | None = None,
    count: int = limits.PAGE_DEFAULT,
    **filters: Unpack[MarketFilters],
) -> list[MarketOffer]:
    """A page of what other merchants who trade offer to all, newest first.

    Each has the price of one's own tier where there is an agreement, else that which one would begin with, if there is one.
    """
    ctx.require("supply.read")
    return await _search(tx, ctx, store_offers.MARKET, filters, after=after, count=count)


async def list_offered(
    tx: Tx,
    ctx: Ctx,
    *,
    after: OfferId | None = None,
    count: int = limits.PAGE_DEFAULT,
    **filters: Unpack[MarketFilters],
) -> list[MarketOffer]:
    """A page of what one may buy now from one's suppliers, in the market or not, each at one's own price; newest first."""
    ctx.require("supply.read")
    return await _search(tx, ctx, store_offers.OFFERED, filters, after=after, count=count)


async def offers_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[OfferId]) -> dict[OfferId, MarketOffer]:
    """Several offers at once as other merchants see them: own ones, those in the market, and what one's tier gets or got."""
    ctx.require("supply.read")
    rows = await tx.fetch(store_offers.SEEN_BY_IDS, ctx.tenant, clock.now(), list(ids))
    return {found.offer.id: found for found in map(store_offers.to_market_offer, rows)}


async def _search(
    tx: Tx, ctx: Ctx, sql: str, filters: MarketFilters, *, after: OfferId | None, count: int
) -> list[MarketOffer]:
    assert 0 <= count <= limits.PAGE_MAX + 1
    most = filters.get("max_price")
    currency, minor = (None, None) if most is None else (most.currency, most.amount_minor)
    rows = await tx.fetch(
        sql, ctx.tenant, clock.now(), filters.get("entitlement_id"), filters.get("text"), filters.get("supplier_id"),
        currency, minor, after, count, checked_health(filters.get("min_health")), limits.HEALTH_NEUTRAL,
    )  # fmt: skip
    return [store_offers.to_market_offer(row) for row in rows]
