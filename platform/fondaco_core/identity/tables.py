"""Tables of identity: people, memberships, invitations, new passwords, API clients, sessions, attempts to sign in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, TenantOwned, guarded
from fondaco_core.db.isolation import CURRENT_USER


class UserAccount(Base):
    """A person who signs in to the console; may be a member of several tenants, or an admin of the platform."""

    __tablename__ = "user_account"
    __table_args__ = (
        CheckConstraint("platform_role IN ('ADMIN', 'AUDITOR')", name="platform_role"),
        CheckConstraint("email = lower(email)", name="email"),
        {
            "info": guarded(
                kind="global",
                reason="a person signs in before a tenant is known, and may belong to several",
                # Who belongs to the platform is not for a merchant's transaction to say, whatever SQL it runs.
                tenant="SELECT, INSERT (id, email, name, locale, created_at), UPDATE (name, password_hash)",
                trade_grant="SELECT (id, name)",
                platform="SELECT, INSERT, UPDATE",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str | None]
    platform_role: Mapped[str | None]
    locale: Mapped[str] = mapped_column(server_default=text("'en'"))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class Member(TenantOwned):
    """A person acting for a tenant, with one role."""

    __tablename__ = "member"
    __table_args__ = (
        CheckConstraint("role IN ('OWNER', 'MANAGER', 'OPERATOR', 'FINANCE', 'SUPPORT', 'AUDITOR')", name="role"),
        UniqueConstraint("tenant_id", "user_id"),
        Index("ix_member_user_id", "user_id"),
        {
            "info": guarded(
                also=f"user_id = {CURRENT_USER}",
                reason="who signs in sees the tenants to choose from",
                trade_grant="SELECT",
                platform="SELECT, INSERT, UPDATE",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"))
    role: Mapped[str]
    created_at: Mapped[datetime]
    # Who was invited is no member before accepting: nobody acts for a tenant without having said so.
    accepted_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class Invitation(Base):
    """A one-time token by which an invited person becomes a member, and chooses a password when there is none yet."""

    __tablename__ = "invitation"
    __table_args__ = (
        Index("ix_invitation_member_id", "member_id"),
        {
            "info": guarded(
                kind="global",
                reason="looked up by the hash of its token before a tenant is known",
                tenant="SELECT, INSERT, UPDATE",
                trade_grant="",
                platform="SELECT, INSERT, UPDATE, DELETE",
                hidden=("token_hash",),
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    tenant_id: Mapped[UUID]
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PasswordReset(Base):
    """A one-time token by which a person chooses a password anew; the platform's own people hand it out."""

    __tablename__ = "password_reset"
    __table_args__ = (
        {
            "info": guarded(
                kind="global",
                reason="looked up by the hash of its token; a person belongs to no tenant",
                tenant="SELECT",
                trade_grant="",
                platform="SELECT, INSERT, UPDATE, DELETE",
                hidden=("token_hash",),
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ApiClient(TenantOwned):
    """A machine that acts for a tenant, or for one of its customers when `customer_id` is set."""

    __tablename__ = "api_client"
    __table_args__ = (
        Index("ix_api_client_owner", "tenant_id", "customer_id"),
        {"info": guarded(trade_grant="SELECT", hidden=("secret_hash",))},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[bytes]
    name: Mapped[str]
    customer_id: Mapped[UUID | None]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Session(Base):
    """A bearer of a token: a person's session, a customer's session, or an API client's access token."""

    __tablename__ = "session"
    __table_args__ = (
        CheckConstraint("kind IN ('MEMBER', 'PLATFORM_ADMIN', 'CUSTOMER', 'API_CLIENT')", name="kind"),
        Index("ix_session_expires_at", "expires_at"),
        Index("ix_session_user_id", "user_id"),
        {
            "info": guarded(
                kind="global",
                reason="looked up by the hash of its token before a tenant is known",
                tenant="SELECT, INSERT, UPDATE",
                trade_grant="SELECT",
                platform="SELECT, INSERT, UPDATE, DELETE",
                hidden=("token_hash",),
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    kind: Mapped[str]
    tenant_id: Mapped[UUID | None]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("user_account.id"))
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"))
    customer_id: Mapped[UUID | None]
    api_client_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_client.id"))
    scopes: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    ip: Mapped[str | None]
    user_agent: Mapped[str | None]


class SignInAttempt(Base):
    """How often signing in was tried lately, by a keyed hash of account, address, or both; nobody is named."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (
        Index("ix_sign_in_attempt_since", "since"),
        {
            "info": guarded(
                kind="global",
                reason="counted before anybody is known",
                tenant="SELECT, INSERT, UPDATE, DELETE",
                trade_grant="",
                platform="SELECT, INSERT, UPDATE, DELETE",
            )
        },
    )

    key: Mapped[bytes] = mapped_column(primary_key=True)
    attempts: Mapped[int]
    since: Mapped[datetime]
