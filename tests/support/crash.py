"""Real processes that kill themselves at a step of their work: `python -m tests.support.crash api|worker|relay`.

A step is a statement sent to the database (BEGIN and COMMIT are two of them), the moment after a COMMIT, the moment
before an answer leaves, or a message to the queue. A process dies by SIGKILL right before the step that its plan says. What
is patched is patched here, around the real program; the program does not know.

The program is loaded once and forked for every line on the standard input, a plan:

    {"at": 7}                   die before the 7th step of the operation that is marked; 0 or nothing: do not die
    {"at": 7, "after": 31}      the marked operation is the first run of a task with a higher number (worker)
    {"actor": "payments.look"}  and is of this actor, which need not be one of those that usually are
    {"chunk_lines": 2}          how many lines an import stores at once
    {"limits": {"NAME": 2}}     other limits that are smaller here than in life

Which operation is marked: a request with the header X-Marked, a task of an import or a swap, the relay's first round. Each line on the
standard output is a fact: {"ready": pid}, {"steps": [...]} of an operation that lived, {"dies": step}, {"ended": code}.
"""

import asyncio
import gc
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import asyncpg

from fondaco_core import limits
from fondaco_core.db import database
from fondaco_core.outbox import Note
from fondaco_ops.leash import tie

TASKS = frozenset({"codes.import_batch", "orders.swap_withdrawn"})
CALLS = ("create", "query", "refund", "query_refund", "close")
MARKED = b"x-marked"


