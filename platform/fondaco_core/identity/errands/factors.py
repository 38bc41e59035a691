"""Apps of one-time codes (TOTP, RFC 6238) and codes on paper: set up, shown when signing in, shown again for sensitive acts."""

import hmac
import io
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import segno
from pyotp import random_base32
from pyotp.totp import TOTP

from fondaco_core import audit, clock, limits, outbox
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import bound_to, keyed_hash, verify_password
from fondaco_core.db import Tx, governing
from fondaco_core.errors import SecondFactorNeeded, Unauthenticated
from fondaco_core.identity import store
from fondaco_core.identity.derived import read_derived
from fondaco_core.identity.errands.attempts import count_attempt
from fondaco_core.identity.errands.authenticate import forget_session
from fondaco_core.identity.errands.begin import SignedIn, begin_for_member, begin_for_platform, factors_of, seat_at
from fondaco_core.identity.errors import ChallengeInvalid, SecondFactorExists, WrongCode, WrongCredentials
from fondaco_core.identity.events import FactorChanged
from fondaco_core.identity.rules import STEP_UP, PlatformRole, guarded_permissions
from fondaco_core.ids import TenantId, UserId
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret

ISSUER = "Fondaco"
_STEP_S = 30
_CODE_DIGITS = 6
# Letters and digits that nobody mistakes for each other; 80 random bits in four groups.
_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GROUPS, _GROUP = 4, 4


@dataclass(frozen=True, slots=True)
class PendingFactor:
    """An app's secret that counts once a code of it is shown: as text to type, as an address, and as a picture to scan."""

    secret: Secret[str]
    uri: Secret[str]
    qr_svg: Secret[str]


@dataclass(frozen=True, slots=True)
class OwnFactors:
    """What one has oneself beside a password, and whether it was shown lately."""

    app: bool
    passkey: bool
    codes_left: int


def person(ctx: Ctx) -> UserId:
    """The person who asks; whoever is none of the console's people has no factors here."""
    if ctx.actor not in {ActorKind.MEMBER, ActorKind.PLATFORM_ADMIN} or ctx.actor_id is None:
        raise Unauthenticated
    return UserId(ctx.actor_id)


async def own_factors(ctx: Ctx) -> OwnFactors:
    """What one has oneself beside a password."""
    user_id = person(ctx)
    async with governing(ctx) as tx:
        found = await factors_of(tx, user_id)
    return OwnFactors(found.app, found.passkey, found.codes_left)


async def begin_second_factor(ctx: Ctx, *, password: Secret[str] | None) -> PendingFactor:
    """Makes an app's secret; nothing counts before confirm_second_factor.

    Who has a password gives it, and who has another factor has shown it lately: a stolen session must not bind its own.
    Raises SecondFactorExists, WrongCredentials, TooManyAttempts, SecondFactorNeeded.
    """
    user_id = person(ctx)
    user = await prove_again(ctx, user_id, password)
    secret = random_base32(32)
    sealed = (await keyring().sealing_key(None)).seal(secret.encode(), aad=bound_to("second_factor", user_id, None))
    async with governing(ctx) as tx:
        await hold_session(tx, ctx, user_id)
        if await tx.execute(store.PUT_FACTOR, user_id, sealed, clock.now()) == 0:
            raise SecondFactorExists
    uri = TOTP(secret).provisioning_uri(name=user["email"], issuer_name=ISSUER)
    picture = io.BytesIO()
    segno.make(uri, error="m", micro=False).save(picture, kind="svg", scale=4, xmldecl=False)
    return PendingFactor(Secret(secret), Secret(uri), Secret(picture.getvalue().decode()))


