"""Tables of what people prove themselves with: second factors, recovery codes, passkeys, providers; and of break glass.

A merchant's transaction has no right to any of them but its own providers and its own panes of glass.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text, true
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, TenantOwned, guarded, sealed_as

_PERSONS = guarded(
    kind="global",
    reason="a person belongs to no tenant; only the platform's own transactions touch what proves who one is",
    tenant="",
    trade_grant="",
    platform="SELECT, INSERT, UPDATE, DELETE",
)


class SecondFactor(Base):
    """A person's app of one-time codes (TOTP); it counts once a code of it was shown."""

    __tablename__ = "second_factor"
    __table_args__ = ({"info": _PERSONS},)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    secret_sealed: Mapped[bytes] = mapped_column(info=sealed_as("second_factor", row="user_id", platform=True))
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    # The time step of the last code that was taken: none of it or before it is taken again.
    step: Mapped[int] = mapped_column(server_default=text("0"))


class RecoveryCode(Base):
    """A code on paper that stands in once for a lost second factor; what is stored is its keyed hash."""

    __tablename__ = "recovery_code"
    __table_args__ = ({"info": _PERSONS},)

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Passkey(Base):
    """A public key of a person's device or password manager (WebAuthn)."""

    __tablename__ = "passkey"
    __table_args__ = ({"info": _PERSONS},)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    # Never goes back for one device; 0 for those that do not count.
    sign_count: Mapped[int]
    name: Mapped[str]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class SignInChallenge(Base):
    """One step of signing in or of adding a passkey that waits for the next; used once."""

    __tablename__ = "sign_in_challenge"
    __table_args__ = (
        CheckConstraint("purpose IN ('CODE', 'PASSKEY_NEW', 'PASSKEY', 'PROVIDER')", name="purpose"),
        Index("ix_sign_in_challenge_expires_at", "expires_at"),
        {"info": _PERSONS},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("user_account.id"))
    # The merchant to sign in for; null for the platform's people, and where it is not known yet.
    tenant_id: Mapped[UUID | None]
    provider_id: Mapped[UUID | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class IdentityProvider(Base):
    """An OpenID provider that a tenant's people, or the platform's, may sign in by."""

    __tablename__ = "identity_provider"
    __table_args__ = (
        CheckConstraint("join_role IN ('MANAGER', 'OPERATOR', 'FINANCE', 'SUPPORT', 'AUDITOR')", name="join_role"),
        Index("uq_identity_provider_issuer", "tenant_id", "issuer", unique=True, postgresql_nulls_not_distinct=True),
        {
            "info": guarded(
                reason="the platform's own has no tenant; who signs in is not known yet, so that the platform reads it",
                tenant="SELECT, INSERT, UPDATE, DELETE",
                trade_grant="",
                platform="SELECT, INSERT, UPDATE, DELETE",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID | None]
    title: Mapped[str]
    issuer: Mapped[str]
    client_id: Mapped[str]
    client_secret_sealed: Mapped[bytes] = mapped_column(info=sealed_as("identity_provider", platform=True))
    # Whose addresses it is believed about.
    domains: Mapped[list[str]]
    # What somebody becomes whom it vouches for and nobody invited; null lets in only who was.
    join_role: Mapped[str | None]
    enabled: Mapped[bool] = mapped_column(server_default=true())
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class ExternalIdentity(Base):
    """Whom a provider calls by a subject; never whom it calls by an address."""

    __tablename__ = "external_identity"
    __table_args__ = ({"info": _PERSONS},)

    provider_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_at: Mapped[datetime]


class BreakGlass(TenantOwned):
    """One of the platform's people looks at a tenant's side for a while, with a reason, and the tenant sees it."""

    __tablename__ = "break_glass"
    __table_args__ = (
        CheckConstraint("expires_at > created_at", name="expires_at"),
        Index("ix_break_glass_tenant_id_id", "tenant_id", "id"),
        {
            "info": guarded(
                tenant="SELECT, UPDATE (ended_at, ended_by)", trade_grant="", platform="SELECT, INSERT, UPDATE"
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"))
    # As the tenant sees them, who cannot read the platform's people.
    user_name: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None]
