"""Kill -9 at every step: one process after the other, at a step table that counts itself, and what it began comes out right.

The steps of an operation are counted in a run that lives. Then, for each of them, a process is killed right before it, the
next one is started, and the client asks again with the same key. Whatever the step: it happened once, or not yet.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import redis

from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, reading
from fondaco_core.ids import AllocationId
from fondaco_core.postings import AccountKind
from fondaco_tenants import codes
from fondaco_tenants.orders import PayBy
from tests.support.breaking import Breakable, Client, breakable, environment_of, free_port, global_id, token_of
from tests.support.factories.codes import MadePool, make_pool, make_requested_import, some_codes
from tests.support.factories.orders import PRICE, Shop, balance, make_buyer, make_shop, place
from tests.support.invariants import assert_invariants
from tests.support.waiting import until
from tests.workers.conftest import Start

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("faults", permissions=frozenset({"system.run"}))
FUNDS = 100_000
PLACED = "order { id state total { amount } allocations(first: 5) { nodes { state } } }"
PAID = CANCELLED = "order { id state }"
REFUNDED = "units order { id state }"
REVEALED = "shown: code { plaintext revealCount }"


@dataclass(frozen=True, slots=True)
class Case:
    """A buyer of the shop's, the one order it has by now, if any, and what is asked for."""

    buyer: Ctx
    asker: str
    mutation: str
    shown: str
    given: dict[str, Any]
    key: str


@dataclass(frozen=True, slots=True)
class Door:
    """A front door that can be broken, and the shop behind it."""

    process: Breakable
    client: Client
    shop: Shop
    owner: str


