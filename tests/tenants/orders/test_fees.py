"""What the platform takes at every hop: by the seller's plan and the category of the goods, as it is when the order is placed."""

import pytest

from fondaco_core import tenancy
from fondaco_core.db import governing, trading
from fondaco_core.ids import OrderId
from fondaco_core.postings import AccountKind
from fondaco_core.tenancy import Fees, Plan
from fondaco_tenants import orders
from fondaco_tenants.orders import OutOfStock, PayBy, Verdict
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import make_chain_for
from tests.support.factories.identity import admin_ctx
from tests.support.factories.orders import balance, make_buyer, make_shop, place
from tests.support.factories.tenancy import make_plan, put_on_plan
from tests.support.invariants import assert_invariants
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("database")
LOOK = admin_ctx()


async def fees_of(order_id: OrderId) -> list[int]:
    """What each seller of an order pays, from the shop down."""
    async with governing(LOOK) as tx:
        rows = await tx.fetch("SELECT fee_minor FROM hop WHERE order_id = $1 ORDER BY depth", order_id)
    return [row["fee_minor"] for row in rows]


async def charge(plan: Plan, fees: Fees) -> None:
    async with governing(LOOK) as tx:
        await tenancy.change_plan(tx, LOOK, plan_id=plan.id, version=plan.version, fees=fees)


async def test_every_hop_pays_what_its_sellers_plan_takes_of_this_category() -> None:
    chain = await make_chain_for(await make_entitlement(category="games"), codes=5)
    await put_on_plan(chain.a.tenant_id, (await make_plan(Fees(1_000, {"games": 500, "food": 9_000}))).id)
    await put_on_plan(chain.b.tenant_id, (await make_plan(Fees(200, {"food": 9_000}))).id)
    buyer = await make_buyer(chain.shop)

    placed = await place(chain.shop, buyer, 2)

    assert await fees_of(placed.order_id) == [0, 32, 70], "C has a fee of its own, which is none"
    assert await balance(chain.a.tenant_id, None, AccountKind.RECEIVABLE) == 1_400 - 70
    assert await balance(chain.b.tenant_id, None, AccountKind.RECEIVABLE) == 1_600 - 32
    await assert_invariants()


async def test_an_order_keeps_the_fee_that_it_was_placed_with() -> None:
    shop, plan = await make_shop(price_minor=1_000), await make_plan(Fees(1_000, {"games": 100}))
    await put_on_plan(shop.tenant_id, plan.id)
    buyer = await make_buyer(shop)
    held = await place(shop, buyer, 2, pay_by=PayBy.LATER)

    await charge(plan, Fees(1_000, {"games": 5_000}))
    async with trading(buyer) as tx:
        await orders.pay_order(tx, buyer, order_id=held.order_id)
    after = await place(shop, buyer, 2)

    assert [await fees_of(each.order_id) for each in (held, after)] == [[20], [1_000]]
    await assert_invariants()


async def test_what_a_plan_takes_counts_where_nobody_sells_below_cost() -> None:
    chain = await make_chain_for(await make_entitlement(category="games"), codes=5)
    buyer = await make_buyer(chain.shop)
    plan = await make_plan(Fees(0, {"games": 1_250}))
    await put_on_plan(chain.b.tenant_id, plan.id)

    # Of 800 that B gets, an eighth leaves just what it pays for a unit.
    placed = await place(chain.shop, buyer)
    await charge(plan, Fees(0, {"games": 1_260}))

    assert await fees_of(placed.order_id) == [0, 100, 0]
    with pytest.raises(OutOfStock):
        await place(chain.shop, buyer)


async def test_explaining_and_stock_tell_of_the_fee_that_an_order_would_pay() -> None:
    chain = await make_chain_for(await make_entitlement(category="games"), codes=5)
    plan = await make_plan(Fees(0, {"games": 1_000}))
    await put_on_plan(chain.c.tenant_id, plan.id)

    async with trading(chain.c.owner) as tx:
        [source] = (await orders.explain_route(tx, chain.c.owner, listing_id=chain.shop.listing_id, quantity=1)).sources
        stock = await orders.stock_over_others(tx, [chain.shop.listing_id])
    await charge(plan, Fees(0, {"games": 2_500}))
    async with trading(chain.c.owner) as tx:
        [dear] = (await orders.explain_route(tx, chain.c.owner, listing_id=chain.shop.listing_id, quantity=1)).sources
        none = await orders.stock_over_others(tx, [chain.shop.listing_id])

    assert source.unit_margin is not None
    assert source.unit_margin.amount_minor == 100
    assert dear.verdict is Verdict.BELOW_COST
    assert (stock, none) == ({chain.shop.listing_id: 5}, {chain.shop.listing_id: 0})


async def test_a_plan_costs_an_order_no_statement_more() -> None:
    shop = await make_shop()
    buyer = await make_buyer(shop)
    await place(shop, buyer)

    with counted() as without:
        await place(shop, buyer)
    await put_on_plan(shop.tenant_id, (await make_plan(Fees(100, {"games": 200}))).id)
    with counted() as by_plan:
        await place(shop, buyer)

    assert len(by_plan) == len(without)
