"""The one way out by HTTP: a bounded exchange with a deadline, to an address that was looked at. Only errands use it.

A name is resolved once, every address it has is checked, and the connection goes to one of those, under the name's own
certificate: whoever answers differently a moment later is not asked again. Redirects, cookies, proxies and compressed
answers do not exist here. Nothing of an exchange is logged, and no error carries a word of it.

    answer = await send(Request("POST", url, headers={"content-type": "application/json"}, body=body))
"""

import asyncio
import ipaddress
import socket
import ssl
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import httpcore2
import httpx2

from fondaco_core import limits
from fondaco_core.config import Network, Settings
from fondaco_core.errors import Outage, Refusal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Gives the addresses of a name, as text; whatever it raises is an Outage.
Resolver = Callable[[str], Awaitable[Sequence[str]]]

# What the world-wide addresses of IPv6 are made of; the parts of it that carry an IPv4 address inside (6to4, Teredo) are not.
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_CARRIERS: Final = (ipaddress.IPv6Network("2001::/32"), ipaddress.IPv6Network("2002::/16"))
# Addresses that count as public and are a cloud's own towards its machines: Azure's wire server, and relays of 6to4.
_CLOUDS_OWN: Final = (ipaddress.IPv4Network("168.63.129.16/32"), ipaddress.IPv4Network("192.88.99.0/24"))


class Reach(StrEnum):
    """How far a request may go."""

    # Somebody's address: https, and none but public addresses of the internet (and the networks that a setting adds).
    PUBLIC = "PUBLIC"
    # An address that the operator put into the settings; it may be private.
    CONFIGURED = "CONFIGURED"


class Unanswered(Outage):
    """There is no answer, or none that can be read. `sent` is whether the request may have reached the other side.

    `reason` is a word for logs and records: resolve, connect, tls, deadline, broken, size.
    """

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(f"No answer came ({reason}).")
        self.reason = reason
        self.sent = sent