class Steps:
    """The steps of one operation, as they are taken."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.taken: list[str] = []

    def take(self, step: str) -> None:
        """Notes a step before it happens; does not return from the one to die at."""
        self.taken.append(step)
        if len(self.taken) == self.at:
            tell(dies=step)
            if os.getppid() != LAUNCHER:
                # A worker process of dramatiq: its master dies with it, as on a machine that loses power.
                os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)


LAUNCHER = os.getpid()
TOLD = os.dup(1)
# Connections in a transaction that only reads.
READING: set[int] = set()
MARK: ContextVar[Steps | None] = ContextVar("MARK", default=None)


def tell(**fact: object) -> None:
    """Writes one fact for the test, whole."""
    os.write(TOLD, json.dumps(fact).encode() + b"\n")


def step(name: str) -> None:
    """A step of whatever is going on; counted when that is marked."""
    steps = MARK.get()
    if steps is not None:
        steps.take(name)


def patch_database() -> None:
    """Every statement is a step, and so is the moment after a COMMIT."""
    connection: Any = asyncpg.Connection
    for name in ("execute", "fetch", "fetchrow", "fetchval", "copy_records_to_table"):
        setattr(connection, name, _stepping(getattr(connection, name)))


def _stepping(method: Any) -> Any:
    async def call(self: Any, statement: str, *args: Any, **kwargs: Any) -> Any:
        words = " ".join(statement.split()[:4])
        # To die while reading is to die before it: one step for the whole of a transaction that only reads.
        if id(self) not in READING:
            step(words)
        if words.startswith("BEGIN READ ONLY"):
            READING.add(id(self))
        result = await method(self, statement, *args, **kwargs)
        if words in {"COMMIT", "ROLLBACK"}:
            if words == "COMMIT" and id(self) not in READING:
                step("COMMITTED")
            READING.discard(id(self))
        return result

    return call


def patch_gateway() -> None:
    """To ask the gateway is a step, and so is the moment after it has answered."""
    adapter: Any = importlib.import_module("fondaco_tenants.payments.adapters.sandbox").SandboxGateway
    for name in CALLS:
        setattr(adapter, name, _calling(name, getattr(adapter, name)))


def _calling(name: str, method: Any) -> Any:
    async def call(self: Any, *args: Any) -> Any:
        step(f"CALL {name}")
        result = await method(self, *args)
        step("ANSWERED")
        return result

    return call


def api(plan: dict[str, Any]) -> int:
    """`python -m fondaco_api`, whose marked requests are counted."""
    program: Any = importlib.import_module("fondaco_api.__main__")
    app: Any = importlib.import_module("fondaco_api.app")
    create, startup = app.create_app, program.Server.startup

    async def start(self: Any, sockets: Any = None) -> None:
        await startup(self, sockets)
        tell(ready=os.getpid())

    def marking() -> Any:
        served = create()

        async def serve(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or not any(name == MARKED for name, _ in scope["headers"]):
                await served(scope, receive, send)
                return
            # What earlier requests had the process remember would make the steps of this one their business.
            database().known.clear()
            steps = Steps(plan.get("at", 0))
            MARK.set(steps)

            async def answer(message: Any) -> None:
                if message["type"] == "http.response.start":
                    step("ANSWER")
                    tell(steps=steps.taken)
                await send(message)

            await served(scope, receive, answer)

        return serve

    app.create_app = marking
    program.Server.startup = start
    return int(program.main())


def worker(plan: dict[str, Any]) -> int:
    """`dramatiq fondaco_workers.main`, as `fondaco up` runs it."""
    module: Any = importlib.import_module("fondaco_workers.perform")
    perform, marked = module.perform, False

    async def performing(note: Note) -> None:
        nonlocal marked
        wanted = note.actor == plan["actor"] if "actor" in plan else note.actor in TASKS
        if not wanted or note.task_id <= plan.get("after", 0) or marked:
            await perform(note)
            return
        marked = True
        steps = Steps(plan.get("at", 0))
        MARK.set(steps)
        await perform(note)
        tell(steps=steps.taken)

    module.perform = performing
    sys.argv = ["dramatiq", "fondaco_workers.main", "--processes", "1", "--threads", "2"]
    return int(importlib.import_module("fondaco_ops.bound").main())


def relay(plan: dict[str, Any]) -> int:
    """`python -m fondaco_workers.relay`, whose first round is marked."""
    program: Any = importlib.import_module("fondaco_workers.relay")
    going, sending, first = program.Relay.round, program.send, True

    async def going_round(self: Any) -> float:
        nonlocal first
        if not first:
            return float(await going(self))
        first = False
        steps = Steps(plan.get("at", 0))
        # A task of its own, so that the mark ends with the round.
        return float(await asyncio.create_task(_marked(going(self), steps)))

    def send(broker: Any, note: Note) -> None:
        step("SEND")
        sending(broker, note)
        step("SENT")

    program.Relay.round = going_round
    program.send = send
    return int(program.main())


async def _marked(work: Any, steps: Steps) -> Any:
    MARK.set(steps)
    result = await work
    tell(steps=steps.taken)
    return result


# What the processes of each kind load; opens nothing. Not the worker's main, which opens the queue as it is loaded.
LOADED = {
    "api": ("fondaco_api.__main__", "fondaco_api.app"),
    "worker": ("fondaco_ops.bound", "fondaco_workers.perform", "fondaco_workers.subscriptions"),
    "relay": ("fondaco_workers.relay",),
}
PROGRAMS: dict[str, Callable[[dict[str, Any]], int]] = {"api": api, "worker": worker, "relay": relay}


def main(kind: str) -> None:
    """Forks a process for every plan, one after the other, and tells how each ended."""
    # A test run that is killed leaves nothing behind.
    tie(signal.SIGKILL, os.getppid())
    # What the programs print must not come between the facts.
    os.dup2(2, 1)
    for name in LOADED[kind]:
        importlib.import_module(name)
    if kind == "api":
        importlib.import_module("fondaco_api.graphql.schema").core_schema()
    # Nothing that is here now is looked at again: the children share it as it is.
    gc.collect()
    gc.freeze()
    patch_database()
    patch_gateway()
    for line in sys.stdin:
        plan = json.loads(line)
        child = os.fork()
        if child == 0:
            tie(signal.SIGKILL, LAUNCHER)
            limits.IMPORT_CHUNK_LINES = plan.get("chunk_lines", limits.IMPORT_CHUNK_LINES)
            for name, value in plan.get("limits", {}).items():
                setattr(limits, name, value)
            os._exit(PROGRAMS[kind](plan))
        if kind != "api":
            tell(ready=child)
        _, status = os.waitpid(child, 0)
        tell(ended=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1])
