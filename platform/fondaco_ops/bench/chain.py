"""The cases of merchants that supply each other: an order over three hops, and finding its way in a large graph."""

import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg

from fondaco_core import ledger
from fondaco_core.context import system_ctx
from fondaco_core.db import governing, trading, transaction
from fondaco_core.identity import PLATFORM_ADMIN_PERMISSIONS
from fondaco_core.ids import EntitlementId, OfferId
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_ops.bench.bench import CLIENTS, PLACE_ORDER, Bench, body_of, ms, percentile, sure
from fondaco_ops.bench.load import Plan
from fondaco_ops.bench.orders import FULFILLED, order_of
from fondaco_ops.bench.report import Figure
from fondaco_ops.bench.world import CURRENCY, FUNDS_MINOR, PRICE_MINOR, Shelf, Shop, make_shelf, make_shop, stock
from fondaco_tenants import catalog, orders, routing, supply
from fondaco_tenants.supply import PriceBreak, StockView, Terms

SYSTEM = system_ctx("bench", permissions=PLATFORM_ADMIN_PERMISSIONS | {"system.run"})
TERMS = Terms(
    stock_view=StockView.EXACT,
    day_units_max=None,
    month_units_max=None,
    hold_units_max=None,
    credit=None,
    settle_days=1,
)
ROUNDS = 4
MERCHANTS, CANDIDATES = 2_000, 50
LOOKS = 300


async def agree(supplier: Shop, reseller: Shop) -> supply.Tier:
    """The reseller joins a tier of the supplier's own for it."""
    async with transaction(supplier.owner) as tx:
        tier = await supply.create_tier(tx, supplier.owner, name=f"Tier {reseller.slug[-8:]}", entry=False, terms=TERMS)
        _, token = await supply.create_invitation(tx, supplier.owner, tier_id=tier.id)
    async with transaction(reseller.owner) as tx:
        await supply.join_supplier(tx, reseller.owner, token=token)
    return tier


async def make_offer(supplier: Shop, tier: supply.Tier, entitlement_id: EntitlementId, price_minor: int) -> OfferId:
    """A published offer to one tier."""
    ctx = supplier.owner
    async with transaction(ctx) as tx:
        offer = await supply.create_offer(
            tx, ctx, entitlement_id=entitlement_id, title="Wholesale", currency=CURRENCY, in_market=False
        )
        breaks = [PriceBreak(1, Money(price_minor, CURRENCY))]
        await supply.set_prices(tx, ctx, offer_id=offer.id, tier_id=tier.id, breaks=breaks)
        await supply.publish_offer(tx, ctx, offer_id=offer.id, version=offer.version)
    return offer.id


async def fund(shop: Shop) -> None:
    """Money in a merchant's own wallet."""
    clearing = Owner(None, None, AccountKind.GATEWAY_CLEARING, CURRENCY)
    wallet = Owner(shop.tenant_id, None, AccountKind.WALLET, CURRENCY)
    async with governing(SYSTEM) as tx:
        await ledger.post(tx, [NewTransfer(clearing, wallet, FUNDS_MINOR, Purpose.TOP_UP, None)])


