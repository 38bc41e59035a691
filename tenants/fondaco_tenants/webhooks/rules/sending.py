"""How a message is signed and sent, and what follows from each answer (Standard Webhooks)."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import orjson

from fondaco_core import limits
from fondaco_core.secret import Secret

# How long after one attempt the next is made, in seconds: at once, and then over some three days.
SCHEDULE_S: Final = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
# At most so much later, as a part of the wait, so that what failed together does not come again together.
_JITTER: Final = 0.2
_PREFIX: Final = "whsec_"
_DIGITS: Final = re.compile(r"\d{1,9}")
# Asks for another time.
_LATER: Final = frozenset({429, 502, 503, 504})
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\u202a-\u202e\u2066-\u2069]")


class EndpointState(StrEnum):
    """Whether an endpoint gets messages: it does, it does and its last answer was a failure, it does not."""

    ENABLED = "ENABLED"
    FAILING = "FAILING"
    DISABLED = "DISABLED"


class MessageState(StrEnum):
    """What became of a message: still to be sent, taken, given up, or dropped with its endpoint."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    DROPPED = "DROPPED"


class AttemptFailure(StrEnum):
    """What went wrong with an attempt."""

    STATUS = "STATUS"
    REDIRECT = "REDIRECT"
    GONE = "GONE"
    TIMEOUT = "TIMEOUT"
    CONNECT = "CONNECT"
    TLS = "TLS"
    RESOLVE = "RESOLVE"
    BROKEN = "BROKEN"
    FORBIDDEN_ADDRESS = "FORBIDDEN_ADDRESS"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from an attempt. `due_at` is when the next one is made; None when there is none.

    `paused_until` is until when the endpoint wants to hear nothing at all; `disable` is why it hears nothing from now on.
    """

    state: MessageState
    failure: AttemptFailure | None
    due_at: datetime | None = None
    paused_until: datetime | None = None
    disable: str | None = None


def after_attempt(
    *,
    message_id: UUID,
    tries: int,
    status: int | None,
    failure: AttemptFailure | None,
    retry_after: float | None,
    failing_since: datetime | None,
    now: datetime,
) -> Outcome:
    """What follows from the attempt that was number `tries` of the schedule; `failure` is why there was no answer."""
    why = failure if status is None else _failure_of(status)
    if why is None:
        return Outcome(MessageState.DELIVERED, None)
    disable = "GONE" if why is AttemptFailure.GONE else None
    if failing_since is not None and now - failing_since >= timedelta(hours=limits.WEBHOOK_FAILING_HOURS):
        disable = disable or "FAILING"
    asked = min(retry_after, limits.WEBHOOK_PAUSE_MAX_S) if retry_after is not None and status in _LATER else None
    paused = None if asked is None else now + timedelta(seconds=asked)
    if tries >= len(SCHEDULE_S):
        return Outcome(MessageState.FAILED, why, paused_until=paused, disable=disable)
    wait = SCHEDULE_S[tries] * (1 + _JITTER * _share(message_id, tries))
    due = now + timedelta(seconds=max(wait, asked or 0.0))
    return Outcome(MessageState.PENDING, why, due_at=due, paused_until=paused, disable=disable)


def _failure_of(status: int) -> AttemptFailure | None:
    if 200 <= status < 300:  # noqa: PLR2004 - what "2xx" means
        return None
    if status == HTTPStatus.GONE:
        return AttemptFailure.GONE
    return AttemptFailure.REDIRECT if 300 <= status < 400 else AttemptFailure.STATUS  # noqa: PLR2004 - "3xx"


def _share(message_id: UUID, tries: int) -> float:
    """A number from 0 to 1 that is always the same for one attempt and looks like chance."""
    return hashlib.sha256(message_id.bytes + bytes([tries])).digest()[0] / 255


def retry_after_s(text: str | None, *, now: datetime) -> float | None:
    """How long an answer asks to wait, in seconds: a number or a date (RFC 9110, 10.2.3); None for anything else."""
    if text is None:
        return None
    if _DIGITS.fullmatch(text.strip()):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return None if moment.tzinfo is None else max(0.0, (moment - now).total_seconds())


def message_name(message_id: UUID) -> str:
    """The id that every attempt of a message carries: what a receiver knows a repetition by."""
    return f"msg_{message_id.hex}"


def body_of(*, kind: str, happened_at: datetime, data: Mapping[str, Any], api_version: str) -> bytes:
    """What is sent: the same bytes at every attempt."""
    told = {"type": kind, "timestamp": happened_at.isoformat(), "apiVersion": api_version, "data": dict(data)}
    return orjson.dumps(told)


def new_secret_text(material: bytes) -> Secret[str]:
    """A secret as people copy it."""
    return Secret(_PREFIX + base64.b64encode(material).decode())


def signatures(secrets: Sequence[Secret[bytes]], *, name: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one signature for each secret that is valid now, in their order."""
    signed = f"{name}.{timestamp}.".encode() + body
    made = (hmac.digest(secret.reveal(), signed, hashlib.sha256) for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in made)


def cleaned_answer(body: bytes) -> str:
    """How an answer began, as text that cannot disturb whoever reads it."""
    text = body[: limits.WEBHOOK_ANSWER_BYTES_MAX].decode("utf-8", errors="replace")
    return _CONTROLS.sub("\ufffd", text)
