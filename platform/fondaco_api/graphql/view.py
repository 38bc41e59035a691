"""GraphQL over HTTP: one endpoint, POST and, for queries, GET; answers as JSON or as a stream of events.

`application/json` answers 200 whenever the request was well formed; `application/graphql-response+json` tells by its
status, too. A request that a foreign page could have made without asking runs nothing (http/origins.py).
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import Receive, Scope, Send

from fondaco_api.graphql.context import Context
from fondaco_api.graphql.errors import ErrorCode
from fondaco_api.graphql.execution import Answer, Asked, Engine, WrongMethod
from fondaco_api.http.body import BodyError, read_body
from fondaco_api.http.middleware import locale_of
from fondaco_api.http.origins import is_foreign
from fondaco_core import limits
from fondaco_core.config import Settings
from fondaco_core.errors import Unauthenticated
from fondaco_core.logs import get_logger

log = get_logger(__name__)

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
EVENTS = "text/event-stream"

MakeContext = Callable[[HTTPConnection], Awaitable[Context]]

_STATUS = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.THROTTLED: 429,
    ErrorCode.QUERY_TOO_COSTLY: 400,
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.INTERNAL: 500,
}


class Malformed(Exception):
    """The HTTP request is none that could be run."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: dict[str, str] | None = None,
        code: str = "BAD_REQUEST",
        data: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}
        self.code = code
        self.data = data or {}


class GraphQLEndpoint:
    """The ASGI application behind /graphql for HTTP."""

    def __init__(self, engine: Callable[[], Engine], settings: Settings, make_context: MakeContext) -> None:
        self.engine = engine
        self.settings = settings
        self.make_context = make_context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        headers = Headers(scope=scope)
        media = negotiated(headers.get("accept") or "")
        if scope["method"] == "GET" and not scope["query_string"] and "text/html" in headers.get("accept", ""):
            # A person with a browser, who was given the address of the endpoint.
            await RedirectResponse("/graphiql", status_code=303)(scope, receive, send)
            return
        try:
            await self._run(scope, receive, send, headers, media)
        except Malformed as error:
            body = {"errors": [{"message": error.message, "extensions": {"code": error.code, **error.data}}]}
            await _send(
                send,
                error.status,
                orjson.dumps(body),
                media if media in {JSON, GRAPHQL} else JSON,
                list(error.headers.items()),
            )

    async def _run(self, scope: Scope, receive: Receive, send: Send, headers: Headers, media: str | None) -> None:
        method = scope["method"]
        if method not in {"GET", "POST"}:
            raise Malformed(405, "GraphQL comes by POST or GET.", headers={"allow": "GET, POST"})
        if is_foreign(headers, self.settings.allowed_origins):
            raise Malformed(403, "Pages of other sites may not ask here.", code="FORBIDDEN")
        if media is None:
            raise Malformed(406, f"Answers come as {GRAPHQL}, {JSON} or {EVENTS}.")
        asked = read_get(scope["query_string"]) if method == "GET" else await _read_post(scope, receive, headers)
        connection = HTTPConnection(scope)
        try:
            context = await self.make_context(connection)
        except Unauthenticated:
            told = {"www-authenticate": 'Bearer realm="fondaco"'}
            # A session that has ended is told to a person; the rest of these texts to whoever writes a client.
            chinese = locale_of(headers.get("accept-language") or "") == "zh-CN"
            text = "凭证无效或已过期，请重新登录。" if chinese else "These credentials are not valid here."
            raise Malformed(401, text, headers=told, code="UNAUTHENTICATED") from None
        except Exception as error:
            log.exception("graphql.unknown_asker", exc_info=error)
            told = {"id": scope["state"]["request_id"]}
            raise Malformed(503, "Who asks cannot be found out now; try again.", code="INTERNAL", data=told) from None
        context.idempotency_key = headers.get("idempotency-key")
        if media == EVENTS:
            await _stream(self.engine().stream(asked, context, queries_only=method == "GET"), receive, send)
            return
        try:
            answer = await self.engine().run(asked, context, queries_only=method == "GET")
        except WrongMethod:
            raise Malformed(
                405, "Mutations come by POST, subscriptions as a stream of events.", headers={"allow": "POST"}
            ) from None
        await _send(send, status_of(answer, media), dumps(answer.body), media, answer.headers)


def status_of(answer: Answer, media: str) -> int:
    """The status that goes with an answer."""
    if answer.code is None:
        return 200
    # Who asks too often is told so in a way that every client and proxy understands.
    if answer.code == ErrorCode.THROTTLED:
        return 429
    if media == JSON or (answer.ran and answer.body["data"] is not None):
        return 200
    return _STATUS[ErrorCode(answer.code)]


def dumps(body: Any) -> bytes:
    """JSON; values that are no JSON are a resolver's mistake and raise."""
    return orjson.dumps(body, option=orjson.OPT_PASSTHROUGH_DATACLASS)


