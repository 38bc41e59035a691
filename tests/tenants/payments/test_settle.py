"""Money from a gateway does what it came for once, or goes back; nothing is booked that the gateway has not said when asked."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from fondaco_core import clock, limits
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import governing, trading, transaction
from fondaco_core.errors import Outage
from fondaco_core.identity import GUEST_PERMISSIONS
from fondaco_core.ids import OrderId, PaymentId, new_id
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind
from fondaco_tenants import catalog, customers, orders, payments, supply
from fondaco_tenants.orders import OrderRequest, OrderState, PayBy
from fondaco_tenants.payments import BackTo, Outcome, PaymentNotOpened, PaymentState, RefundState, Verdict
from fondaco_workers.actors import payments as actors
from tests.support.factories.catalog import make_listing
from tests.support.factories.chains import make_chain
from tests.support.factories.orders import PRICE, Shop, balance, make_buyer, make_shop, place
from tests.support.factories.payments import (
    BOOKS,
    RUN,
    FakeGateway,
    look_and_settle,
    make_gateway,
    payment_of,
    refunds_of,
    send_refunds,
    settle,
    start_payment,
    start_top_up,
)
from tests.support.factories.routing import make_source
from tests.support.invariants import assert_invariants
from tests.tenants.orders.test_place import codes_by_state

pytestmark = pytest.mark.usefixtures("database")


async def make_guest(shop: Shop) -> tuple[Ctx, OrderId]:
    """A guest with an unpaid order."""
    ctx = Ctx(tenant_id=shop.tenant_id, request_id=uuid4().hex)
    async with trading(ctx) as tx:
        customer_id = await customers.find_or_create_guest(tx, ctx, contact=f"guest-{uuid4().hex[:8]}@example.com")
    guest = Ctx(
        actor=ActorKind.GUEST, tenant_id=shop.tenant_id, customer_id=customer_id, permissions=GUEST_PERMISSIONS,
        request_id=uuid4().hex,
    )  # fmt: skip
    async with trading(guest) as tx:
        request = OrderRequest(lines=((shop.listing_id, 1),), pay_by=PayBy.LATER)
        placed = await orders.place_order(tx, guest, customer_id=customer_id, request=request)
    return replace(guest, order_id=placed.order_id, order_token_version=1), placed.order_id


async def state_of(shop: Shop, order_id: OrderId) -> OrderState:
    async with transaction(shop.owner) as tx:
        return (await orders.get_order(tx, shop.owner, order_id)).state


async def wallet(shop: Shop, buyer: Ctx) -> int:
    return await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET)


async def expire() -> None:
    async with trading(RUN) as tx:
        await orders.expire_overdue(tx, RUN)


@asynccontextmanager
async def later(by: timedelta) -> AsyncGenerator[None]:
    """A moment in the future."""
    moment = clock.now() + by
    clock.use(lambda: moment)
    try:
        yield
    finally:
        clock.use(None)


async def test_a_payment_pays_and_fulfils_an_order_and_a_guests_wallet_stays_empty(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1, fee_bps=150)
    guest, order_id = await make_guest(shop)
    payment_id = await start_payment(gateway, guest, order_id)
    gateway.pay(payment_id)

    await look_and_settle(payment_id)

    paid = await payment_of(payment_id)
    assert (paid.state, paid.outcome) == (PaymentState.CAPTURED, Outcome.ORDER_PAID)
    assert await state_of(shop, order_id) is OrderState.FULFILLED
    assert await codes_by_state(shop) == {"DELIVERED": 1}
    assert await wallet(shop, guest) == 0
    await assert_invariants()


async def test_nothing_is_paid_that_the_gateway_does_not_confirm(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)

    received = await payments.receive_notification(gateway.key, gateway.notification(payment_id), ip=None)
    await look_and_settle(payment_id)

    assert received.verdict is Verdict.GENUINE
    assert (await payment_of(payment_id)).state is PaymentState.PENDING
    assert await state_of(shop, placed.order_id) is OrderState.PENDING_PAYMENT


async def test_twenty_equal_and_two_different_notifications_at_once_pay_once(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.pay(payment_id)
    same = gateway.notification(payment_id)
    raws = [same] * 20 + [gateway.notification(payment_id)]

    received = await asyncio.gather(*(payments.receive_notification(gateway.key, raw, ip=None) for raw in raws))
    await asyncio.gather(*(look_and_settle(payment_id) for _ in range(6)))

    assert {each.verdict for each in received} == {Verdict.GENUINE}
    assert {each.answer.body for each in received} == {b"success"}
    assert await state_of(shop, placed.order_id) is OrderState.FULFILLED
    assert await wallet(shop, buyer) == 0
    async with governing(RUN) as tx:
        kept = await tx.fetchval("SELECT count(*) FROM payment_notification WHERE payment_id = $1", payment_id)
    assert kept == 2
    await assert_invariants()


async def test_a_forged_notification_is_evidence_and_nothing_else(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)

    received = await payments.receive_notification(
        gateway.key, gateway.notification(payment_id, forged=True), ip="192.0.2.1"
    )

    assert (received.verdict, received.answer.status) == (Verdict.FORGED, 400)
    async with governing(RUN) as tx:
        row = await tx.fetchrow(
            "SELECT tenant_id, payment_id, verdict FROM payment_notification WHERE ip = '192.0.2.1'"
        )
    assert row is not None
    assert tuple(row) == (None, None, "FORGED")


async def test_forged_notifications_are_kept_up_to_a_bound(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fondaco_core.limits.FORGED_KEPT_PER_HOUR", 2)

    for _ in range(4):
        await payments.receive_notification(
            gateway.key, gateway.notification(PaymentId(new_id()), forged=True), ip="192.0.2.9"
        )

    async with governing(RUN) as tx:
        assert await tx.fetchval("SELECT count(*) FROM payment_notification WHERE ip = '192.0.2.9'") == 2


async def test_a_notification_for_another_gateways_payment_does_nothing(gateway: FakeGateway) -> None:
    other = await make_gateway()
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)

    received = await payments.receive_notification(other.key, other.notification(payment_id), ip=None)
    strange = await payments.receive_notification(other.key, other.notification(PaymentId(new_id())), ip=None)

    assert (received.verdict, strange.verdict) == (Verdict.MISDIRECTED, Verdict.STRANGE)
    assert received.answer.status == strange.answer.status == 400
    assert gateway.queries == 0


async def test_a_gateway_that_names_another_reference_is_not_believed(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.pay(payment_id)
    gateway.payments[payment_id].reference = "another"

    await payments.look_at_payment(RUN, payment_id)
    await payments.look_at_payment(RUN, payment_id)

    assert (await payment_of(payment_id)).state is PaymentState.PENDING
    async with governing(RUN) as tx:
        alarms = "SELECT count(*) FROM outbox_event WHERE name = 'payment.alarm' AND payload->>'payment_id' = $1"
        assert await tx.fetchval(alarms, str(payment_id)) == 1


async def test_money_that_comes_after_the_hold_ran_out_holds_again_at_the_old_price(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=(1, 2), fee_bps=100)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, 2, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    async with later(timedelta(hours=1)):
        await expire()
        # Somebody else has bought a code meanwhile: the units come from another pool.
        await place(shop, await make_buyer(shop))
        gateway.pay(payment_id)

        await look_and_settle(payment_id)

    assert (await payment_of(payment_id)).outcome is Outcome.ORDER_PAID_LATE
    assert await state_of(shop, placed.order_id) is OrderState.FULFILLED
    assert await codes_by_state(shop) == {"DELIVERED": 3}
    assert await wallet(shop, buyer) == 0
    await assert_invariants()


async def test_money_that_comes_too_late_goes_back_to_its_source(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    guest, order_id = await make_guest(shop)
    payment_id = await start_payment(gateway, guest, order_id)
    async with later(timedelta(hours=1)):
        await expire()
        await place(shop, await make_buyer(shop))
        gateway.pay(payment_id)

        await look_and_settle(payment_id)
        await send_refunds(payment_id)

    assert (await payment_of(payment_id)).outcome is Outcome.TOO_LATE
    assert await state_of(shop, order_id) is OrderState.EXPIRED
    (refund,) = await refunds_of(payment_id)
    assert (refund.amount, refund.state) == (Money(PRICE, "CNY"), RefundState.DONE)
    assert list(gateway.refunds) == [refund.id]
    assert await wallet(shop, guest) == 0
    await assert_invariants()


@pytest.mark.parametrize("why", ["paused", "long ago"])
async def test_late_money_buys_nothing_that_is_off_sale_or_was_ordered_long_ago(gateway: FakeGateway, why: str) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    async with later(timedelta(hours=1)):
        await expire()
        if why == "paused":
            async with transaction(shop.owner) as tx:
                listing = await catalog.get_listing(tx, shop.owner, shop.listing_id)
                await catalog.pause_listing(tx, shop.owner, listing_id=listing.id, version=listing.version)
    waited = timedelta(hours=2) if why == "paused" else timedelta(hours=1, seconds=limits.PAID_LATE_S + 1)
    async with later(waited):
        gateway.pay(payment_id)

        await look_and_settle(payment_id)
        await send_refunds(payment_id)

    assert (await payment_of(payment_id)).outcome is Outcome.TOO_LATE
    assert await codes_by_state(shop) == {"AVAILABLE": 1}
    (refund,) = await refunds_of(payment_id)
    assert (refund.amount, refund.state) == (Money(PRICE, "CNY"), RefundState.DONE)
    await assert_invariants()


async def test_late_money_buys_nobody_more_than_a_listing_allows(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=3, customer_max=1, customer_period_days=30)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    async with later(timedelta(hours=1)):
        await expire()
        await place(shop, buyer)
        gateway.pay(payment_id)

        await look_and_settle(payment_id)

    assert (await payment_of(payment_id)).outcome is Outcome.TOO_LATE
    assert await codes_by_state(shop) == {"AVAILABLE": 2, "DELIVERED": 1}
    await assert_invariants()


async def test_money_for_a_cancelled_order_goes_back(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.pay(payment_id)
    async with trading(buyer) as tx:
        await orders.cancel_order(tx, buyer, order_id=placed.order_id)

    await look_and_settle(payment_id)
    await send_refunds(payment_id)

    assert (await payment_of(payment_id)).outcome is Outcome.TOO_LATE
    assert [refund.state for refund in await refunds_of(payment_id)] == [RefundState.DONE]
    assert await codes_by_state(shop) == {"AVAILABLE": 1}
    await assert_invariants()


@pytest.mark.parametrize(
    ("paid", "outcome", "state", "back"),
    [
        (Money(PRICE + 700, "CNY"), Outcome.ORDER_PAID, OrderState.FULFILLED, Money(700, "CNY")),
        (Money(PRICE - 1, "CNY"), Outcome.UNDERPAID, OrderState.PENDING_PAYMENT, Money(PRICE - 1, "CNY")),
        (Money(PRICE, "USD"), Outcome.WRONG_CURRENCY, OrderState.PENDING_PAYMENT, Money(PRICE, "USD")),
    ],
    ids=str,
)
async def test_what_does_not_fit_goes_back_to_its_source(
    gateway: FakeGateway, paid: Money, outcome: Outcome, state: OrderState, back: Money
) -> None:
    shop = await make_shop(stock=1)
    guest, order_id = await make_guest(shop)
    payment_id = await start_payment(gateway, guest, order_id)
    gateway.pay(payment_id, paid)

    await look_and_settle(payment_id)
    await send_refunds(payment_id)

    assert (await payment_of(payment_id)).outcome is outcome
    assert await state_of(shop, order_id) is state
    assert [(r.amount, r.state) for r in await refunds_of(payment_id)] == [(back, RefundState.DONE)]
    assert await wallet(shop, guest) == 0
    await assert_invariants()


async def test_what_does_not_fit_stays_in_the_wallet_of_a_buyer_who_chose_so(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id, leftovers=BackTo.WALLET)
    gateway.pay(payment_id, Money(PRICE - 1, "CNY"))

    await look_and_settle(payment_id)

    assert (await payment_of(payment_id)).outcome is Outcome.UNDERPAID
    assert await wallet(shop, buyer) == PRICE - 1
    assert await refunds_of(payment_id) == []
    await assert_invariants()


async def test_of_two_payments_of_one_order_at_once_one_pays_and_one_goes_back(gateway: FakeGateway) -> None:
    other = await make_gateway()
    shop = await make_shop(stock=2)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    ids = [await start_payment(each, buyer, placed.order_id) for each in (gateway, other)]
    gateway.pay(ids[0])
    other.pay(ids[1])

    await asyncio.gather(*(look_and_settle(each) for each in ids * 2))
    await asyncio.gather(*(send_refunds(each) for each in ids))

    outcomes = {(await payment_of(each)).outcome for each in ids}
    assert outcomes == {Outcome.ORDER_PAID, Outcome.DUPLICATE}
    assert [r.amount for each in ids for r in await refunds_of(each)] == [Money(PRICE, "CNY")]
    assert await codes_by_state(shop) == {"AVAILABLE": 1, "DELIVERED": 1}
    await assert_invariants()


async def test_money_for_an_order_that_its_wallet_has_paid_goes_back(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=PRICE)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.pay(payment_id)

    async def pay_from_wallet() -> None:
        async with trading(buyer) as tx:
            await orders.pay_order(tx, buyer, order_id=placed.order_id)

    await asyncio.gather(look_and_settle(payment_id), pay_from_wallet())

    outcome = (await payment_of(payment_id)).outcome
    assert outcome in {Outcome.ORDER_PAID, Outcome.DUPLICATE}
    assert await wallet(shop, buyer) == (PRICE if outcome is Outcome.ORDER_PAID else 0)
    await assert_invariants()


async def test_captured_money_against_a_cancellation_ends_in_one_of_both(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.pay(payment_id)
    await payments.look_at_payment(RUN, payment_id)

    async def cancel() -> None:
        try:
            async with trading(buyer) as tx:
                await orders.cancel_order(tx, buyer, order_id=placed.order_id)
        except orders.OrderNotOpen:
            pass

    await asyncio.gather(settle(payment_id), cancel())

    ended = await state_of(shop, placed.order_id), (await payment_of(payment_id)).outcome
    assert ended in {(OrderState.FULFILLED, Outcome.ORDER_PAID), (OrderState.CANCELLED, Outcome.TOO_LATE)}
    await assert_invariants()


async def test_captured_money_against_the_end_of_the_hold_ends_with_the_order_paid(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.pay(payment_id)
    async with later(timedelta(hours=1)):
        await payments.look_at_payment(RUN, payment_id)

        await asyncio.gather(settle(payment_id), expire(), settle(payment_id))

    assert (await payment_of(payment_id)).outcome in {Outcome.ORDER_PAID, Outcome.ORDER_PAID_LATE}
    assert await state_of(shop, placed.order_id) is OrderState.FULFILLED
    assert await codes_by_state(shop) == {"DELIVERED": 1}
    await assert_invariants()


async def test_money_for_several_lines_from_one_pool_holds_each_unit_its_own_code(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=3)
    async with transaction(shop.owner) as tx:
        entitlement_id = await tx.fetchval("SELECT entitlement_id FROM listing WHERE id = $1", shop.listing_id)
    other = await make_listing(
        shop.owner, store_id=shop.store_id, entitlement_id=entitlement_id, price=Money(PRICE, "CNY"), title="Another"
    )
    await make_source(shop.owner, listing_id=other.id, pool_id=shop.pool_id)
    buyer = await make_buyer(shop, funds_minor=0)
    assert buyer.customer_id is not None
    async with trading(buyer) as tx:
        request = OrderRequest(lines=((shop.listing_id, 1), (other.id, 2)), pay_by=PayBy.LATER)
        placed = await orders.place_order(tx, buyer, customer_id=buyer.customer_id, request=request)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.pay(payment_id)
    async with later(timedelta(hours=1)):
        await expire()

        await look_and_settle(payment_id)

    assert (await payment_of(payment_id)).outcome is Outcome.ORDER_PAID_LATE
    assert await codes_by_state(shop) == {"DELIVERED": 3}
    await assert_invariants()


async def test_a_payment_ends_when_its_order_is_cancelled_unless_it_was_paid_in_that_moment(
    gateway: FakeGateway,
) -> None:
    shop = await make_shop(stock=2)
    buyer = await make_buyer(shop, funds_minor=0)
    kept, lost = [await place(shop, buyer, pay_by=PayBy.LATER) for _ in range(2)]
    ended, raced = [await start_payment(gateway, buyer, each.order_id) for each in (kept, lost)]
    async with trading(buyer) as tx:
        for each in (kept, lost):
            await orders.cancel_order(tx, buyer, order_id=each.order_id)

    await payments.look_at_payment(RUN, ended)
    gateway.paid_when_closed = True
    await look_and_settle(raced)

    assert (await payment_of(ended)).state is PaymentState.CLOSED
    assert ((await payment_of(raced)).state, (await payment_of(raced)).outcome) == (
        PaymentState.CAPTURED,
        Outcome.TOO_LATE,
    )
    await assert_invariants()


async def test_money_that_comes_after_a_close_is_not_lost(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    async with later(timedelta(hours=1)):
        await expire()
        await payments.look_at_payment(RUN, payment_id)
        assert (await payment_of(payment_id)).state is PaymentState.CLOSED
        gateway.pay(payment_id)

        await look_and_settle(payment_id)

    assert (await payment_of(payment_id)).outcome is Outcome.ORDER_PAID_LATE
    await assert_invariants()


async def test_polling_finds_what_no_notification_told(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.pay(payment_id)

    async with later(timedelta(seconds=6)):
        await payments.poll_payments(RUN)
        asked = gateway.queries
        await payments.poll_payments(RUN)

    assert (await payment_of(payment_id)).state is PaymentState.CAPTURED
    assert gateway.queries == asked


async def test_a_payment_that_cannot_be_asked_about_keeps_no_other_from_it(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=3)
    buyers = [await make_buyer(shop, funds_minor=0) for _ in range(3)]
    lost = await make_gateway()
    ids = []
    for buyer, through in zip(buyers, (lost, gateway, gateway), strict=True):
        ids.append(await start_payment(through, buyer, (await place(shop, buyer, pay_by=PayBy.LATER)).order_id))
        through.pay(ids[-1])
    # Whatever is wrong here, it is no gateway that is away.
    book = BOOKS.pop(lost.key)

    async with later(timedelta(seconds=6)):
        with pytest.raises(KeyError):
            await payments.poll_payments(RUN)
    broken = [(await payment_of(each)).state for each in ids]
    BOOKS[lost.key] = book
    await look_and_settle(ids[0])

    assert broken == [PaymentState.PENDING, PaymentState.CAPTURED, PaymentState.CAPTURED]
    assert (await payment_of(ids[0])).outcome is Outcome.ORDER_PAID
    await assert_invariants()


async def test_captured_money_that_nobody_settled_is_settled_whatever_is_wrong_with_other_money(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What cannot be settled fills the first page.
    monkeypatch.setattr(limits, "PAYMENTS_POLLED", 1)
    shop = await make_shop(stock=2)
    ids = []
    for _ in range(2):
        buyer = await make_buyer(shop, funds_minor=0)
        ids.append(await start_payment(gateway, buyer, (await place(shop, buyer, pay_by=PayBy.LATER)).order_id))
        gateway.pay(ids[-1])
        await payments.look_at_payment(RUN, ids[-1])
    order_id = (await payment_of(ids[0])).order_id

    async with later(timedelta(seconds=limits.SETTLE_WITHIN_S + 1)), trading(shop.owner) as tx:
        # Somebody is at this one for longer than anybody waits.
        await tx.execute('SELECT FROM "order" WHERE id = $1 FOR UPDATE', order_id)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await actors.settle_overdue(RUN)
    stuck = [(await payment_of(each)).outcome for each in ids]
    async with later(timedelta(seconds=limits.SETTLE_WITHIN_S + 1)):
        await actors.settle_overdue(RUN)

    assert stuck == [None, Outcome.ORDER_PAID]
    assert (await payment_of(ids[0])).outcome is Outcome.ORDER_PAID
    await assert_invariants()


async def test_a_gateway_that_did_not_answer_is_asked_again_and_nothing_is_opened_twice(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    gateway.unanswered = {"create"}
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    assert (await payment_of(payment_id)).state is PaymentState.UNKNOWN
    gateway.unanswered = set()
    gateway.pay(payment_id)

    await look_and_settle(payment_id)

    assert len(gateway.payments) == 1
    assert (await payment_of(payment_id)).outcome is Outcome.ORDER_PAID
    await assert_invariants()


async def test_a_payment_that_never_arrived_is_opened_by_the_next_look(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    gateway.unanswered = {"create"}
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.payments.clear()
    gateway.unanswered = set()

    await payments.look_at_payment(RUN, payment_id)

    opened = await payment_of(payment_id)
    assert (opened.state, opened.pay_url) == (PaymentState.PENDING, f"https://pay.example/{payment_id}")


async def test_a_refused_payment_has_failed_and_another_may_be_started(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    gateway.refused = {"create"}

    with pytest.raises(PaymentNotOpened):
        await start_payment(gateway, buyer, placed.order_id)
    gateway.refused = set()
    payment_id = await start_payment(gateway, buyer, placed.order_id)

    assert (await payment_of(payment_id)).state is PaymentState.PENDING


async def test_a_top_up_credits_what_was_really_paid(gateway: FakeGateway) -> None:
    shop = await make_shop()
    buyer = await make_buyer(shop, funds_minor=0)
    theirs = await start_top_up(gateway, buyer)
    own = await start_top_up(gateway, shop.owner)
    gateway.pay(theirs, Money(9_999, "CNY"))
    gateway.pay(own)

    for each in (theirs, own):
        await asyncio.gather(*(payments.look_at_payment(RUN, each) for _ in range(4)))

    assert await wallet(shop, buyer) == 9_999
    assert await balance(shop.tenant_id, None, AccountKind.WALLET) == 10_000
    await assert_invariants()


async def test_a_top_up_in_another_currency_goes_back(gateway: FakeGateway) -> None:
    shop = await make_shop()
    buyer = await make_buyer(shop, funds_minor=0)
    payment_id = await start_top_up(gateway, buyer)
    gateway.pay(payment_id, Money(100, "USD"))

    await payments.look_at_payment(RUN, payment_id)
    await send_refunds(payment_id)

    assert await wallet(shop, buyer) == 0
    assert [r.state for r in await refunds_of(payment_id)] == [RefundState.DONE]
    await assert_invariants()


async def test_a_blocked_buyers_money_goes_back(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.pay(payment_id)
    assert buyer.customer_id is not None
    async with transaction(shop.owner) as tx:
        await customers.block_customer(tx, shop.owner, customer_id=buyer.customer_id, reason="fraud")

    await look_and_settle(payment_id)

    assert (await payment_of(payment_id)).outcome is Outcome.NOT_SERVED
    await assert_invariants()


async def test_a_gateway_that_is_away_is_an_outage_and_changes_nothing(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.unanswered = {"query"}

    with pytest.raises(Outage):
        await payments.look_at_payment(RUN, payment_id)

    assert (await payment_of(payment_id)).state is PaymentState.PENDING


async def test_a_gateway_pays_an_order_over_other_merchants_and_each_of_them_is_paid(gateway: FakeGateway) -> None:
    chain = await make_chain()
    buyer = await make_buyer(chain.shop, funds_minor=0)
    placed = await place(chain.shop, buyer, 2, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    gateway.pay(payment_id)

    await look_and_settle(payment_id)

    assert await state_of(chain.shop, placed.order_id) is OrderState.FULFILLED
    assert await balance(chain.a.tenant_id, None, AccountKind.RECEIVABLE) == 1_400
    assert await balance(chain.b.tenant_id, None, AccountKind.WALLET) == 100_000 - 1_400
    await assert_invariants()


@pytest.mark.parametrize("ended", [False, True])
async def test_late_money_for_an_order_over_other_merchants_holds_again_or_goes_back(
    gateway: FakeGateway,
    ended: bool,  # noqa: FBT001 - drawn
) -> None:
    chain = await make_chain(funds_of_b=1_000, credit_of_a=1_000)
    buyer = await make_buyer(chain.shop, funds_minor=0)
    placed = await place(chain.shop, buyer, 2, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    async with later(timedelta(hours=1)):
        await expire()
        if ended:
            async with transaction(chain.a.owner) as tx:
                (agreement,) = await supply.list_agreements(tx, chain.a.owner)
                await supply.end_agreement(
                    tx, chain.a.owner, agreement_id=agreement.id, version=agreement.version, reason="It is over."
                )
        gateway.pay(payment_id)

        await look_and_settle(payment_id)

    wallet_of_b = await balance(chain.b.tenant_id, None, AccountKind.WALLET)
    owed = -await balance(chain.b.tenant_id, None, AccountKind.CREDIT_USED)
    if ended:
        assert (await payment_of(payment_id)).outcome is Outcome.TOO_LATE
        assert (wallet_of_b, owed) == (1_000, 0)
    else:
        assert (await payment_of(payment_id)).outcome is Outcome.ORDER_PAID_LATE
        assert (wallet_of_b, owed) == (0, 400)
        assert await balance(chain.a.tenant_id, None, AccountKind.RECEIVABLE) == 1_400
    await assert_invariants()
