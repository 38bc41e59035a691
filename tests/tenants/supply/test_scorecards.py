"""What offers did is counted once, whatever is cut off or said twice, and is shown to who may buy of them and to nobody else."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fondaco_core import limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, transaction
from fondaco_core.ids import HopId, OfferId, OrderId, TenantId
from fondaco_tenants import codes, orders, supply
from fondaco_tenants.supply import Scorecard
from fondaco_workers.actors import orders as order_actors
from fondaco_workers.actors import scores
from tests.support.clock import later
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import Chain, Merchant, agree, make_chain, make_front, make_merchant, make_offer
from tests.support.factories.identity import admin_ctx
from tests.support.factories.orders import Shop, make_buyer, place
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")
SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


@pytest.fixture(autouse=True)
async def _all_invariants_hold_afterwards() -> AsyncIterator[None]:
    yield
    await assert_invariants()


async def read(statement: str, *args: object) -> list[Any]:
    async with governing(admin_ctx()) as tx:
        return await tx.fetch(statement, *args)


async def hops_of(order_ids: Sequence[OrderId]) -> tuple[HopId, ...]:
    rows = await read("SELECT id FROM hop WHERE order_id = ANY($1::uuid[]) AND depth > 0", list(order_ids))
    return tuple(HopId(row["id"]) for row in rows)


async def withdraw(supplier: Merchant, order_id: OrderId, units: int) -> None:
    rows = await read(
        "SELECT a.code_id FROM allocation a WHERE a.order_id = $1 AND a.state = 'FULFILLED' ORDER BY a.id LIMIT $2",
        order_id, units,
    )  # fmt: skip
    bad = [row["code_id"] for row in rows]
    async with transaction(supplier.owner) as tx:
        await codes.quarantine_codes(tx, supplier.owner, code_ids=bad, reason="They were sold before.")
    ctx = system_ctx("test", tenant_id=supplier.tenant_id, permissions=frozenset({"system.run"}))
    await order_actors.swap_withdrawn(ctx, code_ids=bad)


async def card_of(asker: Ctx, offer_id: OfferId) -> Scorecard | None:
    async with transaction(asker) as tx:
        return (await supply.scorecards_of_offers(tx, asker, [offer_id])).get(offer_id)


async def sums_of(tenants: Sequence[TenantId]) -> list[tuple[object, ...]]:
    """All that is counted of these merchants' offers, and how healthy they are."""
    days = await read("SELECT * FROM offer_score_day WHERE tenant_id = ANY($1::uuid[]) ORDER BY offer_id, day", tenants)
    times = await read(
        "SELECT * FROM offer_time_day WHERE tenant_id = ANY($1::uuid[]) ORDER BY offer_id, day, bucket", tenants
    )
    health = await read("SELECT * FROM offer_health WHERE tenant_id = ANY($1::uuid[]) ORDER BY offer_id", tenants)
    return [tuple(row.values()) for row in (*days, *times, *health)]


async def test_what_is_sold_short_and_bad_stands_on_the_scorecards_of_every_step() -> None:
    chain = await make_chain(codes=12)
    placed = await place(chain.shop, await make_buyer(chain.shop), 10)
    await withdraw(chain.a, placed.order_id, 2)

    await scores.add_sales(SYSTEM, hop_id=await hops_of([placed.order_id]))
    await scores.look_at_troubles(SYSTEM)

    of_a, of_b = await card_of(chain.a.owner, chain.offer_of_a), await card_of(chain.b.owner, chain.offer_of_b)
    assert of_a is not None
    assert of_b is not None
    for card in (of_a, of_b):
        assert (card.week.filled_units, card.week.bad_units, card.week.fill_rate) == (10, 2, 1.0)
        assert (card.week.bad_rate, card.week.p95_ms) == (0.2, 0)
        assert card.week == card.month
        assert card.health < limits.HEALTH_NEUTRAL


async def test_an_offer_that_had_too_little_is_short_and_the_one_that_served_is_not() -> None:
    entitlement = await make_entitlement()
    keeper, little, much = await make_merchant(funds_minor=100_000), await make_merchant(), await make_merchant()
    offers: list[OfferId] = []
    for supplier, stock in ((little, 2), (much, 9)):
        await agree(supplier, keeper)
        offers.append(await make_offer(supplier, entitlement.id, price_minor=700, codes=stock))
    shop: Shop = await make_front(keeper, entitlement.id, *offers)
    placed = await place(shop, await make_buyer(shop), 5)

    await scores.add_sales(SYSTEM, hop_id=await hops_of([placed.order_id]))
    await scores.look_at_troubles(SYSTEM)

    first, second = await card_of(little.owner, offers[0]), await card_of(much.owner, offers[1])
    assert first is not None
    assert second is not None
    assert (first.week.filled_units, first.week.short_units, first.week.fill_rate) == (2, 3, 0.4)
    assert (first.week.orders, first.week.short_orders, first.week.stock_out_rate) == (1, 1, 0.5)
    assert (second.week.filled_units, second.week.short_units, second.week.stock_out_rate) == (3, 0, 0.0)
    assert first.health < second.health


async def test_a_sale_that_is_told_of_twice_and_at_once_is_counted_once() -> None:
    chain = await make_chain(codes=4)
    placed = await place(chain.shop, await make_buyer(chain.shop), 3)
    hops = await hops_of([placed.order_id])

    await asyncio.gather(*(scores.add_sales(SYSTEM, hop_id=hops) for _ in range(3)))
    await scores.add_sales(SYSTEM, hop_id=hops[:1])

    card = await card_of(chain.a.owner, chain.offer_of_a)
    assert card is not None
    assert (card.week.orders, card.week.filled_units) == (1, 3)


class _KilledError(Exception):
    pass


