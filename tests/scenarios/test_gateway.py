"""A gateway that lies, forgets and fails, one way at a time: every paid order is fulfilled or refunded, without a person.

Everything is real: front doors, worker, relay, scheduler, database, and a gateway of its own over HTTP.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fondaco_core.config import Settings
from fondaco_core.identity import PlatformRole
from tests.support.breaking import Client, token_of
from tests.support.factories.identity import admin_ctx, make_user
from tests.support.factories.orders import PRICE, Shop, make_buyer, make_shop, place
from tests.support.invariants import assert_invariants
from tests.support.town import Purchase, Town, open_town, read, write
from tests.support.waiting import until

CAPTURED = """
SELECT coalesce(jsonb_agg(jsonb_build_array(p.id, jsonb_build_array(p.captured_minor, o.total_minor, (
    SELECT coalesce(sum(r.amount_minor), 0) FROM payment_refund r WHERE r.payment_id = p.id AND r.into_wallet)), p.outcome, o.state)), '[]')
FROM payment p JOIN gateway g ON g.id = p.gateway_id JOIN "order" o ON o.id = p.order_id WHERE g.key = $1 AND p.state = 'CAPTURED'
"""

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(scope="module")
async def town(
    queue_settings: Settings, ports: tuple[int, int], database: object, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    assert database
    async with open_town(queue_settings, ports, tmp_path_factory.mktemp("town")) as opened:
        yield opened


@pytest.fixture(scope="module")
async def shop(town: Town) -> Shop:
    assert town
    return await make_shop(stock=60, fee_bps=150)


@pytest.fixture(autouse=True)
async def _honest(town: Town) -> AsyncIterator[None]:
    """Every test begins without switches, and ends with every promise kept and every cent accounted for."""
    await town.sandbox.reset()
    yield
    await town.sandbox.reset()
    await until(lambda: every_cent_is_accounted_for(town))
    await assert_invariants()


async def every_cent_is_accounted_for(town: Town) -> bool:
    """Whether what the gateway took is what we booked, and either paid an order or went back, by the gateway's own books."""
    found = await read(CAPTURED, town.gateway)
    return all([await is_accounted_for(town, *facts) for facts in found])


async def is_accounted_for(town: Town, payment_id: str, money: list[int], outcome: str | None, state: str) -> bool:
    """Whether what the gateway has kept of a payment is what an order cost that was fulfilled, or is in the buyer's wallet."""
    shown = await town.sandbox.shown(payment_id)
    captured, total, in_wallet = money
    if outcome is None or shown["paid_minor"] != captured:
        return False
    paid = outcome in {"ORDER_PAID", "ORDER_PAID_LATE"}
    kept = captured - shown["refunded_minor"] - in_wallet
    return kept == (total if paid else 0) and (not paid or state == "FULFILLED")


async def sales_of(purchase: Purchase) -> tuple[int, int]:
    """How many codes the buyer has, and how much money came out of clearing for the payment."""
    codes = await read(
        "SELECT count(*)::int FROM allocation WHERE order_id = $1 AND state = 'FULFILLED'", purchase.order_id
    )
    money = await read(
        "SELECT coalesce(sum(t.amount_minor), 0)::int FROM ledger_transfer t JOIN ledger_account a ON a.id = t.debit_account_id"
        " WHERE t.reference_id = $1 AND a.kind = 'GATEWAY_CLEARING'",
        purchase.payment_id,
    )
    return codes, money


async def notifications_of(purchase: Purchase) -> int:
    """How many different notifications of the payment are kept as evidence."""
    return int(await read("SELECT count(*)::int FROM payment_notification WHERE payment_id = $1", purchase.payment_id))


async def test_a_guest_pays_at_the_page_and_has_the_code(town: Town, shop: Shop) -> None:
    purchase = await town.buy(shop)
    assert purchase.started["state"] == "PENDING"
    assert purchase.started["payUrl"].startswith(town.sandbox.url)

    await town.sandbox.press(purchase.payment_id)

    await until(purchase.is_fulfilled)
    assert await sales_of(purchase) == (1, PRICE)
    assert await notifications_of(purchase) == 1


# Notifications that go wrong.


