"""The load generator: a process of its own that asks over HTTP as fast as it is answered, and measures each answer.

It reads what to do from its standard input as JSON and prints what it saw. It has two cores to share with what it
measures, so it does as little as it can: requests are bytes made beforehand, answers are looked through, not parsed.
"""

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import cast

import uvloop

# How many answers that no marker knows are told.
STRANGE_MAX = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask: connection n has the n-th token and body, over again when there are fewer.

    It ends after so many seconds or answers, whichever comes first. `markers` name an answer by what it contains.
    """

    port: int
    connections: int
    bodies: list[str]
    tokens: list[str]
    markers: dict[str, str]
    seconds: float
    answers: int
    warm_s: float = 0.0
    keyed: bool = True


@dataclass(slots=True)
class Seen:
    """What was answered: how often each marker, how long each answer took in seconds, and what no marker knew."""

    counts: dict[str, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    strange: list[str] = field(default_factory=list)


class Client(asyncio.Protocol):
    """One connection: asks, waits for the answer, asks again."""

    def __init__(self, run: "Run", head: bytes, tail: bytes) -> None:
        self.run = run
        self.head = head
        self.tail = tail
        self.buffer = b""
        self.wanted = -1
        self.began = 0.0
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands; the run says when to begin."""
        # uvloop's transport is one by what it can, not by its class.
        self.transport = cast("asyncio.WriteTransport", transport)

    def ask(self) -> None:
        """Sends the next request, or closes when enough was asked."""
        assert self.transport is not None
        if not self.run.more():
            self.transport.close()
            return
        self.began = time.perf_counter()
        self.transport.write(b"".join((self.head, os.urandom(16).hex().encode(), self.tail)))

    def data_received(self, data: bytes) -> None:
        """Puts an answer together and counts it when it is whole."""
        self.buffer += data
        if self.wanted < 0:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            lower = self.buffer[:end].lower()
            at = lower.find(b"content-length:")
            stop = lower.find(b"\r\n", at)
            self.wanted = end + 4 + int(lower[at + 15 : stop if stop > 0 else end])
        if len(self.buffer) < self.wanted:
            return
        self.run.saw(self.buffer, time.perf_counter() - self.began)
        self.buffer, self.wanted = b"", -1
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """The last one that goes ends the run."""
        if self.wanted >= 0 or self.buffer:
            self.run.seen.strange.append(f"a connection was closed in the middle of an answer: {exc}")
        self.run.gone()


class Run:
    """All connections of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.markers = [(name, text.encode()) for name, text in plan.markers.items()]
        self.seen = Seen(dict.fromkeys(plan.markers, 0))
        self.asked = 0
        self.open = 0
        self.began = self.ends = self.measured = 0.0
        self.over = asyncio.Event()

    async def go(self) -> Seen:
        """Connects everybody, lets all of them begin at once, and answers what was seen."""
        loop = asyncio.get_running_loop()
        clients: list[Client] = []
        for n in range(self.plan.connections):
            head, tail = self.request(n)
            client = Client(self, head, tail)
            await loop.create_connection(partial(_same, client), "127.0.0.1", self.plan.port)
            clients.append(client)
        self.open = len(clients)
        self.began = time.perf_counter()
        self.measured = self.began + self.plan.warm_s
        self.ends = self.measured + self.plan.seconds
        for client in clients:
            client.ask()
        await asyncio.wait_for(self.over.wait(), self.plan.warm_s + self.plan.seconds + 60.0)
        self.seen.seconds = min(time.perf_counter(), self.last) - max(self.began, self.measured)
        return self.seen

    last = 0.0

    def request(self, n: int) -> tuple[bytes, bytes]:
        """The bytes before and after the idempotency key."""
        body = self.plan.bodies[n % len(self.plan.bodies)].encode()
        token = f"Authorization: Bearer {self.plan.tokens[n % len(self.plan.tokens)]}\r\n" if self.plan.tokens else ""
        name = "Idempotency-Key" if self.plan.keyed else "X-Request-Id"
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{self.plan.port}\r\nContent-Type: application/json\r\n"
            f"Accept: application/json\r\nContent-Length: {len(body)}\r\n{token}{name}: "
        )
        return head.encode(), b"\r\n\r\n" + body

    def more(self) -> bool:
        """Whether another request is to be sent."""
        if self.asked >= self.plan.answers or time.perf_counter() >= self.ends:
            return False
        self.asked += 1
        return True

    def saw(self, answer: bytes, took: float) -> None:
        """Counts an answer; one that came while it warmed up only when it is strange."""
        self.last = now = time.perf_counter()
        for name, text in self.markers:
            if text in answer:
                if now >= self.measured:
                    self.seen.counts[name] += 1
                    self.seen.latencies.append(took)
                return
        if len(self.seen.strange) < STRANGE_MAX:
            self.seen.strange.append(answer[-600:].decode("utf-8", "replace"))

    def gone(self) -> None:
        """A connection was closed."""
        self.open -= 1
        if self.open == 0:
            self.over.set()


def _same(client: Client) -> Client:
    return client


def main() -> int:
    """Does what standard input says and prints what it saw."""
    plan = Plan(**json.load(sys.stdin))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:

        async def go() -> Seen:
            return await Run(plan).go()

        seen = runner.run(go())
    json.dump(asdict(seen), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
