"""Money goes back to its source once, whatever the gateway does; what it refuses for good comes into the wallet."""

import asyncio

import pytest

from fondaco_core.context import Ctx
from fondaco_core.db import governing, trading
from fondaco_core.errors import Outage, Refusal
from fondaco_core.ids import AllocationId, OrderId, PaymentId
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind
from fondaco_tenants import orders, payments
from fondaco_tenants.orders import OrderNotOpen, OrderState, PayBy, Refunded
from fondaco_tenants.payments import BackTo, RefundState
from fondaco_tenants.payments.ports import RefundFound, RefundStanding
from tests.support.factories.orders import PRICE, Shop, balance, make_buyer, make_shop, place
from tests.support.factories.payments import (
    RUN,
    FakeGateway,
    look_and_settle,
    payment_of,
    refunds_of,
    send_refunds,
    start_payment,
)
from tests.support.invariants import assert_invariants
from tests.tenants.orders.test_change import units_of
from tests.tenants.payments.test_settle import make_guest

pytestmark = pytest.mark.usefixtures("database")


async def paid_order(gateway: FakeGateway, shop: Shop, *, quantity: int = 1) -> tuple[Ctx, OrderId, PaymentId]:
    """An order that was paid through the gateway, by a buyer with an account."""
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, quantity, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.pay(payment_id)
    await look_and_settle(payment_id)
    return buyer, placed.order_id, payment_id


async def refund(
    shop: Shop, order_id: OrderId, *, units: list[AllocationId] | None = None, to: BackTo | None = None
) -> Refunded:
    async with trading(shop.owner) as tx:
        return await orders.refund_order(
            tx, shop.owner, order_id=order_id, reason="by mistake", allocation_ids=units, to=to
        )


async def wallet(shop: Shop, buyer: Ctx) -> int:
    return await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET)


async def test_an_order_is_refunded_to_its_source_in_parts_that_are_together_what_was_paid(
    gateway: FakeGateway,
) -> None:
    shop = await make_shop(stock=3, fee_bps=150)
    buyer, order_id, payment_id = await paid_order(gateway, shop, quantity=3)
    first, *others = await units_of(buyer, order_id)

    part, rest = await refund(shop, order_id, units=[first]), await refund(shop, order_id, units=others)
    await send_refunds(payment_id)

    assert (part.amount, part.to, rest.amount) == (Money(PRICE, "CNY"), BackTo.SOURCE, Money(2 * PRICE, "CNY"))
    assert [(r.amount.amount_minor, r.state) for r in await refunds_of(payment_id)] == [
        (PRICE, RefundState.DONE), (2 * PRICE, RefundState.DONE),
    ]  # fmt: skip
    assert (await payment_of(payment_id)).refunding_minor == 3 * PRICE
    assert await wallet(shop, buyer) == 0
    await assert_invariants()


async def test_an_order_is_refunded_to_the_wallet_when_that_is_asked_for(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer, order_id, payment_id = await paid_order(gateway, shop)

    done = await refund(shop, order_id, to=BackTo.WALLET)

    assert done.to is BackTo.WALLET
    assert await wallet(shop, buyer) == PRICE
    assert await refunds_of(payment_id) == []
    await assert_invariants()


async def test_what_was_paid_out_of_a_wallet_goes_there(gateway: FakeGateway) -> None:
    assert gateway
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=PRICE)
    placed = await place(shop, buyer)

    done = await refund(shop, placed.order_id, to=BackTo.SOURCE)

    assert done.to is BackTo.WALLET
    assert await wallet(shop, buyer) == PRICE


async def test_refunds_at_once_give_back_what_was_paid_once(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=2)
    _, order_id, payment_id = await paid_order(gateway, shop, quantity=2)

    results = await asyncio.gather(*(refund(shop, order_id) for _ in range(6)), return_exceptions=True)
    await asyncio.gather(*(send_refunds(payment_id) for _ in range(4)))

    assert sum(isinstance(each, Refunded) for each in results) == 1
    assert all(isinstance(each, Refunded | OrderNotOpen) for each in results)
    assert len(set(gateway.refund_calls)) == len(gateway.refunds) == 1
    assert [r.amount.amount_minor for r in await refunds_of(payment_id)] == [2 * PRICE]
    await assert_invariants()


