"""Facts that codes announces: ids and counts, never a code."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class ImportRequested(Event):
    """An upload is to be imported: the worker's cue."""

    name: ClassVar[str] = "batch.requested"

    batch_id: UUID
    pool_id: UUID


@dataclass(frozen=True, slots=True)
class BatchImported(Event):
    """An import is done; its counts are final."""

    name: ClassVar[str] = "batch.imported"

    batch_id: UUID
    pool_id: UUID
    accepted: int
    duplicates: int
    rejected: int


@dataclass(frozen=True, slots=True)
class BatchUndone(Event):
    """An import was undone: its codes left the stock unsold."""

    name: ClassVar[str] = "batch.undone"

    batch_id: UUID
    pool_id: UUID
    codes: int


@dataclass(frozen=True, slots=True)
class CodesCollided(Event):
    """Codes came that another merchant has: for the platform alone, the importer never learns of it."""

    name: ClassVar[str] = "code.collided"

    batch_id: UUID
    code_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class CodesWithdrawn(Event):
    """Codes that orders have were taken out of the vault: orders swap what no buyer has seen yet."""

    name: ClassVar[str] = "code.withdrawn"

    code_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class CodesRevealed(Event):
    """Codes were shown: through which door, to what kind of asker, and how many. What was shown is nobody's to be told."""

    name: ClassVar[str] = "code.revealed"

    via: str
    actor_kind: str
    actor_id: UUID | None
    order_id: UUID | None
    link_id: UUID | None
    units: int
