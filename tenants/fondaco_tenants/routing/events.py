"""Facts that routing announces."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class SourcesChanged(Event):
    """A listing's sources were added to, taken from, switched or reordered."""

    name: ClassVar[str] = "listing.sources_changed"

    listing_id: UUID
