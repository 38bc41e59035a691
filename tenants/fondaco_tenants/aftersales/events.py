"""Facts that after-sales announces."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class LeakReported(Event):
    """A code of a lot that the merchant bought turned up where it should not be; once for each code."""

    name: ClassVar[str] = "supply.leak_reported"

    leak_id: UUID
    lot: str


@dataclass(frozen=True, slots=True)
class PathTraced(Event):
    """The platform's people traced a code over the merchants that it passed, of which this is one; `lot` is one of its own."""

    name: ClassVar[str] = "supply.path_traced"

    lot: str | None
