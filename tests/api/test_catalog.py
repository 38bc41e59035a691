"""Every mutation of standards, stores, listings and sources, with all that it refuses, through the real front door."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from fondaco_api.graphql.catalog import Entitlement
from fondaco_api.graphql.codes import Pool
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import Node, global_id
from fondaco_api.graphql.routing import Source
from fondaco_api.graphql.storefront import Store
from fondaco_core import tenancy
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, governing, transaction
from fondaco_core.identity import MemberRole
from fondaco_core.ids import new_id
from fondaco_tenants import catalog, codes
from tests.support.door import Door, open_door
from tests.support.factories.catalog import make_entitlement, make_listing
from tests.support.factories.codes import make_pool
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.routing import make_source
from tests.support.factories.storefront import make_store
from tests.support.factories.tenancy import make_tenant

PRICE = {"amount": "48.00", "currency": "CNY"}


@pytest.fixture
async def door(database: Database, settings: Settings) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def make_ctx() -> Ctx:
    return await make_member_ctx(await make_tenant())


async def suspend(ctx: Ctx) -> None:
    admin = admin_ctx()
    async with governing(admin) as tx:
        await tenancy.suspend_tenant(tx, admin, ctx.tenant, reason="test")


async def retire(entitlement_id: UUID) -> None:
    admin = admin_ctx()
    async with governing(admin) as tx:
        await catalog.retire_entitlement(tx, admin, entitlement_id=entitlement_id, version=1)  # type: ignore[arg-type]


async def support_of(ctx: Ctx) -> Ctx:
    return await make_member_ctx(ctx.tenant, role=MemberRole.SUPPORT)


def unknown(kind: type[Node]) -> str:
    return global_id(kind, new_id())


def entitlement_input(**more: Any) -> dict[str, Any]:
    said = {"sku": f"sku-{new_id().hex}", "brand": "Steam", "name": "Steam 50", "nameZh": "五十", "category": "games"}
    return {**said, "fulfilmentKind": "CODE", "redemption": "Redeem it.", "redemptionZh": "兑换。", **more}


async def refused(door: Door, mutation: str, input_: dict[str, Any], ctx: Ctx | None) -> tuple[str, list[str] | None]:
    result = await door.do(mutation, input_, ctx=ctx)
    return result["code"], result["path"]


async def test_admins_keep_the_standards(door: Door) -> None:
    admin = admin_ctx()
    show = "... on {}Success {{ entitlement {{ id version name state faceValue {{ amount }} }} }}"

    made = await door.do(
        "createEntitlement", entitlement_input(faceValue=PRICE), ctx=admin, show=show.format("CreateEntitlement")
    )
    id_ = made["entitlement"]["id"]
    changed = await door.do(
        "updateEntitlement", {"id": id_, "version": 1, "name": "New", "faceValue": None}, ctx=admin,
        show=show.format("UpdateEntitlement"),
    )  # fmt: skip
    retired = await door.do(
        "retireEntitlement", {"id": id_, "version": 2}, ctx=admin, show=show.format("RetireEntitlement")
    )

    assert made["entitlement"]["faceValue"] == {"amount": "48.00"}
    assert changed["entitlement"] == {"id": id_, "version": 2, "name": "New", "state": "ACTIVE", "faceValue": None}
    assert retired["entitlement"]["state"] == "RETIRED"


async def test_what_the_mutations_of_standards_refuse(door: Door) -> None:
    admin, made, old = admin_ctx(), await make_entitlement(), await make_entitlement()
    await retire(old.id)
    id_, old_id, ctx = global_id(Entitlement, made.id), global_id(Entitlement, old.id), await make_ctx()

    assert await refused(door, "createEntitlement", entitlement_input(sku=made.sku), admin) == (
        "SKU_TAKEN",
        ["input", "sku"],
    )
    assert await refused(door, "createEntitlement", entitlement_input(sku="A B"), admin) == (
        "INVALID_INPUT",
        ["input", "sku"],
    )
    assert await refused(door, "createEntitlement", entitlement_input(nameZh=" "), admin) == (
        "INVALID_INPUT",
        ["input", "nameZh"],
    )
    assert await refused(
        door, "createEntitlement", entitlement_input(faceValue={"amount": "1.234", "currency": "CNY"}), admin
    ) == ("INVALID_INPUT", ["input", "faceValue", "amount"])
    assert (await refused(door, "createEntitlement", entitlement_input(), ctx))[0] == "NOT_ALLOWED"
    assert (await refused(door, "updateEntitlement", {"id": id_, "version": 7}, admin))[0] == "STALE_VERSION"
    assert (await refused(door, "updateEntitlement", {"id": old_id, "version": 2}, admin))[0] == "ENTITLEMENT_RETIRED"
    assert (await refused(door, "updateEntitlement", {"id": unknown(Entitlement), "version": 1}, admin))[
        0
    ] == "NOT_FOUND"
    assert await refused(door, "updateEntitlement", {"id": "???", "version": 1}, admin) == (
        "INVALID_INPUT",
        ["input", "id"],
    )
    assert (await refused(door, "updateEntitlement", {"id": id_, "version": 1}, ctx))[0] == "NOT_ALLOWED"
    assert (await refused(door, "retireEntitlement", {"id": id_, "version": 7}, admin))[0] == "STALE_VERSION"
    assert (await refused(door, "retireEntitlement", {"id": unknown(Store), "version": 1}, admin))[0] == "NOT_FOUND"
    assert (await refused(door, "retireEntitlement", {"id": id_, "version": 1}, ctx))[0] == "NOT_ALLOWED"


async def test_a_merchant_opens_a_store_and_sells_in_it(door: Door) -> None:
    ctx, standard = await make_ctx(), await make_entitlement()
    slug = f"shop-{new_id().hex[8:]}"
    store = (
        await door.do(
            "createStore", {"slug": slug, "name": "Shop", "currency": "CNY"}, ctx=ctx,
            show="... on CreateStoreSuccess { store { id slug version holdSeconds state } }",
        )
    )["store"]  # fmt: skip
    pool = await make_pool(ctx, entitlement_id=standard.id)
    listing_input = {
        "storeId": store["id"], "entitlementId": global_id(Entitlement, standard.id), "title": "Fifty",
        "price": PRICE, "customerMax": 2, "customerPeriodDays": 30,
    }  # fmt: skip

    listing = (
        await door.do(
            "createListing", listing_input, ctx=ctx,
            show="... on CreateListingSuccess { listing { id version state limits { perCustomer periodDays } } }",
        )
    )["listing"]  # fmt: skip
    await door.do("addSource", {"listingId": listing["id"], "poolId": global_id(Pool, pool.id)}, ctx=ctx)
    published = await door.do(
        "publishListing", {"id": listing["id"], "version": 1}, ctx=ctx,
        show="... on PublishListingSuccess { listing { state version sources { enabled } } }",
    )  # fmt: skip
    seen = await door.ask("query ($s: String!) { store(slug: $s) { listings { nodes { title } } } }", {"s": slug})

    assert (store["slug"], store["version"], store["holdSeconds"], store["state"]) == (slug, 1, 900, "OPEN")
    assert (listing["state"], listing["limits"]) == ("DRAFT", {"perCustomer": 2, "periodDays": 30})
    assert published["listing"] == {"state": "ACTIVE", "version": 2, "sources": [{"enabled": True}]}
    assert seen == {"store": {"listings": {"nodes": [{"title": "Fifty"}]}}}


async def test_what_the_mutations_of_stores_refuse(door: Door) -> None:
    ctx, other = await make_ctx(), await make_ctx()
    store, support = await make_store(ctx), await support_of(ctx)
    id_, good = global_id(Store, store.id), {"slug": f"s-{new_id().hex[8:]}", "name": "Shop", "currency": "CNY"}

    async def create(**more: Any) -> tuple[str, list[str] | None]:
        return await refused(door, "createStore", {**good, **more}, ctx)

    assert await create(slug=store.slug) == ("NAME_TAKEN", ["input", "slug"])
    assert await create(slug="Not a slug") == ("BAD_SLUG", ["input", "slug"])
    assert await create(name="") == ("INVALID_INPUT", ["input", "name"])
    assert await create(locale="fr") == ("INVALID_INPUT", ["input", "locale"])
    assert await create(holdSeconds=5) == ("INVALID_INPUT", ["input", "holdSeconds"])
    assert (await refused(door, "createStore", good, support))[0] == "NOT_ALLOWED"
    assert (await refused(door, "updateStore", {"id": id_, "version": 4}, ctx))[0] == "STALE_VERSION"
    assert (await refused(door, "updateStore", {"id": id_, "version": 1, "name": "Mine"}, other))[0] == "NOT_FOUND"
    assert (await refused(door, "updateStore", {"id": id_, "version": 1}, support))[0] == "NOT_ALLOWED"
    assert await refused(door, "updateStore", {"id": id_, "version": 1, "holdSeconds": 5}, ctx) == (
        "INVALID_INPUT",
        ["input", "holdSeconds"],
    )
    await suspend(ctx)
    assert (await create())[0] == "TENANT_NOT_ACTIVE"
    assert (await refused(door, "updateStore", {"id": id_, "version": 1}, ctx))[0] == "TENANT_NOT_ACTIVE"


async def test_what_drafting_a_listing_refuses(door: Door) -> None:
    ctx, other = await make_ctx(), await make_ctx()
    standard, old = await make_entitlement(), await make_entitlement()
    await retire(old.id)
    store = global_id(Store, (await make_store(ctx)).id)
    strange = global_id(Store, (await make_store(other)).id)
    good = {"storeId": store, "entitlementId": global_id(Entitlement, standard.id), "title": "Fifty", "price": PRICE}

    async def create(**more: Any) -> tuple[str, list[str] | None]:
        return await refused(door, "createListing", {**good, **more}, ctx)

    assert await create(storeId=strange) == ("NOT_FOUND", ["input", "storeId"])
    assert await create(storeId=good["entitlementId"]) == ("NOT_FOUND", ["input", "storeId"])
    assert await create(entitlementId=unknown(Entitlement)) == ("NOT_FOUND", ["input", "entitlementId"])
    assert await create(entitlementId=global_id(Entitlement, old.id)) == (
        "ENTITLEMENT_RETIRED",
        ["input", "entitlementId"],
    )
    assert await create(price={"amount": "1", "currency": "USD"}) == ("INVALID_INPUT", ["input", "price", "currency"])
    assert await create(price={"amount": "-1", "currency": "CNY"}) == ("INVALID_INPUT", ["input", "price", "amount"])
    assert await create(title="") == ("INVALID_INPUT", ["input", "title"])
    assert await create(orderMax=0) == ("INVALID_INPUT", ["input", "orderMax"])
    assert await create(customerPeriodDays=7) == ("INVALID_INPUT", ["input", "customerMax"])
    assert (await refused(door, "createListing", good, await support_of(ctx)))[0] == "NOT_ALLOWED"
    await suspend(ctx)
    assert (await create())[0] == "TENANT_NOT_ACTIVE"


async def test_what_changing_and_moving_a_listing_refuses(door: Door) -> None:
    ctx, other = await make_ctx(), await make_ctx()
    listing, archived = await make_listing(ctx), await make_listing(ctx)
    async with transaction(ctx) as tx:
        await catalog.archive_listing(tx, ctx, listing_id=archived.id, version=2)
    mine, gone = (
        {"id": global_id(Listing, listing.id), "version": 2},
        {"id": global_id(Listing, archived.id), "version": 3},
    )
    support = await support_of(ctx)

    for mutation in ("updateListing", "publishListing", "pauseListing", "archiveListing"):
        assert (await refused(door, mutation, {**mine, "version": 1}, ctx))[0] == "STALE_VERSION"
        assert (await refused(door, mutation, mine, other))[0] == "NOT_FOUND"
        assert (await refused(door, mutation, {**mine, "id": unknown(Listing)}, ctx))[0] == "NOT_FOUND"
        assert (await refused(door, mutation, gone, ctx))[0] == "LISTING_IN_WRONG_STATE"
        assert (await refused(door, mutation, mine, support))[0] == "NOT_ALLOWED"
    assert (await refused(door, "publishListing", mine, ctx))[0] == "LISTING_IN_WRONG_STATE"
    assert await refused(door, "updateListing", {**mine, "customerPeriodDays": 7}, ctx) == (
        "INVALID_INPUT",
        ["input", "customerMax"],
    )
    await retire(listing.entitlement_id)
    paused = await door.do("pauseListing", mine, ctx=ctx)
    assert paused["__typename"] == "PauseListingSuccess"
    assert (await refused(door, "publishListing", {**mine, "version": 3}, ctx))[0] == "ENTITLEMENT_RETIRED"
    await suspend(ctx)
    for mutation in ("updateListing", "publishListing", "pauseListing", "archiveListing"):
        assert (await refused(door, mutation, {**mine, "version": 3}, ctx))[0] == "TENANT_NOT_ACTIVE"


async def test_a_listing_that_nothing_fills_is_not_put_on_sale(door: Door) -> None:
    ctx, standard = await make_ctx(), await make_entitlement()
    listing = await make_listing(ctx, entitlement_id=standard.id, published=False)
    pool = await make_pool(ctx, entitlement_id=standard.id)
    id_ = global_id(Listing, listing.id)
    publish, show = {"id": id_, "version": 1}, "... on PublishListingSuccess { listing { state stockClass } }"

    none = await door.do("publishListing", publish, ctx=ctx)
    source = await door.do(
        "addSource", {"listingId": id_, "poolId": global_id(Pool, pool.id), "enabled": False}, ctx=ctx,
        show="... on AddSourceSuccess { source { id } }",
    )  # fmt: skip
    off = await door.do("publishListing", publish, ctx=ctx, locale="zh-CN")
    await door.do("updateSource", {"id": source["source"]["id"], "enabled": True}, ctx=ctx)
    empty = await door.do("publishListing", publish, ctx=ctx, show=show)

    assert (none["code"], none["path"], off["code"]) == ("NO_SOURCE", ["input", "id"], "NO_SOURCE")
    assert "addSource" in none["message"]
    assert "请先添加货源" in off["message"]
    # What is sold out for now is on sale all the same.
    assert empty["listing"] == {"state": "ACTIVE", "stockClass": "OUT"}


async def test_a_change_names_only_what_it_changes(door: Door) -> None:
    ctx = await make_ctx()
    listing = await make_listing(ctx, customer_max=3, customer_period_days=30)
    show = (
        "... on UpdateListingSuccess { listing { version title price { amount } limits { perCustomer periodDays } } }"
    )
    id_ = global_id(Listing, listing.id)

    one = await door.do(
        "updateListing", {"id": id_, "version": 2, "price": {"amount": "50", "currency": "CNY"}}, ctx=ctx, show=show
    )
    two = await door.do(
        "updateListing",
        {"id": id_, "version": 3, "title": None, "customerMax": None, "customerPeriodDays": None},
        ctx=ctx,
        show=show,
    )

    assert one["listing"] == {
        "version": 3,
        "title": "Steam 50",
        "price": {"amount": "50.00"},
        "limits": {"perCustomer": 3, "periodDays": 30},
    }
    assert two["listing"] == {
        "version": 4,
        "title": "Steam 50",
        "price": {"amount": "50.00"},
        "limits": {"perCustomer": None, "periodDays": None},
    }


async def test_prices_change_in_bulk_with_a_result_for_each(door: Door) -> None:
    ctx, other = await make_ctx(), await make_ctx()
    listings = [await make_listing(ctx) for _ in range(3)]
    strange = await make_listing(other)
    wanted = {"amount": "50.00", "currency": "CNY"}
    items = [
        {"listingId": global_id(Listing, listings[0].id), "version": 2, "price": wanted},
        {"listingId": global_id(Listing, listings[1].id), "version": 1, "price": wanted},
        {"listingId": global_id(Listing, strange.id), "version": 2, "price": wanted},
        {"listingId": global_id(Listing, listings[2].id), "version": 2, "price": {"amount": "1", "currency": "USD"}},
    ]
    show = """... on UpdateListingPricesSuccess { outcomes { listing { version price { amount } }
        failure { __typename code path ... on StaleVersion { currentVersion } } } }"""

    outcomes = (await door.do("updateListingPrices", {"items": items}, ctx=ctx, show=show))["outcomes"]

    assert outcomes[0] == {"listing": {"version": 3, "price": {"amount": "50.00"}}, "failure": None}
    assert outcomes[1]["failure"]["currentVersion"] == 2
    assert [outcome["failure"]["code"] for outcome in outcomes[1:]] == ["STALE_VERSION", "NOT_FOUND", "INVALID_INPUT"]
    assert outcomes[3]["failure"]["path"] == ["input", "items", "3", "price", "currency"]
    assert await refused(door, "updateListingPrices", {"items": []}, ctx) == ("INVALID_INPUT", ["input", "items"])
    assert await refused(door, "updateListingPrices", {"items": items[:1] * 2}, ctx) == (
        "INVALID_INPUT",
        ["input", "items"],
    )
    assert (await refused(door, "updateListingPrices", {"items": items[:1]}, await support_of(ctx)))[0] == "NOT_ALLOWED"
    await suspend(ctx)
    assert (await refused(door, "updateListingPrices", {"items": items[:1]}, ctx))[0] == "TENANT_NOT_ACTIVE"


async def test_sources_are_added_switched_and_removed(door: Door) -> None:
    ctx = await make_ctx()
    listing = await make_listing(ctx)
    pool = await make_pool(ctx, entitlement_id=listing.entitlement_id)
    given = {"listingId": global_id(Listing, listing.id), "poolId": global_id(Pool, pool.id)}

    added = (
        await door.do(
            "addSource",
            given,
            ctx=ctx,
            show="... on AddSourceSuccess { source { id enabled priority kind pool { name } } }",
        )
    )["source"]
    changed = await door.do(
        "updateSource", {"id": added["id"], "enabled": False, "priority": 3}, ctx=ctx,
        show="... on UpdateSourceSuccess { source { enabled priority } }",
    )  # fmt: skip
    removed = await door.do(
        "removeSource", {"id": added["id"]}, ctx=ctx, show="... on RemoveSourceSuccess { listing { sources { id } } }"
    )

    assert (added["enabled"], added["priority"], added["kind"], added["pool"]["name"]) == (True, 0, "POOL", "Some pool")
    assert changed["source"] == {"enabled": False, "priority": 3}
    assert removed["listing"] == {"sources": []}


async def test_what_the_mutations_of_sources_refuse(door: Door) -> None:
    ctx, other = await make_ctx(), await make_ctx()
    listing = await make_listing(ctx)
    used, archived = [await make_pool(ctx, entitlement_id=listing.entitlement_id) for _ in range(2)]
    strange, misfit = await make_pool(other, entitlement_id=listing.entitlement_id), await make_pool(ctx)
    source = global_id(Source, (await make_source(ctx, listing_id=listing.id, pool_id=used.id)).id)
    async with transaction(ctx) as tx:
        await codes.archive_pool(tx, ctx, pool_id=archived.id, version=1)
    support = await support_of(ctx)

    async def add(pool: UUID, asker: Ctx = ctx, **more: Any) -> tuple[str, list[str] | None]:
        given = {"listingId": global_id(Listing, listing.id), "poolId": global_id(Pool, pool), **more}
        return await refused(door, "addSource", given, asker)

    assert await add(misfit.id) == ("POOL_DOES_NOT_FIT", ["input", "poolId"])
    assert await add(used.id) == ("SOURCE_EXISTS", ["input", "poolId"])
    assert await add(archived.id) == ("POOL_ARCHIVED", ["input", "poolId"])
    assert await add(strange.id) == ("NOT_FOUND", ["input", "poolId"])
    assert await add(strange.id, other) == ("NOT_FOUND", ["input", "listingId"])
    assert await add(misfit.id, priority=-1) == ("POOL_DOES_NOT_FIT", ["input", "poolId"])
    assert (await add(used.id, support))[0] == "NOT_ALLOWED"
    assert await refused(door, "updateSource", {"id": source, "priority": -1}, ctx) == (
        "INVALID_INPUT",
        ["input", "priority"],
    )
    for mutation in ("updateSource", "removeSource"):
        assert (await refused(door, mutation, {"id": source}, other))[0] == "NOT_FOUND"
        assert (await refused(door, mutation, {"id": unknown(Source)}, ctx))[0] == "NOT_FOUND"
        assert (await refused(door, mutation, {"id": source}, support))[0] == "NOT_ALLOWED"
    await suspend(ctx)
    for mutation in ("updateSource", "removeSource"):
        assert (await refused(door, mutation, {"id": source}, ctx))[0] == "TENANT_NOT_ACTIVE"
    assert (await add(used.id))[0] == "TENANT_NOT_ACTIVE"


async def test_a_stranger_is_told_to_sign_in(door: Door) -> None:
    document = 'mutation { createStore(input: {slug: "abc", name: "Shop", currency: CNY}) { __typename } }'

    body = await door.post(document)

    assert body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_refusals_speak_the_viewers_language(door: Door) -> None:
    ctx = await make_ctx()

    chinese = await door.do("createStore", {"slug": "A B", "name": "x", "currency": "CNY"}, ctx=ctx, locale="zh-CN")
    english = await door.do(
        "createStore", {"slug": "A B", "name": "x", "currency": "CNY"}, ctx=replace(ctx, locale="en")
    )

    assert "短名称" in chinese["message"]
    assert "short name" in english["message"]


async def test_a_repeated_request_makes_one_listing(door: Door) -> None:
    ctx, store, standard = await make_ctx(), None, await make_entitlement()
    store = await make_store(ctx)
    document = """mutation ($i: CreateListingInput!, $k: String) { createListing(input: $i, idempotencyKey: $k) {
        ... on CreateListingSuccess { listing { id } } ... on Failure { code } } }"""
    given = {
        "storeId": global_id(Store, store.id),
        "entitlementId": global_id(Entitlement, standard.id),
        "title": "A",
        "price": PRICE,
    }

    first = await door.ask(document, {"i": given, "k": "one"}, ctx=ctx)
    again = await door.ask(document, {"i": given, "k": "one"}, ctx=ctx)
    other = await door.ask(document, {"i": {**given, "title": "B"}, "k": "one"}, ctx=ctx)

    assert first == again
    assert other["createListing"]["code"] == "IDEMPOTENCY_CONFLICT"
