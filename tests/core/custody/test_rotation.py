"""A tenant gets a new key while it sells: everything opens at every moment, and in the end nothing needs the old one."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import asyncpg
import pytest

from fondaco_core import custody, limits
from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.crypto import key_number_of
from fondaco_core.db import governing, reading, sealed_columns, trading, transaction
from fondaco_core.errors import NotAllowed, Unauthenticated
from fondaco_core.ids import AllocationId, TenantId, new_id
from fondaco_core.keyring import keyring
from fondaco_tenants import codes, registry
from tests.support.clock import later
from tests.support.factories.codes import (
    MadePool,
    make_codes,
    make_pool,
    make_requested_import,
    make_upload,
    some_codes,
)
from tests.support.factories.customers import make_customer
from tests.support.invariants import assert_invariants
from tests.support.rows import as_owner

pytestmark = pytest.mark.usefixtures("database")

KEEPER = system_ctx("test", permissions=frozenset({"platform.keys", "system.run"}))
COLUMNS = sealed_columns(registry.metadata())


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches, no pauses, and nobody seals with an old key a moment later."""
    monkeypatch.setattr(limits, "RESEAL_BATCH", 3)
    monkeypatch.setattr(limits, "RESEAL_PAUSE_FACTOR", 0.0)
    monkeypatch.setattr(limits, "KEY_SETTLE_S", 0.0)
    monkeypatch.setattr(limits, "KEY_CACHE_S", 0.0)


async def make_stock(codes_count: int = 8) -> tuple[MadePool, list[str]]:
    """A pool with codes, a buyer with a sealed contact, and an upload that waits."""
    pool = await make_pool()
    texts = await make_codes(pool, codes_count)
    await make_customer(pool.tenant_id)
    await make_upload(pool.ctx, b"AAAA-BBBB-0001\n")
    return pool, texts


async def rotate(tenant_id: TenantId, **how: Any) -> custody.Change:
    """A whole rotation."""
    change = await custody.rotate_tenant_key(KEEPER, tenant_id=tenant_id, columns=COLUMNS)
    return await custody.carry_on(KEEPER, change_id=change.id, columns=COLUMNS, patient=True, **how)


async def numbers(settings: Settings, tenant_id: TenantId) -> dict[str, set[int]]:
    """Which keys the values of each sealed column are under."""
    found: dict[str, set[int]] = {}
    async with as_owner(settings) as owner:
        for column in sealed_columns(registry.metadata(), platform=False):
            rows = await owner.fetch(
                f'SELECT "{column.column.name}" AS value FROM "{column.table.name}" WHERE tenant_id = $1'  # noqa: S608
                f' AND "{column.column.name}" IS NOT NULL',
                tenant_id,
            )
            if rows:
                found[column.name] = {key_number_of(row["value"]) for row in rows}
    return found


async def shown(pool: MadePool) -> set[str]:
    """The plaintexts of a pool's codes, as its merchant sees them."""
    async with reading(pool.ctx) as tx:
        ids = [code.id for code in await codes.list_codes(tx, pool.ctx, pool_id=pool.id, count=100)]
    async with transaction(pool.ctx) as tx:
        revealed = await codes.reveal_codes(tx, pool.ctx, code_ids=ids, via="BACK_OFFICE", reason="a look")
    return {each.code.reveal() for each in revealed}


@contextmanager
def cut_off(at: int) -> Generator[list[str]]:
    """Ends whatever goes on right before its statement of that number, as a killed process does."""
    taken: list[str] = []
    connection: Any = asyncpg.Connection
    kept = {name: getattr(connection, name) for name in ("execute", "fetch", "fetchrow", "fetchval")}

    def cutting(method: Any) -> Any:
        async def call(self: Any, statement: str, *args: Any, **kwargs: Any) -> Any:
            if not statement.startswith("ROLLBACK"):
                taken.append(" ".join(statement.split()[:3]))
                if len(taken) == at:
                    raise _CutOffError
            return await method(self, statement, *args, **kwargs)

        return call

    for name, method in kept.items():
        setattr(connection, name, cutting(method))
    try:
        yield taken
    finally:
        for name, method in kept.items():
            setattr(connection, name, method)


class _CutOffError(BaseException):
    """What a process meets that is killed."""


async def test_everything_that_is_sealed_comes_under_the_new_key_and_opens(settings: Settings) -> None:
    pool, texts = await make_stock()
    before = await keyring().sealing_key(pool.tenant_id)
    other, _ = await make_stock(2)
    others = await numbers(settings, other.tenant_id)

    change = await rotate(pool.tenant_id)

    assert change.finished_at is not None
    assert change.moved == change.total
    after = await numbers(settings, pool.tenant_id)
    assert {"code.sealed", "customer.contact_sealed", "upload_chunk.sealed"} <= after.keys()
    assert set().union(*after.values()) == {change.number}
    assert change.number != before.number
    assert await shown(pool) == set(texts)
    assert await numbers(settings, other.tenant_id) == others
    await assert_invariants()


async def test_a_rotation_that_is_cut_off_at_any_step_goes_on_where_it_stood(settings: Settings) -> None:
    pool, texts = await make_stock()
    steps: list[str] = []
    for at in count(1):
        with cut_off(at) as taken, suppress(_CutOffError):
            await rotate(pool.tenant_id)
        keyring().forget(pool.tenant_id)
        steps = taken
        if len(steps) < at:
            break
        change = await rotate(pool.tenant_id)
        assert set().union(*(await numbers(settings, pool.tenant_id)).values()) == {change.number}

    assert steps.count("COMMIT") > 20
    assert await shown(pool) == set(texts)
    async with governing(KEEPER) as tx:
        current = await tx.fetchval(
            "SELECT count(*) FROM data_key WHERE tenant_id = $1 AND purpose = 'SEAL' AND retired_at IS NULL",
            pool.tenant_id,
        )
    assert current == 1


