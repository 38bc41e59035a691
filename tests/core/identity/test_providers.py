"""Signing in by an OpenID provider: a small one, a real server, which is told to lie."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID, uuid4

import pytest

from fondaco_core import identity, limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import NotAllowed, NotFound
from fondaco_core.identity import (
    BadProvider,
    ChallengeInvalid,
    MemberRole,
    ProviderRefused,
    RoleTooHigh,
    SecondFactorRequired,
)
from fondaco_core.identity.errands.providers import Started
from fondaco_core.ids import SessionId, UserId
from fondaco_core.secret import Secret
from tests.core.identity.people import PASSWORD, add_app, make_person, visitor
from tests.core.identity.test_squatting import claim, invite
from tests.support.authenticator import Authenticator
from tests.support.clock import later
from tests.support.factories.identity import admin_ctx, make_member, make_member_ctx, make_user, some_email
from tests.support.factories.tenancy import make_tenant
from tests.support.provider import CLIENT_ID, CLIENT_SECRET, Provider, open_provider
from tests.support.receiver import reaching_loopback

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with open_provider() as opened:
        opened.email = f"p{uuid4().hex}@corp.example"
        yield opened


@pytest.fixture(autouse=True)
async def _network() -> AsyncIterator[None]:
    """The loopback counts as public, as on one's own machine."""
    async with reaching_loopback():
        yield


@dataclass(slots=True)
class Known:
    """A provider that is set up."""

    id: UUID
    owner: Ctx
    provider: Provider

    async def begin(self) -> Started:
        """Begins to sign in."""
        return await identity.begin_with_provider(visitor(), provider_id=self.id)

    async def sign_in(self) -> identity.SignedIn:
        """There and back again."""
        started = await self.begin()
        code, state = self.provider.grant(started.url)
        return await self.come_back(started, code, state)

    async def come_back(self, started: Started, code: str, state: str, issuer: str | None = None) -> identity.SignedIn:
        """The answer, at this provider's own address."""
        return await identity.sign_in_with_provider(
            visitor(),
            provider_id=self.id,
            state=Secret(state),
            code=Secret(code),
            issuer=issuer,
            browser=started.browser,
        )


async def set_up(provider: Provider, *, owner: Ctx | None = None, join_role: MemberRole | None = None) -> Known:
    """A tenant's provider; the loopback has no TLS, so that the address is put right behind its back."""
    ctx = owner or await make_member_ctx(await make_tenant())
    async with transaction(ctx) as tx:
        row = await identity.add_provider(
            tx, ctx, title="Corp", issuer="https://corp.example", client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET),
            domains=["corp.example"], join_role=join_role,
        )  # fmt: skip
        await tx.execute("UPDATE identity_provider SET issuer = $2 WHERE id = $1", row.id, provider.issuer)
    return Known(row.id, ctx, provider)


async def with_member(provider: Provider, *, verified_password: bool = False) -> Known:
    known = await set_up(provider)
    password = PASSWORD.reveal() if verified_password else None
    user_id = await make_user(email=provider.email, password=password)
    await make_member(known.owner.tenant, user_id=user_id, role=MemberRole.SUPPORT)
    return known


async def test_a_member_signs_in_by_the_tenants_provider(provider: Provider) -> None:
    known = await with_member(provider)

    signed_in = await known.sign_in()
    again = await known.sign_in()

    assert signed_in.ctx.tenant_id == known.owner.tenant_id
    assert signed_in.ctx.permissions == identity.ROLE_PERMISSIONS[MemberRole.SUPPORT]
    assert again.ctx.actor_id == signed_in.ctx.actor_id


LIES = (
    "nonce", "aud", "azp", "expired", "issuer", "future", "subject", "none", "hmac", "signature", "keys", "discovery",
)  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_opens_nothing(provider: Provider, lie: str) -> None:
    known = await with_member(provider)
    started = await known.begin()
    provider.lie = lie
    code, state = provider.grant(started.url)

    with pytest.raises(ProviderRefused):
        await known.come_back(started, code, state)


