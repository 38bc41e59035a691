"""Stores and listings as visitors and merchants see them, through the real front door."""

from collections.abc import AsyncIterator

import pytest

from fondaco_api.graphql import executor
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import global_id
from fondaco_api.graphql.storefront import Store
from fondaco_core import tenancy
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, governing, transaction
from fondaco_core.ids import new_id
from fondaco_tenants import catalog, storefront
from fondaco_tenants.storefront import StoreState
from tests.support.door import Door, open_door
from tests.support.factories.catalog import make_entitlement, make_listing
from tests.support.factories.codes import make_codes, make_pool
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.routing import make_source
from tests.support.factories.storefront import make_store
from tests.support.factories.tenancy import make_tenant
from tests.support.statements import counted

PAGE = """
query Page($slug: String!, $first: Int, $after: String, $last: Int, $search: String, $category: String) {
  store(slug: $slug) {
    id name currency
    listings(first: $first, after: $after, last: $last, search: $search, category: $category) {
      nodes {
        id title stockClass stock lowStockAt sources { id } viewerCanEdit state
        price { amount currency minorUnits } limits { perOrder perCustomer periodDays }
        entitlement { id sku brand name nameZh category fulfilmentKind region faceValue { amount } restrictions }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
NODE = "query Node($id: ID!) { node(id: $id) { __typename id ... on Listing { title store { slug } } ... on Store { name } } }"


@pytest.fixture
async def door(database: Database, settings: Settings) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def make_ctx() -> Ctx:
    return await make_member_ctx(await make_tenant())


async def titles(door: Door, slug: str, **variables: object) -> list[str]:
    store = (await door.ask(PAGE, {"slug": slug, **variables}))["store"]
    return [node["title"] for node in store["listings"]["nodes"]]


async def test_fifty_listings_with_price_and_stock_take_at_most_six_statements(door: Door) -> None:
    ctx = await make_ctx()
    store, standard = await make_store(ctx), await make_entitlement()
    pool = await make_pool(ctx, entitlement_id=standard.id)
    await make_codes(pool, 12)
    for position in range(50):
        listing = await make_listing(ctx, store_id=store.id, entitlement_id=standard.id, position=position)
        if position == 0:
            await make_source(ctx, listing_id=listing.id, pool_id=pool.id)

    with counted() as statements:
        page = (await door.ask(PAGE, {"slug": store.slug, "first": 50}))["store"]["listings"]

    assert len(statements) <= 6
    assert len(page["nodes"]) == 50
    first = page["nodes"][0]
    assert first["price"] == {"amount": "48.00", "currency": "CNY", "minorUnits": "4800"}
    assert [node["stockClass"] for node in page["nodes"][:2]] == ["IN_STOCK", "OUT"]
    assert (first["stock"], first["lowStockAt"], first["sources"], first["viewerCanEdit"]) == (None, None, None, False)
    assert first["entitlement"]["faceValue"] == {"amount": "50.00"}


async def test_a_page_is_followed_by_its_cursor_and_read_from_its_end(door: Door) -> None:
    ctx = await make_ctx()
    store, standard = await make_store(ctx), await make_entitlement()
    for position in range(5):
        await make_listing(ctx, store_id=store.id, entitlement_id=standard.id, title=f"L{position}", position=position)

    first = (await door.ask(PAGE, {"slug": store.slug, "first": 3}))["store"]["listings"]
    assert first["pageInfo"]["hasNextPage"]
    assert await titles(door, store.slug, first=3, after=first["pageInfo"]["endCursor"]) == ["L3", "L4"]
    assert await titles(door, store.slug, last=2) == ["L3", "L4"]


async def test_listings_are_found_by_words_and_category(door: Door) -> None:
    ctx = await make_ctx()
    store = await make_store(ctx)
    films = await make_entitlement(brand="iQIYI", category="films")
    await make_listing(ctx, store_id=store.id, entitlement_id=films.id, title="One month")
    await make_listing(ctx, store_id=store.id, title="Fifty 100%", position=1)

    assert await titles(door, store.slug, search="IQIYI") == ["One month"]
    assert await titles(door, store.slug, category="films") == ["One month"]
    assert await titles(door, store.slug, search="%") == ["Fifty 100%"]
    assert await titles(door, store.slug, search="Fifty\0") == ["Fifty 100%"]
    assert await titles(door, store.slug, search="", category=" ") == ["One month", "Fifty 100%"]


async def test_what_is_off_sale_closed_or_suspended_does_not_exist_for_visitors(door: Door) -> None:
    ctx, admin = await make_ctx(), admin_ctx()
    store = await make_store(ctx)
    listing = await make_listing(ctx, store_id=store.id)
    draft = await make_listing(ctx, store_id=store.id, published=False)
    paused = await make_listing(ctx, store_id=store.id)

    async def found() -> tuple[bool, bool, bool]:
        nodes = [
            (await door.ask(NODE, {"id": global_id(kind, key)}))["node"]
            for kind, key in ((Listing, listing.id), (Store, store.id))
        ]
        return (
            (await door.ask(PAGE, {"slug": store.slug}))["store"] is not None,
            nodes[0] is not None,
            nodes[1] is not None,
        )

    assert await found() == (True, True, True)
    assert len(await titles(door, store.slug)) == 2
    async with transaction(ctx) as tx:
        await catalog.pause_listing(tx, ctx, listing_id=paused.id, version=2)
    assert len(await titles(door, store.slug)) == 1
    for hidden in (draft, paused):
        assert (await door.ask(NODE, {"id": global_id(Listing, hidden.id)}))["node"] is None
    async with transaction(ctx) as tx:
        await storefront.update_store(tx, ctx, store_id=store.id, version=1, state=StoreState.CLOSED)
    assert await found() == (False, False, False)
    async with transaction(ctx) as tx:
        await storefront.update_store(tx, ctx, store_id=store.id, version=2, state=StoreState.OPEN)
    assert await found() == (True, True, True)
    async with governing(admin) as tx:
        await tenancy.suspend_tenant(tx, admin, ctx.tenant, reason="test")
    assert await found() == (False, False, False)


async def test_what_visitors_were_answered_is_told_again_until_something_of_it_is_written(door: Door) -> None:
    ctx = await make_ctx()
    listing = await make_listing(ctx)
    pool = await make_pool(ctx, entitlement_id=listing.entitlement_id)
    await make_source(ctx, listing_id=listing.id, pool_id=pool.id)
    document = "query One($id: ID!) { listing(id: $id) { stockClass title } }"
    variables = {"id": global_id(Listing, listing.id)}
    first = await door.ask(document, variables)

    with counted() as statements:
        again = await door.ask(document, variables)
    await make_codes(pool, 3)
    after = await door.ask(document, variables)

    assert first == again == {"listing": {"stockClass": "OUT", "title": "Steam 50"}}
    assert statements == []
    assert after == {"listing": {"stockClass": "LOW", "title": "Steam 50"}}


async def test_the_owner_is_never_answered_from_what_visitors_saw(door: Door) -> None:
    ctx = await make_ctx()
    store = await make_store(ctx)
    await make_listing(ctx, store_id=store.id)
    await door.ask(PAGE, {"slug": store.slug})

    node = (await door.ask(PAGE, {"slug": store.slug}, ctx=ctx))["store"]["listings"]["nodes"][0]

    assert (node["stock"], node["lowStockAt"], node["sources"], node["viewerCanEdit"]) == (0, 0, [], True)


async def test_a_slug_that_leads_nowhere_is_null(door: Door) -> None:
    for slug in ("", "nobody-has-this", "NOT A SLUG", "x" * 500):
        assert (await door.ask(PAGE, {"slug": slug}))["store"] is None


async def test_the_owner_sees_exact_stock_and_sources_of_all_in_a_bounded_number_of_statements(door: Door) -> None:
    ctx = await make_ctx()
    store, standard = await make_store(ctx), await make_entitlement()
    pool = await make_pool(ctx, entitlement_id=standard.id)
    await make_codes(pool, 23)
    for published in (True, False, True):
        made = await make_listing(
            ctx, store_id=store.id, entitlement_id=standard.id, published=published, low_stock_at=5
        )
        await make_source(ctx, listing_id=made.id, pool_id=pool.id)
    document = """query Mine($store: ID) { merchant { listings(storeId: $store) { nodes {
        stock lowStockAt state stockClass store { slug } sources { priority enabled pool { name } } } } } }"""

    with counted() as statements:
        nodes = (await door.ask(document, {"store": global_id(Store, store.id)}, ctx=ctx))["merchant"]["listings"][
            "nodes"
        ]

    assert len(statements) <= 6
    assert [node["state"] for node in nodes] == ["ACTIVE", "DRAFT", "ACTIVE"]
    assert {(node["stock"], node["lowStockAt"], node["stockClass"], node["store"]["slug"]) for node in nodes} == {
        (23, 5, "IN_STOCK", store.slug)
    }
    assert nodes[0]["sources"] == [{"priority": 0, "enabled": True, "pool": {"name": "Some pool"}}]


async def test_another_merchant_sees_the_public_side_only(door: Door) -> None:
    ctx, stranger = await make_ctx(), await make_ctx()
    store = await make_store(ctx)
    await make_listing(ctx, store_id=store.id)
    draft = await make_listing(ctx, store_id=store.id, published=False)

    page = (await door.ask(PAGE, {"slug": store.slug}, ctx=stranger))["store"]["listings"]["nodes"]
    mine = await door.ask("{ merchant { listings { nodes { id } } stores { nodes { id } } } }", ctx=stranger)

    assert [(node["stock"], node["sources"], node["viewerCanEdit"]) for node in page] == [(None, None, False)]
    assert mine == {"merchant": {"listings": {"nodes": []}, "stores": {"nodes": []}}}
    assert (await door.ask(NODE, {"id": global_id(Listing, draft.id)}, ctx=stranger))["node"] is None
    assert (await door.ask(NODE, {"id": global_id(Listing, draft.id)}, ctx=ctx))["node"] is not None


async def test_ids_of_things_that_are_not_there_are_null(door: Door) -> None:
    for kind in (Listing, Store):
        assert (await door.ask(NODE, {"id": global_id(kind, new_id())}))["node"] is None


async def test_standards_are_listed_for_anybody_by_kind_and_words(door: Door) -> None:
    brand = f"B{new_id().hex}"
    made = await make_entitlement(brand=brand)
    document = (
        "query All($search: String) { entitlements(search: $search, kind: CODE) { nodes { sku viewerCanEdit } } }"
    )

    with counted() as statements:
        found = await door.ask(document, {"search": brand})

    assert found == {"entitlements": {"nodes": [{"sku": made.sku, "viewerCanEdit": False}]}}
    assert len(statements) == 1


async def test_the_short_way_of_the_executor_answers_as_the_long_one_does(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = await make_ctx()
    store = await make_store(ctx)
    await make_listing(ctx, store_id=store.id, customer_max=3)
    await make_listing(ctx, store_id=store.id, position=1)

    short = await door.ask(PAGE, {"slug": store.slug}, ctx=ctx)
    monkeypatch.setattr(executor, "attributes_of", lambda _: {})
    long = await door.ask(PAGE, {"slug": store.slug}, ctx=ctx)

    assert short == long
    assert short["store"]["listings"]["nodes"][1]["limits"]["perCustomer"] is None
