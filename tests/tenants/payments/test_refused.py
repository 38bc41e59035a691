"""A guest's money that a gateway refused to give back: listed, sent again under another number, or paid out by hand, once."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from fondaco_core.context import Ctx
from fondaco_core.db import governing
from fondaco_core.errors import Invalid, NotAllowed, NotFound
from fondaco_core.ids import PaymentId, PaymentRefundId
from fondaco_core.postings import AccountKind
from fondaco_tenants import payments
from fondaco_tenants.payments import RefundNotRefused, RefundState, RefundView, Verdict
from fondaco_tenants.payments.ports import RefundFound, RefundStanding
from tests.support.factories.identity import admin_ctx
from tests.support.factories.orders import PRICE, Shop, balance, make_shop
from tests.support.factories.payments import (
    RUN,
    FakeGateway,
    look_and_settle,
    refunds_of,
    send_refunds,
    start_payment,
)
from tests.support.invariants import assert_invariants
from tests.support.waiting import until
from tests.tenants.payments.test_refunds import refund
from tests.tenants.payments.test_settle import make_guest

pytestmark = pytest.mark.usefixtures("database")

WHY = "The bank has the account open again."


async def refused_refund(gateway: FakeGateway) -> tuple[Shop, Ctx, PaymentId, RefundView]:
    """A guest's refund that the gateway does not give back, for good."""
    shop = await make_shop(stock=1)
    guest, order_id = await make_guest(shop)
    payment_id = await start_payment(gateway, guest, order_id)
    gateway.pay(payment_id)
    await look_and_settle(payment_id)
    await refund(shop, order_id)
    gateway.refused = {"refund"}
    await send_refunds(payment_id)
    gateway.refused = set()
    (found,) = await refunds_of(payment_id)
    assert (found.state, found.failure) == (RefundState.REFUSED, "REFUND")
    return shop, guest, payment_id, found


async def retry(ctx: Ctx, refund_id: PaymentRefundId) -> RefundView:
    async with governing(ctx) as tx:
        return await payments.retry_refund(tx, ctx, refund_id=refund_id, reason=WHY)


async def pay_out(ctx: Ctx, refund_id: PaymentRefundId, *, reference: str = "transfer 77") -> RefundView:
    async with governing(ctx) as tx:
        return await payments.record_payout(tx, ctx, refund_id=refund_id, reference=reference, reason=WHY)


async def listed(ctx: Ctx) -> list[PaymentRefundId]:
    async with governing(ctx) as tx:
        return [each.id for each in await payments.list_refused_refunds(tx, ctx)]


async def audited(payment_id: PaymentId, action: str) -> list[str | None]:
    async with governing(RUN) as tx:
        rows = await tx.fetch(
            "SELECT reason FROM audit_entry WHERE subject_id = $1 AND action = $2 ORDER BY id", payment_id, action
        )
    return [row["reason"] for row in rows]


async def test_a_refused_refund_waits_on_the_lists_of_its_merchant_and_the_platform(gateway: FakeGateway) -> None:
    shop, _, _, waiting = await refused_refund(gateway)
    other = await make_shop(stock=1)

    assert waiting.id in await listed(admin_ctx())
    assert await listed(shop.owner) == [waiting.id]
    assert await listed(other.owner) == []


async def test_it_is_sent_again_under_another_number_and_arrives_once(gateway: FakeGateway) -> None:
    shop, guest, payment_id, waiting = await refused_refund(gateway)

    again = await retry(shop.owner, waiting.id)
    await asyncio.gather(*(send_refunds(payment_id) for _ in range(3)))

    (done,) = await refunds_of(payment_id)
    assert (again.state, again.failure) == (RefundState.REQUESTED, None)
    assert (done.state, done.sent_as) == (RefundState.DONE, again.sent_as)
    assert again.sent_as not in {waiting.id, waiting.sent_as}
    assert set(gateway.refunds) == {again.sent_as}
    assert await balance(shop.tenant_id, guest.customer_id, AccountKind.WALLET) == 0
    assert await audited(payment_id, "payment.refund_retried") == [WHY]
    await assert_invariants()


async def test_one_that_is_refused_again_waits_again(gateway: FakeGateway) -> None:
    _, _, payment_id, waiting = await refused_refund(gateway)
    admin = admin_ctx()
    first = await retry(admin, waiting.id)
    gateway.refused = {"refund"}
    await send_refunds(payment_id)
    gateway.refused = set()

    second = await retry(admin, waiting.id)
    await send_refunds(payment_id)

    assert first.sent_as != second.sent_as
    assert [each.state for each in await refunds_of(payment_id)] == [RefundState.DONE]
    await assert_invariants()


