"""From a committed fact to its effect, through real processes that are killed and a queue that forgets."""

import asyncio
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
import redis

from fondaco_core import outbox
from fondaco_core.config import Settings
from fondaco_core.context import system_ctx
from fondaco_core.db import governing, transaction
from fondaco_core.ids import TenantId, new_id
from fondaco_ops.embedded import EmbeddedValkey
from fondaco_workers.schedule import jobs
from tests.support.invariants import assert_invariants
from tests.support.processes import children, ends
from tests.support.waiting import until
from tests.workers.conftest import Start, kill
from tests.workers.probe import STOP_LOCK, ProbeSent

CTX = system_ctx("test", permissions=frozenset({"system.run"}))
MARKS = "SELECT count(*) FROM audit_entry WHERE subject_id = $1 AND action = $2"
TASKS = "SELECT count(*) FROM outbox_task WHERE payload->>'probe_id' = $1::text"
EVENTS = "SELECT count(*) FROM outbox_event WHERE payload->>'probe_id' = $1::text"
# As if the time had passed after which a message or a worker is not believed in any more.
TIME_PASSES = """
UPDATE outbox_task SET due_at = due_at - interval '1 minute', running_until = running_until - interval '1 minute'
WHERE payload->>'probe_id' = $1::text
"""
WAITING_FOR_A_LOCK = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1
"""
CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'fondaco_platform'
"""
WORKER = ("fondaco_ops.bound", "tests.workers.probe_worker", "--processes", "1", "--threads", "2")


async def announce_probe() -> UUID:
    tenant_id, probe_id = TenantId(new_id()), new_id()
    async with transaction(CTX.for_tenant(tenant_id)) as tx:
        await outbox.announce(tx, (tenant_id, ProbeSent(probe_id)))
    return probe_id


async def count(sql: str, *args: object) -> int:
    async with governing(CTX) as tx:
        return int(await tx.fetchval(sql, *args))


async def let_time_pass(probe_id: UUID) -> None:
    async with governing(CTX) as tx:
        await tx.execute(TIME_PASSES, str(probe_id))


async def is_done(probe_id: UUID, action: str = "probe.marked") -> bool:
    """Whether the effect is there and nothing of the work is left."""
    return (
        await count(MARKS, probe_id, action) > 0
        and await count(TASKS, str(probe_id)) == 0
        and await count(EVENTS, str(probe_id)) == 0
    )


@asynccontextmanager
async def held_up(settings: Settings, sql: str) -> AsyncGenerator[None]:
    """Holds a lock that the processes under test run into."""
    connection = await asyncpg.connect(settings.require_database_url().reveal())
    try:
        async with connection.transaction():
            await connection.execute(sql)
            yield
    finally:
        await connection.close()


def start_relay(start: Start, *actors: str, **more: str) -> "subprocess.Popen[bytes]":
    return start("tests.workers.probe", "relay", *(actors or ("probe.mark",)), **more)


@pytest.mark.usefixtures("queue")
async def test_what_was_committed_is_acted_upon_once(start: Start) -> None:
    start_relay(start)
    start_relay(start)
    start(*WORKER)
    probes = [await announce_probe() for _ in range(20)]

    for probe_id in probes:
        await until(lambda probe_id=probe_id: is_done(probe_id))  # type: ignore[misc]

    assert [await count(MARKS, probe_id, "probe.marked") for probe_id in probes] == [1] * 20
    await assert_invariants()


@pytest.mark.usefixtures("queue")
async def test_every_subscriber_of_an_event_gets_it(start: Start) -> None:
    start_relay(start, "probe.mark", "probe.stop")
    start(*WORKER)

    probe_id = await announce_probe()

    await until(lambda: is_done(probe_id, "probe.marked"))
    await until(lambda: is_done(probe_id, "probe.stopped"))


@pytest.mark.usefixtures("queue")
async def test_an_event_survives_a_relay_that_is_killed_while_it_takes_it(
    start: Start, queue_settings: Settings
) -> None:
    probe_id = await announce_probe()
    async with held_up(queue_settings, "LOCK TABLE outbox_task IN SHARE MODE"):
        relay = start_relay(start)
        await until(lambda: count(WAITING_FOR_A_LOCK, "%outbox_event%"))
        kill(relay)

    start_relay(start)
    start(*WORKER)

    await until(lambda: is_done(probe_id))
    assert await count(MARKS, probe_id, "probe.marked") == 1