async def test_an_answer_counts_once_also_at_the_same_moment(provider: Provider) -> None:
    known = await with_member(provider)
    started = await known.begin()
    code, state = provider.grant(started.url)

    outcomes = await asyncio.gather(*(known.come_back(started, code, state) for _ in range(3)), return_exceptions=True)

    names = sorted(type(outcome).__name__ for outcome in outcomes)
    assert names == ["ProviderRefused", "ProviderRefused", "SignedIn"]


async def test_an_answer_belongs_to_the_browser_and_the_provider_that_it_began_with(provider: Provider) -> None:
    known = await with_member(provider)
    started, other = await known.begin(), await known.begin()
    code, state = provider.grant(started.url)

    for browser in (other.browser, Secret(""), Secret(state)):
        with pytest.raises(ProviderRefused):
            await known.come_back(replace(started, browser=browser), code, state)
    with pytest.raises(ProviderRefused):
        await known.come_back(started, code, state, issuer="https://elsewhere.example")
    mixed = await known.begin()
    _, own = provider.grant(mixed.url)
    with pytest.raises(ProviderRefused):
        await known.come_back(mixed, code, own)


async def test_a_provider_that_leads_on_to_another_is_not_handed_its_answer(provider: Provider) -> None:
    victim = await with_member(provider)
    async with open_provider() as evil:
        attacker = await set_up(evil)
        own, theirs = await victim.begin(), await attacker.begin()
        asked, led = (
            {name: values[0] for name, values in parse_qs(urlsplit(each.url).query).items()} for each in (own, theirs)
        )
        # The victim's browser began at the attacker's provider, and is sent on to the one where the victim is known.
        code, state = provider.grant(f"{provider.issuer}/authorize?{urlencode(asked | {'state': led['state']})}")

        assert asked["redirect_uri"] != led["redirect_uri"]
        with pytest.raises(ProviderRefused):
            await victim.come_back(theirs, code, state)

        assert "/token" not in evil.asked


async def test_whoever_begins_again_and_again_closes_the_door_to_themselves_alone(provider: Provider) -> None:
    known, guest = await with_member(provider), visitor()
    for _ in range(limits.SIGN_IN_ACCOUNT_ATTEMPTS_MAX + 1):
        await identity.begin_with_provider(guest, provider_id=known.id)

    assert (await known.sign_in()).ctx.tenant_id == known.owner.tenant_id


async def test_a_tenants_provider_reaches_no_session_of_its_people_elsewhere(provider: Provider) -> None:
    person = await make_person()
    provider.email = person.email
    known = await set_up(provider)
    elsewhere = await person.ctx()
    await make_member(known.owner.tenant, user_id=UserId(elsewhere.actor_id or known.id), role=MemberRole.SUPPORT)
    async with transaction(known.owner) as tx:
        await tx.execute("UPDATE identity_provider SET domains = '{example.com}' WHERE id = $1", known.id)
    there = elsewhere.session_id
    assert there is not None

    signed_in = await known.sign_in()

    async with transaction(signed_in.ctx) as tx:
        seen = await identity.list_sessions(tx, signed_in.ctx)
        assert {each.tenant_id for each in seen} == {known.owner.tenant_id}
        assert await identity.find_session(tx, signed_in.ctx, SessionId(there)) is None
        assert await identity.revoke_other_sessions(tx, signed_in.ctx) == 0
    with pytest.raises(NotFound):
        async with transaction(signed_in.ctx) as tx:
            await identity.revoke_session(tx, signed_in.ctx, session_id=SessionId(there))
    with later(seconds=limits.CREDENTIAL_CACHE_S):
        assert (await person.ctx()).session_id == there


async def test_an_answer_that_comes_too_late_is_none(provider: Provider) -> None:
    known = await with_member(provider)
    started = await known.begin()
    code, state = provider.grant(started.url)

    with later(seconds=limits.CHALLENGE_S + 1), pytest.raises(ProviderRefused):
        await known.come_back(started, code, state)


