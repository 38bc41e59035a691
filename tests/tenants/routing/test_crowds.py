"""A supplier with more ways than anybody looks at, none of which leads anywhere, leaves the other suppliers their turn."""

import pytest

from fondaco_core import limits
from fondaco_core.context import system_ctx
from fondaco_core.db import trading, transaction
from fondaco_core.ids import EntitlementId, OfferId
from fondaco_tenants import orders, routing
from fondaco_tenants.orders import OrderState
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import ROUTER, Merchant, agree, fill, make_front, make_merchant, make_offer
from tests.support.factories.codes import make_pool
from tests.support.factories.orders import make_buyer, place
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")
LOOK = system_ctx("look", permissions=frozenset({"system.run"}))


async def make_crowd(entitlement_id: EntitlementId) -> tuple[Merchant, OfferId]:
    """A supplier whose offer leads to more empty pools than routes are kept: those of two helpers of its own."""
    head = await make_merchant(funds_minor=100_000)
    offer = await make_offer(head, entitlement_id, price_minor=200)
    for _ in range(2):
        helper = await make_merchant()
        await agree(helper, head)
        below = await make_offer(helper, entitlement_id, price_minor=100)
        for place_ in range(limits.ROUTES_MAX // 2):
            pool = await make_pool(helper.owner, entitlement_id=entitlement_id, name=f"Empty {place_}")
            async with transaction(helper.owner) as tx:
                await routing.add_source(tx, helper.owner, offer_id=below, pool_id=pool.id)
        await routing.rebuild_routes(ROUTER)
        await fill(head, offer, supplier_offer_id=below)
    return head, offer


async def test_what_another_supplier_has_is_in_stock_and_sold() -> None:
    entitlement = await make_entitlement()
    crowd, dead = await make_crowd(entitlement.id)
    other, store = await make_merchant(), await make_merchant(funds_minor=100_000)
    await agree(crowd, store)
    await agree(other, store)
    shop = await make_front(
        store, entitlement.id, dead, await make_offer(other, entitlement.id, price_minor=300, codes=3)
    )

    async with trading(LOOK, read_only=True) as tx:
        stock = await orders.stock_over_others(tx, [shop.listing_id])
    placed = await place(shop, await make_buyer(shop))

    assert stock == {shop.listing_id: 3}
    assert placed.state is OrderState.FULFILLED
    await assert_invariants()


async def test_an_offer_over_a_crowd_and_another_supplier_is_sold_over_the_other() -> None:
    entitlement = await make_entitlement()
    crowd, dead = await make_crowd(entitlement.id)
    other, middle = await make_merchant(), await make_merchant(funds_minor=100_000)
    store = await make_merchant(funds_minor=100_000)
    for supplier, reseller in ((crowd, middle), (other, middle), (middle, store)):
        await agree(supplier, reseller)
    offer = await make_offer(middle, entitlement.id, price_minor=400)
    await fill(middle, offer, supplier_offer_id=dead)
    await fill(middle, offer, supplier_offer_id=await make_offer(other, entitlement.id, price_minor=300, codes=3))
    shop = await make_front(store, entitlement.id, offer)

    placed = await place(shop, await make_buyer(shop))

    assert placed.state is OrderState.FULFILLED
    await assert_invariants()
