"""Sources are tried in the order that their merchant says, none gives more than it may, and nobody sells below its margin."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fondaco_core import audit, clock
from fondaco_core.context import system_ctx
from fondaco_core.db import governing, reading, trading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound
from fondaco_core.ids import SourceId, TenantId
from fondaco_core.money import Money
from fondaco_tenants import orders, routing
from fondaco_tenants.orders import OutOfStock, PayBy
from fondaco_tenants.routing import Points, Policy
from tests.support.clock import later
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import (
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
from tests.support.factories.orders import Shop, make_buyer, make_shop, place
from tests.support.invariants import assert_invariants
from tests.tenants.orders.test_chains import leaves_of

pytestmark = pytest.mark.usefixtures("database")
SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


@pytest.fixture(autouse=True)
async def _all_invariants_hold_afterwards() -> AsyncIterator[None]:
    yield
    await assert_invariants()


async def suppliers(*asked_minor: int, stock: int = 30) -> tuple[Shop, list[Merchant]]:
    """A shop that suppliers fill, in this order, at so much a unit."""
    entitlement = await make_entitlement()
    shopkeeper = await make_merchant(funds_minor=900_000)
    found, offers = [], []
    for minor in asked_minor:
        supplier = await make_merchant()
        await agree(supplier, shopkeeper)
        offers.append(await make_offer(supplier, entitlement.id, price_minor=minor, codes=stock))
        found.append(supplier)
    return await make_front(shopkeeper, entitlement.id, *offers), found


async def order_by(shop: Shop, policy: Policy | None, **more: Any) -> None:
    async with transaction(shop.owner) as tx:
        await routing.set_routing_policy(tx, shop.owner, listing_id=shop.listing_id, policy=policy, **more)
    await routing.rebuild_routes(SYSTEM)


async def sources_of(shop: Shop) -> list[routing.Source]:
    async with transaction(shop.owner) as tx:
        return await routing.list_sources(tx, shop.owner, listing_ids=[shop.listing_id])


async def change(shop: Shop, source_id: SourceId, **more: Any) -> None:
    async with transaction(shop.owner) as tx:
        await routing.update_source(tx, shop.owner, source_id=source_id, **more)


async def bought(shop: Shop, units: int = 1) -> Counter[TenantId]:
    """Of whose codes a buyer gets how many."""
    return Counter(await leaves_of((await place(shop, await make_buyer(shop), units)).order_id))


async def explained(shop: Shop, units: int = 1) -> dict[TenantId | None, int | None]:
    async with trading(shop.owner, read_only=True) as tx:
        found = await orders.explain_route(tx, shop.owner, listing_id=shop.listing_id, quantity=units)
    return {each.supplier_id: each.units for each in found.sources if each.units != 0}


async def test_the_cheapest_goes_first_for_as_many_as_are_asked_for() -> None:
    shop, (plain, bulk) = await suppliers(700, 750)
    async with reading(bulk.owner) as tx:
        rows = await tx.fetch("SELECT id FROM offer WHERE tenant_id = $1", bulk.tenant_id)
    await price(bulk, rows[0]["id"], 750, breaks=((5, 650),))
    await order_by(shop, Policy.CHEAPEST)

    assert await bought(shop, 4) == {plain.tenant_id: 4}
    assert await explained(shop, 5) == {bulk.tenant_id: 5}
    assert await bought(shop, 5) == {bulk.tenant_id: 5}


async def test_the_first_to_expire_goes_first() -> None:
    entitlement = await make_entitlement()
    shopkeeper, long, short = await make_merchant(funds_minor=900_000), await make_merchant(), await make_merchant()
    offers = []
    for supplier, days in ((long, 300), (short, 20)):
        await agree(supplier, shopkeeper)
        offer = await make_offer(supplier, entitlement.id, price_minor=700)
        pool = await make_pool(supplier.owner, entitlement_id=entitlement.id)
        await make_codes(pool, 3, expires_at=clock.now() + timedelta(days=days))
        async with transaction(supplier.owner) as tx:
            await routing.add_source(tx, supplier.owner, offer_id=offer, pool_id=pool.id)
        offers.append(offer)
    shop = await make_front(shopkeeper, entitlement.id, *offers)
    await routing.rebuild_routes(SYSTEM)
    before = await bought(shop)

    await order_by(shop, Policy.FIRST_EXPIRING)

    assert before == {long.tenant_id: 1}
    assert await bought(shop, 4) == {short.tenant_id: 3, long.tenant_id: 1}


async def test_the_healthiest_goes_first_and_an_own_pool_before_all() -> None:
    shop, (sick, well) = await suppliers(700, 900)
    async with governing(SYSTEM) as tx:
        for supplier, health in ((sick, 500), (well, 950)):
            await tx.execute(
                "INSERT INTO offer_health (offer_id, tenant_id, health, reckoned_on) SELECT id, tenant_id, $2, $3 FROM offer WHERE tenant_id = $1",
                supplier.tenant_id, health, clock.now().date(),
            )  # fmt: skip

    await order_by(shop, Policy.HEALTHIEST)

    assert await bought(shop) == {well.tenant_id: 1}


async def test_a_score_weighs_cost_against_health() -> None:
    shop, (cheap, well) = await suppliers(700, 720)
    async with governing(SYSTEM) as tx:
        await tx.execute(
            "INSERT INTO offer_health (offer_id, tenant_id, health, reckoned_on) SELECT id, tenant_id, 990, $2 FROM offer WHERE tenant_id = $1",
            well.tenant_id, clock.now().date(),
        )  # fmt: skip

    await order_by(shop, Policy.SCORE, points=Points(cost=10, health=1, expiry=0, priority=0))
    first = await bought(shop)
    await order_by(shop, Policy.SCORE, points=Points(cost=5, health=1, expiry=0, priority=0))

    # 20 dearer, 190 healthier than one that nobody has bought from.
    assert first == {cheap.tenant_id: 1}
    assert await bought(shop) == {well.tenant_id: 1}


async def test_turns_are_taken_by_weight_order_by_order_and_within_one_order() -> None:
    shop, (one, other) = await suppliers(700, 700)
    await order_by(shop, Policy.WEIGHTED)
    first, _ = await sources_of(shop)
    await change(shop, first.id, weight=3)

    single = sum([await bought(shop) for _ in range(8)], Counter[TenantId]())
    many = await bought(shop, 8)

    assert single == {one.tenant_id: 6, other.tenant_id: 2}
    assert many == {one.tenant_id: 6, other.tenant_id: 2}


async def test_who_cannot_give_its_share_leaves_it_to_the_others() -> None:
    shop, (one, other) = await suppliers(700, 700, stock=3)
    await order_by(shop, Policy.WEIGHTED)
    first, _ = await sources_of(shop)
    await change(shop, first.id, weight=9)

    assert await bought(shop, 5) == {one.tenant_id: 3, other.tenant_id: 2}


async def test_a_merchant_in_the_middle_orders_its_own_sources_for_whoever_buys_of_it() -> None:
    entitlement = await make_entitlement()
    shopkeeper, middle = await make_merchant(funds_minor=900_000), await make_merchant(funds_minor=900_000)
    await agree(middle, shopkeeper)
    offer = await make_offer(middle, entitlement.id, price_minor=900)
    leaves = []
    for minor in (800, 700):
        leaf = await make_merchant()
        await agree(leaf, middle)
        await fill(middle, offer, supplier_offer_id=await make_offer(leaf, entitlement.id, price_minor=minor, codes=5))
        leaves.append(leaf)
    shop = await make_front(shopkeeper, entitlement.id, offer)
    await routing.rebuild_routes(SYSTEM)
    before = await bought(shop)

    async with transaction(middle.owner) as tx:
        await routing.set_routing_policy(tx, middle.owner, offer_id=offer, policy=Policy.CHEAPEST)
    await routing.rebuild_routes(SYSTEM)

    assert before == {leaves[0].tenant_id: 1}
    assert await bought(shop) == {leaves[1].tenant_id: 1}


async def test_a_default_holds_for_all_that_say_nothing_of_their_own() -> None:
    shop, (dear, cheap) = await suppliers(800, 700)
    async with transaction(shop.owner) as tx:
        await routing.set_routing_policy(tx, shop.owner, policy=Policy.CHEAPEST)
    by_default = await bought(shop)

    await order_by(shop, Policy.PRIORITY)

    assert by_default == {cheap.tenant_id: 1}
    assert await bought(shop) == {dear.tenant_id: 1}


async def test_twenty_who_buy_at_once_do_not_exceed_what_a_source_gives_in_a_day() -> None:
    shop, (bounded, other) = await suppliers(700, 800)
    first, _ = await sources_of(shop)
    await change(shop, first.id, bounds_day=True, day_units_max=7)
    buyers = [await make_buyer(shop) for _ in range(20)]

    placed = await asyncio.gather(*(place(shop, buyer) for buyer in buyers))
    taken = Counter[TenantId]()
    for each in placed:
        taken += Counter(await leaves_of(each.order_id))
    with later(days=1):
        tomorrow = await bought(shop, 7)

    assert taken == {bounded.tenant_id: 7, other.tenant_id: 13}
    assert tomorrow == {bounded.tenant_id: 7}


async def test_what_comes_to_nothing_is_given_back_to_the_day() -> None:
    shop, (bounded, other) = await suppliers(700, 800)
    first, _ = await sources_of(shop)
    await change(shop, first.id, bounds_day=True, day_units_max=2)
    buyer = await make_buyer(shop)
    held = await place(shop, buyer, 2, pay_by=PayBy.LATER)
    meanwhile = await bought(shop)

    async with trading(buyer) as tx:
        await orders.cancel_order(tx, buyer, order_id=held.order_id)

    assert meanwhile == {other.tenant_id: 1}
    assert await bought(shop, 2) == {bounded.tenant_id: 2}


async def test_placing_and_cancelling_at_once_over_counted_sources_wait_for_nobody_crosswise() -> None:
    shop, _ = await suppliers(700, 700, stock=60)
    await order_by(shop, Policy.WEIGHTED)
    buyers = [await make_buyer(shop) for _ in range(12)]
    held = [await place(shop, buyer, pay_by=PayBy.LATER) for buyer in buyers]

    async def cancel(number: int) -> None:
        async with trading(buyers[number]) as tx:
            await orders.cancel_order(tx, buyers[number], order_id=held[number].order_id)

    await asyncio.gather(*(each for number in range(12) for each in (cancel(number), place(shop, buyers[number]))))


async def test_nobody_sells_for_less_than_the_margin_that_is_to_stay() -> None:
    shop, (first, second) = await suppliers(960, 880)

    await order_by(shop, None, margin_bps=1_000)
    by_price = await bought(shop)
    await order_by(shop, None, margin=Money(121, "CNY"))
    with pytest.raises(OutOfStock):
        await place(shop, await make_buyer(shop))
    for source in await sources_of(shop):
        await change(shop, source.id, below_cost=True)

    assert by_price == {second.tenant_id: 1}, "1,000 less 100 is less than 960"
    assert await bought(shop) == {first.tenant_id: 1}


async def test_a_margin_in_the_middle_of_a_chain_closes_it_there() -> None:
    chain = await make_chain()
    async with transaction(chain.b.owner) as tx:
        await routing.set_routing_policy(tx, chain.b.owner, offer_id=chain.offer_of_b, margin=Money(101, "CNY"))
    await routing.rebuild_routes(SYSTEM)

    with pytest.raises(OutOfStock):
        await place(chain.shop, await make_buyer(chain.shop))
    async with transaction(chain.b.owner) as tx:
        await routing.set_routing_policy(tx, chain.b.owner, offer_id=chain.offer_of_b, margin=Money(100, "CNY"))

    assert await bought(chain.shop) == {chain.a.tenant_id: 1}


async def test_what_cannot_be_said_is_refused_at_its_place_and_changes_nothing() -> None:
    shop = await make_shop(stock=1)
    wrong: tuple[dict[str, Any], ...] = (
        {"policy": Policy.SCORE}, {"policy": Policy.CHEAPEST, "points": Points(1, 0, 0, 0)},
        {"policy": Policy.SCORE, "points": Points(0, 0, 0, 0)}, {"policy": Policy.SCORE, "points": Points(-1, 0, 0, 0)},
        {"margin_bps": 10_001}, {"margin_bps": -1}, {"margin": Money(1, "USD")}, {"margin": Money(-1, "CNY")},
    )  # fmt: skip
    for more in wrong:
        with pytest.raises(Invalid) as refused:
            await order_by(shop, **({"policy": None} | more))
        assert refused.value.path, more
    other = await make_shop(stock=1)
    with pytest.raises(NotFound):
        async with transaction(shop.owner) as tx:
            await routing.set_routing_policy(tx, shop.owner, listing_id=other.listing_id, policy=Policy.CHEAPEST)

    async with transaction(shop.owner) as tx:
        found = (await routing.policies_of_listings(tx, shop.owner, [shop.listing_id]))[shop.listing_id]
    assert (found.policy, found.effective) == (None, Policy.PRIORITY)


async def test_a_change_needs_the_permission_of_what_it_orders_and_is_on_record() -> None:
    shop = await make_shop(stock=1)
    catalog_alone = replace(shop.owner, permissions=frozenset({"catalog.edit", "catalog.read"}))

    with pytest.raises(NotAllowed):
        async with transaction(catalog_alone) as tx:
            await routing.set_routing_policy(tx, catalog_alone, policy=Policy.CHEAPEST)
    await order_by(shop, Policy.CHEAPEST, margin_bps=50)

    async with transaction(shop.owner) as tx:
        (entry,) = await audit.list_entries(tx, shop.owner, action="routing.policy_changed")
    assert (entry["detail"]["policy"], entry["detail"]["margin_bps"]) == ("CHEAPEST", 50)
