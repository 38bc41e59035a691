"""The sandbox gateway (`fondaco sandbox-gateway`): JSON over HTTP, every message signed by HMAC-SHA256 under one shared secret.

What is signed is kind, subject, time, nonce and body, a line each: REQUEST with "METHOD path?query", ANSWER with the status and
the nonce of its request, NOTIFICATION with the payment's id. An answer without a good signature is no answer: nobody knows
then what became of the request, so it is an Outage, as silence is.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from fondaco_core import clock, limits
from fondaco_core.errors import Outage
from fondaco_core.http import Answer, Reach, Request, send
from fondaco_core.ids import PaymentId, PaymentRefundId
from fondaco_core.money import CURRENCY_DIGITS, Money
from fondaco_core.secret import Secret
from fondaco_tenants.payments.errors import ForgedNotification, GatewayRefused
from fondaco_tenants.payments.ports import (
    Acknowledgement,
    Created,
    Found,
    GatewayConfig,
    NewPayment,
    NewRefund,
    Notified,
    PaymentFound,
    RawNotification,
    RefundFound,
    RefundStanding,
    StatementKind,
    StatementLine,
    StatementPage,
)

# How far the gateway's clock may be from ours: an older notification may be somebody's recording.
CLOCK_S: Final = 300
MERCHANT: Final = "fondaco"


class Garbage(Outage):
    """What came back is not what the gateway says: unsigned, signed by somebody else, or in no shape that it has."""

    def __init__(self) -> None:
        super().__init__("The gateway's answer cannot be read.")


class SandboxGateway:
    """One account at the sandbox gateway. Options: `merchant`, and `timeout_s`, how long its answers may take."""

    def __init__(self, config: GatewayConfig, secret: Secret[str]) -> None:
        self._base = config.base_url.rstrip("/")
        self._merchant = config.options.get("merchant", MERCHANT)
        self._timeout_s = _patience(config.options.get("timeout_s", ""))
        self._secret = secret

    async def create(self, new: NewPayment) -> Created:
        """Opens a payment."""
        answer = await self._ask(
            "POST",
            "/v1/payments",
            {
                "id": str(new.payment_id), "amount_minor": new.amount.amount_minor, "currency": new.amount.currency,
                "subject": new.subject, "notify_url": new.notify_url, "return_url": new.return_url,
                "expires_at": new.expires_at.timestamp(), "locale": new.locale,
            },
        )  # fmt: skip
        page = _text(answer, "pay_url")
        return Created(_text(answer, "reference"), page, page)

    def read_notification(self, raw: RawNotification) -> Notified:
        """What a notification says, once it is certain that the gateway says it."""
        try:
            said = json.loads(raw.body)
            payment_id = UUID(_text(said, "payment_id"))
            self._believe("NOTIFICATION", str(payment_id), raw.headers, raw.body, at=raw.received_at)
            return Notified(
                _text(said, "notification_id"), PaymentId(payment_id), _text(said, "reference"),
                PaymentFound(said["state"]), _money(said["amount_minor"], said["currency"]),
            )  # fmt: skip
        except (Garbage, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ForgedNotification from error

    async def query(self, payment_id: PaymentId) -> Found:
        """Where a payment stands."""
        try:
            answer = await self._ask("GET", f"/v1/payments/{payment_id}")
        except _Unknown:
            return Found(PaymentFound.MISSING)
        if answer.get("id") != str(payment_id):
            raise Garbage
        return _found(answer)

    async def refund(self, new: NewRefund) -> RefundFound:
        """Gives money back."""
        answer = await self._ask(
            "POST",
            "/v1/refunds",
            {
                "id": str(new.refund_id), "payment_id": str(new.payment_id), "amount_minor": new.amount.amount_minor,
                "currency": new.amount.currency,
            },
        )  # fmt: skip
        return _refund_found(answer, new.refund_id)

    async def query_refund(self, refund_id: PaymentRefundId) -> RefundFound:
        """Where a refund stands."""
        try:
            answer = await self._ask("GET", f"/v1/refunds/{refund_id}")
        except _Unknown:
            return RefundFound(RefundStanding.MISSING)
        return _refund_found(answer, refund_id)

    async def close(self, payment_id: PaymentId) -> None:
        """Ends an unpaid payment."""
        await self._ask("POST", f"/v1/payments/{payment_id}/close", {})

    async def statement(self, day: date, *, after: str | None = None) -> StatementPage:
        """What the gateway has booked on a day, part by part."""
        query = f"?after={quote(after, safe='')}" if after else ""
        answer = await self._ask("GET", f"/v1/statements/{day.isoformat()}{query}")
        try:
            lines = [
                StatementLine(
                    StatementKind(line["kind"]), _text(line, "id"), _text(line, "reference"),
                    _money(line["amount_minor"], line["currency"]), _moment(line["happened_at"]),
                )
                for line in answer["lines"]
            ]  # fmt: skip
            more = answer["after"]
        except (KeyError, TypeError, ValueError) as error:
            raise Garbage from error
        if answer.get("day") != day.isoformat() or not (more is None or isinstance(more, str)):
            raise Garbage
        return StatementPage(lines, more)

    def acknowledge(self, *, taken: bool) -> Acknowledgement:
        """The word SUCCESS ends its tries; anything else has it try again."""
        return Acknowledgement(200, b"SUCCESS") if taken else Acknowledgement(503, b"LATER")

    async def _ask(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One signed request, and its answer when that is signed as well. Raises Outage, GatewayRefused, _Unknown."""
        body = b"" if given is None else json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode()
        timestamp, nonce = str(int(clock.now().timestamp())), secrets.token_urlsafe(18)
        headers = {
            "content-type": "application/json", "sandbox-merchant": self._merchant, "sandbox-timestamp": timestamp,
            "sandbox-nonce": nonce,
            "sandbox-signature": self._signature("REQUEST", f"{method} {path}", timestamp, nonce, body),
        }  # fmt: skip
        answer = await send(
            Request(
                method, self._base + path, headers=headers, body=body, timeout_s=self._timeout_s,
                reach=Reach.CONFIGURED,
            )
        )  # fmt: skip
        if answer.headers.get("sandbox-nonce") != nonce:
            raise Garbage
        self._believe("ANSWER", str(answer.status), answer.headers, answer.body, at=clock.now())
        return _read(answer)

    def _believe(self, kind: str, subject: str, headers: Mapping[str, str], body: bytes, *, at: datetime) -> None:
        """Returns when a message is the gateway's, and not an old one; otherwise raises Garbage."""
        timestamp = headers.get("sandbox-timestamp", "")
        wanted = self._signature(kind, subject, timestamp, headers.get("sandbox-nonce", ""), body)
        given = headers.get("sandbox-signature", "")
        if not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "surrogateescape")):
            raise Garbage
        if not timestamp.isdigit() or abs(at.timestamp() - int(timestamp)) > CLOCK_S:
            raise Garbage

    def _signature(self, kind: str, subject: str, timestamp: str, nonce: str, body: bytes) -> str:
        head = f"{kind}\n{subject}\n{timestamp}\n{nonce}\n".encode("utf-8", "surrogateescape")
        return hmac.new(self._secret.reveal().encode(), head + body + b"\n", hashlib.sha256).hexdigest()


