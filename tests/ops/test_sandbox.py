"""The sandbox gateway, as a process of its own: whom it believes, what it does twice, what it forgets, how it misbehaves."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from fondaco_core import clock
from fondaco_core.errors import Outage
from fondaco_core.ids import PaymentId, PaymentRefundId
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_ops.sandbox import signing
from fondaco_tenants.payments.adapters.sandbox import SandboxGateway
from fondaco_tenants.payments.errors import ForgedNotification, GatewayRefused
from fondaco_tenants.payments.ports import (
    GatewayConfig,
    NewPayment,
    NewRefund,
    PaymentFound,
    RawNotification,
    RefundStanding,
)
from tests.support.sandbox import SECRET, Sandbox
from tests.support.waiting import until

PRICE = Money(1_999, "CNY")
NOW = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp())


class Shop:
    """Somebody who is told: keeps what comes in, and answers as it is set to."""

    def __init__(self) -> None:
        self.told: list[tuple[dict[str, str], bytes]] = []
        self.accepts = True

    async def serve(self) -> str:
        """Listens on a free port; gives the address."""
        self._server = await asyncio.start_server(self._hear, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/notify"

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        self.told.append((headers, await reader.readexactly(int(headers["content-length"]))))
        status, body = ("200 OK", b"SUCCESS") if self.accepts else ("503 Later", b"LATER")
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    def close(self) -> None:
        """Hears nothing more."""
        self._server.close()


@pytest.fixture(scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    made = Sandbox(tmp_path_factory.mktemp("sandbox"))
    await made.start()
    yield made
    await made.aclose()


@pytest.fixture
async def shop(sandbox: Sandbox) -> AsyncIterator[Shop]:
    await sandbox.reset()
    made = Shop()
    yield made
    made.close()


def a_payment(notify_url: str = "http://127.0.0.1:9/notify", **more: Any) -> NewPayment:
    made = NewPayment(
        payment_id=PaymentId(uuid4()), amount=PRICE, subject="流明点卡 · Steam 50", notify_url=notify_url,
        return_url="http://127.0.0.1:9/back", expires_at=clock.now() + timedelta(minutes=15), locale="zh-CN",
    )  # fmt: skip
    return replace(made, **more)


def a_refund(new: NewPayment, amount_minor: int = PRICE.amount_minor) -> NewRefund:
    return NewRefund(PaymentRefundId(uuid4()), new.payment_id, "", Money(amount_minor, "CNY"), PRICE, "OVERPAID")


def raw(told: tuple[dict[str, str], bytes]) -> RawNotification:
    return RawNotification(told[1], told[0], clock.now())


async def test_a_payment_is_opened_once_paid_once_and_told_once(sandbox: Sandbox, shop: Shop) -> None:
    gateway, new = sandbox.gateway(), a_payment(await shop.serve())

    first, again = await gateway.create(new), await gateway.create(new)
    before = await gateway.query(new.payment_id)
    taken = [(await sandbox.press(new.payment_id))["taken"] for _ in range(3)]
    await until(lambda: sandbox.has_told(new.payment_id))
    found = await gateway.query(new.payment_id)

    assert first == again
    assert first.pay_url.startswith(sandbox.url)
    assert (before.state, before.amount, before.paid_at) == (PaymentFound.PENDING, None, None)
    assert taken == [True, False, False]
    assert (found.state, found.amount, found.gateway_reference) == (PaymentFound.PAID, PRICE, first.gateway_reference)
    (told,) = [gateway.read_notification(raw(each)) for each in shop.told]
    assert (told.payment_id, told.state, told.amount) == (new.payment_id, PaymentFound.PAID, PRICE)
    assert told.gateway_reference == first.gateway_reference


async def test_one_id_is_no_name_for_two_payments(sandbox: Sandbox, shop: Shop) -> None:
    gateway, new = sandbox.gateway(), a_payment(await shop.serve())
    await gateway.create(new)

    with pytest.raises(GatewayRefused, match="PAYMENT_ID_TAKEN"):
        await gateway.create(replace(new, amount=Money(1, "CNY")))


async def test_money_goes_back_once_for_each_id_and_never_more_than_was_paid(sandbox: Sandbox, shop: Shop) -> None:
    gateway, new = sandbox.gateway(), a_payment(await shop.serve())
    await gateway.create(new)
    await sandbox.press(new.payment_id)
    part, rest, more = a_refund(new, 999), a_refund(new, 1_000), a_refund(new, 1)

    answers = [await gateway.refund(refund) for refund in (part, part, rest)]
    with pytest.raises(GatewayRefused, match="MORE_THAN_PAID"):
        await gateway.refund(more)

    assert {answer.state for answer in answers} == {RefundStanding.DONE}
    assert (await gateway.query(new.payment_id)).refunded_minor == PRICE.amount_minor
    assert (await gateway.query_refund(part.refund_id)).amount == Money(999, "CNY")
    assert (await gateway.query_refund(more.refund_id)).state is RefundStanding.MISSING


async def test_a_closed_payment_is_not_paid_and_a_paid_one_is_not_closed(sandbox: Sandbox, shop: Shop) -> None:
    gateway, closed, paid = sandbox.gateway(), a_payment(await shop.serve()), a_payment()
    await gateway.create(closed)
    await gateway.create(paid)
    await sandbox.press(paid.payment_id)

    await gateway.close(closed.payment_id)
    with pytest.raises(GatewayRefused, match="ALREADY_PAID"):
        await gateway.close(paid.payment_id)

    assert (await sandbox.press(closed.payment_id))["taken"] is False
    assert (await gateway.query(closed.payment_id)).state is PaymentFound.CLOSED
    assert (await gateway.query(PaymentId(uuid4()))).state is PaymentFound.MISSING
    await until(lambda: sandbox.has_told(closed.payment_id))
    assert [gateway.read_notification(raw(each)).state for each in shop.told] == [PaymentFound.CLOSED]


async def test_a_statement_lists_the_day_part_by_part(sandbox: Sandbox, shop: Shop) -> None:
    began = clock.now().date()
    gateway, new = sandbox.gateway(), a_payment(await shop.serve())
    created = await gateway.create(new)
    await sandbox.press(new.payment_id)
    refund = a_refund(new, 5)
    await gateway.refund(refund)
    today = clock.now().date()

    # Two days when it is midnight just now.
    pages = [await gateway.statement(day) for day in sorted({began, today})]
    lines = {line.our_id: line for page in pages for line in page.lines}

    assert [page.after for page in pages] == [None] * len(pages)
    assert (lines[str(new.payment_id)].amount, lines[str(refund.refund_id)].amount) == (PRICE, Money(5, "CNY"))
    assert lines[str(new.payment_id)].gateway_reference == created.gateway_reference
    assert (await gateway.statement(today - timedelta(days=400))).lines == []


async def test_what_is_killed_finds_its_books_again_and_tells_what_it_had_not_told(tmp_path: Path, shop: Shop) -> None:
    sandbox = Sandbox(tmp_path / "killed")
    await sandbox.start()
    try:
        gateway, new = sandbox.gateway(), a_payment(await shop.serve())
        shop.accepts = False
        await gateway.create(new)
        await sandbox.press(new.payment_id)
        await until(lambda: _heard(shop, 1))
        sandbox.kill()
        shop.accepts = True

        await sandbox.start()
        await until(lambda: sandbox.has_told(new.payment_id))

        assert (await gateway.query(new.payment_id)).state is PaymentFound.PAID
        ids = {gateway.read_notification(raw(each)).notification_id for each in shop.told}
        assert (len(shop.told), len(ids)) == (2, 1)
    finally:
        await sandbox.aclose()


async def _heard(shop: Shop, count: int) -> bool:
    return len(shop.told) >= count


# Whom it believes.


def signed(
    method: str, target: str, body: bytes = b"", *, secret: str = SECRET, now: int | None = None
) -> dict[str, str]:
    """The headers of a shop's request."""
    at = int(clock.now().timestamp()) if now is None else now
    made = signing.signed(Secret(secret), signing.Kind.REQUEST, f"{method} {target}", body, now=at)
    return {**made, signing.MERCHANT: "fondaco"}


