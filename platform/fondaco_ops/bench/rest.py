"""The cases of looking at a store, and of doing nothing."""

import asyncio

from fondaco_ops.bench.bench import Bench, body_of, ms, percentile, sure
from fondaco_ops.bench.load import Plan
from fondaco_ops.bench.report import Figure
from fondaco_ops.bench.system import API, WORKERS
from fondaco_ops.bench.watch import cpu_s, resident_mb, tree
from fondaco_ops.bench.world import make_shelf, make_shop, stock

LISTINGS = 50
# More answers than come in any time that we wait.
ENDLESS = 10**6
CLIENTS = 8
TYPENAME = "query Nothing { __typename }"
STORE = """query Store($slug: String!, $count: Int!) { store(slug: $slug) { id name currency listings(first: $count) {
  nodes { id title price { amount currency } stockClass limits { perOrder } entitlement { id brand name } } pageInfo { hasNextPage } } } }"""
STORES = '"pageInfo":{"hasNextPage":false}'


async def storefront(bench: Bench) -> None:
    """A page of 50 listings with price and stock for an anonymous visitor, beside { __typename } over the same HTTP."""
    seconds = 2 if bench.quick else 8
    shop = await make_shop()
    for position in range(LISTINGS):
        shelf = await make_shelf(shop, position=position)
        await stock(bench.system, shop, shelf.pool_id, 20 + position * 3)

    async def look(n: int) -> None:
        body = body_of(await bench.persist(STORE), {"slug": shop.slug, "count": LISTINGS, "n": -n})
        plan = Plan(bench.system.port, 1, [body], [], {"page": STORES}, 30.0, 1, keyed=False)
        sure(await bench.ask(plan), "a store's page")

    sent, bounds = await bench.statements(look)
    bench.add(
        Figure(
            "storefront",
            f"SQL statements for {LISTINGS} listings",
            sent,
            f"{sent}, and {bounds} BEGIN or COMMIT",
            most=6,
        )
    )

    await bench.system.start_api()
    nothing = body_of(await bench.persist(TYPENAME), {})
    document = await bench.persist(STORE)
    page = body_of(document, {"slug": shop.slug, "count": LISTINGS})
    # A variable that no document has makes another question of it, which nobody was just answered.
    fresh = [body_of(document, {"slug": shop.slug, "count": LISTINGS, "n": n}) for n in range(CLIENTS * 40)]

    async def ask(
        bodies: list[str], marker: str, connections: int = CLIENTS, answers: int = ENDLESS
    ) -> tuple[float, float]:
        seen = await bench.ask(
            Plan(bench.system.port, connections, bodies, [], {"page": marker}, seconds, answers,
                 warm_s=min(2, seconds) if answers == ENDLESS else 0, keyed=False)
        )  # fmt: skip
        sure(seen, "a store's page")
        return seen.seconds / len(seen.latencies), percentile(seen.latencies, 0.5)

    least, least_p50 = await ask([nothing], '"__typename":"Query"')
    known, known_p50 = await ask([page], STORES)
    again, _ = await ask([nothing], '"__typename":"Query"')
    least = min(least, again)
    bench.add(
        Figure("storefront", "a page to { __typename }", known / least,
               f"{ms(known)} to {ms(least)} a request, p50 {ms(known_p50)} to {ms(least_p50)}, {CLIENTS} clients", most=2.5)
    )  # fmt: skip
    # All of them at once, so that none of them finds another one's answer: the time of all over their number.
    unknown, _ = await ask(fresh, STORES, connections=len(fresh), answers=len(fresh))
    bench.add(Figure("storefront", "the same, never asked before", unknown / least, f"{ms(unknown)} a request"))
    await bench.check("storefront")


async def idle(bench: Bench) -> None:
    """Everything that `make run` starts, a minute after it was started and nobody came."""
    wait_s, look_s = (5, 5) if bench.quick else (60, 20)
    system = bench.system
    system.stop(API)
    async with system.owner() as connection:
        # What the cases before left for workers to do is no part of doing nothing.
        await connection.execute("TRUNCATE outbox_event")
    await system.start_api()
    for name in WORKERS:
        system.start(name)
    await asyncio.sleep(wait_s)
    roots = {name: program.pid for name, program in system.programs.items()}
    roots |= {"postgres": system.postgres.pid, "valkey": system.valkey.pid}
    parts = {name: tree(pid) for name, pid in roots.items() if pid is not None}
    everything = [pid for pids in parts.values() for pid in pids]
    before = cpu_s(everything)
    await asyncio.sleep(look_s)
    busy = (cpu_s(everything) - before) / look_s
    sizes = {name: resident_mb(pids) for name, pids in parts.items()}
    told = ", ".join(f"{name} {size:.0f}" for name, size in sizes.items())
    bench.add(Figure("idle", "memory", None, f"{sum(sizes.values()):.0f} MB: {told}"))
    bench.add(Figure("idle", "CPU, of one core", busy, f"{busy * 100:.1f} %"))
    system.stop(*WORKERS)
    await bench.check("idle")
