"""Passkeys (WebAuthn): a device proves that it holds a key and that its owner was there; that is both factors at once."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import governing
from fondaco_core.errors import NotFound
from fondaco_core.identity import store
from fondaco_core.identity.derived import derived_bytes, derived_token, read_derived
from fondaco_core.identity.errands.attempts import count_beginning
from fondaco_core.identity.errands.authenticate import forget_session
from fondaco_core.identity.errands.begin import SignedIn, begin
from fondaco_core.identity.errands.factors import (
    ISSUER,
    hold_session,
    mark_verified,
    person,
    prove_again,
    require_fresh,
)
from fondaco_core.identity.errors import ChallengeInvalid, LimitReached, PasskeyInvalid
from fondaco_core.identity.events import FactorChanged
from fondaco_core.identity.ways import ways
from fondaco_core.ids import UserId, new_id
from fondaco_core.secret import Secret


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser is to be asked, as `navigator.credentials` takes it in JSON, and the token to come back with."""

    challenge: Secret[str]
    options: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Passkey:
    """One of one's own passkeys."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


async def list_passkeys(ctx: Ctx) -> list[Passkey]:
    """One's own passkeys, the oldest first."""
    user_id = person(ctx)
    async with governing(ctx) as tx:
        rows = await tx.fetch(store.PASSKEYS, user_id)
    return [Passkey(row["id"], row["name"], row["created_at"], row["last_used_at"]) for row in rows]


async def begin_passkey(ctx: Ctx, *, password: Secret[str] | None) -> Asked:
    """Asks a device for a new passkey. Raises WrongCredentials, TooManyAttempts, LimitReached, SecondFactorNeeded."""
    user_id = person(ctx)
    user = await prove_again(ctx, user_id, password)
    async with governing(ctx) as tx:
        known = await tx.fetch(store.PASSKEYS, user_id)
    if len(known) >= limits.PASSKEYS_MAX:
        raise LimitReached(limits.PASSKEYS_MAX)
    challenge_id, ends = await _ask(ctx, "PASSKEY_NEW", user_id)
    options = generate_registration_options(
        rp_id=ways().host, rp_name=ISSUER, user_id=user_id.bytes, user_name=user["email"], user_display_name=user["name"],
        challenge=derived_bytes("passkey", challenge_id),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=row["credential_id"]) for row in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )  # fmt: skip
    return Asked(derived_token("passkey", challenge_id), options_to_json(options), ends)


async def add_passkey(ctx: Ctx, *, challenge: Secret[str], credential: str, name: str) -> Passkey:
    """Keeps the passkey that a device made. Raises ChallengeInvalid, PasskeyInvalid."""
    user_id, called = person(ctx), tenancy.checked_name(name)
    challenge_id, found = await _use(ctx, "PASSKEY_NEW", challenge)
    if found["user_id"] != user_id:
        raise ChallengeInvalid
    try:
        made = verify_registration_response(
            credential=_read(credential), expected_challenge=derived_bytes("passkey", challenge_id),
            expected_rp_id=ways().host, expected_origin=ways().origin, require_user_verification=True,
        )  # fmt: skip
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise PasskeyInvalid from None
    passkey, now = new_id(), clock.now()
    async with governing(ctx) as tx:
        await hold_session(tx, ctx, user_id)
        if len(await tx.fetch(store.PASSKEYS, user_id)) >= limits.PASSKEYS_MAX:
            raise LimitReached(limits.PASSKEYS_MAX)
        added = await tx.execute(
            store.ADD_PASSKEY,
            passkey,
            user_id,
            made.credential_id,
            made.credential_public_key,
            made.sign_count,
            called,
            now,
        )
        if added == 0:
            raise PasskeyInvalid
        await tx.execute(store.VERIFY_SESSION, ctx.session_id, now)
        await audit.record(tx, ctx, "account.passkey_added", subject_kind="user", subject_id=user_id)
        await outbox.announce(tx, (None, FactorChanged(user_id, "passkey_added")))
    forget_session(ctx.session_id)
    return Passkey(passkey, called, now, None)


async def rename_passkey(ctx: Ctx, *, passkey_id: UUID, name: str) -> Passkey:
    """Calls one of one's own passkeys something else. Raises NotFound, SecondFactorNeeded.

    By the name its owner knows which one to take away, so that a stolen session does not change it.
    """
    user_id, called = person(ctx), tenancy.checked_name(name)
    await require_fresh(ctx, user_id)
    async with governing(ctx) as tx:
        await hold_session(tx, ctx, user_id)
        if await tx.execute(store.RENAME_PASSKEY, passkey_id, user_id, called) == 0:
            raise NotFound("passkey")
    return next(each for each in await list_passkeys(ctx) if each.id == passkey_id)


