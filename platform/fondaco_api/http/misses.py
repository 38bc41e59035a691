"""Wrong secrets, counted: by address at one link, and by address at all links. Valkey counts; while it is away, the process does."""

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

import redis.exceptions

from fondaco_core import limits
from fondaco_core.addresses import household
from fondaco_core.logs import get_logger

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = get_logger(__name__)


class Misses:
    """Who guessed how often, lately."""

    def __init__(
        self, what: str = "link", *, most: int = limits.LINK_MISSES_MAX, most_all: int = limits.LINK_MISSES_ADDRESS_MAX
    ) -> None:
        self._what, self._most, self._most_all = what, most, most_all
        # key → how many, and when they are forgotten (monotonic seconds)
        self._own: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def too_many(self, valkey: "Redis | None", *, ip: str | None, link: str) -> bool:
        """Whether this address has guessed so often that it has to wait, also with the right secret."""
        keys = self._keys(ip, link)
        counts = [self._count_own(key) for key in keys]
        if valkey is not None:
            try:
                found = await valkey.mget(keys)
                counts = [max(own, int(there or 0)) for own, there in zip(counts, found, strict=True)]
            except (redis.exceptions.RedisError, OSError) as error:
                log.warning("links.valkey_away", error=type(error).__name__)
        at_link, at_all = counts
        return at_link >= self._most or at_all >= self._most_all

    async def count(self, valkey: "Redis | None", *, ip: str | None, link: str) -> None:
        """Counts one wrong secret."""
        keys = self._keys(ip, link)
        if valkey is not None:
            try:
                async with valkey.pipeline(transaction=False) as pipe:
                    for key in keys:
                        pipe.incr(key)
                        # Only when it has no end yet: who goes on guessing does not wait for ever.
                        pipe.expire(key, limits.LINK_MISSES_S, nx=True)
                    await pipe.execute()
            except (redis.exceptions.RedisError, OSError) as error:
                log.warning("links.valkey_away", error=type(error).__name__)
            else:
                return
        for key in keys:
            self._add_own(key)

    def _count_own(self, key: str) -> int:
        count, ends = self._own.get(key, (0, 0.0))
        return count if time.monotonic() < ends else 0

    def _add_own(self, key: str) -> None:
        count = self._count_own(key)
        ends = self._own[key][1] if count else time.monotonic() + limits.LINK_MISSES_S
        self._own[key] = (count + 1, ends)
        self._own.move_to_end(key)
        while len(self._own) > limits.BUCKETS_MAX:
            self._own.popitem(last=False)

    def _keys(self, ip: str | None, link: str) -> list[str]:
        who = household(ip)
        return [f"fondaco:{self._what}-misses:{who}:{link}", f"fondaco:{self._what}-misses:{who}"]