@pytest.mark.usefixtures("queue")
async def test_an_event_survives_a_relay_that_is_killed_before_it_tells_the_queue(start: Start) -> None:
    probe_id = await announce_probe()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        relay = start_relay(start, FONDACO_REDIS_URL=f"redis://127.0.0.1:{mute.getsockname()[1]}/0")
        await until(lambda: count(TASKS, str(probe_id)))
        kill(relay)
    await let_time_pass(probe_id)

    start_relay(start)
    start(*WORKER)

    await until(lambda: is_done(probe_id))
    assert await count(MARKS, probe_id, "probe.marked") == 1


async def test_a_flushed_queue_loses_no_work(queue: redis.Redis, start: Start) -> None:
    start_relay(start)
    probe_id = await announce_probe()

    async def is_queued() -> bool:
        return bool(queue.llen("fondaco:tasks"))

    await until(is_queued)
    queue.flushdb()
    start(*WORKER)

    # Nobody helps here: the relay says it again by itself.
    await until(lambda: is_done(probe_id))
    assert await count(MARKS, probe_id, "probe.marked") == 1


async def test_events_wait_for_a_queue_that_is_away(start: Start, database: object, tmp_path: Path) -> None:
    assert database
    valkey = EmbeddedValkey(tmp_path / "valkey", durable=False)
    with valkey:
        away = {"FONDACO_REDIS_URL": valkey.url}
        relay = start_relay(start, **away)
        worker = start(*WORKER, **away)
        probes = [await announce_probe()]
        await until(lambda: is_done(probes[0]))
        valkey.stop()
        probes += [await announce_probe() for _ in range(3)]
        await until(lambda: count(TASKS, str(probes[1])))
        valkey.start()

        for probe_id in probes:
            await let_time_pass(probe_id)
            await until(lambda probe_id=probe_id: is_done(probe_id))  # type: ignore[misc]

        assert (relay.poll(), worker.poll()) == (None, None)
        assert [await count(MARKS, probe_id, "probe.marked") for probe_id in probes] == [1] * 4


@pytest.mark.usefixtures("queue")
async def test_what_a_killed_worker_had_begun_is_done_once(start: Start, queue_settings: Settings) -> None:
    start_relay(start, "probe.stop")
    probe_id = await announce_probe()
    async with held_up(queue_settings, f"SELECT pg_advisory_xact_lock({STOP_LOCK})"):
        worker = start(*WORKER)
        await until(lambda: count(WAITING_FOR_A_LOCK, "%pg_advisory_xact_lock_shared%"))
        (child,) = children(worker.pid)
        os.kill(child, signal.SIGKILL)
        assert ends(worker.pid)
    await let_time_pass(probe_id)

    start(*WORKER)

    await until(lambda: is_done(probe_id, "probe.stopped"))
    assert await count(MARKS, probe_id, "probe.stopped") == 1


@pytest.mark.usefixtures("queue")
async def test_a_worker_that_is_told_to_stop_finishes_what_it_has_begun(start: Start, queue_settings: Settings) -> None:
    start_relay(start, "probe.stop")
    probe_id = await announce_probe()
    async with held_up(queue_settings, f"SELECT pg_advisory_xact_lock({STOP_LOCK})"):
        worker = start(*WORKER)
        await until(lambda: count(WAITING_FOR_A_LOCK, "%pg_advisory_xact_lock_shared%"))
        worker.terminate()

    assert worker.wait(timeout=30) == 0
    assert await is_done(probe_id, "probe.stopped")


@pytest.mark.usefixtures("queue")
def test_a_worker_without_its_keys_says_so_in_one_sentence(start: Start, tmp_path: Path) -> None:
    worker = start("fondaco_ops.bound", "fondaco_workers.main", FONDACO_MASTER_KEY_FILE=str(tmp_path / "none"))

    assert worker.wait(timeout=30) == 2

    said = (tmp_path / "processes.log").read_text()
    assert "fondaco: " in said
    assert "Traceback" not in said


async def test_metrics_are_shown_where_the_settings_say(start: Start, queue: redis.Redis) -> None:
    assert queue
    port = free_port()
    start_relay(start)
    start(*WORKER, FONDACO_METRICS_PORT=str(port))
    probe_id = await announce_probe()
    await until(lambda: is_done(probe_id))

    def shown() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    async def counted() -> bool:
        return 'fondaco_tasks_total{actor="probe.mark",outcome="done"}' in await asyncio.to_thread(shown)

    await until(counted)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.mark.usefixtures("database")
