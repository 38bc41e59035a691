"""The sandbox gateway's API for shops: signed requests, signed answers, and all the ways in which answers go wrong.

POST /v1/payments                    opens one: id, amount_minor, currency, subject, notify_url, return_url, expires_at, locale
GET  /v1/payments/{id}               how it stands
POST /v1/payments/{id}/close         ends it, unless it is paid
POST /v1/refunds                     gives back: id, payment_id, amount_minor, currency
GET  /v1/refunds/{id}                how it stands
GET  /v1/statements/{day}?after=…    what was paid and given back on a day, part by part
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from fondaco_core import clock
from fondaco_core.money import CURRENCY_DIGITS
from fondaco_core.secret import Secret
from fondaco_ops.sandbox import signing
from fondaco_ops.sandbox.book import STATEMENT_LINES_MAX, Payment, Refund
from fondaco_ops.sandbox.switches import ANSWER_FAULTS, REFUSING_FAULTS, STATEMENT_FAULTS, Fault, Operation, Switch
from fondaco_ops.sandbox.work import AMOUNT_MAX_MINOR, Refused, Work

BODY_BYTES_MAX = 16_384
URL_CHARS_MAX = 2_048
ID_CHARS_MAX = 64
MERCHANT_ID = "fondaco"
_GARBAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
# How far ahead a payment may end.
EXPIRES_SECONDS_MAX = 90 * 86_400

Answer = tuple[int, dict[str, Any]]


class Cut(Response):
    """Hangs up in the middle of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promises a body and sends none; the server then closes the connection."""
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"64"), (b"connection", b"close")]}
        )  # fmt: skip
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        # The rest never comes: the server closes the connection of an application that ends in the middle.


async def read_body(request: Request, most: int = BODY_BYTES_MAX) -> bytes:
    """The body of a request, of at most so many bytes."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise Refused("BODY_TOO_LARGE", 413)
    return bytes(body)


