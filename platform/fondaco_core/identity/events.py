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


@dataclass(frozen=True, slots=True)
class SignedInElsewhere(Event):
    """A person signed in with a browser or program that was not seen before."""

    name: ClassVar[str] = "session.elsewhere"
    session_id: UUID


@dataclass(frozen=True, slots=True)
class InvitationMade(Event):
    """An invitation waits to be sent."""

    name: ClassVar[str] = "invitation.made"
    invitation_id: UUID


@dataclass(frozen=True, slots=True)
class PasswordResetMade(Event):
    """A token for a new password waits to be sent."""

    name: ClassVar[str] = "password_reset.made"
    reset_id: UUID


@dataclass(frozen=True, slots=True)
class FactorChanged(Event):
    """A person has another second factor than before, or none, or used up a recovery code; `change` says which."""

    name: ClassVar[str] = "account.factor_changed"
    user_id: UUID
    change: str


@dataclass(frozen=True, slots=True)
class ApiClientRotated(Event):
    """A machine has another secret."""

    name: ClassVar[str] = "client.rotated"
    api_client_id: UUID


@dataclass(frozen=True, slots=True)
class ApiClientEndsSoon(Event):
    """The credentials of a machine end soon."""

    name: ClassVar[str] = "client.ends_soon"
    api_client_id: UUID


@dataclass(frozen=True, slots=True)
class GlassBroken(Event):
    """One of the platform's people looks at a tenant's side."""

    name: ClassVar[str] = "break_glass.opened"
    break_glass_id: UUID


@dataclass(frozen=True, slots=True)
class GlassMended(Event):
    """The platform's people do not look at a tenant's side any more."""

    name: ClassVar[str] = "break_glass.ended"
    break_glass_id: UUID
