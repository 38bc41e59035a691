"""Passkeys: made by a device in software, shown, and lied with."""

import asyncio
import json
from uuid import uuid4

import pytest

from fondaco_core import identity, limits
from fondaco_core.context import ActorKind
from fondaco_core.errors import NotFound, SecondFactorNeeded
from fondaco_core.identity import (
    ChallengeInvalid,
    PasskeyInvalid,
    SecondFactorRequired,
    TenantChoiceNeeded,
    TooManyAttempts,
)
from fondaco_core.ids import UserId
from fondaco_core.secret import Secret
from tests.core.identity.people import PASSWORD, Person, make_admin, make_person, visitor
from tests.support.authenticator import Authenticator
from tests.support.clock import later
from tests.support.factories.identity import make_member
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")


async def add(person: Person, device: Authenticator) -> identity.Passkey:
    ctx = await person.ctx()
    asked = await identity.begin_passkey(ctx, password=PASSWORD)
    return await identity.add_passkey(
        ctx, challenge=asked.challenge, credential=device.make(asked.options), name="My phone"
    )


async def sign_in(device: Authenticator) -> identity.SignedIn:
    asked = await identity.begin_passkey_sign_in(visitor())
    device.count += 1
    return await identity.sign_in_with_passkey(
        visitor(), challenge=asked.challenge, credential=device.show(asked.options)
    )


async def test_a_passkey_signs_in_without_a_password_and_is_both_factors() -> None:
    person, device = await make_person(), Authenticator()
    await add(person, device)

    signed_in = await sign_in(device)

    assert (signed_in.ctx.actor, signed_in.ctx.tenant_id) == (ActorKind.MEMBER, person.tenant_id)
    signed_in.ctx.require("codes.reveal")
    [passkey] = await identity.list_passkeys(await person.ctx())
    assert passkey.last_used_at is not None


async def test_the_platforms_people_have_passkeys_too() -> None:
    admin, device = await make_admin(), Authenticator()
    await add(admin, device)

    assert (await sign_in(device)).ctx.actor is ActorKind.PLATFORM_ADMIN


async def test_who_has_a_passkey_is_asked_for_it_after_the_password() -> None:
    person, device = await make_person(), Authenticator()
    await add(person, device)

    with pytest.raises(SecondFactorRequired) as required:
        await identity.sign_in(visitor(), email=person.email, password=PASSWORD)

    assert required.value.kinds == [identity.FactorKind.PASSKEY]


async def test_whoever_begins_again_and_again_closes_the_door_to_themselves_alone() -> None:
    person, device, guest = await make_person(), Authenticator(), visitor()
    await add(person, device)
    for _ in range(limits.SIGN_IN_ADDRESS_ATTEMPTS_MAX):
        await identity.begin_passkey_sign_in(guest)

    with pytest.raises(TooManyAttempts):
        await identity.begin_passkey_sign_in(guest)

    assert (await sign_in(device)).ctx.tenant_id == person.tenant_id


async def test_an_answer_counts_once() -> None:
    person, device = await make_person(), Authenticator()
    await add(person, device)
    asked = await identity.begin_passkey_sign_in(visitor())
    device.count += 1
    credential = device.show(asked.options)

    outcomes = await asyncio.gather(
        *(identity.sign_in_with_passkey(visitor(), challenge=asked.challenge, credential=credential) for _ in range(3)),
        return_exceptions=True,
    )

    names = sorted(type(outcome).__name__ for outcome in outcomes)
    assert names == ["ChallengeInvalid", "ChallengeInvalid", "SignedIn"]


@pytest.mark.parametrize("lie", ["origin", "unverified", "count", "key", "unknown", "garbage", "empty"])
async def test_what_proves_nothing_opens_nothing(lie: str) -> None:
    person, device = await make_person(), Authenticator()
    await add(person, device)
    await sign_in(device)
    asked = await identity.begin_passkey_sign_in(visitor())
    match lie:
        case "origin":
            device.origin = "https://evil.example"
        case "unverified":
            device.verifies = False
        case "count":
            device.count = 0
        case "key":
            device = Authenticator(credential_id=device.credential_id, count=9)
        case "unknown":
            device = Authenticator(count=9)
        case _:
            device.count += 1
    credential = {"garbage": "{", "empty": "{}"}.get(lie) or device.show(asked.options)

    with pytest.raises(PasskeyInvalid):
        await identity.sign_in_with_passkey(visitor(), challenge=asked.challenge, credential=credential)
    with pytest.raises(ChallengeInvalid):
        await identity.sign_in_with_passkey(visitor(), challenge=asked.challenge, credential=credential)