class Api:
    """The routes of the API over the gateway's work."""

    def __init__(self, work: Work, secret: Secret[str]) -> None:
        self._work = work
        self._secret = secret

    def routes(self) -> list[BaseRoute]:
        """What the server serves to shops."""
        return [
            Route("/v1/payments", self._door(Operation.CREATE, self._create), methods=["POST"]),
            Route("/v1/payments/{id}", self._door(Operation.QUERY, self._query), methods=["GET"]),
            Route("/v1/payments/{id}/close", self._door(Operation.CLOSE, self._close), methods=["POST"]),
            Route("/v1/refunds", self._door(Operation.REFUND, self._refund), methods=["POST"]),
            Route("/v1/refunds/{id}", self._door(Operation.QUERY_REFUND, self._query_refund), methods=["GET"]),
            Route("/v1/statements/{day}", self._door(Operation.STATEMENT, self._statement), methods=["GET"]),
        ]

    def _door(
        self, operation: Operation, serve: Callable[[Request, dict[str, Any]], Awaitable[Answer]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Checks who asks, does the work, signs the answer, and misbehaves as it is told to."""

        async def endpoint(request: Request) -> Response:
            nonce, given = "", dict[str, Any]()
            try:
                body = await read_body(request)
                nonce = self._believe(request, body)
                given = read_object(body)
                status, answer = await self._faulty(operation, request, given, serve)
            except Refused as refused:
                status, answer = refused.status, {"code": refused.code}
            except signing.Unsigned as unsigned:
                status, answer = 401, {"code": unsigned.why}
            except ClientDisconnect:
                return Response(status_code=400)
            if status == 0:
                return Cut()
            if status < 0:
                return Response(_GARBAGE, media_type="text/html")
            return self._signed(status, answer, nonce)

        return endpoint

    async def _faulty(
        self,
        operation: Operation,
        request: Request,
        given: dict[str, Any],
        serve: Callable[[Request, dict[str, Any]], Awaitable[Answer]],
    ) -> Answer:
        """The work and what is wrong with its answer: status 0 for none, -1 for garbage."""
        payment_id = self._payment_id(operation, request, given)
        used = self._work.book.use_switches(REFUSING_FAULTS | ANSWER_FAULTS, payment_id, operation)
        if Fault.DOWN in used:
            return 503, {"code": "DOWN"}
        if Fault.SLOW in used:
            await asyncio.sleep(used[Fault.SLOW].seconds)
        answer = await serve(request, given)
        if Fault.SILENT in used:
            # The work is done, and nobody hears of it.
            await _until_hung_up(request, used[Fault.SILENT])
            return 0, {}
        if Fault.CUT in used:
            return 0, {}
        return (-1, {}) if Fault.GARBAGE in used else answer

    def _payment_id(self, operation: Operation, request: Request, given: dict[str, Any]) -> str | None:
        """Which payment a request is about, if any."""
        match operation:
            case Operation.CREATE:
                return str(given.get("id"))
            case Operation.REFUND:
                return str(given.get("payment_id"))
            case Operation.QUERY_REFUND:
                refund = self._work.book.refund(request.path_params["id"])
                return refund.payment_id if refund else None
            case Operation.STATEMENT:
                return None
            case _:
                return str(request.path_params["id"])

    def _believe(self, request: Request, body: bytes) -> str:
        """The nonce of a request that the shop has signed, and that was not seen before."""
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if request.headers.get(signing.MERCHANT) != MERCHANT_ID:
            raise signing.Unsigned("UNKNOWN_MERCHANT")
        now = int(clock.now().timestamp())
        nonce, at = signing.check(
            self._secret, signing.Kind.REQUEST, f"{request.method} {target}", request.headers, body, now=now
        )
        if not self._work.book.use_nonce(nonce, now, at + signing.CLOCK_SECONDS + 1):
            raise signing.Unsigned("REPLAYED_NONCE")
        return nonce

    def _signed(self, status: int, answer: Mapping[str, Any], nonce: str) -> Response:
        body = orjson.dumps(answer)
        now = int(clock.now().timestamp())
        headers = signing.signed(self._secret, signing.Kind.ANSWER, str(status), body, now=now, nonce=nonce or None)
        return Response(body, status_code=status, media_type="application/json", headers=headers)

    async def _create(self, request: Request, given: dict[str, Any]) -> Answer:
        payment = self._work.create(_new_payment(given))
        return 201, payment_shown(payment) | {"pay_url": f"{request.base_url}pay/{payment.page}"}

    async def _query(self, request: Request, given: dict[str, Any]) -> Answer:
        assert not given
        return 200, payment_shown(self._work.found(request.path_params["id"]))

    async def _close(self, request: Request, given: dict[str, Any]) -> Answer:
        assert given is not None
        return 200, payment_shown(self._work.close(request.path_params["id"]))

    async def _refund(self, _: Request, given: dict[str, Any]) -> Answer:
        amount_minor, currency = _amount(given)
        refund = self._work.refund(
            _text(given, "id", ID_CHARS_MAX), _text(given, "payment_id", ID_CHARS_MAX),
            amount_minor=amount_minor, currency=currency,
        )  # fmt: skip
        return 200, refund_shown(refund)

    async def _query_refund(self, request: Request, _: dict[str, Any]) -> Answer:
        return 200, refund_shown(self._work.refund_found(request.path_params["id"]))

    async def _statement(self, request: Request, _: dict[str, Any]) -> Answer:
        try:
            day = date.fromisoformat(request.path_params["day"])
        except ValueError:
            raise Refused("NO_SUCH_DAY", 400) from None
        self._work.book.finish_due_refunds(clock.now().timestamp())
        begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
        after = request.query_params.get("after", "")
        rows = self._work.book.statement(
            begins.timestamp(), (begins + timedelta(days=1)).timestamp(), after, STATEMENT_LINES_MAX
        )
        lines = [line for row in rows for line in self._listed(row)]
        more = rows[-1]["key"] if len(rows) == STATEMENT_LINES_MAX else None
        return 200, {"day": day.isoformat(), "lines": lines, "after": more}

    def _listed(self, row: Any) -> list[dict[str, Any]]:
        """A line of a statement: none when it is left out, another one when it is wrong."""
        used = self._work.book.use_switches(STATEMENT_FAULTS, row["payment_id"], Operation.STATEMENT)
        if Fault.UNLISTED in used:
            return []
        wrong = 1 if Fault.MISLISTED in used else 0
        return [
            {
                "kind": row["kind"], "id": row["id"], "reference": row["reference"],
                "amount_minor": row["amount_minor"] + wrong, "currency": row["currency"],
                "happened_at": row["happened_at"],
            }
        ]  # fmt: skip


async def _until_hung_up(request: Request, silent: Switch) -> None:
    """Says nothing until the other side gives up, or for as long as the switch says."""
    with suppress(TimeoutError):
        async with asyncio.timeout(silent.seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass


def payment_shown(payment: Payment) -> dict[str, Any]:
    """A payment as shops see it; an unpaid one has no amount paid."""
    return {
        "id": payment.id, "reference": payment.reference, "state": payment.state, "amount_minor": payment.amount_minor,
        "currency": payment.currency, "paid_minor": payment.paid_minor, "paid_currency": payment.paid_currency,
        "paid_at": payment.paid_at, "refunded_minor": payment.refunded_minor,
    }  # fmt: skip


def refund_shown(refund: Refund) -> dict[str, Any]:
    """A refund as shops see it."""
    return {
        "id": refund.id, "payment_id": refund.payment_id, "reference": refund.reference, "state": refund.state,
        "amount_minor": refund.amount_minor, "currency": refund.currency,
    }  # fmt: skip


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; an empty one for none."""
    if not body:
        return {}
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("NO_JSON", 400) from None
    if not isinstance(given, dict):
        raise Refused("NO_JSON", 400)
    return given


def _text(given: Mapping[str, Any], name: str, most: int) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise Refused(f"BAD_{name.upper()}", 400)
    return value


def _amount(given: Mapping[str, Any]) -> tuple[int, str]:
    amount_minor, currency = given.get("amount_minor"), _text(given, "currency", 3)
    if type(amount_minor) is not int or not 0 < amount_minor <= AMOUNT_MAX_MINOR:
        raise Refused("BAD_AMOUNT", 400)
    if currency not in CURRENCY_DIGITS:
        raise Refused("BAD_CURRENCY", 400)
    return amount_minor, currency


def _new_payment(given: Mapping[str, Any]) -> dict[str, object]:
    amount_minor, currency = _amount(given)
    expires_at = given.get("expires_at")
    now = clock.now().timestamp()
    if not isinstance(expires_at, int | float) or not 0 < expires_at <= now + EXPIRES_SECONDS_MAX:
        raise Refused("BAD_EXPIRES_AT", 400)
    urls = {name: _text(given, name, URL_CHARS_MAX) for name in ("notify_url", "return_url")}
    if not all(url.startswith(("http://", "https://")) for url in urls.values()):
        raise Refused("BAD_URL", 400)
    return {
        "id": _text(given, "id", ID_CHARS_MAX), "amount_minor": amount_minor, "currency": currency,
        "subject": _text(given, "subject", 256), "expires_at": float(expires_at),
        "locale": "zh-CN" if given.get("locale") == "zh-CN" else "en", **urls,
    }  # fmt: skip