async def test_an_address_counts_when_it_is_verified_and_of_a_domain_of_the_provider(provider: Provider) -> None:
    known = await with_member(provider)
    provider.verified = False
    with pytest.raises(ProviderRefused):
        await known.sign_in()
    provider.verified, provider.email = True, some_email()
    await make_member(known.owner.tenant, user_id=await make_user(email=provider.email))

    with pytest.raises(ProviderRefused):
        await known.sign_in()


async def test_a_tenants_provider_says_nothing_about_another_tenants_people(provider: Provider) -> None:
    known = await set_up(provider, join_role=MemberRole.SUPPORT)
    await make_member(await make_tenant(), user_id=await make_user(email=provider.email))

    with pytest.raises(ProviderRefused):
        await known.sign_in()


async def test_newcomers_get_in_where_the_tenant_lets_them(provider: Provider) -> None:
    strict, open_ = await set_up(provider), await set_up(provider, join_role=MemberRole.AUDITOR)
    with pytest.raises(ProviderRefused):
        await strict.sign_in()

    signed_in = await open_.sign_in()

    assert signed_in.ctx.permissions == identity.ROLE_PERMISSIONS[MemberRole.AUDITOR]
    async with reading(open_.owner) as tx:
        assert len(await identity.list_members(tx, open_.owner)) == 2


async def test_a_tenants_provider_keeps_an_address_from_nobody(provider: Provider) -> None:
    known = await set_up(provider, join_role=MemberRole.AUDITOR)
    there = await known.sign_in()

    token = await claim(provider.email)

    await identity.reset_password(visitor(), token=token, password=PASSWORD)
    own = await identity.sign_in(visitor(), email=provider.email, password=PASSWORD)
    assert (own.ctx.actor_id, own.ctx.permissions) == (there.ctx.actor_id, identity.PLATFORM_ADMIN_PERMISSIONS)
    # What the provider says still opens its own tenant, and nothing of the platform's.
    assert (await known.sign_in()).ctx.permissions == identity.ROLE_PERMISSIONS[MemberRole.AUDITOR]


async def test_a_squatters_provider_adds_no_passkey_to_what_the_platform_took(provider: Provider) -> None:
    known, device = await with_member(provider, verified_password=True), Authenticator()
    there = await known.sign_in()
    asked = await identity.begin_passkey(there.ctx, password=PASSWORD)
    await claim(provider.email)

    again = await known.sign_in()

    with pytest.raises(ChallengeInvalid):
        await identity.add_passkey(
            again.ctx, challenge=asked.challenge, credential=device.make(asked.options), name="Mine"
        )


async def test_a_tenants_provider_keeps_nobody_from_another_tenants_invitation(provider: Provider) -> None:
    known = await set_up(provider, join_role=MemberRole.AUDITOR)
    token = await invite(await make_member_ctx(await make_tenant()), provider.email)

    with pytest.raises(ProviderRefused):
        await known.sign_in()

    joined = await identity.accept_invitation(visitor(), token=token, password=PASSWORD)
    # Who works there, too, is asked in as everybody is who has an account.
    own = await invite(known.owner, provider.email)
    await identity.accept_invitation(visitor(), token=own, password=PASSWORD)
    assert (await known.sign_in()).ctx.actor_id == joined.ctx.actor_id


async def test_who_was_invited_elsewhere_long_ago_gets_in_by_their_own_provider(provider: Provider) -> None:
    known = await set_up(provider, join_role=MemberRole.AUDITOR)
    await invite(await make_member_ctx(await make_tenant()), provider.email)
    async with governing(admin_ctx()) as tx:
        await tx.execute(
            "UPDATE invitation SET expires_at = now() WHERE user_id = (SELECT id FROM user_account WHERE email = $1)",
            provider.email,
        )

    signed_in = await known.sign_in()

    assert signed_in.ctx.tenant_id == known.owner.tenant_id
    async with reading(known.owner) as tx:
        members = await identity.list_members(tx, known.owner)
    assert "Rude name" not in {each.name for each in members}


