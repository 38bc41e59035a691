"""What a message to merchants' systems is made of: public types, and fields that hold one kind of thing each.

A field takes one thing from an event and says what it may be. What is not of that kind, a code in the place of a state
above all, never gets into a message: it is a Bug, and the task that told it is parked.
"""

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from fondaco_core.errors import Bug

_STATE: Final = re.compile(r"[A-Z]+(_[A-Z]+)*")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_LOT: Final = re.compile(r"LT(-[0-9A-HJKMNP-TV-Z]{4}){3,4}")
_NODE: Final = re.compile(r"[A-Z][A-Za-z]+")
_STATE_CHARS_MAX: Final = 40


class Kind(StrEnum):
    """What a field may hold."""

    ID = "ID"
    STATE = "STATE"
    COUNT = "COUNT"
    CURRENCY = "CURRENCY"
    MOMENT = "MOMENT"
    FLAG = "FLAG"
    LOT = "LOT"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a public type. `source` is the event's name for it, `node` the type of a node whose id it is.

    `words` are all the states there are, where they are known.
    """

    name: str
    source: str
    kind: Kind
    says: str
    node: str = ""
    words: tuple[str, ...] = ()
    optional: bool = False

    def read(self, value: object) -> Any:
        """The value as it is told; a Bug when it is not of the field's kind."""
        if value is None and self.optional:
            return None
        told = _READERS[self.kind](self, value)
        if told is None:
            msg = f"The field {self.name} of a webhook cannot be what an event says; nothing was told."
            raise Bug(msg)
        return told

    @property
    def example(self) -> Any:
        """A value as it may be told."""
        number = UUID("0199aa10-7c4e-7d5a-9b1c-2f6f3c1d4e5a")
        return {
            Kind.ID: opaque_id(self.node or "Node", number),
            Kind.STATE: self.words[0] if self.words else "SOME_STATE",
            Kind.COUNT: 3,
            Kind.CURRENCY: "CNY",
            Kind.MOMENT: "2026-11-22T08:30:00+00:00",
            Kind.FLAG: True,
            Kind.LOT: "LT-06EY-3K9P-X4QD-7M2C",
        }[self.kind]


@dataclass(frozen=True, slots=True)
class PublicType:
    """A type of message: what it is called, the event it comes of, what happened, and its fields."""

    name: str
    event: str
    says: str
    says_zh: str
    fields: tuple[Field, ...]

    @property
    def example(self) -> dict[str, Any]:
        """A payload as it may be told."""
        return {field.name: field.example for field in self.fields}


def opaque_id(node: str, key: UUID) -> str:
    """The id by which GraphQL's `node(id:)` fetches the thing again; the same formula, and a test compares."""
    assert _NODE.fullmatch(node), node
    return base64.b64encode(f"{node}:{key}".encode()).decode()


def _id(field: Field, value: object) -> str | None:
    try:
        return opaque_id(field.node, value if isinstance(value, UUID) else UUID(str(value)))
    except ValueError:
        return None


def _state(field: Field, value: object) -> str | None:
    text = value if isinstance(value, str) and len(value) <= _STATE_CHARS_MAX and _STATE.fullmatch(value) else None
    return text if not field.words or text in field.words else None


def _count(_: Field, value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _currency(_: Field, value: object) -> str | None:
    return value if isinstance(value, str) and _CURRENCY.fullmatch(value) else None


def _lot(_: Field, value: object) -> str | None:
    return value if isinstance(value, str) and _LOT.fullmatch(value) else None


def _moment(_: Field, value: object) -> str | None:
    try:
        return datetime.fromisoformat(str(value)).isoformat()
    except ValueError:
        return None


def _flag(_: Field, value: object) -> bool | None:
    return value if isinstance(value, bool) else None


_READERS: Final = {
    Kind.ID: _id,
    Kind.STATE: _state,
    Kind.COUNT: _count,
    Kind.CURRENCY: _currency,
    Kind.MOMENT: _moment,
    Kind.FLAG: _flag,
    Kind.LOT: _lot,
}
