"""Who names somebody else's address first gets nothing by it, and keeps it from nobody."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pyotp.totp import TOTP

from fondaco_core import identity, limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing, transaction
from fondaco_core.errors import Unauthenticated
from fondaco_core.identity import (
    ChallengeInvalid,
    EmailTaken,
    InvitationInvalid,
    MemberRole,
    PasskeyInvalid,
    PlatformRole,
    WrongCode,
    WrongCredentials,
)
from fondaco_core.secret import Secret
from tests.core.identity.people import PASSWORD, Person, add_app, code_of, visitor
from tests.support.authenticator import Authenticator
from tests.support.clock import later
from tests.support.factories.identity import admin_ctx, make_member, make_member_ctx, make_user, some_email
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")
OWN = Secret("the owner's own password")


async def invite(owner: Ctx, email: str) -> Secret[str]:
    """A merchant asks whoever has an address in."""
    async with transaction(owner) as tx:
        _, token = await identity.invite_member(tx, owner, email=email, name="Rude name", role=MemberRole.SUPPORT)
    assert token is not None
    return token


async def claim(email: str) -> Secret[str]:
    """Makes the account of an address one of the platform's own people's."""
    ctx = admin_ctx()
    async with governing(ctx) as tx:
        _, token = await identity.invite_platform_user(tx, ctx, email=email, name="Own", role=PlatformRole.ADMIN)
    assert token is not None
    return token


async def test_a_merchant_that_invites_an_address_first_keeps_it_from_nobody() -> None:
    email = some_email()
    first, second = [await make_member_ctx(await make_tenant()) for _ in range(2)]
    squatted = await invite(first, email)

    token = await invite(second, email)
    reset = await claim(email)

    with pytest.raises(InvitationInvalid):
        await identity.accept_invitation(visitor(), token=squatted, password=Secret("a squatter's password of five"))
    await identity.reset_password(visitor(), token=reset, password=PASSWORD)
    own = await identity.sign_in(visitor(), email=email, password=PASSWORD)
    assert own.ctx.permissions == identity.PLATFORM_ADMIN_PERMISSIONS
    joined = await identity.accept_invitation(visitor(), token=token, password=PASSWORD)
    assert (joined.ctx.tenant_id, joined.ctx.actor_id) == (second.tenant, own.ctx.actor_id)


async def test_whatever_a_squatter_chose_opens_nothing_of_the_platforms() -> None:
    email, owner = some_email(), await make_member_ctx(await make_tenant())
    squatted = await invite(owner, email)
    squatter = await identity.accept_invitation(visitor(), token=squatted, password=PASSWORD)
    person = Person(email, owner.tenant, squatter)
    await add_app(person)

    reset = await claim(email)

    with pytest.raises(WrongCredentials):
        await identity.sign_in(visitor(), email=email, password=PASSWORD)
    with later(seconds=limits.CREDENTIAL_CACHE_S), pytest.raises(Unauthenticated):
        await person.ctx()
    await identity.reset_password(visitor(), token=reset, password=OWN)
    own = await identity.sign_in(visitor(), email=email, password=OWN)
    assert own.ctx.permissions == identity.PLATFORM_ADMIN_PERMISSIONS
    async with governing(admin_ctx()) as tx:
        assert await tx.fetchval("SELECT count(*) FROM second_factor WHERE user_id = $1", own.ctx.actor_id) == 0


async def test_who_is_handed_a_token_chooses_no_password_for_what_opens_another_merchant() -> None:
    email, mine, owner = some_email(), await make_tenant(), await make_member_ctx(await make_tenant())
    await make_member(mine, user_id=await make_user(email=email))
    handed = await invite(owner, email)

    with pytest.raises(InvitationInvalid):
        await identity.accept_invitation(visitor(), token=handed, password=PASSWORD)

    with pytest.raises(WrongCredentials):
        await identity.sign_in(visitor(), email=email, password=PASSWORD)


async def test_an_address_that_was_proved_is_its_owners() -> None:
    email = some_email()
    user_id = await make_user(email=email)
    async with governing(admin_ctx()) as tx:
        await tx.execute("UPDATE user_account SET email_verified_at = now() WHERE id = $1", user_id)

    with pytest.raises(EmailTaken):
        await claim(email)


async def squat(email: str) -> Person:
    """Somebody who accepts the invitation of an address that is not theirs, at a merchant of their own."""
    owner = await make_member_ctx(await make_tenant())
    token = await invite(owner, email)
    return Person(email, owner.tenant, await identity.accept_invitation(visitor(), token=token, password=PASSWORD))


async def sign_in_by(device: Authenticator) -> identity.SignedIn:
    """Whoever holds the device comes."""
    asked = await identity.begin_passkey_sign_in(visitor())
    device.count += 1
    return await identity.sign_in_with_passkey(
        visitor(), challenge=asked.challenge, credential=device.show(asked.options)
    )


async def claimed(person: Person) -> None:
    """The platform takes the address for one of its own."""
    await claim(person.email)


async def reset(person: Person) -> None:
    """The owner of the account chooses another password, by a token."""
    admin = admin_ctx()
    async with governing(admin) as tx:
        _, token = await identity.issue_password_reset(tx, admin, email=person.email)
    assert token is not None
    await identity.reset_password(visitor(), token=token, password=OWN)


async def changed(person: Person) -> None:
    """The owner of the account changes the password where they are signed in."""
    own = await identity.sign_in(visitor(), email=person.email, password=PASSWORD)
    await identity.change_password(own.ctx, current=PASSWORD, chosen=OWN)


TAKEN_AWAY = [claimed, reset, changed]


@pytest.mark.parametrize("taken_away", TAKEN_AWAY)
async def test_a_passkey_begun_before_an_account_is_taken_away_is_never_added(
    taken_away: Callable[[Person], Awaitable[None]],
) -> None:
    person, device = await squat(some_email()), Authenticator()
    asked = await identity.begin_passkey(await person.ctx(), password=PASSWORD)

    await taken_away(person)

    # The process still believes the session.
    believed = await person.ctx()
    with pytest.raises((ChallengeInvalid, Unauthenticated)):
        await identity.add_passkey(
            believed, challenge=asked.challenge, credential=device.make(asked.options), name="Mine"
        )
    with pytest.raises(PasskeyInvalid):
        await sign_in_by(device)


@pytest.mark.parametrize("taken_away", TAKEN_AWAY)
async def test_a_session_that_has_ended_binds_nothing_while_it_is_still_believed(
    taken_away: Callable[[Person], Awaitable[None]],
) -> None:
    person = await squat(some_email())
    pending = await identity.begin_second_factor(await person.ctx(), password=PASSWORD)

    await taken_away(person)

    believed, code = await person.ctx(), code_of(TOTP(pending.secret.reveal()))
    for attempt in (
        identity.confirm_second_factor(believed, code=code),
        identity.begin_second_factor(believed, password=OWN),
        identity.begin_passkey(believed, password=OWN),
        identity.change_password(believed, current=OWN, chosen=PASSWORD),
    ):
        with pytest.raises((Unauthenticated, WrongCode, WrongCredentials)):
            await attempt
    async with governing(admin_ctx()) as tx:
        assert not await tx.fetchval("SELECT count(*) FROM second_factor WHERE user_id = $1", believed.actor_id)
        assert not await tx.fetchval("SELECT count(*) FROM sign_in_challenge WHERE user_id = $1", believed.actor_id)


async def test_of_a_passkey_and_a_claim_at_the_same_moment_no_passkey_stays() -> None:
    for _ in range(4):
        person, device = await squat(some_email()), Authenticator()
        ctx = await person.ctx()
        asked = await identity.begin_passkey(ctx, password=PASSWORD)
        credential = device.make(asked.options)

        await asyncio.gather(
            identity.add_passkey(ctx, challenge=asked.challenge, credential=credential, name="Mine"),
            claim(person.email),
            return_exceptions=True,
        )

        with pytest.raises(PasskeyInvalid):
            await sign_in_by(device)
