"""Budgets of holds: exact by buyer, device and address also at the same time, and of a pool for all guests together."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core import limits
from fondaco_core.context import ActorKind, Ctx, system_ctx
from fondaco_core.db import governing, reading, trading, transaction
from fondaco_core.errors import Invalid, NotAllowed, Refusal, StaleVersion
from fondaco_tenants import customers, orders
from fondaco_tenants.orders import Budget, HoldBudgetExceeded, HoldBudgets, OrderRequest, OutOfStock, PayBy, Placed
from fondaco_tenants.orders.rules import Held, guests_share, hold_more
from tests.support.factories.chains import agree, make_chain, make_front, make_merchant
from tests.support.factories.identity import some_email
from tests.support.factories.orders import Shop, make_buyer, make_shop, place
from tests.support.invariants import assert_invariants
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


async def set_budgets(shop: Shop, **changed: int) -> None:
    async with reading(shop.owner) as tx:
        before = await orders.get_hold_budgets(tx, shop.owner)
    async with transaction(shop.owner) as tx:
        await orders.set_hold_budgets(
            tx, shop.owner, version=before.version, budgets=replace(before.budgets, **changed)
        )


def guest_ctx(shop: Shop, *, ip: str | None = None) -> Ctx:
    return Ctx(tenant_id=shop.tenant_id, permissions=frozenset({"buyer.order"}), ip=ip, request_id=uuid4().hex)


async def hold(
    shop: Shop, ctx: Ctx, quantity: int = 1, *, contact: str | None = None, device: str | None = None
) -> Placed:
    """An unpaid order of an account, or of a guest who is new."""
    async with trading(ctx) as tx:
        customer_id = ctx.customer_id
        if customer_id is None:
            customer_id = await customers.find_or_create_guest(tx, ctx, contact=contact or some_email())
        request = OrderRequest(lines=((shop.listing_id, quantity),), pay_by=PayBy.LATER, device=device)
        return await orders.place_order(tx, ctx, customer_id=customer_id, request=request)


async def try_hold(shop: Shop, ctx: Ctx, quantity: int = 1, *, device: str | None = None) -> Placed | Refusal:
    try:
        return await hold(shop, ctx, quantity, device=device)
    except Refusal as refusal:
        return refusal


def refused(results: Sequence[Placed | Refusal]) -> list[str]:
    found = [each for each in results if isinstance(each, Refusal)]
    assert all(isinstance(each, HoldBudgetExceeded) for each in found), found
    return [each.budget for each in found if isinstance(each, HoldBudgetExceeded)]


async def test_contacts_without_number_on_one_device_hold_what_one_device_may() -> None:
    shop = await make_shop(stock=12)
    await set_budgets(shop, device_units_max=4)

    results = await asyncio.gather(*(try_hold(shop, guest_ctx(shop), device="phone") for _ in range(8)))

    assert refused(results) == ["DEVICE"] * 4
    await assert_invariants()


async def test_contacts_without_number_at_one_address_hold_what_one_address_may() -> None:
    shop = await make_shop(stock=12)
    await set_budgets(shop, address_orders_max=3)

    results = await asyncio.gather(
        *(try_hold(shop, guest_ctx(shop, ip=f"2001:db8:1:1::{n}"), device=f"phone {n}") for n in range(8))
    )

    assert refused(results) == ["ADDRESS"] * 5
    assert isinstance(await try_hold(shop, guest_ctx(shop, ip="2001:db8:1:2::1")), Placed)
    await assert_invariants()


async def test_guests_together_hold_their_share_of_a_pool_and_who_pays_gets_the_rest() -> None:
    shop = await make_shop(stock=10)
    buyer = await make_buyer(shop)
    await set_budgets(shop, guest_units_max=1, guest_share_percent=30)

    results = await asyncio.gather(*(try_hold(shop, guest_ctx(shop)) for _ in range(9)))
    paid = [await place(shop, buyer) for _ in range(7)]

    assert refused(results) == ["GUESTS"] * 6
    assert len(paid) == 7
    await assert_invariants()


async def test_the_share_counts_what_is_held_and_not_what_was_paid_or_cancelled() -> None:
    shop = await make_shop(stock=10)
    await set_budgets(shop, guest_units_max=2, guest_share_percent=20)
    first = await hold(shop, guest_ctx(shop), 2)
    full = await try_hold(shop, guest_ctx(shop))
    async with trading(shop.owner) as tx:
        await orders.cancel_order(tx, shop.owner, order_id=first.order_id)

    again = await try_hold(shop, guest_ctx(shop), 2)
    async with trading(SYSTEM) as tx:
        forgotten = await orders.forget_guest_holds(tx, SYSTEM)

    assert refused([full]) == ["GUESTS"]
    assert isinstance(again, Placed)
    assert forgotten >= 1
    assert refused([await try_hold(shop, guest_ctx(shop))]) == ["GUESTS"]


async def test_a_device_of_one_merchant_is_none_of_another() -> None:
    shop, other = await make_shop(), await make_shop()
    for each in (shop, other):
        await set_budgets(each, device_orders_max=1)

    await hold(shop, guest_ctx(shop), device="phone")

    assert isinstance(await try_hold(other, guest_ctx(other), device=" phone "), Placed)
    async with governing(SYSTEM) as tx:
        hashes = await tx.fetch(
            'SELECT device_hash FROM "order" WHERE tenant_id = ANY($1)', [shop.tenant_id, other.tenant_id]
        )
    assert len({row["device_hash"] for row in hashes}) == 2
    assert all(b"phone" not in row["device_hash"] for row in hashes)


async def test_a_machine_of_a_buyer_has_no_address() -> None:
    shop = await make_shop(stock=5)
    buyer = replace(await make_buyer(shop), actor=ActorKind.API_CLIENT, ip="192.0.2.1")
    await set_budgets(shop, address_orders_max=1)

    placed = [await hold(shop, buyer) for _ in range(3)]

    assert len(placed) == 3


async def test_a_simulation_meets_the_budget_that_the_order_would() -> None:
    shop = await make_shop(stock=9)
    await set_budgets(shop, device_orders_max=1)
    await hold(shop, guest_ctx(shop), device="phone")
    ctx = guest_ctx(shop)
    request = OrderRequest(lines=((shop.listing_id, 1),), pay_by=PayBy.LATER, device="phone")

    async with reading(ctx) as tx:
        found = await orders.simulate_order(tx, ctx, customer_id=None, request=request)

    assert isinstance(found.refusal, HoldBudgetExceeded)
    assert (found.refusal.budget, found.refusal.orders_left) == ("DEVICE", 0)


async def test_budgets_cost_an_order_that_is_paid_at_once_nothing_and_a_guests_two_statements_more() -> None:
    shop = await make_shop(stock=9)
    buyer = await make_buyer(shop)
    await place(shop, buyer)

    with counted() as paid:
        await place(shop, buyer)
    with counted() as held:
        await hold(shop, buyer)
    with counted() as guests:
        await hold(shop, guest_ctx(shop, ip="192.0.2.7"), device="phone")

    assert not [sql for sql in paid if "hold_budget" in sql or "guest_hold" in sql]
    assert len([sql for sql in held if "hold_budget" in sql or "advisory" in sql]) == 2
    assert len([sql for sql in guests if "hold_budget" in sql or "advisory" in sql or "JOIN guest" in sql]) == 2


async def test_only_who_may_change_the_merchant_sets_budgets_within_the_platforms_limits() -> None:
    shop = await make_shop()
    buyer = await make_buyer(shop)

    async with transaction(shop.owner) as tx:
        with pytest.raises(StaleVersion):
            await orders.set_hold_budgets(tx, shop.owner, version=3, budgets=HoldBudgets())
        with pytest.raises(NotAllowed):
            await orders.set_hold_budgets(tx, buyer, version=0, budgets=HoldBudgets())
        for name, value in (
            ("guest_units_max", 0),
            ("device_orders_max", limits.HOLD_BUDGET_ORDERS_MAX + 1),
            ("guest_share_percent", 101),
        ):
            with pytest.raises(Invalid) as beyond:
                await orders.set_hold_budgets(
                    tx, shop.owner, version=0, budgets=replace(HoldBudgets(), **{name: value})
                )
            assert beyond.value.path == (name,)


@given(orders_=st.integers(0, 20), units=st.integers(0, 60), asked=st.integers(1, 30), guest=st.booleans())
def test_nothing_is_held_beyond_a_budget(*, orders_: int, units: int, asked: int, guest: bool) -> None:
    budgets = HoldBudgets(guest_orders_max=3, guest_units_max=20, buyer_orders_max=7, buyer_units_max=40)
    orders_max, units_max = budgets.of(Budget.BUYER, guest=guest)

    if orders_ + 1 > orders_max or units + asked > units_max:
        with pytest.raises(HoldBudgetExceeded) as refusal:
            hold_more(Held(orders_, units), Budget.BUYER, budgets, units=asked, guest=guest)
        assert refusal.value.units_left == max(0, units_max - units)
    else:
        after = hold_more(Held(orders_, units), Budget.BUYER, budgets, units=asked, guest=guest)
        assert (after.orders, after.units) == (orders_ + 1, units + asked)


@given(held=st.integers(0, 500), available=st.integers(0, 500), percent=st.integers(1, 100))
def test_guests_may_hold_what_one_may_and_else_leave_the_rest(held: int, available: int, percent: int) -> None:
    budgets = HoldBudgets(guest_units_max=5, guest_share_percent=percent)

    most = guests_share(Held(1, held), budgets, available=available)

    assert most >= 5
    assert most == 5 or most * 100 <= (held + available) * percent


async def test_the_share_of_anothers_pool_is_a_stores_own_and_says_nothing_of_what_there_is() -> None:
    chain = await make_chain(codes=10)
    other = await make_merchant(funds_minor=100_000)
    await agree(chain.b, other)
    shops = chain.shop, await make_front(other, chain.entitlement_id, chain.offer_of_b)
    for shop in shops:
        await set_budgets(shop, guest_units_max=1, guest_share_percent=50)
    await hold(shops[0], guest_ctx(shops[0]))

    there = [await try_hold(shops[1], guest_ctx(shops[1])) for _ in range(5)]
    too_much = await try_hold(shops[1], guest_ctx(shops[1]))
    async with trading(guest_ctx(shops[1])) as tx:
        request = OrderRequest(lines=((shops[1].listing_id, 1),), pay_by=PayBy.LATER)
        simulated = await orders.simulate_order(tx, guest_ctx(shops[1]), customer_id=None, request=request)

    assert sum(isinstance(each, Placed) for each in there) == 4
    for refusal in (too_much, simulated.refusal):
        assert isinstance(refusal, OutOfStock)
        assert refusal.available is None
    assert isinstance(await try_hold(shops[0], guest_ctx(shops[0])), Placed)
    await assert_invariants()
