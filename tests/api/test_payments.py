"""Payments at the front door: started by who may, seen by whom they concern, notified by whoever can sign."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from fondaco_api.graphql.context import Context
from fondaco_api.graphql.schema import schema
from fondaco_core import limits
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, governing, transaction
from fondaco_core.ids import PaymentId
from fondaco_tenants import customers
from fondaco_tenants.orders import PayBy
from tests.support.breaking import global_id as node_id
from tests.support.door import Door, open_door
from tests.support.factories.identity import admin_ctx
from tests.support.factories.orders import PRICE, Shop, make_buyer, make_shop, place
from tests.support.factories.payments import (
    RUN,
    SECRET,
    FakeGateway,
    fake_gateways,
    look_and_settle,
    make_gateway,
    send_refunds,
    start_payment,
)
from tests.tenants.payments.test_settle import make_guest

SHOWN = (
    "payment { id purpose state outcome payUrl qrText qrImage expiresAt amount { minorUnits } captured { minorUnits } "
    "gateway { key title } order { code } refunds { state reason into_wallet: intoWallet amount { minorUnits } } }"
)


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened, fake_gateways():
        yield opened


@pytest.fixture
async def gateway(door: Door) -> FakeGateway:
    assert door
    return await make_gateway()


def key_of(text: str) -> UUID:
    """The row's id behind an opaque id."""
    return UUID(base64.b64decode(text).decode().partition(":")[2])


async def do(door: Door, mutation: str, given: dict[str, Any], show: str, *, ctx: Ctx) -> dict[str, Any]:
    """The result of a mutation that succeeds."""
    done = f"... on {mutation[0].upper()}{mutation[1:]}Success {{ {show} }}"
    result = await door.do(mutation, given, ctx=ctx, show=done)
    assert "code" not in result, result
    return result


async def unpaid(shop: Shop, buyer: Ctx) -> str:
    """The global id of an unpaid order."""
    return node_id("Order", (await place(shop, buyer, pay_by=PayBy.LATER)).order_id)


async def send(door: Door, gateway: FakeGateway, payment_id: PaymentId, **how: Any) -> int:
    """Sends a notification to the gateway's address, and gives the status of the answer."""
    raw = gateway.notification(payment_id, **how)
    answer = await door.send(f"/gateways/{gateway.key}/notify", headers=dict(raw.headers), content=raw.body)
    assert answer.text in {"success", "fail"}
    return answer.status_code


