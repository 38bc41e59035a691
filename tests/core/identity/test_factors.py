"""Second factors: an app of codes, codes on paper, and what needs them."""

import asyncio
from dataclasses import replace

import pytest

from fondaco_core import clock, identity, limits
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.crypto import keyed_hash
from fondaco_core.db import governing, transaction
from fondaco_core.errors import SecondFactorNeeded, Unauthenticated
from fondaco_core.identity import (
    ChallengeInvalid,
    FactorKind,
    MemberRole,
    SecondFactorExists,
    SecondFactorRequired,
    WrongCode,
    WrongCredentials,
)
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from tests.core.identity.people import PASSWORD, Person, add_app, code_of, make_admin, make_person, visitor
from tests.support.clock import later
from tests.support.factories.customers import make_customer_ctx
from tests.support.factories.identity import admin_ctx

pytestmark = pytest.mark.usefixtures("database")


async def challenge_of(person: Person) -> SecondFactorRequired:
    with pytest.raises(SecondFactorRequired) as required:
        await identity.sign_in(visitor(), email=person.email, password=PASSWORD)
    return required.value


async def test_an_app_counts_once_a_code_of_it_was_shown() -> None:
    person = await make_person()

    pending = await identity.begin_second_factor(await person.ctx(), password=PASSWORD)

    assert await identity.sign_in(visitor(), email=person.email, password=PASSWORD)
    assert pending.uri.reveal().startswith("otpauth://totp/Fondaco")
    assert "<svg" in pending.qr_svg.reveal()
    with pytest.raises(WrongCode):
        await identity.confirm_second_factor(await person.ctx(), code="000000")


async def test_signing_in_takes_two_steps_then() -> None:
    person = await make_person()
    app, codes = await add_app(person)

    required = await challenge_of(person)
    with later(seconds=60):
        signed_in = await identity.complete_sign_in(visitor(), challenge=required.challenge, code=code_of(app))

    assert len(codes) == limits.RECOVERY_CODES
    assert required.kinds == [FactorKind.APP, FactorKind.RECOVERY_CODE]
    assert signed_in.ctx.tenant_id == person.tenant_id
    assert signed_in.ctx.guarded == frozenset()


@pytest.mark.parametrize("act", ["codes.reveal", "codes.export", "members.edit", "clients.edit"])
async def test_a_stolen_session_gets_at_no_code_without_the_second_factor(act: str) -> None:
    person = await make_person()
    await add_app(person)

    with later(minutes=limits.SECOND_FACTOR_FRESH_MIN, seconds=1):
        ctx = await person.ctx()
        with pytest.raises(SecondFactorNeeded):
            ctx.require(act)


@pytest.mark.parametrize("act", ["platform.gateways", "platform.keys", "platform.wallets", "platform.people"])
async def test_a_stolen_session_of_the_platform_makes_no_money_and_ends_no_keys(act: str) -> None:
    admin = await make_admin()
    await add_app(admin)

    with later(minutes=limits.SECOND_FACTOR_FRESH_MIN, seconds=1):
        ctx = await admin.ctx()
        with pytest.raises(SecondFactorNeeded):
            ctx.require(act)


async def test_a_code_is_taken_once_also_by_two_at_the_same_moment() -> None:
    person = await make_person()
    app, _ = await add_app(person)
    first, second = await challenge_of(person), await challenge_of(person)

    with later(seconds=60):
        code = code_of(app)
        outcomes = await asyncio.gather(
            *(identity.complete_sign_in(visitor(), challenge=each.challenge, code=code) for each in (first, second)),
            return_exceptions=True,
        )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["SignedIn", "WrongCode"]