@pytest.fixture(scope="module")
async def door(settings: Settings, database: object, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """One shop for all step tables of the front door."""
    assert database
    port = free_port()
    environment = environment_of(settings, FONDACO_PORT=str(port))
    shop = await make_shop(stock=120, fee_bps=150)
    # The accounts that only a first sale opens are there: the steps are those of every day.
    await place(shop, await make_buyer(shop))
    log = tmp_path_factory.mktemp("faults") / "api.log"
    async with breakable("api", environment, log) as process, Client([port]) as client:
        yield Door(process, client, shop, await token_of(shop.owner))


async def ask(door: Door, case: Case, *, marked: bool) -> dict[str, Any]:
    """Asks what the case asks."""
    door.client.token = case.asker
    return await door.client.do(case.mutation, case.shown, key=case.key, marked=marked, **case.given)


async def kill_at_every_step(
    door: Door, prepare: Callable[[], Awaitable[Case]], check: Callable[[Case, dict[str, Any]], Awaitable[None]]
) -> list[str]:
    """Kills the front door at each step of a case, and has the client ask again; gives the steps."""
    case = await prepare()
    steps: list[str] = []
    at = 0
    while at <= len(steps):
        # What the last process left undone, the next one is asked again; then it meets its own end.
        door.process.start(at=at)
        pid = await door.process.told("ready")
        await check(case, await ask(door, case, marked=False))
        case = await prepare()
        if at == 0:
            await check(case, await ask(door, case, marked=True))
            steps = await door.process.told("steps")
            await door.process.kill(pid)
        else:
            with pytest.raises(httpx2.TransportError):
                await ask(door, case, marked=True)
            assert await door.process.died() == steps[at - 1]
        at += 1
    door.process.start()
    pid = await door.process.told("ready")
    await check(case, await ask(door, case, marked=False))
    await door.process.kill(pid)
    await assert_invariants()
    return steps


async def read(sql: str, *args: object) -> Any:
    """One value out of the database."""
    async with governing(SYSTEM) as tx:
        return await tx.fetchval(sql, *args)


async def orders_of(buyer: Ctx) -> list[str]:
    """The states of a buyer's orders."""
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch('SELECT state FROM "order" WHERE customer_id = $1', buyer.customer_id)
    return [row["state"] for row in rows]


async def codes_of(buyer: Ctx) -> list[str]:
    """The states of the codes that are bound to a buyer's orders."""
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch(
            'SELECT c.state FROM code c JOIN allocation a ON a.id = c.allocation_id JOIN "order" o ON o.id = a.order_id'
            " WHERE o.customer_id = $1",
            buyer.customer_id,
        )
    return [row["state"] for row in rows]


async def money_of(door: Door, buyer: Ctx) -> int:
    """What is in a buyer's wallet."""
    return await balance(door.shop.tenant_id, buyer.customer_id, AccountKind.WALLET)


async def test_a_front_door_that_is_killed_at_any_step_places_an_order_once(door: Door) -> None:
    lines = [{"listingId": global_id("Listing", door.shop.listing_id), "quantity": 1}]

    async def prepare() -> Case:
        buyer = await make_buyer(door.shop, funds_minor=FUNDS)
        return Case(buyer, await token_of(buyer), "placeOrder", PLACED, {"lines": lines}, uuid4().hex)

    async def check(case: Case, answer: dict[str, Any]) -> None:
        assert answer["order"]["state"] == "FULFILLED", answer
        assert await orders_of(case.buyer) == ["FULFILLED"]
        assert await codes_of(case.buyer) == ["DELIVERED"]
        assert await money_of(door, case.buyer) == FUNDS - PRICE

    steps = await kill_at_every_step(door, prepare, check)

    assert steps.count("COMMITTED") >= 1
    assert steps[-1] == "ANSWER"


async def test_a_front_door_that_is_killed_at_any_step_takes_a_payment_once(door: Door) -> None:
    async def prepare() -> Case:
        buyer = await make_buyer(door.shop, funds_minor=FUNDS)
        order = await place(door.shop, buyer, pay_by=PayBy.LATER)
        given = {"orderId": global_id("Order", order.order_id)}
        return Case(buyer, await token_of(buyer), "payOrder", PAID, given, uuid4().hex)

    async def check(case: Case, answer: dict[str, Any]) -> None:
        assert answer["order"]["state"] == "FULFILLED", answer
        assert await orders_of(case.buyer) == ["FULFILLED"]
        assert await codes_of(case.buyer) == ["DELIVERED"]
        assert await money_of(door, case.buyer) == FUNDS - PRICE

    assert "COMMITTED" in await kill_at_every_step(door, prepare, check)


async def test_a_front_door_that_is_killed_at_any_step_cancels_an_order_once(door: Door) -> None:
    async def prepare() -> Case:
        buyer = await make_buyer(door.shop, funds_minor=FUNDS)
        order = await place(door.shop, buyer, pay_by=PayBy.LATER)
        given = {"orderId": global_id("Order", order.order_id)}
        return Case(buyer, await token_of(buyer), "cancelOrder", CANCELLED, given, uuid4().hex)

    async def check(case: Case, answer: dict[str, Any]) -> None:
        assert answer["order"]["state"] == "CANCELLED", answer
        assert await codes_of(case.buyer) == []
        assert await money_of(door, case.buyer) == FUNDS

    assert "COMMITTED" in await kill_at_every_step(door, prepare, check)


async def test_a_front_door_that_is_killed_at_any_step_refunds_an_order_once(door: Door) -> None:
    async def prepare() -> Case:
        buyer = await make_buyer(door.shop, funds_minor=FUNDS)
        order = await place(door.shop, buyer)
        given = {"orderId": global_id("Order", order.order_id), "reason": "bought by mistake"}
        return Case(buyer, door.owner, "refundOrder", REFUNDED, given, uuid4().hex)

    async def check(case: Case, answer: dict[str, Any]) -> None:
        assert (answer["units"], answer["order"]["state"]) == (1, "REFUNDED"), answer
        assert await codes_of(case.buyer) == []
        assert await money_of(door, case.buyer) == FUNDS
        refunds = 'SELECT count(*) FROM refund r JOIN "order" o ON o.id = r.order_id WHERE o.customer_id = $1'
        assert await read(refunds, case.buyer.customer_id) == 1

    assert "COMMITTED" in await kill_at_every_step(door, prepare, check)


async def test_a_front_door_that_is_killed_at_any_step_shows_a_code_and_says_so(door: Door) -> None:
    async def prepare() -> Case:
        buyer = await make_buyer(door.shop, funds_minor=FUNDS)
        order = await place(door.shop, buyer)
        unit = AllocationId(await read("SELECT id FROM allocation WHERE order_id = $1", order.order_id))
        given = {"allocationId": global_id("Allocation", unit)}
        return Case(buyer, await token_of(buyer), "revealCode", REVEALED, given, uuid4().hex)

    async def check(case: Case, answer: dict[str, Any]) -> None:
        shown = answer["shown"]
        assert len(shown["plaintext"]) == 16
        # What a killed process had committed may have been seen: it is on record, and so is the second look.
        assert shown["revealCount"] in {1, 2}
        reveals = 'SELECT count(*) FROM code_reveal r JOIN "order" o ON o.id = r.order_id WHERE o.customer_id = $1 '
        assert await read(reveals, case.buyer.customer_id) == shown["revealCount"]
        assert await codes_of(case.buyer) == ["DELIVERED"]

    assert "COMMITTED" in await kill_at_every_step(door, prepare, check)


LINES_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Back:
    """A back door that can be broken, and the queue it works from."""

    process: Breakable
    queue: redis.Redis

    async def start(self, **plan: int) -> int:
        """The next process, with nothing in the queue: what was there is said again, because it is due now."""
        self.queue.flushdb()
        await write("UPDATE outbox_task SET due_at = now(), running_until = now() WHERE parked_at IS NULL")
        self.process.start(chunk_lines=LINES_AT_ONCE, **plan)
        pid: int = await self.process.told("ready")
        return pid


async def write(sql: str, *args: object) -> None:
    """One statement, committed."""
    async with governing(SYSTEM) as tx:
        await tx.execute(sql, *args)


async def request(pool: MadePool) -> codes.Batch:
    """An import that was asked for: two good lines, one of them twice, and one that is no code."""
    one, other = some_codes(2)
    return await make_requested_import(pool, f"{one}\n-\n{one}\n{other}\n".encode())


async def is_imported(pool: MadePool, batch: codes.Batch) -> bool:
    """Whether a batch is done, and its task, too."""
    async with governing(SYSTEM) as tx:
        if await tx.fetchval("SELECT count(*) FROM outbox_task WHERE payload->>'batch_id' = $1", str(batch.id)):
            return False
    async with reading(pool.ctx) as tx:
        found = await codes.get_batch(tx, pool.ctx, batch_id=batch.id)
    assert found.state in {codes.BatchState.IMPORTING, codes.BatchState.READY}
    if found.state is codes.BatchState.READY:
        assert (found.accepted, found.duplicates, found.rejected) == (2, 1, 1)
    return found.state is codes.BatchState.READY


async def are_imported(pool: MadePool, batches: list[codes.Batch]) -> bool:
    """Whether all of them are done; what was put off for a moment is due at once."""
    await write("UPDATE outbox_task SET due_at = now() WHERE running_until IS NULL OR running_until <= now()")
    return all([await is_imported(pool, batch) for batch in batches])


async def stock_of(pool: MadePool) -> int:
    """How many codes of a pool can be sold."""
    async with reading(pool.ctx) as tx:
        return (await codes.stock_of_pools(tx, [pool.id]))[pool.id]


async def test_a_worker_that_is_killed_at_any_step_imports_a_file_once(
    queue: redis.Redis, queue_settings: Settings, start: Start, tmp_path: Path
) -> None:
    pool = await make_pool()
    start("fondaco_workers.relay")
    async with breakable("worker", environment_of(queue_settings), tmp_path / "worker.log") as process:
        worker = Back(process, queue)
        pid = await worker.start()
        batch = await request(pool)
        steps: list[str] = await process.told("steps")
        await until(lambda: is_imported(pool, batch))
        await process.kill(pid)
        for at in range(1, len(steps) + 1):
            # The next worker finishes what the last one was at, and then meets its own end.
            begun = await read("SELECT coalesce(max(id), 0) FROM outbox_task WHERE actor = 'codes.import_batch'")
            await worker.start(at=at, after=begun)
            await until(lambda batch=batch: is_imported(pool, batch))  # type: ignore[misc]
            batch = await request(pool)
            await process.died()
        await worker.start()
        await until(lambda: is_imported(pool, batch))

    assert steps.count("COMMITTED") > 5
    assert await stock_of(pool) == 2 * (1 + len(steps))
    await assert_invariants()


async def test_a_relay_that_is_killed_at_any_step_loses_no_event(
    queue: redis.Redis, queue_settings: Settings, start: Start, tmp_path: Path
) -> None:
    pool = await make_pool()
    environment = environment_of(queue_settings)
    start("fondaco_ops.bound", "fondaco_workers.main", "--processes", "1", "--threads", "2")
    async with breakable("relay", environment, tmp_path / "relay.log") as process:
        relay = Back(process, queue)
        batches = [await request(pool)]
        pid = await relay.start()
        steps: list[str] = await process.told("steps")
        await process.kill(pid)
        for at in range(1, len(steps) + 1):
            batches.append(await request(pool))
            await relay.start(at=at)
            await process.died()
        await relay.start()
        await until(lambda: are_imported(pool, batches))

    assert {"COMMITTED", "SEND", "SENT"} <= set(steps)
    assert await stock_of(pool) == 2 * len(batches)
    await assert_invariants()