async def test_a_late_answer_about_an_older_number_ends_no_later_try(gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    guest, order_id = await make_guest(shop)
    payment_id = await start_payment(gateway, guest, order_id)
    gateway.pay(payment_id)
    await look_and_settle(payment_id)
    await refund(shop, order_id)
    # One worker waits for its answer, and another one hears the refusal at once.
    gateway.refused_late = late = asyncio.Event()
    waiting = asyncio.create_task(send_refunds(payment_id))

    async def is_asked() -> bool:
        return len(gateway.refund_calls) == 1

    await until(is_asked)
    gateway.refused = {"refund"}
    await send_refunds(payment_id)
    gateway.refused, gateway.slow_refunds = set(), True
    (refused,) = await refunds_of(payment_id)
    again = await retry(shop.owner, refused.id)
    await send_refunds(payment_id)

    late.set()
    await waiting

    (under_way,) = await refunds_of(payment_id)
    assert (refused.state, under_way.state) == (RefundState.REFUSED, RefundState.UNKNOWN)
    assert under_way.sent_as == again.sent_as
    assert set(gateway.refunds) == {again.sent_as}
    with pytest.raises(RefundNotRefused):
        await pay_out(admin_ctx(), refused.id)
    gateway.refunds[again.sent_as] = RefundFound(RefundStanding.DONE, refused.amount)
    await send_refunds(payment_id)
    assert [each.state for each in await refunds_of(payment_id)] == [RefundState.DONE]
    await assert_invariants()


async def test_it_is_paid_out_by_hand_with_what_tells_where(gateway: FakeGateway) -> None:
    _, _, payment_id, waiting = await refused_refund(gateway)
    admin = admin_ctx()
    before = await balance(None, None, AccountKind.REFUNDS)

    with pytest.raises(Invalid):
        await pay_out(admin, waiting.id, reference=" ")
    done = await pay_out(admin, waiting.id)
    await send_refunds(payment_id)

    assert (done.state, done.payout_reference) == (RefundState.PAID_OUT, "transfer 77")
    assert before - await balance(None, None, AccountKind.REFUNDS) == PRICE
    assert gateway.refunds == {}
    assert await audited(payment_id, "payment.refund_paid_out") == [WHY]
    assert waiting.id not in await listed(admin)
    await assert_invariants()


async def test_of_many_who_send_it_again_or_pay_it_out_at_once_one_does(gateway: FakeGateway) -> None:
    shop, _, payment_id, waiting = await refused_refund(gateway)
    admin = admin_ctx()

    tried = await asyncio.gather(
        *(retry(shop.owner, waiting.id) for _ in range(3)),
        *(pay_out(admin, waiting.id) for _ in range(3)),
        return_exceptions=True,
    )
    await send_refunds(payment_id)

    assert sum(isinstance(each, RefundView) for each in tried) == 1
    assert sum(isinstance(each, RefundNotRefused) for each in tried) == len(tried) - 1
    assert (await refunds_of(payment_id))[0].state in {RefundState.DONE, RefundState.PAID_OUT}
    await assert_invariants()


async def test_only_who_may_does_something_about_it(gateway: FakeGateway) -> None:
    shop, guest, _, waiting = await refused_refund(gateway)
    other = await make_shop(stock=1)
    looking = replace(shop.owner, permissions=frozenset({"orders.read"}))

    for ctx in (guest, looking):
        with pytest.raises(NotAllowed):
            await retry(ctx, waiting.id)
    with pytest.raises(NotAllowed):
        await pay_out(shop.owner, waiting.id)
    with pytest.raises(NotFound):
        await retry(other.owner, waiting.id)
    with pytest.raises(NotFound):
        await retry(admin_ctx(), PaymentRefundId(uuid4()))


async def test_what_a_gateway_sent_is_listed_and_read_for_a_reason_that_is_kept(gateway: FakeGateway) -> None:
    shop, guest, payment_id, _ = await refused_refund(gateway)
    raw = gateway.notification(payment_id)
    await payments.receive_notification(gateway.key, raw, ip="198.51.100.7")
    await payments.receive_notification(gateway.key, gateway.notification(payment_id, forged=True), ip="198.51.100.8")
    admin = admin_ctx()

    async with governing(admin) as tx:
        (kept,) = await payments.list_notifications(tx, admin, payment_id=payment_id)
        forged = await payments.list_notifications(tx, admin, verdict=Verdict.FORGED, count=1)
    async with payments.reading_evidence(admin) as tx:
        _, message = await payments.reveal_notification(tx, admin, notification_id=kept.id, reason=WHY)

    assert (kept.verdict, kept.gateway, kept.tenant_id, kept.ip) == (
        Verdict.GENUINE, gateway.key, shop.tenant_id, "198.51.100.7",
    )  # fmt: skip
    assert [each.payment_id for each in forged] == [None]
    assert message.reveal().endswith(raw.body.decode())
    assert message.reveal() not in repr(message)
    assert await audited(PaymentId(kept.id), "payment.notification_revealed") == [WHY]
    for ctx in (guest, shop.owner):
        async with governing(ctx) as tx:
            with pytest.raises(NotAllowed):
                await payments.reveal_notification(tx, ctx, notification_id=kept.id, reason=WHY)