async def test_a_code_on_paper_is_taken_once_also_by_two_at_the_same_moment() -> None:
    person = await make_person()
    _, codes = await add_app(person)
    first, second = await challenge_of(person), await challenge_of(person)

    outcomes = await asyncio.gather(
        *(
            identity.complete_sign_in(visitor(), challenge=each.challenge, code=codes[0].lower())
            for each in (first, second)
        ),
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["SignedIn", "WrongCode"]
    assert (await identity.own_factors(await person.ctx())).codes_left == limits.RECOVERY_CODES - 1


async def test_a_challenge_holds_once_for_a_while_and_for_a_few_tries() -> None:
    person = await make_person()
    _, codes = await add_app(person)
    used, old, tried = [await challenge_of(person) for _ in range(3)]
    await identity.complete_sign_in(visitor(), challenge=used.challenge, code=codes[0])
    for _ in range(limits.CHALLENGE_ATTEMPTS_MAX):
        with pytest.raises(WrongCode):
            await identity.complete_sign_in(visitor(), challenge=tried.challenge, code="000000")

    for challenge in (used.challenge, tried.challenge, Secret("fd_challenge_no"), Secret("")):
        with pytest.raises(ChallengeInvalid):
            await identity.complete_sign_in(visitor(), challenge=challenge, code=codes[1])
    with later(seconds=limits.CHALLENGE_S + 1), pytest.raises(ChallengeInvalid):
        await identity.complete_sign_in(visitor(), challenge=old.challenge, code=codes[1])


async def test_another_persons_code_opens_nothing() -> None:
    person, other = await make_person(), await make_person()
    await add_app(person)
    _, codes = await add_app(other)

    with pytest.raises(WrongCode):
        await identity.complete_sign_in(visitor(), challenge=(await challenge_of(person)).challenge, code=codes[0])


async def test_a_stolen_session_binds_no_app_of_its_own() -> None:
    person = await make_person()

    with pytest.raises(WrongCredentials) as refused:
        await identity.begin_second_factor(await person.ctx(), password=Secret("not the password"))
    # Nobody asked for a name.
    assert (refused.value.message, refused.value.message_zh) == ("The password is wrong.", "密码错误。")
    await add_app(person)
    with pytest.raises(SecondFactorExists):
        await identity.begin_second_factor(await person.ctx(), password=PASSWORD)


@pytest.mark.parametrize("role", [MemberRole.OWNER, MemberRole.SUPPORT])
async def test_who_has_a_factor_shows_it_lately_to_change_factors(role: MemberRole) -> None:
    person = await make_person(role)
    await add_app(person)

    with later(minutes=limits.SECOND_FACTOR_FRESH_MIN + 1), pytest.raises(SecondFactorNeeded):
        await identity.begin_passkey(await person.ctx(), password=PASSWORD)


async def test_sensitive_acts_ask_for_the_factor_again_after_a_while() -> None:
    person = await make_person()
    app, _ = await add_app(person)
    now = await person.ctx()
    now.require("members.edit")

    with later(minutes=limits.SECOND_FACTOR_FRESH_MIN + 1):
        ctx = await person.ctx()
        ctx.require("orders.read")
        for permission in ("members.edit", "clients.edit", "codes.reveal"):
            with pytest.raises(SecondFactorNeeded) as needed:
                ctx.require(permission)
            assert not needed.value.enrol
        await identity.verify_second_factor(ctx, code=code_of(app))
        (await person.ctx()).require("members.edit")


async def test_who_has_none_is_not_asked() -> None:
    person = await make_person()

    with later(minutes=limits.SECOND_FACTOR_FRESH_MIN + 1):
        (await person.ctx()).require("codes.reveal")


async def test_a_merchant_may_want_a_factor_of_all_its_people() -> None:
    person, colleague = await make_person(), await make_person()
    ctx = await person.ctx()
    async with transaction(ctx) as tx:
        await identity.require_second_factor(tx, ctx, required=True)

    with later(seconds=limits.CREDENTIAL_CACHE_S + 1):
        held = await person.ctx()
        with pytest.raises(SecondFactorNeeded) as needed:
            held.require("orders.read")
        assert needed.value.enrol
        await add_app(person)
        (await person.ctx()).require("orders.read")
        (await colleague.ctx()).require("orders.read")


async def test_the_platforms_people_need_one_but_on_ones_own_machine() -> None:
    admin = await make_admin()
    (await admin.ctx()).require("platform.read")
    identity.open_identity(Settings(profile="production"))
    try:
        with later(seconds=limits.CREDENTIAL_CACHE_S + 1):
            held = await admin.ctx()
            with pytest.raises(SecondFactorNeeded) as needed:
                held.require("platform.read")
            assert needed.value.enrol
            await add_app(admin)
            (await admin.ctx()).require("platform.read")
    finally:
        identity.open_identity(Settings())


async def test_taking_the_app_away_takes_the_codes_away() -> None:
    person = await make_person()
    _, codes = await add_app(person)

    with pytest.raises(WrongCode):
        await identity.remove_second_factor(await person.ctx(), code="ABCD")
    await identity.remove_second_factor(await person.ctx(), code=codes[0])

    assert await identity.own_factors(await person.ctx()) == identity.OwnFactors(app=False, passkey=False, codes_left=0)
    assert await identity.sign_in(visitor(), email=person.email, password=PASSWORD)


async def test_new_codes_end_those_before() -> None:
    person = await make_person()
    _, codes = await add_app(person)

    renewed = await identity.renew_recovery_codes(await person.ctx(), code=codes[0])

    with pytest.raises(WrongCode):
        await identity.verify_second_factor(await person.ctx(), code=codes[1])
    await identity.verify_second_factor(await person.ctx(), code=renewed[0].reveal())


async def test_buyers_and_strangers_have_no_factors_here() -> None:
    person = await make_person()
    buyer = await make_customer_ctx(person.tenant_id)

    for ctx in (Ctx(), buyer, replace(await person.ctx(), actor_id=None)):
        with pytest.raises(Unauthenticated):
            await identity.own_factors(ctx)


async def test_what_is_stored_opens_nothing_by_itself() -> None:
    person = await make_person()
    app, codes = await add_app(person)
    ctx = await person.ctx()

    async with governing(ctx) as tx:
        factor = await tx.fetchrow("SELECT * FROM second_factor WHERE user_id = $1", ctx.actor_id)
        hashes = await tx.fetch("SELECT code_hash FROM recovery_code WHERE user_id = $1", ctx.actor_id)

    assert factor is not None
    assert app.secret.encode() not in factor["secret_sealed"]
    plain = codes[0].replace("-", "")
    assert plain.encode() not in b"".join(row["code_hash"] for row in hashes)
    expected = keyed_hash(keyring().lookup_key, "recovery-code", f"{ctx.actor_id}|{plain}")
    assert expected in {row["code_hash"] for row in hashes}
    assert factor["confirmed_at"] <= clock.now()


@pytest.mark.parametrize(("proved", "kept"), [(False, 0), (True, 1)])
async def test_who_took_an_address_first_is_out_once_its_owner_has_reset_the_password(
    *, proved: bool, kept: int
) -> None:
    person = await make_person()
    await add_app(person)
    admin = admin_ctx()
    async with governing(admin) as tx:
        user_id = await tx.fetchval("SELECT id FROM user_account WHERE email = $1", person.email)
        if proved:
            await tx.execute("UPDATE user_account SET email_verified_at = now() WHERE id = $1", user_id)
        _, token = await identity.issue_password_reset(tx, admin, email=person.email)
    assert token is not None

    await identity.reset_password(visitor(), token=token, password=Secret("another one of five words"))

    async with governing(admin) as tx:
        assert await tx.fetchval("SELECT count(*) FROM second_factor WHERE user_id = $1", user_id) == kept