async def confirm_second_factor(ctx: Ctx, *, code: str) -> list[Secret[str]]:
    """Turns the app on by one of its codes, and answers ten codes for paper, shown once. Raises WrongCode, TooManyAttempts."""
    user_id = person(ctx)
    attempt = await count_attempt(ctx, account=f"factor {user_id}")
    async with governing(ctx) as tx:
        await hold_session(tx, ctx, user_id)
        row = await tx.fetchrow(store.FACTOR, user_id)
        late = row is None or row["created_at"] < clock.now() - timedelta(seconds=limits.CHALLENGE_S)
        if row is None or late or row["confirmed_at"] is not None:
            raise WrongCode
        step = await _step_of(row, user_id, code)
        if step is None or await tx.execute(store.CONFIRM_FACTOR, user_id, step, clock.now()) == 0:
            raise WrongCode
        codes = await _new_codes(tx, user_id)
        await _changed(tx, ctx, user_id, "app_added")
        await tx.execute(store.VERIFY_SESSION, ctx.session_id, clock.now())
    await attempt.forgive()
    forget_session(ctx.session_id)
    return codes


async def remove_second_factor(ctx: Ctx, *, code: str) -> None:
    """Takes the app and the codes for paper away, for who shows one of them. Raises WrongCode, TooManyAttempts."""
    user_id = person(ctx)
    await take_code(ctx, user_id, code)
    async with governing(ctx) as tx:
        await hold_session(tx, ctx, user_id)
        await tx.execute(store.REMOVE_FACTOR, user_id)
        await tx.execute(store.REMOVE_RECOVERY, user_id)
        await _changed(tx, ctx, user_id, "app_removed")
    forget_session(ctx.session_id)


async def renew_recovery_codes(ctx: Ctx, *, code: str) -> list[Secret[str]]:
    """Ten new codes for paper in place of those before, for who shows a code. Raises WrongCode, TooManyAttempts."""
    user_id = person(ctx)
    await take_code(ctx, user_id, code)
    async with governing(ctx) as tx:
        await hold_session(tx, ctx, user_id)
        codes = await _new_codes(tx, user_id)
        await _changed(tx, ctx, user_id, "codes_renewed")
    return codes


async def verify_second_factor(ctx: Ctx, *, code: str) -> None:
    """Shows the second factor again, for sensitive acts of the next minutes. Raises WrongCode, TooManyAttempts."""
    user_id = person(ctx)
    await take_code(ctx, user_id, code)
    await mark_verified(ctx)


async def mark_verified(ctx: Ctx) -> None:
    """Writes down that a second factor was shown in this session just now."""
    async with governing(ctx) as tx:
        await hold_session(tx, ctx, person(ctx))
        await tx.execute(store.VERIFY_SESSION, ctx.session_id, clock.now())
        await audit.record(tx, ctx, "session.verified", subject_kind="session", subject_id=ctx.session_id)
    forget_session(ctx.session_id)


async def complete_sign_in(stranger: Ctx, *, challenge: Secret[str], code: str) -> SignedIn:
    """The second step of signing in. Raises ChallengeInvalid, WrongCode, TooManyAttempts, TenantNotActive."""
    challenge_id, stranger = read_derived("challenge", challenge), stranger.visiting(None)
    if challenge_id is None:
        raise ChallengeInvalid
    async with governing(stranger) as tx:
        found = await tx.fetchrow(store.TRY_CHALLENGE, challenge_id, "CODE", clock.now(), limits.CHALLENGE_ATTEMPTS_MAX)
    if found is None:
        raise ChallengeInvalid
    user_id = UserId(found["user_id"])
    await take_code(stranger, user_id, code)
    async with governing(stranger) as tx:
        if await tx.fetchrow(store.USE_CHALLENGE, challenge_id, "CODE", clock.now()) is None:
            raise ChallengeInvalid
        user = await tx.fetchrow(store.USER_BY_ID, user_id)
    if user is None or user["disabled_at"] is not None:
        raise ChallengeInvalid
    if found["tenant_id"] is None:
        if user["platform_role"] is None:
            raise ChallengeInvalid
        return await begin_for_platform(stranger, user_id, PlatformRole(user["platform_role"]), verified=True)
    try:
        seat = await seat_at(stranger, user_id, TenantId(found["tenant_id"]))
    except WrongCredentials:
        raise ChallengeInvalid from None
    return await begin_for_member(stranger, user_id, seat, verified=True)


