"""Placing orders: all or nothing, never one code twice, never beyond a limit or a wallet."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, trading
from fondaco_core.errors import NotAllowed, NotFound, Refusal
from fondaco_core.ids import ListingId, new_id
from fondaco_core.ledger import InsufficientFunds
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind
from fondaco_tenants import orders
from fondaco_tenants.orders import (
    AllocationState,
    InvalidOrder,
    LimitExceeded,
    OrderRequest,
    OrderState,
    OutOfStock,
    PayBy,
    Placed,
    PriceChanged,
)
from tests.support.factories.catalog import make_entitlement, make_listing
from tests.support.factories.codes import make_codes, make_pool
from tests.support.factories.identity import admin_ctx
from tests.support.factories.orders import PRICE, Shop, balance, make_buyer, make_shop, place
from tests.support.factories.routing import make_source
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")


async def codes_by_state(shop: Shop) -> dict[str, int]:
    async with governing(admin_ctx()) as tx:
        rows = await tx.fetch(
            "SELECT state, count(*) AS n FROM code WHERE tenant_id = $1 GROUP BY state", shop.tenant_id
        )
    return {row["state"]: row["n"] for row in rows}


async def try_place(shop: Shop, buyer: Ctx, quantity: int = 1) -> Placed | Refusal:
    try:
        return await place(shop, buyer, quantity)
    except Refusal as refusal:
        return refusal


async def place_many(buyer: Ctx, requests: Sequence[OrderRequest]) -> list[Placed | Refusal]:
    assert buyer.customer_id is not None
    async with trading(buyer) as tx:
        return await orders.place_orders(tx, buyer, customer_id=buyer.customer_id, requests=requests)


async def test_a_wallet_order_is_paid_and_fulfilled_at_once() -> None:
    shop = await make_shop(stock=3, fee_bps=250)
    buyer = await make_buyer(shop, funds_minor=10_000)

    placed = await place(shop, buyer, 2)

    async with reading(buyer) as tx:
        order = await orders.get_order(tx, buyer, placed.order_id)
        units = await orders.list_allocations(tx, buyer, order_id=placed.order_id)
    assert order.state is OrderState.FULFILLED
    assert [unit.state for unit in units] == [AllocationState.FULFILLED] * 2
    assert await codes_by_state(shop) == {"AVAILABLE": 1, "DELIVERED": 2}
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == 10_000 - 2 * PRICE
    assert await balance(shop.tenant_id, None, AccountKind.RECEIVABLE) == 2 * PRICE - 240
    await assert_invariants()


async def test_an_order_to_be_paid_later_holds_its_codes() -> None:
    shop = await make_shop(stock=2)
    buyer = await make_buyer(shop, funds_minor=0)

    placed = await place(shop, buyer, 2, pay_by=PayBy.LATER)

    assert placed.state is OrderState.PENDING_PAYMENT
    assert await codes_by_state(shop) == {"HELD": 2}
    await assert_invariants()


async def test_a_short_pool_fails_over_to_the_next_source_in_the_same_order() -> None:
    shop = await make_shop(stock=(2, 0, 3))
    buyer = await make_buyer(shop)

    await place(shop, buyer, 4)

    async with governing(admin_ctx()) as tx:
        rows = await tx.fetch(
            "SELECT pool_id, count(*) AS n FROM code WHERE tenant_id = $1 AND state = 'DELIVERED' GROUP BY pool_id",
            shop.tenant_id,
        )
    assert {row["pool_id"]: row["n"] for row in rows} == {shop.pools[0].id: 2, shop.pools[2].id: 2}
    await assert_invariants()


async def test_a_shortage_of_all_sources_is_refused_whole_and_says_how_many_there_are() -> None:
    shop = await make_shop(stock=(2, 1))
    buyer = await make_buyer(shop)

    refusal = await try_place(shop, buyer, 4)

    assert isinstance(refusal, OutOfStock)
    assert (refusal.asked, refusal.available) == (4, 3)
    assert await codes_by_state(shop) == {"AVAILABLE": 3}
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == 1_000_000


async def test_an_empty_wallet_is_refused_and_holds_nothing() -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=PRICE - 1)

    refusal = await try_place(shop, buyer)

    assert isinstance(refusal, InsufficientFunds)
    assert (refusal.asked, refusal.available) == (Money(PRICE, "CNY"), Money(PRICE - 1, "CNY"))
    assert await codes_by_state(shop) == {"AVAILABLE": 1}


async def test_fifty_buyers_at_ten_codes_get_ten_and_forty_clean_refusals() -> None:
    shop = await make_shop(stock=10)
    buyers = [await make_buyer(shop) for _ in range(50)]

    outcomes = await asyncio.gather(*(try_place(shop, buyer) for buyer in buyers))

    assert sum(isinstance(outcome, Placed) for outcome in outcomes) == 10
    assert sum(isinstance(outcome, OutOfStock) for outcome in outcomes) == 40
    assert await codes_by_state(shop) == {"DELIVERED": 10}
    await assert_invariants()


async def test_ten_orders_at_once_do_not_pass_the_limit_of_one_customer() -> None:
    shop = await make_shop(stock=20, customer_max=3)
    buyer = await make_buyer(shop)

    outcomes = await asyncio.gather(*(try_place(shop, buyer) for _ in range(10)))

    assert sum(isinstance(outcome, Placed) for outcome in outcomes) == 3
    refused = [outcome for outcome in outcomes if isinstance(outcome, LimitExceeded)]
    assert len(refused) == 7
    assert all((refusal.limit, refusal.remaining) == (3, 0) for refusal in refused)
    await assert_invariants()


async def test_orders_at_once_do_not_overdraw_one_wallet() -> None:
    shop = await make_shop(stock=20)
    buyer = await make_buyer(shop, funds_minor=3 * PRICE + 1)

    outcomes = await asyncio.gather(*(try_place(shop, buyer) for _ in range(8)))

    assert sum(isinstance(outcome, Placed) for outcome in outcomes) == 3
    assert sum(isinstance(outcome, InsufficientFunds) for outcome in outcomes) == 5
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == 1
    await assert_invariants()


async def test_the_limit_of_one_order_says_what_is_allowed() -> None:
    shop = await make_shop(stock=5, order_max=2)
    buyer = await make_buyer(shop)

    refusal = await try_place(shop, buyer, 3)

    assert isinstance(refusal, LimitExceeded)
    assert (refusal.per_order, refusal.limit) == (True, 2)


async def test_of_many_orders_each_stands_or_falls_alone() -> None:
    shop = await make_shop(stock=3)
    buyer = await make_buyer(shop, funds_minor=2 * PRICE)
    one = ((shop.listing_id, 1),)

    outcomes = await place_many(
        buyer,
        [
            OrderRequest(lines=((shop.listing_id, 4),)),
            OrderRequest(lines=one),
            OrderRequest(lines=((ListingId(new_id()), 1),)),
            OrderRequest(lines=one, agreed=Money(1, "CNY")),
            OrderRequest(lines=one),
            OrderRequest(lines=one),
        ],
    )

    assert [type(outcome) for outcome in outcomes] == [
        OutOfStock,
        Placed,
        NotFound,
        PriceChanged,
        Placed,
        InsufficientFunds,
    ]
    assert await codes_by_state(shop) == {"AVAILABLE": 1, "DELIVERED": 2}
    await assert_invariants()


async def test_many_orders_at_once_over_the_same_two_pools_share_them_out() -> None:
    shop = await make_shop(stock=(3, 4))
    buyer = await make_buyer(shop)

    outcomes = await place_many(buyer, [OrderRequest(lines=((shop.listing_id, 2),)) for _ in range(4)])

    assert [type(outcome) for outcome in outcomes] == [Placed, Placed, Placed, OutOfStock]
    assert await codes_by_state(shop) == {"AVAILABLE": 1, "DELIVERED": 6}
    await assert_invariants()


@pytest.mark.parametrize("quantity", [0, -1, 1_001])
async def test_a_senseless_quantity_is_refused_by_name(quantity: int) -> None:
    shop = await make_shop(stock=0)
    buyer = await make_buyer(shop)

    refusal = await try_place(shop, buyer, quantity)

    assert isinstance(refusal, InvalidOrder)
    assert refusal.path == ("lines", "0", "quantity")


async def test_a_listing_in_two_lines_is_refused() -> None:
    shop = await make_shop(stock=2)
    buyer = await make_buyer(shop)

    (refusal,) = await place_many(buyer, [OrderRequest(lines=((shop.listing_id, 1), (shop.listing_id, 1)))])

    assert isinstance(refusal, InvalidOrder)


async def test_another_merchants_listing_does_not_exist() -> None:
    shop, other = await make_shop(stock=1), await make_shop(stock=1)
    buyer = await make_buyer(shop)

    (refusal,) = await place_many(buyer, [OrderRequest(lines=((other.listing_id, 1),))])

    assert isinstance(refusal, NotFound)
    assert await codes_by_state(other) == {"AVAILABLE": 1}


async def test_a_merchants_own_people_do_not_order_as_buyers() -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    assert buyer.customer_id is not None

    request = OrderRequest(lines=((shop.listing_id, 1),))

    async with trading(shop.owner) as tx:
        with pytest.raises(NotAllowed):
            await orders.place_order(tx, shop.owner, customer_id=buyer.customer_id, request=request)


async def test_a_simulation_says_what_placing_would_do_and_changes_nothing() -> None:
    shop = await make_shop(stock=(1, 1))
    buyer = await make_buyer(shop, funds_minor=PRICE)

    async with reading(buyer) as tx:
        fits, short, poor = [
            await orders.simulate_order(
                tx, buyer, customer_id=buyer.customer_id, request=OrderRequest(lines=((shop.listing_id, quantity),))
            )
            for quantity in (1, 3, 2)
        ]

    assert fits.refusal is None
    assert fits.total == Money(PRICE, "CNY")
    assert isinstance(short.refusal, OutOfStock)
    assert isinstance(poor.refusal, InsufficientFunds)
    assert len(poor.lines[0].route) == 2
    assert await codes_by_state(shop) == {"AVAILABLE": 2}


async def test_a_stranger_sees_no_order() -> None:
    shop = await make_shop(stock=1)
    buyer, stranger = await make_buyer(shop), await make_buyer(shop)
    placed = await place(shop, buyer)

    async with reading(stranger) as tx:
        with pytest.raises(NotFound):
            await orders.get_order(tx, stranger, placed.order_id)
        listed = await orders.list_orders(tx, stranger)

    assert listed == []


@dataclass(frozen=True, slots=True)
class Pair:
    """A shop with a second listing beside its first, and a buyer."""

    shop: Shop
    other_id: ListingId
    buyer: Ctx

    def request(self, one: int, other: int, *, pay_by: PayBy = PayBy.WALLET) -> OrderRequest:
        """So many units of each."""
        return OrderRequest(lines=((self.shop.listing_id, one), (self.other_id, other)), pay_by=pay_by)


async def make_pair(*, stock: int = 5, other_stock: int = 5, customer_max: int | None = None) -> Pair:
    shop = await make_shop(stock=stock)
    entitlement = await make_entitlement()
    listing = await make_listing(
        shop.owner, store_id=shop.store_id, entitlement_id=entitlement.id, price=Money(900, "CNY"), customer_max=customer_max
    )  # fmt: skip
    pool = await make_pool(shop.owner, entitlement_id=entitlement.id, name="Other")
    if other_stock:
        await make_codes(pool, other_stock)
    await make_source(shop.owner, listing_id=listing.id, pool_id=pool.id)
    return Pair(shop, listing.id, await make_buyer(shop))


async def test_an_order_of_several_lines_is_priced_bound_and_paid_line_by_line() -> None:
    pair = await make_pair()

    (placed,) = await place_many(pair.buyer, [pair.request(2, 3)])

    assert isinstance(placed, Placed)
    async with reading(pair.buyer) as tx:
        lines = (await orders.lines_of(tx, pair.buyer, [placed.order_id]))[placed.order_id]
        units = await orders.list_allocations(tx, pair.buyer, order_id=placed.order_id)
    assert [(line.quantity, line.unit_price_minor) for line in lines] == [(2, PRICE), (3, 900)]
    assert sorted((unit.line_id == lines[0].id, unit.unit) for unit in units) == [
        (False, 1), (False, 2), (False, 3), (True, 1), (True, 2),
    ]  # fmt: skip
    assert placed.total.amount_minor == 2 * PRICE + 3 * 900
    assert (
        await balance(pair.shop.tenant_id, pair.buyer.customer_id, AccountKind.WALLET)
        == 1_000_000 - placed.total.amount_minor
    )
    await assert_invariants()


async def test_a_line_that_is_short_refuses_the_whole_order_by_its_number() -> None:
    pair = await make_pair(other_stock=1)

    (refusal,) = await place_many(pair.buyer, [pair.request(2, 2)])

    assert isinstance(refusal, OutOfStock)
    assert (refusal.listing_id, refusal.path, refusal.available) == (pair.other_id, ("lines", "1"), 1)
    assert await codes_by_state(pair.shop) == {"AVAILABLE": 6}
    await assert_invariants()


async def test_a_limit_per_customer_holds_over_the_lines_of_all_orders_and_names_its_line() -> None:
    pair = await make_pair(customer_max=3)
    await place_many(pair.buyer, [pair.request(1, 2)])

    (refusal,) = await place_many(pair.buyer, [pair.request(1, 2)])

    assert isinstance(refusal, LimitExceeded)
    assert (refusal.listing_id, refusal.remaining, refusal.path) == (pair.other_id, 1, ("lines", "1", "quantity"))
    assert await codes_by_state(pair.shop) == {"AVAILABLE": 7, "DELIVERED": 3}


async def test_orders_with_the_same_lines_the_other_way_round_at_once_neither_wait_crosswise_nor_pass_a_limit() -> None:
    pair = await make_pair(stock=9, other_stock=9, customer_max=4)
    requests = [pair.request(1, 1) for _ in range(8)]
    turned = [replace(each, lines=each.lines[::-1]) if n % 2 else each for n, each in enumerate(requests)]

    done = await asyncio.gather(*(place_many(pair.buyer, [request]) for request in turned))

    refused = [each for (each,) in done if isinstance(each, Refusal)]
    assert len(refused) == 4
    assert all(isinstance(each, LimitExceeded) for each in refused)
    await assert_invariants()


async def test_units_of_one_line_are_refunded_and_the_others_stay() -> None:
    pair = await make_pair()
    (placed,) = await place_many(pair.buyer, [pair.request(2, 2)])
    assert isinstance(placed, Placed)
    async with reading(pair.buyer) as tx:
        lines = (await orders.lines_of(tx, pair.buyer, [placed.order_id]))[placed.order_id]
        units = await orders.list_allocations(tx, pair.buyer, order_id=placed.order_id)
    chosen = [unit.id for unit in units if unit.line_id == lines[1].id]

    async with trading(pair.shop.owner) as tx:
        done = await orders.refund_order(
            tx, pair.shop.owner, order_id=placed.order_id, reason="one line only", allocation_ids=chosen
        )

    assert done.amount.amount_minor == 2 * 900
    assert await codes_by_state(pair.shop) == {"AVAILABLE": 8, "DELIVERED": 2}
    await assert_invariants()
