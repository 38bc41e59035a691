"""What a supplier does not tell of its stock is told nowhere: not to its reseller, nor to that one's partners, nor to anybody's buyers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fondaco_core.config import Settings
from fondaco_core.context import system_ctx
from fondaco_core.db import Database, governing, transaction
from fondaco_tenants import catalog, routing, supply
from fondaco_tenants.supply import StockView
from fondaco_workers.actors.routing import tell_stock
from tests.support.actors import run_twice
from tests.support.door import Door, open_door
from tests.support.factories.chains import Chain, Merchant, agree, make_chain, make_front, make_merchant, make_offer
from tests.support.factories.codes import make_codes, make_pool
from tests.support.factories.orders import make_buyer
from tests.support.factories.routing import make_source
from tests.support.factories.supply import make_terms
from tests.support.factories.webhooks import make_endpoint
from tests.support.world import node_id

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))
MINE = "{ merchant { listings(first: 5) { nodes { stock stockClass } } offers { nodes { stock } } supplyOffers { nodes { stock { view available units stockClass } } } } }"
EXPLAIN = "query ($id: ID!, $n: Int!) { merchant { explainRoute(listingId: $id, quantity: $n) { units sources { verdict units unitCost { amount } } } } }"
ORDER = "... on OutOfStock { asked available message }"
TRIAL = "... on SimulateOrderSuccess { wouldBePlaced lines { available sourcesTried } failure { code message ... on OutOfStock { available } } }"


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def tells(supplier: Merchant, view: StockView) -> None:
    async with transaction(supplier.owner) as tx:
        await supply.change_terms(tx, supplier.owner, tier_id=supplier.tier.id, terms=make_terms(stock_view=view))


async def hidden(codes: int, *, at: str = "b") -> Chain:
    """A chain over three merchants, of which A or B does not tell how much it has."""
    chain = await make_chain(codes=codes)
    await tells(getattr(chain, at), StockView.HIDDEN)
    return chain


async def mine(door: Door, merchant: Merchant) -> dict[str, Any]:
    found: dict[str, Any] = (await door.ask(MINE, ctx=merchant.owner))["merchant"]
    return found


async def explained(door: Door, chain: Chain, listing_id: Any, units: int) -> dict[str, Any]:
    found = await door.ask(EXPLAIN, {"id": node_id("Listing", listing_id), "n": units}, ctx=chain.c.owner)
    route: dict[str, Any] = found["merchant"]["explainRoute"]
    return route


@pytest.mark.parametrize("at", ["a", "b"])
async def test_all_that_a_reseller_sees_is_the_same_whether_there_is_one_unit_or_many(door: Door, at: str) -> None:
    one, many = await hidden(1, at=at), await hidden(40, at=at)

    of_one, of_many = [await mine(door, chain.c) for chain in (one, many)]

    assert of_one == of_many
    assert of_one["listings"]["nodes"] == [{"stock": None, "stockClass": "IN_STOCK"}]
    assert of_one["supplyOffers"]["nodes"][0]["stock"]["units"] is None


async def test_a_merchant_between_does_not_learn_it_of_its_own_offer_and_cannot_tell_it_on(door: Door) -> None:
    one, many = await hidden(1, at="a"), await hidden(40, at="a")

    for chain in (one, many):
        assert (await mine(door, chain.b))["offers"]["nodes"] == [{"stock": None}]
        assert (await mine(door, chain.c))["supplyOffers"]["nodes"] == [
            {"stock": {"view": "BANDED", "available": True, "units": None, "stockClass": "IN_STOCK"}}
        ]


async def test_nothing_is_told_as_nothing(door: Door) -> None:
    dry = await hidden(0)

    assert (await mine(door, dry.c))["listings"]["nodes"] == [{"stock": 0, "stockClass": "OUT"}]


@pytest.mark.parametrize("view", [StockView.HIDDEN, StockView.BANDED])
async def test_no_threshold_of_ones_own_finds_out_how_much_there_is(door: Door, view: StockView) -> None:
    """An alarm at 5, at 20, at 50: what is shown would change where the stock stands."""
    chain = await make_chain(codes=20)
    await tells(chain.b, view)
    shown: list[Any] = []

    for threshold in (1, 5, 20, 21, 50):
        async with transaction(chain.c.owner) as tx:
            now = (await catalog.listings_by_ids(tx, [chain.shop.listing_id]))[chain.shop.listing_id]
            await catalog.update_listing(
                tx, chain.c.owner, listing_id=now.id, version=now.version, low_stock_at=threshold
            )
        shown.append((await mine(door, chain.c))["listings"]["nodes"])

    assert shown == [[{"stock": None, "stockClass": "IN_STOCK"}]] * 5


async def test_own_stock_beside_it_does_not_weigh_it(door: Door) -> None:
    chain = await hidden(3)
    pool = await make_pool(chain.c.owner, entitlement_id=chain.entitlement_id)
    await make_codes(pool, 4)
    await make_source(chain.c.owner, listing_id=chain.shop.listing_id, pool_id=pool.id)

    assert (await mine(door, chain.c))["listings"]["nodes"] == [{"stock": None, "stockClass": "IN_STOCK"}]


@pytest.mark.parametrize("view", list(StockView))
async def test_a_buyer_who_asks_for_too_many_is_told_that_and_no_number(door: Door, view: StockView) -> None:
    """How many the supplier has, or that somebody between cannot pay, is all one."""
    short, poor = await make_chain(codes=3), await make_chain(codes=40, funds_of_b=2_100)
    answers: list[Any] = []

    for chain in (short, poor):
        await tells(chain.b, view)
        given = {"lines": [{"listingId": node_id("Listing", chain.shop.listing_id), "quantity": 9}]}
        buyer = await make_buyer(chain.shop)
        placed = await door.do("placeOrder", given, ctx=buyer, show=ORDER)
        trial = await door.do("simulateOrder", given, ctx=buyer, show=TRIAL)
        answers.append((placed["available"], placed["message"], trial))

    assert answers[0] == answers[1]
    assert answers[0][0] is None
    assert answers[0][2]["lines"] == [{"available": None, "sourcesTried": None}]
    assert answers[0][2]["failure"]["available"] is None


async def test_a_buyer_without_money_learns_nothing_of_how_many_there_are(door: Door) -> None:
    chain = await hidden(3)
    buyer = await make_buyer(chain.shop, funds_minor=0)
    told: list[Any] = []

    for units in (1, 3, 4, 100):
        given = {"lines": [{"listingId": node_id("Listing", chain.shop.listing_id), "quantity": units}]}
        placed = await door.do("placeOrder", given, ctx=buyer, show="... on Failure { code }")
        trial = await door.do("simulateOrder", given, ctx=buyer, show=TRIAL)
        told.append((placed["code"], trial["failure"]["code"]))

    assert told == [("INSUFFICIENT_FUNDS", "INSUFFICIENT_FUNDS")] * 4


async def test_a_route_is_explained_without_the_number_at_which_a_supplier_ran_short(door: Door) -> None:
    chain, other = await hidden(3), await make_merchant()
    await agree(other, chain.c)
    dearer = await make_offer(other, chain.entitlement_id, price_minor=900, codes=30)
    shop = await make_front(chain.c, chain.entitlement_id, chain.offer_of_b, dearer)

    enough, both, short = [await explained(door, chain, shop.listing_id, units) for units in (2, 9, 50)]

    assert enough["units"] == 2
    assert [(each["verdict"], each["units"]) for each in enough["sources"]] == [("TAKEN", 2), ("NEXT", 0)]
    assert both["units"] == 9
    assert both["sources"] == [{"verdict": "TAKEN", "units": None, "unitCost": None}] * 2
    assert short["units"] is None
    assert short["sources"] == both["sources"]


async def test_what_systems_are_told_of_it_says_only_whether_there_is_any(door: Door) -> None:
    assert door
    chain = await hidden(5)
    await make_endpoint(chain.c.owner, event_types=["stock.changed"])

    async def heard() -> list[tuple[Any, ...]]:
        await run_twice(tell_stock)
        async with governing(SYSTEM) as tx:
            rows = await tx.fetch(
                "SELECT payload->>'available' AS available, payload->>'units' AS units, payload->>'stock_class' AS class"
                " FROM outbox_event WHERE tenant_id = $1 AND name = 'stock.changed' ORDER BY seq", chain.c.tenant_id,
            )  # fmt: skip
        return [tuple(row) for row in rows]

    await heard()
    buyer = await make_buyer(chain.shop)
    given = {"lines": [{"listingId": node_id("Listing", chain.shop.listing_id), "quantity": 4}]}
    await door.do("placeOrder", given, ctx=buyer)
    some = await heard()
    await door.do("placeOrder", {"lines": [{**given["lines"][0], "quantity": 1}]}, ctx=buyer)

    assert some == []
    assert sorted(await heard(), key=str) == [("false", "0", "OUT"), ("false", None, None)]


async def test_what_is_told_exactly_stays_exact_beside_what_is_dry_and_hidden(door: Door) -> None:
    chain, other = await hidden(0), await make_merchant()
    await agree(other, chain.c)
    offer = await make_offer(other, chain.entitlement_id, price_minor=900, codes=7)
    async with transaction(chain.c.owner) as tx:
        await routing.add_source(tx, chain.c.owner, listing_id=chain.shop.listing_id, supplier_offer_id=offer)

    assert (await mine(door, chain.c))["listings"]["nodes"] == [{"stock": 7, "stockClass": "LOW"}]
