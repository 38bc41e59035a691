"""Stores, and what visitors see of them, on the restricted roles."""

from datetime import UTC, datetime

import pytest

from fondaco_core import tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound, StaleVersion
from fondaco_core.identity import MemberRole
from fondaco_core.ids import ListingId
from fondaco_tenants import catalog, storefront
from fondaco_tenants.storefront import StockClass, StoreState
from tests.support.factories.catalog import make_listing
from tests.support.factories.codes import make_codes, make_pool
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.routing import make_source
from tests.support.factories.storefront import make_store
from tests.support.factories.tenancy import make_tenant
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")


async def make_ctx() -> Ctx:
    return await make_member_ctx(await make_tenant())


async def available(ctx: Ctx, listing_id: ListingId) -> int:
    async with reading(ctx) as tx:
        return (await storefront.stock_of_listings(tx, ctx, [listing_id]))[listing_id]


async def test_a_store_is_found_by_its_slug_until_it_closes() -> None:
    ctx = await make_ctx()
    store = await make_store(ctx)

    async with reading(Ctx()) as tx:
        tenant_id = await tenancy.find_door(tx, "STORE", store.slug)
    assert tenant_id == ctx.tenant_id
    async with transaction(Ctx(tenant_id=tenant_id)) as tx:
        assert await storefront.visit_store(tx, store.slug) == store
    async with transaction(ctx) as tx:
        closed = await storefront.update_store(tx, ctx, store_id=store.id, version=1, state=StoreState.CLOSED)
        assert await storefront.visit_store(tx, store.slug) is None
        assert await storefront.get_store(tx, ctx, store.id) == closed
    await assert_invariants()


async def test_a_slug_is_taken_over_the_whole_platform() -> None:
    store = await make_store(await make_ctx())

    with pytest.raises(tenancy.NameTaken):
        await make_store(await make_ctx(), slug=store.slug)


@pytest.mark.parametrize("slug", ["", "Ab", "a b", "-ab", "ab-", "x" * 41])
async def test_a_slug_that_cannot_be_part_of_an_address_is_refused(slug: str) -> None:
    ctx = await make_ctx()

    async with transaction(ctx) as tx:
        with pytest.raises(tenancy.BadSlug):
            await storefront.create_store(tx, ctx, slug=slug, name="Shop", currency="CNY")


async def test_a_store_changes_by_version_and_only_by_its_own_people() -> None:
    ctx, stranger = await make_ctx(), await make_ctx()
    store, operator = await make_store(ctx), await make_member_ctx(ctx.tenant, role=MemberRole.OPERATOR)

    async with transaction(ctx) as tx:
        changed = await storefront.update_store(tx, ctx, store_id=store.id, version=1, name="New", guest_checkout=False)
        with pytest.raises(StaleVersion):
            await storefront.update_store(tx, ctx, store_id=store.id, version=1, name="Lost")
        with pytest.raises(Invalid):
            await storefront.update_store(tx, ctx, store_id=store.id, version=2, name=" ")
        with pytest.raises(NotAllowed):
            await storefront.update_store(tx, operator, store_id=store.id, version=2, name="Mine")
    async with transaction(stranger) as tx:
        with pytest.raises(NotFound):
            await storefront.update_store(tx, stranger, store_id=store.id, version=2, name="Mine")
        assert await storefront.list_stores(tx, stranger) == []

    assert (changed.details.name, changed.details.guest_checkout, changed.version) == ("New", False, 2)


async def test_stock_is_what_enabled_sources_of_living_pools_hold() -> None:
    ctx = await make_ctx()
    listing = await make_listing(ctx)
    pools = [await make_pool(ctx, entitlement_id=listing.entitlement_id) for _ in range(2)]
    for pool in pools:
        await make_codes(pool, 4)
        await make_source(ctx, listing_id=listing.id, pool_id=pool.id, enabled=pool is pools[0])

    assert await available(ctx, listing.id) == 4

    async with transaction(ctx) as tx:
        await tx.execute("UPDATE code_pool SET archived_at = $2 WHERE id = $1", pools[0].id, datetime.now(UTC))
    assert await available(ctx, listing.id) == 0


