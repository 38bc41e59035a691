"""Where listings and offers are filled from, through the real front door, with suppliers between them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database
from fondaco_core.identity import MemberRole
from fondaco_core.ids import EntitlementId, OfferId
from tests.support.door import Door, open_door
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import Merchant, agree, make_chain, make_front, make_merchant, make_offer
from tests.support.factories.codes import make_pool
from tests.support.factories.identity import make_member_ctx
from tests.support.world import node_id

SHOWN = (
    "source { id kind enabled priority belowCost maxCost { amount currency } pool { name } "
    "listing { id } offer { id } supplierOffer { id title supplier { name } } }"
)


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


def cny(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


async def add(door: Door, ctx: Ctx, given: dict[str, Any]) -> dict[str, Any]:
    return await door.do("addSource", given, ctx=ctx, show=f"... on AddSourceSuccess {{ {SHOWN} }}")


async def update(door: Door, ctx: Ctx, given: dict[str, Any]) -> dict[str, Any]:
    return await door.do("updateSource", given, ctx=ctx, show=f"... on UpdateSourceSuccess {{ {SHOWN} }}")


async def make_pair() -> tuple[Merchant, Merchant, EntitlementId, OfferId]:
    """A supplier with a published offer, and its reseller."""
    entitlement = await make_entitlement()
    supplier, reseller = await make_merchant(), await make_merchant()
    await agree(supplier, reseller)
    return supplier, reseller, entitlement.id, await make_offer(supplier, entitlement.id, price_minor=700, codes=1)


async def test_a_listing_is_filled_from_a_suppliers_offer_with_bounds_on_its_cost(door: Door) -> None:
    _, reseller, entitlement, theirs = await make_pair()
    shop = await make_front(reseller, entitlement)
    listing = node_id("Listing", shop.listing_id)
    given = {
        "listingId": listing, "supplierOfferId": node_id("SupplyOffer", theirs), "maxCost": cny("7.50"), "belowCost": True,
    }  # fmt: skip

    added = (await add(door, reseller.owner, given))["source"]
    bounded = (await update(door, reseller.owner, {"id": added["id"], "maxCost": cny("8.00")}))["source"]
    kept = (await update(door, reseller.owner, {"id": added["id"], "belowCost": False}))["source"]
    freed = (await update(door, reseller.owner, {"id": added["id"], "maxCost": None}))["source"]
    again = await door.ask(
        f"query ($id: ID!) {{ listing(id: $id) {{ sources {{ {SHOWN.removeprefix('source { ')} }} }}",
        {"id": listing},
        ctx=reseller.owner,
    )

    assert (added["kind"], added["pool"], added["offer"]) == ("OFFER", None, None)
    assert added["listing"] == {"id": listing}
    assert added["supplierOffer"]["id"] == node_id("SupplyOffer", theirs)
    assert (added["maxCost"], added["belowCost"]) == (cny("7.50"), True)
    assert (bounded["maxCost"], bounded["belowCost"]) == (cny("8.00"), True)
    assert (kept["maxCost"], kept["belowCost"]) == (cny("8.00"), False)
    assert (freed["maxCost"], freed["enabled"]) == (None, True)
    assert again["listing"]["sources"] == [freed]


async def test_an_offer_is_published_once_something_fills_it(door: Door) -> None:
    _, reseller, entitlement, theirs = await make_pair()
    pool = await make_pool(reseller.owner, entitlement_id=entitlement)
    draft = (
        await door.do(
            "createOffer",
            {"entitlementId": node_id("Entitlement", entitlement), "title": "Resold", "currency": "CNY"},
            ctx=reseller.owner,
            show="... on CreateOfferSuccess { offer { id sources { id } } }",
        )
    )["offer"]
    publish, show = {"id": draft["id"], "version": 1}, "... on PublishOfferSuccess { offer { state } }"

    none = await door.do("publishOffer", publish, ctx=reseller.owner, locale="zh-CN")
    ours = (await add(door, reseller.owner, {"offerId": draft["id"], "poolId": node_id("Pool", pool.id)}))["source"]
    bought = await add(
        door, reseller.owner, {"offerId": draft["id"], "supplierOfferId": node_id("SupplyOffer", theirs)}
    )
    published = await door.do("publishOffer", publish, ctx=reseller.owner, show=show)
    shown = await door.ask(
        "query ($id: ID!) { node(id: $id) { ... on Offer { sources { id kind priority } } } }",
        {"id": draft["id"]},
        ctx=reseller.owner,
    )
    removed = await door.do(
        "removeSource", {"id": ours["id"]}, ctx=reseller.owner,
        show="... on RemoveSourceSuccess { listing { id } offer { id sources { id } } }",
    )  # fmt: skip

    assert draft["sources"] == []
    assert (none["code"], none["path"]) == ("NO_SOURCE", ["input", "id"])
    assert "addSource" in none["message"]
    assert (ours["kind"], ours["pool"]["name"], ours["offer"]) == ("POOL", "Some pool", {"id": draft["id"]})
    assert published["offer"] == {"state": "PUBLISHED"}
    assert shown["node"]["sources"] == [
        {"id": ours["id"], "kind": "POOL", "priority": 0},
        {"id": bought["source"]["id"], "kind": "OFFER", "priority": 1},
    ]
    assert removed["listing"] is None
    assert removed["offer"] == {"id": draft["id"], "sources": [{"id": bought["source"]["id"]}]}


async def test_what_a_source_over_other_merchants_refuses(door: Door) -> None:
    chain = await make_chain()
    stranger, other = await make_merchant(), await make_entitlement()
    await agree(chain.a, chain.c)
    misfit = await make_offer(chain.a, other.id, price_minor=700)
    unknown = await make_offer(stranger, chain.entitlement_id, price_minor=700)
    in_market = await make_offer(stranger, chain.entitlement_id, price_minor=700, in_market=True)
    listing, pool = node_id("Listing", chain.shop.listing_id), await make_pool(chain.c.owner)
    await agree(chain.c, chain.a)

    async def refused(ctx: Ctx, **given: Any) -> tuple[str, list[str] | None]:
        answer = await add(door, ctx, given)
        return answer["code"], answer["path"]

    async def of(offer: OfferId, **more: Any) -> tuple[str, list[str] | None]:
        return await refused(chain.c.owner, listingId=listing, supplierOfferId=node_id("SupplyOffer", offer), **more)

    assert await of(misfit) == ("OFFER_DOES_NOT_FIT", ["input", "supplierOfferId"])
    assert await of(unknown) == ("NOT_FOUND", ["input", "supplierOfferId"])
    assert await of(in_market) == ("CONFLICT", ["input", "supplierOfferId"])
    assert await of(chain.offer_of_b) == ("SOURCE_EXISTS", ["input", "supplierOfferId"])
    assert await of(chain.offer_of_a, maxCost={"amount": "1.00", "currency": "USD"}) == (
        "INVALID_INPUT",
        ["input", "maxCost", "currency"],
    )
    assert await of(chain.offer_of_a, maxCost=cny("-1.00")) == ("INVALID_INPUT", ["input", "maxCost", "amount"])
    assert await of(chain.offer_of_a, poolId=node_id("Pool", pool.id)) == ("INVALID_INPUT", ["input", "poolId"])
    assert await refused(chain.c.owner, listingId=listing) == ("INVALID_INPUT", ["input", "poolId"])
    assert await refused(chain.c.owner, poolId=node_id("Pool", pool.id)) == ("INVALID_INPUT", ["input", "listingId"])
    # What A sells to B comes from A: B's offer leads back to it.
    mine, theirs = node_id("Offer", chain.offer_of_a), node_id("SupplyOffer", chain.offer_of_b)
    await agree(chain.b, chain.a)
    assert await refused(chain.a.owner, offerId=mine, supplierOfferId=theirs) == (
        "SUPPLY_CIRCLE",
        ["input", "supplierOfferId"],
    )


async def test_sources_of_offers_are_for_those_who_do_supply(door: Door) -> None:
    supplier, _, _, offer = await make_pair()
    read = "query ($id: ID!) { node(id: $id) { ... on Offer { sources { id } } ... on Source { id } } }"
    shown = await door.ask(read, {"id": node_id("Offer", offer)}, ctx=supplier.owner)
    (source,) = shown["node"]["sources"]
    support = await make_member_ctx(supplier.tenant_id, role=MemberRole.SUPPORT)
    stranger = await make_merchant()

    seen = [await door.ask(read, source, ctx=ctx) for ctx in (supplier.owner, support, stranger.owner)]
    refused = [await door.do("removeSource", source, ctx=ctx) for ctx in (support, stranger.owner)]

    assert [each["node"] for each in seen] == [source, None, None]
    assert [each["code"] for each in refused] == ["NOT_ALLOWED", "NOT_FOUND"]
