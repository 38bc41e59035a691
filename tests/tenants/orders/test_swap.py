"""A unit with a bad code gets another one, waits for one, or is refunded; whatever happens at the same time, once."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import asyncpg
import pytest

from fondaco_core import clock, limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, trading, transaction
from fondaco_core.errors import NotAllowed, NotFound, Refusal
from fondaco_core.ids import AllocationId, CodeId, OrderId
from fondaco_core.postings import AccountKind
from fondaco_tenants import codes, delivery, orders
from fondaco_tenants.codes import CodesInWrongState
from fondaco_tenants.orders import AllocationState, AllocationView, OrderNotOpen, OrderState, PayBy, ReplacementLimit
from fondaco_workers.actors import orders as actors
from tests.support.factories.codes import make_codes
from tests.support.factories.orders import PRICE, Shop, balance, make_buyer, make_shop, place
from tests.support.invariants import assert_invariants
from tests.tenants.orders.test_change import refund, reveal
from tests.tenants.orders.test_place import codes_by_state

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


async def units_of(ctx: Ctx, order_id: OrderId) -> list[AllocationView]:
    async with transaction(ctx) as tx:
        found = await orders.list_allocations(tx, ctx, order_id=order_id)
    return sorted(found, key=lambda unit: (unit.unit, unit.attempt))


async def replace_unit(shop: Shop, unit: AllocationId) -> AllocationView:
    async with trading(shop.owner) as tx:
        return (await orders.replace_unit(tx, shop.owner, allocation_id=unit, reason="does not redeem")).unit


async def withdraw(shop: Shop, *units: AllocationView) -> None:
    """Somebody takes codes that orders have out of the vault, and the actor hears of it twice."""
    ids = [unit.code_id for unit in units if unit.code_id is not None]
    async with transaction(shop.owner) as tx:
        await codes.quarantine_codes(tx, shop.owner, code_ids=ids, reason="the batch is bad")
    for _ in range(2):
        await actors.swap_withdrawn(
            system_ctx("test", tenant_id=shop.tenant_id, permissions=frozenset({"system.run"})), code_ids=list(ids)
        )


async def answer(work: Awaitable[object]) -> object:
    try:
        return await work
    except Refusal as refusal:
        return refusal


async def events_of(shop: Shop, name: str) -> int:
    async with governing(SYSTEM) as tx:
        found: int = await tx.fetchval(
            "SELECT count(*) FROM outbox_event WHERE tenant_id = $1 AND name = $2", shop.tenant_id, name
        )
    return found


async def test_support_replaces_a_bad_code_also_when_it_was_seen_and_nobody_pays() -> None:
    shop = await make_shop(stock=3, fee_bps=150)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, 2)
    bad, good = await units_of(buyer, placed.order_id)
    await reveal(buyer, [bad.id])

    made = await replace_unit(shop, bad.id)

    failed, new, other = await units_of(buyer, placed.order_id)
    assert (failed.id, failed.state, failed.code_id) == (bad.id, AllocationState.FAILED, bad.code_id)
    assert (new.id, new.attempt, new.state, new.revealed_at) == (made.id, 2, AllocationState.FULFILLED, None)
    assert other == good
    assert await codes_by_state(shop) == {"DELIVERED": 2, "QUARANTINED": 1}
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == 1_000_000 - 2 * PRICE
    assert await events_of(shop, "unit.replaced") == 1
    await assert_invariants()


async def test_the_new_code_comes_from_whichever_source_has_one_and_is_refunded_as_it_was_paid() -> None:
    shop = await make_shop(stock=(1, 1), fee_bps=150)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer)
    (bad,) = await units_of(buyer, placed.order_id)

    made = await replace_unit(shop, bad.id)
    done = await refund(shop, placed.order_id)

    assert (done.units, done.amount.amount_minor) == (1, PRICE)
    assert made.code_id != bad.code_id
    assert await codes_by_state(shop) == {"AVAILABLE": 1, "QUARANTINED": 1}
    assert await balance(shop.tenant_id, None, AccountKind.RECEIVABLE) == 0
    await assert_invariants()


async def test_two_replacements_of_one_unit_at_once_take_one_code() -> None:
    shop = await make_shop(stock=4)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer)
    (bad,) = await units_of(buyer, placed.order_id)

    done = await asyncio.gather(*(answer(replace_unit(shop, bad.id)) for _ in range(4)))

    assert sorted(type(each).__name__ for each in done) == ["AllocationView", *["OrderNotOpen"] * 3]
    assert await codes_by_state(shop) == {"AVAILABLE": 2, "DELIVERED": 1, "QUARANTINED": 1}
    await assert_invariants()


async def test_a_replacement_and_a_refund_at_once_leave_the_unit_with_one_of_them() -> None:
    for _ in range(4):
        shop = await make_shop(stock=2)
        buyer = await make_buyer(shop)
        placed = await place(shop, buyer)
        (bad,) = await units_of(buyer, placed.order_id)

        await asyncio.gather(answer(replace_unit(shop, bad.id)), answer(refund(shop, placed.order_id, [bad.id])))

        last = (await units_of(buyer, placed.order_id))[-1]
        money = await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET)
        assert (last.state, money) in {
            (AllocationState.FULFILLED, 1_000_000 - PRICE), (AllocationState.RELEASED, 1_000_000),
        }  # fmt: skip
        await assert_invariants()


async def test_a_swap_and_a_reveal_at_once_never_take_a_code_back_that_was_shown() -> None:
    for _ in range(6):
        shop = await make_shop(stock=2)
        buyer = await make_buyer(shop)
        placed = await place(shop, buyer)
        (unit,) = await units_of(buyer, placed.order_id)

        async def show(unit: AllocationView = unit, buyer: Ctx = buyer) -> str:
            async with transaction(buyer) as tx:
                return (await delivery.reveal_code(tx, buyer, allocation_id=unit.id)).masked

        shown, _ = await asyncio.gather(answer(show()), withdraw(shop, unit))

        units = await units_of(buyer, placed.order_id)
        if units[0].revealed_at is None:
            assert [each.state for each in units] == [AllocationState.FAILED, AllocationState.FULFILLED]
        else:
            assert isinstance(shown, str)
            assert [each.state for each in units] == [AllocationState.FULFILLED]
            assert await events_of(shop, "unit.failed") == 1
        await assert_invariants()


async def test_a_withdrawn_code_that_nobody_saw_is_swapped_by_itself_and_once() -> None:
    shop = await make_shop(stock=4)
    buyer = await make_buyer(shop)
    paid, held = await place(shop, buyer), await place(shop, buyer, pay_by=PayBy.LATER)
    units = [*await units_of(buyer, paid.order_id), *await units_of(buyer, held.order_id)]

    await withdraw(shop, *units)

    assert [(u.attempt, u.state.value) for u in await units_of(buyer, paid.order_id)] == [
        (1, "FAILED"),
        (2, "FULFILLED"),
    ]
    assert [(u.attempt, u.state.value) for u in await units_of(buyer, held.order_id)] == [(1, "FAILED"), (2, "HELD")]
    assert await codes_by_state(shop) == {"DELIVERED": 1, "HELD": 1, "QUARANTINED": 2}
    async with trading(buyer) as tx:
        assert (await orders.pay_order(tx, buyer, order_id=held.order_id)).state is OrderState.FULFILLED
    await assert_invariants()


async def test_an_unpaid_order_whose_code_is_withdrawn_without_another_is_cancelled() -> None:
    shop = await make_shop(stock=2)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, 2, pay_by=PayBy.LATER)
    first, _ = await units_of(buyer, placed.order_id)

    await withdraw(shop, first)

    async with transaction(buyer) as tx:
        order = await orders.get_order(tx, buyer, placed.order_id)
    assert order.state is OrderState.CANCELLED
    assert await codes_by_state(shop) == {"AVAILABLE": 1, "QUARANTINED": 1}
    assert await events_of(shop, "unit.failed") == 1
    await assert_invariants()


async def test_a_paid_unit_without_stock_waits_and_gets_the_code_that_comes_in() -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer)
    await withdraw(shop, *await units_of(buyer, placed.order_id))
    waiting = (await units_of(buyer, placed.order_id))[-1]
    await assert_invariants()
    await make_codes(shop.pools[0], 1)

    for _ in range(2):
        await actors.mend_waiting(SYSTEM)

    served = (await units_of(buyer, placed.order_id))[-1]
    assert (waiting.state, waiting.code_id) == (AllocationState.WAITING, None)
    assert (served.id, served.state) == (waiting.id, AllocationState.FULFILLED)
    assert await codes_by_state(shop) == {"DELIVERED": 1, "QUARANTINED": 1}
    await assert_invariants()


async def test_a_paid_unit_that_waited_in_vain_is_refunded_by_itself_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = await make_shop(stock=1, fee_bps=150)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer)
    await withdraw(shop, *await units_of(buyer, placed.order_id))
    later = clock.now() + timedelta(seconds=limits.UNIT_WAIT_S)
    await actors.mend_waiting(SYSTEM)
    before = (await units_of(buyer, placed.order_id))[-1].state
    monkeypatch.setattr(clock, "now", lambda: later)

    for _ in range(2):
        await actors.mend_waiting(SYSTEM)

    assert before is AllocationState.WAITING
    assert (await units_of(buyer, placed.order_id))[-1].state is AllocationState.RELEASED
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == 1_000_000
    assert await codes_by_state(shop) == {"QUARANTINED": 1}
    await assert_invariants()


async def test_an_order_that_cannot_be_mended_keeps_no_other_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sick, *others = [await make_shop(stock=1) for _ in range(4)]
    waiting = []
    for shop in (sick, *others):
        buyer = await make_buyer(shop)
        placed = await place(shop, buyer)
        await withdraw(shop, *await units_of(buyer, placed.order_id))
        waiting.append((buyer, placed.order_id))
    for shop in (sick, others[0]):
        await make_codes(shop.pools[0], 1)
    later = clock.now() + timedelta(seconds=limits.UNIT_WAIT_S)
    monkeypatch.setattr(clock, "now", lambda: later)

    async with trading(sick.owner) as tx:
        # Somebody is at this one for longer than anybody waits.
        await tx.execute('SELECT FROM "order" WHERE id = $1 FOR UPDATE', waiting[0][1])
        with pytest.raises(asyncpg.LockNotAvailableError):
            await actors.mend_waiting(SYSTEM)

    states = [(await units_of(*each))[-1].state for each in waiting]
    assert states == [
        AllocationState.WAITING, AllocationState.FULFILLED, AllocationState.RELEASED, AllocationState.RELEASED,
    ]  # fmt: skip
    await assert_invariants()


async def test_a_unit_and_an_order_are_replaced_so_often_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNIT_REPLACEMENTS_MAX", 1)
    monkeypatch.setattr(limits, "ORDER_REPLACEMENTS_MAX", 2)
    shop = await make_shop(stock=9)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, 3)
    first, second, third = await units_of(buyer, placed.order_id)

    again = await replace_unit(shop, first.id)
    with pytest.raises(ReplacementLimit) as unit:
        await replace_unit(shop, again.id)
    await replace_unit(shop, second.id)
    with pytest.raises(ReplacementLimit) as order:
        await replace_unit(shop, third.id)

    assert (unit.value.per_unit, order.value.per_unit) == (True, False)
    await assert_invariants()


async def test_only_support_of_the_orders_own_merchant_replaces_its_units() -> None:
    shop, other = await make_shop(stock=2), await make_shop()
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer)
    (unit,) = await units_of(buyer, placed.order_id)

    async with trading(other.owner) as tx:
        with pytest.raises(NotFound):
            await orders.replace_unit(tx, other.owner, allocation_id=unit.id, reason="not mine at all")
    async with trading(buyer) as tx:
        with pytest.raises(NotAllowed):
            await orders.replace_unit(tx, buyer, allocation_id=unit.id, reason="I want another")


async def test_a_unit_that_is_not_delivered_is_not_replaced() -> None:
    shop = await make_shop(stock=2)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    (unit,) = await units_of(buyer, placed.order_id)

    with pytest.raises(OrderNotOpen):
        await replace_unit(shop, unit.id)


async def test_a_code_that_a_buyer_saw_never_comes_back_to_stock_nor_may_be_imported_again() -> None:
    shop = await make_shop(stock=2)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer)
    (unit,) = await units_of(buyer, placed.order_id)
    async with transaction(buyer) as tx:
        await delivery.reveal_code(tx, buyer, allocation_id=unit.id)
    await replace_unit(shop, unit.id)
    assert unit.code_id is not None

    async with transaction(shop.owner) as tx:
        with pytest.raises(CodesInWrongState):
            await codes.release_quarantined(tx, shop.owner, code_ids=[CodeId(unit.code_id)], reason="it is fine")
        await codes.void_codes(tx, shop.owner, code_ids=[CodeId(unit.code_id)], reason="used up")

    async with governing(SYSTEM) as tx:
        assert await tx.fetchval("SELECT original FROM code WHERE id = $1", unit.code_id) is True
    await assert_invariants()
