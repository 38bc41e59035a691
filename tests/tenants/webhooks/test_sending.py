"""Messages reach a real server over the loopback, signed, and what it answers decides what follows."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from fondaco_core import clock, limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import Database, governing, reading, transaction
from fondaco_core.ids import new_id
from fondaco_core.secret import Secret
from fondaco_tenants import webhooks
from fondaco_tenants.webhooks import AttemptFailure, Endpoint, EndpointState, Message, MessageState
from fondaco_workers.actors import webhooks as actors
from tests.support.actors import run_twice
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.tenancy import make_tenant
from tests.support.receiver import Received, Receiver, reaching_loopback, receiving, says

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


@pytest.fixture(autouse=True)
async def alone(database: Database) -> AsyncIterator[None]:
    """Nothing of earlier tests is due, and the loopback may be reached."""
    assert database
    async with governing(SYSTEM) as tx:
        await tx.execute("UPDATE webhook_message SET state = 'DROPPED', ended_at = now() WHERE state = 'PENDING'")
    async with reaching_loopback():
        yield


@pytest.fixture(autouse=True)
def own_clock() -> Iterator[None]:
    """A test may move the time; the next one begins now."""
    yield
    clock.use(None)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def owner() -> Ctx:
    return await make_member_ctx(await make_tenant())


def let_pass(seconds: float) -> None:
    moment = clock.now() + timedelta(seconds=seconds)
    clock.use(lambda: moment)


async def make_endpoint(owner: Ctx, url: str, **more: Any) -> tuple[Endpoint, Secret[str]]:
    async with transaction(owner) as tx:
        return await webhooks.create_endpoint(tx, owner, url=url, event_types=["order.fulfilled"], **more)


async def happen(owner: Ctx, *, times: int = 1) -> None:
    """Orders are fulfilled, and the actor hears of each twice."""
    for _ in range(times):
        told = orjson.dumps({"order_id": str(new_id())}).decode()
        await run_twice(
            actors.tell, tenant_id=owner.tenant, event="order.fulfilled", fact=str(new_id()),
            happened_at=clock.now().isoformat(), told=told,
        )  # fmt: skip


async def messages(owner: Ctx) -> list[Message]:
    async with reading(owner) as tx:
        return await webhooks.list_messages(tx, owner, count=100)


async def attempts(owner: Ctx, message: Message) -> list[webhooks.Attempt]:
    async with reading(owner) as tx:
        return await webhooks.list_attempts(tx, owner, message_id=message.id)


async def endpoint_of(owner: Ctx, endpoint: Endpoint) -> Endpoint:
    async with reading(owner) as tx:
        return await webhooks.get_endpoint(tx, owner, endpoint.id)


def verified(received: Received, secret: Secret[str]) -> dict[str, Any]:
    """What a receiver reads, if the message is really from us."""
    told: dict[str, Any] = Webhook(secret.reveal()).verify(received.body, received.headers)
    return told


def knows(received: Received, secret: Secret[str]) -> bool:
    """Whether the secret verifies it."""
    try:
        verified(received, secret)
    except WebhookVerificationError:
        return False
    return True


async def test_a_fact_arrives_once_signed_and_with_ids_alone(owner: Ctx, receiver: Receiver) -> None:
    _, secret = await make_endpoint(owner, receiver.url)
    await happen(owner)

    await actors.send_due.perform(None, {})
    await actors.send_due.perform(None, {})

    (received,) = receiver.received
    told = verified(received, secret)
    (message,) = await messages(owner)
    assert (told["type"], list(told["data"])) == ("order.fulfilled", ["orderId"])
    assert received.headers["webhook-id"] == message.name
    assert (message.state, message.attempts, message.body) == (MessageState.DELIVERED, 1, received.body)
    (attempt,) = await attempts(owner, message)
    assert (attempt.number, attempt.status, attempt.failure) == (1, 200, None)


async def test_each_endpoint_is_told_under_its_own_secret(owner: Ctx, receiver: Receiver) -> None:
    await make_endpoint(owner, receiver.url)
    _, another = await make_endpoint(owner, receiver.url)
    await happen(owner)

    await webhooks.send_due(SYSTEM)

    assert len(receiver.received) == 2
    told = [received for received in receiver.received if knows(received, another)]
    assert len(told) == 1


async def test_both_secrets_sign_while_one_replaces_the_other(owner: Ctx, receiver: Receiver) -> None:
    endpoint, first = await make_endpoint(owner, receiver.url)
    async with transaction(owner) as tx:
        second = await webhooks.rotate_secret(tx, owner, endpoint_id=endpoint.id, overlap_hours=1)
    await happen(owner)
    await webhooks.send_due(SYSTEM)
    let_pass(3_601)
    await happen(owner)
    await webhooks.send_due(SYSTEM)

    during, after = receiver.received
    assert verified(during, first) == verified(during, second)
    assert len(during.headers["webhook-signature"].split(" ")) == 2
    assert len(after.headers["webhook-signature"].split(" ")) == 1


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (301, AttemptFailure.REDIRECT),
        (302, AttemptFailure.REDIRECT),
        (400, AttemptFailure.STATUS),
        (404, AttemptFailure.STATUS),
        (429, AttemptFailure.STATUS),
        (500, AttemptFailure.STATUS),
        (503, AttemptFailure.STATUS),
    ],
)
async def test_what_is_no_2xx_is_a_failure_and_tried_again(
    owner: Ctx, receiver: Receiver, status: int, failure: AttemptFailure
) -> None:
    endpoint, _ = await make_endpoint(owner, receiver.url)
    receiver.answers = [says(status, b"no\x00t \x1b[31mnow", location="http://127.0.0.1:1/"), says(204)]
    await happen(owner)

    await webhooks.send_due(SYSTEM)
    (message,) = await messages(owner)
    failing = await endpoint_of(owner, endpoint)
    let_pass(7)
    await webhooks.send_due(SYSTEM)

    (again,) = await messages(owner)
    second, first = await attempts(owner, message)
    assert (message.state, failing.state) == (MessageState.PENDING, EndpointState.FAILING)
    assert (first.status, first.failure, first.answer) == (status, failure, "no\ufffdt \ufffd[31mnow")
    assert (second.status, again.state, again.due_at) == (204, MessageState.DELIVERED, None)
    assert (await endpoint_of(owner, endpoint)).state is EndpointState.ENABLED
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1
    assert len({received.body for received in receiver.received}) == 1


async def test_the_schedule_is_followed_to_its_end_over_three_days(owner: Ctx, receiver: Receiver) -> None:
    await make_endpoint(owner, receiver.url)
    receiver.answers = [says(500)]
    await happen(owner)
    began, waits = clock.now(), []
    (message,) = await messages(owner)

    for _ in range(len(webhooks.SCHEDULE_S)):
        await webhooks.send_due(SYSTEM)
        (message,) = await messages(owner)
        if message.due_at is not None:
            waits.append((message.due_at - clock.now()).total_seconds())
            let_pass(waits[-1])

    assert (message.state, message.attempts) == (MessageState.FAILED, 10)
    assert all(
        planned <= wait <= planned * 1.2 + 0.1 for planned, wait in zip(webhooks.SCHEDULE_S[1:], waits, strict=True)
    )
    assert timedelta(days=3) <= clock.now() - began <= timedelta(days=4)
    assert len(receiver.received) == 10


async def test_410_disables_and_nothing_is_sent_until_it_is_enabled(owner: Ctx, receiver: Receiver) -> None:
    endpoint, _ = await make_endpoint(owner, receiver.url)
    receiver.answers = [says(410), says(200)]
    await happen(owner)
    await webhooks.send_due(SYSTEM)
    gone = await endpoint_of(owner, endpoint)
    await happen(owner)
    let_pass(100_000)
    await webhooks.send_due(SYSTEM)
    quiet = len(receiver.received)

    async with transaction(owner) as tx:
        await webhooks.enable_endpoint(tx, owner, endpoint_id=endpoint.id)
    await webhooks.send_due(SYSTEM)

    assert (gone.state, gone.disabled_reason, quiet) == (EndpointState.DISABLED, "GONE", 1)
    assert [message.state for message in await messages(owner)] == [MessageState.DELIVERED]
    async with governing(SYSTEM) as tx:
        found = await tx.fetch(
            "SELECT payload::text AS told FROM outbox_event WHERE name = 'webhook_endpoint.disabled' AND tenant_id = $1",
            owner.tenant,
        )
    assert [orjson.loads(row["told"])["reason"] for row in found] == ["GONE"]


async def test_who_asks_for_time_gets_it_for_all_its_messages(owner: Ctx, receiver: Receiver) -> None:
    await make_endpoint(owner, receiver.url, concurrency=1)
    receiver.answers = [says(429, retry_after="600"), says(200)]
    await happen(owner, times=2)

    await webhooks.send_due(SYSTEM)
    let_pass(590)
    await webhooks.send_due(SYSTEM)
    meanwhile = len(receiver.received)
    let_pass(150)
    await webhooks.send_due(SYSTEM)

    assert meanwhile == 1
    assert {message.state for message in await messages(owner)} == {MessageState.DELIVERED}


async def test_an_endpoint_that_failed_for_days_is_disabled(owner: Ctx, receiver: Receiver) -> None:
    endpoint, _ = await make_endpoint(owner, receiver.url)
    receiver.answers = [says(500)]
    await happen(owner)
    await webhooks.send_due(SYSTEM)
    let_pass(3_600 * limits.WEBHOOK_FAILING_HOURS)
    await happen(owner)

    await webhooks.send_due(SYSTEM)

    stopped = await endpoint_of(owner, endpoint)
    assert (stopped.state, stopped.disabled_reason) == (EndpointState.DISABLED, "FAILING")


async def test_an_endpoint_that_hangs_keeps_nobody_waiting(receiver: Receiver, owner: Ctx) -> None:
    other = await make_member_ctx(await make_tenant())
    taken = asyncio.Event()

    async def hang(_: Received, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def take(received: Received, writer: asyncio.StreamWriter) -> None:
        await says(200)(received, writer)
        taken.set()

    async with receiving() as hanging:
        hanging.answers, receiver.answers = [hang], [take]
        await make_endpoint(owner, hanging.url)
        await happen(owner, times=5)
        await make_endpoint(other, receiver.url)
        run = asyncio.create_task(webhooks.send_due(SYSTEM))
        await happen(other)
        # While one run waits, the actor only rings, and gives its thread back.
        assert await webhooks.send_due(SYSTEM) == 0
        async with asyncio.timeout(limits.WEBHOOK_TIMEOUT_S / 2):
            await taken.wait()
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)

    assert sorted(message.attempts for message in await messages(owner)) == [0, 0, 0, 1, 1]
    assert len(receiver.received) == 1


async def test_a_name_that_leads_elsewhere_by_the_time_of_sending_is_not_followed(
    owner: Ctx, receiver: Receiver
) -> None:
    answers = [["93.184.215.14"], ["10.0.0.1"]]

    async def rebinding(_: str) -> list[str]:
        return answers.pop(0)

    async with reaching_loopback(rebinding):
        await webhooks.check_url(owner, "https://hooks.example.com/x")
        await make_endpoint(owner, "https://hooks.example.com/x")
        await happen(owner)
        await webhooks.send_due(SYSTEM)

    (message,) = await messages(owner)
    (attempt,) = await attempts(owner, message)
    assert (attempt.status, attempt.failure) == (None, AttemptFailure.FORBIDDEN_ADDRESS)
    assert receiver.received == []


async def test_what_died_between_sending_and_recording_is_sent_again_under_the_same_id(
    owner: Ctx, receiver: Receiver
) -> None:
    await make_endpoint(owner, receiver.url)
    await happen(owner)
    arrived = asyncio.Event()

    async def hang(_: Received, __: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.Event().wait()

    receiver.answers = [hang, says(200)]
    run = asyncio.create_task(webhooks.send_due(SYSTEM))
    await arrived.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert await webhooks.send_due(SYSTEM) == 0

    let_pass(limits.WEBHOOK_LEASE_S)
    await webhooks.send_due(SYSTEM)

    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [message.state for message in await messages(owner)] == [MessageState.DELIVERED]
