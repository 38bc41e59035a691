"""Codes in stock: looked at, taken out of sale, brought back, voided, expired, opened; and what nobody ever finds."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from fondaco_core import clock
from fondaco_core.config import Settings
from fondaco_core.context import ActorKind, system_ctx
from fondaco_core.db import governing, reading, trading, transaction
from fondaco_core.errors import Bug, NotAllowed, NotFound, Refusal
from fondaco_core.identity import BUYER_PERMISSIONS
from fondaco_core.ids import CodeId, new_id
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import codes
from fondaco_tenants.codes import CodesInWrongState, CodeState
from fondaco_tenants.codes.invariants import INVARIANTS
from tests.support.factories.codes import (
    MadePool,
    importer_ctx,
    make_codes,
    make_pool,
    make_requested_import,
    pieces,
    some_codes,
)

pytestmark = pytest.mark.usefixtures("database")

WHY = "A supplier asked for it."
SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


async def ids_of(pool: MadePool) -> list[CodeId]:
    async with reading(pool.ctx) as tx:
        return [code.id for code in await codes.list_codes(tx, pool.ctx, pool_id=pool.id, count=100)]


async def stock(pool: MadePool) -> int:
    async with reading(pool.ctx) as tx:
        return (await codes.stock_of_pools(tx, [pool.id]))[pool.id]


async def states(pool: MadePool) -> list[str]:
    async with reading(pool.ctx) as tx:
        return [code.state.value for code in await codes.list_codes(tx, pool.ctx, pool_id=pool.id, count=100)]


@pytest.fixture
def own_clock() -> Iterator[None]:
    """The test may move time."""
    yield
    clock.use(None)


async def test_a_quarantined_code_is_out_of_stock_until_it_is_released() -> None:
    pool = await make_pool()
    await make_codes(pool, 3)
    first = (await ids_of(pool))[0]

    async with transaction(pool.ctx) as tx:
        (aside,) = await codes.quarantine_codes(tx, pool.ctx, code_ids=[first], reason=WHY)
    without = await stock(pool)
    async with transaction(pool.ctx) as tx:
        (back,) = await codes.release_quarantined(tx, pool.ctx, code_ids=[first], reason=WHY)

    assert (aside.state, aside.reason, without) == (CodeState.QUARANTINED, WHY, 2)
    assert back.state is CodeState.AVAILABLE
    assert await stock(pool) == 3


async def test_a_released_code_is_picked_first_again_although_the_mark_has_moved_on() -> None:
    pool = await make_pool()
    await make_codes(pool, 3)
    first, second, third = await ids_of(pool)
    async with transaction(pool.ctx) as tx:
        await codes.quarantine_codes(tx, pool.ctx, code_ids=[first, second], reason=WHY)
        await tx.execute(
            "UPDATE code_pool SET (pick_expires_at, pick_position) = (SELECT expires_at, position FROM code WHERE id = $2) WHERE id = $1",
            pool.id, third,
        )  # fmt: skip

    async with transaction(pool.ctx) as tx:
        await codes.release_quarantined(tx, pool.ctx, code_ids=[second, first], reason=WHY)

    async with trading(pool.ctx) as tx:
        picked = await codes.pick_codes(tx, {pool.id: 3})
    assert [each.code_id for each in picked[pool.id]] == [first, second, third]


async def test_a_voided_code_never_comes_back_but_its_text_may_be_imported_again() -> None:
    pool = await make_pool()
    (text,) = await make_codes(pool, 1)
    (code_id,) = await ids_of(pool)

    async with transaction(pool.ctx) as tx:
        await codes.void_codes(tx, pool.ctx, code_ids=[code_id], reason=WHY)

    with pytest.raises(CodesInWrongState):
        async with transaction(pool.ctx) as tx:
            await codes.release_quarantined(tx, pool.ctx, code_ids=[code_id], reason=WHY)
    await make_codes(pool, 1, texts=[text])
    assert await stock(pool) == 1


async def test_what_is_done_to_several_codes_is_done_to_all_or_none() -> None:
    pool = await make_pool()
    await make_codes(pool, 2)
    first, second = await ids_of(pool)
    async with transaction(pool.ctx) as tx:
        await codes.quarantine_codes(tx, pool.ctx, code_ids=[first], reason=WHY)

    with pytest.raises(CodesInWrongState):
        async with transaction(pool.ctx) as tx:
            await codes.quarantine_codes(tx, pool.ctx, code_ids=[first, second], reason=WHY)
    with pytest.raises(NotFound):
        async with transaction(pool.ctx) as tx:
            await codes.quarantine_codes(tx, pool.ctx, code_ids=[second, CodeId(new_id())], reason=WHY)

    assert await states(pool) == ["QUARANTINED", "AVAILABLE"]


@pytest.mark.parametrize(
    ("reason", "refusal"),
    [
        ("", codes.ReasonTooShort),
        ("   ", codes.ReasonTooShort),
        ("ab", codes.ReasonTooShort),
        ("x" * 2_001, codes.ReasonTooLong),
    ],
)
async def test_nothing_is_done_to_a_code_without_a_reason_that_says_something(
    reason: str, refusal: type[Refusal]
) -> None:
    pool = await make_pool()
    await make_codes(pool, 1)
    (code_id,) = await ids_of(pool)

    for change in (codes.quarantine_codes, codes.void_codes):
        with pytest.raises(refusal):
            async with transaction(pool.ctx) as tx:
                await change(tx, pool.ctx, code_ids=[code_id], reason=reason)
    with pytest.raises(refusal):
        async with transaction(pool.ctx) as tx:
            await codes.reveal_own_code(tx, pool.ctx, code_id=code_id, reason=reason)


async def test_a_code_of_another_merchant_does_not_exist() -> None:
    mine, theirs = await make_pool(), await make_pool()
    (text,) = await make_codes(theirs, 1)
    (code_id,) = await ids_of(theirs)

    async with reading(mine.ctx) as tx:
        assert await codes.codes_by_ids(tx, mine.ctx, code_ids=[code_id]) == {}
        assert await codes.find_codes(tx, mine.ctx, text=Secret(text)) == []
        assert await codes.list_codes(tx, mine.ctx, pool_id=theirs.id) == []
        assert await codes.stock_of_pools(tx, [theirs.id]) == {}
        assert await tx.fetchval("SELECT count(*) FROM code WHERE id = $1", code_id) == 0
    with pytest.raises(NotFound):
        async with transaction(mine.ctx) as tx:
            await codes.reveal_own_code(tx, mine.ctx, code_id=code_id, reason=WHY)


async def test_the_platforms_role_never_reads_what_is_sealed() -> None:
    for column in ("sealed", "*"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with governing(SYSTEM) as tx:
                await tx.fetch(f"SELECT {column} FROM code LIMIT 1")  # noqa: S608 - two constants


async def test_a_code_is_found_by_its_text_however_it_is_spelled() -> None:
    pool = await make_pool()
    (text,) = await make_codes(pool, 1)
    (code_id,) = await ids_of(pool)

    async with reading(pool.ctx) as tx:
        found = await codes.find_codes(tx, pool.ctx, text=Secret(f" {text[:4]}-{text[4:].lower()} "))

    assert [code.id for code in found] == [code_id]


async def test_codes_are_listed_page_by_page_in_both_directions() -> None:
    pool = await make_pool()
    for _ in range(3):
        await make_codes(pool, 4)
    whole = await ids_of(pool)

    async with reading(pool.ctx) as tx:
        seen: list[codes.Code] = []
        while page := await codes.list_codes(
            tx, pool.ctx, pool_id=pool.id, after=(seen[-1].batch_id, seen[-1].position) if seen else None, count=3
        ):
            seen += page
        back = await codes.list_codes(
            tx, pool.ctx, pool_id=pool.id, after=(seen[-1].batch_id, seen[-1].position), backward=True, count=100
        )

    assert [code.id for code in seen] == whole
    assert [code.id for code in reversed(back)] == whole[:-1]


@pytest.mark.usefixtures("own_clock")
async def test_codes_whose_time_is_over_expire_and_no_others() -> None:
    pool = await make_pool()
    soon = clock.now() + timedelta(hours=1)
    async with codes.sealing(pool.ctx) as tx:
        await codes.import_codes(
            tx,
            pool.ctx,
            pool_id=pool.id,
            text=Secret("\n".join(some_codes(3))),
            unit_cost=Money(1, "CNY"),
            expires_at=soon,
        )
    await make_codes(pool, 2)
    clock.use(lambda: soon)

    before = await stock(pool)
    expired = await codes.expire_codes(SYSTEM)
    again = await codes.expire_codes(SYSTEM)

    assert (before, expired, again) == (2, 3, 0)
    assert sorted(await states(pool)) == ["AVAILABLE"] * 2 + ["EXPIRED"] * 3


async def test_a_reveal_is_written_down_with_who_when_from_where_and_why() -> None:
    pool = await make_pool()
    (text,) = await make_codes(pool, 1)
    (code_id,) = await ids_of(pool)
    ctx = replace(pool.ctx, ip="192.0.2.7", user_agent="a browser")

    async with transaction(ctx) as tx:
        shown = await codes.reveal_own_code(tx, ctx, code_id=code_id, reason=WHY)

    assert shown.code.reveal() == text
    async with reading(pool.ctx) as tx:
        row: Any = await tx.fetchrow("SELECT * FROM code_reveal WHERE code_id = $1", code_id)
        entry: Any = await tx.fetchrow(
            "SELECT * FROM audit_entry WHERE subject_id = $1 AND action = 'code.revealed'", code_id
        )
    assert (row["via"], row["actor_id"], row["ip"], row["user_agent"], row["reason"]) == (
        "BACK_OFFICE", ctx.actor_id, "192.0.2.7", "a browser", WHY,
    )  # fmt: skip
    assert (entry["actor_id"], entry["ip"], entry["reason"]) == (ctx.actor_id, "192.0.2.7", WHY)


async def test_a_reveal_that_is_rolled_back_leaves_neither_row_nor_entry() -> None:
    pool = await make_pool()
    await make_codes(pool, 1)
    (code_id,) = await ids_of(pool)

    with pytest.raises(ConnectionResetError):  # noqa: PT012 - what fails is the rest of the transaction
        async with transaction(pool.ctx) as tx:
            await codes.reveal_own_code(tx, pool.ctx, code_id=code_id, reason=WHY)
            raise ConnectionResetError

    async with reading(pool.ctx) as tx:
        assert await tx.fetch("SELECT 1 FROM code_reveal WHERE code_id = $1", code_id) == []


async def test_codes_of_an_order_are_opened_in_the_order_that_was_asked() -> None:
    pool = await make_pool()
    texts = await make_codes(pool, 3)
    code_ids = list(reversed(await ids_of(pool)))
    buyer = replace(pool.ctx, actor=ActorKind.CUSTOMER, permissions=BUYER_PERMISSIONS)
    allocations = [new_id() for _ in code_ids]

    async with transaction(buyer) as tx:
        shown = await codes.reveal_codes(
            tx, buyer, code_ids=code_ids, via="ACCOUNT", order_id=new_id(), allocation_ids=allocations
        )

    assert [each.code.reveal() for each in shown] == list(reversed(texts))
    assert [each.allocation_id for each in shown] == allocations


async def test_an_allocation_whose_code_is_not_in_its_tenants_vault_is_a_bug() -> None:
    pool = await make_pool()
    buyer = replace(pool.ctx, permissions=BUYER_PERMISSIONS)

    with pytest.raises(Bug):
        async with transaction(buyer) as tx:
            await codes.reveal_codes(tx, buyer, code_ids=[new_id()], via="ACCOUNT")


async def test_a_buyer_may_not_use_the_back_offices_door() -> None:
    pool = await make_pool()
    await make_codes(pool, 1)
    (code_id,) = await ids_of(pool)
    buyer = replace(pool.ctx, permissions=BUYER_PERMISSIONS)

    with pytest.raises(NotAllowed):
        async with transaction(buyer) as tx:
            await codes.reveal_codes(tx, buyer, code_ids=[code_id], via="BACK_OFFICE", reason=WHY)


async def test_a_pool_with_stock_is_not_archived_and_an_archived_one_takes_no_codes() -> None:
    pool, empty = await make_pool(), await make_pool()
    await make_codes(pool, 1)

    with pytest.raises(codes.PoolHasStock):
        async with transaction(pool.ctx) as tx:
            await codes.archive_pool(tx, pool.ctx, pool_id=pool.id, version=1)
    async with transaction(empty.ctx) as tx:
        await codes.archive_pool(tx, empty.ctx, pool_id=empty.id, version=1)

    with pytest.raises(codes.PoolArchived):
        await make_codes(empty, 1)


@pytest.mark.usefixtures("own_clock")
async def test_uploads_that_nobody_imports_are_forgotten() -> None:
    pool = await make_pool()
    await make_requested_import(pool, b"ABCDEFGH12345678\n")
    upload = await codes.receive_upload(pool.ctx, filename="x", stream=pieces(b"ABCDEFGH12345679\n"))
    now = clock.now() + timedelta(days=2)
    clock.use(lambda: now)

    forgotten = await codes.forget_uploads(SYSTEM)

    async with reading(pool.ctx) as tx:
        kept = await tx.fetchval("SELECT count(*) FROM upload_chunk WHERE tenant_id = $1", pool.tenant_id)
        assert (await codes.get_upload(tx, pool.ctx, upload_id=upload.id)).state == "DROPPED"
    assert forgotten >= 1
    assert kept == 1


async def test_a_planted_code_is_in_no_column_of_any_table_and_in_no_log(
    settings: Settings, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    pool = await make_pool()
    canary, duplicate, rejected, pin = (f"CANARY{text}" for text in some_codes(4))
    await make_codes(pool, 1, texts=[duplicate])
    lines = f"{canary},{pin}\n{duplicate},1\n{rejected},1,never\n".encode()
    waiting = await codes.receive_upload(pool.ctx, filename="x", stream=pieces(lines))
    batch = await make_requested_import(pool, lines, form=codes.ImportFormat.CSV)

    await codes.run_import(importer_ctx(pool), batch_id=batch.id)
    found = (await ids_of(pool))[0]
    async with transaction(pool.ctx) as tx:
        shown = await codes.reveal_own_code(tx, pool.ctx, code_id=found, reason=WHY)
        await codes.find_codes(tx, pool.ctx, text=Secret(canary))

    assert (shown.code.reveal(), shown.pin) == (canary, Secret(pin))
    assert waiting.size == len(lines)
    told = caplog.text + "".join(capfd.readouterr()) + repr((shown, batch, waiting))
    for planted in (canary, duplicate, rejected, pin):
        assert planted not in told
        assert await _found_in_database(settings, planted) == []


async def _found_in_database(settings: Settings, planted: str) -> list[str]:
    """Every column of any table that holds the text, as text or as bytes; looked for as the owner, who sees all rows."""
    owner = await asyncpg.connect(settings.require_database_url().reveal())
    try:
        columns = await owner.fetch(
            "SELECT table_name AS name, column_name AS part, data_type AS type FROM information_schema.columns "
            "WHERE table_schema = 'public'"
        )
        found = []
        for column in columns:
            if column["type"] == "bytea":
                clause = f'position($1::text::bytea IN "{column["part"]}") > 0'
            else:
                clause = f'position(lower($1) IN lower("{column["part"]}"::text)) > 0'
            if await owner.fetchval(f'SELECT EXISTS (SELECT 1 FROM "{column["name"]}" WHERE {clause})', planted):  # noqa: S608 - the catalogue's names
                found.append(f"{column['name']}.{column['part']}")
        return found
    finally:
        await owner.close()


async def test_every_promise_of_the_vault_holds() -> None:
    for promise, query in INVARIANTS.items():
        async with governing(SYSTEM) as tx:
            assert await tx.fetch(query) == [], promise
