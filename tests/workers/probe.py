"""Events and actors for tests, and processes that know them: `python -m tests.workers.probe worker|relay`.

Their effect is an audit entry, written once per probe whatever happens: claimed and written in one transaction, as every
actor must. `probe.stop` waits for an advisory lock between the two, so that a test can kill its worker right there.
"""

import sys
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core import audit
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Tx, governing, idempotency
from fondaco_core.errors import Outage
from fondaco_core.outbox import Event
from fondaco_workers import relay
from fondaco_workers.actor import actor
from fondaco_workers.broker import make_broker
from fondaco_workers.process import Round, run_rounds

STOP_LOCK = 77_001


@dataclass(frozen=True, slots=True)
class ProbeSent(Event):
    """Something to do once."""

    name: ClassVar[str] = "probe.sent"
    probe_id: UUID


async def leave_mark(tx: Tx, ctx: Ctx, probe_id: UUID, action: str) -> None:
    """The effect: an entry in the audit log, once."""
    key = f"{action}:{probe_id}"
    if await idempotency.claim(tx, ctx, key=key, operation=action, input_hash=b"", answer={}) is None:
        await audit.record(tx, ctx, action, subject_kind="probe", subject_id=probe_id)


@actor(name="probe.mark", permissions={"system.run"})
async def mark(ctx: Ctx, *, probe_id: UUID) -> None:
    """Leaves its mark."""
    async with governing(ctx) as tx:
        await leave_mark(tx, ctx, probe_id, "probe.marked")


@actor(name="probe.stop", permissions={"system.run"})
async def stop(ctx: Ctx, *, probe_id: UUID) -> None:
    """Leaves its mark, and stops in the middle for as long as somebody holds the lock."""
    async with governing(ctx) as tx:
        await leave_mark(tx, ctx, probe_id, "probe.stopped")
        await tx.execute(f"SELECT pg_advisory_xact_lock_shared({STOP_LOCK})")


@actor(name="probe.linger", permissions={"system.run"}, slow=True)
async def linger(ctx: Ctx, *, probe_id: UUID) -> None:
    """Slow work, for as long as somebody holds the lock."""
    async with governing(ctx) as tx:
        await tx.execute(f"SELECT pg_advisory_xact_lock_shared({STOP_LOCK})")
        await leave_mark(tx, ctx, probe_id, "probe.lingered")


@actor(name="probe.fail", permissions={"system.run"})
async def fail(ctx: Ctx, *, probe_id: UUID) -> None:
    """Fails after its work was begun, and leaves nothing."""
    async with governing(ctx) as tx:
        await leave_mark(tx, ctx, probe_id, "probe.failed")
        msg = f"secret-{probe_id}"
        raise RuntimeError(msg)


@actor(name="probe.outage", permissions={"system.run"})
async def outage(ctx: Ctx, *, probe_id: UUID) -> None:
    """Fails because of the outside."""
    ctx.require("system.run")
    msg = f"away-{probe_id}"
    raise Outage(msg)


def prepare(settings: Settings) -> Round:
    """A relay that knows the probes."""
    return relay.Relay(make_broker(settings), {"probe.sent": sys.argv[2:]}).round


if __name__ == "__main__":
    sys.exit(run_rounds("relay", prepare))