async def test_a_refund_that_was_not_answered_is_asked_about_and_never_given_twice(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    _, order_id, payment_id = await paid_order(gateway, shop)
    await refund(shop, order_id)
    gateway.unanswered = {"refund"}

    with pytest.raises(Outage):
        await send_refunds(payment_id)
    unknown = [r.state for r in await refunds_of(payment_id)]
    gateway.unanswered = set()
    await send_refunds(payment_id)

    assert unknown == [RefundState.UNKNOWN]
    assert [r.state for r in await refunds_of(payment_id)] == [RefundState.DONE]
    assert len(gateway.refund_calls) == 1
    await assert_invariants()


async def test_a_refund_that_never_arrived_is_sent_again_under_its_number(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    _, order_id, payment_id = await paid_order(gateway, shop)
    await refund(shop, order_id)
    gateway.unanswered = {"refund"}
    with pytest.raises(Outage):
        await send_refunds(payment_id)
    gateway.refunds.clear()
    gateway.unanswered = set()

    await send_refunds(payment_id)

    assert [r.state for r in await refunds_of(payment_id)] == [RefundState.DONE]
    assert len(set(gateway.refund_calls)) == 1
    await assert_invariants()


async def test_a_refund_that_takes_its_time_is_unknown_until_the_gateway_says_done(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    _, order_id, payment_id = await paid_order(gateway, shop)
    await refund(shop, order_id)
    gateway.slow_refunds = True
    await send_refunds(payment_id)
    (waiting,) = await refunds_of(payment_id)

    gateway.refunds[waiting.id] = RefundFound(RefundStanding.DONE, waiting.amount)
    await asyncio.gather(*(send_refunds(payment_id) for _ in range(5)))

    assert waiting.state is RefundState.UNKNOWN
    assert [r.state for r in await refunds_of(payment_id)] == [RefundState.DONE]
    await assert_invariants()


async def test_a_refund_that_is_refused_for_good_comes_into_the_wallet(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer, order_id, payment_id = await paid_order(gateway, shop)
    await refund(shop, order_id)
    gateway.refused = {"refund"}

    await asyncio.gather(*(send_refunds(payment_id) for _ in range(4)))

    (ended,) = await refunds_of(payment_id)
    assert (ended.state, ended.into_wallet) == (RefundState.REFUSED, True)
    assert await wallet(shop, buyer) == PRICE
    await assert_invariants()


async def test_a_guests_refund_that_is_refused_for_good_is_told_to_people(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    guest, order_id = await make_guest(shop)
    payment_id = await start_payment(gateway, guest, order_id)
    gateway.pay(payment_id)
    await look_and_settle(payment_id)
    await refund(shop, order_id, to=BackTo.WALLET)
    gateway.refused = {"refund"}

    await send_refunds(payment_id)

    (ended,) = await refunds_of(payment_id)
    assert (ended.state, ended.into_wallet) == (RefundState.REFUSED, False)
    assert await wallet(shop, guest) == 0
    async with governing(RUN) as tx:
        alarm = "SELECT count(*) FROM outbox_event WHERE name = 'payment_refund.alarm' AND payload->>'refund_id' = $1"
        assert await tx.fetchval(alarm, str(ended.id)) == 1
    await assert_invariants()


async def test_a_gateway_that_gave_back_another_amount_is_not_believed(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    _, order_id, payment_id = await paid_order(gateway, shop)
    await refund(shop, order_id)
    (asked,) = await refunds_of(payment_id)
    gateway.refunds[asked.id] = RefundFound(RefundStanding.DONE, Money(1, "CNY"))

    await send_refunds(payment_id)

    assert [r.state for r in await refunds_of(payment_id)] == [RefundState.UNKNOWN]
    await assert_invariants()


async def test_an_overpaid_order_that_is_refunded_gives_back_all_that_was_paid(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.pay(payment_id, Money(PRICE + 500, "CNY"))
    await look_and_settle(payment_id)

    await refund(shop, placed.order_id)
    await payments.poll_refunds(RUN)

    assert sorted(r.amount.amount_minor for r in await refunds_of(payment_id)) == [500, PRICE]
    assert {r.state for r in await refunds_of(payment_id)} == {RefundState.DONE}
    async with trading(buyer) as tx:
        assert (await orders.get_order(tx, buyer, placed.order_id)).state is OrderState.REFUNDED
    await assert_invariants()


async def test_nobody_without_the_right_refunds(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer, order_id, _ = await paid_order(gateway, shop)

    with pytest.raises(Refusal):
        async with trading(buyer) as tx:
            await orders.refund_order(tx, buyer, order_id=order_id, reason="mine")
