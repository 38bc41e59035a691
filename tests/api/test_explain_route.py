"""Why an order is filled from where it is, through the real front door; nothing of what lies beyond the neighbour."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, transaction
from fondaco_core.ids import ListingId
from fondaco_core.money import Money
from fondaco_tenants import routing, supply
from tests.support.door import Door, open_door
from tests.support.factories.chains import agree, fill, make_chain, make_front, make_merchant, make_offer, stock_up
from tests.support.factories.codes import make_codes, make_pool
from tests.support.factories.orders import make_buyer
from tests.support.factories.routing import make_source
from tests.support.world import node_id

EXPLAIN = """query ($id: ID!, $n: Int!) { merchant { explainRoute(listingId: $id, quantity: $n) { units sources {
  verdict units unitCost { amount } unitMargin { amount } supplier { name } source { kind supplierOffer { id } } } } } }"""


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def explained(door: Door, ctx: Ctx, listing_id: ListingId, quantity: int) -> list[dict[str, Any]]:
    given = {"id": node_id("Listing", listing_id), "n": quantity}
    rows: list[dict[str, Any]] = (await door.ask(EXPLAIN, given, ctx=ctx))["merchant"]["explainRoute"]["sources"]
    return rows


def told(rows: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(row["verdict"], row["units"]) for row in rows]


async def test_own_stock_a_supplier_and_the_next_one_are_told_with_cost_and_margin(door: Door) -> None:
    chain = await make_chain(codes=2)
    other = await make_merchant()
    await agree(other, chain.c)
    dearer = await make_offer(other, chain.entitlement_id, price_minor=900, codes=3)
    shop = await make_front(chain.c, chain.entitlement_id, chain.offer_of_b, dearer)
    pool = await make_pool(chain.c.owner, entitlement_id=chain.entitlement_id)
    await make_codes(pool, 1)
    await make_source(chain.c.owner, listing_id=shop.listing_id, pool_id=pool.id, priority=0)

    few = await explained(door, chain.c.owner, shop.listing_id, 2)
    many = await explained(door, chain.c.owner, shop.listing_id, 5)

    assert told(few) == [("TAKEN", 2), ("NEXT", 0), ("NEXT", 0)]
    assert told(many) == [("TAKEN", 2), ("TAKEN", 1), ("TAKEN", 2)]
    last = many[-1]
    assert (last["unitCost"], last["unitMargin"]) == ({"amount": "9.00"}, {"amount": "1.00"})
    assert last["source"]["supplierOffer"]["id"] == node_id("SupplyOffer", dearer)
    assert last["supplier"] is not None
    own = next(row for row in many if row["source"]["kind"] == "POOL")
    assert (own["unitCost"], own["supplier"], own["verdict"]) == (None, None, "TAKEN")


async def test_each_reason_of_ones_own_is_named(door: Door) -> None:
    chain = await make_chain()
    listing = chain.shop.listing_id

    async def first() -> str:
        return str((await explained(door, chain.c.owner, listing, 1))[0]["verdict"])

    async with transaction(chain.c.owner) as tx:
        (source,) = await routing.list_sources(tx, chain.c.owner, listing_ids=[listing])

    async def bound(**changes: Any) -> None:
        async with transaction(chain.c.owner) as tx:
            await routing.update_source(tx, chain.c.owner, source_id=source.id, **changes)

    assert await first() == "TAKEN"
    await bound(enabled=False)
    assert await first() == "DISABLED"
    await bound(enabled=True, max_cost=Money(799, "CNY"), bounds_cost=True)
    assert await first() == "ABOVE_MAX_COST"
    await bound(max_cost=None, bounds_cost=True)
    async with transaction(chain.b.owner) as tx:
        offer = (await supply.own_offers_by_ids(tx, chain.b.owner, [chain.offer_of_b]))[chain.offer_of_b]
        await supply.withdraw_offer(tx, chain.b.owner, offer_id=chain.offer_of_b, version=offer.version)
    assert await first() == "OFFER_WITHDRAWN"


async def test_what_lies_beyond_the_neighbour_is_one_candidate_and_one_word(door: Door) -> None:
    short, dry, poor = await make_chain(), await make_chain(codes=0), await make_chain(funds_of_b=0)
    other = await make_merchant()
    await agree(other, short.b)
    await fill(
        short.b,
        short.offer_of_b,
        supplier_offer_id=await make_offer(other, short.entitlement_id, price_minor=700, codes=5),
    )

    two_ways = await explained(door, short.c.owner, short.shop.listing_id, 7)
    nothing = [await explained(door, chain.c.owner, chain.shop.listing_id, 1) for chain in (dry, poor)]

    assert told(two_ways) == [("TAKEN", 7)]
    assert [told(rows) for rows in nothing] == [[("UNAVAILABLE", 0)]] * 2
    unlike = [{**row, "supplier": None, "source": None} for rows in nothing for row in rows]
    assert unlike[0] == unlike[1]


async def test_a_route_is_explained_to_its_merchant_alone(door: Door) -> None:
    chain = await make_chain()

    for ctx in (chain.a.owner, chain.b.owner):
        data = await door.ask(EXPLAIN, {"id": node_id("Listing", chain.shop.listing_id), "n": 1}, ctx=ctx)
        assert data["merchant"] == {"explainRoute": None}


async def test_a_simulation_does_not_say_how_many_suppliers_there_are(door: Door) -> None:
    chain = await make_chain(codes=1)
    await stock_up(chain.a, chain.offer_of_a, chain.entitlement_id, 2)
    buyer = await make_buyer(chain.shop)
    lines = [{"listingId": node_id("Listing", chain.shop.listing_id), "quantity": 3}]

    told = await door.do(
        "simulateOrder",
        {"lines": lines},
        ctx=buyer,
        show="... on SimulateOrderSuccess { wouldBePlaced lines { sourcesTried } }",
    )

    assert told["wouldBePlaced"] is True
    assert told["lines"] == [{"sourcesTried": None}]
