"""A page of a store counts as far as is shown: however many codes a pool has, no more of them are read."""

from collections.abc import Iterator
from typing import Any

import asyncpg
import orjson
import pytest

from fondaco_core import limits
from fondaco_core.config import Settings
from fondaco_tenants.storefront import store
from tests.support.factories.orders import make_shop

CODES = 60_000
# As the product's imports leave them, but for their contents, which nobody opens: gone again when the test ends.
FILL = """
INSERT INTO code (id, tenant_id, pool_id, batch_id, state, expires_at, sealed, fingerprint, original, masked, changed_at)
SELECT uuidv7(), $1, $2, (SELECT id FROM code_batch WHERE pool_id = $2 LIMIT 1), 'AVAILABLE', '9999-12-31', sha256(n::text::bytea),
  sha256(gen_random_uuid()::text::bytea), true, '••••', now()
FROM generate_series(1, $3) AS n
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every step of a plan."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("planned", ["force_generic_plan", "force_custom_plan"])
async def test_a_page_reads_no_more_of_a_pool_than_it_counts(settings: Settings, planned: str) -> None:
    shop = await make_shop(stock=1)
    connection = await asyncpg.connect(settings.require_database_url().reveal())
    filled = connection.transaction()
    await filled.start()
    await connection.execute(FILL, shop.tenant_id, shop.pool_id, CODES)
    await connection.execute("ANALYZE code")
    await connection.execute("SET LOCAL ROLE fondaco_tenant")
    await connection.execute("SELECT set_config('app.tenant_id', $1, true)", str(shop.tenant_id))
    await connection.execute(f"SET LOCAL plan_cache_mode TO {planned}")
    await connection.execute(f"PREPARE page (uuid, text, text, bigint, uuid, bigint) AS {store.PAGE}")

    asked = f"EXECUTE page ('{shop.store_id}', NULL, NULL, NULL, NULL, 51)"
    told = await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING off, FORMAT JSON) {asked}")

    await filled.rollback()
    await connection.close()
    steps = [step for step in nodes(orjson.loads(told)[0]["Plan"]) if step.get("Index Name") == "ix_code_pick"]
    assert steps
    assert max(step["Actual Rows"] for step in steps) <= limits.STOCK_SEEN_MAX
