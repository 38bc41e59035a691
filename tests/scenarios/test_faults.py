"""Kill -9 at every step: one process after the other, at a step table that counts itself, and what it began comes out right.

A process is killed right before the first step of an operation, the next one right before the second, until one outlives
its plan: so new statements are covered by themselves. The client asks again with the same key, or the queue is told again.
Whatever the step: it happened once, or not yet.
"""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx2
import pytest
import redis

from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, reading
from fondaco_core.ids import AllocationId
from fondaco_core.postings import AccountKind
from fondaco_core.secret import Secret
from fondaco_ops.embedded import EmbeddedPostgres, EmbeddedValkey
from fondaco_tenants import codes
from fondaco_tenants.orders import PayBy
from tests.support.breaking import (
    Breakable,
    Client,
    breakable,
    environment_of,
    free_port,
    global_id,
    run_command,
    token_of,
)
from tests.support.factories.codes import MadePool, make_codes, make_pool, make_requested_import, some_codes
from tests.support.factories.orders import PRICE, Shop, balance, make_buyer, make_shop, place
from tests.support.invariants import assert_invariants
from tests.support.outbox import empty_outbox
from tests.support.waiting import LOOK_EVERY_S, until
from tests.workers.conftest import Start

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("faults", permissions=frozenset({"system.run"}))
FUNDS = 100_000
T = TypeVar("T")
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

    async def attempt(case: Case, marked: bool) -> None:  # noqa: FBT001 - as whoever kills says it
        await check(case, await ask(door, case, marked=marked))

    return await kill_at_each(door.process, prepare, attempt)


async def kill_at_each(
    process: Breakable, prepare: Callable[[], Awaitable[T]], attempt: Callable[[T, bool], Awaitable[None]]
) -> list[str]:
    """Kills a front door at each step of a marked attempt, which is made again, unmarked, at the next one; gives the steps."""
    case: T | None = None
    steps = None
    for at in count(1):
        process.start(at=at)
        pid = await process.told("ready")
        try:
            # What the last process left undone, this one is asked again; then it meets its own end.
            if case is not None:
                await attempt(case, False)  # noqa: FBT003
            case = await prepare()
            with suppress(httpx2.TransportError):
                await attempt(case, True)  # noqa: FBT003
            steps = await process.outcome()
        finally:
            await process.stop(pid)
        if steps is not None:
            break
    await assert_invariants()
    assert steps is not None
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

    async def start(self, **plan: int | str | dict[str, float]) -> int:
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
        batch, steps, at = None, None, 0
        for at in count(1):
            # The next worker finishes what the last one was at, and then meets its own end.
            begun = await read("SELECT coalesce(max(id), 0) FROM outbox_task WHERE actor = 'codes.import_batch'")
            await worker.start(at=at, after=begun)
            if batch is not None:
                await until(lambda batch=batch: is_imported(pool, batch))  # type: ignore[misc]
            batch = await request(pool)
            steps = await process.outcome()
            if steps is not None:
                await until(lambda batch=batch: is_imported(pool, batch))  # type: ignore[misc]
                break

    assert steps is not None
    assert steps.count("COMMITTED") > 5
    assert await stock_of(pool) == 2 * at
    await assert_invariants()


async def test_a_relay_that_is_killed_at_any_step_loses_no_event(
    queue: redis.Redis, queue_settings: Settings, start: Start, tmp_path: Path
) -> None:
    pool = await make_pool()
    environment = environment_of(queue_settings)
    start("fondaco_ops.bound", "fondaco_workers.main", "--processes", "1", "--threads", "2")
    async with breakable("relay", environment, tmp_path / "relay.log") as process:
        relay = Back(process, queue)
        batches: list[codes.Batch] = []
        steps = None
        while steps is None:
            batches.append(await request(pool))
            await relay.start(at=len(batches))
            steps = await process.outcome()
        await until(lambda: are_imported(pool, batches))

    assert {"COMMITTED", "SEND", "SENT"} <= set(steps)
    assert await stock_of(pool) == 2 * len(batches)
    await assert_invariants()


@dataclass(slots=True)
class Buying:
    """A buyer who buys one unit after the other, and asks again with the same key until there is an answer."""

    client: Client
    listing: str
    placed: list[str] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)

    async def go_on(self, stop: asyncio.Event) -> None:
        """Buys until told to stop."""
        while not stop.is_set():
            key, order = uuid4().hex, None
            while order is None:
                order = await self._ask(key)
            self.placed.append(order)

    async def _ask(self, key: str) -> str | None:
        given = {"lines": [{"listingId": self.listing, "quantity": 1}]}
        document = (
            "mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { "
            "... on PlaceOrderSuccess { order { id state } } ... on Failure { code message } } }"
        )
        try:
            answer = await self.client.post(document, {"input": given}, key=key)
        except httpx2.TransportError as error:
            self.heard[type(error).__name__] += 1
            return None
        if "errors" in answer:
            self.heard.update(error["extensions"]["code"] for error in answer["errors"])
            # What a client does that was told to come again later.
            await asyncio.sleep(LOOK_EVERY_S)
            return None
        order = answer["data"]["placeOrder"]["order"]
        assert order["state"] == "FULFILLED"
        return str(order["id"])


def never() -> bool:
    """There is time."""
    return False


