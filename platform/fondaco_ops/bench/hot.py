"""The case of one busy pool: does picking get slower with every code that was sold?"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fondaco_core.db import trading
from fondaco_core.errors import Refusal
from fondaco_core.ids import ListingId
from fondaco_ops.bench.bench import Bench
from fondaco_ops.bench.report import Figure
from fondaco_ops.bench.system import Broken, System
from fondaco_ops.bench.watch import cpu_s
from fondaco_ops.bench.world import Buyer, make_shelf, stock
from fondaco_tenants import orders
from fondaco_tenants.orders import OrderRequest

ORDERS, WINDOW, SLICE, CONNECTIONS, BATCH = 200_000, 10_000, 500, 8, 50
QUICK_ORDERS, QUICK_WINDOW = 6_000, 1_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What orders cost: seconds on the clock, and of processor time in the database's backends."""

    wall_s: float = 0.0
    backends_s: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.wall_s + other.wall_s, self.backends_s + other.backends_s)


async def hot_pool(bench: Bench) -> None:
    """200,000 orders through one pool, below HTTP; the first and the last 10,000 one by one, the others fifty at a time.

    The last are taken in turns with the first of a pool that nothing was sold from, so that both meet the same machine.
    Autovacuum keeps away from the codes meanwhile: a design that needs it often would show here.
    """
    total, window = (QUICK_ORDERS, QUICK_WINDOW) if bench.quick else (ORDERS, WINDOW)
    hot, fresh = await make_shelf(bench.shop), await make_shelf(bench.shop)
    await stock(bench.system, bench.shop, hot.pool_id, total + window)
    await stock(bench.system, bench.shop, fresh.pool_id, 2 * window)
    buyers = await bench.buyers(CONNECTIONS)
    await bench.system.settle()
    async with bench.system.owner() as connection:
        await connection.execute("ALTER TABLE code SET (autovacuum_enabled = false)")
    try:
        # Prepares what connections prepare once.
        await sell(bench.system, buyers, hot.listing_id, count=200, batch=1)
        first = await sell(bench.system, buyers, hot.listing_id, count=window, batch=1)
        await sell(bench.system, buyers, hot.listing_id, count=total - 2 * window, batch=BATCH)
        last, beside = Cost(), Cost()
        for _ in range(window // SLICE):
            last += await sell(bench.system, buyers, hot.listing_id, count=SLICE, batch=1)
            beside += await sell(bench.system, buyers, fresh.listing_id, count=SLICE, batch=1)
    finally:
        async with bench.system.owner() as connection:
            await connection.execute("ALTER TABLE code RESET (autovacuum_enabled)")
    bench.add(_compared(f"last {window} of {total} to first of a fresh pool", last, beside, window, most=1.3))
    bench.add(_compared("the same to its own first, minutes before", last, first, window))
    await bench.check("hot pool")


def _compared(what: str, last: Cost, first: Cost, window: int, *, most: float | None = None) -> Figure:
    told = (
        f"{last.backends_s / window * 1e6:.0f} to {first.backends_s / window * 1e6:.0f} us of the database's CPU an order, "
        f"{last.wall_s / window * 1e3:.2f} to {first.wall_s / window * 1e3:.2f} ms on the clock"
    )
    return Figure("hot pool", what, last.backends_s / first.backends_s, told, most=most)


async def sell(
    system: System, buyers: list[Buyer], listing_id: ListingId, *, count: int, batch: int = 1, quantity: int = 1
) -> Cost:
    """What so many orders cost, by the use case itself, `batch` of them a transaction, each of so many codes."""
    left = count

    async def buy(buyer: Buyer) -> None:
        nonlocal left
        while left > 0:
            taken = min(batch, left)
            left -= taken
            requests = [OrderRequest(lines=((listing_id, quantity),)) for _ in range(taken)]
            async with trading(buyer.ctx) as tx:
                done = await orders.place_orders(tx, buyer.ctx, customer_id=buyer.id, requests=requests)
            refused = next((one for one in done if isinstance(one, Refusal)), None)
            if refused is not None:
                msg = f"An order of the bench was refused: {refused}"
                raise Broken(msg)

    async def everybody() -> None:
        await asyncio.gather(*(buy(buyer) for buyer in buyers))

    return await cost_of(system, everybody)


async def cost_of(system: System, work: Callable[[], Awaitable[object]]) -> Cost:
    """What a piece of work cost, on the clock and in the database's backends."""
    backends = await _backends(system)
    before, began = cpu_s(backends), time.perf_counter()
    await work()
    wall_s = time.perf_counter() - began
    # A backend that was started meanwhile began from nothing, so that what it has taken is of now.
    return Cost(wall_s, cpu_s(set(backends) | set(await _backends(system))) - before)


async def _backends(system: System) -> list[int]:
    async with system.owner() as connection:
        rows = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
    return [row["pid"] for row in rows]