@lru_cache(maxsize=256)
def negotiated(accept: str) -> str | None:
    """The media type to answer with: the client's favourite of ours, JSON when it does not say; None when there is none."""
    best, best_weight = None, 0.0
    for item in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in item.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        served = {"": JSON, "*/*": JSON, "application/*": JSON, "text/*": EVENTS}.get(
            kind, kind if kind in {JSON, GRAPHQL, EVENTS} else None
        )
        if served is not None and weight > best_weight:
            best, best_weight = served, weight
    return best


def read_get(query_string: bytes) -> Asked:
    """What a GET asks for; raises Malformed."""
    if len(query_string) > limits.QUERY_STRING_BYTES_MAX:
        raise Malformed(414, f"A query in the address may have {limits.QUERY_STRING_BYTES_MAX} bytes; use POST.")
    try:
        pairs = dict(
            parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
        )
        given: dict[str, Any] = dict(pairs)
        for name in ("variables", "extensions"):
            if given.get(name):
                given[name] = orjson.loads(given[name])
            else:
                given.pop(name, None)
    except ValueError:
        raise Malformed(400, "The address holds no readable parameters; variables and extensions are JSON.") from None
    return read_parameters(given)


async def _read_post(scope: Scope, receive: Receive, headers: Headers) -> Asked:
    kind, _, parameters = (headers.get("content-type") or "").lower().partition(";")
    if kind.strip() != JSON or ("charset" in parameters and "utf-8" not in parameters):
        raise Malformed(415, f"The body of a POST is {JSON} in UTF-8.", headers={"accept-post": JSON})
    if headers.get("content-encoding", "identity") != "identity":
        raise Malformed(415, "The body of a POST is not compressed.")
    try:
        body = await read_body(scope, receive, most=limits.GRAPHQL_BODY_BYTES_MAX)
    except BodyError as error:
        raise Malformed(error.status, error.message, headers={"connection": "close"}) from None
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Malformed(400, "The body is not JSON.") from None
    if isinstance(given, list):
        raise Malformed(400, "One request has one operation; lists of them are not taken.")
    if not isinstance(given, dict):
        raise Malformed(400, "The body is a JSON object with a query.")
    return read_parameters(given)


def read_parameters(given: dict[str, Any]) -> Asked:
    """The parameters of GraphQL over HTTP, each of its type; raises Malformed."""
    for name, kind, told in _PARAMETERS:
        if given.get(name) is not None and not isinstance(given[name], kind):
            raise Malformed(400, f"{name} is {told}.")
    asked = Asked(
        query=given.get("query"),
        document_id=given.get("documentId"),
        variables=given.get("variables"),
        operation_name=given.get("operationName") or None,
        extensions=given.get("extensions") or {},
    )
    if not asked.query and asked.document_id is None and "persistedQuery" not in asked.extensions:
        raise Malformed(400, "The request has no query.")
    return asked


_PARAMETERS: tuple[tuple[str, type, str], ...] = (
    ("query", str, "the text of a document"),
    ("documentId", str, "the id of a persisted document"),
    ("variables", dict, "an object"),
    ("operationName", str, "the name of an operation"),
    ("extensions", dict, "an object"),
)


async def _send(send: Send, status: int, body: bytes, media: str, headers: list[tuple[str, str]]) -> None:
    raw = [
        (b"content-type", f"{media}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode("latin-1")) for name, value in headers),
    ]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _stream(answers: AsyncGenerator[Answer], receive: Receive, send: Send) -> None:
    """Server-sent events in distinct connections: `next` for each result, `complete` at the end, a comment as a heartbeat."""
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
    gone = asyncio.ensure_future(_gone(receive))
    _streams.add(gone)
    try:
        async with asyncio.timeout(limits.SOCKET_MAX_S):
            await _pump(answers, send, gone)
    except TimeoutError:
        pass
    finally:
        _streams.discard(gone)
        gone.cancel()


async def _pump(answers: AsyncGenerator[Answer], send: Send, gone: "asyncio.Future[None]") -> None:
    following: asyncio.Future[Answer] | None = None
    try:
        while True:
            following = following or asyncio.ensure_future(anext(answers))
            waited: set[asyncio.Future[Any]] = {following, gone}
            await asyncio.wait(waited, timeout=limits.STREAM_BEAT_S, return_when=asyncio.FIRST_COMPLETED)
            if gone.cancelled():
                # We go away, not the client: it sees the end of the stream and comes back, to another process.
                await send({"type": "http.response.body", "body": b""})
            if gone.done():
                return
            if not following.done():
                await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
                continue
            try:
                answer = following.result()
            except StopAsyncIteration:
                await send({"type": "http.response.body", "body": b"event: complete\ndata:\n\n"})
                return
            following = None
            event = b"event: next\ndata: " + dumps(answer.body) + b"\n\n"
            await send({"type": "http.response.body", "body": event, "more_body": True})
    finally:
        if following is not None:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        await answers.aclose()


def end_streams() -> None:
    """Ends every stream of events of this process, so that it can stop; clients come back by themselves."""
    for gone in tuple(_streams):
        gone.cancel()


_streams: set[asyncio.Future[None]] = set()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
