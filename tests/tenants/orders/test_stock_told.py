"""What changes of stock is told to merchants' systems once, of own listings and of suppliers' offers, over all merchants that fill them."""

import pytest

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, transaction
from fondaco_tenants import supply
from fondaco_tenants.supply import StockView
from fondaco_workers.actors.routing import tell_stock, watch_listings
from tests.support.actors import run_twice
from tests.support.factories.chains import Chain, make_chain
from tests.support.factories.orders import make_buyer, place
from tests.support.factories.supply import make_terms
from tests.support.factories.webhooks import make_endpoint

pytestmark = pytest.mark.usefixtures("database")
SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


async def listening(*, codes: int = 5, view: StockView = StockView.EXACT) -> Chain:
    """A chain whose shop has a system that wants to hear of stock, and has heard of what there is."""
    chain = await make_chain(codes=codes)
    async with transaction(chain.b.owner) as tx:
        await supply.change_terms(tx, chain.b.owner, tier_id=chain.b.tier.id, terms=make_terms(stock_view=view))
    await make_endpoint(chain.c.owner, event_types=["stock.changed"])
    await told(chain.c.owner)
    return chain


async def told(ctx: Ctx, like: str = "stock.changed") -> list[tuple[str, bool, int | None, str | None]]:
    """What is announced of stock to a merchant once the job has looked: of what, whether there is any, how many, how much."""
    await run_twice(tell_stock)
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch(
            "SELECT CASE WHEN payload->>'listing_id' IS NULL THEN 'offer' ELSE 'listing' END AS what,"
            " (payload->>'available')::bool AS available, (payload->>'units')::int AS units, payload->>'stock_class' AS stock_class"
            " FROM outbox_event WHERE tenant_id = $1 AND name = $2 ORDER BY seq",
            ctx.tenant,
            like,
        )
    return [tuple(row) for row in rows]


async def test_what_is_sold_changes_the_stock_of_the_listing_and_of_the_offer_and_both_are_told_once() -> None:
    chain = await listening()
    before = await told(chain.c.owner)

    await place(chain.shop, await make_buyer(chain.shop), 2)

    assert before == []
    assert await told(chain.c.owner) == [("listing", True, 3, "LOW"), ("offer", True, 3, "LOW")]
    assert await told(chain.c.owner) == [("listing", True, 3, "LOW"), ("offer", True, 3, "LOW")]


async def test_many_sales_between_two_looks_are_told_as_one() -> None:
    chain = await listening(codes=9)
    buyer = await make_buyer(chain.shop)

    for _ in range(4):
        await place(chain.shop, buyer)

    assert await told(chain.c.owner) == [("listing", True, 5, "LOW"), ("offer", True, 5, "LOW")]


@pytest.mark.parametrize(
    ("view", "sold", "news"),
    [
        (StockView.BANDED, 1, []),
        (StockView.BANDED, 3, [("offer", False, None, "OUT")]),
        (StockView.HIDDEN, 2, []),
        (StockView.HIDDEN, 3, [("offer", False, None, None)]),
    ],
)
async def test_of_an_offer_a_reseller_hears_what_its_tier_says(
    view: StockView, sold: int, news: list[tuple[str, bool, int | None, str | None]]
) -> None:
    chain = await listening(codes=3, view=view)

    await place(chain.shop, await make_buyer(chain.shop), sold)

    assert [each for each in await told(chain.c.owner) if each[0] == "offer"] == news


async def test_nobody_is_told_who_does_not_want_to_hear() -> None:
    chain = await make_chain()
    await told(chain.c.owner)

    await place(chain.shop, await make_buyer(chain.shop), 2)

    assert await told(chain.c.owner) == []


async def watched(ctx: Ctx) -> list[tuple[str, str | None]]:
    """What is announced of low stock of a merchant's listings once the watch has looked."""
    await run_twice(watch_listings)
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch(
            "SELECT name, coalesce(payload->>'available', payload->>'band') AS said FROM outbox_event"
            " WHERE tenant_id = $1 AND name LIKE 'listing\\_stock.%' ORDER BY seq",
            ctx.tenant,
        )
    return [(row["name"].removeprefix("listing_stock."), row["said"]) for row in rows]


async def test_a_listing_that_suppliers_fill_runs_out_when_they_have_nothing_more() -> None:
    chain = await make_chain(codes=2)
    enough = await watched(chain.c.owner)

    await place(chain.shop, await make_buyer(chain.shop), 2)

    assert enough == []
    assert await watched(chain.c.owner) == [("out", None)]