async def test_expired_and_sold_codes_are_no_stock_and_counting_stops_in_time() -> None:
    ctx = await make_ctx()
    listing = await make_listing(ctx)
    pool = await make_pool(ctx, entitlement_id=listing.entitlement_id)
    await make_codes(pool, 30)
    await make_source(ctx, listing_id=listing.id, pool_id=pool.id)
    async with transaction(ctx) as tx:
        await tx.execute(
            "UPDATE code SET expires_at = now() - interval '1 day' WHERE id = (SELECT id FROM code WHERE pool_id = $1 LIMIT 1)",
            pool.id,
        )
        await tx.execute(
            "UPDATE code SET state = 'VOID' WHERE id IN "
            "(SELECT id FROM code WHERE pool_id = $1 AND expires_at > now() LIMIT 5)",
            pool.id,
        )

    async with reading(ctx) as tx:
        some = await storefront.stock_of_listings(tx, ctx, [listing.id], up_to=7)
        shown = (await storefront.visit_listings(tx, [listing.id]))[listing.id]

    assert await available(ctx, listing.id) == 24
    assert some[listing.id] == 7
    assert shown.available == 10
    assert storefront.stock_class(shown.available, low_stock_at=shown.low_stock_at) is StockClass.IN_STOCK


async def test_visitors_see_what_is_on_sale_and_the_owner_sees_all() -> None:
    ctx = await make_ctx()
    store = await make_store(ctx)
    on_sale = await make_listing(ctx, store_id=store.id)
    draft = await make_listing(ctx, store_id=store.id, published=False)
    paused = await make_listing(ctx, store_id=store.id)
    async with transaction(ctx) as tx:
        await catalog.pause_listing(tx, ctx, listing_id=paused.id, version=2)

    ids = [on_sale.id, draft.id, paused.id]
    async with reading(Ctx(tenant_id=ctx.tenant_id)) as tx:
        assert [shown.id for shown in await storefront.list_shown(tx, store.id)] == [on_sale.id]
        assert set(await storefront.visit_listings(tx, ids)) == {on_sale.id}
    async with reading(ctx) as tx:
        assert set(await storefront.own_shown(tx, ctx, ids)) == set(ids)
        assert len(await storefront.list_own_shown(tx, ctx)) == 3


async def test_nothing_of_a_suspended_merchant_is_found() -> None:
    ctx, admin = await make_ctx(), admin_ctx()
    listing = await make_listing(ctx)
    async with governing(admin) as tx:
        await tenancy.suspend_tenant(tx, admin, ctx.tenant, reason="test")

    async with reading(Ctx(tenant_id=ctx.tenant_id)) as tx:
        assert await storefront.visit_stores(tx, [listing.store_id]) == {}
        assert await storefront.visit_listings(tx, [listing.id]) == {}
        assert await storefront.list_shown(tx, listing.store_id) == []


async def test_without_a_tenant_only_what_is_public_leads_to_its_tenant() -> None:
    ctx = await make_ctx()
    listing = await make_listing(ctx)
    draft = await make_listing(ctx, store_id=listing.store_id, published=False)

    async with reading(Ctx()) as tx:
        assert await storefront.tenants_of_listings(tx, [listing.id, draft.id]) == {listing.id: ctx.tenant_id}
        assert await storefront.tenants_of_stores(tx, [listing.store_id]) == {listing.store_id: ctx.tenant_id}


async def test_another_tenant_does_not_see_what_is_on_sale_elsewhere_as_its_own() -> None:
    stranger, listing = await make_ctx(), await make_listing(await make_ctx())

    async with reading(stranger) as tx:
        assert await tx.fetchval("SELECT count(*) FROM listing WHERE id = $1", listing.id) == 0
        assert await tx.fetchval("SELECT count(*) FROM store WHERE id = $1", listing.store_id) == 0
        assert await storefront.own_shown(tx, stranger, [listing.id]) == {}
        assert (await storefront.stock_of_listings(tx, stranger, [listing.id]))[listing.id] == 0
