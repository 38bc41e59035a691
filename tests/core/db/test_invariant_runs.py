"""In production a promise that takes long to look at rests longer; none is forgotten, and what is broken stays told."""

from uuid import uuid4

import pytest

from fondaco_core import limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import Invariant, check_due, find_breaches, governing
from fondaco_core.errors import Unauthenticated
from tests.support.clock import later

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


def make_promise(sql: str = "SELECT 1 WHERE false") -> Invariant:
    return Invariant("test", f"holds {uuid4()}", sql)


async def took(promise: Invariant, ms: int) -> None:
    """As if the last look had taken so long."""
    async with governing(SYSTEM) as tx:
        assert await tx.execute("UPDATE invariant_run SET took_ms = $2 WHERE promise = $1", promise.said, ms) == 1


async def test_a_promise_that_takes_no_time_is_looked_at_each_time() -> None:
    promise = make_promise()

    first = await check_due(SYSTEM, [promise])
    await took(promise, 0)
    again = await check_due(SYSTEM, [promise])

    assert [(each.looked_at, each.breaches, each.broken) for each in (first, again)] == [(1, [], 0)] * 2


async def test_one_that_takes_long_rests_and_is_looked_at_within_the_hour() -> None:
    short, long = make_promise(), make_promise()
    await check_due(SYSTEM, [short, long])
    await took(short, 1_000)
    await took(long, limits.INVARIANT_TIMEOUT_MS)

    seen = []
    for seconds in (1, limits.INVARIANT_REST + 1):
        with later(seconds=seconds):
            seen.append((await check_due(SYSTEM, [short, long])).looked_at)
    with later(milliseconds=limits.INVARIANT_REST_MAX_MS + 1_000):
        seen.append((await check_due(SYSTEM, [long])).looked_at)

    assert seen == [0, 1, 1]


async def test_what_is_broken_stays_told_while_it_rests_and_until_it_is_mended() -> None:
    broken, well = make_promise("SELECT 7 AS id"), make_promise()
    first = await check_due(SYSTEM, [broken, well])
    await took(broken, limits.INVARIANT_TIMEOUT_MS)

    resting = await check_due(SYSTEM, [broken, well])
    mended = Invariant("test", broken.promise, "SELECT 1 WHERE false")
    with later(hours=1):
        after = await check_due(SYSTEM, [mended, well])

    assert [breach.rows for breach in first.breaches] == [({"id": 7},)]
    assert (resting.breaches, resting.broken) == ([], 1)
    assert (after.looked_at, after.broken) == (2, 0)


async def test_one_that_cannot_be_asked_is_broken_and_hides_no_other() -> None:
    odd, broken = make_promise("SELECT no_such_column FROM tenant"), make_promise("SELECT 1")

    checked = await check_due(SYSTEM, [odd, broken])

    assert (checked.looked_at, checked.broken) == (2, 2)
    assert [breach.failure is not None for breach in checked.breaches] == [True, False]


async def test_who_asks_for_all_is_told_of_all_whatever_rests() -> None:
    broken = make_promise("SELECT 1")
    await check_due(SYSTEM, [broken])
    await took(broken, limits.INVARIANT_TIMEOUT_MS)

    assert [breach.invariant for breach in await find_breaches(SYSTEM, [broken])] == [broken]


async def test_nobody_but_the_system_looks() -> None:
    with pytest.raises(Unauthenticated):
        await check_due(Ctx(request_id="test"), [make_promise()])