def test_a_metrics_port_that_is_taken_is_a_refusal(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        scheduler = start("fondaco_workers.schedule", FONDACO_METRICS_PORT=str(taken.getsockname()[1]))

        assert scheduler.wait(timeout=30) == 2

    assert (tmp_path / "processes.log").read_text().startswith("fondaco: FONDACO_METRICS_PORT is")


def test_a_relay_without_a_queue_says_so_in_one_sentence(start: Start, tmp_path: Path) -> None:
    relay = start("fondaco_workers.relay", FONDACO_REDIS_URL="")

    assert relay.wait(timeout=30) == 2

    assert (tmp_path / "processes.log").read_text().startswith("fondaco: FONDACO_REDIS_URL is not set")


@pytest.mark.usefixtures("queue")
async def test_slow_work_leaves_room_for_the_rest(start: Start, queue_settings: Settings) -> None:
    start_relay(start, "probe.linger", "probe.mark")
    async with held_up(queue_settings, f"SELECT pg_advisory_xact_lock({STOP_LOCK})"):
        start(*WORKER)
        probes = [await announce_probe() for _ in range(4)]

        for probe_id in probes:
            await until(lambda probe_id=probe_id: count(MARKS, probe_id, "probe.marked"))  # type: ignore[misc]

        assert await count(WAITING_FOR_A_LOCK, "%pg_advisory_xact_lock_shared%") <= 1

    for probe_id in probes:
        await let_time_pass(probe_id)
        await until(lambda probe_id=probe_id: is_done(probe_id, "probe.lingered"))  # type: ignore[misc]


@pytest.mark.usefixtures("queue")
async def test_connections_that_are_cut_lose_no_work(start: Start, queue_settings: Settings) -> None:
    relay, worker = start_relay(start), start(*WORKER)
    probes: list[UUID] = []
    owner = await asyncpg.connect(queue_settings.require_database_url().reveal())
    try:
        for _ in range(5):
            probes += [await announce_probe() for _ in range(5)]
            await until(lambda last=probes[-1]: count(MARKS, last, "probe.marked"))  # type: ignore[misc]
            probes += [await announce_probe() for _ in range(5)]
            await owner.execute(CUT_OFF)
    finally:
        await owner.close()

    for probe_id in probes:
        await until(lambda probe_id=probe_id: is_done(probe_id))  # type: ignore[misc]
    assert [await count(MARKS, probe_id, "probe.marked") for probe_id in probes] == [1] * 50
    assert (relay.poll(), worker.poll()) == (None, None)


async def test_a_failure_is_logged_without_its_text_and_tried_again(
    start: Start, queue: redis.Redis, tmp_path: Path
) -> None:
    start_relay(start, "probe.fail")
    start(*WORKER)
    probe_id = await announce_probe()

    await until(lambda: count(f"{TASKS} AND attempts > 1 AND failure = 'RuntimeError'", str(probe_id)))

    said = (tmp_path / "processes.log").read_text()
    assert '"task.failed"' in said
    assert f"secret-{probe_id}" not in said
    assert await count(MARKS, probe_id, "probe.failed") == 0
    queued = [queue.dump(key) or b"" for key in queue.keys("*")]
    assert all(str(probe_id).encode() not in value for value in queued)


async def test_the_scheduler_makes_a_task_of_every_job_and_stops_when_told(start: Start, database: object) -> None:
    assert database
    async with governing(CTX) as tx:
        await tx.execute("UPDATE outbox_tick SET ticked_at = '-infinity'")
        await tx.execute("DELETE FROM outbox_task WHERE job IS NOT NULL")

    scheduler = start("fondaco_workers.schedule")

    names = sorted(job.name for job in jobs())
    await until(lambda: has_tasks(names), instead=tasks_of_jobs)
    scheduler.terminate()
    assert scheduler.wait(timeout=30) == 0


async def tasks_of_jobs() -> list[tuple[str, int, str | None]]:
    """The tasks of all jobs: name, attempts, what it failed with."""
    async with governing(CTX) as tx:
        found = await tx.fetch("SELECT job, attempts, failure FROM outbox_task WHERE job IS NOT NULL ORDER BY job")
    return [tuple(row) for row in found]


async def has_tasks(names: list[str]) -> bool:
    """Whether each job of these names has its one task."""
    return [job for job, _, _ in await tasks_of_jobs()] == names


@pytest.mark.usefixtures("queue")
async def test_the_schedule_is_kept_to_the_end_by_the_real_processes(start: Start) -> None:
    async with governing(CTX) as tx:
        await tx.execute("UPDATE outbox_tick SET ticked_at = '-infinity'")

    start("fondaco_workers.schedule")
    start("fondaco_workers.relay")
    start("fondaco_ops.bound", "fondaco_workers.main", "--processes", "1", "--threads", "2")

    await until(lambda: count("SELECT count(*) FROM outbox_tick WHERE ticked_at > '-infinity'"))
    await until(lambda: has_tasks([]), instead=tasks_of_jobs)
    assert await count("SELECT count(*) FROM outbox_task WHERE failure IS NOT NULL AND job IS NOT NULL") == 0
