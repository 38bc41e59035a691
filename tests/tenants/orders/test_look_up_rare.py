"""Orders are found by a listing that was seldom sold without a look at all the others."""

import pytest

from fondaco_core.db import governing, transaction
from fondaco_core.ids import ListingId, OrderId, new_id
from fondaco_tenants import orders
from fondaco_tenants.orders import OrderSearch
from fondaco_tenants.orders.store_search import search
from tests.support.factories.orders import Shop, make_buyer, make_shop, place
from tests.support.factories.payments import RUN

pytestmark = pytest.mark.usefixtures("database")


async def find(shop: Shop, listing_id: ListingId, **more: object) -> list[OrderId]:
    sought = OrderSearch(listing_id=listing_id)
    async with transaction(shop.owner) as tx:
        return [each.id for each in await orders.search_orders(tx, shop.owner, search=sought, **more)]  # type: ignore[arg-type]


async def test_a_listings_orders_are_found_newest_first_each_once_and_page_by_page() -> None:
    shop = await make_shop(stock=4)
    buyer = await make_buyer(shop)
    placed = [(await place(shop, buyer)).order_id for _ in range(3)]
    async with governing(RUN) as tx:
        listing_id = ListingId(await tx.fetchval("SELECT listing_id FROM order_line WHERE order_id = $1", placed[0]))

    everything = await find(shop, listing_id)
    rest = await find(shop, listing_id, bound=placed[2])
    upwards = await find(shop, listing_id, bound=placed[0], backwards=True)

    assert everything == placed[::-1]
    assert rest == placed[1::-1]
    assert upwards == placed[1:]
    assert await find(shop, ListingId(new_id())) == []


@pytest.mark.parametrize("backwards", [False, True])
async def test_the_plan_walks_over_the_lines_of_the_listing_alone(*, backwards: bool) -> None:
    shop = await make_shop(stock=1)
    sql, names = search(frozenset({"listing", "before"}), backwards=backwards)

    async with transaction(shop.owner) as tx:
        # Few rows are read whole in any case; what matters is that the index serves the order, so that nothing is sorted.
        await tx.execute("SET LOCAL enable_seqscan TO off")
        await tx.execute("SET LOCAL enable_bitmapscan TO off")
        await tx.execute("SET LOCAL enable_hashagg TO off")
        await tx.execute("SET LOCAL enable_sort TO off")
        given = {"listing": new_id(), "before": new_id()}
        plan = await tx.fetch(f"EXPLAIN (COSTS off) {sql}", shop.tenant_id, 50, *(given[name] for name in names))

    text = "\n".join(row[0] for row in plan)
    assert "ix_order_line_order_of_listing" in text, text
    assert "Sort" not in text, text
