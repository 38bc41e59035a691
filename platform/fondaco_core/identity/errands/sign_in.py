"""Signing in and out, accepting an invitation, changing a password."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fondaco_core import audit, clock, outbox, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_password, hash_token, is_token, needs_rehash, verify_password
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Unauthenticated
from fondaco_core.identity import store
from fondaco_core.identity.errands.attempts import count_attempt
from fondaco_core.identity.errands.authenticate import forget, member_ctx
from fondaco_core.identity.errors import InvitationInvalid, ResetInvalid, TenantChoiceNeeded, WrongCredentials
from fondaco_core.identity.events import MemberJoined
from fondaco_core.identity.rules import PLATFORM_ROLE_PERMISSIONS, MemberRole, PlatformRole, SessionKind, check_password
from fondaco_core.identity.service.sessions import Started, end_sessions, start_session
from fondaco_core.ids import MemberId, TenantId, UserId
from fondaco_core.secret import Secret
from fondaco_core.tenancy import DoorKind, TenantNotActive, TenantState


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has just begun, and who it is now."""

    ctx: Ctx
    session: Started


@dataclass(frozen=True, slots=True)
class _Membership:
    member_id: MemberId
    tenant_id: TenantId
    role: MemberRole
    state: TenantState


async def sign_in(stranger: Ctx, *, email: str, password: Secret[str], tenant: str | None = None) -> SignedIn:
    """Signs a person in, for the tenant with the short name `tenant`.

    Without one, as one of the platform's own people, or for the only tenant they belong to. Whether an account exists is told by nothing: neither by the answer nor by the time it takes nor by the counting.
    Raises WrongCredentials, TooManyAttempts, TenantChoiceNeeded, TenantNotActive.
    """
    stranger = stranger.visiting(None)
    account = email.strip().lower()
    attempt = await count_attempt(stranger, account=account)
    async with reading(stranger) as tx:
        user = await tx.fetchrow(store.USER_BY_EMAIL, account)
    right = await verify_password(None if user is None else user["password_hash"], password)
    if user is None or not right or user["disabled_at"] is not None:
        raise WrongCredentials
    await attempt.forgive()
    await _renew_hash(user, password)

    user_id = UserId(user["id"])
    if tenant is None and user["platform_role"] is not None:
        return await _begin_for_platform(stranger, user_id, PlatformRole(user["platform_role"]))
    return await _begin_for_member(stranger, user_id, await _choose(stranger, user_id, tenant))


async def sign_out(ctx: Ctx, token: Secret[str]) -> bool:
    """Ends the session of a token; whether there was one. From here on this process does not believe it any more."""
    if not is_token(token.reveal(), "session"):
        return False
    token_hash = hash_token(token)
    async with transaction(ctx) as tx:
        ended = await tx.execute(store.END_SESSION, token_hash, clock.now()) > 0
    forget(token_hash)
    return ended


async def accept_invitation(
    stranger: Ctx, *, token: Secret[str], password: Secret[str], name: str | None = None
) -> SignedIn:
    """Makes who was invited a member and signs them in.

    A person without a password chooses one, and their name; who has an account proves that it is theirs with its
    password. Raises InvitationInvalid, WeakPassword, WrongCredentials, TooManyAttempts, TenantNotActive.
    """
    if not is_token(token.reveal(), "invite"):
        raise InvitationInvalid
    stranger, now = stranger.visiting(None), clock.now()
    async with reading(stranger) as tx:
        found = await tx.fetchrow(store.FIND_INVITATION, hash_token(token), now)
    if found is None:
        raise InvitationInvalid
    new_hash = await _proved_or_chosen(stranger, found, password)

    tenant_id, user_id, member_id = TenantId(found["tenant_id"]), UserId(found["user_id"]), MemberId(found["member_id"])
    ctx = replace(stranger, actor=ActorKind.MEMBER, actor_id=user_id, tenant_id=tenant_id)
    async with transaction(ctx) as tx:
        if (
            await tx.execute(store.USE_INVITATION, found["id"], now) == 0
            or await tx.execute(store.ACCEPT, member_id, now) == 0
        ):
            raise InvitationInvalid
        if new_hash is not None:
            called = tenancy.checked_name(name) if name else None
            # Somebody else's invitation may have given the account a password a moment ago.
            if await tx.execute(store.CHOOSE_PASSWORD, user_id, new_hash, called) == 0:
                raise InvitationInvalid
        standing = await tx.fetchrow(store.MEMBER_STANDING, member_id)
        assert standing is not None
        role, state = MemberRole(standing["role"]), TenantState(standing["state"])
        if not member_ctx(ctx, user_id, role, state).permissions:
            raise TenantNotActive(state)
        await audit.record(
            tx, ctx, "member.joined", subject_kind="member", subject_id=member_id, detail={"role": role.value}
        )
        await outbox.announce(tx, (tenant_id, MemberJoined(member_id, role.value)))
    return await _begin_for_member(stranger, user_id, _Membership(member_id, tenant_id, role, state))


