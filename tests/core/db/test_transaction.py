"""A transaction begins on a connection that lives, whatever became of those in the pool."""

import asyncio
from contextlib import suppress

import asyncpg
import pytest

from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import reading, transaction

pytestmark = pytest.mark.usefixtures("database")


async def test_a_pool_whose_every_connection_was_cut_fails_nobody(settings: Settings) -> None:
    together = asyncio.Barrier(settings.database_pool)
    owner = await asyncpg.connect(settings.require_database_url().reveal())

    async def its_backend() -> int:
        async with reading(Ctx()) as tx:
            await together.wait()
            return int(await tx.fetchval("SELECT pg_backend_pid()"))

    async def again() -> int:
        async with reading(Ctx()) as tx:
            return int(await tx.fetchval("SELECT 1"))

    try:
        pool = await asyncio.gather(*(its_backend() for _ in range(settings.database_pool)))
        # Waits until each is gone.
        ended = await owner.fetch(
            "SELECT pg_terminate_backend(pid, 10000) AS ended FROM unnest($1::int[]) AS t (pid)", pool
        )
    finally:
        await owner.close()

    assert all(row["ended"] for row in ended)
    assert await again() == 1


async def test_who_is_cut_short_at_any_moment_leaves_no_transaction_to_the_next(settings: Settings) -> None:
    together = asyncio.Barrier(settings.database_pool)

    async def read() -> None:
        async with reading(Ctx()) as tx:
            await tx.fetchval("SELECT 1")

    async def is_read_only() -> str:
        async with transaction(Ctx()) as tx:
            await together.wait()
            return str(await tx.fetchval("SHOW transaction_read_only"))

    found: set[str] = set()
    for turns in range(40):
        cut_short = asyncio.create_task(read())
        for _ in range(turns):
            await asyncio.sleep(0)
        cut_short.cancel()
        with suppress(asyncio.CancelledError):
            await cut_short
        found.update(await asyncio.gather(*(is_read_only() for _ in range(settings.database_pool))))

    assert found == {"off"}