async def test_a_buyer_pays_an_order_through_a_gateway_and_follows_it(door: Door, gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    order_id = await unpaid(shop, buyer)

    started = await do(door, "startPayment", {"orderId": order_id, "gateway": gateway.key}, SHOWN, ctx=buyer)
    payment = started["payment"]
    payment_id = PaymentId(key_of(payment["id"]))
    gateway.pay(payment_id)
    status = await send(door, gateway, payment_id)
    await look_and_settle(payment_id)
    query = "query ($id: ID!) { node(id: $id) { ... on Order { state payments { id state outcome } viewerCanStartPayment } } }"
    order = (await door.ask(query, {"id": order_id}, ctx=buyer))["node"]

    assert (payment["state"], payment["amount"]["minorUnits"]) == ("PENDING", str(PRICE))
    assert payment["payUrl"] == f"https://pay.example/{payment_id}"
    assert payment["qrImage"].startswith("data:image/svg+xml")
    assert status == 200
    assert order == {
        "state": "FULFILLED", "viewerCanStartPayment": False,
        "payments": [{"id": payment["id"], "state": "CAPTURED", "outcome": "ORDER_PAID"}],
    }  # fmt: skip


async def test_a_guest_pays_with_the_orders_token_and_is_refunded_to_the_source(
    door: Door, gateway: FakeGateway
) -> None:
    shop = await make_shop(stock=1)
    guest, order = await make_guest(shop)
    order_id = node_id("Order", order)

    started = await do(
        door, "startPayment", {"orderId": order_id, "gateway": gateway.key, "leftovers": "WALLET"}, SHOWN, ctx=guest
    )
    payment_id = PaymentId(key_of(started["payment"]["id"]))
    gateway.pay(payment_id)
    await look_and_settle(payment_id)
    given = {"orderId": order_id, "reason": "bought by mistake", "to": "WALLET"}
    refunded = await do(door, "refundOrder", given, "to units amount { minorUnits }", ctx=shop.owner)
    await send_refunds(payment_id)
    query = "query ($id: ID!) { node(id: $id) { ... on Payment { refunds { state reason intoWallet } } } }"
    seen = (await door.ask(query, {"id": started["payment"]["id"]}, ctx=guest))["node"]

    assert (refunded["to"], refunded["units"]) == ("SOURCE", 1)
    assert seen["refunds"] == [{"state": "DONE", "reason": "ORDER_REFUNDED", "intoWallet": False}]


async def test_a_repeated_start_answers_the_same_payment(door: Door, gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    order_id = await unpaid(shop, buyer)
    document = (
        "mutation ($input: StartPaymentInput!, $key: String) { startPayment(input: $input, idempotencyKey: $key) {"
        " ... on StartPaymentSuccess { payment { id state } } } }"
    )
    variables = {"input": {"orderId": order_id, "gateway": gateway.key}, "key": uuid4().hex}
    gateway.unanswered = {"create"}

    first = await door.ask(document, variables, ctx=buyer)
    gateway.unanswered = set()
    second = await door.ask(document, variables, ctx=buyer)
    third = await do(door, "startPayment", variables["input"], "payment { id state }", ctx=buyer)  # type: ignore[arg-type]

    assert first["startPayment"]["payment"]["state"] == "UNKNOWN"
    assert second["startPayment"]["payment"]["state"] == "PENDING"
    assert third["payment"]["id"] == second["startPayment"]["payment"]["id"] == first["startPayment"]["payment"]["id"]
    assert len(gateway.payments) == 1


async def test_wallets_are_topped_up_by_buyers_and_by_merchants(door: Door, gateway: FakeGateway) -> None:
    shop = await make_shop()
    buyer = await make_buyer(shop, funds_minor=0)
    given = {"gateway": gateway.key, "amount": {"amount": "50.00", "currency": "CNY"}}

    for ctx in (buyer, shop.owner):
        started = await do(door, "startTopUp", given, SHOWN, ctx=ctx)
        gateway.pay(PaymentId(key_of(started["payment"]["id"])))
        await look_and_settle(PaymentId(key_of(started["payment"]["id"])))
    own = await door.ask(
        "{ viewer { wallets { balance { minorUnits } } payments { nodes { outcome purpose } } } }", ctx=buyer
    )
    theirs = await door.ask(
        "{ merchant { topUps { nodes { outcome } } accounts { kind balance { minorUnits } } } }", ctx=shop.owner
    )

    assert own["viewer"]["wallets"] == [{"balance": {"minorUnits": "5000"}}]
    assert own["viewer"]["payments"]["nodes"] == [{"outcome": "TOPPED_UP", "purpose": "TOP_UP"}]
    assert theirs["merchant"]["topUps"]["nodes"] == [{"outcome": "TOPPED_UP"}]
    assert {"kind": "WALLET", "balance": {"minorUnits": "5000"}} in theirs["merchant"]["accounts"]


async def test_a_store_lists_the_ways_to_pay_in_its_currency(door: Door, gateway: FakeGateway) -> None:
    other = await make_gateway(currencies=["USD"])
    shop = await make_shop()
    async with transaction(shop.owner) as tx:
        slug = await tx.fetchval("SELECT slug FROM store WHERE id = $1", shop.store_id)

    found = await door.ask(
        "query ($slug: String!) { store(slug: $slug) { gateways { key title } } }", {"slug": slug}, locale="zh-CN"
    )

    assert {"key": gateway.key, "title": "沙箱支付"} in found["store"]["gateways"]
    assert other.key not in {each["key"] for each in found["store"]["gateways"]}


REFUSED = [
    ("GATEWAY_UNAVAILABLE", {"gateway": "nowhere"}, "选择其他方式"),
    ("INVALID_GATEWAY", {"returnUrl": "javascript:alert(1)"}, "地址"),
]


@pytest.mark.parametrize(("code", "wrong", "zh"), REFUSED, ids=str)
async def test_a_payment_that_makes_no_sense_is_refused_by_name(
    door: Door, gateway: FakeGateway, code: str, wrong: dict[str, Any], zh: str
) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    given = {"orderId": await unpaid(shop, buyer), "gateway": gateway.key} | wrong

    refused = await door.do("startPayment", given, ctx=buyer, locale="zh-CN")

    assert refused["code"] == code
    assert zh in refused["message"]


async def test_a_payment_of_an_order_that_is_over_paid_or_refused_by_the_gateway_is_refused(
    door: Door, gateway: FakeGateway
) -> None:
    shop = await make_shop(stock=3)
    buyer = await make_buyer(shop)
    paid = node_id("Order", (await place(shop, buyer)).order_id)
    waiting = await unpaid(shop, buyer)
    gateway.refused = {"create"}

    over = await door.do("startPayment", {"orderId": paid, "gateway": gateway.key}, ctx=buyer)
    not_taken = await door.do("startPayment", {"orderId": waiting, "gateway": gateway.key}, ctx=buyer)
    nothing = {"gateway": gateway.key, "amount": {"amount": "0", "currency": "CNY"}}
    empty = await door.do("startTopUp", nothing, ctx=buyer)

    assert (over["code"], not_taken["code"]) == ("ORDER_NOT_OPEN", "PAYMENT_NOT_OPENED")
    assert (empty["code"], empty["path"]) == ("INVALID_AMOUNT", ["input", "amount"])


async def test_only_so_many_payments_wait_at_once(
    door: Door, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TOP_UPS_OPEN_MAX", 1)
    monkeypatch.setattr(limits, "ORDER_PAYMENTS_OPEN_MAX", 1)
    other = await make_gateway()
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    order_id = await unpaid(shop, buyer)
    top_up = {"gateway": gateway.key, "amount": {"amount": "1.00", "currency": "CNY"}}

    await door.do("startTopUp", top_up, ctx=buyer)
    await door.do("startPayment", {"orderId": order_id, "gateway": gateway.key}, ctx=buyer)
    refused = [
        await door.do("startTopUp", top_up, ctx=buyer),
        await door.do("startPayment", {"orderId": order_id, "gateway": other.key}, ctx=buyer),
    ]

    assert [each["code"] for each in refused] == ["TOO_MANY_PAYMENTS"] * 2


async def test_a_blocked_buyer_and_somebody_else_start_nothing(door: Door, gateway: FakeGateway) -> None:
    shop = await make_shop(stock=1)
    buyer, other = await make_buyer(shop, funds_minor=0), await make_buyer(shop, funds_minor=0)
    given = {"orderId": await unpaid(shop, buyer), "gateway": gateway.key}
    assert buyer.customer_id is not None
    async with transaction(shop.owner) as tx:
        await customers.block_customer(tx, shop.owner, customer_id=buyer.customer_id, reason="fraud")

    blocked, stranger = await door.do("startPayment", given, ctx=buyer), await door.do("startPayment", given, ctx=other)

    assert (blocked["code"], stranger["code"]) == ("CUSTOMER_BLOCKED", "NOT_FOUND")


async def test_a_subscription_shows_a_payment_until_its_money_has_done_what_it_came_for(
    gateway: FakeGateway, settings: Settings
) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    stream: Any = await schema().subscribe(
        "subscription ($id: ID!) { paymentChanged(id: $id) { state outcome } }",
        variable_values={"id": node_id("Payment", payment_id)},
        context_value=Context(ctx=buyer, settings=settings, caching=False),
    )

    first = await anext(stream)
    gateway.pay(payment_id)
    await look_and_settle(payment_id)
    rest = [each.data["paymentChanged"] async for each in stream]

    assert first.data["paymentChanged"] == {"state": "PENDING", "outcome": None}
    assert rest[-1] == {"state": "CAPTURED", "outcome": "ORDER_PAID"}


DETAILS = {
    "titleZh": "沙箱", "titleEn": "Sandbox", "currencies": ["CNY"], "baseUrl": "https://gateway.example",
    "options": [{"name": "account", "value": "4711"}],
}  # fmt: skip


async def test_admins_keep_gateways_and_nobody_reads_a_secret(door: Door) -> None:
    admin, key = admin_ctx(), f"g-{uuid4().hex[:10]}"
    auditor = replace(admin, permissions=frozenset({"platform.read"}))
    show = "gateway { key kind enabled version options { name value } }"

    added = await do(door, "addGateway", DETAILS | {"key": key, "kind": "SANDBOX", "secret": SECRET}, show, ctx=admin)
    again = await door.do("addGateway", DETAILS | {"key": key, "kind": "SANDBOX", "secret": SECRET}, ctx=admin)
    off = await do(door, "updateGateway", DETAILS | {"key": key, "version": 1, "enabled": False}, show, ctx=admin)
    stale = await door.do("updateGateway", DETAILS | {"key": key, "version": 1, "enabled": True}, ctx=admin)
    renewed = await do(door, "setGatewaySecret", {"key": key, "secret": SECRET + "!"}, show, ctx=admin)
    query = "{ platform { gateways { key enabled viewerCanEdit } } }"
    listed, looked = [await door.ask(query, ctx=each) for each in (admin, auditor)]

    assert added["gateway"]["options"] == [{"name": "account", "value": "4711"}]
    assert (again["code"], stale["code"]) == ("GATEWAY_EXISTS", "STALE_VERSION")
    assert (off["gateway"]["enabled"], renewed["gateway"]["version"]) == (False, 3)
    assert {"key": key, "enabled": False, "viewerCanEdit": True} in listed["platform"]["gateways"]
    assert {"key": key, "enabled": False, "viewerCanEdit": False} in looked["platform"]["gateways"]
    async with governing(RUN) as tx:
        stored = await tx.fetchval("SELECT secret FROM gateway WHERE key = $1", key)
    assert SECRET.encode() not in stored


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"key": "No!"}, "key"),
        ({"kind": "BANK"}, "kind"),
        ({"baseUrl": "ftp://x"}, "baseUrl"),
        ({"currencies": []}, "currencies"),
        ({"titleZh": " "}, "titleZh"),
        ({"secret": "short"}, "secret"),
        ({"options": [{"name": "", "value": "x"}]}, "options"),
    ],
    ids=str,
)
async def test_a_gateway_that_makes_no_sense_is_refused_by_name(door: Door, wrong: dict[str, Any], path: str) -> None:
    given = DETAILS | {"key": f"g-{uuid4().hex[:10]}", "kind": "SANDBOX", "secret": SECRET} | wrong

    refused = await door.do("addGateway", given, ctx=admin_ctx())

    assert (refused["code"], refused["path"]) == ("INVALID_GATEWAY", ["input", path])


