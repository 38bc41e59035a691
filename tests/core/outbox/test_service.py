"""Events become tasks, and a task is somebody's until it is done."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

import pytest

from fondaco_core import clock, limits, outbox
from fondaco_core.context import system_ctx
from fondaco_core.db import Database, governing, transaction
from fondaco_core.ids import TenantId, new_id
from fondaco_core.outbox import Event, Gathering, Job, Note, Task
from tests.support.outbox import empty_outbox

CTX = system_ctx("test", permissions=frozenset({"system.run"}))
HEARD = {"test.happened": ("test.first", "test.second")}


@dataclass(frozen=True, slots=True)
class Happened(Event):
    """Something that two actors hear of."""

    name: ClassVar[str] = "test.happened"
    thing_id: UUID


@dataclass(frozen=True, slots=True)
class Unheard(Event):
    """Something that nobody hears of."""

    name: ClassVar[str] = "test.unheard"
    thing_id: UUID


@pytest.fixture(autouse=True)
async def clean(database: Database) -> AsyncIterator[None]:
    """The outbox of this worker, empty before and after."""
    assert database
    await empty_outbox()
    yield
    await empty_outbox()


@pytest.fixture(autouse=True)
def own_clock() -> Iterator[None]:
    """A test may move the time; the next one begins now."""
    yield
    clock.use(None)


def let_pass(seconds: float) -> None:
    now = clock.now() + timedelta(seconds=seconds)
    clock.use(lambda: now)


async def announce(event: Event) -> None:
    tenant_id = TenantId(new_id())
    async with transaction(CTX.for_tenant(tenant_id)) as tx:
        await outbox.announce(tx, (tenant_id, event))


async def hand_over() -> tuple[Note, ...]:
    async with governing(CTX) as tx:
        return (await outbox.hand_over(tx, HEARD)).notes


async def begin(note: Note) -> Task:
    async with governing(CTX) as tx:
        task = await outbox.begin_task(tx, note)
    assert task is not None
    return task


async def one_note() -> Note:
    await announce(Happened(new_id()))
    return (await hand_over())[0]


async def fail(task: Task, *, outage: bool = False) -> bool:
    async with governing(CTX) as tx:
        return await outbox.fail_task(tx, task, failure="TestFailure", outage=outage)


async def test_an_event_becomes_a_task_for_each_subscriber() -> None:
    thing_id = new_id()
    await announce(Happened(thing_id))

    notes = await hand_over()

    assert {note.actor for note in notes} == {"test.first", "test.second"}
    assert [(await begin(note)).payload for note in notes] == [{"thing_id": str(thing_id)}] * 2
    assert await hand_over() == ()


async def test_an_event_that_nobody_hears_leaves_nothing() -> None:
    await announce(Unheard(new_id()))

    async with governing(CTX) as tx:
        relayed = await outbox.hand_over(tx, HEARD)
        waiting = await outbox.measure_backlog(tx)

    assert (relayed.events, relayed.notes) == (1, ())
    assert (waiting.events, waiting.tasks) == (0, 0)


async def test_who_gathers_is_told_all_facts_of_a_tenant_in_one_task() -> None:
    heard = {"test.happened": (Gathering("test.first"), "test.second")}
    ours, theirs, things = TenantId(new_id()), TenantId(new_id()), [new_id() for _ in range(4)]
    for tenant_id, thing_id in zip((ours, theirs, ours, ours), things, strict=True):
        async with transaction(CTX.for_tenant(tenant_id)) as tx:
            await outbox.announce(tx, (tenant_id, Happened(thing_id)))

    async with governing(CTX) as tx:
        notes = (await outbox.hand_over(tx, heard)).notes

    told = [await begin(note) for note in notes if note.actor == "test.first"]
    assert {task.tenant_id: [UUID(fact["thing_id"]) for fact in task.payload["facts"]] for task in told} == {
        ours: [things[0], things[2], things[3]],
        theirs: [things[1]],
    }
    assert sum(note.actor == "test.second" for note in notes) == 4


async def test_an_event_of_a_transaction_that_failed_never_was() -> None:
    async def announce_in_vain() -> None:
        async with transaction(CTX.for_tenant(TenantId(new_id()))) as tx:
            await outbox.announce(tx, (tx.tenant_id, Happened(new_id())))
            raise LookupError

    with pytest.raises(LookupError):
        await announce_in_vain()

    assert await hand_over() == ()


async def test_two_relays_never_take_the_same() -> None:
    for _ in range(20):
        await announce(Happened(new_id()))

    first, second = await asyncio.gather(hand_over(), hand_over())

    notes = [*first, *second, *await hand_over()]
    assert len(notes) == len(set(notes)) == 40


async def test_a_message_that_comes_twice_is_begun_once() -> None:
    note = await one_note()
    await begin(note)

    async with governing(CTX) as tx:
        again = await outbox.begin_task(tx, note)

    assert again is None


async def test_what_is_done_is_never_begun_again() -> None:
    note = await one_note()
    task = await begin(note)
    async with governing(CTX) as tx:
        await outbox.finish_task(tx, task)

    async with governing(CTX) as tx:
        again = await outbox.begin_task(tx, note)

    assert again is None


async def test_a_message_that_was_lost_is_said_again_and_ever_more_rarely() -> None:
    note = await one_note()
    waits: list[bool] = []

    for seconds in (limits.TASK_HANDED_S - 1, 1, limits.TASK_HANDED_S * 2 - 1, 1):
        let_pass(seconds)
        waits.append(note in await hand_over())

    assert waits == [False, True, False, True]


async def test_a_worker_that_says_it_is_alive_keeps_its_task() -> None:
    note = await one_note()
    task = await begin(note)

    for _ in range(5):
        let_pass(limits.TASK_RUNNING_S - 1)
        async with governing(CTX) as tx:
            assert await outbox.keep_task(tx, task)

    assert note not in await hand_over()


async def test_a_postponed_task_is_offered_again_in_a_moment_and_that_was_no_attempt() -> None:
    note = await one_note()
    async with governing(CTX) as tx:
        await outbox.postpone_task(tx, note)

    let_pass(limits.TASK_POSTPONED_S)

    assert note in await hand_over()
    assert (await begin(note)).attempt == 1


async def test_a_postponed_task_is_offered_as_soon_as_somebody_has_the_time() -> None:
    note = await one_note()
    async with governing(CTX) as tx:
        await outbox.postpone_task(tx, note)

    async with governing(CTX) as tx:
        offered = [await outbox.offer_postponed(tx, [note.actor]) for _ in range(2)]

    assert offered == [True, False]
    assert note in await hand_over()


async def test_a_failed_task_is_not_offered_before_its_time() -> None:
    note = await one_note()
    task = await begin(note)
    async with governing(CTX) as tx:
        await outbox.fail_task(tx, task, failure="Outage", outage=True)

    async with governing(CTX) as tx:
        offered = await outbox.offer_postponed(tx, [note.actor])

    assert not offered
    assert note not in await hand_over()


async def test_the_task_of_a_silent_worker_goes_to_another() -> None:
    note = await one_note()
    silent = await begin(note)
    let_pass(limits.TASK_RUNNING_S)

    assert note in await hand_over()

    assert (await begin(note)).attempt == 2
    async with governing(CTX) as tx:
        assert not await outbox.keep_task(tx, silent)


async def test_a_failed_task_waits_twice_as_long_each_time() -> None:
    note = await one_note()
    for wait_s in (1, 2, 4, 8):
        await fail(await begin(note))
        let_pass(wait_s - 0.1)
        assert note not in await hand_over()

        let_pass(0.1)

        assert note in await hand_over()


async def fail_until_parked(note: Note, *, outage: bool) -> list[bool]:
    parked: list[bool] = []
    for _ in range(limits.TASK_ATTEMPTS_MAX + 3):
        async with governing(CTX) as tx:
            task = await outbox.begin_task(tx, note)
        if task is None:
            break
        parked.append(await fail(task, outage=outage))
        let_pass(limits.TASK_BACK_OFF_MAX_S)
    return parked


async def test_a_task_that_always_fails_is_parked_for_a_person() -> None:
    parked = await fail_until_parked(await one_note(), outage=False)

    assert parked == [False] * (limits.TASK_ATTEMPTS_MAX - 1) + [True]
    async with governing(CTX) as tx:
        assert (await outbox.measure_backlog(tx)).parked == 1


async def test_an_outage_of_the_outside_is_never_given_up() -> None:
    parked = await fail_until_parked(await one_note(), outage=True)

    assert parked == [False] * (limits.TASK_ATTEMPTS_MAX + 3)


async def test_a_task_that_takes_its_worker_with_it_each_time_is_parked() -> None:
    note = await one_note()
    for _ in range(limits.TASK_ATTEMPTS_MAX):
        await begin(note)
        let_pass(limits.TASK_RUNNING_S)

    async with governing(CTX) as tx:
        relayed = await outbox.hand_over(tx, HEARD)

    assert relayed.parked == (note.task_id,)
    assert note not in relayed.notes


async def test_parked_tasks_are_done_when_a_person_says_so() -> None:
    note = await one_note()
    await fail_until_parked(note, outage=False)

    async with governing(CTX) as tx:
        assert await outbox.retry_parked(tx) == 1

    assert note in await hand_over()
    assert (await begin(note)).attempt == 1


def job(every_s: float = 60) -> Job:
    return Job(f"test.{new_id()}", "test.first", every_s)


async def tick(*jobs: Job) -> int:
    async with governing(CTX) as tx:
        return await outbox.tick(tx, jobs)


async def finish(note: Note) -> None:
    task = await begin(note)
    async with governing(CTX) as tx:
        await outbox.finish_task(tx, task)


async def test_a_tick_is_won_by_one_scheduler() -> None:
    due = job()

    ticks = await asyncio.gather(*(tick(due) for _ in range(3)))

    assert sorted(ticks) == [0, 0, 1]


async def test_a_job_comes_round_when_its_time_has_come() -> None:
    due = job()
    assert await tick(due) == 1
    await finish(*await hand_over())

    let_pass(59)
    early = await tick(due)
    let_pass(1)

    assert (early, await tick(due)) == (0, 1)


async def test_missed_ticks_come_as_one() -> None:
    due = job()
    await tick(due)
    await finish(*await hand_over())

    let_pass(60 * 100)

    assert [await tick(due) for _ in range(3)] == [1, 0, 0]


async def test_a_run_that_is_not_done_is_not_begun_a_second_time() -> None:
    due = job()
    await tick(due)

    let_pass(60)

    assert await tick(due) == 0
