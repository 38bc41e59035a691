"""That there is little, nothing or enough of a listing is announced once, by the sum of what its pools sell."""

import pytest

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, transaction
from fondaco_core.ids import PoolId
from fondaco_tenants import catalog, codes, routing
from fondaco_tenants.catalog import Listing
from fondaco_workers.actors.routing import watch_listings
from tests.support.actors import run_twice
from tests.support.factories.catalog import make_listing
from tests.support.factories.codes import MadePool, make_codes, make_pool
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.routing import make_source
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


async def make_watched(*stock: int, low_stock_at: int) -> tuple[Ctx, Listing, list[MadePool]]:
    """A listing on sale with a pool for each number, which has so many codes."""
    ctx = await make_member_ctx(await make_tenant())
    listing = await make_listing(ctx, low_stock_at=low_stock_at, published=True)
    pools = []
    for count in stock:
        pool = await make_pool(ctx, entitlement_id=listing.entitlement_id)
        await make_source(ctx, listing_id=listing.id, pool_id=PoolId(pool.id))
        await make_codes(pool, count)
        pools.append(pool)
    return ctx, listing, pools


async def take(pool: MadePool, count: int) -> None:
    async with transaction(pool.ctx) as tx:
        some = await codes.list_codes(tx, pool.ctx, pool_id=pool.id, state=codes.CodeState.AVAILABLE, count=count)
        await codes.void_codes(tx, pool.ctx, code_ids=[code.id for code in some], reason="They are gone.")


async def looked(ctx: Ctx) -> list[tuple[str, str | None]]:
    """What is announced of the merchant's listings once the watch has looked, oldest first."""
    await run_twice(watch_listings)
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch(
            "SELECT name, payload->>'available' AS available, payload->>'band' AS band FROM outbox_event"
            " WHERE tenant_id = $1 AND name LIKE 'listing\\_stock.%' ORDER BY seq",
            ctx.tenant,
        )
    return [(row["name"].removeprefix("listing_stock."), row["available"] or row["band"]) for row in rows]


async def test_the_stock_of_a_listing_is_that_of_all_its_pools_and_each_crossing_is_announced_once() -> None:
    ctx, _, (one, other) = await make_watched(3, 4, low_stock_at=5)

    enough = await looked(ctx)
    await take(one, 3)
    low = await looked(ctx)
    await take(other, 4)
    out = await looked(ctx)
    await make_codes(other, 4)
    some = await looked(ctx)
    await make_codes(one, 4)
    back = await looked(ctx)

    assert enough == []
    assert low == [("low", "4")]
    assert out == [*low, ("out", None)]
    assert some == [*out, ("back", "LOW")]
    assert back == [*some, ("back", "ENOUGH")]


async def test_what_a_source_that_is_switched_off_has_does_not_count() -> None:
    ctx, listing, _ = await make_watched(3, 4, low_stock_at=5)
    await looked(ctx)

    async with transaction(ctx) as tx:
        first = (await routing.list_sources(tx, ctx, listing_ids=[listing.id]))[0]
        await routing.update_source(tx, ctx, source_id=first.id, enabled=False)

    assert await looked(ctx) == [("low", "4")]


async def test_a_listing_without_an_alarm_is_told_of_when_nothing_is_left() -> None:
    ctx, _, (pool,) = await make_watched(2, low_stock_at=0)
    await looked(ctx)
    await take(pool, 1)
    one_left = await looked(ctx)
    await take(pool, 1)

    assert one_left == []
    assert await looked(ctx) == [("out", None)]


async def test_of_what_is_not_on_sale_nobody_is_told() -> None:
    ctx, listing, (pool,) = await make_watched(2, low_stock_at=5)
    async with transaction(ctx) as tx:
        await catalog.pause_listing(tx, ctx, listing_id=listing.id, version=listing.version)
    await take(pool, 2)

    assert await looked(ctx) == []
