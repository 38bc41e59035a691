"""What is shown of a listing that other merchants fill is what an order can take."""

import random

import pytest

from fondaco_core.context import Ctx
from fondaco_core.db import trading, transaction
from fondaco_core.ids import OfferId
from fondaco_tenants import orders, routing, supply
from fondaco_tenants.orders import OutOfStock
from fondaco_tenants.storefront import StockClass
from fondaco_tenants.supply import StockView
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import (
    ROUTER,
    Merchant,
    agree,
    fill,
    make_chain,
    make_front,
    make_merchant,
    make_offer,
    price,
)
from tests.support.factories.codes import make_codes, make_pool
from tests.support.factories.orders import Shop, make_buyer
from tests.support.factories.supply import make_terms

pytestmark = pytest.mark.usefixtures("database")


async def shown(shop: Shop, *, up_to: int = 100) -> int:
    async with trading(shop.owner, read_only=True) as tx:
        return (await orders.stock_over_others(tx, [shop.listing_id], up_to=up_to))[shop.listing_id]


class Undone(Exception):
    """Rolls an order back that was placed."""


async def takes(shop: Shop, quantity: int) -> bool:
    """Whether an order of so many units would be placed; nothing of it stays."""
    buyer = await make_buyer(shop)
    try:
        await _place_and_undo(shop, buyer, quantity)
    except OutOfStock:
        return False
    except Undone:
        return True
    raise AssertionError


async def _place_and_undo(shop: Shop, buyer: Ctx, quantity: int) -> None:
    assert buyer.customer_id is not None
    async with trading(buyer) as tx:
        request = orders.OrderRequest(lines=((shop.listing_id, quantity),))
        await orders.place_order(tx, buyer, customer_id=buyer.customer_id, request=request)
        raise Undone


async def test_a_listing_that_suppliers_fill_has_what_they_have() -> None:
    chain = await make_chain(codes=5)

    assert await shown(chain.shop) == 5
    assert await shown(chain.shop, up_to=3) == 3


async def test_a_pool_counts_once_however_many_routes_lead_there() -> None:
    chain = await make_chain(codes=4)
    await agree(chain.a, chain.c)
    shop = await make_front(chain.c, chain.entitlement_id, chain.offer_of_a, chain.offer_of_b)

    assert await shown(shop) == 4
    assert await takes(shop, 4)


async def test_own_pools_count_beside_those_of_others_and_what_is_switched_off_does_not() -> None:
    chain = await make_chain(codes=2)
    pool = await make_pool(chain.c.owner, entitlement_id=chain.entitlement_id)
    await make_codes(pool, 3)
    async with transaction(chain.c.owner) as tx:
        source = await routing.add_source(tx, chain.c.owner, listing_id=chain.shop.listing_id, pool_id=pool.id)
    both = await shown(chain.shop)
    async with transaction(chain.c.owner) as tx:
        await routing.update_source(tx, chain.c.owner, source_id=source.id, enabled=False)

    assert both == 5
    assert await shown(chain.shop) == 2


@pytest.mark.parametrize("what", ["dearer", "wallet", "quota", "agreement", "offer"])
async def test_a_step_that_is_not_open_has_nothing(what: str) -> None:
    funds = 1_500 if what == "wallet" else 100_000
    chain = await (make_chain(funds_of_b=funds, day_units_max=3) if what == "quota" else make_chain(funds_of_b=funds))

    match what:
        case "dearer":
            # B would sell below its cost.
            await price(chain.a, chain.offer_of_a, 801)
        case "agreement":
            async with transaction(chain.a.owner) as tx:
                (agreement,) = await supply.list_agreements(tx, chain.a.owner)
                await supply.suspend_agreement(
                    tx, chain.a.owner, agreement_id=agreement.id, version=agreement.version, reason="It does not go on."
                )
        case "offer":
            async with transaction(chain.b.owner) as tx:
                offer = (await supply.own_offers_by_ids(tx, chain.b.owner, [chain.offer_of_b]))[chain.offer_of_b]
                await supply.withdraw_offer(tx, chain.b.owner, offer_id=offer.id, version=offer.version)
        case _:
            pass

    assert await shown(chain.shop) == {"wallet": 2, "quota": 3}.get(what, 0)


async def test_whoever_asks_for_fewer_than_is_shown_gets_them() -> None:
    """A unit that is only worth its price in bulk is nothing that a single buyer can have."""
    chain = await make_chain(codes=20)
    other = await make_merchant()
    await agree(other, chain.c)
    bulk = await make_offer(other, chain.entitlement_id, price_minor=1_100, breaks=((10, 500),), codes=20)
    shop = await make_front(chain.c, chain.entitlement_id, bulk)

    assert await shown(shop) == 0
    assert not await takes(shop, 1)


