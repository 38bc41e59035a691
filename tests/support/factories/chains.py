"""Merchants that supply each other, committed: leaves with codes, resellers between them, and shops that sell over them."""

from dataclasses import dataclass

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import transaction
from fondaco_core.ids import EntitlementId, OfferId, PoolId, TenantId
from fondaco_core.money import Money
from fondaco_tenants import routing, supply
from fondaco_tenants.catalog import Entitlement
from fondaco_tenants.supply import Agreement, PriceBreak, Tier
from tests.support.factories.catalog import make_entitlement, make_listing
from tests.support.factories.codes import make_codes, make_pool
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.orders import Shop, fund
from tests.support.factories.storefront import make_store
from tests.support.factories.supply import make_agreement, make_terms, make_tier
from tests.support.factories.tenancy import make_tenant

ROUTER = system_ctx("routing.rebuild", permissions=frozenset({"system.run"}))


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant with a tier for those it supplies."""

    tenant_id: TenantId
    owner: Ctx
    tier: Tier


async def make_merchant(
    *,
    funds_minor: int = 0,
    fee_bps: int = 0,
    credit_minor: int = 0,
    day_units_max: int | None = None,
    hold_units_max: int | None = None,
    settle_days: int = 0,
) -> Merchant:
    """A merchant with money in its wallet; credit, quota and delay are what its tier grants to others."""
    tenant_id = await make_tenant(fee_bps=fee_bps)
    owner = await make_member_ctx(tenant_id)
    if funds_minor:
        await fund(tenant_id, None, funds_minor)
    terms = make_terms(
        credit=Money(credit_minor, "CNY") if credit_minor else None, day_units_max=day_units_max,
        hold_units_max=hold_units_max, settle_days=settle_days,
    )  # fmt: skip
    return Merchant(tenant_id, owner, await make_tier(owner, terms=terms))


async def agree(supplier: Merchant, reseller: Merchant) -> Agreement:
    """The reseller may buy from the supplier."""
    return await make_agreement(supplier.owner, reseller.owner, tier=supplier.tier)


async def make_offer(
    supplier: Merchant,
    entitlement_id: EntitlementId,
    *,
    price_minor: int,
    codes: int | None = None,
    breaks: tuple[tuple[int, int], ...] = (),
    in_market: bool = False,
    min_resale_minor: int | None = None,
) -> OfferId:
    """A published offer to the supplier's tier; filled from a pool of so many codes unless it shall be filled otherwise."""
    async with transaction(supplier.owner) as tx:
        offer = await supply.create_offer(
            tx, supplier.owner, entitlement_id=entitlement_id, title="Wholesale", currency="CNY", in_market=in_market,
            min_resale=None if min_resale_minor is None else Money(min_resale_minor, "CNY"),
        )  # fmt: skip
    await price(supplier, offer.id, price_minor, breaks=breaks)
    async with transaction(supplier.owner) as tx:
        await supply.publish_offer(tx, supplier.owner, offer_id=offer.id, version=offer.version)
    if codes is not None:
        await stock_up(supplier, offer.id, entitlement_id, codes)
    return offer.id


async def price(
    supplier: Merchant, offer_id: OfferId, price_minor: int, *, breaks: tuple[tuple[int, int], ...] = ()
) -> None:
    """What the supplier's tier pays from now on."""
    listed = [PriceBreak(units, Money(minor, "CNY")) for units, minor in ((1, price_minor), *breaks)]
    async with transaction(supplier.owner) as tx:
        await supply.set_prices(tx, supplier.owner, offer_id=offer_id, tier_id=supplier.tier.id, breaks=listed)


async def stock_up(supplier: Merchant, offer_id: OfferId, entitlement_id: EntitlementId, codes: int) -> PoolId:
    """A pool of codes that fills an offer."""
    pool = await make_pool(supplier.owner, entitlement_id=entitlement_id)
    if codes:
        await make_codes(pool, codes)
    async with transaction(supplier.owner) as tx:
        await routing.add_source(tx, supplier.owner, offer_id=offer_id, pool_id=pool.id)
    await routing.rebuild_routes(ROUTER)
    return pool.id


async def fill(reseller: Merchant, offer_id: OfferId, *, supplier_offer_id: OfferId, below_cost: bool = False) -> None:
    """Fills an offer of the reseller's from one of a supplier's."""
    async with transaction(reseller.owner) as tx:
        await routing.add_source(
            tx, reseller.owner, offer_id=offer_id, supplier_offer_id=supplier_offer_id, below_cost=below_cost
        )
    await routing.rebuild_routes(ROUTER)


async def make_front(
    merchant: Merchant,
    entitlement_id: EntitlementId,
    *offers: OfferId,
    price_minor: int = 1_000,
    max_cost_minor: int | None = None,
    below_cost: bool = False,
) -> Shop:
    """A listing of the merchant's that suppliers' offers fill, in this order."""
    store = await make_store(merchant.owner)
    listing = await make_listing(
        merchant.owner,
        store_id=store.id,
        entitlement_id=entitlement_id,
        price=Money(price_minor, "CNY"),
        order_max=1_000,
    )
    async with transaction(merchant.owner) as tx:
        for offer_id in offers:
            await routing.add_source(
                tx, merchant.owner, listing_id=listing.id, supplier_offer_id=offer_id, below_cost=below_cost,
                max_cost=None if max_cost_minor is None else Money(max_cost_minor, "CNY"),
            )  # fmt: skip
    return Shop(merchant.tenant_id, merchant.owner, store.id, listing.id, ())


@dataclass(frozen=True, slots=True)
class Chain:
    """A supplies B, B supplies C, and C has a shop: a unit costs C's customer 1000, C 800 and B 700."""

    entitlement_id: EntitlementId
    a: Merchant
    b: Merchant
    c: Merchant
    offer_of_a: OfferId
    offer_of_b: OfferId
    shop: Shop


async def make_chain(
    *, codes: int = 5, funds_of_b: int = 100_000, funds_of_c: int = 100_000, credit_of_a: int = 0, **of_a: int
) -> Chain:
    """A chain of three merchants; `of_a` are further terms of A's tier."""
    return await make_chain_for(
        await make_entitlement(), codes=codes, funds_of_b=funds_of_b, funds_of_c=funds_of_c, credit_of_a=credit_of_a,
        **of_a,
    )  # fmt: skip


async def make_chain_for(
    entitlement: Entitlement, *, codes: int, funds_of_b: int = 100_000, funds_of_c: int = 100_000, credit_of_a: int = 0,
    **of_a: int,
) -> Chain:  # fmt: skip
    """A chain that sells one good."""
    a = await make_merchant(credit_minor=credit_of_a, **of_a)
    b, c = await make_merchant(funds_minor=funds_of_b), await make_merchant(funds_minor=funds_of_c)
    await agree(a, b)
    await agree(b, c)
    offer_of_a = await make_offer(a, entitlement.id, price_minor=700, codes=codes)
    offer_of_b = await make_offer(b, entitlement.id, price_minor=800)
    await fill(b, offer_of_b, supplier_offer_id=offer_of_a)
    shop = await make_front(c, entitlement.id, offer_of_b)
    return Chain(entitlement.id, a, b, c, offer_of_a, offer_of_b, shop)
