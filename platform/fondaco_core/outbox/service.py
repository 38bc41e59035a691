"""Use cases of the outbox: announce a fact with the data it is about; turn facts into tasks; do each task until it is done.

announce ──► outbox_event ──hand_over──► outbox_task ──► a message that says its number ──► begin · keep · finish | fail
                                             ▲                                                          │
                                             └───────────── due again: lost, orphaned or failed ────────┘
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import orjson

from fondaco_core import clock, limits, traces
from fondaco_core.db import Tx
from fondaco_core.outbox import store
from fondaco_core.outbox.events import Event, event_name


@dataclass(frozen=True, slots=True)
class Note:
    """What the queue carries: which task, and whose work it is. The task itself stays in the database."""

    task_id: int
    actor: str


@dataclass(frozen=True, slots=True)
class Relayed:
    """What one hand-over did: how many events became tasks, what the queue is to be told, and what was given up."""

    events: int
    notes: tuple[Note, ...]
    parked: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """A task that was begun; `attempt` says how often, this time included."""

    id: int
    actor: str
    tenant_id: UUID | None
    payload: dict[str, Any]
    attempt: int


@dataclass(frozen=True, slots=True)
class Job:
    """A periodic job: the actor that does it, and every how many seconds."""

    name: str
    actor: str
    every_s: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: how many and the oldest's age in seconds, of events and of tasks; and how many tasks were given up."""

    events: int
    event_s: float
    tasks: int
    task_s: float
    parked: int


class ForListeners(str):
    """The name of an actor that hears of those tenants alone which `listen`: for all others a fact makes it no work.

    It is told `fact` (what tells this fact from every other), `event` (its name), `happened_at`, and `told` (all that the
    event says, as JSON), so that one actor may hear of many kinds of events.
    """

    __slots__ = ()


class Gathering(str):
    """The name of an actor that is told of many facts of one tenant and one kind in one task: each costs a share of it.

    Its payload is `facts`, a list of what each event says, in their order: all that the relay found at once, so that an
    event that is alone waits for no other.
    """

    __slots__ = ()


async def listen(tx: Tx, tenant_id: UUID) -> None:
    """Has the actors that are named ForListeners hear of a tenant's facts from this transaction on."""
    await tx.execute(store.LISTEN, tenant_id)


async def announce(tx: Tx, *events: tuple[UUID | None, Event]) -> None:
    """Writes events, each with the tenant it is of, in the transaction of what they are about; one statement."""
    if not events:
        return
    # What the fact leads to belongs to the trace in which it happened.
    trace = {} if (parent := traces.traceparent()) is None else {traces.TRACEPARENT: parent}
    await tx.later(
        store.ADD,
        [tenant for tenant, _ in events],
        [event_name(type(event)) for _, event in events],
        [orjson.dumps(asdict(event) | trace, default=str).decode() for _, event in events],
    )


async def hand_over(tx: Tx, subscriptions: Mapping[str, Sequence[str]], *, count: int = limits.RELAY_BATCH) -> Relayed:
    """Turns the oldest events into tasks for their subscribers, takes what is due again, and says what the queue is to hear.

    Tell the queue after the commit: a task that the queue never heard of is due again in limits.TASK_HANDED_S.
    """
    pairs = [(event, actor) for event, actors in subscriptions.items() for actor in actors]
    row = await tx.fetchrow(
        store.HAND_OVER, [event for event, _ in pairs], [actor for _, actor in pairs], clock.now(),
        limits.TASK_HANDED_S, limits.TASK_BACK_OFF_MAX_S, count, limits.TASK_ATTEMPTS_MAX,
        [isinstance(actor, ForListeners) for _, actor in pairs], [isinstance(actor, Gathering) for _, actor in pairs],
    )  # fmt: skip
    assert row is not None
    notes = (Note(task_id, actor) for task_id, actor in zip(row["ids"], row["actors"], strict=True))
    return Relayed(row["taken"], tuple(notes), tuple(row["parked"]))


async def begin_task(tx: Tx, note: Note) -> Task | None:
    """Takes a task for this worker; None when it is done already, or a living worker is at it."""
    row = await tx.fetchrow(store.BEGIN_TASK, note.task_id, note.actor, clock.now(), limits.TASK_RUNNING_S)
    if row is None:
        return None
    return Task(row["id"], row["actor"], row["tenant_id"], orjson.loads(row["payload"]), row["attempts"])


async def postpone_task(tx: Tx, note: Note) -> None:
    """Nobody has the time for a task now; it is handed over again in a moment, and that was no attempt."""
    await tx.execute(store.POSTPONE_TASK, note.task_id, note.actor, clock.now(), limits.TASK_POSTPONED_S)


async def offer_postponed(tx: Tx, actors: Sequence[str]) -> bool:
    """Somebody has the time again: the task of these actors that was postponed first is due now. False when there is none."""
    return await tx.execute(store.OFFER_POSTPONED, list(actors), clock.now()) == 1


async def keep_task(tx: Tx, task: Task) -> bool:
    """Says that the worker which began a task is alive; False when the task is not its any more."""
    return await tx.execute(store.KEEP_TASK, task.id, task.attempt, clock.now(), limits.TASK_RUNNING_S) == 1


async def finish_task(tx: Tx, task: Task) -> None:
    """The task is done; nobody hears of it again."""
    await tx.execute(store.FINISH_TASK, task.id)


async def fail_task(tx: Tx, task: Task, *, failure: str, outage: bool) -> bool:
    """The task failed and is due again after a while that grows; True when it was given up, for a person to look.

    `failure` is the name of an error's class, never its text. An outage of the outside is never given up.
    """
    wait_s = min(limits.TASK_BACK_OFF_S * 2 ** min(task.attempt - 1, 20), limits.TASK_BACK_OFF_MAX_S)
    parked = await tx.fetchval(
        store.FAIL_TASK, task.id, task.attempt, failure, clock.now(), wait_s, outage, limits.TASK_ATTEMPTS_MAX
    )
    return bool(parked)


async def tick(tx: Tx, jobs: Sequence[Job]) -> int:
    """Makes a task of every periodic job whose time has come, and says of how many; harmless beside other schedulers."""
    return await tx.execute(
        store.TICK,
        [job.name for job in jobs],
        [job.every_s for job in jobs],
        [job.actor for job in jobs],
        clock.now(),
    )


async def measure_backlog(tx: Tx) -> Backlog:
    """What waits to be relayed and to be done."""
    row = await tx.fetchrow(store.BACKLOG)
    assert row is not None
    return Backlog(row["events"], row["event_s"], row["tasks"], row["task_s"], row["parked"])


async def retry_parked(tx: Tx) -> int:
    """Makes every task that was given up due again, and says how many those were."""
    return await tx.execute(store.RETRY_PARKED, clock.now())
