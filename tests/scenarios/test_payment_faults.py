"""Kill -9 at every step of a payment: starting it, hearing of it, asking the gateway, settling an order, giving money back.

The gateway is a real one of its own, which goes on while our worker dies: before it is asked, after it has answered, before and
after every commit. Whatever the step: money came in once, did what it came for once, or went back once.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis

from fondaco_core import clock, outbox
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import governing, trading
from fondaco_core.ids import OrderId, PaymentId
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind
from fondaco_core.secret import Secret
from fondaco_ops.sandbox import signing
from fondaco_tenants import orders, payments
from fondaco_tenants.orders import PayBy
from fondaco_tenants.payments import GatewayDetails, PaymentNotified, Through
from tests.scenarios.test_faults import Back, Door, ask, kill_at_each, kill_at_every_step, read, write
from tests.scenarios.test_faults import Case as Asked
from tests.support.breaking import Client, breakable, environment_of, free_port, global_id, token_of
from tests.support.factories.identity import admin_ctx
from tests.support.factories.orders import PRICE, Shop, balance, make_buyer, make_shop, place
from tests.support.factories.payments import RUN, settle
from tests.support.invariants import assert_invariants
from tests.support.sandbox import SECRET, Sandbox
from tests.support.town import STARTED, WORKER
from tests.support.waiting import until
from tests.workers.conftest import Start

pytestmark = pytest.mark.usefixtures("database")


@dataclass(frozen=True, slots=True)
class Till:
    """A shop, and a gateway that takes money for it."""

    shop: Shop
    sandbox: Sandbox
    key: str


@dataclass(frozen=True, slots=True)
class Paid:
    """An order whose money lies at the gateway."""

    buyer: Ctx
    order_id: OrderId
    payment_id: PaymentId


@pytest.fixture(scope="module")
async def till(database: object, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Till]:
    assert database
    sandbox = Sandbox(tmp_path_factory.mktemp("gateway") / "one")
    key, admin = f"sandbox-{uuid4().hex[:8]}", admin_ctx()
    details = GatewayDetails("沙盒", "Sandbox", ("CNY",), sandbox.url)
    async with payments.sealing_gateways(admin) as tx:
        await payments.add_gateway(tx, admin, key=key, kind="SANDBOX", details=details, secret=Secret(SECRET))
    await sandbox.start()
    try:
        yield Till(await make_shop(stock=150, fee_bps=150), sandbox, key)
    finally:
        await sandbox.aclose()


@pytest.fixture
async def back(queue: redis.Redis, queue_settings: Settings, start: Start, tmp_path: Path) -> AsyncIterator[Back]:
    """A worker that can be broken, and a relay that goes on."""
    start("fondaco_workers.relay")
    async with breakable("worker", environment_of(queue_settings), tmp_path / "worker.log") as process:
        yield Back(process, queue)


async def pay(till: Till) -> Paid:
    """Somebody has paid at the gateway, and it has told us so."""
    buyer = await make_buyer(till.shop, funds_minor=0)
    placed = await place(till.shop, buyer, pay_by=PayBy.LATER)
    # Nobody listens where it tells: what it says is announced here.
    through = Through(till.key, "https://shop.example", "http://127.0.0.1:9")
    async with trading(buyer) as tx:
        started = await orders.start_payment(tx, buyer, order_id=placed.order_id, through=through)
    await payments.open_at_gateway(started.id)
    await till.sandbox.press(started.id)
    return Paid(buyer, placed.order_id, started.id)


async def notify(till: Till) -> Paid:
    """A paid order, of which a worker is about to hear."""
    paid = await pay(till)
    async with governing(RUN) as tx:
        await outbox.announce(tx, (till.shop.tenant_id, PaymentNotified(str(paid.payment_id))))
    return paid


async def capture(till: Till) -> Paid:
    """A paid order that a worker is about to settle."""
    paid = await pay(till)
    await payments.look_at_payment(RUN, paid.payment_id)
    return paid


async def refund(till: Till) -> Paid:
    """A settled order whose money a worker is about to give back."""
    paid = await capture(till)
    await settle(paid.payment_id)
    async with trading(till.shop.owner) as tx:
        await orders.refund_order(tx, till.shop.owner, order_id=paid.order_id, reason="by mistake")
    return paid


async def is_quiet() -> bool:
    """Whether nothing is left to do about payments; what was put off for a moment is due at once."""
    await write("UPDATE outbox_task SET due_at = now() WHERE running_until IS NULL OR running_until <= now()")
    waiting = (
        "SELECT (SELECT count(*) FROM outbox_event) + (SELECT count(*) FROM outbox_task WHERE actor LIKE 'payments.%')"
    )
    return bool(await read(waiting) == 0)


async def is_fulfilled(till: Till, paid: Paid) -> None:
    """The order is paid, once, and the buyer's wallet is as it was."""
    assert await read('SELECT state FROM "order" WHERE id = $1', paid.order_id) == "FULFILLED"
    assert await read("SELECT outcome FROM payment WHERE id = $1", paid.payment_id) == "ORDER_PAID"
    assert await balance(till.shop.tenant_id, paid.buyer.customer_id, AccountKind.WALLET) == 0


