"""The cases of buying over HTTP: one order a request, fifty, five hundred buyers at once, a thousand codes."""

from fondaco_ops.bench.bench import CLIENTS, PLACE_ORDER, PLACE_ORDERS, Bench, body_of, ms, percentile, sure
from fondaco_ops.bench.load import Plan, Seen
from fondaco_ops.bench.report import Figure
from fondaco_ops.bench.system import Broken
from fondaco_ops.bench.world import Shelf, make_shelf, stock

FULFILLED = '"state":"FULFILLED"'
OUT_OF_STOCK = '"code":"OUT_OF_STOCK"'
BATCH = 50
LAST_BUYERS, LAST_CODES = 500, 100
BULK = 1_000


def order_of(shelf: Shelf, quantity: int = 1) -> dict[str, object]:
    """What a buyer asks for."""
    return {"lines": [{"listingId": shelf.global_id, "quantity": quantity}], "payBy": "WALLET"}


async def order(bench: Bench) -> None:
    """Orders of one code, a request each, by 32 clients, compared with the limit just before and just after."""
    seconds = 3 if bench.quick else 15
    shelf = await make_shelf(bench.shop)
    await stock(bench.system, bench.shop, shelf.pool_id, 2_000 * (seconds + 3))
    tokens = [buyer.token for buyer in await bench.buyers(CLIENTS)]
    await bench.system.start_api()
    document = await bench.persist(PLACE_ORDER)
    limit = await bench.limit.measure(seconds=2 if bench.quick else 5, clients=(8,) if bench.quick else (4, 8, 16))
    await bench.system.settle()
    body = body_of(document, {"input": order_of(shelf)})
    seen = await bench.ask(
        Plan(
            bench.system.port, CLIENTS, [body], tokens, {"fulfilled": FULFILLED}, seconds, 10**6, warm_s=min(3, seconds)
        )
    )
    sure(seen, "placeOrder")
    after = await bench.limit.measure(seconds=2 if bench.quick else 5, clients=(limit.clients,))
    best = max(limit.orders_per_s, after.orders_per_s)
    rate = len(seen.latencies) / seen.seconds
    p50, p99 = percentile(seen.latencies, 0.5), percentile(seen.latencies, 0.99)
    bench.add(
        Figure(
            "limit", "one function call for each order, pgbench", 1.0, f"{best:.0f} orders/s, {limit.clients} clients"
        )
    )
    bench.add(
        Figure("order", "orders/s to the limit", rate / best, f"{rate:.0f} orders/s, {CLIENTS} clients", least=0.05)
    )
    if not bench.quick:

        async def ask(_: int) -> None:
            plan = Plan(bench.system.port, 1, [body], tokens, {"fulfilled": FULFILLED}, 30.0, 1)
            # A process that has just been started knows no document.
            await bench.persist(PLACE_ORDER)
            sure(await bench.ask(plan), "placeOrder")

        sent, bounds = await bench.statements(ask)
        bench.add(Figure("order", "SQL statements", sent, f"{sent}, and {bounds} BEGIN or COMMIT"))
    bench.add(Figure("order", "p99 to p50", p99 / p50, f"p50 {ms(p50)}, p99 {ms(p99)}", most=8))
    await bench.check("order")


