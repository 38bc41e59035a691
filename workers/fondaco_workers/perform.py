"""What a worker does with a message: begin the task, do the actor's work, say how it ended. An edge: nothing gets past it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress

from opentelemetry.trace import SpanKind

from fondaco_core import limits, outbox, traces
from fondaco_core.context import system_ctx
from fondaco_core.db import governing
from fondaco_core.errors import Bug, Outage
from fondaco_core.logs import get_logger
from fondaco_core.outbox import Note, Task
from fondaco_workers.actor import ACTORS, Actor, facts_of
from fondaco_workers.metrics import observe_task

log = get_logger(__name__)
CTX = system_ctx("worker", permissions=frozenset({"system.run"}))


class Slots:
    """How much slow work this process does at once. One event loop uses it, so that counting needs no lock."""

    def __init__(self) -> None:
        self.most = 1
        self._taken = 0

    @contextmanager
    def taken_for(self, actor: Actor[...]) -> Generator[bool]:
        """Whether the actor may work now; a slot is taken while it does, if it is a slow one."""
        free = not actor.slow or self._taken < self.most
        taken = actor.slow and free
        self._taken += taken
        try:
            yield free
        finally:
            self._taken -= taken


SLOTS = Slots()


async def perform(note: Note) -> None:
    """Does the task that a message points at, unless it is done or another worker is at it.

    Never raises: when the database is away, or this process is killed, the task is due again in a few seconds.
    """
    actor, began = ACTORS[note.actor], time.monotonic()
    try:
        with SLOTS.taken_for(actor) as free:
            outcome = await (_perform(actor, note) if free else _postpone(note))
        if actor.slow and free:
            await _offer_next()
    except Exception as error:  # the edge: the task outlives whatever this was
        outcome = "unsettled"
        log.warning("task.unsettled", actor=note.actor, task=note.task_id, exc_info=error)
    observe_task(note.actor, outcome, time.monotonic() - began)


async def _postpone(note: Note) -> str:
    async with governing(CTX) as tx:
        await outbox.postpone_task(tx, note)
    return "postponed"


async def _offer_next() -> None:
    """The slot is free: slow work that was postponed for want of one need not wait until its time."""
    async with governing(CTX) as tx:
        await outbox.offer_postponed(tx, [actor.name for actor in ACTORS.values() if actor.slow])


async def _perform(actor: Actor[...], note: Note) -> str:
    async with governing(CTX) as tx:
        task = await outbox.begin_task(tx, note)
    if task is None:
        return "skipped"
    failure = await _attempt(actor, task)
    async with governing(CTX) as tx:
        if failure is None:
            await outbox.finish_task(tx, task)
            return "done"
        name, outage = type(failure).__name__, isinstance(failure, (Outage, ConnectionError))
        parked = await outbox.fail_task(tx, task, failure=name, outage=outage)
    if parked:
        log.error("task.parked", actor=task.actor, task=task.id, attempts=task.attempt, failure=name)
    return "parked" if parked else "failed"


async def _attempt(actor: Actor[...], task: Task) -> Exception | None:
    """Runs the work once and returns what went wrong; logs it without payload and without the error's text."""
    try:
        with traces.span(
            f"task {actor.name}",
            {"fondaco.attempt": task.attempt},
            kind=SpanKind.CONSUMER,
            parent=facts_of(task.payload)[0].get(traces.TRACEPARENT),
        ):
            async with _kept(task):
                await actor.perform(task.tenant_id, task.payload)
    except Exception as error:  # noqa: BLE001 - the edge: work may fail in any way, and is tried again
        level = log.error if isinstance(error, (Bug, AssertionError)) else log.warning
        level("task.failed", actor=task.actor, task=task.id, attempt=task.attempt, exc_info=error)
        return error
    return None


@asynccontextmanager
async def _kept(task: Task) -> AsyncGenerator[None]:
    """Says again and again that this worker is alive, while the work goes on."""
    keeping = asyncio.create_task(_keep(task))
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def _keep(task: Task) -> None:
    while True:
        await asyncio.sleep(limits.TASK_RUNNING_S / 3)
        try:
            async with governing(CTX) as tx:
                if not await outbox.keep_task(tx, task):
                    # Somebody else was given the task: the work goes on beside theirs, which idempotence makes harmless.
                    return
        except Exception as error:  # a database that is away; the next beat may reach it
            log.warning("task.unkept", actor=task.actor, task=task.id, exc_info=error)
