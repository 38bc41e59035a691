"""Orders over other merchants: the code is the leaf's, the money moves at every hop, and all of it or nothing."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from fondaco_core.context import system_ctx
from fondaco_core.db import Overtaken, governing, trading, transaction
from fondaco_core.errors import NotFound
from fondaco_core.ids import OrderId, TenantId
from fondaco_core.postings import AccountKind
from fondaco_tenants import orders, supply
from fondaco_tenants.orders import OrderState, OutOfStock, PayBy
from fondaco_tenants.orders.service import chain as service_chain
from tests.support.clock import later
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import (
    agree,
    fill,
    make_chain,
    make_front,
    make_merchant,
    make_offer,
    price,
)
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.orders import balance, make_buyer, place
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")
LOOK = system_ctx("look", permissions=frozenset({"system.run"}))
TAKE_ALL = """
UPDATE agreement_use SET day_units = 2000, day = (now() AT TIME ZONE 'UTC')::date WHERE supplier_tenant_id = $1
"""


async def money(tenant_id: TenantId) -> tuple[int, int, int]:
    """What a merchant has in its wallet, is to get, and owes."""
    kinds = (AccountKind.WALLET, AccountKind.RECEIVABLE, AccountKind.CREDIT_USED)
    wallet, receivable, credit = [await balance(tenant_id, None, kind) for kind in kinds]
    return wallet, receivable, -credit


async def leaves_of(order_id: UUID) -> list[TenantId]:
    """Whose codes the units of an order are."""
    async with governing(LOOK) as tx:
        rows = await tx.fetch(
            "SELECT c.tenant_id FROM allocation a JOIN code c ON c.id = a.code_id WHERE a.order_id = $1 AND a.state = ANY($2) ORDER BY a.unit",
            order_id, ["HELD", "FULFILLED"],
        )  # fmt: skip
    return [TenantId(row["tenant_id"]) for row in rows]


async def test_an_order_over_three_merchants_pays_every_hop_in_one_transaction() -> None:
    chain = await make_chain()
    buyer = await make_buyer(chain.shop)

    placed = await place(chain.shop, buyer, 2)

    assert placed.state is OrderState.FULFILLED
    assert await leaves_of(placed.order_id) == [chain.a.tenant_id] * 2
    assert await money(chain.c.tenant_id) == (100_000 - 1_600, 2_000, 0)
    assert await money(chain.b.tenant_id) == (100_000 - 1_400, 1_600, 0)
    assert await money(chain.a.tenant_id) == (0, 1_400, 0)
    await assert_invariants()


async def test_what_the_first_supplier_lacks_the_next_one_brings_within_the_same_order() -> None:
    chain = await make_chain(codes=1)
    other = await make_merchant()
    await agree(other, chain.c)
    dearer = await make_offer(other, chain.entitlement_id, price_minor=900, codes=3)
    shop = await make_front(chain.c, chain.entitlement_id, chain.offer_of_b, dearer)
    buyer = await make_buyer(shop)

    placed = await place(shop, buyer, 3)

    assert await leaves_of(placed.order_id) == [chain.a.tenant_id, other.tenant_id, other.tenant_id]
    assert await money(other.tenant_id) == (0, 1_800, 0)
    assert await money(chain.c.tenant_id) == (100_000 - 800 - 1_800, 3_000, 0)
    await assert_invariants()


async def test_a_wallet_and_a_credit_line_that_are_used_up_refuse_and_move_nothing() -> None:
    chain = await make_chain(funds_of_b=1_000, credit_of_a=500)
    buyer = await make_buyer(chain.shop)

    first = await place(chain.shop, buyer, 2)
    with pytest.raises(OutOfStock):
        await place(chain.shop, buyer, 1)

    assert first.state is OrderState.FULFILLED
    assert await money(chain.b.tenant_id) == (0, 1_600, 400)
    assert await money(chain.a.tenant_id) == (0, 1_400, 0)
    assert await money(chain.c.tenant_id) == (100_000 - 1_600, 2_000, 0)
    await assert_invariants()


async def test_an_unpaid_order_sets_money_aside_at_every_hop_and_its_end_gives_it_back() -> None:
    chain = await make_chain(funds_of_b=1_000, credit_of_a=1_000, hold_units_max=2)
    buyer = await make_buyer(chain.shop)

    placed = await place(chain.shop, buyer, 2, pay_by=PayBy.LATER)
    with pytest.raises(OutOfStock):
        await place(chain.shop, buyer, 1, pay_by=PayBy.LATER)
    assert await money(chain.a.tenant_id) == (0, 0, 0)
    async with trading(buyer) as tx:
        await orders.cancel_order(tx, buyer, order_id=placed.order_id)

    assert await money(chain.b.tenant_id) == (1_000, 0, 0)
    again = await place(chain.shop, buyer, 2, pay_by=PayBy.LATER)
    async with trading(buyer) as tx:
        paid = await orders.pay_order(tx, buyer, order_id=again.order_id)
    assert paid.state is OrderState.FULFILLED
    assert await money(chain.b.tenant_id) == (0, 1_600, 400)
    assert await money(chain.a.tenant_id) == (0, 1_400, 0)
    await assert_invariants()


async def test_a_hold_that_runs_out_voids_what_was_set_aside() -> None:
    chain = await make_chain()
    buyer = await make_buyer(chain.shop)
    await place(chain.shop, buyer, 2, pay_by=PayBy.LATER)

    with later(minutes=30):
        async with trading(LOOK) as tx:
            assert await orders.expire_overdue(tx, LOOK) >= 1

    assert await money(chain.b.tenant_id) == (100_000, 0, 0)
    assert await money(chain.c.tenant_id) == (100_000, 0, 0)
    await assert_invariants()


async def test_refunds_go_back_over_the_same_hops_unit_by_unit_and_not_one_further() -> None:
    chain = await make_chain(funds_of_b=1_000, credit_of_a=10_000)
    buyer = await make_buyer(chain.shop)
    placed = await place(chain.shop, buyer, 3)
    owner = await make_member_ctx(chain.c.tenant_id)
    async with transaction(owner) as tx:
        units = [unit.id for unit in await orders.list_allocations(tx, owner, order_id=placed.order_id)]

    for unit in units:
        async with trading(owner) as tx:
            await orders.refund_order(
                tx, owner, order_id=placed.order_id, reason="The buyer changed its mind.", allocation_ids=[unit]
            )
    with pytest.raises(orders.OrderNotOpen):
        async with trading(owner) as tx:
            await orders.refund_order(tx, owner, order_id=placed.order_id, reason="Once more, please.")

    assert await money(chain.a.tenant_id) == (0, 0, 0)
    assert await money(chain.b.tenant_id) == (1_000, 0, 0)
    assert await money(chain.c.tenant_id) == (100_000, 0, 0)
    await assert_invariants()


async def test_a_daily_quota_is_kept_however_many_buy_at_once() -> None:
    chain = await make_chain(codes=20, day_units_max=5)
    buyers = [await make_buyer(chain.shop) for _ in range(8)]

    placed = await asyncio.gather(*(place(chain.shop, buyer) for buyer in buyers), return_exceptions=True)

    assert sum(not isinstance(each, BaseException) for each in placed) == 5
    assert all(isinstance(each, OutOfStock) for each in placed if isinstance(each, BaseException))
    await assert_invariants()


@pytest.mark.parametrize("what", ["price", "withdrawn", "suspended", "ended", "merchant"])
async def test_a_step_that_is_not_open_any_more_is_not_sold_over(what: str) -> None:
    chain = await make_chain()
    buyer = await make_buyer(chain.shop)
    await place(chain.shop, buyer)

    match what:
        case "price":
            # Dearer for B than what B asks: B would sell below its cost.
            await price(chain.a, chain.offer_of_a, 801)
        case "withdrawn":
            async with transaction(chain.a.owner) as tx:
                offer = (await supply.own_offers_by_ids(tx, chain.a.owner, [chain.offer_of_a]))[chain.offer_of_a]
                await supply.withdraw_offer(tx, chain.a.owner, offer_id=offer.id, version=offer.version)
        case "merchant":
            async with governing(LOOK) as tx:
                await tx.execute("UPDATE tenant SET state = 'SUSPENDED' WHERE id = $1", chain.a.tenant_id)
        case _:
            async with transaction(chain.a.owner) as tx:
                (agreement,) = await supply.list_agreements(tx, chain.a.owner)
                act = supply.suspend_agreement if what == "suspended" else supply.end_agreement
                await act(
                    tx, chain.a.owner, agreement_id=agreement.id, version=agreement.version, reason="It does not go on."
                )

    with pytest.raises(OutOfStock):
        await place(chain.shop, buyer)
    await assert_invariants()


@pytest.mark.parametrize("funds", [10_000_000, 100_000], ids=["plenty", "little"])
async def test_chains_that_cross_do_not_wait_for_each_other_in_a_circle(funds: int) -> None:
    one, two = await make_merchant(funds_minor=funds), await make_merchant(funds_minor=funds)
    await agree(one, two)
    await agree(two, one)
    shops = []
    for supplier, reseller in ((one, two), (two, one)):
        entitlement = await make_entitlement()
        offer = await make_offer(supplier, entitlement.id, price_minor=700, codes=100)
        shops.append(await make_front(reseller, entitlement.id, offer))
    buyers = [(shop, await make_buyer(shop)) for shop in shops for _ in range(4)]

    async def buy(n: int) -> OrderState:
        shop, buyer = buyers[n % len(buyers)]
        return (await place(shop, buyer)).state

    states = await asyncio.gather(*(buy(n) for n in range(200)))

    assert set(states) == {OrderState.FULFILLED}
    assert await money(one.tenant_id) == await money(two.tenant_id) == (funds - 70_000, 100_000 + 70_000, 0)
    await assert_invariants()


async def test_orders_and_refunds_of_one_buyer_do_not_wait_for_each_other_in_a_circle() -> None:
    chain = await make_chain(codes=40, funds_of_b=10_000_000, funds_of_c=10_000_000)
    buyer = await make_buyer(chain.shop)
    owner = await make_member_ctx(chain.c.tenant_id)
    paid = [(await place(chain.shop, buyer)).order_id for _ in range(10)]
    held = [(await place(chain.shop, buyer, pay_by=PayBy.LATER)).order_id for _ in range(10)]

    async def refund(order_id: OrderId) -> None:
        async with trading(owner) as tx:
            await orders.refund_order(tx, owner, order_id=order_id, reason="The buyer changed its mind.")

    async def pay(order_id: OrderId) -> None:
        async with trading(buyer) as tx:
            await orders.pay_order(tx, buyer, order_id=order_id)

    every = zip(paid, held, range(10), strict=True)
    await asyncio.gather(*(each for a, b, _ in every for each in (refund(a), pay(b), place(chain.shop, buyer))))

    assert await money(chain.a.tenant_id) == (0, 20 * 700, 0)
    assert await money(chain.c.tenant_id) == (10_000_000 - 20 * 800, 20_000, 0)
    await assert_invariants()


async def test_who_decided_by_plenty_that_others_took_meanwhile_is_overtaken_and_moves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = await make_chain(funds_of_b=10_000_000, funds_of_c=10_000_000, day_units_max=2_000)
    buyer = await make_buyer(chain.shop)
    write_uses = service_chain.write_uses

    async def after_others(*args: Any) -> None:
        async with trading(LOOK) as other:
            await other.execute(TAKE_ALL, chain.a.tenant_id)
        await write_uses(*args)

    with monkeypatch.context() as patched:
        patched.setattr(service_chain, "write_uses", after_others)
        with pytest.raises(Overtaken):
            await place(chain.shop, buyer)

    assert await money(chain.b.tenant_id) == (10_000_000, 0, 0)
    with pytest.raises(OutOfStock):
        await place(chain.shop, buyer)
    await assert_invariants()


async def test_a_merchant_stands_in_a_chain_once() -> None:
    chain = await make_chain()
    await agree(chain.c, chain.a)
    offer_of_c = await make_offer(chain.c, chain.entitlement_id, price_minor=900)
    await fill(chain.c, offer_of_c, supplier_offer_id=chain.offer_of_b)

    with pytest.raises(Exception, match="fill itself"):
        await fill(chain.a, chain.offer_of_a, supplier_offer_id=offer_of_c)


async def test_a_store_does_not_say_of_anothers_code_that_it_is_bad() -> None:
    chain = await make_chain()
    buyer = await make_buyer(chain.shop)
    placed = await place(chain.shop, buyer)
    owner = await make_member_ctx(chain.c.tenant_id)
    async with transaction(owner) as tx:
        (unit,) = await orders.list_allocations(tx, owner, order_id=placed.order_id)

    async with trading(owner) as tx:
        with pytest.raises(orders.NotOwnCode):
            await orders.replace_unit(tx, owner, allocation_id=unit.id, reason="It does not work.")

    async with governing(LOOK) as tx:
        states = await tx.fetch(
            "SELECT DISTINCT state FROM code WHERE tenant_id = $1 ORDER BY state", chain.a.tenant_id
        )
    assert [row["state"] for row in states] == ["AVAILABLE", "DELIVERED"]


async def test_nothing_is_filled_from_a_merchant_without_an_agreement() -> None:
    chain = await make_chain()
    stranger = await make_merchant()

    with pytest.raises(NotFound):
        await make_front(stranger, chain.entitlement_id, chain.offer_of_a)
    with pytest.raises(NotFound):
        await make_front(chain.a, chain.entitlement_id, chain.offer_of_a)
