"""Tables of identity: people, memberships, invitations, new passwords, API clients, sessions, attempts to sign in.

What people prove themselves with besides a password stands in tables_proofs.py.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, TenantOwned, guarded
from fondaco_core.db.isolation import CURRENT_USER, SHOWN_EMAIL, SHOWN_TOKEN
from fondaco_core.identity import tables_proofs

# Their tables are known wherever these are.
PROOFS = (tables_proofs.SecondFactor, tables_proofs.RecoveryCode, tables_proofs.Passkey, tables_proofs.SignInChallenge)


class UserAccount(Base):
    """A person who signs in to the console; may be a member of several tenants, or an admin of the platform."""

    __tablename__ = "user_account"
    __table_args__ = (
        CheckConstraint("platform_role IN ('ADMIN', 'AUDITOR')", name="platform_role"),
        CheckConstraint("email = lower(email)", name="email"),
        {
            "info": guarded(
                kind="person",
                reason="a person may belong to several tenants; each sees its own people, oneself, and whose address it names",
                too=(
                    f"id = {CURRENT_USER} OR email = {SHOWN_EMAIL}"  # noqa: S608 - a condition of constants
                    " OR EXISTS (SELECT 1 FROM member m WHERE m.user_id = user_account.id)"
                ),
                added="platform_role IS NULL AND password_hash IS NULL",
                # Who belongs to the platform, and by which password a person signs in, is nothing that a merchant's
                # transaction reads or says, whatever SQL it runs.
                tenant="SELECT (id, email, name, locale, created_at, disabled_at), INSERT (id, email, name, locale, created_at)",
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
    # When a mail that was sent to the address came back as a token.
    email_verified_at: Mapped[datetime | None]


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
                reason="looked up by the hash of its token before a tenant is known; whom it seats and where nobody says anew",
                tenant="SELECT, INSERT, UPDATE (used_at)",
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
    mailed_at: Mapped[datetime | None]


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
    mailed_at: Mapped[datetime | None]


class ApiClient(TenantOwned):
    """A machine that acts for a tenant, or for one of its customers when `customer_id` is set."""

    __tablename__ = "api_client"
    __table_args__ = (
        Index("ix_api_client_owner", "tenant_id", "customer_id"),
        {"info": guarded(trade_grant="SELECT", hidden=("secret_hash", "previous_hash"))},
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
    # Where it may ask from, as networks; from anywhere when there are none.
    networks: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    expires_at: Mapped[datetime | None]
    # The secret before the last rotation, and until when it still counts.
    previous_hash: Mapped[bytes | None]
    previous_until: Mapped[datetime | None]
    # While its buyer is blocked, and until its buyer has agreed to it.
    suspended_at: Mapped[datetime | None]
    awaits_consent: Mapped[bool] = mapped_column(server_default=false())
    # When it was told that it ends soon.
    noticed_at: Mapped[datetime | None]


class Session(Base):
    """A bearer of a token: a person's session, a customer's session, or an API client's access token."""

    __tablename__ = "session"
    __table_args__ = (
        CheckConstraint("kind IN ('MEMBER', 'PLATFORM_ADMIN', 'CUSTOMER', 'API_CLIENT', 'BREAK_GLASS')", name="kind"),
        Index("ix_session_expires_at", "expires_at"),
        Index("ix_session_user_id", "user_id"),
        {
            "info": guarded(
                too=f"user_id = {CURRENT_USER} OR token_hash = {SHOWN_TOKEN}",
                reason="the platform's people have no tenant; a token is shown before a tenant is known; people end their sessions",
                tenant="SELECT, INSERT, UPDATE (used_at, revoked_at, verified_at)",
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
    # When a second factor was last shown in this session.
    verified_at: Mapped[datetime | None]
    break_glass_id: Mapped[UUID | None] = mapped_column(ForeignKey("break_glass.id"))


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
