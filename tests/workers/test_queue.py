"""From a committed fact to its effect, through real processes that are killed and a queue that forgets."""

import subprocess
from uuid import UUID

import pytest
import redis

from fondaco_core import outbox
from fondaco_core.context import system_ctx
from fondaco_core.db import governing, transaction
from fondaco_core.ids import TenantId, new_id
from tests.support.waiting import until
from tests.workers.conftest import Start
from tests.workers.probe import ProbeSent

CTX = system_ctx("test", permissions=frozenset({"system.run"}))
MARKS = "SELECT count(*) FROM audit_entry WHERE subject_id = $1 AND action = $2"
TASKS = "SELECT count(*) FROM outbox_task WHERE payload->>'probe_id' = $1::text"
EVENTS = "SELECT count(*) FROM outbox_event WHERE payload->>'probe_id' = $1::text"


async def announce_probe() -> UUID:
    tenant_id, probe_id = TenantId(new_id()), new_id()
    async with transaction(CTX.for_tenant(tenant_id)) as tx:
        await outbox.announce(tx, (tenant_id, ProbeSent(probe_id)))
    return probe_id


async def count(sql: str, *args: object) -> int:
    async with governing(CTX) as tx:
        return int(await tx.fetchval(sql, *args))


async def is_done(probe_id: UUID, action: str = "probe.marked") -> bool:
    """Whether the effect is there and nothing of the work is left."""
    return (
        await count(MARKS, probe_id, action) > 0
        and await count(TASKS, str(probe_id)) == 0
        and await count(EVENTS, str(probe_id)) == 0
    )


def start_worker(start: Start) -> "subprocess.Popen[bytes]":
    return start("fondaco_ops.bound", "tests.workers.probe_worker", "--processes", "1", "--threads", "2")


def start_relay(start: Start, *actors: str) -> "subprocess.Popen[bytes]":
    return start("tests.workers.probe", "relay", *(actors or ("probe.mark",)))


@pytest.mark.usefixtures("queue")
async def test_what_was_committed_is_acted_upon_once(start: Start) -> None:
    start_relay(start)
    start_worker(start)
    probes = [await announce_probe() for _ in range(20)]

    for probe_id in probes:
        await until(lambda probe_id=probe_id: is_done(probe_id))  # type: ignore[misc]

    assert [await count(MARKS, probe_id, "probe.marked") for probe_id in probes] == [1] * 20
