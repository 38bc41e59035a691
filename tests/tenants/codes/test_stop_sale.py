"""Codes near their expiry are not sold; what is low, out, back or near its expiry is announced once."""

from datetime import timedelta
from typing import Any

import pytest

from fondaco_core import clock, limits, tenancy
from fondaco_core.context import system_ctx
from fondaco_core.db import governing, reading, trading, transaction
from fondaco_core.errors import Invalid, StaleVersion
from fondaco_core.ids import AllocationId, new_id
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import codes
from fondaco_tenants.codes.service import hold
from fondaco_tenants.codes.store import hold as hold_store
from tests.support.factories.codes import (
    MadePool,
    importer_ctx,
    make_codes,
    make_pool,
    make_requested_import,
    some_codes,
)
from tests.support.factories.identity import admin_ctx
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


async def make_expiring(pool: MadePool, count: int, *, days: float) -> codes.Batch:
    async with codes.sealing(pool.ctx) as tx:
        return await codes.import_codes(
            tx, pool.ctx, pool_id=pool.id, text=Secret("\n".join(some_codes(count))), unit_cost=Money(1, "CNY"),
            expires_at=clock.now() + timedelta(days=days),
        )  # fmt: skip


async def changed(pool: MadePool, **changes: Any) -> codes.Pool:
    async with transaction(pool.ctx) as tx:
        before = await codes.get_pool(tx, pool.ctx, pool_id=pool.id)
        return await codes.change_pool(
            tx, pool.ctx, pool_id=pool.id, version=before.version, changes=codes.PoolChanges(**changes)
        )


async def in_stock(pool: MadePool) -> int:
    async with reading(pool.ctx) as tx:
        return (await codes.stock_of_pools(tx, [pool.id]))[pool.id]


async def picked(pool: MadePool, count: int) -> int:
    async with trading(pool.ctx) as tx:
        return len((await codes.pick_codes(tx, {pool.id: count}))[pool.id])


async def announced(pool: MadePool) -> list[tuple[str, Any]]:
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch(
            "SELECT name, payload->>'days' AS days, payload->>'codes' AS codes FROM outbox_event "
            "WHERE tenant_id = $1 AND (name LIKE 'stock.%' OR name = 'batch.expiring') ORDER BY seq",
            pool.tenant_id,
        )
    return [(row["name"], None if row["days"] is None else (int(row["days"]), int(row["codes"]))) for row in rows]


async def test_codes_nearer_to_their_expiry_than_the_pool_sells_are_neither_picked_nor_counted() -> None:
    pool = await make_pool()
    await make_expiring(pool, 2, days=3)
    await make_expiring(pool, 3, days=10)
    await make_codes(pool, 1)

    await changed(pool, stop_sale_days=7)

    assert (await in_stock(pool), await picked(pool, 10)) == (4, 4)
    await changed(pool, stop_sale_days=30)
    assert (await in_stock(pool), await picked(pool, 10)) == (1, 1)
    await changed(pool, stop_sale_days=0)
    assert (await in_stock(pool), await picked(pool, 10)) == (6, 6)
    await assert_invariants()


async def test_the_mark_passes_what_is_not_sold_any_more_and_comes_back_when_it_is_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hold, "MARK_EVERY", 1)
    pool = await make_pool()
    await make_expiring(pool, 2, days=3)
    await make_codes(pool, 5)
    await changed(pool, stop_sale_days=7)

    sold = [AllocationId(new_id()), AllocationId(new_id())]
    for unit in sold:
        async with trading(pool.ctx) as tx:
            (code,) = (await codes.pick_codes(tx, {pool.id: 1}))[pool.id]
            await codes.allocate_codes(tx, [(unit, code)], delivered=True)
    async with reading(pool.ctx) as tx:
        mark = await tx.fetchval("SELECT pick_expires_at FROM code_pool WHERE id = $1", pool.id)

    # Picking begins at what is sold, not at the index entries of what was: the mark is beyond the codes near their expiry.
    assert mark == codes.NEVER
    assert await in_stock(pool) == 3
    await changed(pool, stop_sale_days=1)
    assert (await in_stock(pool), await picked(pool, 10)) == (5, 5)
    async with trading(pool.ctx) as tx:
        await codes.release_codes(tx, sold)
    await assert_invariants()


