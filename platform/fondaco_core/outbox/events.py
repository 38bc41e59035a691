"""What an event is: a frozen fact in the past tense, with a name on the wire."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Event:
    """A fact that happened. Subclasses are frozen dataclasses of ids, numbers and short texts; `name` is noun.verb."""

    name: ClassVar[str] = ""


def event_name(kind: type[Event]) -> str:
    """The name of an event on the wire."""
    assert kind.name, kind
    return kind.name
