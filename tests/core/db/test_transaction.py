"""A transaction begins on a connection that lives, whatever became of those in the pool."""

import asyncio

import asyncpg
import pytest

from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import reading

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
