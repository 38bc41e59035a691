"""Imports: what is accepted, what is not, and that each code is on the platform once."""

from fondaco_core.db import Database, reading
from fondaco_tenants import codes
from tests.support.factories.codes import make_codes, make_pool


async def test_imported_codes_are_in_stock(database: Database) -> None:
    pool = await make_pool()

    await make_codes(pool, 3)

    async with reading(pool.ctx) as tx:
        assert await codes.stock_of_pools(tx, [pool.id]) == {pool.id: 3}