async def make_graph(dice: random.Random) -> Shop:
    """A shop over a few merchants who supply it and each other, with random stock, prices, money, credit, quotas and bounds."""
    entitlement = await make_entitlement()

    async def merchant() -> Merchant:
        return await make_merchant(
            funds_minor=dice.choice([0, 900, 3_000, 100_000]), fee_bps=dice.choice([0, 0, 500]),
            credit_minor=dice.choice([0, 0, 2_000]), day_units_max=dice.choice([None, None, 2, 7]),
        )  # fmt: skip

    seller = await make_merchant(funds_minor=dice.choice([2_500, 6_000, 100_000]))
    leaves, middles = [await merchant() for _ in range(2)], [await merchant() for _ in range(2)]
    offers: dict[OfferId, Merchant] = {}
    for leaf in leaves:
        offers[await make_offer(leaf, entitlement.id, price_minor=dice.randint(500, 700), codes=dice.randint(0, 6))] = (
            leaf
        )
    for middle in middles:
        resold = await make_offer(middle, entitlement.id, price_minor=dice.randint(650, 900))
        below = dice.sample([each for each in offers if offers[each] is not middle], k=dice.randint(1, 2))
        for offer_id in below:
            if offers[offer_id] in leaves or dice.random() < 0.5:
                await _agree_once(offers[offer_id], middle)
                await fill(middle, resold, supplier_offer_id=offer_id, below_cost=dice.random() < 0.2)
        offers[resold] = middle
    mine = dice.sample(list(offers), k=dice.randint(1, len(offers)))
    for offer_id in mine:
        await _agree_once(offers[offer_id], seller)
    await routing.rebuild_routes(ROUTER)
    return await make_front(
        seller, entitlement.id, *mine, price_minor=dice.randint(750, 1_000),
        max_cost_minor=dice.choice([None, None, 800]), below_cost=dice.random() < 0.2,
    )  # fmt: skip


async def _agree_once(supplier: Merchant, reseller: Merchant) -> None:
    async with transaction(supplier.owner) as tx:
        known = await supply.list_agreements(tx, supplier.owner)
    if all(reseller.tenant_id != each.reseller_tenant_id for each in known):
        await agree(supplier, reseller)


@pytest.mark.parametrize("seed", range(8))
async def test_what_is_shown_is_what_an_order_can_take_and_not_one_more(seed: int) -> None:
    shop = await make_graph(random.Random(seed))  # noqa: S311 - the same graphs in every run

    units = await shown(shop)

    assert units == 0 or await takes(shop, units)
    assert units < 2 or await takes(shop, units // 2)
    assert not await takes(shop, units + 1)


async def seen(reseller: Ctx, supplier: Merchant, offer_id: OfferId) -> orders.SeenStock:
    async with trading(reseller, read_only=True) as tx:
        asked = [orders.SeenOffer(offer_id, supplier.tier.id, 800)]
        return (await orders.stock_seen_of_offers(tx, reseller, asked))[offer_id]


async def test_an_offer_has_what_is_behind_it_whatever_its_reseller_can_pay() -> None:
    chain = await make_chain(codes=5, funds_of_c=0)

    async with trading(chain.b.owner, read_only=True) as tx:
        own = await orders.stock_of_own_offers(tx, chain.b.owner, [chain.offer_of_b, chain.offer_of_a])
    async with trading(chain.a.owner, read_only=True) as tx:
        leaf = await orders.stock_of_own_offers(tx, chain.a.owner, [chain.offer_of_a])

    assert own == {chain.offer_of_b: 5}
    assert leaf == {chain.offer_of_a: 5}
    assert await shown(chain.shop) == 0


async def test_an_offer_has_no_more_than_its_supplier_can_pay_for() -> None:
    chain = await make_chain(codes=5, funds_of_b=2_100)

    async with trading(chain.b.owner, read_only=True) as tx:
        own = await orders.stock_of_own_offers(tx, chain.b.owner, [chain.offer_of_b])

    assert own == {chain.offer_of_b: 3}


@pytest.mark.parametrize("view", StockView)
async def test_of_the_stock_behind_an_offer_as_much_is_told_as_its_tier_says(view: StockView) -> None:
    chain = await make_chain(codes=5)
    async with transaction(chain.b.owner) as tx:
        await supply.change_terms(tx, chain.b.owner, tier_id=chain.b.tier.id, terms=make_terms(stock_view=view))

    stock = await seen(chain.c.owner, chain.b, chain.offer_of_b)

    assert stock.view is view
    assert stock.available
    assert stock.units == (5 if view is StockView.EXACT else None)
    assert stock.stock_class == (None if view is StockView.HIDDEN else StockClass.LOW)


async def test_simulating_refuses_what_the_merchants_of_two_routes_cannot_pay_together() -> None:
    chain = await make_chain(funds_of_c=1_500, codes=1)
    other = await make_merchant()
    await agree(other, chain.c)
    dearer = await make_offer(other, chain.entitlement_id, price_minor=900, codes=3)
    shop = await make_front(chain.c, chain.entitlement_id, chain.offer_of_b, dearer)
    buyer = await make_buyer(shop)

    async with trading(buyer, read_only=True) as tx:
        request = orders.OrderRequest(lines=((shop.listing_id, 2),))
        found = await orders.simulate_order(tx, buyer, customer_id=buyer.customer_id, request=request)

    assert isinstance(found.refusal, OutOfStock)
    assert [line.available for line in found.lines] == [None]
    assert await shown(shop) == 1
    assert not await takes(shop, 2)
    assert await takes(shop, 1)
