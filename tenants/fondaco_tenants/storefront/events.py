"""Facts that the storefront announces."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class StoreChanged(Event):
    """A store was made, opened, closed or changed."""

    name: ClassVar[str] = "store.changed"

    store_id: UUID
    state: str
    version: int