async def is_refunded(till: Till, paid: Paid) -> None:
    """The order is refunded, and the gateway has given the money back once, by its own books."""
    assert await read('SELECT state FROM "order" WHERE id = $1', paid.order_id) == "REFUNDED"
    assert await read("SELECT state FROM payment_refund WHERE payment_id = $1", paid.payment_id) == "DONE"
    found = await till.sandbox.gateway().query(paid.payment_id)
    assert found.refunded_minor == PRICE
    assert await balance(till.shop.tenant_id, paid.buyer.customer_id, AccountKind.WALLET) == 0


Prepare = Callable[[Till], Awaitable[Paid]]
Check = Callable[[Till, Paid], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """What a worker does when it is killed, what came before, what must be true after, and the steps that are among its own."""

    actor: str
    prepare: Prepare
    check: Check
    steps: set[str]


CASES = [
    Case("payments.look", notify, is_fulfilled, {"CALL query", "ANSWERED", "COMMITTED"}),
    Case("payments.settle", capture, is_fulfilled, {"COMMITTED"}),
    Case("payments.send_refund", refund, is_refunded, {"CALL refund", "ANSWERED", "COMMITTED"}),
]


@pytest.mark.parametrize("case", CASES, ids=[case.actor for case in CASES])
async def test_a_worker_that_is_killed_at_any_step_moves_money_once(till: Till, back: Back, case: Case) -> None:
    paid, steps = None, None
    for at in count(1):
        # The next worker finishes what the last one was at, and then meets its own end.
        begun = await read("SELECT coalesce(max(id), 0) FROM outbox_task WHERE actor = $1", case.actor)
        await back.start(at=at, after=begun, actor=case.actor)
        if paid is not None:
            await until(is_quiet)
            await case.check(till, paid)
        paid = await case.prepare(till)
        steps = await back.process.outcome()
        if steps is not None:
            await until(is_quiet)
            await case.check(till, paid)
            break

    assert steps is not None
    assert case.steps <= set(steps)
    await assert_invariants()


# The front door: what starts a payment, and where gateways tell of it. Behind it a relay and a worker go on.
TOPPED_UP = 5_000


@pytest.fixture
async def door(
    till: Till, queue: redis.Redis, queue_settings: Settings, start: Start, tmp_path: Path
) -> AsyncIterator[Door]:
    """A front door that can be broken, at an address that the gateway knows."""
    assert not queue.dbsize()
    start("fondaco_workers.relay")
    start(*WORKER)
    port = free_port()
    environment = environment_of(queue_settings, FONDACO_PORT=str(port))
    async with breakable("api", environment, tmp_path / "api.log") as process, Client([port]) as client:
        yield Door(process, client, till.shop, "")


async def tell(till: Till, door: Door, paid: Paid, *, marked: bool) -> None:
    """The gateway tells of a paid payment, in the same words each time; it wants to hear that this was taken."""
    reference = (await till.sandbox.gateway().query(paid.payment_id)).gateway_reference
    body = json.dumps(
        {
            "notification_id": f"N-{paid.payment_id}", "payment_id": str(paid.payment_id), "reference": reference,
            "state": "PAID", "amount_minor": PRICE, "currency": "CNY",
        }
    ).encode()  # fmt: skip
    now = int(clock.now().timestamp())
    headers = signing.signed(Secret(SECRET), signing.Kind.NOTIFICATION, str(paid.payment_id), body, now=now)
    headers |= {"content-type": "application/json"} | ({"x-marked": "1"} if marked else {})
    answer = await door.client.send("POST", f"/gateways/{till.key}/notify", headers=headers, content=body)
    assert (answer.status_code, answer.content) == (200, b"SUCCESS")


async def test_a_front_door_that_is_killed_at_any_step_hears_of_money_once(till: Till, door: Door) -> None:
    async def attempt(paid: Paid, marked: bool) -> None:  # noqa: FBT001 - as whoever kills says it
        await tell(till, door, paid, marked=marked)
        await until(lambda: has_become(paid.payment_id, "ORDER_PAID"))
        await is_fulfilled(till, paid)
        assert await read("SELECT count(*) FROM payment_notification WHERE payment_id = $1", paid.payment_id) == 1
        found = await till.sandbox.gateway().query(paid.payment_id)
        assert (found.amount, found.refunded_minor) == (Money(PRICE, "CNY"), 0)

    steps = await kill_at_each(door.process, lambda: pay(till), attempt)

    assert "COMMITTED" in steps
    assert steps[-1] == "ANSWER"


async def has_become(payment_id: UUID, outcome: str) -> bool:
    """Whether a payment's money has done this."""
    return bool(await read("SELECT outcome FROM payment WHERE id = $1", payment_id) == outcome)


async def order_to_pay(till: Till) -> Asked:
    """A buyer without money is about to pay an order at the gateway."""
    buyer = await make_buyer(till.shop, funds_minor=0)
    placed = await place(till.shop, buyer, pay_by=PayBy.LATER)
    given = {"orderId": global_id("Order", placed.order_id), "gateway": till.key}
    return Asked(buyer, await token_of(buyer), "startPayment", STARTED, given, uuid4().hex)


async def wallet_to_fill(till: Till) -> Asked:
    """A buyer without money is about to bring some in."""
    buyer = await make_buyer(till.shop, funds_minor=0)
    given = {"amount": {"amount": "50.00", "currency": "CNY"}, "gateway": till.key}
    return Asked(buyer, await token_of(buyer), "startTopUp", STARTED, given, uuid4().hex)


async def payments_of(buyer: Ctx) -> list[PaymentId]:
    """All that a buyer started."""
    found = await read("SELECT array_agg(id) FROM payment WHERE customer_id = $1", buyer.customer_id)
    return [PaymentId(each) for each in found or ()]


def books_of(till: Till) -> dict[str, str]:
    """Every payment that the gateway has, and its state there."""
    with closing(sqlite3.connect(till.sandbox.folder / "sandbox" / "sandbox.db")) as books:
        return dict(books.execute("SELECT id, state FROM payment"))


@pytest.mark.parametrize(
    ("prepare", "outcome", "left"),
    [(order_to_pay, "ORDER_PAID", 0), (wallet_to_fill, "TOPPED_UP", TOPPED_UP)],
    ids=["order", "wallet"],
)
async def test_a_front_door_that_is_killed_at_any_step_starts_one_payment(
    till: Till, door: Door, prepare: Callable[[Till], Awaitable[Asked]], outcome: str, left: int
) -> None:
    before = set(books_of(till))
    started: set[str] = set()

    async def check(case: Asked, answer: dict[str, Any]) -> None:
        assert answer["payment"]["state"] == "PENDING", answer
        assert answer["payment"]["payUrl"]
        (payment_id,) = await payments_of(case.buyer)
        started.add(str(payment_id))
        # Nobody but the gateway is asked for anything from here on: it tells this very door.
        await till.sandbox.press(payment_id)
        await until(lambda: has_become(payment_id, outcome))
        assert await balance(till.shop.tenant_id, case.buyer.customer_id, AccountKind.WALLET) == left
        states = await read('SELECT array_agg(state) FROM "order" WHERE customer_id = $1', case.buyer.customer_id)
        assert states == (["FULFILLED"] if outcome == "ORDER_PAID" else None)

    steps = await kill_at_every_step(door, lambda: prepare(till), check)

    assert {"COMMITTED", "CALL create", "ANSWERED"} <= set(steps)
    assert set(books_of(till)) - before == started


async def test_a_payment_whose_client_never_comes_back_is_closed_on_both_sides(till: Till, door: Door) -> None:
    asked: list[Asked] = []

    async def prepare() -> Asked:
        asked.append(await order_to_pay(till))
        return asked[-1]

    async def attempt(case: Asked, marked: bool) -> None:  # noqa: FBT001 - as whoever kills says it
        if marked:
            await ask(door, case, marked=True)

    await kill_at_each(door.process, prepare, attempt)
    ids = [each for case in asked for each in await payments_of(case.buyer)]
    states = set(await read("SELECT array_agg(DISTINCT state) FROM payment WHERE id = ANY($1)", ids))
    # The schedule knows of each, however far it came.
    assert await read("SELECT count(*) FROM payment WHERE id = ANY($1) AND next_look_at IS NULL", ids) == 0
    # Long over: what a gateway does not know yet it may hear of for a while.
    await write("UPDATE payment SET expires_at = now() - interval '1 day' WHERE id = ANY($1)", ids)
    for each in ids:
        await payments.look_at_payment(RUN, each)

    assert states == {"CREATING", "PENDING"}
    assert await read("SELECT array_agg(DISTINCT state) FROM payment WHERE id = ANY($1)", ids) == ["CLOSED"]
    books = books_of(till)
    assert {books[str(each)] for each in ids if str(each) in books} == {"CLOSED"}
    await assert_invariants()
