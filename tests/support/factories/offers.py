"""Offers and their prices for tests, valid by default, committed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from fondaco_core import clock
from fondaco_core.context import Ctx
from fondaco_core.db import governing, transaction
from fondaco_core.ids import EntitlementId, OfferId, StoreId, TierId
from fondaco_core.money import Money
from fondaco_tenants import routing, supply
from fondaco_tenants.catalog import Listing
from fondaco_tenants.supply import Offer, PriceBreak, PriceList
from tests.support.factories.catalog import make_entitlement, make_listing


def breaks_of(*breaks: tuple[int, int], currency: str = "CNY") -> list[PriceBreak]:
    """Breaks of pairs of a quantity and a price in minor units."""
    return [PriceBreak(units, Money(price, currency)) for units, price in breaks]


async def make_offer(
    supplier: Ctx,
    *,
    entitlement_id: EntitlementId | None = None,
    title: str = "Steam 50 wholesale",
    currency: str = "CNY",
    in_market: bool = False,
    min_resale: Money | None = None,
    published: bool = True,
    tier_id: TierId | None = None,
    price_minor: int = 4_000,
) -> Offer:
    """An offer of a supplier, published unless `published` says otherwise; priced for the tier when one is given."""
    if entitlement_id is None:
        entitlement_id = (await make_entitlement()).id
    async with transaction(supplier) as tx:
        offer = await supply.create_offer(
            tx, supplier, entitlement_id=entitlement_id, title=title, currency=currency, in_market=in_market,
            min_resale=min_resale,
        )  # fmt: skip
        if tier_id is not None:
            await supply.set_prices(
                tx, supplier, offer_id=offer.id, tier_id=tier_id, breaks=breaks_of((1, price_minor), currency=currency)
            )
        return await supply.publish_offer(tx, supplier, offer_id=offer.id, version=1) if published else offer


async def make_prices(
    supplier: Ctx,
    *,
    offer_id: OfferId,
    tier_id: TierId,
    breaks: Sequence[PriceBreak] | None = None,
    starts_at: datetime | None = None,
) -> PriceList:
    """What a tier pays for an offer, 40.00 CNY from now on unless it is said; an empty list: nothing any more."""
    given = breaks_of((1, 4_000)) if breaks is None else breaks or None
    async with transaction(supplier) as tx:
        return await supply.set_prices(
            tx, supplier, offer_id=offer_id, tier_id=tier_id, breaks=given, starts_at=starts_at
        )


async def make_undersold(
    reseller: Ctx,
    *,
    offer_id: OfferId,
    entitlement_id: EntitlementId,
    price_minor: int = 4_500,
    store_id: StoreId | None = None,
) -> Listing:
    """A listing of a reseller's at some price, filled from a supplier's offer alone."""
    listing = await make_listing(
        reseller, entitlement_id=entitlement_id, price=Money(price_minor, "CNY"), store_id=store_id
    )
    async with transaction(reseller) as tx:
        await routing.add_source(tx, reseller, listing_id=listing.id, supplier_offer_id=offer_id)
    return listing


async def make_offer_rows(
    owner: Ctx, partner: Ctx, *, entitlement_id: EntitlementId, tier_id: TierId, their_tier_id: TierId, tag: str
) -> tuple[OfferId, OfferId, Listing]:
    """What two merchants offer each other and nobody else, at prices that hold and at some to come; and a draft.

    Gives both offers, and the partner's listing that is filled from the first.
    """
    mine = await make_offer(
        owner, entitlement_id=entitlement_id, title=f"Offer {tag}", tier_id=tier_id, min_resale=Money(4_900, "CNY")
    )
    undersold = await make_undersold(partner, offer_id=mine.id, entitlement_id=entitlement_id)
    await make_offer(owner, entitlement_id=entitlement_id, title=f"Drafted {tag}", tier_id=tier_id, published=False)
    theirs = await make_offer(partner, entitlement_id=entitlement_id, title=f"Offered {tag}", tier_id=their_tier_id)
    soon = clock.now() + timedelta(days=30)
    for supplier, offer, tier in ((owner, mine, tier_id), (partner, theirs, their_tier_id)):
        later = breaks_of((1, 4_200), (10, 4_100))
        await make_prices(supplier, offer_id=offer.id, tier_id=tier, breaks=later, starts_at=soon)
        await make_score_rows(supplier, offer_id=offer.id)
    return mine.id, theirs.id, undersold


async def make_score_rows(supplier: Ctx, *, offer_id: OfferId, health: int = 900) -> None:
    """What an offer did today, and something that went wrong with a source that leads to it."""
    async with governing(supplier) as tx:
        await tx.execute(
            "INSERT INTO offer_score_day (offer_id, tenant_id, day, orders, filled_units) VALUES ($1, $2, $3, 7, 70)",
            offer_id, supplier.tenant, clock.now().date(),
        )  # fmt: skip
        await tx.execute(
            "INSERT INTO offer_time_day (offer_id, tenant_id, day, bucket, units) VALUES ($1, $2, $3, 0, 70)",
            offer_id, supplier.tenant, clock.now().date(),
        )  # fmt: skip
        await tx.execute(
            "INSERT INTO offer_health (offer_id, tenant_id, health, reckoned_on) VALUES ($1, $2, $4, $3)",
            offer_id, supplier.tenant, clock.now().date(), health,
        )  # fmt: skip
        await tx.execute(
            "INSERT INTO supply_trouble (id, tenant_id, source_id, offer_id, kind, units, at) VALUES ($1, $2, $3, $4, 'SHORT', 1, $5)",
            uuid4(), supplier.tenant, uuid4(), offer_id, clock.now(),
        )  # fmt: skip
