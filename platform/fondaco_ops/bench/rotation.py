"""The case of a new key: a merchant with a million codes gets one while its buyers go on buying."""

import asyncio
import time

from fondaco_core import custody, limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.custody import Change
from fondaco_core.db import sealed_columns, transaction
from fondaco_core.ids import PoolId
from fondaco_core.money import Money
from fondaco_ops.bench.bench import CLIENTS, PLACE_ORDER, Bench, body_of, ms, percentile, sure
from fondaco_ops.bench.load import Plan
from fondaco_ops.bench.orders import FULFILLED, order_of
from fondaco_ops.bench.report import Figure
from fondaco_ops.bench.system import Broken
from fondaco_ops.bench.world import CURRENCY, make_buyers, make_shelf, make_shop
from fondaco_tenants import codes, registry

CODES, QUICK_CODES = 1_000_000, 30_000
# Orders are asked for at a rate that leaves room: what is measured is what a rotation adds, not who waits for a full machine.
SLICE_S, QUICK_SLICE_S = 20.0, 3.0
KEEPER = system_ctx("bench", permissions=frozenset({"platform.keys", "system.run"}))


async def rotation(bench: Bench) -> None:
    """Orders before, during and after the rotation of a tenant's key over a million sealed codes; the same plan each time."""
    total = QUICK_CODES if bench.quick else CODES
    # A merchant of its own: what the other cases sell was never sealed, and could not be sealed anew.
    shop = await make_shop()
    shelf = await make_shelf(shop)
    await _make(shop.owner, shelf.pool_id, total)
    tokens = [buyer.token for buyer in await make_buyers(shop, CLIENTS)]
    await bench.system.start_api()
    document = await bench.persist(PLACE_ORDER)
    await bench.system.settle()
    body = body_of(document, {"input": order_of(shelf)})
    slice_s = QUICK_SLICE_S if bench.quick else SLICE_S

    async def measure() -> list[float]:
        plan = Plan(bench.system.port, CLIENTS, [body], tokens, {"fulfilled": FULFILLED}, slice_s, 10**6, warm_s=2.0)
        seen = await bench.ask(plan)
        sure(seen, "placeOrder")
        return seen.latencies

    before = await measure()
    moved = 0

    def told(change: Change) -> None:
        nonlocal moved
        moved = change.moved

    columns = sealed_columns(registry.metadata())
    began = time.perf_counter()
    change = await custody.rotate_tenant_key(KEEPER, tenant_id=shop.tenant_id, columns=columns)
    going = asyncio.ensure_future(custody.carry_on(KEEPER, change_id=change.id, columns=columns, told=told))
    during: list[float] = []
    while not going.done() and (time.perf_counter() - began < slice_s * 3 or not during):
        during += await measure()
    bench.say(f"rotation: {moved} values re-sealed beside orders, and now the rest")
    first = await going
    took = time.perf_counter() - began
    if first.moved < total:
        msg = f"{first.moved} of {total} codes were re-sealed."
        raise Broken(msg)
    # The last pass comes when nobody seals with the old key any more.
    settled = limits.KEY_CACHE_S + limits.KEY_SETTLE_S
    bench.say(f"rotation: the first pass took {took:.0f} s; the last look comes {settled:.0f} s after the new key")
    done = await custody.carry_on(KEEPER, change_id=change.id, columns=columns, patient=True)
    after = await measure()
    beside = [*before, *after]
    p99, alone = percentile(during, 0.99), percentile(beside, 0.99)
    bench.add(
        Figure(
            "rotation", "p99 of an order beside it to p99 without", p99 / alone,
            f"{ms(p99)} to {ms(alone)}, {CLIENTS} clients; {len(during)} orders beside it", most=2.0,
        )
    )  # fmt: skip
    bench.add(
        Figure(
            "rotation", "p50 the same", percentile(during, 0.5) / percentile(beside, 0.5),
            f"{ms(percentile(during, 0.5))} to {ms(percentile(beside, 0.5))}; {done.moved} values re-sealed, the first pass in {took:.0f} s",
        )
    )  # fmt: skip
    await bench.check("rotation")


async def _make(ctx: Ctx, pool_id: PoolId, total: int) -> None:
    """Fills a pool with codes as a worker makes them: sealed, each with its own fingerprint."""
    left = total
    while left:
        count = min(left, limits.CODES_MADE_MAX)
        async with transaction(ctx) as tx:
            batch = await codes.generate_codes(
                tx, ctx, pool_id=pool_id, count=count, form=codes.CodeForm(), unit_cost=Money(0, CURRENCY)
            )
        await codes.make_codes(ctx, batch_id=batch.id)
        left -= count