def _patience(entered: str) -> float:
    """How long an answer may take: an operator may be less patient with this gateway than with a real one."""
    own = float(entered) if re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,3})?", entered) else limits.GATEWAY_TIMEOUT_S
    return max(0.05, min(own, limits.GATEWAY_TIMEOUT_S))


class _Unknown(GatewayRefused):
    """The gateway knows no such thing."""


def _read(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Garbage from error
    if not isinstance(said, dict):
        raise Garbage
    if answer.status in {200, 201}:
        return said
    code = _text(said, "code")
    if answer.status in {400, 409}:
        raise GatewayRefused(code)
    if answer.status == 404:  # noqa: PLR2004 - not found
        raise _Unknown(code)
    # It is down, or does not believe us: what was asked for may be done another time, or after a setting was put right.
    raise Outage(f"The gateway does not serve us now ({code}).")


def _found(answer: Mapping[str, Any]) -> Found:
    try:
        state = PaymentFound(answer["state"])
        if state is not PaymentFound.PAID:
            return Found(state, gateway_reference=_text(answer, "reference"))
        return Found(
            state, _money(answer["paid_minor"], answer["paid_currency"]), _text(answer, "reference"),
            _moment(answer["paid_at"]), int(answer["refunded_minor"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise Garbage from error


def _refund_found(answer: Mapping[str, Any], refund_id: PaymentRefundId) -> RefundFound:
    try:
        if answer["id"] != str(refund_id):
            raise Garbage
        return RefundFound(RefundStanding(answer["state"]), _money(answer["amount_minor"], answer["currency"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Garbage from error


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value:
        raise Garbage
    return value


def _money(amount_minor: Any, currency: Any) -> Money:
    if type(amount_minor) is not int or not isinstance(currency, str) or currency not in CURRENCY_DIGITS:
        raise Garbage
    return Money(amount_minor, currency)


def _moment(seconds: Any) -> datetime:
    if type(seconds) not in {int, float}:
        raise Garbage
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise Garbage from error
