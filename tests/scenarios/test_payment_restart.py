"""The database server is stopped, and then killed, while buyers pay at a gateway: all that is paid is fulfilled, by itself."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
import redis

from fondaco_core.config import Settings
from fondaco_ops.embedded import EmbeddedPostgres
from tests.scenarios.test_faults import always, never
from tests.support.breaking import Client, environment_of, free_port, run_command
from tests.support.town import WORKER
from tests.support.waiting import LOOK_EVERY_S, PATIENCE_S, until
from tests.workers.conftest import Start

pytestmark = pytest.mark.usefixtures("database")

BUYERS = 3
PLACED = "... on PlaceOrderSuccess { order { id } }"
STARTED = "... on StartPaymentSuccess { payment { id state } }"
# What is put off is due: retries wait longer each time, and nothing here is about how long.
AT_ONCE = """
UPDATE payment SET next_look_at = now() WHERE next_look_at IS NOT NULL;
UPDATE outbox_tick SET ticked_at = now() - interval '1 day' WHERE job IN ('payments.poll', 'payments.settle_overdue');
UPDATE outbox_task SET due_at = now() WHERE running_until IS NULL OR running_until <= now()
"""
UNPAID = """
SELECT count(*) FROM payment p JOIN "order" o ON o.id = p.order_id
WHERE p.id = ANY($1) AND (p.state <> 'CAPTURED' OR p.outcome IS DISTINCT FROM 'ORDER_PAID' OR o.state <> 'FULFILLED')
"""


@dataclass(slots=True)
class Payer:
    """A buyer who orders one unit after the other and pays it at the gateway, without waiting for what comes of it."""

    client: Client
    listing: str
    gateway: httpx2.AsyncClient
    paid: list[UUID] = field(default_factory=list)

    async def go_on(self, stop: asyncio.Event) -> None:
        """Buys until told to stop."""
        while not stop.is_set():
            await self.press(await self.start_one())

    async def start_one(self) -> UUID:
        """An order, and a payment of it that waits at the gateway."""
        lines = [{"listingId": self.listing, "quantity": 1}]
        order = (await self._insist("placeOrder", PLACED, lines=lines, payBy="LATER"))["order"]
        started = await self._insist("startPayment", STARTED, orderId=order["id"], gateway="sandbox")
        return UUID(base64.b64decode(started["payment"]["id"]).decode().partition(":")[2])

    async def press(self, payment_id: UUID) -> None:
        """Pays."""
        answer = await self.gateway.post(f"/control/payments/{payment_id}/press", json={})
        assert answer.is_success, answer.text
        self.paid.append(payment_id)

    async def was_told_in_vain(self, payment_id: UUID) -> bool:
        """Whether the gateway has told of a payment, and nobody took it."""
        told = (await self.gateway.get(f"/control/payments/{payment_id}")).json()["told"]
        return any(each["attempts"] and not each["ended"] for each in told)

    async def _insist(self, mutation: str, shown: str, **given: Any) -> dict[str, Any]:
        """What a mutation answers at last: asked again with the same key while nobody answers, and anew when it is refused."""
        kind = mutation[0].upper() + mutation[1:]
        document = (
            f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ {shown} ... on Failure {{ code }} }} }}"
        )
        key = uuid4().hex
        while True:
            try:
                answer = await self.client.post(document, {"input": given}, key=key)
            except httpx2.TransportError:
                continue
            if "errors" in answer:
                await asyncio.sleep(LOOK_EVERY_S)
                continue
            found: dict[str, Any] = answer["data"][mutation]
            if "code" not in found:
                return found
            # Enough of theirs waits to be paid, as long as the database is away.
            assert found["code"] in {"TOO_MANY_PAYMENTS", "HOLD_BUDGET_EXCEEDED"}, found
            key = uuid4().hex
            await asyncio.sleep(LOOK_EVERY_S)


@asynccontextmanager
async def payers(merchant: dict[str, Any], port: int, gateway: str) -> AsyncGenerator[list[Payer]]:
    """Some of the demo's buyers, signed in."""
    listing = next(each for each in merchant["listings"] if each["stock"] > 200)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(base_url=gateway, trust_env=False, timeout=20))
        found: list[Payer] = []
        for buyer in merchant["buyers"][:BUYERS]:
            client = await stack.enter_async_context(Client([port]))
            given = {"store": merchant["store"]["slug"], "contact": buyer["email"], "password": buyer["password"]}
            client.token = (await client.done("signInCustomer", "token", carrier="TOKEN", **given))["token"]
            found.append(Payer(client, listing["id"], http))
        yield found


async def test_payments_in_flight_outlive_a_database_server_that_is_stopped_and_one_that_is_killed(
    own_settings: tuple[Settings, EmbeddedPostgres], queue: redis.Redis, start: Start
) -> None:
    settings, postgres = own_settings
    assert not queue.dbsize()
    demo = json.loads((settings.data_dir / "demo.json").read_text())
    port = free_port()
    environment = environment_of(settings, FONDACO_PORT=str(port))
    modules = (("fondaco_api",), ("fondaco_workers.relay",), ("fondaco_workers.schedule",), WORKER)
    running = [start(*each, **environment) for each in (*modules, ("fondaco_ops", "sandbox-gateway"))]
    stop = asyncio.Event()
    async with Client([port]) as visitor:
        await visitor.welcome()

        async def readiness(status: int) -> bool:
            return (await visitor.send("GET", "/readyz")).status_code == status

        async with payers(demo["tenants"][0], port, demo["gateways"][0]["url"]) as paying:

            async def some_more() -> None:
                counts = [len(each.paid) for each in paying]

                async def paid() -> bool:
                    return all(len(each.paid) > count for each, count in zip(paying, counts, strict=True))

                await until(paid)

            # Slow enough that some is being verified whenever the database goes.
            slow = {"fault": "SLOW", "operation": "QUERY", "seconds": 0.2, "count": 1_000}
            assert (await paying[0].gateway.post("/control/switches", json=slow)).is_success
            going_on = [asyncio.create_task(each.go_on(stop)) for each in paying]
            # First as an operator stops it, then as one pulls the plug.
            for hurried in (never, always):
                await some_more()
                waiting = await paying[0].start_one()
                await asyncio.to_thread(postgres.stop, hurried)
                await until(lambda: readiness(503))
                await paying[0].press(waiting)
                await until(lambda waiting=waiting: paying[0].was_told_in_vain(waiting))  # type: ignore[misc]
                await asyncio.to_thread(postgres.start)
                await until(lambda: readiness(200))
            await some_more()
            stop.set()
            await asyncio.gather(*going_on)
            paid = [payment for each in paying for payment in each.paid]

    connection = await asyncpg.connect(settings.require_database_url().reveal())
    try:

        async def all_is_done() -> bool:
            await connection.execute(AT_ONCE)
            return not await connection.fetchval(UNPAID, paid)

        await until(all_is_done, seconds=2 * PATIENCE_S)
        assert await connection.fetchval("SELECT count(*) FROM payment WHERE id = ANY($1)", paid) == len(set(paid))
        assert len(paid) == len(set(paid)) >= 3 * BUYERS
    finally:
        await connection.close()
    assert [each.poll() for each in running] == [None] * len(running)
    assert "all well" in run_command(settings, "doctor")