@pytest.mark.parametrize("fault", ["LATE", "TWICE", "ANEW", "OUT_OF_ORDER", "WRONG_AMOUNT", "WRONG_CURRENCY"])
async def test_a_notification_that_goes_wrong_pays_the_order_once(town: Town, shop: Shop, fault: str) -> None:
    purchase = await town.buy(shop)
    await town.sandbox.switch(fault, payment_id=str(purchase.payment_id), seconds=0.5, times=3)

    await town.sandbox.press(purchase.payment_id)

    await until(purchase.is_fulfilled)
    await until(lambda: town.sandbox.has_told(purchase.payment_id))
    assert await sales_of(purchase) == (1, PRICE)
    assert await purchase.outcome() == "ORDER_PAID"


async def test_twenty_equal_and_two_different_notifications_pay_once(town: Town, shop: Shop) -> None:
    purchase = await town.buy(shop)
    for fault, times in (("TWICE", 20), ("ANEW", 2)):
        await town.sandbox.switch(fault, payment_id=str(purchase.payment_id), times=times)

    await town.sandbox.press(purchase.payment_id)

    await until(purchase.is_fulfilled)
    await until(lambda: town.sandbox.has_told(purchase.payment_id))
    told = (await town.sandbox.shown(purchase.payment_id))["told"]
    assert (len(told), {each["answered"] for each in told}) == (21, {200})
    assert await sales_of(purchase) == (1, PRICE)
    assert await notifications_of(purchase) == 2


@pytest.mark.parametrize("fault", ["LOST", "FORGED"])
async def test_a_payment_that_nobody_tells_of_truthfully_is_found_by_asking(town: Town, shop: Shop, fault: str) -> None:
    purchase = await town.buy(shop)
    await town.sandbox.switch(fault, payment_id=str(purchase.payment_id))

    await town.sandbox.press(purchase.payment_id)

    await town.heal(purchase.is_fulfilled)
    assert await sales_of(purchase) == (1, PRICE)
    assert await notifications_of(purchase) == 0


# Answers that go wrong.


@pytest.mark.parametrize("fault", ["SLOW", "DOWN", "CUT", "SILENT", "GARBAGE"])
async def test_a_payment_whose_opening_is_not_answered_is_opened_once_and_paid(
    town: Town, shop: Shop, fault: str
) -> None:
    await town.sandbox.switch(fault, operation="CREATE", seconds=0.8)
    purchase = await town.buy(shop)
    assert purchase.started["state"] == "UNKNOWN"

    async def is_open() -> bool:
        return await read("SELECT pay_url FROM payment WHERE id = $1", purchase.payment_id) is not None

    await town.heal(is_open)
    await town.sandbox.press(purchase.payment_id)

    await until(purchase.is_fulfilled)
    assert await sales_of(purchase) == (1, PRICE)


@pytest.mark.parametrize("fault", ["SLOW", "DOWN", "CUT", "SILENT", "GARBAGE"])
async def test_a_payment_that_cannot_be_asked_about_is_asked_about_again(town: Town, shop: Shop, fault: str) -> None:
    purchase = await town.buy(shop)
    await town.sandbox.switch(fault, payment_id=str(purchase.payment_id), operation="QUERY", seconds=0.8, count=2)

    await town.sandbox.press(purchase.payment_id)

    await town.heal(purchase.is_fulfilled)
    assert await sales_of(purchase) == (1, PRICE)


# Money that does not fit, and its way back.


async def went_back(town: Town, purchase: Purchase, amount_minor: int) -> bool:
    """Whether so much went back, by the gateway's own books, and ours know it."""
    done = await read(
        "SELECT coalesce(sum(amount_minor), 0)::int FROM payment_refund WHERE payment_id = $1 AND state = 'DONE'",
        purchase.payment_id,
    )
    shown = await town.sandbox.shown(purchase.payment_id)
    assert shown["refunded_minor"] <= amount_minor
    return bool(done == amount_minor == shown["refunded_minor"])


