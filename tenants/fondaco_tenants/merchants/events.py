"""Facts that merchants announces."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class MerchantProfileChanged(Event):
    """A merchant says something else of itself."""

    name: ClassVar[str] = "merchant.profile_changed"
    tenant_id: UUID
    version: int
