"""Actors of webhooks as workers run them: killed in between, heard through the relay, and twice."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import pytest
import redis

from fondaco_core import clock, limits, outbox
from fondaco_core.db import governing, reading, transaction
from fondaco_core.ids import new_id
from fondaco_tenants import webhooks
from fondaco_tenants.orders.events import OrderFulfilled
from fondaco_tenants.webhooks import MessageState
from fondaco_workers.actors import webhooks as actors
from fondaco_workers.perform import perform
from fondaco_workers.subscriptions import subscriptions
from tests.support.actors import run_twice
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.tenancy import make_tenant
from tests.support.factories.webhooks import SYSTEM, make_attempted_message, make_endpoint
from tests.support.processes import PATIENCE_SECONDS
from tests.support.receiver import Receiver, reaching_loopback, receiving

pytestmark = pytest.mark.usefixtures("queue")

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(autouse=True)
async def alone(queue: redis.Redis) -> AsyncIterator[None]:
    """Nothing of earlier tests is due, and the loopback may be reached."""
    assert queue
    async with governing(SYSTEM) as tx:
        await tx.execute("UPDATE webhook_message SET state = 'DROPPED', ended_at = now() WHERE state = 'PENDING'")
    async with reaching_loopback():
        yield


@pytest.fixture(autouse=True)
def own_clock() -> Iterator[None]:
    """A test may move time."""
    yield
    clock.use(None)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def relay_and_work() -> list[str]:
    """Turns events into tasks and does them, until there are none; says whose work it was."""
    done: list[str] = []
    while True:
        async with governing(SYSTEM) as tx:
            relayed = await outbox.hand_over(tx, subscriptions())
        for note in relayed.notes:
            await perform(note)
            done.append(note.actor)
        if not relayed.notes and not relayed.events:
            return done


async def test_a_message_whose_worker_is_killed_before_the_record_comes_again_under_its_id(
    start: Start, receiver: Receiver
) -> None:
    owner = await make_member_ctx(await make_tenant())
    endpoint, _ = await make_endpoint(owner, url=receiver.url)
    async with transaction(owner) as tx:
        sent = await webhooks.send_test(tx, owner, endpoint_id=endpoint.id)

    killed = start("tests.workers.probe_webhooks", FONDACO_REACHABLE_NETWORKS="127.0.0.0/8")
    ended = await asyncio.to_thread(killed.wait, PATIENCE_SECONDS)
    moment = clock.now() + timedelta(seconds=limits.WEBHOOK_LEASE_S + 1)
    clock.use(lambda: moment)
    await run_twice(actors.send_due)

    async with reading(owner) as tx:
        (message,) = await webhooks.list_messages(tx, owner)
    assert ended == -signal.SIGKILL
    assert [received.headers["webhook-id"] for received in receiver.received] == [sent.name, sent.name]
    assert len({received.body for received in receiver.received}) == 1
    assert (message.state, message.attempts) == (MessageState.DELIVERED, 2)


async def test_a_fact_travels_from_the_outbox_to_the_endpoint_and_makes_no_work_for_who_has_none(
    receiver: Receiver,
) -> None:
    owner = await make_member_ctx(await make_tenant())
    deaf = await make_member_ctx(await make_tenant())
    await make_endpoint(owner, url=receiver.url)
    async with transaction(deaf) as tx:
        await tx.execute("SELECT 1")
        await outbox.announce(tx, (deaf.tenant, webhooks.MessagesWaiting(0)))
    await relay_and_work()

    told: list[str] = []
    for ctx in (owner, deaf):
        async with transaction(ctx) as tx:
            await outbox.announce(tx, (ctx.tenant, OrderFulfilled(str(new_id()))))
        told += await relay_and_work()

    assert told.count("webhooks.tell") == 1
    assert len(receiver.received) == 1


async def test_what_is_old_is_forgotten_and_what_waits_is_not() -> None:
    owner = await make_member_ctx(await make_tenant())
    endpoint, _ = await make_endpoint(owner)
    await make_attempted_message(owner, endpoint)
    async with governing(SYSTEM) as tx:
        await tx.execute("UPDATE webhook_message SET state = 'FAILED' WHERE endpoint_id = $1", endpoint.id)
    async with transaction(owner) as tx:
        kept = await webhooks.send_test(tx, owner, endpoint_id=endpoint.id)
    moment = clock.now() + timedelta(days=limits.WEBHOOK_KEPT_DAYS, seconds=1)
    clock.use(lambda: moment)

    await run_twice(actors.forget)

    async with reading(owner) as tx:
        assert [message.id for message in await webhooks.list_messages(tx, owner)] == [kept.id]
