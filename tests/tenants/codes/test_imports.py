"""Imports: what is accepted, what is not, each code once over the whole platform, exactly once however often cut off."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from fondaco_core import limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.crypto import DataKey
from fondaco_core.db import Tx, governing, reading, transaction
from fondaco_core.errors import NotAllowed, NotFound
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import codes
from fondaco_tenants.catalog import FulfilmentKind
from fondaco_tenants.codes import BatchState, BatchTouched, CodeState, ImportFormat, LineReason
from fondaco_tenants.codes.errands import importing
from fondaco_tenants.codes.service import imports, uploads
from tests.support.factories.codes import (
    MadePool,
    importer_ctx,
    make_codes,
    make_pool,
    make_requested_import,
    make_upload,
    pieces,
    some_codes,
)
from tests.support.factories.files import make_file

pytestmark = pytest.mark.usefixtures("database")

CNY = Money(3_000, "CNY")


async def import_text(pool: MadePool, text: str, *, form: ImportFormat = ImportFormat.TXT) -> codes.Batch:
    async with codes.sealing(pool.ctx) as tx:
        return await codes.import_codes(tx, pool.ctx, pool_id=pool.id, text=Secret(text), unit_cost=CNY, format=form)


async def report(ctx: Ctx, batch: codes.Batch) -> list[tuple[int, LineReason]]:
    async with reading(ctx) as tx:
        return [
            (line.line, line.reason)
            for line in await codes.list_report(tx, ctx, batch_id=batch.id, count=limits.PAGE_MAX)
        ]


async def batch_of(ctx: Ctx, batch: codes.Batch) -> codes.Batch:
    async with reading(ctx) as tx:
        return await codes.get_batch(tx, ctx, batch_id=batch.id)


async def all_codes(pool: MadePool) -> list[codes.Code]:
    async with reading(pool.ctx) as tx:
        return await codes.list_codes(tx, pool.ctx, pool_id=pool.id, count=limits.PAGE_MAX)


def counts(batch: codes.Batch) -> tuple[int, int, int]:
    return batch.accepted, batch.duplicates, batch.rejected


async def test_imported_codes_are_in_stock_in_the_order_of_the_file() -> None:
    pool = await make_pool()

    texts = await make_codes(pool, 3)

    async with reading(pool.ctx) as tx:
        assert await codes.stock_of_pools(tx, [pool.id]) == {pool.id: 3}
        assert await codes.stock_of_pools(tx, [pool.id], up_to=2) == {pool.id: 2}
    assert [code.masked[:2] for code in await all_codes(pool)] == [text[:2] for text in texts]


async def test_every_line_is_accepted_a_duplicate_or_rejected_with_a_reason() -> None:
    pool = await make_pool()
    first, second, third = some_codes(3)
    await import_text(pool, third)

    batch = await import_text(pool, f"{first}\n\n{first.lower()[:4]}-{first[4:]}\n{second}\n---\nA\x00B\n{third}\n")

    assert batch.state is BatchState.READY
    assert counts(batch) == (2, 2, 2)
    assert batch.lines == 6
    assert await report(pool.ctx, batch) == [
        (3, LineReason.DUPLICATE_IN_FILE),
        (5, LineReason.EMPTY),
        (6, LineReason.NOT_TEXT),
        (7, LineReason.DUPLICATE),
    ]


async def test_more_lines_than_one_request_takes_are_refused_whole() -> None:
    pool = await make_pool()

    with pytest.raises(codes.TooManyLines):
        await import_text(pool, "\n".join(some_codes(limits.IMPORT_INLINE_MAX + 1)))

    assert await all_codes(pool) == []


async def test_an_own_code_with_its_pin_is_opened_as_it_was_written() -> None:
    pool = await make_pool()
    (card,) = some_codes(1)
    await import_text(pool, f"password,card number\n0042,{card}\n", form=ImportFormat.CSV)
    (code,) = await all_codes(pool)

    async with transaction(pool.ctx) as tx:
        shown = await codes.reveal_own_code(tx, pool.ctx, code_id=code.id, reason="The buyer says it is wrong.")

    assert shown.code == Secret(card)
    assert shown.pin == Secret("0042")


async def test_the_same_card_with_another_pin_is_a_duplicate() -> None:
    pool = await make_pool()
    (card,) = some_codes(1)

    batch = await import_text(pool, f"{card},1\n{card},2\n", form=ImportFormat.CSV)

    assert counts(batch) == (1, 1, 0)


async def test_links_that_differ_by_the_case_of_their_path_are_two_and_other_texts_are_none() -> None:
    pool = await make_pool(kind=FulfilmentKind.LINK)
    (path,) = some_codes(1)

    batch = await import_text(
        pool, f"https://e.example/{path}\nhttps://E.example/{path.lower()}\nhttp://e.example/{path}\n{path}"
    )

    assert counts(batch) == (2, 1, 1)
    assert await report(pool.ctx, batch) == [(3, LineReason.DUPLICATE_IN_FILE), (4, LineReason.BAD_URL)]


async def test_two_imports_of_one_file_at_once_make_one_set_of_codes() -> None:
    pool = await make_pool()
    texts = some_codes(400)

    first, second = await asyncio.gather(
        import_text(pool, "\n".join(texts)), import_text(pool, "\n".join(reversed(texts)))
    )

    assert first.accepted + second.accepted == 400
    assert first.duplicates + second.duplicates == 400
    async with reading(pool.ctx) as tx:
        assert await codes.stock_of_pools(tx, [pool.id]) == {pool.id: 400}


async def test_imports_of_many_merchants_at_once_never_deadlock() -> None:
    pools = [await make_pool() for _ in range(4)]
    texts = some_codes(300)

    batches = await asyncio.gather(
        *(import_text(pool, "\n".join(texts[i * 37 :] + texts[: i * 37])) for i, pool in enumerate(pools))
    )

    assert sum(batch.accepted for batch in batches) == 300
    assert sum(batch.duplicates for batch in batches) == 900


async def collisions(tx: Tx, batch: codes.Batch) -> list[Any]:
    return await tx.fetch("SELECT id, state, original FROM code WHERE batch_id = $1 AND NOT original", batch.id)


async def test_a_code_of_another_merchant_looks_like_a_duplicate_of_ones_own() -> None:
    mine, theirs = await make_pool(), await make_pool()
    own, foreign, fresh = some_codes(3)
    await import_text(mine, own)
    await import_text(theirs, foreign)

    with_own = await import_text(mine, f"{own}\n{fresh}\n")
    with_foreign = await import_text(mine, f"{foreign}\n{some_codes(1)[0]}\n")

    assert counts(with_own) == counts(with_foreign) == (1, 1, 0)
    assert await report(mine.ctx, with_own) == await report(mine.ctx, with_foreign) == [(1, LineReason.DUPLICATE)]
    async with reading(mine.ctx) as tx:
        shown = await codes.list_codes(tx, mine.ctx, pool_id=mine.id)
        assert [code.state for code in shown] == [CodeState.AVAILABLE] * 3
        assert await codes.list_codes(tx, mine.ctx, pool_id=mine.id, state=CodeState.QUARANTINED) == []
        assert await codes.find_codes(tx, mine.ctx, text=Secret(foreign)) == []
        assert await codes.stock_of_pools(tx, [mine.id]) == {mine.id: 3}
        hidden = await collisions(tx, with_foreign)
        assert [(row["state"], row["original"]) for row in hidden] == [("QUARANTINED", False)]
        assert await codes.codes_by_ids(tx, mine.ctx, code_ids=[hidden[0]["id"]]) == {}
    for change in (codes.release_quarantined, codes.void_codes, codes.quarantine_codes):
        with pytest.raises(NotFound):
            async with transaction(mine.ctx) as tx:
                await change(tx, mine.ctx, code_ids=[hidden[0]["id"]], reason="Let me see.")
    with pytest.raises(NotFound):
        async with transaction(mine.ctx) as tx:
            await codes.reveal_own_code(tx, mine.ctx, code_id=hidden[0]["id"], reason="Let me see.")


async def test_the_platform_is_told_of_a_collision_once_and_its_importer_never() -> None:
    mine, theirs = await make_pool(), await make_pool()
    (foreign,) = some_codes(1)
    await import_text(theirs, foreign)
    batch = await import_text(mine, foreign)
    again = await import_text(mine, foreign)
    ctx = system_ctx("test", permissions=frozenset({"system.run"}))
    async with governing(ctx) as tx:
        events = await tx.fetch(
            "SELECT payload->'code_ids' AS ids FROM outbox_event WHERE name = 'code.collided' AND tenant_id = $1",
            mine.tenant_id,
        )
        (row,) = await tx.fetch("SELECT id FROM code WHERE batch_id = $1 AND NOT original", batch.id)

    for _ in range(2):
        async with governing(ctx) as tx:
            await codes.record_collisions(tx, ctx, code_ids=[row["id"]])

    assert len(events) == 1
    async with governing(ctx) as tx:
        entries = await tx.fetch(
            "SELECT tenant_id, detail::text AS detail FROM audit_entry WHERE subject_id = $1", row["id"]
        )
        assert await tx.fetch("SELECT 1 FROM code WHERE batch_id = $1", again.id) == []
    assert [entry["tenant_id"] for entry in entries] == [None]
    assert str(theirs.tenant_id) in entries[0]["detail"]
    async with reading(mine.ctx) as tx:
        assert await tx.fetch("SELECT 1 FROM audit_entry WHERE subject_id = $1", row["id"]) == []


async def test_an_upload_is_imported_chunk_by_chunk_and_then_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IMPORT_CHUNK_LINES", 40)
    monkeypatch.setattr(limits, "UPLOAD_CHUNK_BYTES", 700)
    pool = await make_pool()
    texts = some_codes(110)
    batch = await make_requested_import(
        pool, ("\ufeff" + "\r\n".join(["code", *texts, texts[0]])).encode(), form=ImportFormat.CSV
    )
    assert batch.state is BatchState.IMPORTING

    await codes.run_import(importer_ctx(pool), batch_id=batch.id)
    await codes.run_import(importer_ctx(pool), batch_id=batch.id)

    done = await batch_of(pool.ctx, batch)
    assert done.state is BatchState.READY
    assert counts(done) == (110, 1, 0)
    assert done.bytes_done == done.bytes_total
    assert await report(pool.ctx, done) == [(112, LineReason.DUPLICATE_IN_FILE)]
    async with reading(pool.ctx) as tx:
        assert await tx.fetchval("SELECT count(*) FROM upload_chunk WHERE upload_id = $1", batch.upload_id) == 0
        assert await codes.stock_of_pools(tx, [pool.id]) == {pool.id: 110}


@pytest.mark.parametrize("chunks", [0, 1, 2, 3])
@pytest.mark.parametrize("form", ImportFormat)
async def test_an_import_that_is_cut_off_goes_on_and_ends_with_the_same_totals(
    monkeypatch: pytest.MonkeyPatch, chunks: int, form: ImportFormat
) -> None:
    monkeypatch.setattr(limits, "IMPORT_CHUNK_LINES", 30)
    monkeypatch.setattr(limits, "UPLOAD_CHUNK_BYTES", 500)
    pool = await make_pool()
    texts = some_codes(100)
    rows = [(str(number), text) for number, text in enumerate(texts)]
    head = [] if form is ImportFormat.TXT else [("pin", "code")]
    batch = await make_requested_import(pool, make_file([*head, *rows, *rows[:5]], form), form=form)
    store, left = uploads.store_chunk, chunks

    async def dies(*args: Any, **kwargs: Any) -> object:
        nonlocal left
        if left == 0:
            raise ConnectionResetError
        left -= 1
        return await store(*args, **kwargs)

    monkeypatch.setattr(uploads, "store_chunk", dies)
    with pytest.raises(ConnectionResetError):
        await codes.run_import(importer_ctx(pool), batch_id=batch.id)
    half = await batch_of(pool.ctx, batch)
    monkeypatch.setattr(uploads, "store_chunk", store)

    await codes.run_import(importer_ctx(pool), batch_id=batch.id)

    done = await batch_of(pool.ctx, batch)
    assert half.state is BatchState.IMPORTING
    assert half.last_line == 30 * chunks
    assert counts(done) == (100, 5, 0)
    async with reading(pool.ctx) as tx:
        assert await codes.stock_of_pools(tx, [pool.id]) == {pool.id: 100}


async def test_two_workers_at_one_import_do_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IMPORT_CHUNK_LINES", 20)
    pool = await make_pool()
    batch = await make_requested_import(pool, "\n".join(some_codes(200)).encode())

    await asyncio.gather(*(codes.run_import(importer_ctx(pool), batch_id=batch.id) for _ in range(3)))
    await codes.run_import(importer_ctx(pool), batch_id=batch.id)

    assert counts(await batch_of(pool.ctx, batch)) == (200, 0, 0)
    async with reading(pool.ctx) as tx:
        assert await codes.stock_of_pools(tx, [pool.id]) == {pool.id: 200}


async def test_an_upload_is_imported_once() -> None:
    pool = await make_pool()
    upload_id = await make_upload(pool.ctx, b"ABCDEFGHIJ12345\n")
    async with transaction(pool.ctx) as tx:
        await codes.request_import(tx, pool.ctx, pool_id=pool.id, upload_id=upload_id, unit_cost=CNY)

    with pytest.raises(codes.UploadNotReady):
        async with transaction(pool.ctx) as tx:
            await codes.request_import(tx, pool.ctx, pool_id=pool.id, upload_id=upload_id, unit_cost=CNY)


async def test_an_upload_of_another_merchant_does_not_exist() -> None:
    mine, theirs = await make_pool(), await make_pool()
    upload_id = await make_upload(theirs.ctx, b"ABCDEFGHIJ12345\n")

    with pytest.raises(NotFound):
        async with transaction(mine.ctx) as tx:
            await codes.request_import(tx, mine.ctx, pool_id=mine.id, upload_id=upload_id, unit_cost=CNY)


async def test_an_upload_that_is_cut_off_leaves_nothing() -> None:
    pool = await make_pool()

    async def breaks() -> AsyncIterator[bytes]:
        yield b"A" * (limits.UPLOAD_CHUNK_BYTES + 1)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await codes.receive_upload(pool.ctx, filename="x", stream=breaks())

    async with reading(pool.ctx) as tx:
        assert await tx.fetchval("SELECT count(*) FROM upload_chunk WHERE tenant_id = $1", pool.tenant_id) == 0
        assert await tx.fetchval("SELECT state FROM upload WHERE tenant_id = $1", pool.tenant_id) == "DROPPED"


async def test_a_file_larger_than_an_upload_may_be_is_refused_as_it_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UPLOAD_BYTES_MAX", 1_000)
    pool = await make_pool()

    with pytest.raises(codes.UploadTooLarge):
        await codes.receive_upload(pool.ctx, filename="x", stream=pieces(b"A" * 1_001, 100))


async def test_pieces_of_an_upload_cannot_change_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UPLOAD_CHUNK_BYTES", 100)
    opened: list[bytes] = []
    unsealed = DataKey.open

    def noted(self: DataKey, sealed: bytes, *, aad: bytes) -> bytes:
        opened.append(aad)
        return unsealed(self, sealed, aad=aad)

    monkeypatch.setattr(DataKey, "open", noted)
    pool = await make_pool()
    batch = await make_requested_import(pool, "\n".join(some_codes(20)).encode())

    await codes.run_import(importer_ctx(pool), batch_id=batch.id)

    assert len(set(opened)) == 4


async def test_an_import_whose_file_is_gone_has_failed_and_keeps_what_it_has() -> None:
    pool = await make_pool()
    batch = await make_requested_import(pool, "\n".join(some_codes(3)).encode())
    async with transaction(pool.ctx) as tx:
        await tx.execute("DELETE FROM upload_chunk WHERE upload_id = $1", batch.upload_id)

    await codes.run_import(importer_ctx(pool), batch_id=batch.id)

    failed = await batch_of(pool.ctx, batch)
    assert (failed.state, failed.failure) == (BatchState.FAILED, importing.UPLOAD_GONE)


async def test_an_untouched_import_is_undone_and_its_codes_may_come_again() -> None:
    pool = await make_pool()
    texts = "\n".join(some_codes(3))
    batch = await import_text(pool, texts)

    async with transaction(pool.ctx) as tx:
        undone = await codes.undo_batch(tx, pool.ctx, batch_id=batch.id, reason="The wrong pool.")

    assert undone.state is BatchState.UNDONE
    assert {code.state for code in await all_codes(pool)} == {CodeState.VOID}
    assert counts(await import_text(pool, texts)) == (3, 0, 0)


async def test_an_import_is_not_undone_once_one_of_its_codes_was_touched() -> None:
    pool = await make_pool()
    batch = await import_text(pool, "\n".join(some_codes(3)))
    code = (await all_codes(pool))[1]
    async with transaction(pool.ctx) as tx:
        await codes.quarantine_codes(tx, pool.ctx, code_ids=[code.id], reason="Looks odd.")

    with pytest.raises(BatchTouched) as refused:
        async with transaction(pool.ctx) as tx:
            await codes.undo_batch(tx, pool.ctx, batch_id=batch.id, reason="The wrong pool.")

    assert refused.value.touched == 1
    async with reading(pool.ctx) as tx:
        assert await codes.stock_of_pools(tx, [pool.id]) == {pool.id: 2}


async def test_what_an_import_collided_with_does_not_show_when_it_is_undone() -> None:
    mine, theirs = await make_pool(), await make_pool()
    (foreign,) = some_codes(1)
    await import_text(theirs, foreign)
    batch = await import_text(mine, f"{foreign}\n{some_codes(1)[0]}")

    async with transaction(mine.ctx) as tx:
        undone = await codes.undo_batch(tx, mine.ctx, batch_id=batch.id, reason="The wrong pool.")

    assert undone.state is BatchState.UNDONE


async def test_the_report_is_bounded_and_the_counts_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IMPORT_REPORT_LINES_MAX", 5)
    monkeypatch.setattr(limits, "IMPORT_CHUNK_LINES", 3)
    pool = await make_pool()
    batch = await make_requested_import(pool, b"-\n" * 8)

    await codes.run_import(importer_ctx(pool), batch_id=batch.id)

    done = await batch_of(pool.ctx, batch)
    assert done.rejected == 8
    assert len(await report(pool.ctx, done)) == 5


async def test_an_expiry_of_a_line_goes_before_that_of_the_import_and_decides_what_is_picked_first() -> None:
    pool = await make_pool()
    late, soon = some_codes(2)
    await import_text(pool, f"{late}\n{soon},,2027-01-31\n", form=ImportFormat.CSV)

    found = await all_codes(pool)

    assert [code.expires_at for code in found] == [codes.NEVER, datetime(2027, 2, 1, tzinfo=UTC)]


async def test_importing_lowers_the_mark_where_picking_starts() -> None:
    pool = await make_pool()
    await make_codes(pool, 1)
    (first,) = await all_codes(pool)
    async with transaction(pool.ctx) as tx:
        await codes.void_codes(tx, pool.ctx, code_ids=[first.id], reason="Out of the way.")
        await tx.execute(
            "UPDATE code_pool SET pick_expires_at = $2, pick_position = 9000000000 WHERE id = $1", pool.id, codes.NEVER
        )

    (text,) = some_codes(1)
    await import_text(pool, text)

    async with reading(pool.ctx) as tx:
        assert await codes.stock_of_pools(tx, [pool.id]) == {pool.id: 1}


async def test_sealing_and_importing_ask_for_the_permission() -> None:
    pool = await make_pool()
    nobody = Ctx(tenant_id=pool.tenant_id, actor=pool.ctx.actor, actor_id=pool.ctx.actor_id)

    with pytest.raises(NotAllowed):
        async with codes.sealing(nobody) as tx:
            await imports.import_codes(tx, nobody, pool_id=pool.id, text=Secret("A"), unit_cost=CNY)
