"""Unsold stock goes back to its owner: encrypted to a key of the owner's, out of sale in the same act, and never sold here again."""

import asyncio
import csv
import io
from uuid import UUID

import pyrage
import pytest

from fondaco_core import limits
from fondaco_core.db import reading, transaction
from fondaco_core.errors import NotAllowed, NotFound
from fondaco_core.identity import ROLE_PERMISSIONS, MemberRole
from fondaco_tenants import codes
from fondaco_tenants.codes import BadRecipientKey, ExportOver, Filter, NothingToExport
from tests.support.clock import later
from tests.support.factories.codes import MadePool, make_codes, make_pool
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.orders import make_buyer, make_shop, place
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")

WHY = "The season is over; the rest is sold elsewhere."
OWNER = pyrage.x25519.Identity.generate()
KEY = str(OWNER.to_public())


async def export(pool: MadePool, chosen: Filter | None = None) -> codes.StockExport:
    async with transaction(pool.ctx) as tx:
        return await codes.export_stock(
            tx, pool.ctx, pool_id=pool.id, chosen=chosen or Filter(), recipient=codes.checked_recipient(KEY), reason=WHY
        )


async def fetch(pool: MadePool, export_id: UUID) -> bytes:
    found = await codes.begin_download(pool.ctx, export_id=export_id)
    return b"".join([piece async for piece in codes.stream_export(pool.ctx, found=found)])


def rows(sealed: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(pyrage.decrypt(sealed, [OWNER]).decode())))


async def test_the_owner_alone_reads_the_file_and_the_codes_are_out_of_sale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EXPORT_CODES_PAGE", 7)
    pool = await make_pool()
    texts = await make_codes(pool, 20)

    made = await export(pool)
    sealed = await fetch(pool, made.id)

    assert made.codes == 20
    assert sealed.startswith(b"age-encryption.org/v1")
    assert not any(text.encode() in sealed for text in texts)
    head, *body = rows(sealed)
    assert head == ["code", "pin", "expiry", "serial"]
    assert {row[0] for row in body} == set(texts)
    async with reading(pool.ctx) as tx:
        assert (await codes.stock_of_pools(tx, [pool.id]))[pool.id] == 0
        states = await tx.fetch("SELECT DISTINCT state, original, reason FROM code WHERE pool_id = $1", pool.id)
    assert [tuple(row) for row in states] == [("VOID", True, "EXPORTED")]
    await assert_invariants()


async def test_an_exported_code_is_never_imported_again_by_anybody() -> None:
    pool, other = await make_pool(), await make_pool()
    texts = await make_codes(pool, 2)
    await export(pool)

    for importer in (pool, other):
        with pytest.raises(AssertionError):
            await make_codes(importer, 2, texts=texts)

    async with reading(other.ctx) as tx:
        assert (await codes.stock_of_pools(tx, [pool.id, other.id])).get(other.id) == 0


async def test_the_filter_takes_what_it_says_and_leaves_the_rest_for_sale() -> None:
    pool = await make_pool()
    await make_codes(pool, 5)
    await make_codes(pool, 3)
    async with reading(pool.ctx) as tx:
        newest, _ = (await codes.list_batches(tx, pool.ctx, pool_ids=[pool.id]))[pool.id]

    first = await export(pool, Filter(batch_id=newest.id))
    second = await export(pool, Filter(count=2))
    with pytest.raises(NothingToExport):
        await export(pool, Filter(batch_id=newest.id))

    assert (first.codes, second.codes) == (3, 2)
    async with reading(pool.ctx) as tx:
        assert (await codes.stock_of_pools(tx, [pool.id]))[pool.id] == 3
    await assert_invariants()


async def test_export_and_sale_at_once_take_each_code_once() -> None:
    shop = await make_shop(stock=12)
    buyers = [await make_buyer(shop) for _ in range(6)]

    done = await asyncio.gather(
        *(place(shop, buyer) for buyer in buyers), export(shop.pools[0], Filter(count=6)), return_exceptions=True
    )

    assert [type(each).__name__ for each in done if isinstance(each, Exception)] == []
    async with reading(shop.owner) as tx:
        counted = dict(
            await tx.fetch("SELECT state, count(*)::int FROM code WHERE pool_id = $1 GROUP BY 1", shop.pool_id)
        )
    assert counted == {"DELIVERED": 6, "VOID": 6}
    await assert_invariants()


async def test_a_file_is_fetched_a_few_times_within_hours() -> None:
    pool = await make_pool()
    await make_codes(pool, 2)
    made = await export(pool)

    with later(hours=limits.EXPORT_HOURS + 1), pytest.raises(ExportOver):
        await codes.begin_download(pool.ctx, export_id=made.id)
    for _ in range(limits.EXPORT_DOWNLOADS_MAX):
        assert len(rows(await fetch(pool, made.id))) == 3
    with pytest.raises(ExportOver):
        await codes.begin_download(pool.ctx, export_id=made.id)


async def test_who_goes_away_in_the_middle_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EXPORT_CODES_PAGE", 1)
    pool = await make_pool()
    await make_codes(pool, 30)
    made = await export(pool)
    found = await codes.begin_download(pool.ctx, export_id=made.id)
    before = len(asyncio.all_tasks())

    stream = codes.stream_export(pool.ctx, found=found)
    await anext(stream)
    await stream.aclose()

    assert len(asyncio.all_tasks()) == before
    assert len(rows(await fetch(pool, made.id))) == 31


@pytest.mark.parametrize(
    "key",
    ["", "age1", "AGE-SECRET-KEY-1", "ssh-ed25519 AAAA", KEY[:-1] + "!"],
    ids=["none", "short", "secret", "ssh", "odd"],
)
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(BadRecipientKey):
        codes.checked_recipient(key)


async def test_an_owner_exports_and_nobody_else() -> None:
    pool, other = await make_pool(), await make_pool()
    await make_codes(pool, 1)
    made = await export(pool)
    manager = await make_member_ctx(pool.tenant_id, role=MemberRole.MANAGER)

    with pytest.raises(NotAllowed):
        await codes.begin_download(manager, export_id=made.id)
    with pytest.raises(NotFound):
        await codes.begin_download(other.ctx, export_id=made.id)

    assert [role for role in MemberRole if "codes.export" in ROLE_PERMISSIONS[role]] == [MemberRole.OWNER]
