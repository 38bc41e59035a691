"""Actors of the vault, each run twice as a worker runs it."""

import asyncio
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from fondaco_core import clock
from fondaco_core.context import system_ctx
from fondaco_core.db import governing, reading
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import codes
from fondaco_workers.actors import codes as actors
from tests.support.actors import run_twice
from tests.support.factories.codes import (
    MadePool,
    make_codes,
    make_pool,
    make_requested_import,
    make_upload,
    some_codes,
)
from tests.support.factories.files import make_file
from tests.support.processes import PATIENCE_SECONDS

pytestmark = pytest.mark.usefixtures("database")

Start = Callable[..., subprocess.Popen[bytes]]
SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


@pytest.fixture
def own_clock() -> Iterator[None]:
    """The test may move time."""
    yield
    clock.use(None)


async def states(pool: MadePool) -> list[str]:
    async with reading(pool.ctx) as tx:
        return sorted(code.state.value for code in await codes.list_codes(tx, pool.ctx, pool_id=pool.id, count=100))


async def test_an_import_that_was_asked_for_is_done_once() -> None:
    pool = await make_pool()
    batch = await make_requested_import(pool, "\n".join(some_codes(30)).encode())

    await run_twice(actors.import_batch, tenant_id=pool.tenant_id, batch_id=str(batch.id))

    assert await states(pool) == ["AVAILABLE"] * 30
    async with reading(pool.ctx) as tx:
        done = await codes.get_batch(tx, pool.ctx, batch_id=batch.id)
        entries = await tx.fetch("SELECT action FROM audit_entry WHERE subject_id = $1 ORDER BY id", batch.id)
    assert (done.state, done.accepted) == (codes.BatchState.READY, 30)
    assert [entry["action"] for entry in entries] == ["batch.begun", "batch.imported"]


@pytest.mark.parametrize("form", codes.ImportFormat)
async def test_an_import_whose_worker_is_killed_in_every_chunk_is_whole_in_the_end(
    start: Start, form: codes.ImportFormat
) -> None:
    pool = await make_pool()
    # The order of the columns is said by the importer, and must be known again after every death.
    rows = [*((f"pin {number}", text) for number, text in enumerate(some_codes(350))), ("x", "-"), ("x", "-")]
    said = codes.Mapping(header=False, columns=((codes.ColumnRole.PIN, 0), (codes.ColumnRole.CODE, 1)))
    mapping = None if form is codes.ImportFormat.TXT else said
    batch = await make_requested_import(pool, make_file(rows, form), form=form, mapping=mapping)

    # The second worker begins where the first one's commits ended, and dies two chunks further on.
    ends = [
        await asyncio.to_thread(
            start("tests.workers.probe_import", str(pool.tenant_id), str(batch.id), before).wait, PATIENCE_SECONDS
        )
        for before in ("0", "1", "1")
    ]
    async with reading(pool.ctx) as tx:
        half = await codes.get_batch(tx, pool.ctx, batch_id=batch.id)
    await run_twice(actors.import_batch, tenant_id=pool.tenant_id, batch_id=str(batch.id))

    async with reading(pool.ctx) as tx:
        done = await codes.get_batch(tx, pool.ctx, batch_id=batch.id)
        assert await codes.stock_of_pools(tx, [pool.id]) == {pool.id: 350}
    assert ends == [-signal.SIGKILL] * 3
    assert (half.state, half.accepted, half.last_line) == (codes.BatchState.IMPORTING, 200, 200)
    assert (done.state, done.accepted, done.duplicates, done.rejected) == (codes.BatchState.READY, 350, 0, 2)