async def orders(bench: Bench) -> None:
    """Fifty orders a request with placeOrders."""
    seconds = 3 if bench.quick else 15
    shelf = await make_shelf(bench.shop)
    await stock(bench.system, bench.shop, shelf.pool_id, 6_000 * (seconds + 3))
    clients = 8
    tokens = [buyer.token for buyer in await bench.buyers(clients)]
    await bench.system.start_api()
    document = await bench.persist(PLACE_ORDERS)
    limit = await bench.limit.measure(seconds=2 if bench.quick else 5, clients=(8,) if bench.quick else (4, 8, 16))
    await bench.system.settle()
    body = body_of(document, {"input": {"orders": [order_of(shelf)] * BATCH}})
    # One that was refused would have a code of a refusal somewhere.
    seen = await bench.ask(
        Plan(bench.system.port, clients, [body], tokens, {"refused": '"message"', "fulfilled": FULFILLED}, seconds, 10**6,
             warm_s=min(3, seconds))
    )  # fmt: skip
    sure(seen, "placeOrders")
    if seen.counts["refused"]:
        msg = f"{seen.counts['refused']} requests of placeOrders had refused orders among theirs."
        raise Broken(msg)
    after = await bench.limit.measure(seconds=2 if bench.quick else 5, clients=(limit.clients,))
    best = max(limit.orders_per_s, after.orders_per_s)
    rate = len(seen.latencies) * BATCH / seen.seconds
    p50, p99 = percentile(seen.latencies, 0.5), percentile(seen.latencies, 0.99)
    bench.add(
        Figure("orders", "orders/s to the limit", rate / best,
               f"{rate:.0f} orders/s, {clients} clients, {BATCH} a request; limit {best:.0f}/s", least=0.3)
    )  # fmt: skip
    bench.add(Figure("orders", "p99 to p50 of a request", p99 / p50, f"p50 {ms(p50)}, p99 {ms(p99)}"))
    await bench.check("orders")


async def last_one(bench: Bench) -> None:
    """500 buyers at once for the last 100 codes."""
    buyers, codes_left = (100, 20) if bench.quick else (LAST_BUYERS, LAST_CODES)
    shelf = await make_shelf(bench.shop)
    await stock(bench.system, bench.shop, shelf.pool_id, codes_left)
    tokens = [buyer.token for buyer in await bench.buyers(buyers)]
    await bench.system.start_api()
    document = await bench.persist(PLACE_ORDER)
    body = body_of(document, {"input": order_of(shelf)})
    markers = {"fulfilled": FULFILLED, "out of stock": OUT_OF_STOCK}
    seen = await bench.ask(Plan(bench.system.port, buyers, [body], tokens, markers, 60.0, buyers))
    sure(seen, "the last code")
    sold, refused = seen.counts["fulfilled"], seen.counts["out of stock"]
    async with bench.system.owner() as connection:
        deadlocks = await connection.fetchval("SELECT sum(deadlocks)::int FROM pg_stat_database")
    told = f"{sold} sold, {refused} refused, {deadlocks} deadlocks, in {seen.seconds:.2f} s"
    if (sold, refused) != (codes_left, buyers - codes_left) or deadlocks:
        msg = f"{buyers} buyers at once for {codes_left} codes: {told}."
        raise Broken(msg)
    bench.add(Figure("last one", "sold to what there was", sold / codes_left, told, least=1, most=1))
    await bench.check("last one")


async def bulk(bench: Bench) -> None:
    """An order of 1,000 codes compared with one of a single code, one after the other."""
    rounds = 3 if bench.quick else 15
    shelf = await make_shelf(bench.shop)
    await stock(bench.system, bench.shop, shelf.pool_id, (rounds + 3) * (BULK + 20))
    tokens = [buyer.token for buyer in await bench.buyers(1)]
    await bench.system.start_api()
    document = await bench.persist(PLACE_ORDER)
    await bench.system.settle()

    async def take(quantity: int, answers: int) -> Seen:
        body = body_of(document, {"input": order_of(shelf, quantity)})
        seen = await bench.ask(Plan(bench.system.port, 1, [body], tokens, {"fulfilled": FULFILLED}, 120.0, answers))
        sure(seen, f"an order of {quantity}")
        return seen

    await take(1, 5)
    await take(BULK, 2)
    one = percentile((await take(1, rounds * 10)).latencies, 0.5)
    many = percentile((await take(BULK, rounds)).latencies, 0.5)
    bench.add(Figure("bulk", f"one order of {BULK} codes to one of 1", many / one, f"{ms(many)} to {ms(one)}", most=40))
    await bench.check("bulk")
