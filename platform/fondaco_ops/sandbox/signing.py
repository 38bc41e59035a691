r"""How the sandbox gateway and its shops sign what they send each other: HMAC-SHA256, a time, and a nonce.

    signature = hex(HMAC-SHA256(secret, kind \n subject \n timestamp \n nonce \n body \n))

Kind and subject tell the three uses apart, so that none can be passed off as another: REQUEST signs "METHOD path?query",
ANSWER signs the status and carries the nonce of its request, NOTIFICATION signs the payment's id.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from enum import StrEnum

from fondaco_core.secret import Secret

MERCHANT = "sandbox-merchant"
TIMESTAMP = "sandbox-timestamp"
NONCE = "sandbox-nonce"
SIGNATURE = "sandbox-signature"
# How far two clocks may be apart, and so how long a nonce is remembered.
CLOCK_SECONDS = 300
NONCE_CHARS_MAX = 64


class Kind(StrEnum):
    """What is signed."""

    REQUEST = "REQUEST"
    ANSWER = "ANSWER"
    NOTIFICATION = "NOTIFICATION"


class Unsigned(Exception):
    """A request that is not from whom it says; `why` is a word that is told."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def signature(secret: Secret[str], kind: Kind, subject: str, *, timestamp: str, nonce: str, body: bytes) -> str:
    """The signature of one message."""
    head = f"{kind}\n{subject}\n{timestamp}\n{nonce}\n".encode()
    return hmac.new(secret.reveal().encode(), head + body + b"\n", hashlib.sha256).hexdigest()


def signed(
    secret: Secret[str], kind: Kind, subject: str, body: bytes, *, now: int, nonce: str | None = None
) -> dict[str, str]:
    """The headers of a message that is to be believed."""
    timestamp, nonce = str(now), nonce or secrets.token_urlsafe(18)
    made = signature(secret, kind, subject, timestamp=timestamp, nonce=nonce, body=body)
    return {TIMESTAMP: timestamp, NONCE: nonce, SIGNATURE: made}


def check(
    secret: Secret[str], kind: Kind, subject: str, headers: Mapping[str, str], body: bytes, *, now: int
) -> tuple[str, int]:
    """The nonce of a message that is believed, and when it was signed. Raises Unsigned."""
    timestamp, nonce, given = (headers.get(name, "") for name in (TIMESTAMP, NONCE, SIGNATURE))
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12 and 0 < len(nonce) <= NONCE_CHARS_MAX):  # noqa: PLR2004 - seconds for the next 30,000 years
        raise Unsigned("MISSING_SIGNATURE")
    wanted = signature(secret, kind, subject, timestamp=timestamp, nonce=nonce, body=body)
    # Compared as bytes: text that is not ASCII is a wrong signature, not an error.
    if not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "surrogateescape")):
        raise Unsigned("BAD_SIGNATURE")
    if abs(now - int(timestamp)) > CLOCK_SECONDS:
        raise Unsigned("STALE_TIMESTAMP")
    return nonce, int(timestamp)
