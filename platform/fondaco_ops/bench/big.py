"""The case of a big tenant: everything again after ten million codes and a million orders came to the same merchant."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from fondaco_core.db import transaction
from fondaco_core.identity import SessionKind, start_session
from fondaco_core.ids import MemberId, UserId
from fondaco_ops.bench.bench import Bench, body_of, sure
from fondaco_ops.bench.hot import Cost, cost_of, sell
from fondaco_ops.bench.imports import SMALL, run_imports
from fondaco_ops.bench.limit import BUYERS
from fondaco_ops.bench.load import Plan
from fondaco_ops.bench.report import Figure
from fondaco_ops.bench.rest import STORE
from fondaco_ops.bench.system import time_invariants
from fondaco_ops.bench.watch import TICK_S
from fondaco_ops.bench.world import Shelf, make_shelf, stock

CASE = "big tenant"
LISTINGS, POOLS = 50, 20
CONNECTIONS, BATCH, BULK, PAGES = 8, 50, 1_000, 320
PIECE_CODES, PIECE_ORDERS = 100_000, 2_000
MOST = 1.3
# So many of the slowest invariants are told one by one.
SLOWEST = 5

DESK = """query Desk { merchant {
  orders(first: 20) { nodes { id code state total { amount } } }
  findOrders(search: {states: [FULFILLED]}, first: 20) { nodes { id } }
  pools(first: 20) { nodes { id name lowStockBand stock { available more } codes(first: 20) { nodes { id state } } } }
  expiryCalendar(days: 90) { day }
} }"""
ORDER = "SELECT count(bench.place_order(n % $1 + 1)) FROM generate_series(1, $2) AS n"


@dataclass(frozen=True, slots=True)
class Size:
    """How much comes, and how much is asked for to measure."""

    codes: int
    orders: int
    single: int
    batched: int
    bulks: int
    imports: int
    desks: int


FULL = Size(codes=10_000_000, orders=1_000_000, single=2_000, batched=10_000, bulks=20, imports=7, desks=60)
QUICK = Size(codes=200_000, orders=20_000, single=400, batched=1_500, bulks=4, imports=2, desks=10)


@dataclass(slots=True)
class Place:
    """What is asked of the merchant: the listings of its store, the first of which get the codes, and who is at the desk."""

    bench: Bench
    size: Size
    listings: list[Shelf]
    token: str
    asked: int = 0

    def number(self) -> int:
        """One that no question had yet: what was just asked is answered from memory."""
        self.asked += 1
        return self.asked


@dataclass(frozen=True, slots=True)
class Seen:
    """What something cost, how often it was done, and how many times as much it may cost when there is more of everything."""

    cost: Cost
    count: int
    most: float | None = MOST
    # Whether it is no time at all, but how many times as long as the least that it could be.
    factor: bool = False

    def told(self, small: "Seen") -> str:
        """The absolute figures, beside those of the small tenant."""
        if self.factor:
            return f"{self.cost.wall_s:.2f} to {small.cost.wall_s:.2f} times seal, fingerprint and COPY"
        return (
            f"{self.backends_us:.0f} to {small.backends_us:.0f} us of the database's CPU, "
            f"{self.wall_ms:.2f} to {small.wall_ms:.2f} ms on the clock"
        )

    @property
    def backends_us(self) -> float:
        """Processor time of the database's backends for one of them."""
        return self.cost.backends_s / self.count * 1e6

    @property
    def wall_ms(self) -> float:
        """Time on the clock for one of them."""
        return self.cost.wall_s / self.count * 1e3


async def big_tenant(bench: Bench) -> None:
    """Orders, bulk, import, storefront and desk before and after; then pools of many codes beside one of few."""
    size = QUICK if bench.quick else FULL
    place = await _open(bench, size)
    before = await _measure(place, place.listings[-1])
    await bench.check("the small tenant")
    began = time.perf_counter()
    await _grow(place)
    bench.say(f"{size.codes} codes and {size.orders} orders came in {time.perf_counter() - began:.0f} s")
    after = await _measure(place, place.listings[-2])
    for what, seen in before.items():
        _compare(bench, f"{what}, big to small", after[what], seen)
    # Both meet the same machine: taken in turns.
    grown, sold, fresh = place.listings[0], bench.limit.shelf, place.listings[-2]
    for what, shelf in (("of many codes", grown), (f"that sold {size.orders}", sold)):
        many, few = await _in_turns(place, shelf, fresh)
        _compare(bench, f"order from a pool {what} to one of few", many, few)
    await _look_through(bench)


async def _open(bench: Bench, size: Size) -> Place:
    """Listings with a little to sell each, two of them enough to be measured by, and the owner's session."""
    shop = bench.shop
    listings = [await make_shelf(shop, position=n + 1) for n in range(LISTINGS)]
    needed = 3 * size.single + 2 * size.batched + (size.bulks + 2) * BULK
    for n, shelf in enumerate(listings):
        await stock(bench.system, shop, shelf.pool_id, needed if n >= LISTINGS - 2 else 20 + n * 3)
    assert shop.owner.actor_id is not None
    async with transaction(shop.owner) as tx:
        member = await tx.fetchval("SELECT id FROM member WHERE tenant_id = $1", shop.tenant_id)
        started = await start_session(
            tx, shop.owner, kind=SessionKind.MEMBER, tenant_id=shop.tenant_id, user_id=UserId(shop.owner.actor_id),
            member_id=MemberId(member),
        )  # fmt: skip
    return Place(bench, size, listings, started.token.reveal())


