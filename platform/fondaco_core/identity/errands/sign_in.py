"""Signing in and out, accepting an invitation, changing a password."""

from dataclasses import replace
from typing import Any

from fondaco_core import audit, clock, outbox, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_password, hash_token, is_token, needs_rehash, verify_password
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Unauthenticated
from fondaco_core.identity import store
from fondaco_core.identity.derived import read_derived
from fondaco_core.identity.errands.attempts import count_attempt
from fondaco_core.identity.errands.authenticate import forget, member_ctx
from fondaco_core.identity.errands.begin import Membership, SignedIn, begin, begin_for_member
from fondaco_core.identity.errands.factors import hold_session
from fondaco_core.identity.errors import InvitationInvalid, ResetInvalid, WrongCredentials
from fondaco_core.identity.events import MemberJoined
from fondaco_core.identity.rules import MemberRole, check_password
from fondaco_core.identity.service.sessions import end_sessions
from fondaco_core.ids import MemberId, TenantId, UserId
from fondaco_core.secret import Secret
from fondaco_core.tenancy import TenantNotActive, TenantState


async def sign_in(stranger: Ctx, *, email: str, password: Secret[str], tenant: str | None = None) -> SignedIn:
    """Signs a person in, for the tenant with the short name `tenant`.

    Without one, as one of the platform's own people, or for the only tenant they belong to. Whether an account exists is told by nothing: neither by the answer nor by the time it takes nor by the counting.
    Raises WrongCredentials, TooManyAttempts, TenantChoiceNeeded, TenantNotActive; SecondFactorRequired with what to go on by.
    """
    stranger = stranger.visiting(None)
    account = email.strip().lower()
    # Whoever types an address types no other account's name under which something is counted.
    attempt = await count_attempt(stranger, account=f"person {account}")
    async with governing(stranger) as tx:
        user = await tx.fetchrow(store.USER_BY_EMAIL, account)
    right = await verify_password(None if user is None else user["password_hash"], password)
    if user is None or not right or user["disabled_at"] is not None:
        raise WrongCredentials
    await attempt.forgive()
    await _renew_hash(user, password)

    return await begin(stranger, UserId(user["id"]), user["platform_role"], tenant)


async def sign_out(ctx: Ctx, token: Secret[str]) -> bool:
    """Ends the session of a token; whether there was one. From here on this process does not believe it any more."""
    if not is_token(token.reveal(), "session"):
        return False
    token_hash = hash_token(token)
    async with transaction(ctx) as tx:
        await tx.fetchval(store.SHOW_TOKEN, token_hash.hex())
        ended = await tx.execute(store.END_SESSION, token_hash, clock.now()) > 0
    forget(token_hash)
    return ended


async def accept_invitation(
    stranger: Ctx, *, token: Secret[str], password: Secret[str], name: str | None = None
) -> SignedIn:
    """Makes who was invited a member and signs them in.

    A person without a password chooses one, and their name; who has an account proves that it is theirs with its
    password. Who was handed the token, and got no mail, chooses none for an account that opens another merchant. Raises InvitationInvalid, WeakPassword, WrongCredentials, TooManyAttempts, TenantNotActive.
    """
    if read_derived("invite", token) is None:
        raise InvitationInvalid
    stranger, now = stranger.visiting(None), clock.now()
    async with reading(stranger) as tx:
        found = await tx.fetchrow(store.FIND_INVITATION, hash_token(token), now)
    if found is None:
        raise InvitationInvalid
    async with governing(stranger) as tx:
        user = await tx.fetchrow(store.USER_BY_ID, found["user_id"])
    if user is None or user["disabled_at"] is not None:
        raise InvitationInvalid
    new_hash = await _proved_or_chosen(stranger, user, password)

    tenant_id, user_id, member_id = TenantId(found["tenant_id"]), UserId(found["user_id"]), MemberId(found["member_id"])
    ctx = replace(stranger, actor=ActorKind.MEMBER, actor_id=user_id, tenant_id=tenant_id)
    async with governing(ctx) as tx:
        if (
            await tx.execute(store.USE_INVITATION, found["id"], now) == 0
            or await tx.execute(store.ACCEPT, member_id, now, user_id, tenant_id) == 0
        ):
            raise InvitationInvalid
        if new_hash is not None:
            called = tenancy.checked_name(name) if name else None
            # Somebody else's invitation may have given the account a password a moment ago.
            proved = found["mailed_at"] is not None
            # A seat elsewhere that is being taken at this moment counts, too.
            await tx.execute(store.LOCK_USER, user_id)
            if await tx.execute(store.CHOOSE_PASSWORD, user_id, new_hash, called, proved, tenant_id) == 0:
                raise InvitationInvalid
        if found["mailed_at"] is not None:
            await tx.execute(store.EMAIL_VERIFIED, user_id, now)
        standing = await tx.fetchrow(store.MEMBER_STANDING, member_id)
        assert standing is not None
        role, state = MemberRole(standing["role"]), TenantState(standing["state"])
        if not member_ctx(ctx, user_id, role, state).permissions:
            raise TenantNotActive(state)
        await audit.record(
            tx, ctx, "member.joined", subject_kind="member", subject_id=member_id, detail={"role": role.value}
        )
        await outbox.announce(tx, (tenant_id, MemberJoined(member_id, role.value)))
    return await begin_for_member(stranger, user_id, Membership(member_id, tenant_id, role, state))


