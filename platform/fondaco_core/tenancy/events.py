"""Facts that tenancy announces."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class TenantApplied(Event):
    """A company wants to be a merchant."""

    name: ClassVar[str] = "tenant.applied"
    tenant_id: UUID


@dataclass(frozen=True, slots=True)
class TenantApproved(Event):
    """A merchant may trade from now on."""

    name: ClassVar[str] = "tenant.approved"
    tenant_id: UUID


@dataclass(frozen=True, slots=True)
class TenantSuspended(Event):
    """A merchant may not trade for now."""

    name: ClassVar[str] = "tenant.suspended"
    tenant_id: UUID


@dataclass(frozen=True, slots=True)
class TenantResumed(Event):
    """A suspended merchant may trade again."""

    name: ClassVar[str] = "tenant.resumed"
    tenant_id: UUID


@dataclass(frozen=True, slots=True)
class TenantFeesChanged(Event):
    """What a merchant pays the platform for its sales is another from now on."""

    name: ClassVar[str] = "tenant.fees_changed"
    tenant_id: UUID
    plan_id: UUID | None


@dataclass(frozen=True, slots=True)
class TenantClosed(Event):
    """A merchant has left for good."""

    name: ClassVar[str] = "tenant.closed"
    tenant_id: UUID
