"""Facts that custody announces: whose keys, never a key."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class KeyChangeBegun(Event):
    """A tenant's values are to be re-sealed, for a new key or before its keys are destroyed: the worker's cue."""

    name: ClassVar[str] = "keys.change_begun"

    change_id: UUID


@dataclass(frozen=True, slots=True)
class KeyRotated(Event):
    """Nothing of a tenant is sealed with an older key any more."""

    name: ClassVar[str] = "keys.rotated"

    change_id: UUID
    moved: int


@dataclass(frozen=True, slots=True)
class TenantKeysDestroyed(Event):
    """A tenant's keys are gone for good."""

    name: ClassVar[str] = "keys.destroyed"

    change_id: UUID
    kept_for_buyers: int