class ForbiddenAddress(Refusal):
    """The URL leads where requests of this system do not go."""

    code = "FORBIDDEN_ADDRESS"

    def __init__(self, message: str, *, zh: str) -> None:
        super().__init__(message, zh=zh, path=("url",))


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. Headers and body are the caller's secrets: neither shows in a repr."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    # The whole exchange: looking up, connecting, sending, and the last byte of the answer.
    timeout_s: float = limits.HTTP_TIMEOUT_S
    answer_bytes_max: int = limits.HTTP_ANSWER_BYTES_MAX
    reach: Reach = Reach.PUBLIC
    # A longer answer is cut off there; otherwise it is Unanswered, since half an answer is none.
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Names of headers are in lower case; of several with one name the last counts."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Client:
    """Sends requests. A process has one (`open_http`); a test makes its own, with a resolver that says what it wants."""

    def __init__(self, *, networks: Iterable[Network] = (), resolve: Resolver | None = None) -> None:
        self._networks = tuple(networks)
        self._resolve = resolve or _resolve
        self._tls = ssl.create_default_context()
        # Connections belong to the event loop that made them, and to what was checked when they were made.
        self._pools: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[tuple[Reach, str], httpcore2.AsyncConnectionPool]
        ] = weakref.WeakKeyDictionary()

    async def send(self, request: Request) -> Answer:
        """Sends a request and reads the answer. Raises Unanswered, ForbiddenAddress."""
        url = parse_url(request.url)
        progress = _Progress()
        try:
            async with asyncio.timeout(request.timeout_s):
                return await self._exchange(request, url, progress)
        except TimeoutError:
            raise Unanswered("deadline", sent=progress.sent) from None
        except httpcore2.ConnectError as failure:
            reason = "tls" if isinstance(failure.__context__, ssl.SSLError) else "connect"
            raise Unanswered(reason, sent=progress.sent) from None
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, OSError):
            raise Unanswered("broken", sent=progress.sent) from None

    async def check(self, url: str, *, reach: Reach = Reach.PUBLIC, timeout_s: float = limits.HTTP_CHECK_S) -> None:
        """Looks whether a request could be sent there, without sending one. Raises ForbiddenAddress, Unanswered."""
        parsed = parse_url(url)
        try:
            async with asyncio.timeout(timeout_s):
                await self.reachable(parsed.raw_host.decode("ascii"), reach, plain=parsed.scheme == "http")
        except TimeoutError:
            raise Unanswered("deadline", sent=False) from None

    async def close(self) -> None:
        """Closes the idle connections of this event loop."""
        for pool in self._pools.pop(asyncio.get_running_loop(), {}).values():
            await pool.aclose()

    async def _exchange(self, request: Request, url: httpx2.URL, progress: "_Progress") -> Answer:
        sent = httpcore2.Request(
            request.method,
            httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=_headers(request, url),
            content=request.body,
            extensions={"trace": progress.note},
        )
        answer = await self._pool(request.reach, url.scheme).handle_async_request(sent)
        try:
            body = await _read(answer, request)
        finally:
            await answer.aclose()
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
        return Answer(answer.status, headers, body)

    def _pool(self, reach: Reach, scheme: str) -> httpcore2.AsyncConnectionPool:
        pools = self._pools.setdefault(asyncio.get_running_loop(), {})
        if (reach, scheme) not in pools:
            pools[reach, scheme] = httpcore2.AsyncConnectionPool(
                ssl_context=self._tls,
                max_connections=limits.HTTP_CONNECTIONS_MAX,
                max_keepalive_connections=limits.HTTP_IDLE_CONNECTIONS_MAX,
                keepalive_expiry=limits.HTTP_IDLE_S,
                network_backend=_Checked(self, reach, plain=scheme == "http"),
            )
        return pools[reach, scheme]

    async def reachable(self, host: str, reach: Reach, *, plain: bool) -> tuple[Address, ...]:
        """The addresses of a host that may be connected to; ForbiddenAddress when one of them may not."""
        try:
            found = [_address(text) for text in await self._resolve(host)]
        except (OSError, UnicodeError, ValueError):
            raise Unanswered("resolve", sent=False) from None
        if not found:
            raise Unanswered("resolve", sent=False)
        if reach is Reach.PUBLIC and not all(self._allowed(address, plain=plain) for address in found):
            raise ForbiddenAddress(
                "This URL does not lead to a public address by https, or not only to such.",
                zh="该网址没有（或不只）指向可通过 https 访问的公网地址。",
            )
        return tuple(dict.fromkeys(found))[: limits.HTTP_ADDRESSES_TRIED_MAX]

    def _allowed(self, address: Address, *, plain: bool) -> bool:
        if any(address in network for network in self._networks if network.version == address.version):
            return True
        return not plain and is_public(address)


class _Checked(httpcore2.AsyncNetworkBackend):
    """Connects by name, to an address that was checked: the check and the connection see one and the same resolution."""

    def __init__(self, client: Client, reach: Reach, *, plain: bool) -> None:
        self._client = client
        self._reach = reach
        self._plain = plain
        # One type too many for pyright: the library has an empty class of the same name for where anyio is missing.
        self._network: Any = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolves, checks, and tries the addresses one after the other."""
        failure: Exception = httpcore2.ConnectError()
        for address in await self._client.reachable(host, self._reach, plain=self._plain):
            try:
                stream = await self._network.connect_tcp(
                    str(address), port, limits.HTTP_CONNECT_S, None, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream)
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)


class _Stream(httpcore2.AsyncNetworkStream):
    """A connection that is closed when TLS does not come about, also because time is over."""

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore2's interface
        """What has arrived."""
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        """Sends."""
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Closes."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> httpcore2.AsyncNetworkStream:
        """Goes on under TLS."""
        try:
            return await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self._inner.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        """What is known of the connection."""
        return self._inner.get_extra_info(info)


class _Progress:
    """How far an exchange came."""

    def __init__(self) -> None:
        self.sent = False

    async def note(self, event: str, _: Mapping[str, Any]) -> None:
        """From the moment the first byte may leave us, it may have arrived."""
        self.sent = self.sent or event.endswith(".send_request_headers.started")


def parse_url(url: str) -> httpx2.URL:
    """A URL as requests are sent to: http or https, a host, no name and password in it. Raises ForbiddenAddress."""
    try:
        parsed = httpx2.URL(url) if len(url) <= limits.URL_CHARS_MAX else None
    except (httpx2.InvalidURL, UnicodeError, ValueError):
        parsed = None
    ports = range(1, 65_536)
    if (
        parsed is None
        or parsed.scheme not in {"http", "https"}
        or not parsed.raw_host
        or parsed.userinfo
        or (parsed.port is not None and parsed.port not in ports)
    ):
        raise ForbiddenAddress(
            "This is no URL that requests are sent to: https://, a host, no user or password in it.",
            zh="该网址不可用：须以 https:// 开头，包含主机名，且不得包含用户名或密码。",
        )
    return parsed


def is_public(address: Address) -> bool:
    """Whether an address belongs to the internet at large, and carries no other address inside."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in own for own in _CLOUDS_OWN)
    return address.is_global and address in _GLOBAL_V6 and not any(address in carrier for carrier in _CARRIERS)


