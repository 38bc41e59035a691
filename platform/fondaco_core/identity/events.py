"""Facts that identity announces."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class MemberInvited(Event):
    """Somebody was asked to work for a tenant."""

    name: ClassVar[str] = "member.invited"
    member_id: UUID
    role: str


@dataclass(frozen=True, slots=True)
class MemberJoined(Event):
    """Somebody works for a tenant from now on."""

    name: ClassVar[str] = "member.joined"
    member_id: UUID
    role: str


@dataclass(frozen=True, slots=True)
class MemberRoleChanged(Event):
    """Somebody may do other things for a tenant."""

    name: ClassVar[str] = "member.role_changed"
    member_id: UUID
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class MemberRemoved(Event):
    """Somebody works no longer for a tenant."""

    name: ClassVar[str] = "member.removed"
    member_id: UUID


@dataclass(frozen=True, slots=True)
class ApiClientCreated(Event):
    """A machine may act for a tenant or one of its buyers."""

    name: ClassVar[str] = "client.created"
    api_client_id: UUID


@dataclass(frozen=True, slots=True)
class ApiClientRevoked(Event):
    """A machine may no longer act."""

    name: ClassVar[str] = "client.revoked"
    api_client_id: UUID