async def ask(sandbox: Sandbox, headers: dict[str, str], path: str = "/v1/refunds/x") -> tuple[int, str]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.get(sandbox.url + path, headers=headers)
    return answer.status_code, answer.json()["code"]


async def test_a_request_that_is_not_signed_as_it_must_be_is_refused(sandbox: Sandbox) -> None:
    good = signed("GET", "/v1/refunds/x")
    now = int(clock.now().timestamp())
    refused = {
        "MISSING_SIGNATURE": {signing.MERCHANT: "fondaco"},
        "UNKNOWN_MERCHANT": {**good, signing.MERCHANT: "somebody"},
        "STALE_TIMESTAMP": signed("GET", "/v1/refunds/x", now=now - 400),
    }
    forged = [
        signed("GET", "/v1/refunds/x", secret="another secret"),
        signed("GET", "/v1/refunds/y"),
        signed("POST", "/v1/refunds/x"),
        signed("GET", "/v1/refunds/x", b"{}"),
        {**good, signing.NONCE: "another"},
        {**good, signing.TIMESTAMP: str(now - 1)},
    ]

    answers = {code: await ask(sandbox, headers) for code, headers in refused.items()}
    others = [await ask(sandbox, headers) for headers in forged]

    assert answers == {code: (401, code) for code in refused}
    assert others == [(401, "BAD_SIGNATURE")] * len(forged)
    assert await ask(sandbox, good) == (404, "NO_SUCH_REFUND")


