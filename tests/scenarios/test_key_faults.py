"""Kill -9 of a worker that re-seals, at one step after the other: every value opens, and the rotation ends by itself.

A new rotation begins for every process; the next process finds what the last one left, ends it, and meets its own end some
steps later. Many more steps, each of a merchant's rotation, are the last without processes, in tests/core/custody.
"""

from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import pytest
import redis

from fondaco_core import custody, limits
from fondaco_core.config import Settings
from fondaco_core.db import governing
from tests.core.custody.kept import COLUMNS, EVERY_KIND, KEEPER, make_kept, under
from tests.core.custody.test_rotation import make_stock, numbers, shown
from tests.scenarios.test_faults import Back, read, write
from tests.support.breaking import breakable, environment_of
from tests.support.factories.payments import fake_gateways
from tests.support.invariants import assert_invariants
from tests.support.waiting import until
from tests.workers.conftest import Start

pytestmark = pytest.mark.usefixtures("database")

# Nobody else seals here, so that nobody has to be waited for.
HURRIED = {"KEY_CACHE_S": 0.0, "KEY_SETTLE_S": 0.0, "RESEAL_PAUSE_FACTOR": 0.0}
# How many steps lie between the deaths of two processes.
STRIDE = 5


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in HURRIED.items():
        monkeypatch.setattr(limits, name, value)


async def is_done(change: custody.Change) -> bool:
    """Whether a change has come to its end, by workers alone; what was put off for a moment is due at once."""
    await write("UPDATE outbox_task SET due_at = now() WHERE running_until IS NULL OR running_until <= now()")
    async with governing(KEEPER) as tx:
        return (await custody.get_change(tx, KEEPER, change_id=change.id)).finished_at is not None


async def kill_at_steps(
    worker: Back, begin: Callable[[], Awaitable[custody.Change]], check: Callable[[custody.Change], Awaitable[None]]
) -> list[str]:
    """Kills the worker that carries on a rotation, ever later; gives the steps of the one that lived."""
    change, steps = None, None
    for at in count(2, STRIDE):
        last = await read("SELECT coalesce(max(id), 0) FROM outbox_task WHERE actor = 'keys.carry_on'")
        await worker.start(at=at, after=last, actor="keys.carry_on", limits=HURRIED)
        if change is not None:
            await until(lambda change=change: is_done(change))  # type: ignore[misc]
            await check(change)
        change = await begin()
        steps = await worker.process.outcome()
        # What a killed process left behind opens as it lies there, some of it under the one key and some under the other.
        if steps is not None:
            break
        await check(change)
    assert change is not None
    await until(lambda: is_done(change))
    await check(change)
    assert steps is not None
    return steps


async def test_a_worker_that_is_killed_at_steps_of_a_merchants_rotation_leaves_all_codes_openable(
    settings: Settings, queue: redis.Redis, queue_settings: Settings, start: Start, tmp_path: Path
) -> None:
    pool, texts = await make_stock(6)
    start("fondaco_workers.relay")

    async def begin() -> custody.Change:
        return await custody.rotate_tenant_key(KEEPER, tenant_id=pool.tenant_id, columns=COLUMNS)

    async def check(change: custody.Change) -> None:
        assert await shown(pool) == set(texts)
        if await is_done(change):
            assert set().union(*(await numbers(settings, pool.tenant_id)).values()) == {change.number}

    environment = environment_of(queue_settings)
    async with breakable("worker", environment, tmp_path / "worker.log") as process:
        steps = await kill_at_steps(Back(process, queue), begin, check)

    assert steps.count("COMMITTED") > 5
    await assert_invariants()


async def test_a_worker_that_is_killed_at_steps_of_the_platforms_rotation_leaves_all_that_it_keeps_openable(
    settings: Settings, queue: redis.Redis, queue_settings: Settings, start: Start, tmp_path: Path
) -> None:
    async with fake_gateways():
        kept = await make_kept()
    start("fondaco_workers.relay")

    async def begin() -> custody.Change:
        return await custody.rotate_platform_key(KEEPER, columns=COLUMNS)

    async def check(change: custody.Change) -> None:
        await kept.assert_stored()
        if await is_done(change):
            assert (await under(settings, change.number)).keys() == EVERY_KIND
            assert (
                await read(
                    "SELECT count(*) FROM data_key WHERE tenant_id IS NULL AND purpose = 'SEAL' AND destroyed_at IS NULL"
                )
                == 1
            )

    environment = environment_of(queue_settings)
    async with breakable("worker", environment, tmp_path / "worker.log") as process:
        steps = await kill_at_steps(Back(process, queue), begin, check)

    assert steps.count("COMMITTED") > len(EVERY_KIND)
    await assert_invariants()