async def remove_passkey(ctx: Ctx, *, passkey_id: UUID) -> None:
    """Takes one of one's own passkeys away; who has a second factor has shown it lately. Raises NotFound, SecondFactorNeeded."""
    user_id = person(ctx)
    await require_fresh(ctx, user_id)
    async with governing(ctx) as tx:
        await hold_session(tx, ctx, user_id)
        if await tx.execute(store.REMOVE_PASSKEY, passkey_id, user_id) == 0:
            raise NotFound("passkey")
        await audit.record(tx, ctx, "account.passkey_removed", subject_kind="user", subject_id=user_id)
        await outbox.announce(tx, (None, FactorChanged(user_id, "passkey_removed")))
    forget_session(ctx.session_id)


async def begin_passkey_sign_in(stranger: Ctx) -> Asked:
    """Asks a device for whichever passkey it has for this installation; nobody is named. Raises TooManyAttempts."""
    await count_beginning(stranger)
    challenge_id, ends = await _ask(stranger.visiting(None), "PASSKEY", None)
    options = generate_authentication_options(
        rp_id=ways().host, challenge=derived_bytes("passkey", challenge_id),
        user_verification=UserVerificationRequirement.REQUIRED,
    )  # fmt: skip
    return Asked(derived_token("passkey", challenge_id), options_to_json(options), ends)


async def sign_in_with_passkey(
    stranger: Ctx, *, challenge: Secret[str], credential: str, tenant: str | None = None
) -> SignedIn:
    """Signs in who holds the passkey, both factors at once.

    Raises ChallengeInvalid, PasskeyInvalid, TenantChoiceNeeded (begin again, and say which), WrongCredentials, TenantNotActive.
    """
    stranger = stranger.visiting(None)
    user_id, role = await _prove(stranger, challenge, credential)
    return await begin(stranger, user_id, role, tenant, verified=True)


async def verify_with_passkey(ctx: Ctx, *, challenge: Secret[str], credential: str) -> None:
    """Shows the second factor again by a passkey, for sensitive acts of the next minutes. Raises ChallengeInvalid, PasskeyInvalid."""
    user_id = person(ctx)
    proved, _ = await _prove(ctx, challenge, credential)
    if proved != user_id:
        raise PasskeyInvalid
    await mark_verified(ctx)


async def _prove(ctx: Ctx, challenge: Secret[str], credential: str) -> tuple[UserId, str | None]:
    challenge_id, _ = await _use(ctx, "PASSKEY", challenge)
    shown = _read(credential)
    async with governing(ctx) as tx:
        row = await tx.fetchrow(store.FIND_PASSKEY, _credential_id(shown))
    if row is None:
        raise PasskeyInvalid
    try:
        proved = verify_authentication_response(
            credential=shown, expected_challenge=derived_bytes("passkey", challenge_id), expected_rp_id=ways().host,
            expected_origin=ways().origin, credential_public_key=row["public_key"],
            credential_current_sign_count=row["sign_count"], require_user_verification=True,
        )  # fmt: skip
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise PasskeyInvalid from None
    async with governing(ctx) as tx:
        if await tx.execute(store.PASSKEY_USED, row["id"], proved.new_sign_count, clock.now()) == 0:
            raise PasskeyInvalid
    return UserId(row["user_id"]), row["platform_role"]


async def _ask(ctx: Ctx, purpose: str, user_id: UserId | None) -> tuple[UUID, datetime]:
    challenge_id, now = new_id(), clock.now()
    ends = now + timedelta(seconds=limits.CHALLENGE_S)
    async with governing(ctx) as tx:
        if user_id is not None:
            await hold_session(tx, ctx, user_id)
        await tx.execute(store.ADD_CHALLENGE, challenge_id, purpose, user_id, None, None, now, ends)
    return challenge_id, ends


async def _use(ctx: Ctx, purpose: str, challenge: Secret[str]) -> tuple[UUID, Any]:
    """Uses a challenge up, whatever comes of it: an answer is tried once."""
    challenge_id = read_derived("passkey", challenge)
    found = None
    if challenge_id is not None:
        async with governing(ctx) as tx:
            found = await tx.fetchrow(store.USE_CHALLENGE, challenge_id, purpose, clock.now())
    if challenge_id is None or found is None:
        raise ChallengeInvalid
    return challenge_id, found


def _read(credential: str) -> dict[str, Any]:
    try:
        found = orjson.loads(credential)
    except orjson.JSONDecodeError:
        raise PasskeyInvalid from None
    if not isinstance(found, dict):
        raise PasskeyInvalid
    return found


def _credential_id(shown: dict[str, Any]) -> bytes:
    raw = shown.get("rawId")
    try:
        return base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)) if isinstance(raw, str) else b""
    except ValueError:
        raise PasskeyInvalid from None
