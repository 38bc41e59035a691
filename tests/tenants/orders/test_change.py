"""After placing: pay, cancel, expire, refund. Money and codes move together, once."""

import asyncio
from datetime import timedelta

import pytest

from fondaco_core import clock
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import trading, transaction
from fondaco_core.errors import Invalid, NotFound, Refusal
from fondaco_core.ids import AllocationId, OrderId, new_id
from fondaco_core.ledger import InsufficientFunds
from fondaco_core.postings import AccountKind
from fondaco_tenants import orders
from fondaco_tenants.orders import (
    CodeAlreadyRevealed,
    HoldExpired,
    OrderNotOpen,
    OrderState,
    OrderView,
    PayBy,
    Refunded,
)
from tests.support.factories.orders import PRICE, Shop, balance, make_buyer, make_shop, place
from tests.support.invariants import assert_invariants
from tests.tenants.orders.test_place import codes_by_state

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


async def pay(buyer: Ctx, order_id: OrderId) -> OrderView:
    async with trading(buyer) as tx:
        return await orders.pay_order(tx, buyer, order_id=order_id)


async def refund(shop: Shop, order_id: OrderId, units: list[AllocationId] | None = None) -> Refunded:
    async with trading(shop.owner) as tx:
        return await orders.refund_order(tx, shop.owner, order_id=order_id, reason="by mistake", allocation_ids=units)


async def reveal(buyer: Ctx, units: list[AllocationId]) -> None:
    async with transaction(buyer) as tx:
        await orders.mark_revealed(tx, allocation_ids=units)


async def units_of(buyer: Ctx, order_id: OrderId) -> list[AllocationId]:
    async with transaction(buyer) as tx:
        return [unit.id for unit in await orders.list_allocations(tx, buyer, order_id=order_id)]


async def test_a_held_order_is_paid_and_fulfilled_and_paying_again_changes_nothing() -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)

    first, second = await pay(buyer, placed.order_id), await pay(buyer, placed.order_id)

    assert first.state is second.state is OrderState.FULFILLED
    assert await codes_by_state(shop) == {"DELIVERED": 1}
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == 1_000_000 - PRICE
    await assert_invariants()


async def test_twenty_payments_of_one_order_at_once_pay_it_once() -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)

    await asyncio.gather(*(pay(buyer, placed.order_id) for _ in range(20)))

    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == 1_000_000 - PRICE
    await assert_invariants()


async def test_paying_with_too_little_leaves_the_hold_as_it_was() -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=1)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)

    with pytest.raises(InsufficientFunds):
        await pay(buyer, placed.order_id)

    assert await codes_by_state(shop) == {"HELD": 1}


async def test_a_cancelled_order_gives_its_stock_back() -> None:
    shop = await make_shop(stock=2)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, 2, pay_by=PayBy.LATER)

    async with trading(buyer) as tx:
        cancelled = await orders.cancel_order(tx, buyer, order_id=placed.order_id)

    assert cancelled.state is OrderState.CANCELLED
    assert await codes_by_state(shop) == {"AVAILABLE": 2}
    assert (await place(shop, buyer, 2)).state is OrderState.FULFILLED
    await assert_invariants()


async def test_a_paid_order_is_not_cancelled() -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer)

    with pytest.raises(OrderNotOpen) as refusal:
        async with trading(buyer) as tx:
            await orders.cancel_order(tx, buyer, order_id=placed.order_id)

    assert refusal.value.state == "FULFILLED"


async def test_an_overdue_order_expires_and_cannot_be_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = await make_shop(stock=1, hold_s=60)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    later = clock.now() + timedelta(seconds=61)
    monkeypatch.setattr(clock, "_now", lambda: later)

    with pytest.raises(HoldExpired):
        await pay(buyer, placed.order_id)
    async with trading(SYSTEM) as tx:
        expired = await orders.expire_overdue(tx, SYSTEM)
    with pytest.raises(OrderNotOpen):
        await pay(buyer, placed.order_id)

    assert expired >= 1
    assert await codes_by_state(shop) == {"AVAILABLE": 1}
    await assert_invariants()


async def test_a_limit_counts_only_what_the_customer_kept() -> None:
    shop = await make_shop(stock=3, customer_max=1)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer)
    with pytest.raises(Refusal):
        await place(shop, buyer)

    await refund(shop, placed.order_id)

    assert (await place(shop, buyer)).state is OrderState.FULFILLED


async def test_a_refund_puts_codes_back_and_money_too_with_the_platforms_share() -> None:
    shop = await make_shop(stock=3, fee_bps=333)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, 3)
    units = await units_of(buyer, placed.order_id)

    first = await refund(shop, placed.order_id, units[:1])
    rest = await refund(shop, placed.order_id)

    assert (first.units, rest.units) == (1, 2)
    assert await codes_by_state(shop) == {"AVAILABLE": 3}
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == 1_000_000
    assert await balance(shop.tenant_id, None, AccountKind.RECEIVABLE) == 0
    await assert_invariants()


async def test_a_code_that_was_seen_is_not_refunded() -> None:
    shop = await make_shop(stock=2)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, 2)
    seen, unseen = await units_of(buyer, placed.order_id)
    await reveal(buyer, [seen])

    with pytest.raises(CodeAlreadyRevealed) as refusal:
        await refund(shop, placed.order_id)
    done = await refund(shop, placed.order_id, [unseen])

    assert refusal.value.allocation_ids == [seen]
    assert done.units == 1
    await assert_invariants()


async def test_of_a_reveal_and_a_refund_at_once_exactly_one_happens() -> None:
    shop = await make_shop(stock=8)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, 8)
    units = await units_of(buyer, placed.order_id)

    async def race(unit: AllocationId) -> tuple[bool, bool]:
        revealed, refunded = await asyncio.gather(
            reveal(buyer, [unit]), refund(shop, placed.order_id, [unit]), return_exceptions=True
        )
        return revealed is None, isinstance(refunded, Refunded)

    outcomes = await asyncio.gather(*(race(unit) for unit in units))

    assert all(revealed != refunded for revealed, refunded in outcomes)
    await assert_invariants()


async def test_a_unit_is_refunded_once() -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer)

    outcomes = await asyncio.gather(*(refund(shop, placed.order_id) for _ in range(5)), return_exceptions=True)

    assert sum(isinstance(outcome, Refunded) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, OrderNotOpen) for outcome in outcomes) == 4
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == 1_000_000


async def test_a_refund_needs_a_reason_and_units_of_the_order() -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer)

    with pytest.raises(NotFound):
        await refund(shop, placed.order_id, [AllocationId(new_id())])
    with pytest.raises(Invalid):
        async with trading(shop.owner) as tx:
            await orders.refund_order(tx, shop.owner, order_id=placed.order_id, reason=" ")


async def test_one_refund_of_units_from_two_pools_keeps_every_promise() -> None:
    shop = await make_shop(stock=(1, 1), fee_bps=150)
    buyer = await make_buyer(shop, funds_minor=2 * PRICE)
    placed = await place(shop, buyer, 2)

    refunded = await refund(shop, placed.order_id)

    assert (refunded.units, refunded.amount.amount_minor) == (2, 2 * PRICE)
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == 2 * PRICE
    await assert_invariants()