async def test_codes_that_are_not_sold_any_more_expire_all_the_same() -> None:
    pool = await make_pool()
    await make_expiring(pool, 2, days=3)
    async with transaction(pool.ctx) as tx:
        await tx.execute(
            "UPDATE code_pool SET pick_expires_at = $2, pick_position = 0, stop_sale_days = 7 WHERE id = $1",
            pool.id,
            codes.NEVER,
        )
        await tx.execute("UPDATE code SET expires_at = now() - interval '1 second' WHERE pool_id = $1", pool.id)

    await codes.expire_codes(SYSTEM)

    async with reading(pool.ctx) as tx:
        found = await codes.list_codes(tx, pool.ctx, pool_id=pool.id)
    assert {code.state for code in found} == {codes.CodeState.EXPIRED}


async def test_picking_walks_over_nothing_that_is_not_sold() -> None:
    pool = await make_pool()
    await make_expiring(pool, 50, days=3)
    await make_codes(pool, 50)
    await changed(pool, stop_sale_days=7)

    async with trading(pool.ctx) as tx:
        plan = await tx.fetch(
            "EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) " + hold_store.PICK, [pool.id], [1], clock.now()
        )

    text = "\n".join(row[0] for row in plan)
    assert "Rows Removed by Filter" not in text, text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"stop_sale_days": -1}, "stop_sale_before_expiry_days"),
        ({"stop_sale_days": limits.EXPIRY_DAYS_MAX + 1}, "stop_sale_before_expiry_days"),
        ({"low_stock_at": -1}, "low_stock_at"),
        ({"low_stock_at": limits.LOW_STOCK_MAX + 1}, "low_stock_at"),
        ({"expiry_alarm_days": [0]}, "expiry_alarm_days"),
        ({"expiry_alarm_days": list(range(1, limits.EXPIRY_ALARMS_MAX + 2))}, "expiry_alarm_days"),
        ({"name": " "}, "name"),
    ],
)
async def test_what_makes_no_sense_for_a_pool_is_refused(changes: dict[str, Any], field: str) -> None:
    pool = await make_pool()

    with pytest.raises(Invalid) as refused:
        await changed(pool, **changes)

    assert refused.value.path == (field,)


async def test_a_pool_is_changed_at_the_version_that_was_read_and_by_a_merchant_who_may_trade() -> None:
    pool = await make_pool()
    await changed(pool, name="First")

    with pytest.raises(StaleVersion):
        async with transaction(pool.ctx) as tx:
            await codes.change_pool(tx, pool.ctx, pool_id=pool.id, version=1, changes=codes.PoolChanges(name="Second"))
    await suspend(pool)
    with pytest.raises(tenancy.TenantNotActive):
        await changed(pool, name="Third")
    with pytest.raises(tenancy.TenantNotActive):
        async with transaction(pool.ctx) as tx:
            await codes.archive_pool(tx, pool.ctx, pool_id=pool.id, version=2)


async def suspend(pool: MadePool) -> None:
    async with governing(admin_ctx()) as tx:
        await tenancy.suspend_tenant(tx, admin_ctx(), pool.tenant_id, reason="A test says so.")