async def count_and_be_killed(hops: tuple[HopId, ...]) -> None:
    async with governing(SYSTEM) as tx:
        await orders.score_sales(tx, SYSTEM, hop_ids=hops)
        await supply.take_troubles(tx, SYSTEM, count=limits.SCORED_AT_ONCE)
        raise _KilledError


async def test_who_is_killed_in_the_middle_of_counting_has_counted_nothing_and_the_next_one_counts_all() -> None:
    chain = await make_chain(codes=8)
    placed = await place(chain.shop, await make_buyer(chain.shop), 4)
    await withdraw(chain.a, placed.order_id, 2)
    hops = await hops_of([placed.order_id])

    with pytest.raises(_KilledError):
        await count_and_be_killed(hops)
    nothing = await card_of(chain.a.owner, chain.offer_of_a)
    await scores.add_sales(SYSTEM, hop_id=hops)
    await scores.look_at_troubles(SYSTEM)

    all_ = await card_of(chain.a.owner, chain.offer_of_a)
    assert nothing is not None
    assert all_ is not None
    assert (nothing.week.orders, nothing.week.bad_units) == (0, 0)
    assert (all_.week.filled_units, all_.week.bad_units) == (4, 2)


async def test_an_unpaid_order_is_no_sale_until_it_is_paid() -> None:
    chain = await make_chain(codes=4)
    placed = await place(chain.shop, await make_buyer(chain.shop), 2, pay_by=orders.PayBy.LATER)

    await scores.add_sales(SYSTEM, hop_id=await hops_of([placed.order_id]))

    card = await card_of(chain.a.owner, chain.offer_of_a)
    assert card is not None
    assert card.week.orders == 0


STEPS = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 4), st.integers(0, 40), st.booleans()), min_size=1, max_size=5
)


@given(STEPS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_was_counted_bit_by_bit_is_what_is_counted_anew(steps: list[tuple[int, int, int, bool]]) -> None:
    chain = await make_chain(codes=30)
    mine = [chain.a.tenant_id, chain.b.tenant_id]
    sold: list[OrderId] = []
    for units, bad, days, twice in steps:
        with later(days=days % 20):
            placed = await place(chain.shop, await make_buyer(chain.shop), units)
            sold.append(placed.order_id)
            if bad:
                await withdraw(chain.a, placed.order_id, min(bad, units))
            if twice:
                await scores.add_sales(SYSTEM, hop_id=await hops_of(sold))
            await scores.look_at_troubles(SYSTEM)
    with later(days=20):
        await scores.add_sales(SYSTEM, hop_id=await hops_of(sold))
        for _ in range(2):
            await scores.look_at_troubles(SYSTEM)
        async with governing(SYSTEM) as tx:
            await supply.begin_counting(tx)
            while await supply.refresh_health(tx, SYSTEM) == limits.SCORED_AT_ONCE:
                pass
        counted = await sums_of(mine)

        async with governing(SYSTEM) as tx:
            await orders.rebuild_scores(tx, SYSTEM)

        assert await sums_of(mine) == counted


async def test_a_day_that_is_long_ago_is_looked_back_at_no_more() -> None:
    chain = await make_chain(codes=9)
    placed = await place(chain.shop, await make_buyer(chain.shop), 9)
    await withdraw(chain.a, placed.order_id, 5)
    await scores.add_sales(SYSTEM, hop_id=await hops_of([placed.order_id]))
    await scores.look_at_troubles(SYSTEM)

    with later(days=limits.SCORE_DAYS):
        of_week = await card_of(chain.a.owner, chain.offer_of_a)
    with later(days=limits.SCORE_DAYS_LONG):
        await scores.refresh(SYSTEM)
        of_month = await card_of(chain.a.owner, chain.offer_of_a)
        kept = await read("SELECT health FROM offer_health WHERE offer_id = $1", chain.offer_of_a)

    assert of_week is not None
    assert of_month is not None
    assert (of_week.week.filled_units, of_week.month.filled_units) == (0, 9)
    assert of_month.month.filled_units == 0
    assert [row["health"] for row in kept] == [limits.HEALTH_NEUTRAL]


async def scored_chain() -> Chain:
    chain = await make_chain(codes=5)
    placed = await place(chain.shop, await make_buyer(chain.shop), 3)
    await scores.add_sales(SYSTEM, hop_id=await hops_of([placed.order_id]))
    return chain


async def test_a_merchant_sees_how_its_neighbours_offers_do_and_nothing_of_those_beyond() -> None:
    chain, stranger = await scored_chain(), await make_merchant()

    async def seen(asker: Merchant) -> tuple[bool, bool, int]:
        async with transaction(asker.owner) as tx:
            found = await supply.scorecards_of_offers(tx, asker.owner, [chain.offer_of_a, chain.offer_of_b])
            suppliers = await supply.scorecards_of_suppliers(tx, asker.owner, [chain.a.tenant_id, chain.b.tenant_id])
            rows = 0
            for table in ("offer_score_day", "offer_time_day", "offer_health"):
                rows += await tx.fetchval(
                    f"SELECT count(*) FROM {table} WHERE offer_id = ANY($1::uuid[])",  # noqa: S608 - our own names
                    list[UUID]([chain.offer_of_a, chain.offer_of_b]),
                )
        assert (chain.a.tenant_id in suppliers, chain.b.tenant_id in suppliers) == (
            chain.offer_of_a in found, chain.offer_of_b in found,
        )  # fmt: skip
        return chain.offer_of_a in found, chain.offer_of_b in found, rows

    assert await seen(chain.a) == (True, False, 3)
    assert await seen(chain.b) == (True, True, 6)
    assert await seen(chain.c) == (False, True, 3)
    assert await seen(stranger) == (False, False, 0)