async def _measure(place: Place, shelf: Shelf) -> dict[str, Seen]:
    """What each of the cases costs now; the orders come out of this listing's pool."""
    bench, size, system = place.bench, place.size, place.bench.system
    buyers = await bench.buyers(CONNECTIONS)
    await system.settle()
    # Prepares what connections prepare once.
    await sell(system, buyers, shelf.listing_id, count=size.single // 2, batch=1)
    seen = {
        "order": Seen(await sell(system, buyers, shelf.listing_id, count=size.single, batch=1), size.single),
        "orders": Seen(await sell(system, buyers, shelf.listing_id, count=size.batched, batch=BATCH), size.batched),
        f"bulk of {BULK}": Seen(
            await sell(system, buyers[:1], shelf.listing_id, count=size.bulks, batch=1, quantity=BULK), size.bulks
        ),
    }
    rounds = size.imports + 1
    told = (await run_imports(bench, await make_shelf(bench.shop, position=1_000), [SMALL] * rounds, floors=rounds))[1:]
    # In a process of its own, beside the least that an import could be: the machine may be slower by now.
    factor = median(one["seconds"] for one in told) / median(one["floor"] for one in told)
    seen[f"import of {SMALL}"] = Seen(Cost(factor, factor), 1, factor=True)
    await system.start_api()
    seen["storefront"] = await _ask(place, STORE, {"slug": bench.shop.slug, "count": LISTINGS}, PAGES, [], most=MOST)
    # A desk tells of more when there is more: without a bound, for people to look at.
    seen["desk"] = await _ask(place, DESK, {}, size.desks, [place.token], most=None)
    return seen


async def _ask(
    place: Place, text: str, given: dict[str, object], count: int, tokens: Sequence[str], *, most: float | None
) -> Seen:
    """What so many different questions by one document cost."""
    bench = place.bench
    document = await bench.persist(text)

    async def ask(many: int) -> None:
        # Each on a connection of its own, all at once, and none of them asked before.
        bodies = [body_of(document, {**given, "n": place.number()}) for _ in range(many)]
        plan = Plan(bench.system.port, many, bodies, list(tokens), {"page": '"nodes":[{'}, 300.0, many, keyed=False)
        sure(await bench.ask(plan), "a page")

    await ask(CONNECTIONS)
    return Seen(await cost_of(bench.system, lambda: ask(count)), count, most)


async def _grow(place: Place) -> None:
    """The codes, spread over pools, and the orders, all out of the limit's own pool; nobody is told of them."""
    bench, size = place.bench, place.size
    for n in range(0, size.orders, PIECE_CODES):
        await _stock(bench, bench.limit.shelf, min(PIECE_CODES, size.orders - n))
    rest = (size.codes - size.orders) // POOLS
    for shelf in place.listings[:POOLS]:
        for n in range(0, rest, PIECE_CODES):
            await _stock(bench, shelf, min(PIECE_CODES, rest - n))
    async with bench.system.owner() as connection:
        await connection.execute("VACUUM ANALYZE code")
        for n in range(0, size.orders, PIECE_ORDERS):
            placed = await connection.fetchval(ORDER, BUYERS, min(PIECE_ORDERS, size.orders - n), timeout=600)
            assert placed == min(PIECE_ORDERS, size.orders - n)
            if n % (50 * PIECE_ORDERS) == 0:
                # Its rows came and go in one breath: nobody hears of these orders.
                await connection.execute("TRUNCATE outbox_event")
                await connection.execute("VACUUM ANALYZE")
        await connection.execute("TRUNCATE outbox_event")
    await bench.system.settle()


async def _stock(bench: Bench, shelf: Shelf, count: int) -> None:
    await stock(bench.system, bench.shop, shelf.pool_id, count)


async def _in_turns(place: Place, many: Shelf, few: Shelf) -> tuple[Seen, Seen]:
    system, buyers = place.bench.system, await place.bench.buyers(CONNECTIONS)
    slices = 4
    count = place.size.single // slices
    costs = [Cost(), Cost()]
    await stock(system, place.bench.shop, many.pool_id, place.size.single + count)
    await sell(system, buyers, many.listing_id, count=count, batch=1)
    for _ in range(slices):
        for n, shelf in enumerate((many, few)):
            costs[n] += await sell(system, buyers, shelf.listing_id, count=count, batch=1)
    return Seen(costs[0], slices * count), Seen(costs[1], slices * count)


def _compare(bench: Bench, what: str, big: Seen, small: Seen) -> None:
    # The system counts in hundredths of a second: what took less took one.
    ratio = big.backends_us / (
        small.backends_us if small.factor else max(small.backends_us, TICK_S * 1e6 / small.count)
    )
    bench.add(Figure(CASE, what, ratio, big.told(small), most=small.most))


async def _look_through(bench: Bench) -> None:
    """Every invariant, with the time that it takes: what `fondaco doctor` and the schedule pay."""
    times = await time_invariants(CASE)
    bench.report.invariants = len(times)
    bench.add(Figure(CASE, "every invariant", None, f"{sum(times.values()):.1f} s for {len(times)} of them"))
    slowest = sorted(times, key=lambda name: -times[name])[:SLOWEST]
    for name in slowest:
        bench.add(Figure(CASE, "a slow invariant", None, f"{times[name]:.2f} s: {name}"))