async def test_a_request_is_believed_once(sandbox: Sandbox) -> None:
    headers = signed("GET", "/v1/refunds/x")

    assert await ask(sandbox, headers) == (404, "NO_SUCH_REFUND")
    assert await ask(sandbox, headers) == (401, "REPLAYED_NONCE")


async def test_odd_input_is_refused_and_changes_nothing(sandbox: Sandbox) -> None:
    good = {
        "id": uuid4().hex, "amount_minor": 1, "currency": "CNY", "subject": "x", "notify_url": "http://127.0.0.1/n",
        "return_url": "http://127.0.0.1/r", "expires_at": clock.now().timestamp() + 60,
    }  # fmt: skip
    odd: list[bytes] = [b"[]", b"{", b"\xff", json.dumps(good | {"subject": "x" * 20_000}).encode()]
    odd += [
        json.dumps(good | change).encode()
        for change in (
            {"amount_minor": 0}, {"amount_minor": True}, {"amount_minor": "1"}, {"currency": "XXX"}, {"id": ""},
            {"notify_url": "file:///etc/passwd"}, {"expires_at": "soon"}, {"expires_at": 10**20},
        )
    ]  # fmt: skip

    async with httpx2.AsyncClient(trust_env=False, base_url=sandbox.url) as client:
        statuses = [
            (await client.post("/v1/payments", content=body, headers=signed("POST", "/v1/payments", body))).status_code
            for body in odd
        ]

    assert set(statuses) == {400, 413}
    assert (await sandbox.gateway().query(PaymentId(uuid4()))).state is PaymentFound.MISSING


async def test_it_answers_this_machine_only_and_no_other_site(sandbox: Sandbox) -> None:
    async with httpx2.AsyncClient(trust_env=False, base_url=sandbox.url) as client:
        renamed = await client.get("/", headers={"host": "evil.example"})
        sent_across = await client.post(
            "/control/switches", content=b'{"fault": "DOWN"}', headers={"content-type": "text/plain"}
        )
        with_origin = await client.post(
            "/control/switches", json={"fault": "DOWN"}, headers={"origin": "https://evil.example"}
        )
        await client.post("/", data={"do": "on", "fault": "DOWN"}, headers={"origin": "https://evil.example"})
        elsewhere = await asyncio.to_thread(_listens_elsewhere, sandbox.port)

    assert (renamed.status_code, sent_across.status_code, with_origin.status_code) == (400, 403, 403)
    assert await sandbox.switches() == []
    assert not elsewhere


