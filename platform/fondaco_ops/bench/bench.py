"""One run: the system, the limit, the figures so far; what every case gets."""

import asyncio
import hashlib
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field

import orjson

from fondaco_core.db.isolation import ROLES
from fondaco_ops.bench import load
from fondaco_ops.bench.limit import LimitBench
from fondaco_ops.bench.load import Plan, Seen
from fondaco_ops.bench.report import Figure, Report
from fondaco_ops.bench.system import API, Broken, System, check_invariants
from fondaco_ops.bench.watch import statements_in
from fondaco_ops.bench.world import Buyer, Shop, make_buyers, make_shop

CLIENTS = 32
WARM_REQUESTS = 3

ORDER_FIELDS = "__typename ... on PlaceOrderSuccess { order { id code state total { amount currency } } }"
PLACE_ORDER = f"mutation PlaceOrder($input: PlaceOrderInput!) {{ placeOrder(input: $input) {{ {ORDER_FIELDS} ... on Failure {{ code message }} }} }}"
PLACE_ORDERS = f"""mutation PlaceOrders($input: PlaceOrdersInput!) {{ placeOrders(input: $input) {{ __typename
  ... on PlaceOrdersSuccess {{ results {{ {ORDER_FIELDS} ... on Failure {{ code message }} }} }} ... on Failure {{ code message }} }} }}"""


@dataclass(slots=True)
class Bench:
    """What the cases of one run share."""

    system: System
    report: Report
    shop: Shop
    limit: LimitBench
    quick: bool
    _buyers: list[Buyer] = field(default_factory=list)

    @classmethod
    async def begin(cls, system: System, report: Report) -> "Bench":
        """A merchant, and the limit's function beside it."""
        shop = await make_shop()
        return cls(system, report, shop, await LimitBench.prepare(system, shop), report.quick)

    def say(self, line: str) -> None:
        """Tells whoever waits what is going on."""
        print(f"bench: {line}", file=sys.stderr, flush=True)

    def add(self, figure: Figure) -> None:
        """Keeps a figure."""
        self.report.figures.append(figure)

    async def buyers(self, count: int) -> list[Buyer]:
        """So many buyers of the shop, the same ones each time."""
        if len(self._buyers) < count:
            self._buyers += await make_buyers(self.shop, count - len(self._buyers))
        return self._buyers[:count]

    async def ask(self, plan: Plan) -> Seen:
        """Has a process of its own ask the API, and answers what it saw."""
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-P", load.__file__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            output, _ = await child.communicate(json.dumps(asdict(plan)).encode())
        except BaseException:
            child.kill()
            await child.wait()
            raise
        if child.returncode != 0:
            msg = "The load generator failed; see above."
            raise Broken(msg)
        return Seen(**json.loads(output))

    async def persist(self, document: str) -> str:
        """Registers a document with the API and answers the id it is asked for by."""
        digest = hashlib.sha256(document.encode()).hexdigest()
        extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
        body = orjson.dumps({"query": document, "extensions": extensions}).decode()
        # It is registered although nobody is signed in, or variables are missing: a valid document is all it takes.
        await self.ask(Plan(self.system.port, 1, [body], [], {"answered": "HTTP/1.1"}, 10.0, 1, keyed=False))
        return f"sha256:{digest}"

    async def statements(self, ask: Callable[[int], Awaitable[None]]) -> tuple[int, int]:
        """How many SQL statements a request takes, and how many more that begin and end transactions.

        The server writes down what the application sends, for a moment; `ask` gets a number that is new each time.
        """
        self.system.stop(API)
        async with self.system.owner() as connection:
            for role in ROLES:
                await connection.execute(f"ALTER ROLE {role} SET log_statement = 'all'")
        try:
            await self.system.start_api()
            # Connections ask about types once, and a process about accounts.
            for n in range(WARM_REQUESTS):
                await ask(n)
            log = self.system.postgres.log
            start = log.stat().st_size
            await ask(WARM_REQUESTS)
            return statements_in(log.read_bytes()[start:].decode("utf-8", errors="replace"))
        finally:
            self.system.stop(API)
            async with self.system.owner() as connection:
                for role in ROLES:
                    await connection.execute(f"ALTER ROLE {role} RESET log_statement")

    async def check(self, after: str) -> None:
        """Runs the invariants; raises Broken when one does not hold."""
        self.report.invariants = await check_invariants(after)


def body_of(document_id: str, variables: dict[str, object]) -> str:
    """A request by a document's id."""
    return orjson.dumps({"documentId": document_id, "variables": variables}).decode()


def sure(seen: Seen, what: str) -> None:
    """Raises Broken when an answer was none of those that were expected, or there was none at all."""
    if seen.strange or not seen.latencies:
        msg = f"{what} was answered strangely: {seen.strange[:1] or 'not at all'}"
        raise Broken(msg)


def percentile(values: list[float], part: float) -> float:
    """The value below which that part of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def ms(seconds: float) -> str:
    """Seconds as milliseconds for people."""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"  # noqa: PLR2004 - two digits matter there
