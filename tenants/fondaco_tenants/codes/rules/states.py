"""The states of a code as data, and the form in which its plaintext is sealed."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

# When a code expires that does not.
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


class CodeState(StrEnum):
    """Where a code stands; exactly one at a time."""

    AVAILABLE = "AVAILABLE"
    HELD = "HELD"
    DELIVERED = "DELIVERED"
    REDEEMED = "REDEEMED"
    VOID = "VOID"
    EXPIRED = "EXPIRED"
    QUARANTINED = "QUARANTINED"


# From which state to which a code may go, and nothing else. DELIVERED goes back only when nobody has seen the code.
NEXT_STATES: dict[CodeState, frozenset[CodeState]] = {
    CodeState.AVAILABLE: frozenset(
        {CodeState.HELD, CodeState.DELIVERED, CodeState.VOID, CodeState.EXPIRED, CodeState.QUARANTINED}
    ),
    CodeState.HELD: frozenset({CodeState.AVAILABLE, CodeState.DELIVERED, CodeState.EXPIRED, CodeState.QUARANTINED}),
    CodeState.DELIVERED: frozenset({CodeState.AVAILABLE, CodeState.REDEEMED, CodeState.EXPIRED, CodeState.QUARANTINED}),
    CodeState.QUARANTINED: frozenset({CodeState.AVAILABLE, CodeState.EXPIRED, CodeState.VOID}),
    # Taken back within a bound: a till credited the wrong account.
    CodeState.REDEEMED: frozenset({CodeState.DELIVERED}),
    CodeState.VOID: frozenset(),
    CodeState.EXPIRED: frozenset(),
}


def before_states(after: CodeState) -> frozenset[CodeState]:
    """The states from which a code may come to this one."""
    return frozenset(state for state, following in NEXT_STATES.items() if after in following)


class BatchState(StrEnum):
    """Where an import stands."""

    IMPORTING = "IMPORTING"
    READY = "READY"
    UNDONE = "UNDONE"
    FAILED = "FAILED"


class UploadState(StrEnum):
    """Where an upload stands."""

    RECEIVING = "RECEIVING"
    READY = "READY"
    IMPORTED = "IMPORTED"
    DROPPED = "DROPPED"


class ImportOutcome(StrEnum):
    """What became of a line that did not become an available code."""

    DUPLICATE = "DUPLICATE"
    REJECTED = "REJECTED"


class RevealVia(StrEnum):
    """Through which door a code was shown."""

    ACCOUNT = "ACCOUNT"
    API = "API"
    LINK = "LINK"
    GUEST = "GUEST"
    EMAIL = "EMAIL"
    BACK_OFFICE = "BACK_OFFICE"


@dataclass(frozen=True, slots=True)
class Plain:
    """What a code says: the code itself, a card number or an address; the PIN of a card that has one; its owner's note."""

    code: str = field(repr=False)
    pin: str | None = field(default=None, repr=False)
    note: str | None = field(default=None, repr=False)


def pack(plain: Plain) -> bytes:
    """The bytes that are sealed: the bare code, or a JSON object where there is a PIN or a note."""
    # A bare code that begins like an object is written as one, too, so that every text reads back as it was.
    if plain.pin is None and plain.note is None and not plain.code.startswith("{"):
        return plain.code.encode()
    said = {"code": plain.code, "pin": plain.pin, "note": plain.note}
    parts = {name: text for name, text in said.items() if text is not None}
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()


def unpack(packed: bytes) -> Plain:
    """What `pack` packed."""
    text = packed.decode()
    if not text.startswith("{"):
        return Plain(text)
    parts = json.loads(text)
    return Plain(parts["code"], parts.get("pin"), parts.get("note"))