def _listens_elsewhere(port: int) -> bool:
    """Whether another address of this machine answers: 127.0.0.2 is the loopback, too, and not the one it listens on."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.2", port)) == 0


# Whom we believe.


def test_a_signature_is_what_the_protocol_says() -> None:
    made = signing.signature(
        Secret("key"), signing.Kind.REQUEST, "GET /v1/refunds/x", timestamp="1700000000", nonce="n", body=b""
    )

    assert made == "dd1d8cc973e5a05073f75723fca74600d9ce1c795e0cf6c0dfa68733d858b7ee"


def notification(
    secret: str = SECRET, *, now: int = NOW, kind: signing.Kind = signing.Kind.NOTIFICATION
) -> RawNotification:
    payment_id = str(uuid4())
    body = json.dumps(
        {"notification_id": "N", "payment_id": payment_id, "reference": "R", "state": "PAID", "amount_minor": 5, "currency": "CNY"}
    ).encode()  # fmt: skip
    headers = signing.signed(Secret(secret), kind, payment_id, body, now=now)
    return RawNotification(body, headers, datetime.fromtimestamp(NOW, UTC))


def test_a_forged_changed_or_old_notification_is_not_believed() -> None:
    gateway, good = SandboxGateway(GatewayConfig("sandbox", "http://127.0.0.1:9"), Secret(SECRET)), notification()
    forged = [
        notification("another secret"),
        notification(now=NOW - 301),
        notification(now=NOW + 301),
        notification(kind=signing.Kind.REQUEST),
        replace(good, body=good.body.replace(b"5", b"6")),
        replace(good, body=b"[]"), replace(good, body=b"{"), replace(good, body=b"\xff"), replace(good, body=b"[" * 99_999),
        *(replace(good, body=b'{"payment_id": %b}' % odd) for odd in (b"1", b"null", b"[]", b"{}", b"true")),
        replace(good, headers={}),
        replace(good, headers={**good.headers, "sandbox-timestamp": "٣"}),
        replace(good, headers={**good.headers, "sandbox-signature": "é"}),
    ]  # fmt: skip

    assert gateway.read_notification(good).amount == Money(5, "CNY")
    for each in forged:
        with pytest.raises(ForgedNotification):
            gateway.read_notification(each)


# How it misbehaves.


@pytest.mark.parametrize("fault", ["DOWN", "CUT", "SILENT", "GARBAGE", "SLOW"])
async def test_what_is_not_answered_well_is_an_outage_and_asking_again_does_nothing_twice(
    sandbox: Sandbox, shop: Shop, fault: str
) -> None:
    gateway, new = sandbox.gateway(timeout_s="0.3"), a_payment(await shop.serve())
    await sandbox.switch(fault, payment_id=str(new.payment_id), operation="CREATE", seconds=1)
    with pytest.raises(Outage):
        await gateway.create(new)
    known = (await gateway.query(new.payment_id)).state
    created = await gateway.create(new)
    await sandbox.press(new.payment_id)
    refund = a_refund(new)
    await sandbox.switch(fault, payment_id=str(new.payment_id), operation="REFUND", seconds=1)
    with pytest.raises(Outage):
        await gateway.refund(refund)

    stood = (await gateway.query_refund(refund.refund_id)).state
    answer = await gateway.refund(refund)

    done = fault in {"CUT", "SILENT", "GARBAGE"}
    if fault != "SLOW":
        assert known is (PaymentFound.PENDING if done else PaymentFound.MISSING)
        assert stood is (RefundStanding.DONE if done else RefundStanding.MISSING)
    assert created.gateway_reference
    assert answer.state is RefundStanding.DONE
    assert (await gateway.query(new.payment_id)).refunded_minor == PRICE.amount_minor
    assert await sandbox.switches() == []


async def test_a_refund_may_take_its_time_or_be_refused(sandbox: Sandbox, shop: Shop) -> None:
    gateway, new = sandbox.gateway(), a_payment(await shop.serve())
    await gateway.create(new)
    await sandbox.press(new.payment_id)
    refused, slow = a_refund(new, 1), a_refund(new, 2)
    await sandbox.switch("REFUND_REFUSED", payment_id=str(new.payment_id))
    first = await gateway.refund(refused)
    await sandbox.switch("REFUND_PENDING", payment_id=str(new.payment_id), seconds=0.2)

    second = await gateway.refund(slow)

    async def is_done() -> bool:
        return (await gateway.query_refund(slow.refund_id)).state is RefundStanding.DONE

    await until(is_done)
    assert (first.state, second.state) == (RefundStanding.REFUSED, RefundStanding.PENDING)
    assert (await gateway.query(new.payment_id)).refunded_minor == 2


async def test_notifications_go_wrong_as_the_switches_say(sandbox: Sandbox, shop: Shop) -> None:
    gateway, address = sandbox.gateway(), await shop.serve()
    told: dict[str, list[RawNotification]] = {}
    for fault in ("TWICE", "ANEW", "OUT_OF_ORDER", "WRONG_AMOUNT", "WRONG_CURRENCY", "FORGED", "LOST"):
        new = a_payment(address)
        await gateway.create(new)
        await sandbox.switch(fault, payment_id=str(new.payment_id), times=3)
        await sandbox.press(new.payment_id)
        await until(lambda new=new: sandbox.has_told(new.payment_id))  # type: ignore[misc]
        told[fault] = [raw(each) for each in shop.told]
        shop.told.clear()

    forged = told.pop("FORGED")
    read = {fault: [gateway.read_notification(each) for each in all_] for fault, all_ in told.items()}

    assert [len({each.notification_id for each in read[fault]}) for fault in ("TWICE", "ANEW")] == [1, 3]
    assert (len(read["TWICE"]), len(read["LOST"])) == (3, 0)
    assert [each.state for each in read["OUT_OF_ORDER"]] == [PaymentFound.PAID, PaymentFound.PENDING]
    assert [each.amount for each in read["WRONG_AMOUNT"] + read["WRONG_CURRENCY"]] == [
        Money(2_000, "CNY"),
        Money(1_999, "USD"),
    ]
    assert len(forged) == 1
    with pytest.raises(ForgedNotification):
        gateway.read_notification(forged[0])


async def test_a_switch_counts_down_and_odd_ones_are_refused(sandbox: Sandbox, shop: Shop) -> None:
    gateway, new = sandbox.gateway(), a_payment(await shop.serve())
    await gateway.create(new)
    await sandbox.switch("DOWN", count=2)

    failures = 0
    for _ in range(3):
        try:
            await gateway.query(new.payment_id)
        except Outage:
            failures += 1
    async with httpx2.AsyncClient(trust_env=False, base_url=sandbox.url) as client:
        given: list[Any] = [{"fault": "NONE"}, {"fault": "LATE", "seconds": 1e9}, {"fault": "LATE", "count": 10**9}, []]
        odd = [(await client.post("/control/switches", json=each)).status_code for each in given]

    assert failures == 2
    assert odd == [400] * 4
