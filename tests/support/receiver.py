"""A merchant's own system on the loopback: takes what it is sent and answers what a test says."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network

from fondaco_core import http

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
# Answers one request on an open connection; what it does not write, nobody does.
Answering = Callable[["Received", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def says(status: int, body: bytes = b"", **headers: str) -> Answering:
    """An answer with a status, and headers with _ for -."""

    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} Some", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()

    return answer


@dataclass(slots=True)
class Receiver:
    """A server of ours; `answers` are given one after the other, the last again and again."""

    port: int = 0
    answers: list[Answering] = field(default_factory=lambda: [says(200)])
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hooks?tenant=secret-query"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request, until either side ends it."""
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            # The test is over; a server's task that ends as cancelled is logged as an error.
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.received.append(Received(method, target, headers, body))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                await answer(self.received[-1], writer)


@asynccontextmanager
async def receiving() -> AsyncGenerator[Receiver]:
    """A receiver on a free port of the loopback."""
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in made.serving:
            task.cancel()
        await asyncio.gather(*made.serving, return_exceptions=True)


@asynccontextmanager
async def reaching_loopback(resolve: http.Resolver | None = None) -> AsyncGenerator[None]:
    """This process may send to the loopback, as the settings of `fondaco up` allow it; names may be looked up otherwise."""
    await http.close_http()
    http.use_client(http.Client(networks=LOOPBACK, resolve=resolve))
    try:
        yield
    finally:
        await http.close_http()