async def test_who_is_asked_in_already_accepts_and_is_no_newcomer(provider: Provider) -> None:
    known = await set_up(provider, join_role=MemberRole.AUDITOR)
    async with transaction(known.owner) as tx:
        await identity.invite_member(tx, known.owner, email=provider.email, name="New", role=MemberRole.SUPPORT)

    with pytest.raises(ProviderRefused):
        await known.sign_in()


async def test_somebody_whom_a_provider_vouches_for_still_shows_a_second_factor(provider: Provider) -> None:
    person = await make_person()
    await add_app(person)
    provider.email = person.email
    known = await set_up(provider, owner=await person.ctx())
    async with transaction(known.owner) as tx:
        await tx.execute("UPDATE identity_provider SET domains = '{example.com}' WHERE id = $1", known.id)

    with pytest.raises(SecondFactorRequired):
        await known.sign_in()


async def test_a_member_who_was_removed_gets_in_no_more(provider: Provider) -> None:
    known = await with_member(provider)
    signed_in = await known.sign_in()
    async with transaction(known.owner) as tx:
        members = await identity.list_members(tx, known.owner)
        gone = next(each for each in members if each.user_id == signed_in.ctx.actor_id)
        await identity.remove_member(tx, known.owner, member_id=gone.id)

    with pytest.raises(ProviderRefused):
        await known.sign_in()


async def test_a_provider_that_was_removed_is_none(provider: Provider) -> None:
    known = await with_member(provider)
    started = await known.begin()
    code, state = provider.grant(started.url)
    async with transaction(known.owner) as tx:
        await identity.remove_provider(tx, known.owner, provider_id=known.id)

    with pytest.raises(NotFound):
        await known.begin()
    with pytest.raises(ProviderRefused):
        await known.come_back(started, code, state)


async def test_nobody_sets_up_what_goes_beyond_them() -> None:
    owner, support = [
        await make_member_ctx(await make_tenant(), role=role) for role in (MemberRole.OWNER, MemberRole.SUPPORT)
    ]

    async def add(ctx: Ctx, **given: object) -> None:
        base: dict[str, object] = {
            "title": "Corp", "issuer": "https://corp.example", "client_id": "c", "client_secret": Secret("s"),
            "domains": ["corp.example"], "join_role": None,
        }  # fmt: skip
        async with transaction(ctx) as tx:
            await identity.add_provider(tx, ctx, **(base | given))  # type: ignore[arg-type]

    wrong: tuple[dict[str, object], ...] = (
        {"issuer": "http://corp.example"}, {"issuer": "corp"}, {"domains": []}, {"domains": ["corp"]}, {"client_id": ""},
        {"join_role": MemberRole.OWNER},
    )  # fmt: skip
    for given in wrong:
        with pytest.raises(BadProvider):
            await add(owner, **given)
    with pytest.raises(RoleTooHigh):
        await add(replace(owner, permissions=frozenset({"members.edit"})), join_role=MemberRole.MANAGER)
    with pytest.raises(NotAllowed):
        await add(support)


async def test_the_platforms_provider_opens_what_a_person_has(provider: Provider) -> None:
    admin = admin_ctx()
    async with governing(admin) as tx:
        row = await identity.add_provider(
            tx, admin, title="Platform", issuer=provider.issuer, client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET),
            domains=["corp.example"],
        )  # fmt: skip
    user_id, tenant_id = await make_user(email=provider.email), await make_tenant()
    await make_member(tenant_id, user_id=user_id)
    known = Known(row.id, admin, provider)

    signed_in = await known.sign_in()

    assert signed_in.ctx.tenant_id == tenant_id
    async with governing(admin) as tx:
        await identity.remove_provider(tx, admin, provider_id=row.id)
