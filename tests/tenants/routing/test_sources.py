"""Where listings are filled from, on the restricted roles."""

from datetime import UTC, datetime

import pytest

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import reading, transaction
from fondaco_core.errors import Conflict, Invalid, NotAllowed, NotFound
from fondaco_core.identity import MemberRole
from fondaco_core.ids import PoolId, new_id
from fondaco_tenants import codes, routing
from fondaco_tenants.catalog import Listing
from tests.support.factories.catalog import make_listing
from tests.support.factories.codes import make_pool
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.routing import make_source
from tests.support.factories.tenancy import make_tenant
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")


async def make_ctx() -> Ctx:
    return await make_member_ctx(await make_tenant())


async def make_fitting_pool(ctx: Ctx, listing: Listing) -> PoolId:
    return (await make_pool(ctx, entitlement_id=listing.entitlement_id)).id


async def test_sources_are_tried_in_the_order_of_their_priority() -> None:
    ctx = await make_ctx()
    listing = await make_listing(ctx)
    sources = [
        await make_source(ctx, listing_id=listing.id, pool_id=await make_fitting_pool(ctx, listing)) for _ in range(3)
    ]

    async with transaction(ctx) as tx:
        await routing.update_source(tx, ctx, source_id=sources[2].id, priority=0, enabled=False)
        await routing.update_source(tx, ctx, source_id=sources[0].id, priority=7)
        listed = await routing.list_sources(tx, ctx, listing_ids=[listing.id])

    assert [source.priority for source in sources] == [0, 1, 2]
    assert [source.id for source in listed] == [sources[2].id, sources[1].id, sources[0].id]
    assert [source.enabled for source in listed] == [False, True, True]
    await assert_invariants()


async def test_a_pool_of_another_entitlement_does_not_fit() -> None:
    ctx = await make_ctx()
    listing, pool = await make_listing(ctx), await make_pool(ctx)

    with pytest.raises(routing.PoolDoesNotFit):
        await make_source(ctx, listing_id=listing.id, pool_id=pool.id)


async def test_a_pool_is_a_source_once_and_never_when_it_is_archived() -> None:
    ctx = await make_ctx()
    listing = await make_listing(ctx)
    used, archived = await make_fitting_pool(ctx, listing), await make_fitting_pool(ctx, listing)
    await make_source(ctx, listing_id=listing.id, pool_id=used)
    async with transaction(ctx) as tx:
        await tx.execute("UPDATE code_pool SET archived_at = $2 WHERE id = $1", archived, datetime.now(UTC))

    with pytest.raises(routing.SourceExists):
        await make_source(ctx, listing_id=listing.id, pool_id=used)
    with pytest.raises(codes.PoolArchived):
        await make_source(ctx, listing_id=listing.id, pool_id=archived)


async def test_neither_a_strange_pool_nor_a_strange_listing_exists() -> None:
    ctx, stranger = await make_ctx(), await make_ctx()
    listing = await make_listing(ctx)
    own, strange = await make_fitting_pool(ctx, listing), await make_fitting_pool(stranger, listing)
    source = await make_source(ctx, listing_id=listing.id, pool_id=own)

    with pytest.raises(NotFound):
        await make_source(ctx, listing_id=listing.id, pool_id=strange)
    with pytest.raises(NotFound):
        await make_source(stranger, listing_id=listing.id, pool_id=strange)
    with pytest.raises(NotFound):
        await make_source(ctx, listing_id=listing.id, pool_id=PoolId(new_id()))
    async with transaction(stranger) as tx:
        assert await routing.list_sources(tx, stranger, listing_ids=[listing.id]) == []
        assert await routing.sources_by_ids(tx, stranger, [source.id]) == {}
        with pytest.raises(NotFound):
            await routing.remove_source(tx, stranger, source_id=source.id)
        with pytest.raises(NotFound):
            await routing.update_source(tx, stranger, source_id=source.id, enabled=False)


async def test_a_removed_source_is_gone_and_its_pool_may_come_again() -> None:
    ctx = await make_ctx()
    listing = await make_listing(ctx)
    pool = await make_fitting_pool(ctx, listing)
    source = await make_source(ctx, listing_id=listing.id, pool_id=pool)

    async with transaction(ctx) as tx:
        assert await routing.remove_source(tx, ctx, source_id=source.id) == (listing.id, None)
        with pytest.raises(NotFound):
            await routing.remove_source(tx, ctx, source_id=source.id)

    again = await make_source(ctx, listing_id=listing.id, pool_id=pool, priority=5)
    async with reading(ctx) as tx:
        assert await routing.list_sources(tx, ctx, listing_ids=[listing.id]) == [again]


@pytest.mark.parametrize("priority", [-1, 1_000_001])
async def test_a_priority_out_of_bounds_is_refused(priority: int) -> None:
    ctx = await make_ctx()
    listing = await make_listing(ctx)

    with pytest.raises(Invalid):
        await make_source(ctx, listing_id=listing.id, pool_id=await make_fitting_pool(ctx, listing), priority=priority)


async def test_support_changes_no_sources() -> None:
    ctx = await make_ctx()
    support = await make_member_ctx(ctx.tenant, role=MemberRole.SUPPORT)
    listing = await make_listing(ctx)

    with pytest.raises(NotAllowed):
        await make_source(support, listing_id=listing.id, pool_id=await make_fitting_pool(ctx, listing))


async def test_a_listing_has_a_bounded_number_of_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SOURCES_MAX", 1)
    ctx = await make_ctx()
    listing = await make_listing(ctx)
    await make_source(ctx, listing_id=listing.id, pool_id=await make_fitting_pool(ctx, listing))

    with pytest.raises(Conflict):
        await make_source(ctx, listing_id=listing.id, pool_id=await make_fitting_pool(ctx, listing))