async def reset_password(stranger: Ctx, *, token: Secret[str], password: Secret[str]) -> None:
    """Sets the password of who holds the token, once, and ends all their sessions. Raises ResetInvalid, WeakPassword.

    Where the address was never proved by a mail, somebody else may have taken it first: factors and passkeys go, too.
    """
    check_password(password.reveal())
    if read_derived("reset", token) is None:
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
        await tx.execute(store.LOCK_USER, user_id)
        user = await tx.fetchrow(store.USER_BY_ID, user_id)
        if user is None or user["disabled_at"] is not None or await tx.execute(store.USE_RESET, found["id"], now) == 0:
            raise ResetInvalid
        await tx.execute(store.FORGET_UNPROVED, user_id)
        if found["mailed_at"] is not None:
            await tx.execute(store.EMAIL_VERIFIED, user_id, now)
        await tx.execute(store.SET_PASSWORD, user_id, hashed)
        await tx.execute(store.END_BEGUN, user_id)
        await tx.execute(store.END_RESETS, user_id, now)
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
    async with governing(ctx) as tx:
        user = await tx.fetchrow(store.USER_BY_ID, ctx.actor_id)
    if not await verify_password(None if user is None else user["password_hash"], current):
        raise WrongCredentials(signed_in=True)
    await attempt.forgive()
    hashed = await hash_password(chosen)
    async with governing(ctx) as tx:
        await hold_session(tx, ctx, UserId(ctx.actor_id))
        await tx.execute(store.SET_PASSWORD, ctx.actor_id, hashed)
        await tx.execute(store.END_BEGUN, ctx.actor_id)
        await tx.execute(store.END_RESETS, ctx.actor_id, clock.now())
        await end_sessions(tx, user_id=UserId(ctx.actor_id), keep=ctx.session_id)
        await audit.record(tx, ctx, "user.password_changed", subject_kind="user", subject_id=ctx.actor_id)


async def _renew_hash(user: Any, password: Secret[str]) -> None:
    """A hash of weaker days is made anew, now that the password is at hand."""
    if needs_rehash(user["password_hash"]):
        hashed = await hash_password(password)
        async with governing(Ctx()) as tx:
            await tx.execute(store.RENEW_HASH, user["id"], user["password_hash"], hashed)


async def _proved_or_chosen(stranger: Ctx, user: Any, password: Secret[str]) -> str | None:
    """The hash of a password that was chosen now, or None when the account's own was given rightly."""
    if user["password_hash"] is None:
        # Who invites holds the token, and chooses nothing for the platform's own people: they have a token of their own.
        if user["platform_role"] is not None:
            raise InvitationInvalid
        check_password(password.reveal())
        return await hash_password(password)
    attempt = await count_attempt(stranger, account=f"user {user['id']}")
    if not await verify_password(user["password_hash"], password):
        raise WrongCredentials
    await attempt.forgive()
    return None