def _address(text: str) -> Address:
    address = ipaddress.ip_address(text)
    # An IPv4 address in other clothes: what counts is who wears them.
    return getattr(address, "ipv4_mapped", None) or address


def _headers(request: Request, url: httpx2.URL) -> list[tuple[bytes, bytes]]:
    own = {
        "host": url.netloc.decode("ascii"),
        "user-agent": "Fondaco",
        "accept": "*/*",
        "accept-encoding": "identity",
    }
    if request.body or request.method in {"POST", "PUT", "PATCH"}:
        own["content-length"] = str(len(request.body))
    given = {name.lower(): value for name, value in request.headers.items()}
    assert not given.keys() & {"host", "content-length", "transfer-encoding", "connection"}, "these are the client's"
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in (own | given).items()]


async def _read(answer: httpcore2.Response, request: Request) -> bytes:
    body = bytearray()
    async with aclosing(answer.aiter_stream()) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > request.answer_bytes_max:
                if not request.cut:
                    raise Unanswered("size", sent=True)
                del body[request.answer_bytes_max :]
                break
    return bytes(body)


# Looking names up may hang for as long as somebody's server pleases: it gets threads of its own, and only so many.
_LOOKERS: Final = ThreadPoolExecutor(limits.HTTP_RESOLVERS, thread_name_prefix="resolve")


async def _resolve(host: str) -> Sequence[str]:
    found = await asyncio.get_running_loop().run_in_executor(
        _LOOKERS, lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    )
    # A zone, as in fe80::1%eth0, names a card of this machine: such an address is none of the internet's.
    return [str(entry[4][0]).partition("%")[0] for entry in found]


_client: Client | None = None


async def open_http(settings: Settings) -> None:
    """Makes this process's client by its settings, in the place of one that it had.

    Without this call, nothing but public addresses is reached.
    """
    global _client  # noqa: PLW0603 - one client a process, opened at its door
    await close_http()
    _client = Client(networks=settings.reachable_networks)


def client() -> Client:
    """This process's client."""
    global _client  # noqa: PLW0603
    if _client is None:
        _client = Client()
    return _client


def use_client(made: Client | None) -> None:
    """Makes `made` this process's client; None brings back one that reaches public addresses alone. For tests."""
    global _client  # noqa: PLW0603
    _client = made


async def close_http() -> None:
    """Closes this process's idle connections."""
    global _client  # noqa: PLW0603
    if _client is not None:
        await _client.close()
        _client = None


async def send(request: Request) -> Answer:
    """Sends a request and reads the answer. Raises Unanswered, ForbiddenAddress."""
    return await client().send(request)


async def check(url: str, *, reach: Reach = Reach.PUBLIC) -> None:
    """Looks whether a request could be sent there, without sending one. Raises ForbiddenAddress, Unanswered."""
    await client().check(url, reach=reach)