async def test_a_merchant_keeps_no_gateways(door: Door, gateway: FakeGateway) -> None:
    shop = await make_shop()

    refused = await door.do("setGatewaySecret", {"key": gateway.key, "secret": SECRET}, ctx=shop.owner)

    assert refused["code"] == "NOT_ALLOWED"


async def test_forged_strange_and_oversized_notifications_are_answered_and_do_nothing(
    door: Door, gateway: FakeGateway
) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)
    path = f"/gateways/{gateway.key}/notify"

    statuses = [
        await send(door, gateway, payment_id, forged=True),
        (await door.send("/gateways/nowhere-at-all/notify", content=b"x")).status_code,
        (await door.send(path, content=b"x" * (limits.NOTIFICATION_BYTES_MAX + 1))).status_code,
        (await door.send(path, method="GET")).status_code,
    ]

    assert statuses == [400, 404, 413, 405]
    assert gateway.queries == 0


async def test_who_forges_much_is_not_listened_to_for_a_while(
    door: Door, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fondaco_api.http import inbound  # noqa: PLC0415 - its counter is made for this test
    from fondaco_api.http.misses import Misses  # noqa: PLC0415

    monkeypatch.setattr(inbound, "_misses", Misses(uuid4().hex, most=2, most_all=2))
    raw = gateway.notification(PaymentId(uuid4()), forged=True)

    answers = [
        (await door.send(f"/gateways/{gateway.key}/notify", headers=dict(raw.headers), content=raw.body)).status_code
        for _ in range(4)
    ]

    assert answers == [400, 400, 429, 429]