def always() -> bool:
    """There is none."""
    return True


async def test_a_database_that_goes_away_under_load_costs_time_and_nothing_else(
    own_settings: tuple[Settings, EmbeddedPostgres], start: Start
) -> None:
    settings, postgres = own_settings
    demo = json.loads((settings.data_dir / "demo.json").read_text())
    merchant = demo["tenants"][0]
    listing = next(each for each in merchant["listings"] if each["stock"] > 200)
    port = free_port()
    api = start("fondaco_api", **environment_of(settings, FONDACO_PORT=str(port)))
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        visitor = await stack.enter_async_context(Client([port]))
        await visitor.welcome()

        async def readiness(status: int) -> bool:
            return (await visitor.send("GET", "/readyz")).status_code == status

        buying: list[Buying] = []
        for buyer in merchant["buyers"]:
            client = await stack.enter_async_context(Client([port]))
            given = {"store": merchant["store"]["slug"], "contact": buyer["email"], "password": buyer["password"]}
            client.token = (await client.done("signInCustomer", "token", carrier="TOKEN", **given))["token"]
            buying.append(Buying(client, listing["id"]))
        before = [await orders_seen(each.client) for each in buying]

        async def some_more() -> None:
            counts = [len(each.placed) for each in buying]

            async def bought() -> bool:
                return all(len(each.placed) > count for each, count in zip(buying, counts, strict=True))

            await until(bought)

        going_on = [asyncio.create_task(each.go_on(stop)) for each in buying]
        # First as an operator stops it, then as one pulls the plug.
        for hurried in (never, always):
            await some_more()
            await asyncio.to_thread(postgres.stop, hurried)
            await until(lambda: readiness(503))
            await asyncio.to_thread(postgres.start)
            await until(lambda: readiness(200))
        await some_more()
        stop.set()
        await asyncio.gather(*going_on)
        after = [await orders_seen(each.client) for each in buying]

    for each, had, has in zip(buying, before, after, strict=True):
        assert has - had == set(each.placed)
        assert len(each.placed) == len(set(each.placed))
        assert set(each.heard) <= {"INTERNAL", "RemoteProtocolError", "ReadError"}
    assert sum((each.heard for each in buying), Counter[str]()).total() > 0
    assert api.poll() is None
    assert "all well" in run_command(settings, "doctor")


async def orders_seen(client: Client) -> set[str]:
    """The orders that a buyer sees, all of them fulfilled but the one that waits to be paid in the demo."""
    found: set[str] = set()
    after = None
    while True:
        page = (
            await client.ask(
                "query($after: String) { viewer { orders(first: 100, after: $after, states: [FULFILLED]) {"
                " nodes { id } pageInfo { hasNextPage endCursor } } } }",
                after=after,
            )
        )["viewer"]["orders"]
        found |= {node["id"] for node in page["nodes"]}
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


async def test_a_queue_that_is_flushed_killed_and_started_again_loses_no_import_and_stops_no_sale(
    settings: Settings, start: Start, tmp_path: Path
) -> None:
    await empty_outbox()
    mine, theirs = await make_pool(), await make_pool()
    shop = await make_shop(stock=2)
    buyer = await make_buyer(shop)
    port = free_port()
    with EmbeddedValkey(tmp_path / "valkey") as valkey:
        here = environment_of(replace(settings, redis_url=Secret(valkey.url)), FONDACO_PORT=str(port))
        worker = ("fondaco_ops.bound", "fondaco_workers.main", "--processes", "1", "--threads", "2")
        running = [start(*module, **here) for module in (("fondaco_workers.relay",), ("fondaco_api",))]
        async with Client([port], await token_of(buyer)) as client:
            await client.welcome()
            batches = [await request(mine) for _ in range(3)]
            queued = redis.Redis.from_url(valkey.url)

            async def is_queued() -> bool:
                return bool(queued.llen("fondaco:tasks") == len(batches))

            await until(is_queued)
            queued.flushall()
            queued.close()
            running.append(start(*worker, **here))
            batches += [await request(mine) for _ in range(3)]
            assert valkey.pid is not None
            os.kill(valkey.pid, signal.SIGKILL)
            batches += [await request(mine) for _ in range(3)]
            # A good line of ours comes from another merchant as well: an event of its own follows.
            texts = some_codes(4)
            await make_codes(theirs, 4, texts=texts)
            colliding = await make_requested_import(mine, "\n".join(texts).encode())

            async def is_ready() -> bool:
                return (await client.send("GET", "/readyz")).is_success

            assert not await is_ready()
            lines = [{"listingId": global_id("Listing", shop.listing_id)}]
            bought = await client.done("placeOrder", PLACED, key=uuid4().hex, lines=lines)
            assert bought["order"]["state"] == "FULFILLED"
            await asyncio.to_thread(valkey.start)
            await until(is_ready)

        await until(lambda: are_imported(mine, batches))
        found = "SELECT count(*) FROM audit_entry WHERE action = 'code.collided' AND subject_id IN (SELECT id FROM code WHERE batch_id = $1)"

        async def is_told() -> bool:
            return bool(await read(found, colliding.id) == len(texts))

        await until(is_told)
        assert [process.poll() for process in running] == [None] * 3

    assert await stock_of(mine) == 2 * len(batches)
    await assert_invariants()
