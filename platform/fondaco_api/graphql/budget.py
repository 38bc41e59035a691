"""Budgets: a leaky bucket of points for each client, in Valkey, one round trip a request.

While Valkey is away each process counts for itself, which is more generous and never closed.
"""

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis.exceptions

from fondaco_core import limits
from fondaco_core.addresses import household
from fondaco_core.config import Profile
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.logs import get_logger

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = get_logger(__name__)

# KEYS[1] the bucket; ARGV: capacity, points per second, points asked for (less what is given back). Time is the server's.
TAKE = """
local now = redis.call('TIME')
local t = now[1] + now[2] / 1000000
local b = redis.call('HMGET', KEYS[1], 'p', 't')
local capacity, rate, asked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local points = capacity
if b[1] then points = math.min(capacity, tonumber(b[1]) + (t - tonumber(b[2])) * rate) end
local given = 0
if points >= asked then points = math.min(capacity, points - asked); given = 1 end
redis.call('HSET', KEYS[1], 'p', string.format('%.3f', points), 't', string.format('%.6f', t))
redis.call('EXPIRE', KEYS[1], math.ceil(capacity / rate) + 1)
return {given, math.floor(points)}
"""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much one client may save up, how fast it comes back, and how many streams it may follow at once."""

    key: str
    capacity: int
    rate: int
    streams: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking for points."""

    given: bool
    available: int
    retry_after_s: int


class TooManyStreams(Exception):
    """The client follows as many streams as one may at once."""


class Budgets:
    """Everybody's points, and the streams that clients of this process follow."""

    def __init__(self, valkey: "Redis | None", profile: Profile) -> None:
        self._valkey = valkey
        self._script = valkey.register_script(TAKE) if valkey is not None else None
        self._factor = limits.LOCAL_POINTS_FACTOR if profile == "local" else 1
        self._own: OrderedDict[str, tuple[float, float]] = OrderedDict()
        # Points that answers turned out not to have cost; given back with the client's next request.
        self._owed: dict[str, int] = {}
        self._away_until = 0.0
        self._streams: Counter[str] = Counter()

    def allowance(self, ctx: Ctx) -> Allowance:
        """Whose bucket a request draws on: the account's or the client's, a stranger's by address.

        A buyer's account has no more than a stranger, since anybody may open one.
        """
        capacity, rate, streams = limits.CLIENT_POINTS_MAX, limits.CLIENT_POINTS_PER_S, limits.CLIENT_STREAMS_MAX
        if ctx.actor in {ActorKind.ANONYMOUS, ActorKind.GUEST, ActorKind.CUSTOMER} or ctx.actor_id is None:
            capacity, rate, streams = (
                limits.STRANGER_POINTS_MAX,
                limits.STRANGER_POINTS_PER_S,
                limits.STRANGER_STREAMS_MAX,
            )
        if ctx.actor in {ActorKind.ANONYMOUS, ActorKind.GUEST} or ctx.actor_id is None:
            who = f"address:{household(ctx.ip)}" if ctx.customer_id is None else f"customer:{ctx.customer_id}"
        else:
            who = f"actor:{ctx.actor_id}"
        return Allowance(who, capacity * self._factor, rate * self._factor, streams * self._factor)

    @contextmanager
    def stream(self, allowance: Allowance, kind: str) -> Generator[None]:
        """Counts a stream of a kind (a socket, an operation) while it is open; TooManyStreams when the client has enough."""
        key = f"{kind} {allowance.key}"
        if self._streams[key] >= allowance.streams:
            raise TooManyStreams
        self._streams[key] += 1
        try:
            yield
        finally:
            self._streams[key] -= 1
            if not self._streams[key]:
                del self._streams[key]

    async def take(self, allowance: Allowance, points: int) -> Taken:
        """Takes points out of a bucket, all or none."""
        asked = points - self._owed.pop(allowance.key, 0)
        given, available = await self._ask(allowance.key, asked, capacity=allowance.capacity, rate=allowance.rate)
        missing = 0 if given else asked - available
        return Taken(given, max(0, available), -(-missing // allowance.rate))

    async def take_hold(self, ctx: Ctx, units: int) -> Taken:
        """Takes unpaid units out of what one address may begin to hold; machines of buyers have their buyer's bound alone."""
        if ctx.actor not in {ActorKind.ANONYMOUS, ActorKind.GUEST, ActorKind.CUSTOMER}:
            return Taken(given=True, available=units, retry_after_s=0)
        capacity = limits.ADDRESS_UNPAID_UNITS_MAX * self._factor
        rate = capacity / limits.HOLD_S
        given, available = await self._ask(f"holds:{household(ctx.ip)}", units, capacity=capacity, rate=rate)
        return Taken(given, max(0, available), 0 if given else math.ceil((units - available) / rate))

    def give_back(self, allowance: Allowance, points: int) -> None:
        """Remembers points that were foretold and not used."""
        if points > 0 and len(self._owed) < limits.BUCKETS_MAX:
            self._owed[allowance.key] = min(self._owed.get(allowance.key, 0) + points, allowance.capacity)

    async def _ask(self, key: str, asked: int, *, capacity: int, rate: float) -> tuple[bool, int]:
        if self._script is not None and time.monotonic() >= self._away_until:
            try:
                given, available = await self._script(keys=[f"fondaco:points:{key}"], args=[capacity, rate, asked])
            except (redis.exceptions.RedisError, OSError) as error:
                # Asked again after a second: a client must not wait for a server that is away.
                self._away_until = time.monotonic() + 1.0
                log.warning("budgets.valkey_away", error=type(error).__name__)
            else:
                return given == 1, int(available)
        return self._ask_own(key, asked, capacity=capacity, rate=rate)

    def _ask_own(self, key: str, asked: int, *, capacity: int, rate: float) -> tuple[bool, int]:
        now = time.monotonic()
        points, then = self._own.get(key, (float(capacity), now))
        points = min(float(capacity), points + (now - then) * rate)
        given = points >= asked
        if given:
            points = min(float(capacity), points - asked)
        self._own[key] = (points, now)
        self._own.move_to_end(key)
        while len(self._own) > limits.BUCKETS_MAX:
            self._own.popitem(last=False)
        return given, int(points)