async def prove_again(ctx: Ctx, user_id: UserId, password: Secret[str] | None) -> Any:
    """The account's row, for who gave its password and holds no factor that was not shown lately."""
    await require_fresh(ctx, user_id)
    attempt = await count_attempt(ctx, account=f"user {user_id}")
    async with governing(ctx) as tx:
        user = await tx.fetchrow(store.USER_BY_ID, user_id)
    assert user is not None
    # Whom only a provider vouches for has none yet, and chooses one by mail first: what the account is bound to opens it
    # everywhere, and a provider is one tenant's.
    if not await verify_password(user["password_hash"], password if password is not None else Secret("")):
        raise WrongCredentials(signed_in=True)
    await attempt.forgive()
    return user


async def hold_session(tx: Tx, ctx: Ctx, user_id: UserId) -> None:
    """Refuses with Unauthenticated whose session has ended, and keeps it from ending before the transaction does.

    A process believes a token some seconds longer than it counts: long enough to bind a device to an account that was taken
    away from whoever does it. So what changes how an account opens looks itself; and the account is locked first, as it is
    by whoever takes it away.
    """
    await tx.execute(store.LOCK_USER, user_id)
    if await tx.fetchval(store.LIVE_SESSION, ctx.session_id, user_id, clock.now()) is None:
        raise Unauthenticated


async def require_fresh(ctx: Ctx, user_id: UserId) -> None:
    """Refuses with SecondFactorNeeded who has a second factor and did not show it in this session lately."""
    async with governing(ctx) as tx:
        has_factor = bool(await factors_of(tx, user_id))
        verified_at = await tx.fetchval(store.VERIFIED_AT, ctx.session_id)
    if has_factor and guarded_permissions(
        STEP_UP, has_factor=True, required=False, verified_at=verified_at, now=clock.now()
    ):
        raise SecondFactorNeeded("account", enrol=False)


async def take_code(ctx: Ctx, user_id: UserId, code: str) -> None:
    """Uses up a code of the app or one of those on paper; each counts once, also of two at the same moment."""
    attempt = await count_attempt(ctx, account=f"factor {user_id}")
    text = "".join(code.split()).replace("-", "").upper()
    person_ctx = replace(ctx, actor=ActorKind.MEMBER, actor_id=user_id)
    async with governing(person_ctx) as tx:
        if len(text) == _CODE_DIGITS:
            row = await tx.fetchrow(store.FACTOR, user_id)
            step = None if row is None else await _step_of(row, user_id, text)
            if step is None or await tx.execute(store.TAKE_STEP, user_id, step) == 0:
                raise WrongCode
        else:
            if await tx.execute(store.USE_RECOVERY, _code_hash(user_id, text), user_id, clock.now()) == 0:
                raise WrongCode
            await _changed(tx, person_ctx, user_id, "code_used")
    await attempt.forgive()


async def _step_of(row: Any, user_id: UserId, code: str) -> int | None:
    """The time step whose code this is, now or one step away, since clocks differ; None when it is none's."""
    opened = await keyring().open(row["secret_sealed"], aad=bound_to("second_factor", user_id, None))
    app, now = TOTP(opened.reveal().decode()), int(clock.now().timestamp()) // _STEP_S
    text = "".join(code.split())
    if not (text.isascii() and text.isdigit()):
        return None
    found = None
    for step in (now - 1, now, now + 1):
        if hmac.compare_digest(app.generate_otp(step), text):
            found = step
    return found


async def _new_codes(tx: Tx, user_id: UserId) -> list[Secret[str]]:
    codes = ["".join(secrets.choice(_SYMBOLS) for _ in range(_GROUPS * _GROUP)) for _ in range(limits.RECOVERY_CODES)]
    await tx.execute(store.REMOVE_RECOVERY, user_id)
    await tx.execute(store.ADD_RECOVERY, [_code_hash(user_id, code) for code in codes], user_id, clock.now())
    return [Secret("-".join(code[i : i + _GROUP] for i in range(0, len(code), _GROUP))) for code in codes]


def _code_hash(user_id: UserId, text: str) -> bytes:
    return keyed_hash(keyring().lookup_key, "recovery-code", f"{user_id}|{text}")


async def _changed(tx: Tx, ctx: Ctx, user_id: UserId, change: str) -> None:
    await audit.record(tx, ctx, f"account.{change}", subject_kind="user", subject_id=user_id)
    await outbox.announce(tx, (None, FactorChanged(user_id, change)))