async def chained_shelf(bench: Bench, units: int) -> Shelf:
    """A listing of the shop that B supplies, whom A supplies, who has the codes."""
    a, b, c = await make_shop(), await make_shop(), bench.shop
    first, second = await agree(a, b), await agree(b, c)
    for merchant in (b, c):
        await fund(merchant)
    shelf = await make_shelf(a)
    of_a = await make_offer(a, first, shelf.entitlement_id, PRICE_MINOR * 7 // 10)
    of_b = await make_offer(b, second, shelf.entitlement_id, PRICE_MINOR * 8 // 10)
    await stock(bench.system, a, shelf.pool_id, units)
    async with transaction(a.owner) as tx:
        await routing.add_source(tx, a.owner, offer_id=of_a, pool_id=shelf.pool_id)
    async with transaction(b.owner) as tx:
        await routing.add_source(tx, b.owner, offer_id=of_b, supplier_offer_id=of_a)
    async with transaction(c.owner) as tx:
        listing = await catalog.create_listing(
            tx, c.owner, store_id=c.store_id, entitlement_id=shelf.entitlement_id, title="Steam 50",
            price=Money(PRICE_MINOR, CURRENCY), order_max=1_000, customer_max=None, customer_period_days=None,
            low_stock_at=0, position=0,
        )  # fmt: skip
        await routing.add_source(tx, c.owner, listing_id=listing.id, supplier_offer_id=of_b)
        await routing.publish_listing(tx, c.owner, listing_id=listing.id, version=1)
    await routing.rebuild_routes(SYSTEM)
    return Shelf(listing.id, shelf.pool_id, shelf.entitlement_id)


async def chain(bench: Bench) -> None:
    """Orders over three hops beside orders of an own pool, taken in turns so that both meet the same machine."""
    seconds = 1 if bench.quick else 5
    units = 1_000 * (ROUNDS + 1) * seconds
    own = await make_shelf(bench.shop)
    await stock(bench.system, bench.shop, own.pool_id, units)
    chained = await chained_shelf(bench, units)
    tokens = [buyer.token for buyer in await bench.buyers(CLIENTS)]
    await bench.system.start_api()
    document = await bench.persist(PLACE_ORDER)
    await bench.system.settle()
    latencies: dict[str, list[float]] = {"own": [], "chained": []}
    rates: dict[str, list[float]] = {"own": [], "chained": []}

    async def ask(what: str, shelf: Shelf, *, warm: bool = False) -> None:
        body = body_of(document, {"input": order_of(shelf)})
        plan = Plan(
            bench.system.port, CLIENTS, [body], tokens, {"fulfilled": FULFILLED}, 1.0 if warm else seconds, 10**6
        )
        seen = await bench.ask(plan)
        sure(seen, f"an order, {what}")
        if not warm:
            latencies[what] += seen.latencies
            rates[what].append(len(seen.latencies) / seen.seconds)

    for what, shelf in (("own", own), ("chained", chained)):
        await ask(what, shelf, warm=True)
    for _ in range(ROUNDS):
        await ask("own", own)
        await ask("chained", chained)
    cost = median(rates["own"]) / median(rates["chained"])
    told = f"{median(rates['own']):.0f} to {median(rates['chained']):.0f} orders/s, {CLIENTS} clients"
    bench.add(Figure("chain", "an order over three hops to one of an own pool", cost, told, most=1.6))
    p50, p99 = (percentile(latencies["chained"], share) for share in (0.5, 0.99))
    bench.add(Figure("chain", "p99 to p50", p99 / p50, f"p50 {ms(p50)}, p99 {ms(p99)}", most=8))
    await bench.check("chain")


# Half of the merchants have codes, a quarter buys from them and a quarter from those; ten offers each, and five suppliers.
MERCHANT_OFFERS, SUPPLIERS = 10, 5
GRAPH = (
    """
    CREATE TEMPORARY TABLE g_merchant AS
    SELECT n, uuidv7() AS id, CASE WHEN n < $1 / 2 THEN 0 WHEN n < $1 * 3 / 4 THEN 1 ELSE 2 END AS layer FROM generate_series(0, $1 - 1) n
    """,
    """
    INSERT INTO tenant (id, slug, name, state, applied_at, decided_at)
    SELECT id, 'g-' || right(replace(id::text, '-', ''), 20), 'Merchant ' || n, 'ACTIVE', now(), now() FROM g_merchant
    """,
    """
    WITH door AS (INSERT INTO tenant_door (kind, name, tenant_id) SELECT 'TENANT', t.slug, t.id FROM tenant t JOIN g_merchant USING (id))
    INSERT INTO partner (tenant_id, name, changed_at) SELECT id, 'Merchant ' || n, now() FROM g_merchant
    """,
    "CREATE TEMPORARY TABLE g_tier AS SELECT n, id AS tenant_id, uuidv7() AS id FROM g_merchant",
    "INSERT INTO tier (id, tenant_id, name, created_at) SELECT id, tenant_id, 'Tier', now() FROM g_tier",
    """
    INSERT INTO tier_terms (id, tenant_id, tier_id, starts_at, stock_view, credit_minor, settle_days, created_at)
    SELECT uuidv7(), tenant_id, id, now() - interval '1 day', 'EXACT', 0, 1, now() FROM g_tier
    """,
    """
    INSERT INTO ledger_account (id, tenant_id, kind, currency, bounded, created_at)
    SELECT uuidv7(), id, 'WALLET', 'CNY', true, now() FROM g_merchant
    """,
    """
    CREATE TEMPORARY TABLE g_supply AS
    SELECT m.n AS reseller, s.base + (m.n * 7 + k * 13) % s.merchants AS supplier, k FROM g_merchant m
    CROSS JOIN generate_series(0, $2 - 1) k
    CROSS JOIN LATERAL (SELECT CASE m.layer WHEN 1 THEN 0 ELSE $1 / 2 END AS base, CASE m.layer WHEN 1 THEN $1 / 2 ELSE $1 / 4 END AS merchants) s
    WHERE m.layer > 0
    """,
    """
    INSERT INTO agreement (id, supplier_tenant_id, reseller_tenant_id, tier_id, state, created_at, changed_at)
    SELECT uuidv7(), t.tenant_id, r.id, t.id, 'ACTIVE', now(), now()
    FROM g_supply s JOIN g_merchant r ON r.n = s.reseller JOIN g_tier t ON t.n = s.supplier
    """,
    """
    INSERT INTO agreement_use (agreement_id, supplier_tenant_id, reseller_tenant_id, day, month)
    SELECT a.id, a.supplier_tenant_id, a.reseller_tenant_id, now(), date_trunc('month', now()) FROM agreement a
    WHERE NOT EXISTS (SELECT FROM agreement_use u WHERE u.agreement_id = a.id)
    """,
    """
    CREATE TEMPORARY TABLE g_offer AS
    SELECT m.n, m.layer, o AS number, m.id AS tenant_id, uuidv7() AS id FROM g_merchant m CROSS JOIN generate_series(0, $1 - 1) o
    """,
    """
    INSERT INTO offer (id, tenant_id, entitlement_id, title, currency, state, in_market, created_at, published_at)
    SELECT id, tenant_id, $1, 'Wholesale', 'CNY', 'PUBLISHED', false, now(), now() FROM g_offer
    """,
    """
    INSERT INTO offer_price (id, tenant_id, offer_id, tier_id, starts_at, from_units, unit_price_minor, created_at)
    SELECT uuidv7(), o.tenant_id, o.id, t.id, now() - interval '1 day', 1, 1000 + o.layer * 100, now() FROM g_offer o JOIN g_tier t USING (n)
    """,
    """
    CREATE TEMPORARY TABLE g_pool AS SELECT n, id AS tenant_id, uuidv7() AS id FROM g_merchant WHERE layer = 0
    """,
    """
    INSERT INTO code_pool (id, tenant_id, entitlement_id, name, created_at) SELECT id, tenant_id, $1, 'Pool', now() FROM g_pool
    """,
    """
    INSERT INTO source (id, tenant_id, offer_id, kind, pool_id, created_at)
    SELECT uuidv7(), o.tenant_id, o.id, 'POOL', p.id, now() FROM g_offer o JOIN g_pool p USING (n)
    """,
    """
    INSERT INTO source (id, tenant_id, offer_id, kind, supplier_offer_id, priority, created_at)
    SELECT uuidv7(), o.tenant_id, o.id, 'OFFER', b.id, s.k, now()
    FROM g_offer o JOIN g_supply s ON s.reseller = o.n JOIN g_offer b ON b.n = s.supplier AND b.number = o.number
    """,
    "INSERT INTO route_due (id, offer_id, since) SELECT uuidv7(), id, now() FROM g_offer WHERE layer = 0",
    "ANALYZE tenant, tier, tier_terms, agreement, agreement_use, offer, offer_price, source, ledger_account",
)


async def make_graph(bench: Bench, entitlement_id: EntitlementId, merchants: int) -> tuple[list[UUID], UUID]:
    """Merchants that supply each other over three steps; offers of the last layer, and a leaf's that routes lead to."""
    given: dict[int, tuple[object, ...]] = {
        0: (merchants,), 7: (merchants, SUPPLIERS), 10: (MERCHANT_OFFERS,), 11: (entitlement_id,), 14: (entitlement_id,)
    }  # fmt: skip
    async with bench.system.owner() as connection:
        for n, statement in enumerate(GRAPH):
            await connection.execute(statement, *given.get(n, ()), timeout=300)
        tops = [
            row["id"] for row in await connection.fetch("SELECT id FROM g_offer WHERE layer = 2 ORDER BY n, number")
        ]
        leaf = await connection.fetchval("SELECT id FROM g_offer WHERE layer = 0 ORDER BY n, number LIMIT 1")
    return tops, leaf


async def route(bench: Bench) -> None:
    """Finding 50 candidate routes of a listing in a large graph, and keeping the graph current, beside reading a row by its key."""
    merchants = MERCHANTS // 10 if bench.quick else MERCHANTS
    shelf = await make_shelf(bench.shop)
    tops, leaf = await make_graph(bench, shelf.entitlement_id, merchants)
    began = time.perf_counter()
    offers = await routing.rebuild_routes(SYSTEM)
    bench.say(f"the routes of {offers} offers were worked out in {time.perf_counter() - began:.0f} s")
    async with bench.system.owner() as connection:
        # Two offers of one merchant, with 25 routes each.
        for statement in AGREED:
            await connection.execute(statement, bench.shop.tenant_id, tops[0])
        await connection.execute(SOURCED, bench.shop.tenant_id, shelf.listing_id, tops[:2])
        await connection.execute("VACUUM ANALYZE route")
    async with trading(bench.shop.owner) as tx:
        found = await orders.open_routes(tx, SYSTEM, listing_ids=[shelf.listing_id], count=None)
        assert len(found) == CANDIDATES, len(found)
        key = await median_of(lambda: tx.fetchrow("SELECT id FROM offer WHERE id = $1", tops[0]))
        routed = await median_of(lambda: orders.open_routes(tx, SYSTEM, listing_ids=[shelf.listing_id]))
    told = f"{ms(routed)} to {ms(key)}, {merchants} merchants, {merchants * MERCHANT_OFFERS} offers"
    bench.add(Figure("route", f"{CANDIDATES} candidate routes to a row by its key", routed / key, told, most=10))
    async with bench.system.owner() as connection:
        current = await median_of(lambda: _reprice(connection, leaf), count=20)
    bench.add(Figure("route", "the graph current after a price change", current / key, ms(current), most=200))
    await bench.check("route")


AGREED = (
    "INSERT INTO partner (tenant_id, name, changed_at) SELECT $1, 'A shop', now() WHERE $2::uuid IS NOT NULL ON CONFLICT DO NOTHING",
    """
    INSERT INTO agreement (id, supplier_tenant_id, reseller_tenant_id, tier_id, state, created_at, changed_at)
    SELECT uuidv7(), o.tenant_id, $1, t.id, 'ACTIVE', now(), now() FROM offer o JOIN tier t ON t.tenant_id = o.tenant_id WHERE o.id = $2
    """,
    """
    INSERT INTO agreement_use (agreement_id, supplier_tenant_id, reseller_tenant_id, day, month)
    SELECT a.id, a.supplier_tenant_id, a.reseller_tenant_id, now(), date_trunc('month', now())
    FROM agreement a JOIN offer o ON o.tenant_id = a.supplier_tenant_id WHERE a.reseller_tenant_id = $1 AND o.id = $2
    """,
)
SOURCED = """
INSERT INTO source (id, tenant_id, listing_id, kind, supplier_offer_id, priority, created_at)
SELECT uuidv7(), $1, $2, 'OFFER', o, n, now() FROM unnest($3::uuid[]) WITH ORDINALITY AS t(o, n)
"""
REPRICED = """
INSERT INTO offer_price (id, tenant_id, offer_id, tier_id, starts_at, from_units, unit_price_minor, created_at)
SELECT uuidv7(), tenant_id, offer_id, tier_id, clock_timestamp(), 1, unit_price_minor, now() FROM offer_price WHERE offer_id = $1 LIMIT 1
"""


async def _reprice(connection: "asyncpg.Connection[Any]", offer_id: UUID) -> None:
    """A leaf's price changes, and whatever routes need for it is done."""
    await connection.execute(REPRICED, offer_id)
    await routing.rebuild_routes(SYSTEM)


async def median_of(work: Callable[[], Awaitable[object]], *, count: int = LOOKS) -> float:
    """The median time of something that was done before, in seconds."""
    times: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        await work()
        times.append(time.perf_counter() - began)
    return median(times)
