"""Whose a fingerprint is stands in a table of its own: written by imports, given back with a code nobody bought, not sold through."""

from contextlib import suppress
from typing import Any

import asyncpg
import pyrage
import pytest

from fondaco_core.context import system_ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.ids import CodeId, TenantId
from fondaco_core.secret import Secret
from fondaco_tenants import codes
from fondaco_tenants.codes import Filter
from fondaco_tenants.codes.invariants import INVARIANTS
from tests.support.factories.codes import MadePool, make_codes, make_pool
from tests.support.factories.orders import make_buyer, make_shop, place
from tests.support.factories.own_codes import sell_own_code
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")

WHY = "A supplier asked for it."
PROMISE = INVARIANTS["a code that is or was for sale has its fingerprint to itself, and a fingerprint its code"]
SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


async def taken_by(tenant_id: TenantId) -> list[Any]:
    """The fingerprints that a merchant's codes have, in the order of the codes, and where and by whom each row was written."""
    async with governing(SYSTEM) as tx:
        return await tx.fetch(
            "SELECT f.fingerprint, f.code_id, f.ctid::text, f.xmin::text FROM code_fingerprint f JOIN code c ON c.id = f.code_id "
            "WHERE f.tenant_id = $1 ORDER BY c.position",
            tenant_id,
        )


async def ids_of(pool: MadePool) -> list[CodeId]:
    async with reading(pool.ctx) as tx:
        return [code.id for code in await codes.list_codes(tx, pool.ctx, pool_id=pool.id)]


async def test_an_import_takes_the_fingerprint_of_each_code_that_it_adds() -> None:
    pool, other = await make_pool(), await make_pool()
    texts = await make_codes(pool, 3)
    with pytest.raises(AssertionError):
        await make_codes(other, 1, texts=texts[:1])

    rows = await taken_by(pool.tenant_id)

    assert [row["code_id"] for row in rows] == await ids_of(pool)
    assert await taken_by(other.tenant_id) == []
    await assert_invariants()


async def test_the_database_gives_a_fingerprint_to_one_code_whoever_asks() -> None:
    pool, other = await make_pool(), await make_pool()
    await make_codes(pool, 1)
    await make_codes(other, 1)
    (row,), (stranger,) = await taken_by(pool.tenant_id), await ids_of(other)

    with pytest.raises(asyncpg.UniqueViolationError):
        async with transaction(other.ctx) as tx:
            await tx.execute(
                "INSERT INTO code_fingerprint (fingerprint, code_id, tenant_id) VALUES ($1, $2, $3)",
                row["fingerprint"], stranger, other.tenant_id,
            )  # fmt: skip
    async with transaction(other.ctx) as tx:
        seen = await tx.fetch("SELECT 1 FROM code_fingerprint WHERE fingerprint = $1", row["fingerprint"])
        freed = await tx.execute("DELETE FROM code_fingerprint WHERE fingerprint = $1", row["fingerprint"])

    assert (seen, freed) == ([], 0)
    assert await taken_by(pool.tenant_id) == [row]


async def test_selling_a_code_reads_and_writes_no_fingerprint() -> None:
    shop = await make_shop(stock=2)
    before = await taken_by(shop.tenant_id)

    await place(shop, await make_buyer(shop))

    async with transaction(shop.owner) as tx:
        assert await tx.fetchval("SELECT count(*) FROM code WHERE state = 'DELIVERED'") == 1
    assert await taken_by(shop.tenant_id) == before
    async with governing(SYSTEM) as tx:
        # Every change of a state writes to every index of the table.
        indexed = "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'code'::regclass"
        over = [row[0] for row in await tx.fetch(indexed) if "(fingerprint)" in row[0]]
    assert [each.rpartition(" WHERE ")[2] for each in over] == ["(NOT original)"]


async def test_what_was_voided_unsold_gives_its_fingerprint_back_and_what_was_sold_or_exported_keeps_it() -> None:
    sold = await sell_own_code()
    pool = sold.shop.pools[0]
    void, exported = (code_id for code_id in await ids_of(pool) if code_id != sold.code_id)

    async with transaction(pool.ctx) as tx:
        await codes.void_codes(tx, pool.ctx, code_ids=[void], reason=WHY)
    await codes.redeem_code(sold.till, text=Secret(sold.text))
    async with transaction(pool.ctx) as tx:
        recipient = codes.checked_recipient(str(pyrage.x25519.Identity.generate().to_public()))
        await codes.export_stock(tx, pool.ctx, pool_id=pool.id, chosen=Filter(), recipient=recipient, reason=WHY)

    assert {row["code_id"] for row in await taken_by(pool.tenant_id)} == {sold.code_id, exported}
    await assert_invariants()


async def test_an_import_that_is_undone_gives_all_its_fingerprints_back_and_no_others() -> None:
    pool = await make_pool()
    await make_codes(pool, 2)
    kept = await taken_by(pool.tenant_id)
    texts = await make_codes(pool, 3)
    async with reading(pool.ctx) as tx:
        newest, _ = (await codes.list_batches(tx, pool.ctx, pool_ids=[pool.id]))[pool.id]

    async with transaction(pool.ctx) as tx:
        await codes.undo_batch(tx, pool.ctx, batch_id=newest.id, reason=WHY)

    assert await taken_by(pool.tenant_id) == kept
    await make_codes(await make_pool(), 3, texts=texts)
    await assert_invariants()


@pytest.mark.parametrize(
    "breaking",
    [
        "DELETE FROM code_fingerprint WHERE code_id = $1",
        "INSERT INTO code_fingerprint (fingerprint, code_id, tenant_id) SELECT 'one more', id, tenant_id FROM code WHERE id = $1",
    ],
    ids=["a code without a fingerprint", "a fingerprint too many"],
)
async def test_a_code_and_a_fingerprint_that_do_not_belong_together_are_found(breaking: str) -> None:
    pool = await make_pool()
    await make_codes(pool, 2)
    first, _ = await ids_of(pool)

    whole, found = await broken_by(pool, breaking, first)

    assert (whole, found) == ([], [first])


async def broken_by(pool: MadePool, breaking: str, code_id: CodeId) -> tuple[list[CodeId], list[CodeId]]:
    """What the promise finds at a merchant before and after a statement, which is undone."""
    found: list[list[CodeId]] = []
    with suppress(_UndoError):
        async with transaction(pool.ctx) as tx:
            found.append([row["id"] for row in await tx.fetch(PROMISE)])
            await tx.execute(breaking, code_id)
            found.append([row["id"] for row in await tx.fetch(PROMISE)])
            raise _UndoError
    return found[0], found[1]


class _UndoError(Exception):
    """Ends a transaction so that nothing of it stays."""