async def reset_password(stranger: Ctx, *, token: Secret[str], password: Secret[str]) -> None:
    """Sets the password of who holds the token, once, and ends all their sessions. Raises ResetInvalid, WeakPassword."""
    check_password(password.reveal())
    if not is_token(token.reveal(), "reset"):
        raise ResetInvalid
    nobody, now = stranger.visiting(None), clock.now()
    async with reading(nobody) as tx:
        found = await tx.fetchrow(store.FIND_RESET, hash_token(token), now)
    if found is None:
        raise ResetInvalid
    hashed, user_id = await hash_password(password), UserId(found["user_id"])
    ctx = replace(nobody, actor_id=user_id)
    # A person belongs to no tenant, and so does what is written down of it: only the platform's role may.
    async with governing(ctx) as tx:
        if await tx.execute(store.USE_RESET, found["id"], now) == 0:
            raise ResetInvalid
        await tx.execute(store.SET_PASSWORD, user_id, hashed)
        await end_sessions(tx, user_id=user_id)
        await audit.record(tx, ctx, "user.password_reset", subject_kind="user", subject_id=user_id)


async def change_password(ctx: Ctx, *, current: Secret[str], chosen: Secret[str]) -> None:
    """Changes one's own password and ends one's other sessions.

    Raises WrongCredentials, WeakPassword, TooManyAttempts; Unauthenticated for whoever has no password here.
    """
    if ctx.actor not in {ActorKind.MEMBER, ActorKind.PLATFORM_ADMIN} or ctx.actor_id is None:
        raise Unauthenticated
    check_password(chosen.reveal())
    attempt = await count_attempt(ctx, account=f"user {ctx.actor_id}")
    async with reading(ctx) as tx:
        user = await tx.fetchrow(store.USER_BY_ID, ctx.actor_id)
    if not await verify_password(None if user is None else user["password_hash"], current):
        raise WrongCredentials
    await attempt.forgive()
    hashed = await hash_password(chosen)
    opens = governing if ctx.actor is ActorKind.PLATFORM_ADMIN else transaction
    async with opens(ctx) as tx:
        await tx.execute(store.SET_PASSWORD, ctx.actor_id, hashed)
        await end_sessions(tx, user_id=UserId(ctx.actor_id), keep=ctx.session_id)
        await audit.record(tx, ctx, "user.password_changed", subject_kind="user", subject_id=ctx.actor_id)


async def _renew_hash(user: Any, password: Secret[str]) -> None:
    """A hash of weaker days is made anew, now that the password is at hand."""
    if needs_rehash(user["password_hash"]):
        hashed = await hash_password(password)
        async with transaction(Ctx()) as tx:
            await tx.execute(store.SET_PASSWORD, user["id"], hashed)


async def _proved_or_chosen(stranger: Ctx, found: Any, password: Secret[str]) -> str | None:
    """The hash of a password that was chosen now, or None when the account's own was given rightly."""
    if found["password_hash"] is None:
        # Who invites holds the token, and chooses nothing for the platform's own people: they have a token of their own.
        if found["platform_role"] is not None:
            raise InvitationInvalid
        check_password(password.reveal())
        return await hash_password(password)
    attempt = await count_attempt(stranger, account=f"user {found['user_id']}")
    if not await verify_password(found["password_hash"], password):
        raise WrongCredentials
    await attempt.forgive()
    return None


async def _choose(stranger: Ctx, user_id: UserId, tenant: str | None) -> _Membership:
    """The membership to act under; a tenant one does not belong to is as wrong as a wrong password."""
    person = replace(stranger, actor=ActorKind.MEMBER, actor_id=user_id)
    async with reading(person) as tx:
        rows = await tx.fetch(store.MEMBERSHIPS, user_id)
        doors = await tenancy.doors_of(tx, DoorKind.TENANT, [row["tenant_id"] for row in rows])
    if tenant is not None:
        rows = [row for row in rows if doors.get(row["tenant_id"]) == tenant.strip().lower()]
    if not rows:
        raise WrongCredentials
    if len(rows) > 1:
        raise TenantChoiceNeeded(_names(rows, doors))
    [row] = rows
    async with reading(replace(person, tenant_id=row["tenant_id"])) as tx:
        state = await tenancy.state_of(tx, row["tenant_id"])
    assert state is not None
    return _Membership(MemberId(row["id"]), TenantId(row["tenant_id"]), MemberRole(row["role"]), state)


def _names(rows: Sequence[Any], doors: dict[TenantId, str]) -> list[str]:
    return sorted(doors[row["tenant_id"]] for row in rows if row["tenant_id"] in doors)


async def _begin_for_platform(stranger: Ctx, user_id: UserId, role: PlatformRole) -> SignedIn:
    ctx = replace(
        stranger, actor=ActorKind.PLATFORM_ADMIN, actor_id=user_id, permissions=PLATFORM_ROLE_PERMISSIONS[role]
    )
    async with governing(ctx) as tx:
        started = await start_session(tx, ctx, kind=SessionKind.PLATFORM_ADMIN, user_id=user_id)
        await audit.record(tx, ctx, "session.started", subject_kind="session", subject_id=started.id)
    return SignedIn(replace(ctx, session_id=started.id), started)


async def _begin_for_member(stranger: Ctx, user_id: UserId, seat: _Membership) -> SignedIn:
    ctx = member_ctx(replace(stranger, tenant_id=seat.tenant_id), user_id, seat.role, seat.state)
    if not ctx.permissions:
        raise TenantNotActive(seat.state)
    async with transaction(ctx) as tx:
        started = await start_session(
            tx, ctx, kind=SessionKind.MEMBER, tenant_id=seat.tenant_id, user_id=user_id, member_id=seat.member_id
        )
        await audit.record(tx, ctx, "session.started", subject_kind="session", subject_id=started.id)
    return SignedIn(replace(ctx, session_id=started.id), started)
