"""What buyers and merchants see of stock that other merchants have, through the real front door."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from fondaco_api.graphql import stock_changes
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import global_id
from fondaco_api.graphql.supply_market import SupplyOffer
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, transaction
from fondaco_core.ids import StoreId
from fondaco_tenants import routing, storefront, supply
from fondaco_tenants.supply import StockView
from fondaco_workers.actors.routing import watch_resale_prices
from tests.support.actors import run_twice
from tests.support.door import Door, open_door
from tests.support.factories.catalog import make_entitlement, make_listing
from tests.support.factories.chains import agree, make_chain, make_merchant, make_offer
from tests.support.factories.offers import make_undersold
from tests.support.factories.orders import make_buyer, place
from tests.support.factories.supply import make_terms, make_tier
from tests.support.statements import counted
from tests.support.world import node_id

PAGE = """query Page($slug: String!) { store(slug: $slug) { listings(first: 50) { nodes { id stockClass stock } } } }"""
ONE = "query One($id: ID!) { listing(id: $id) { stockClass stock } }"
MINE = "{ merchant { listings(first: 50) { nodes { id stockClass stock } } } }"


@pytest.fixture
async def door(database: Database, settings: Settings) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def slug_of(owner: Ctx, store_id: StoreId) -> str:
    async with transaction(owner) as tx:
        return (await storefront.stores_by_ids(tx, [store_id]))[store_id].slug


async def test_visitors_see_that_a_listing_is_in_stock_which_only_suppliers_fill(door: Door) -> None:
    chain = await make_chain(codes=12)
    slug = await slug_of(chain.shop.owner, chain.shop.store_id)
    listing_id = global_id(Listing, chain.shop.listing_id)

    page = (await door.ask(PAGE, {"slug": slug}))["store"]["listings"]["nodes"]
    one = await door.ask(ONE, {"id": listing_id})

    assert page == [{"id": listing_id, "stockClass": "IN_STOCK", "stock": None}]
    assert one == {"listing": {"stockClass": "IN_STOCK", "stock": None}}


async def test_the_merchant_sees_exactly_how_many_units_all_sources_have(door: Door) -> None:
    chain = await make_chain(codes=3)
    seen = {"id": global_id(Listing, chain.shop.listing_id), "stockClass": "LOW", "stock": 3}

    mine = (await door.ask(MINE, ctx=chain.shop.owner))["merchant"]["listings"]["nodes"]

    assert mine == [seen]


async def test_fifty_listings_that_suppliers_fill_take_at_most_six_statements(door: Door) -> None:
    chain = await make_chain(codes=3)
    shop = chain.shop
    for position in range(1, 50):
        listing = await make_listing(
            shop.owner, store_id=shop.store_id, entitlement_id=chain.entitlement_id, position=position
        )
        async with transaction(shop.owner) as tx:
            await routing.add_source(tx, shop.owner, listing_id=listing.id, supplier_offer_id=chain.offer_of_b)
    slug = await slug_of(shop.owner, shop.store_id)

    with counted() as statements:
        page = (await door.ask(PAGE, {"slug": slug}))["store"]["listings"]["nodes"]

    assert len(statements) <= 6
    assert [node["stockClass"] for node in page] == ["LOW"] * 50


async def test_what_was_seen_of_stock_over_others_is_told_again_for_a_moment(door: Door) -> None:
    chain = await make_chain(codes=3)
    slug = await slug_of(chain.shop.owner, chain.shop.store_id)
    first = await door.ask(PAGE, {"slug": slug})

    with counted() as statements:
        again = await door.ask(PAGE, {"slug": slug})

    assert first == again
    assert statements == []


OFFERED = "{ merchant { supplyOffers { nodes { title stock { view available units stockClass } } } } }"
OFFERS = "{ merchant { offers { nodes { title stock } } } }"
MARKET = "query M($e: ID!) { supplyMarket(entitlementId: $e) { nodes { stock { view available units stockClass } } } }"


@pytest.mark.parametrize(
    ("view", "units", "band"),
    [(StockView.EXACT, 5, "LOW"), (StockView.BANDED, None, "LOW"), (StockView.HIDDEN, None, None)],
)
async def test_a_reseller_sees_of_its_suppliers_stock_what_its_tier_says(
    door: Door, view: StockView, units: int | None, band: str | None
) -> None:
    chain = await make_chain(codes=5)
    async with transaction(chain.b.owner) as tx:
        await supply.change_terms(tx, chain.b.owner, tier_id=chain.b.tier.id, terms=make_terms(stock_view=view))

    with counted() as statements:
        offered = (await door.ask(OFFERED, ctx=chain.c.owner))["merchant"]["supplyOffers"]["nodes"]
    own = (await door.ask(OFFERS, ctx=chain.b.owner))["merchant"]["offers"]["nodes"]

    assert offered == [
        {
            "title": "Wholesale",
            "stock": {"view": view.value, "available": True, "units": units, "stockClass": band},
        }
    ]
    assert sum("unnest($1::uuid[], $4::uuid[], $5::bigint[])" in each for each in statements) == 1
    assert own == [{"title": "Wholesale", "stock": 5}]


async def test_the_market_shows_stock_as_newcomers_are_told_of_it(door: Door) -> None:
    supplier, anybody = await make_merchant(), await make_merchant()
    entitlement = await make_entitlement()
    entry = await make_tier(supplier.owner, entry=True, terms=make_terms(stock_view=StockView.BANDED))
    priced = await make_offer(replace(supplier, tier=entry), entitlement.id, price_minor=700, codes=12, in_market=True)
    await make_offer(supplier, entitlement.id, price_minor=700, codes=3, in_market=True)

    found = await door.ask(MARKET, {"e": node_id("Entitlement", entitlement.id)}, ctx=anybody.owner)

    assert priced
    assert [node["stock"] for node in found["supplyMarket"]["nodes"]] == [
        None,
        {"view": "BANDED", "available": True, "units": None, "stockClass": "IN_STOCK"},
    ]


async def test_what_a_supplier_cannot_buy_itself_it_has_not(door: Door) -> None:
    chain = await make_chain(codes=5, funds_of_b=0)

    offered = (await door.ask(OFFERED, ctx=chain.c.owner))["merchant"]["supplyOffers"]["nodes"]

    assert [node["stock"] for node in offered] == [
        {"view": "EXACT", "available": False, "units": 0, "stockClass": "OUT"}
    ]


BREACHES = """query B($ended: Boolean!) { merchant { resaleBreaches(ended: $ended) { nodes {
  offer { title } reseller { name } listingId asked { amount } least { amount } endedAt } } } }"""


async def follow(door: Door, ctx: Ctx | None, *ids: str) -> list[dict[str, Any]]:
    """What comes of following stock until the stream is cut."""
    document = f"subscription {{ stockChanged(ids: {orjson.dumps(ids).decode()}) {{ listing {{ id stock }} offer {{ id stock {{ units }} }} }} }}"
    told = await door.send("/graphql", ctx=ctx, headers={"accept": "text/event-stream"}, json={"query": document})
    return [orjson.loads(line[6:]) for line in told.text.splitlines() if line.startswith("data: {")]


async def test_a_merchant_follows_the_stock_of_its_listing_and_of_its_suppliers_offer(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = await make_chain(codes=5)
    listing_id = global_id(Listing, chain.shop.listing_id)
    offer_id = global_id(SupplyOffer, chain.offer_of_b)
    buyer = await make_buyer(chain.shop)
    looks = iter(("sells", "sees nothing else", "ends"))

    async def between_looks(_: float) -> None:
        match next(looks):
            case "sells":
                await place(chain.shop, buyer, 2)
            case "ends":
                async with transaction(chain.c.owner) as tx:
                    (agreement,) = await supply.list_agreements(tx, chain.c.owner)
                    await supply.end_agreement(
                        tx, chain.c.owner, agreement_id=agreement.id, version=agreement.version, reason="We stop here."
                    )
            case _:
                pass

    monkeypatch.setattr(stock_changes, "sleep", between_looks)
    told = await follow(door, chain.c.owner, listing_id, offer_id)

    events = [event["data"]["stockChanged"] for event in told if event.get("data")]
    assert events[:4] == [
        {"listing": {"id": listing_id, "stock": 5}, "offer": None},
        {"listing": None, "offer": {"id": offer_id, "stock": {"units": 5}}},
        {"listing": {"id": listing_id, "stock": 3}, "offer": None},
        {"listing": None, "offer": {"id": offer_id, "stock": {"units": 3}}},
    ]
    assert "errors" in told[-1]


async def test_nobody_follows_the_stock_of_another_merchants_listing(door: Door) -> None:
    chain, other = await make_chain(), await make_merchant()

    for ctx in (None, other.owner):
        (told,) = await follow(door, ctx, global_id(Listing, chain.shop.listing_id))
        assert told.get("data") is None
        assert told["errors"]


async def test_a_supplier_sees_which_resellers_ask_less_than_it_allows(door: Door) -> None:
    supplier, reseller = await make_merchant(), await make_merchant()
    await agree(supplier, reseller)
    entitlement = await make_entitlement()
    offer_id = await make_offer(supplier, entitlement.id, price_minor=700, codes=0, min_resale_minor=900)
    listing = await make_undersold(reseller.owner, offer_id=offer_id, entitlement_id=entitlement.id, price_minor=850)
    await run_twice(watch_resale_prices)

    mine = (await door.ask(BREACHES, {"ended": False}, ctx=supplier.owner))["merchant"]["resaleBreaches"]["nodes"]
    theirs = (await door.ask(BREACHES, {"ended": True}, ctx=reseller.owner))["merchant"]["resaleBreaches"]["nodes"]

    (breach,) = mine
    assert breach["offer"] == {"title": "Wholesale"}
    assert breach["listingId"] == global_id(Listing, listing.id)
    assert (breach["asked"], breach["least"], breach["endedAt"]) == ({"amount": "8.50"}, {"amount": "9.00"}, None)
    assert breach["reseller"] is not None
    assert theirs == []