async def test_an_answer_to_another_challenge_is_none() -> None:
    person, device = await make_person(), Authenticator()
    await add(person, device)
    first, second = [await identity.begin_passkey_sign_in(visitor()) for _ in range(2)]
    device.count += 1

    with pytest.raises(PasskeyInvalid):
        await identity.sign_in_with_passkey(
            visitor(), challenge=second.challenge, credential=device.show(first.options)
        )
    with later(seconds=limits.CHALLENGE_S + 1), pytest.raises(ChallengeInvalid):
        await identity.sign_in_with_passkey(visitor(), challenge=first.challenge, credential=device.show(first.options))


async def test_a_passkey_is_made_for_who_began_alone() -> None:
    person, other, device = await make_person(), await make_person(), Authenticator()
    asked = await identity.begin_passkey(await person.ctx(), password=PASSWORD)
    made = device.make(asked.options)

    with pytest.raises(ChallengeInvalid):
        await identity.add_passkey(await other.ctx(), challenge=asked.challenge, credential=made, name="Mine")
    assert await identity.list_passkeys(await other.ctx()) == []


async def test_a_device_offers_itself_to_one_account_alone() -> None:
    person, other, device = await make_person(), await make_person(), Authenticator()
    await add(person, device)

    with pytest.raises(PasskeyInvalid):
        await add(other, device)


async def test_a_passkey_is_renamed_and_removed_by_its_owner_alone() -> None:
    person, other, device = await make_person(), await make_person(), Authenticator()
    passkey = await add(person, device)

    for act in (
        identity.rename_passkey(await other.ctx(), passkey_id=passkey.id, name="Theirs"),
        identity.remove_passkey(await other.ctx(), passkey_id=passkey.id),
        identity.remove_passkey(await person.ctx(), passkey_id=uuid4()),
    ):
        with pytest.raises(NotFound):
            await act
    renamed = await identity.rename_passkey(await person.ctx(), passkey_id=passkey.id, name="My laptop")
    await identity.remove_passkey(await person.ctx(), passkey_id=passkey.id)

    assert renamed.name == "My laptop"
    with pytest.raises(PasskeyInvalid):
        await sign_in(device)


async def test_who_has_not_shown_a_factor_lately_changes_no_passkey() -> None:
    person, device = await make_person(), Authenticator()
    passkey = await add(person, device)

    with later(minutes=limits.SECOND_FACTOR_FRESH_MIN + 1):
        ctx = await person.ctx()
        for act in (
            identity.rename_passkey(ctx, passkey_id=passkey.id, name="Lost phone"),
            identity.remove_passkey(ctx, passkey_id=passkey.id),
        ):
            with pytest.raises(SecondFactorNeeded):
                await act

        assert [each.name for each in await identity.list_passkeys(ctx)] == ["My phone"]


async def test_a_passkey_shown_again_counts_for_sensitive_acts() -> None:
    person, device = await make_person(), Authenticator()
    await add(person, device)

    with later(minutes=limits.SECOND_FACTOR_FRESH_MIN + 1):
        ctx = await person.ctx()
        asked = await identity.begin_passkey_sign_in(visitor())
        device.count += 1
        await identity.verify_with_passkey(ctx, challenge=asked.challenge, credential=device.show(asked.options))
        (await person.ctx()).require("members.edit")


async def test_who_works_for_several_says_for_which() -> None:
    person, device = await make_person(), Authenticator()
    await add(person, device)
    actor_id = (await person.ctx()).actor_id
    assert actor_id is not None
    await make_member(await make_tenant(), user_id=UserId(actor_id))

    with pytest.raises(TenantChoiceNeeded):
        await sign_in(device)


async def test_options_name_this_installation_and_nobody() -> None:
    asked = await identity.begin_passkey_sign_in(visitor())

    options = json.loads(asked.options)
    assert options["rpId"] == "127.0.0.1"
    assert options.get("allowCredentials", []) == []
    assert options["userVerification"] == "required"
    assert Secret(options["challenge"]) != asked.challenge
