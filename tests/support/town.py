"""A whole installation with the sandbox gateway beside it: front doors, worker, relay, scheduler; each may be killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import redis

from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, trading
from fondaco_core.secret import Secret
from fondaco_tenants import payments
from fondaco_tenants.payments import GatewayDetails
from tests.support.breaking import ROOT, Client, environment_of, global_id, token_of
from tests.support.factories.identity import admin_ctx
from tests.support.factories.orders import Shop, make_buyer
from tests.support.outbox import empty_outbox
from tests.support.sandbox import SECRET, Sandbox
from tests.support.waiting import LOOK_EVERY_S, PATIENCE_S, until

RUN = system_ctx("town", permissions=frozenset({"system.run"}))
WORKER = ("fondaco_ops.bound", "fondaco_workers.main", "--processes", "1", "--threads", "2")
# How long our side waits for an answer: short, so that silence costs a test little.
TIMEOUT_S = "0.4"
Condition = Callable[[], Awaitable[bool]]
STARTED = "payment { id state payUrl qrText }"


async def read(sql: str, *args: object) -> Any:
    """One value out of the database."""
    async with governing(RUN) as tx:
        return await tx.fetchval(sql, *args)


async def write(sql: str, *args: object) -> None:
    """One statement, committed, as the role that may."""
    async with (trading if '"order"' in sql else governing)(RUN) as tx:
        await tx.execute(sql, *args)


@dataclass(slots=True)
class Purchase:
    """A buyer's order and the payment that was started for it."""

    shop: Shop
    buyer: Ctx
    client: Client
    order_id: UUID
    order: str
    payment_id: UUID
    started: dict[str, Any]

    async def state(self) -> str:
        """Where the order stands."""
        return str(await read('SELECT state FROM "order" WHERE id = $1', self.order_id))

    async def outcome(self) -> str | None:
        """What became of the payment's money; None while that is not known."""
        found = await read("SELECT outcome FROM payment WHERE id = $1", self.payment_id)
        return None if found is None else str(found)

    async def is_fulfilled(self) -> bool:
        """Whether the buyer has what was paid for."""
        return await self.state() == "FULFILLED"


@dataclass(slots=True)
class Town:
    """Everything that runs, and what a test does to it."""

    settings: Settings
    sandbox: Sandbox
    gateway: str
    ports: tuple[int, int]
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *module: str) -> None:
        """Starts a part, again if need be."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *module],
                env=environment_of(self.settings), cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """Kill -9 for a part and all that it started."""
        process = self.processes[name]
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def restart_worker(self) -> None:
        """The worker is killed, and another one begins."""
        self.kill("worker")
        self.start("worker", *WORKER)

    async def buy(self, shop: Shop, *, buyer: Ctx | None = None) -> Purchase:
        """A buyer without money orders one unit and starts to pay it at the gateway."""
        who = buyer or await make_buyer(shop, funds_minor=0)
        client = Client(self.ports, await token_of(who))
        lines = [{"listingId": global_id("Listing", shop.listing_id), "quantity": 1}]
        placed = await client.done("placeOrder", "order { id state }", key=uuid4().hex, lines=lines, payBy="LATER")
        assert placed["order"]["state"] == "PENDING_PAYMENT"
        order = placed["order"]["id"]
        started = await client.done("startPayment", STARTED, key=uuid4().hex, orderId=order, gateway=self.gateway)
        order_id = await read('SELECT id FROM "order" WHERE customer_id = $1 ORDER BY id DESC LIMIT 1', who.customer_id)
        payment_id = await read("SELECT id FROM payment WHERE order_id = $1 ORDER BY id DESC LIMIT 1", order_id)
        return Purchase(shop, who, client, order_id, order, payment_id, started["payment"])

    async def at_once(self, job: str) -> None:
        """Has the scheduler begin a job in its next round, whatever its time; what it looks for is due."""
        await write("UPDATE payment SET next_look_at = now() WHERE next_look_at IS NOT NULL")
        await write("UPDATE payment_refund SET next_try_at = now() WHERE next_try_at IS NOT NULL")
        await write("UPDATE outbox_tick SET ticked_at = now() - interval '1 day' WHERE job = $1", job)

    async def heal(self, condition: Condition) -> None:
        """Waits for what the schedule's polling brings about."""
        deadline = time.monotonic() + PATIENCE_S
        while not await condition():
            assert time.monotonic() < deadline, "what was waited for did not happen"
            await self.at_once("payments.poll")
            await _within(1.0, condition)

    async def expire(self, purchase: Purchase) -> None:
        """The time to pay is over, and the schedule has noticed."""
        await write(
            "UPDATE \"order\" SET hold_expires_at = now() - interval '1 second' WHERE id = $1", purchase.order_id
        )
        await write("UPDATE payment SET expires_at = now() - interval '1 second' WHERE id = $1", purchase.payment_id)
        await write("UPDATE outbox_tick SET ticked_at = now() - interval '1 day' WHERE job = 'orders.expire_overdue'")

        async def is_over() -> bool:
            return await purchase.state() == "EXPIRED"

        await until(is_over)


async def _within(seconds: float, condition: Condition) -> None:
    """Returns when the condition is true, or the time is over."""
    for _ in range(int(seconds / LOOK_EVERY_S)):
        if await condition():
            return
        await asyncio.sleep(LOOK_EVERY_S)


@asynccontextmanager
async def open_town(settings: Settings, ports: tuple[int, int], folder: Path) -> AsyncGenerator[Town]:
    """Everything started, nothing left to do, and a gateway of its own to pay at."""
    sandbox = Sandbox(folder / "gateway")
    key, admin = f"sandbox-{uuid4().hex[:8]}", admin_ctx()
    details = GatewayDetails("沙盒", "Sandbox", ("CNY", "USD"), sandbox.url, (("timeout_s", TIMEOUT_S),))
    async with payments.sealing_gateways(admin) as tx:
        await payments.add_gateway(tx, admin, key=key, kind="SANDBOX", details=details, secret=Secret(SECRET))
    town = Town(settings, sandbox, key, ports, folder)
    await empty_outbox()
    redis.Redis.from_url(settings.require_redis_url().reveal()).flushdb()
    try:
        town.start("relay", "fondaco_workers.relay")
        town.start("scheduler", "fondaco_workers.schedule")
        town.start("worker", *WORKER)
        await sandbox.start()
        async with Client(ports) as visitor:
            await visitor.welcome()
        yield town
    finally:
        for name in list(town.processes):
            town.kill(name)
        await sandbox.aclose()