@pytest.mark.parametrize("fault", ["SLOW", "DOWN", "CUT", "SILENT", "GARBAGE", "REFUND_PENDING"])
async def test_what_was_paid_too_much_goes_back_once_whatever_becomes_of_the_answer(
    town: Town, shop: Shop, fault: str
) -> None:
    purchase = await town.buy(shop)
    await town.sandbox.switch(fault, payment_id=str(purchase.payment_id), operation="REFUND", seconds=0.8)

    await town.sandbox.press(purchase.payment_id, amount_minor=PRICE + 250)

    await until(purchase.is_fulfilled)
    await town.heal(lambda: went_back(town, purchase, 250))
    assert await purchase.outcome() == "ORDER_PAID"


@pytest.mark.parametrize(
    ("given", "outcome", "paid"),
    [
        ({"amount_minor": PRICE - 1}, "UNDERPAID", PRICE - 1),
        ({"currency": "USD"}, "WRONG_CURRENCY", PRICE),
    ],
)
async def test_money_that_pays_nothing_goes_back_whole_and_the_order_can_still_be_paid(
    town: Town, shop: Shop, given: dict[str, object], outcome: str, paid: int
) -> None:
    purchase = await town.buy(shop)

    await town.sandbox.press(purchase.payment_id, **given)

    await town.heal(lambda: went_back(town, purchase, paid))
    assert await purchase.outcome() == outcome
    assert await purchase.state() == "PENDING_PAYMENT"
    second = await purchase.client.done("startPayment", "payment { id }", orderId=purchase.order, gateway=town.gateway)
    assert second["payment"]["id"] != purchase.started["id"]
    again = await read("SELECT id FROM payment WHERE order_id = $1 ORDER BY id DESC LIMIT 1", purchase.order_id)
    await town.sandbox.press(again)
    await until(purchase.is_fulfilled)


async def test_what_the_gateway_does_not_give_back_comes_into_the_buyers_wallet(town: Town, shop: Shop) -> None:
    purchase = await town.buy(shop)
    await town.sandbox.switch("REFUND_REFUSED", payment_id=str(purchase.payment_id))

    await town.sandbox.press(purchase.payment_id, amount_minor=PRICE + 300)

    async def is_in_the_wallet() -> bool:
        found = await purchase.client.ask("{ viewer { wallets { available { amount } } } }")
        return bool([each["available"]["amount"] for each in found["viewer"]["wallets"]] == ["3.00"])

    await town.heal(is_in_the_wallet)
    assert await purchase.state() == "FULFILLED"


async def test_a_declined_payment_ends_and_costs_nothing(town: Town, shop: Shop) -> None:
    purchase = await town.buy(shop)

    await town.sandbox.press(purchase.payment_id, press="decline")

    async def is_closed() -> bool:
        return bool(await read("SELECT state FROM payment WHERE id = $1", purchase.payment_id) == "CLOSED")

    await until(is_closed)
    assert await purchase.state() == "PENDING_PAYMENT"
    assert await sales_of(purchase) == (0, 0)


# Money that comes when the time is over.


async def test_what_is_paid_after_the_time_is_over_buys_what_is_left(town: Town) -> None:
    shop = await make_shop(stock=2)
    purchase = await town.buy(shop)
    await town.expire(purchase)
    await place(shop, await make_buyer(shop))

    await town.sandbox.press(purchase.payment_id, late=True)

    await until(purchase.is_fulfilled)
    assert await purchase.outcome() == "ORDER_PAID_LATE"
    assert await sales_of(purchase) == (1, PRICE)


async def test_what_is_paid_after_the_last_one_is_sold_goes_back(town: Town) -> None:
    shop = await make_shop(stock=1)
    purchase = await town.buy(shop)
    await town.expire(purchase)
    await place(shop, await make_buyer(shop))
    await town.sandbox.switch("SILENT", payment_id=str(purchase.payment_id), operation="REFUND", seconds=0.8)

    await town.sandbox.press(purchase.payment_id, late=True)

    await town.heal(lambda: went_back(town, purchase, PRICE))
    assert (await purchase.outcome(), await purchase.state()) == ("TOO_LATE", "EXPIRED")


