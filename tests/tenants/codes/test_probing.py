"""A dry run is no oracle: of others' codes it tells a few a day, the platform hears of more, and it is bounded in what it costs."""

from dataclasses import replace
from typing import Any

import pytest

from fondaco_core import limits
from fondaco_core.context import system_ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.money import Money
from fondaco_tenants import codes
from fondaco_tenants.codes import ImportOddity, TooManyPreviews
from fondaco_tenants.codes.service import preview
from fondaco_workers.actors.codes import record_probing
from tests.support.actors import run_twice
from tests.support.clock import later
from tests.support.factories.codes import MadePool, make_codes, make_pool, make_upload, some_codes

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))
BOUND = 4


@pytest.fixture(autouse=True)
def few_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PREVIEW_HITS_MAX", BOUND)


async def looked_at(pool: MadePool, texts: list[str]) -> codes.Preview:
    upload_id = await make_upload(pool.ctx, "\n".join(texts).encode())
    return await codes.preview_import(pool.ctx, pool_id=pool.id, upload_id=upload_id, unit_cost=Money(0, "CNY"))


def untold(told: codes.Preview) -> bool:
    return ImportOddity.OTHERS_UNTOLD in {each.kind for each in told.warnings}


async def alarms(pool: MadePool) -> list[dict[str, Any]]:
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch(
            "SELECT payload->>'hits' AS hits, payload->>'since' AS since FROM outbox_event"
            " WHERE tenant_id = $1 AND name = 'code.probed' ORDER BY seq",
            pool.tenant_id,
        )
    return [dict(row) for row in rows]


async def test_who_guesses_learns_of_a_few_codes_of_others_a_day_and_of_no_more() -> None:
    mine, theirs = await make_pool(), await make_pool()
    foreign = await make_codes(theirs, 10)

    first = await looked_at(mine, [*foreign[:3], *some_codes(2)])
    second = await looked_at(mine, foreign[3:6])
    third = await looked_at(mine, [*foreign[6:], *some_codes(2)])

    assert [(told.duplicates, told.accepted, untold(told)) for told in (first, second, third)] == [
        (3, 2, False),
        (1, 2, True),
        (0, 6, True),
    ]
    assert [problem.line for problem in second.problems] == [1]


async def test_beyond_the_bound_a_code_that_somebody_has_looks_like_one_that_nobody_has() -> None:
    mine, theirs = await make_pool(), await make_pool()
    foreign = await make_codes(theirs, BOUND + 1)
    await looked_at(mine, foreign[:BOUND])

    known = await looked_at(mine, foreign[BOUND:])
    unknown = await looked_at(mine, some_codes(1))

    assert replace(known, codes=(), columns=()) == replace(unknown, codes=(), columns=())


async def test_ones_own_codes_are_told_of_however_many() -> None:
    pool = await make_pool()
    own = await make_codes(pool, BOUND + 3)

    for _ in range(2):
        told = await looked_at(pool, own)
        assert (told.duplicates, told.accepted, untold(told)) == (BOUND + 3, 0, False)
    assert await alarms(pool) == []


async def test_a_code_that_a_file_says_a_thousand_times_counts_once() -> None:
    mine, theirs = await make_pool(), await make_pool()
    (foreign,) = await make_codes(theirs, 1)

    told = await looked_at(mine, [foreign] * 1_000)

    assert (told.duplicates, told.duplicates_in_file, untold(told)) == (1, 999, False)


async def test_the_bound_is_a_days_and_the_next_day_there_is_another() -> None:
    mine, theirs = await make_pool(), await make_pool()
    foreign = await make_codes(theirs, BOUND)
    await looked_at(mine, foreign)

    with later(seconds=limits.PREVIEW_HITS_S + 1):
        told = await looked_at(mine, foreign[:1])

    assert (told.duplicates, untold(told)) == (1, False)


async def test_the_platform_is_told_once_and_the_merchant_never() -> None:
    mine, theirs = await make_pool(), await make_pool()
    foreign = await make_codes(theirs, BOUND + 2)
    await looked_at(mine, foreign[:2])
    before = await alarms(mine)

    await looked_at(mine, foreign)
    await looked_at(mine, foreign)
    told = await alarms(mine)
    await run_twice(record_probing, tenant_id=mine.tenant_id, hits=int(told[0]["hits"]), since=told[0]["since"])

    assert before == []
    assert [each["hits"] for each in told] == [str(BOUND + 4)]
    async with governing(SYSTEM) as tx:
        entries = await tx.fetch(
            "SELECT tenant_id, detail::text AS detail FROM audit_entry WHERE subject_id = $1 AND action = 'code.probed'",
            mine.tenant_id,
        )
    assert [entry["tenant_id"] for entry in entries] == [None]
    assert not any(text in entries[0]["detail"] for text in foreign)
    async with reading(mine.ctx) as tx:
        assert await tx.fetch("SELECT 1 FROM audit_entry WHERE action = 'code.probed'") == []


async def test_one_dry_run_goes_on_at_a_time_and_one_whose_process_died_gives_its_place_back() -> None:
    pool = await make_pool()
    async with transaction(pool.ctx) as tx:
        await preview.begin_preview(tx, pool.ctx)

    with pytest.raises(TooManyPreviews) as busy:
        await looked_at(pool, some_codes(1))
    with later(seconds=limits.PREVIEW_LEASE_S + 1):
        told = await looked_at(pool, some_codes(1))

    assert 0 < busy.value.retry_after_s <= limits.PREVIEW_LEASE_S
    assert told.accepted == 1


async def test_a_merchant_has_so_many_dry_runs_an_hour_and_others_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PREVIEWS_MAX", 2)
    mine, theirs = await make_pool(), await make_pool()
    for _ in range(2):
        await looked_at(mine, some_codes(1))

    with pytest.raises(TooManyPreviews) as many:
        await looked_at(mine, some_codes(1))
    assert (await looked_at(theirs, some_codes(1))).accepted == 1
    with later(seconds=limits.PREVIEWS_S + 1):
        assert (await looked_at(mine, some_codes(1))).accepted == 1

    assert limits.PREVIEWS_S - 60 < many.value.retry_after_s <= limits.PREVIEWS_S


async def test_a_dry_run_that_fails_counts_and_gives_its_place_back() -> None:
    pool = await make_pool()
    upload_id = await make_upload(pool.ctx, b"PK\x03\x04 no workbook")

    for _ in range(2):
        with pytest.raises(codes.UnreadableWorkbook):
            await codes.preview_import(pool.ctx, pool_id=pool.id, upload_id=upload_id, unit_cost=Money(0, "CNY"))

    async with reading(pool.ctx) as tx:
        assert [tuple(row) for row in await tx.fetch("SELECT previews, busy_until FROM preview_use")] == [(2, None)]