async def test_an_import_of_a_merchant_who_is_suspended_stops_and_goes_on_when_it_trades_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "IMPORT_CHUNK_LINES", 10)
    pool = await make_pool()
    batch = await make_requested_import(pool, "\n".join(some_codes(30)).encode())
    await suspend(pool)

    await codes.run_import(importer_ctx(pool), batch_id=batch.id)

    async with reading(pool.ctx) as tx:
        stopped = await codes.get_batch(tx, pool.ctx, batch_id=batch.id)
    assert (stopped.state, stopped.accepted) == (codes.BatchState.IMPORTING, 0)
    async with governing(admin_ctx()) as tx:
        await tenancy.resume_tenant(tx, admin_ctx(), pool.tenant_id, reason="It was a mistake.")
    async with transaction(importer_ctx(pool)) as tx:
        assert await codes.resume_imports(tx, importer_ctx(pool)) == 1
    await codes.run_import(importer_ctx(pool), batch_id=batch.id)
    async with reading(pool.ctx) as tx:
        assert (await codes.get_batch(tx, pool.ctx, batch_id=batch.id)).accepted == 30


async def test_low_stock_is_announced_once_until_there_was_clearly_more_again() -> None:
    pool = await make_pool()
    await changed(pool, low_stock_at=5)
    await make_codes(pool, 8)
    await codes.watch_stock(SYSTEM)
    told = [await announced(pool)]

    for move in (-3, 0, +1, -1, -5, +3, +7):
        if move > 0:
            await make_codes(pool, move)
        if move < 0:
            async with trading(pool.ctx) as tx:
                taken = (await codes.pick_codes(tx, {pool.id: -move}))[pool.id]
            async with transaction(pool.ctx) as tx:
                gone = [code.code_id for code in taken]
                await codes.void_codes(tx, pool.ctx, code_ids=gone, reason="taken away")
        for _ in range(2):
            await codes.watch_stock(SYSTEM)
        told.append(await announced(pool))

    names = [[name for name, _ in each] for each in told]
    # 8; 5 is low; 5; 6 is not clearly more; 5; none; 3 is back and low; 10 is enough.
    low, out = ["stock.low"], ["stock.low", "stock.out"]
    assert names == [[], low, low, low, low, out, [*out, "stock.back"], [*out, "stock.back", "stock.back"]]


async def test_a_pool_that_never_had_anything_is_no_news() -> None:
    pool = await make_pool()

    await codes.watch_stock(SYSTEM)
    await codes.watch_stock(SYSTEM)

    assert await announced(pool) == []


async def test_an_import_near_its_expiry_is_announced_once_for_each_alarm_and_only_the_nearest() -> None:
    pool = await make_pool()
    await changed(pool, expiry_alarm_days=[30, 7, 1])
    batch = await make_expiring(pool, 3, days=20)
    await make_expiring(pool, 2, days=5)
    await make_expiring(pool, 2, days=100)

    for _ in range(2):
        await codes.watch_expiry(SYSTEM)
    before = await announced(pool)
    async with transaction(pool.ctx) as tx:
        await tx.execute("UPDATE code SET expires_at = now() + interval '6 days' WHERE batch_id = $1", batch.id)
    for _ in range(2):
        await codes.watch_expiry(SYSTEM)

    assert sorted(before) == [("batch.expiring", (7, 2)), ("batch.expiring", (30, 3))]
    assert (await announced(pool))[2:] == [("batch.expiring", (7, 3))]


async def test_what_expires_when_is_counted_for_its_owner_alone() -> None:
    pool, other = await make_pool(), await make_pool()
    await make_expiring(pool, 3, days=20)
    await make_expiring(pool, 2, days=5)
    await make_expiring(other, 4, days=5)

    async with reading(pool.ctx) as tx:
        units = await codes.expiring_units(tx, pool.ctx, asked=[(pool.id, 7), (pool.id, 30), (other.id, 30)])
        calendar = await codes.expiry_calendar(tx, pool.ctx, days=90)

    assert units == {(pool.id, 7): 2, (pool.id, 30): 5}
    assert [(day.pool_id, day.codes) for day in calendar] == [(pool.id, 2), (pool.id, 3)]