async def test_a_collision_is_written_down_once_and_for_the_platform_alone() -> None:
    mine, theirs = await make_pool(), await make_pool()
    texts = some_codes(2)
    await make_codes(theirs, 2, texts=texts)
    batch = await make_requested_import(mine, "\n".join(texts).encode())
    await run_twice(actors.import_batch, tenant_id=mine.tenant_id, batch_id=str(batch.id))
    async with governing(SYSTEM) as tx:
        ids = [row["id"] for row in await tx.fetch("SELECT id FROM code WHERE batch_id = $1 ORDER BY id", batch.id)]

    await run_twice(actors.record_collisions, tenant_id=mine.tenant_id, code_ids=[str(id_) for id_ in ids])

    async with governing(SYSTEM) as tx:
        entries = await tx.fetch("SELECT tenant_id FROM audit_entry WHERE subject_id = ANY($1::uuid[])", ids)
    assert [entry["tenant_id"] for entry in entries] == [None, None]


@pytest.mark.usefixtures("own_clock")
async def test_codes_expire_and_uploads_are_forgotten_when_their_time_is_over() -> None:
    pool = await make_pool()
    soon = clock.now() + timedelta(hours=1)
    async with codes.sealing(pool.ctx) as tx:
        await codes.import_codes(
            tx,
            pool.ctx,
            pool_id=pool.id,
            text=Secret("\n".join(some_codes(2))),
            unit_cost=Money(1, "CNY"),
            expires_at=soon,
        )
    await make_codes(pool, 1)
    upload_id = await make_upload(pool.ctx, b"ABCDEFGH12345678\n")
    later = soon + timedelta(days=2)
    clock.use(lambda: later)

    await run_twice(actors.expire)
    await run_twice(actors.forget_uploads)

    assert await states(pool) == ["AVAILABLE", "EXPIRED", "EXPIRED"]
    async with reading(pool.ctx) as tx:
        assert (await codes.get_upload(tx, pool.ctx, upload_id=upload_id)).state is codes.UploadState.DROPPED
        entries = await tx.fetch(
            "SELECT 1 FROM audit_entry WHERE tenant_id = $1 AND action = 'code.expired'", pool.tenant_id
        )
    assert len(entries) == 2


async def test_imports_of_a_merchant_who_trades_again_go_on() -> None:
    pool = await make_pool()
    batch = await make_requested_import(pool, "\n".join(some_codes(3)).encode())
    done = await make_requested_import(pool, "\n".join(some_codes(3)).encode())
    await run_twice(actors.import_batch, tenant_id=pool.tenant_id, batch_id=str(done.id))

    await run_twice(actors.resume_imports, tenant_id=pool.tenant_id)

    async with governing(SYSTEM) as tx:
        rows = await tx.fetch(
            "SELECT payload->>'batch_id' AS batch_id FROM outbox_event WHERE tenant_id = $1 AND name = 'batch.requested' "
            "ORDER BY seq",
            pool.tenant_id,
        )
    assert [row["batch_id"] for row in rows] == [str(each) for each in (batch.id, done.id, batch.id, batch.id)]


@pytest.mark.usefixtures("own_clock")
async def test_low_and_expiring_stock_is_announced_and_old_lines_are_forgotten() -> None:
    pool = await make_pool()
    async with codes.sealing(pool.ctx) as tx:
        batch = await codes.import_codes(
            tx,
            pool.ctx,
            pool_id=pool.id,
            text=Secret("\n".join([*some_codes(2), "-"])),
            unit_cost=Money(1, "CNY"),
            expires_at=clock.now() + timedelta(days=50),
        )
        await codes.change_pool(tx, pool.ctx, pool_id=pool.id, version=1, changes=codes.PoolChanges(low_stock_at=5))
    later = clock.now() + timedelta(days=45)
    clock.use(lambda: later)

    await run_twice(actors.watch_stock)
    await run_twice(actors.watch_expiry)
    await run_twice(actors.forget_lines)

    async with governing(SYSTEM) as tx:
        names = await tx.fetch(
            "SELECT name FROM outbox_event WHERE tenant_id = $1 AND name <> 'batch.imported' ORDER BY seq",
            pool.tenant_id,
        )
    assert [row["name"] for row in names if row["name"].startswith(("stock.", "batch."))] == [
        "stock.low",
        "batch.expiring",
    ]
    async with reading(pool.ctx) as tx:
        assert (await codes.get_batch(tx, pool.ctx, batch_id=batch.id)).lines_kept_until is None
