"""Signing in and out, on a real database as the restricted roles."""

import asyncio
from uuid import uuid4

import pytest

from fondaco_core import audit, identity, limits, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import governing, reading
from fondaco_core.errors import NotAllowed, NotFound, Unauthenticated
from fondaco_core.identity import (
    MemberRole,
    PlatformRole,
    ResetInvalid,
    TenantChoiceNeeded,
    TooManyAttempts,
    WeakPassword,
    WrongCredentials,
)
from fondaco_core.ids import TenantId
from fondaco_core.secret import Secret
from fondaco_core.tenancy import TenantNotActive
from tests.support.clock import later
from tests.support.factories.identity import admin_ctx, make_member, make_user, some_email
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")

PASSWORD = Secret("a password of four words")
WRONG = Secret("some other password")


def visitor() -> Ctx:
    """Somebody at an address of their own, so that no test waits for another's wrong passwords."""
    return Ctx(request_id=uuid4().hex, ip=f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1")


async def make_person(*tenants: TenantId, role: MemberRole = MemberRole.OWNER) -> str:
    email = some_email()
    user_id = await make_user(email=email, password=PASSWORD.reveal())
    for tenant_id in tenants:
        await make_member(tenant_id, user_id=user_id, role=role)
    return email


async def test_a_member_signs_in_for_their_tenant() -> None:
    tenant_id = await make_tenant()
    email = await make_person(tenant_id, role=MemberRole.FINANCE)

    signed_in = await identity.sign_in(visitor(), email=f" {email.upper()} ", password=PASSWORD)

    assert (signed_in.ctx.actor, signed_in.ctx.tenant_id) == (ActorKind.MEMBER, tenant_id)
    assert signed_in.ctx.permissions == identity.ROLE_PERMISSIONS[MemberRole.FINANCE]
    asked = await identity.authenticate_bearer(signed_in.session.token, visitor())
    assert asked.actor_id == signed_in.ctx.actor_id
    assert asked.session_id == signed_in.session.id


async def test_who_belongs_to_several_says_for_which() -> None:
    slugs = sorted(f"t-{uuid4().hex[:16]}" for _ in range(2))
    first, second = [await make_tenant(slug=slug) for slug in slugs]
    email = await make_person(first, second)

    with pytest.raises(TenantChoiceNeeded) as choice:
        await identity.sign_in(visitor(), email=email, password=PASSWORD)
    signed_in = await identity.sign_in(visitor(), email=email, password=PASSWORD, tenant=slugs[1])

    assert choice.value.tenants == slugs
    assert signed_in.ctx.tenant_id == second


async def test_a_tenant_one_does_not_belong_to_is_as_wrong_as_a_password() -> None:
    slug = f"t-{uuid4().hex[:16]}"
    await make_tenant(slug=slug)
    email = await make_person(await make_tenant())

    for tenant in (slug, "no-such-tenant"):
        with pytest.raises(WrongCredentials):
            await identity.sign_in(visitor(), email=email, password=PASSWORD, tenant=tenant)


async def test_who_belongs_nowhere_does_not_get_in() -> None:
    email = await make_person()

    with pytest.raises(WrongCredentials):
        await identity.sign_in(visitor(), email=email, password=PASSWORD)


@pytest.mark.parametrize("role", list(PlatformRole))
async def test_the_platforms_own_people_sign_in_without_a_tenant(role: PlatformRole) -> None:
    email = some_email()
    await make_user(email=email, password=PASSWORD.reveal(), platform_role=role)

    signed_in = await identity.sign_in(visitor(), email=email, password=PASSWORD)

    asked = await identity.authenticate_bearer(signed_in.session.token, visitor())
    assert (asked.actor, asked.tenant_id) == (ActorKind.PLATFORM_ADMIN, None)
    assert asked.has("platform.read")
    assert asked.has("platform.tenants") == (role is PlatformRole.ADMIN)


async def test_a_wrong_name_and_a_wrong_password_are_one_answer() -> None:
    email = await make_person(await make_tenant())

    answers: list[tuple[type, str]] = []
    for name, password in ((email, WRONG), (some_email(), PASSWORD), ("no address at all", PASSWORD), ("", PASSWORD)):
        with pytest.raises(WrongCredentials) as refused:
            await identity.sign_in(visitor(), email=name, password=password)
        answers.append((type(refused.value), refused.value.message))

    assert len(set(answers)) == 1


async def test_a_person_without_a_password_does_not_get_in() -> None:
    email = some_email()
    await make_member(await make_tenant(), user_id=await make_user(email=email))

    with pytest.raises(WrongCredentials):
        await identity.sign_in(visitor(), email=email, password=Secret(""))


@pytest.mark.parametrize("known", [True, False])
async def test_guessing_is_stopped_whether_the_account_exists_or_not(known: bool) -> None:  # noqa: FBT001
    email = await make_person(await make_tenant()) if known else some_email()
    guesser = visitor()
    for _ in range(limits.SIGN_IN_ATTEMPTS_MAX):
        with pytest.raises(WrongCredentials):
            await identity.sign_in(guesser, email=email, password=WRONG)

    with pytest.raises(TooManyAttempts) as stopped:
        await identity.sign_in(guesser, email=email, password=PASSWORD)

    assert 0 < stopped.value.retry_after_s <= limits.SIGN_IN_WINDOW_S


async def test_guesses_at_the_same_moment_are_all_counted() -> None:
    email, guesser = await make_person(await make_tenant()), visitor()

    outcomes = await asyncio.gather(
        *(identity.sign_in(guesser, email=email, password=WRONG) for _ in range(limits.SIGN_IN_ATTEMPTS_MAX + 5)),
        return_exceptions=True,
    )

    names = [type(outcome).__name__ for outcome in outcomes]
    assert names.count("WrongCredentials") == limits.SIGN_IN_ATTEMPTS_MAX
    assert names.count("TooManyAttempts") == 5


async def test_somebody_elses_guesses_do_not_lock_one_out() -> None:
    email, guesser = await make_person(await make_tenant()), visitor()
    for _ in range(limits.SIGN_IN_ATTEMPTS_MAX + 1):
        with pytest.raises((WrongCredentials, TooManyAttempts)):
            await identity.sign_in(guesser, email=email, password=WRONG)

    assert await identity.sign_in(visitor(), email=email, password=PASSWORD)


async def test_guesses_from_everywhere_do_not_lock_out_who_was_let_in_from_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SIGN_IN_ACCOUNT_ATTEMPTS_MAX", 5)
    email, home = await make_person(await make_tenant()), visitor()
    assert await identity.sign_in(home, email=email, password=PASSWORD)
    for _ in range(6):
        with pytest.raises((WrongCredentials, TooManyAttempts)):
            await identity.sign_in(visitor(), email=email, password=WRONG)

    with pytest.raises(TooManyAttempts):
        await identity.sign_in(visitor(), email=email, password=PASSWORD)
    assert await identity.sign_in(home, email=email, password=PASSWORD)


async def test_a_whole_network_that_guesses_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SIGN_IN_NETWORK_ATTEMPTS_MAX", 5)
    network = f"2001:db8:{uuid4().hex[:4]}"
    attempts = [
        identity.sign_in(Ctx(ip=f"{network}:{n}::1", request_id="r"), email=some_email(), password=WRONG)
        for n in range(8)
    ]

    outcomes = await asyncio.gather(*attempts, return_exceptions=True)

    names = [type(outcome).__name__ for outcome in outcomes]
    assert (names.count("WrongCredentials"), names.count("TooManyAttempts")) == (5, 3)


async def test_a_right_password_clears_what_was_tried() -> None:
    email, person = await make_person(await make_tenant()), visitor()
    for _ in range(2):
        for _ in range(limits.SIGN_IN_ATTEMPTS_MAX - 1):
            with pytest.raises(WrongCredentials):
                await identity.sign_in(person, email=email, password=WRONG)
        assert await identity.sign_in(person, email=email, password=PASSWORD)


async def test_after_a_while_one_may_try_again() -> None:
    email, person = await make_person(await make_tenant()), visitor()
    for _ in range(limits.SIGN_IN_ATTEMPTS_MAX + 1):
        with pytest.raises((WrongCredentials, TooManyAttempts)):
            await identity.sign_in(person, email=email, password=WRONG)

    with later(seconds=limits.SIGN_IN_WINDOW_S + 1):
        assert await identity.sign_in(person, email=email, password=PASSWORD)


async def test_nobody_signs_in_for_a_closed_tenant() -> None:
    tenant_id, ctx = await make_tenant(), admin_ctx()
    email = await make_person(tenant_id)
    async with governing(ctx) as tx:
        await tenancy.close_tenant(tx, ctx, tenant_id, reason="a reason")

    with pytest.raises(TenantNotActive):
        await identity.sign_in(visitor(), email=email, password=PASSWORD)


async def test_people_of_a_suspended_tenant_may_look() -> None:
    tenant_id, ctx = await make_tenant(), admin_ctx()
    email = await make_person(tenant_id)
    async with governing(ctx) as tx:
        await tenancy.suspend_tenant(tx, ctx, tenant_id, reason="a reason")

    signed_in = await identity.sign_in(visitor(), email=email, password=PASSWORD)

    assert signed_in.ctx.has("orders.read")
    assert all(name.endswith(".read") for name in signed_in.ctx.permissions)


async def test_signing_out_ends_the_session_at_once() -> None:
    email = await make_person(await make_tenant())
    signed_in = await identity.sign_in(visitor(), email=email, password=PASSWORD)
    await identity.authenticate_bearer(signed_in.session.token, visitor())

    ended = await identity.sign_out(signed_in.ctx, signed_in.session.token)

    assert ended
    assert await identity.authenticate_session(signed_in.session.token, visitor()) is None
    assert not await identity.sign_out(Ctx(), signed_in.session.token)
    assert not await identity.sign_out(Ctx(), Secret("no token"))


async def test_a_new_password_ends_the_other_sessions() -> None:
    email, chosen = await make_person(await make_tenant()), Secret("another password altogether")
    here = await identity.sign_in(visitor(), email=email, password=PASSWORD)
    there = await identity.sign_in(visitor(), email=email, password=PASSWORD)

    await identity.change_password(here.ctx, current=PASSWORD, chosen=chosen)

    assert await identity.authenticate_session(here.session.token, visitor()) is not None
    assert await identity.authenticate_session(there.session.token, visitor()) is None
    with pytest.raises(WrongCredentials):
        await identity.sign_in(visitor(), email=email, password=PASSWORD)
    assert await identity.sign_in(visitor(), email=email, password=chosen)


async def test_a_password_is_changed_by_who_knows_it() -> None:
    here = await identity.sign_in(visitor(), email=await make_person(await make_tenant()), password=PASSWORD)

    with pytest.raises(WrongCredentials):
        await identity.change_password(here.ctx, current=WRONG, chosen=Secret("another password"))
    with pytest.raises(WeakPassword):
        await identity.change_password(here.ctx, current=PASSWORD, chosen=Secret("short"))
    with pytest.raises(Unauthenticated):
        await identity.change_password(visitor(), current=PASSWORD, chosen=Secret("another password"))


async def issue(email: str) -> Secret[str]:
    ctx = admin_ctx()
    async with governing(ctx) as tx:
        _, token = await identity.issue_password_reset(tx, ctx, email=email)
    assert token is not None
    return token


async def test_who_forgot_their_password_chooses_another_and_is_out_everywhere() -> None:
    email, chosen = await make_person(await make_tenant()), Secret("another password altogether")
    there = await identity.sign_in(visitor(), email=email, password=PASSWORD)
    token = await issue(email)

    await identity.reset_password(visitor(), token=token, password=chosen)

    assert await identity.authenticate_session(there.session.token, visitor()) is None
    with pytest.raises(WrongCredentials):
        await identity.sign_in(visitor(), email=email, password=PASSWORD)
    assert await identity.sign_in(visitor(), email=email, password=chosen)


async def test_a_token_for_a_password_holds_once_and_the_latest_alone() -> None:
    email = await make_person(await make_tenant())
    first, second = await issue(email), await issue(email)

    outcomes = await asyncio.gather(
        *(identity.reset_password(visitor(), token=token, password=PASSWORD) for token in (first, second, second)),
        return_exceptions=True,
    )

    assert isinstance(outcomes[0], ResetInvalid)
    assert sorted(type(outcome).__name__ for outcome in outcomes[1:]) == ["NoneType", "ResetInvalid"]


async def test_a_token_for_a_password_ends() -> None:
    token = await issue(await make_person(await make_tenant()))

    with later(hours=limits.INVITATION_HOURS), pytest.raises(ResetInvalid):
        await identity.reset_password(visitor(), token=token, password=PASSWORD)
    with pytest.raises(ResetInvalid):
        await identity.reset_password(visitor(), token=Secret("fd_reset_x"), password=PASSWORD)
    with pytest.raises(WeakPassword):
        await identity.reset_password(visitor(), token=token, password=Secret("short"))


async def test_only_the_platform_hands_out_tokens_for_passwords() -> None:
    here = await identity.sign_in(visitor(), email=await make_person(await make_tenant()), password=PASSWORD)

    with pytest.raises(NotAllowed):
        async with governing(here.ctx) as tx:
            await identity.issue_password_reset(tx, here.ctx, email=some_email())
    with pytest.raises(NotFound):
        await issue(some_email())


async def test_one_of_the_platforms_own_people_begins_with_a_token() -> None:
    ctx, email = admin_ctx(), some_email()
    async with governing(ctx) as tx:
        _, token = await identity.invite_platform_user(tx, ctx, email=email, name="New", role=PlatformRole.AUDITOR)
    assert token is not None

    await identity.reset_password(visitor(), token=token, password=PASSWORD)

    signed_in = await identity.sign_in(visitor(), email=email, password=PASSWORD)
    assert signed_in.ctx.permissions == {"platform.read", "audit.read"}


async def test_signing_in_is_in_the_log_and_the_address_is_not_in_its_details() -> None:
    tenant_id = await make_tenant()
    email = await make_person(tenant_id)

    signed_in = await identity.sign_in(visitor(), email=email, password=PASSWORD)

    async with reading(signed_in.ctx) as tx:
        [entry] = await audit.list_entries(tx, signed_in.ctx, action="session.started")
    assert entry["subject_id"] == signed_in.session.id
    assert email not in str(dict(entry))


async def test_what_counts_attempts_names_nobody() -> None:
    email = some_email()
    with pytest.raises(WrongCredentials):
        await identity.sign_in(visitor(), email=email, password=WRONG)

    async with governing(admin_ctx()) as tx:
        stored = await tx.fetch("SELECT key, attempts FROM sign_in_attempt")

    assert stored
    assert not any(email.encode() in row["key"] for row in stored)
