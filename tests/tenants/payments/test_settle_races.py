"""A refund or a cancellation against the fulfilment of the same order: whoever comes first, money and codes agree at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from fondaco_core.context import Ctx
from fondaco_core.db import governing, trading
from fondaco_core.ids import OrderId, PaymentId
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind
from fondaco_tenants import orders, payments
from fondaco_tenants.orders import OrderNotOpen, PayBy
from fondaco_tenants.payments import Outcome, RefundReason
from tests.support.factories.orders import PRICE, Shop, balance, make_buyer, make_shop, place
from tests.support.factories.payments import (
    RUN,
    FakeGateway,
    payment_of,
    refunds_of,
    send_refunds,
    settle,
    start_payment,
)
from tests.support.invariants import assert_invariants
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("database")

ROUNDS = 12
QUEUED = """
WITH waiting AS (SELECT DISTINCT pid, pg_blocking_pids(pid) AS by FROM pg_locks WHERE NOT granted)
SELECT count(*) FROM waiting w
WHERE $1 = ANY(w.by) OR EXISTS (SELECT FROM waiting o WHERE $1 = ANY(o.by) AND o.pid = ANY(w.by))
"""


@dataclass(frozen=True, slots=True)
class Due:
    """An unpaid order whose money lies at the gateway."""

    shop: Shop
    buyer: Ctx
    order_id: OrderId
    payment_id: PaymentId


async def make_due(gateway: FakeGateway, shop: Shop) -> Due:
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.pay(payment_id)
    return Due(shop, buyer, placed.order_id, payment_id)


async def fulfil(due: Due) -> bool:
    """What the actors do who hear of the money; two of them, as after two notifications.

    Both have looked before either comes to the order: who comes while another one looks finds no money yet, and decides nothing.
    """
    await asyncio.gather(*(payments.look_at_payment(RUN, due.payment_id) for _ in range(2)))
    await asyncio.gather(settle(due.payment_id), settle(due.payment_id))
    return True


async def refund(due: Due) -> bool:
    with suppress(OrderNotOpen):
        async with trading(due.shop.owner) as tx:
            await orders.refund_order(tx, due.shop.owner, order_id=due.order_id, reason="a mistake")
        return True
    return False


async def cancel(due: Due) -> bool:
    with suppress(OrderNotOpen):
        async with trading(due.shop.owner) as tx:
            await orders.cancel_order(tx, due.shop.owner, order_id=due.order_id, reason="closing")
        return True
    return False


Act = Callable[[Due], Awaitable[bool]]


async def one_after_the_other(due: Due, first: Act, second: Act) -> tuple[bool, bool]:
    """Both are at the order at once, and it is the first's before it is the second's: they queue for it while it is held."""

    async def are_queued(holder: int, some: int) -> bool:
        async with governing(RUN) as looking:
            return bool(await looking.fetchval(QUEUED, holder) >= some)

    async with trading(due.shop.owner) as tx:
        holder = await tx.fetchval("SELECT pg_backend_pid()")
        await tx.fetch('SELECT FROM "order" WHERE id = $1 FOR UPDATE', due.order_id)
        begun = [asyncio.ensure_future(first(due))]
        await until(lambda: are_queued(holder, 1))
        begun.append(asyncio.ensure_future(second(due)))
        await until(lambda: are_queued(holder, 2))
    return await begun[0], await begun[1]


# The order's state, what its money did, what went back to the gateway and why, and what is in the buyer's wallet.
End = tuple[str, Outcome | None, list[tuple[Money, RefundReason]], int]


async def what_is(due: Due) -> End:
    """How it ended, once what is on its way back has arrived."""
    await send_refunds(due.payment_id)
    async with governing(RUN) as tx:
        state = await tx.fetchval('SELECT state FROM "order" WHERE id = $1', due.order_id)
    back = [(each.amount, each.reason) for each in await refunds_of(due.payment_id)]
    left = await balance(due.shop.tenant_id, due.buyer.customer_id, AccountKind.WALLET)
    return state, (await payment_of(due.payment_id)).outcome, back, left


ALL = Money(PRICE, "CNY")
FULFILLED: End = ("FULFILLED", Outcome.ORDER_PAID, [], 0)
REFUNDED: End = ("REFUNDED", Outcome.ORDER_PAID, [(ALL, RefundReason.ORDER_REFUNDED)], 0)
CANCELLED: End = ("CANCELLED", Outcome.TOO_LATE, [(ALL, RefundReason.TOO_LATE)], 0)


@pytest.mark.parametrize(
    ("first", "second", "done", "end"),
    [
        (fulfil, refund, (True, True), REFUNDED),
        (refund, fulfil, (False, True), FULFILLED),
        (fulfil, cancel, (True, False), FULFILLED),
        (cancel, fulfil, (True, True), CANCELLED),
    ],
    ids=["fulfil-refund", "refund-fulfil", "fulfil-cancel", "cancel-fulfil"],
)
async def test_who_reaches_an_order_first_decides_and_the_other_finds_it_so(
    gateway: FakeGateway, first: Act, second: Act, done: tuple[bool, bool], end: End
) -> None:
    shop = await make_shop(stock=3, fee_bps=150)
    rounds = [await make_due(gateway, shop) for _ in range(3)]

    answers = [await one_after_the_other(due, first, second) for due in rounds]

    assert answers == [done] * 3
    assert [await what_is(due) for due in rounds] == [end] * 3
    await assert_invariants()


@pytest.mark.parametrize("act", [refund, cancel])
async def test_of_a_fulfilment_and_its_undoing_at_once_money_and_codes_agree(gateway: FakeGateway, act: Act) -> None:
    shop = await make_shop(stock=ROUNDS, fee_bps=150)
    rounds = [await make_due(gateway, shop) for _ in range(ROUNDS)]
    pairs = [(fulfil, act) if number % 2 else (act, fulfil) for number in range(ROUNDS)]

    for due, (first, second) in zip(rounds, pairs, strict=True):
        await asyncio.gather(first(due), second(due), act(due))

    ends = [await what_is(due) for due in rounds]
    assert all(end in (FULFILLED, REFUNDED if act is refund else CANCELLED) for end in ends), ends
    async with governing(RUN) as tx:
        sold = await tx.fetchval(
            "SELECT count(*) FROM code WHERE tenant_id = $1 AND state = 'DELIVERED'", shop.tenant_id
        )
    assert sold == ends.count(FULFILLED)
    assert len(set(gateway.refund_calls)) == len(gateway.refunds) == ROUNDS - sold
    await assert_invariants()