async def test_two_who_carry_on_the_same_rotation_do_it_once(settings: Settings) -> None:
    pool, texts = await make_stock(12)

    first, second = await asyncio.gather(rotate(pool.tenant_id), rotate(pool.tenant_id))

    assert first.id == second.id
    assert first.total == second.moved
    assert set().union(*(await numbers(settings, pool.tenant_id)).values()) == {first.number}
    assert await shown(pool) == set(texts)


async def test_a_value_that_was_sealed_with_the_old_key_meanwhile_is_found_by_the_last_pass(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "KEY_SETTLE_S", 60.0)
    pool, _ = await make_stock()
    old = await keyring().sealing_key(pool.tenant_id)
    change = await custody.rotate_tenant_key(KEEPER, tenant_id=pool.tenant_id, columns=COLUMNS)

    early = await custody.carry_on(KEEPER, change_id=change.id, columns=COLUMNS)
    # What a process does that has not heard of the new key yet.
    keyring()._current[pool.tenant_id] = (old.number, float("inf"))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its memory
    keyring()._by_number[old.number] = (old, float("inf"))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its memory
    late = await make_codes(pool, 2)
    keyring().forget(pool.tenant_id)
    under = await numbers(settings, pool.tenant_id)
    with later(minutes=2):
        done = await custody.carry_on(KEEPER, change_id=change.id, columns=COLUMNS, patient=True)

    assert early.finished_at is None
    assert under["code.sealed"] == {old.number, change.number}
    assert done.finished_at is not None
    assert set().union(*(await numbers(settings, pool.tenant_id)).values()) == {change.number}
    assert set(late) <= await shown(pool)


async def test_the_last_code_of_a_pool_is_sold_while_it_is_being_re_sealed() -> None:
    pool, _ = await make_stock(1)
    await custody.rotate_tenant_key(KEEPER, tenant_id=pool.tenant_id, columns=COLUMNS)
    begun, end = asyncio.Event(), asyncio.Event()

    async def reseal() -> None:
        async with transaction(pool.ctx) as tx:
            await tx.fetchval(
                "SELECT pg_advisory_xact_lock(hashtextextended('fondaco re-sealing ' || $1::text, 0))",
                str(pool.tenant_id),
            )
            await tx.execute("UPDATE code SET sealed = sealed WHERE pool_id = $1", pool.id)
            begun.set()
            await end.wait()

    async def buy() -> int:
        await begun.wait()
        async with trading(pool.ctx) as tx:
            picked = await codes.pick_codes(tx, {pool.id: 1})
            unit = AllocationId(new_id())
            for code in picked[pool.id]:
                await codes.allocate_codes(tx, [(unit, code)], delivered=False)
                await codes.release_codes(tx, [unit])
            return len(picked[pool.id])

    async def go_on() -> None:
        await begun.wait()
        async with governing(KEEPER) as tx:
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while not await tx.fetchval(waiting):  # noqa: ASYNC110 - what another connection waits for
                await asyncio.sleep(0)
        end.set()

    _, bought, _ = await asyncio.gather(reseal(), buy(), go_on())

    assert bought == 1


async def test_imports_and_reveals_work_in_the_middle_of_a_rotation(settings: Settings) -> None:
    pool, texts = await make_stock(8)
    seen: list[int] = []

    async def on_the_way(_: custody.Change) -> None:
        seen.append(len(await shown(pool)))
        if len(seen) == 1:
            texts.extend(await make_codes(pool, 2))

    waiting: list[asyncio.Task[None]] = []
    change = await rotate(pool.tenant_id, told=lambda change: waiting.append(asyncio.ensure_future(on_the_way(change))))
    await asyncio.gather(*waiting)
    await make_requested_import(pool, "\n".join(some_codes(2)).encode())

    assert len(seen) > 2
    assert change.finished_at is not None
    assert await shown(pool) == set(texts)
    assert (await numbers(settings, pool.tenant_id))["code.sealed"] == {change.number}


async def test_a_key_that_has_sealed_a_lot_is_rotated_by_itself() -> None:
    pool, _ = await make_stock()
    old = await keyring().sealing_key(pool.tenant_id)
    await keyring().sealing_key(pool.tenant_id)
    async with governing(KEEPER) as tx:
        counted = await tx.fetchval("SELECT seals FROM data_key WHERE number = $1", old.number)
        await tx.execute("UPDATE data_key SET seals = $2 WHERE number = $1", old.number, limits.SEALS_ROTATE_AT)

    await custody.look_after_keys(KEEPER, columns=COLUMNS)

    assert counted >= 8
    assert (await keyring().sealing_key(pool.tenant_id)).number != old.number


async def test_only_who_keeps_keys_rotates_them() -> None:
    pool, _ = await make_stock(1)

    for ctx in (pool.ctx, Ctx(), system_ctx("test", permissions=frozenset({"platform.tenants"}))):
        with pytest.raises((NotAllowed, Unauthenticated)):
            await custody.rotate_tenant_key(ctx, tenant_id=pool.tenant_id, columns=COLUMNS)