async def test_two_payments_of_one_order_pay_it_once_and_the_other_goes_back(town: Town, shop: Shop) -> None:
    purchase = await town.buy(shop)
    # The first cannot be used again: the buyer takes it for lost.
    await write("UPDATE payment SET unwanted = true WHERE id = $1", purchase.payment_id)
    await purchase.client.done("startPayment", "payment { id }", orderId=purchase.order, gateway=town.gateway)
    other = await read("SELECT id FROM payment WHERE order_id = $1 ORDER BY id DESC LIMIT 1", purchase.order_id)
    assert other != purchase.payment_id

    await town.sandbox.press(other)
    await town.sandbox.press(purchase.payment_id, late=True)

    async def one_went_back() -> bool:
        shown = [await town.sandbox.shown(each) for each in (purchase.payment_id, other)]
        taken = [each["paid_minor"] - each["refunded_minor"] for each in shown if each["paid_minor"]]
        return sum(taken) == PRICE and await purchase.is_fulfilled()

    await town.heal(one_went_back)


# Deaths.


async def test_a_gateway_that_is_killed_after_it_was_paid_tells_when_it_is_back(town: Town, shop: Shop) -> None:
    purchase = await town.buy(shop)
    await town.sandbox.switch("LATE", payment_id=str(purchase.payment_id), seconds=1)
    await town.sandbox.press(purchase.payment_id)

    town.sandbox.kill()
    await town.at_once("payments.poll")
    await town.sandbox.start()

    await until(purchase.is_fulfilled)
    assert await sales_of(purchase) == (1, PRICE)


async def test_a_worker_that_is_killed_while_it_asks_leaves_nothing_undone(town: Town, shop: Shop) -> None:
    purchase = await town.buy(shop)
    await town.sandbox.switch("SLOW", payment_id=str(purchase.payment_id), operation="QUERY", seconds=0.3)
    await town.sandbox.press(purchase.payment_id)

    async def is_asking() -> bool:
        return await town.sandbox.switches() == []

    await until(is_asking)
    town.restart_worker()

    await town.heal(purchase.is_fulfilled)
    assert await sales_of(purchase) == (1, PRICE)


async def test_a_worker_that_is_killed_while_money_goes_back_sends_it_once(town: Town, shop: Shop) -> None:
    purchase = await town.buy(shop)
    await town.sandbox.switch("SILENT", payment_id=str(purchase.payment_id), operation="REFUND", seconds=0.3)
    await town.sandbox.press(purchase.payment_id, amount_minor=PRICE * 2)

    async def is_asking() -> bool:
        return await town.sandbox.switches() == []

    await until(is_asking)
    town.restart_worker()

    await town.heal(lambda: went_back(town, purchase, PRICE))


# What only the statement tells.


async def test_what_was_paid_when_nobody_asked_any_more_is_found_in_the_statement(town: Town, shop: Shop) -> None:
    purchase = await town.buy(shop)
    await town.sandbox.press(purchase.payment_id, press="decline")

    async def is_closed() -> bool:
        return bool(await read("SELECT state FROM payment WHERE id = $1", purchase.payment_id) == "CLOSED")

    await until(is_closed)
    await town.sandbox.switch("LOST", payment_id=str(purchase.payment_id))
    await town.sandbox.press(purchase.payment_id, late=True)
    ada = replace(admin_ctx(), actor_id=await make_user(platform_role=PlatformRole.ADMIN))
    admin = Client(town.ports, await token_of(ada))
    today = str(await read("SELECT (now() AT TIME ZONE 'UTC')::date"))

    await admin.done("reconcileGateway", "gateway", key=today + purchase.order, gateway=town.gateway, day=today)

    await until(purchase.is_fulfilled)
    found = await admin.ask(
        "query($g: String!) { platform { reconciliationDifferences(gateway: $g, first: 20) { nodes { kind subject writtenId state "
        "ourState theirAmount { amount } tenant { slug } } } } }",
        g=town.gateway,
    )
    mine = [
        each
        for each in found["platform"]["reconciliationDifferences"]["nodes"]
        if each["writtenId"] == str(purchase.payment_id)
    ]
    assert [(each["kind"], each["subject"], each["ourState"]) for each in mine] == [("STATE", "PAYMENT", "CLOSED")]
    assert await sales_of(purchase) == (1, PRICE)
