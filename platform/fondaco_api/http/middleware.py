"""What every request passes through: its id, who asks, the headers of every answer, the access log, the metrics."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import lru_cache

import structlog
from opentelemetry.trace import SpanKind
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fondaco_api.http import metrics
from fondaco_api.http.body import BodyError
from fondaco_api.http.origins import PREFLIGHT, cookie_counts, cors_headers, is_same_origin
from fondaco_core import limits, traces
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.errors import Unauthenticated
from fondaco_core.ids import new_id
from fondaco_core.logs import get_logger
from fondaco_core.secret import Secret

log = get_logger(__name__)

# The session cookie of people; `__Host-` binds it to this very host and to TLS, where there is TLS.
SESSION_COOKIE = "fondaco_session"
SECURE_SESSION_COOKIE = "__Host-fondaco_session"

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{8,64}")
_BEARER = re.compile(r"[Bb]earer ([A-Za-z0-9._~+/=-]{8,4096})")

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
# How an address becomes an asker; written by those who know credentials, given to create_app.
ReadBearer = Callable[[Secret[str], Ctx], Awaitable[Ctx]]
ReadSession = Callable[[Secret[str], Ctx], Awaitable[Ctx | None]]

_BROKEN = "Something went wrong here; quote this id when you ask about it: {id}"
_BROKEN_ZH = "服务器出错了；请提供此编号以便查询：{id}"

# Routes that bound their bodies themselves: GraphQL by its own limit, uploads by theirs, streamed.
OWN_BODIES = ("/graphql", "/uploads")


class Edge:
    """The outermost layer. Nothing of a request's address beyond its route, and nothing of its body, is logged."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.allowed = settings.allowed_origins
        self.headers = SECURITY_HEADERS | (
            {"strict-transport-security": "max-age=31536000"} if settings.public_url.startswith("https://") else {}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = Headers(scope=scope)
        given = headers.get("x-request-id")
        request_id = given if given is not None and _REQUEST_ID.fullmatch(given) else new_id().hex
        scope.setdefault("state", {})["request_id"] = request_id
        added = self.headers | dict(cors_headers(headers, self.allowed)) | {"x-request-id": request_id}
        status = 500
        started = False

        async def sending(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                present = {name for name, _ in message["headers"]}
                raw = ((name.encode(), value.encode("latin-1")) for name, value in added.items())
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in raw if name not in present),
                ]
            await send(message)

        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            traces.span(
                "http.request",
                {"http.request.method": scope["method"], "fondaco.request_id": request_id},
                kind=SpanKind.SERVER,
                link=headers.get(traces.TRACEPARENT),
            ) as span,
        ):
            try:
                if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
                    await _preflight(sending, allowed="access-control-allow-origin" in added)
                else:
                    await self.app(
                        scope, receive if scope["path"].startswith(OWN_BODIES) else _bounded(headers, receive), sending
                    )
            except BodyError as error:
                if started:
                    raise
                await _plain(sending, error.status, error.message_zh if _is_chinese(headers) else error.message)
            except Exception as error:
                log.exception("http.internal_error", exc_info=error)
                if started:
                    raise
                told = _BROKEN_ZH if _is_chinese(headers) else _BROKEN
                await _plain(sending, 500, told.format(id=request_id))
            finally:
                route = getattr(scope.get("route"), "path", "other")
                seconds = time.perf_counter() - began
                if span is not None:
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attributes({"http.route": route, "http.response.status_code": status})
                metrics.observe_request(route, scope["method"], status, seconds)
                log.info(
                    "http.request", route=route, method=scope["method"], status=status, ms=round(seconds * 1000, 1)
                )


def _bounded(headers: Headers, receive: Receive) -> Receive:
    """The same receive, refusing a body that is larger than small requests have."""
    size = 0

    async def receiving() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limits.BODY_BYTES_MAX:
            raise BodyError.too_large(limits.BODY_BYTES_MAX)
        return message

    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared[:12]) > limits.BODY_BYTES_MAX:
        raise BodyError.too_large(limits.BODY_BYTES_MAX)
    return receiving


def _is_chinese(headers: Headers) -> bool:
    return locale_of(headers.get("accept-language") or "") == "zh-CN"


async def _preflight(send: Send, *, allowed: bool) -> None:
    raw = [(name.encode(), value.encode()) for name, value in PREFLIGHT.items()] if allowed else []
    await send({"type": "http.response.start", "status": 204 if allowed else 403, "headers": raw})
    await send({"type": "http.response.body", "body": b""})


async def _plain(send: Send, status: int, text: str) -> None:
    raw = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": text.encode()})


def stranger(connection: HTTPConnection) -> Ctx:
    """A request before anybody asked who it is."""
    agent = connection.headers.get("user-agent")
    return Ctx(
        request_id=connection.scope.get("state", {}).get("request_id") or new_id().hex,
        ip=connection.client.host if connection.client else None,
        user_agent=agent[: limits.NAME_MAX] if agent else None,
        locale=locale_of(connection.headers.get("accept-language") or ""),
    )


class Authenticator:
    """Finds out who asks: a bearer token first, then, where it counts, the session cookie, else nobody."""

    def __init__(self, bearer: ReadBearer | None = None, session: ReadSession | None = None) -> None:
        self.bearer = bearer
        self.session = session

    async def __call__(self, connection: HTTPConnection, *, parameters: Mapping[str, object] | None = None) -> Ctx:
        """The asker; raises Unauthenticated for credentials that are given and not valid."""
        ctx = stranger(connection)
        given = connection.headers.get("authorization")
        if given is None and parameters is not None:
            said = parameters.get("authorization", parameters.get("Authorization"))
            given = said if isinstance(said, str) else None
        if given is not None:
            match = _BEARER.fullmatch(given)
            if match is None or self.bearer is None:
                raise Unauthenticated
            return replace(await self.bearer(Secret(match[1]), ctx), locale=ctx.locale)
        cookie = connection.cookies.get(SECURE_SESSION_COOKIE) or connection.cookies.get(SESSION_COOKIE)
        if cookie and self.session is not None and _cookie_speaks(connection):
            found = await self.session(Secret(cookie), ctx)
            return ctx if found is None else replace(found, locale=ctx.locale)
        return ctx


def _cookie_speaks(connection: HTTPConnection) -> bool:
    if connection.scope["type"] == "websocket":
        return is_same_origin(connection.headers)
    return cookie_counts(connection.headers, connection.scope["method"])


@lru_cache(maxsize=256)
def locale_of(accept_language: str) -> str:
    """The language to answer in, `zh-CN` or `en`: whichever the client prefers, English when it says neither."""
    best, best_weight = "en", 0.0
    for item in accept_language.split(","):
        tag, _, parameter = item.strip().lower().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        language = {"zh": "zh-CN", "en": "en"}.get(tag.split("-")[0])
        if language is not None and weight > best_weight:
            best, best_weight = language, weight
    return best
