"""Kill -9 at every step of what becomes of a payment: asking the gateway, settling an order, giving money back.

The gateway is a real one of its own, which goes on while our worker dies: before it is asked, after it has answered, before and
after every commit. Whatever the step: money came in once, did what it came for once, or went back once.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from fondaco_core import outbox
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import governing, trading
from fondaco_core.ids import OrderId, PaymentId
from fondaco_core.postings import AccountKind
from fondaco_core.secret import Secret
from fondaco_tenants import orders, payments
from fondaco_tenants.orders import PayBy
from fondaco_tenants.payments import GatewayDetails, PaymentNotified, Through
from tests.scenarios.test_faults import Back, read, write
from tests.support.breaking import breakable, environment_of
from tests.support.factories.identity import admin_ctx
from tests.support.factories.orders import PRICE, Shop, balance, make_buyer, make_shop, place
from tests.support.factories.payments import RUN, settle
from tests.support.invariants import assert_invariants
from tests.support.sandbox import SECRET, Sandbox
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
