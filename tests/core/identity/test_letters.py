"""What identity mails: invitations, new passwords, proofs of contacts, sign-ins at new places; and who is shown no token."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import unquote
from uuid import UUID, uuid4

import pytest

from fondaco_core import identity, limits, mail
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import NotAllowed, Unauthenticated
from fondaco_core.identity import InvitationInvalid, MemberRole, ResetInvalid, TooManyAttempts, WrongCredentials
from fondaco_core.ids import TenantId
from fondaco_core.secret import Secret
from fondaco_tenants import customers
from fondaco_tenants.customers import ProofInvalid
from fondaco_workers.actors import identity as actors
from tests.core.identity.people import PASSWORD, make_person, visitor
from tests.support.actors import run_twice
from tests.support.clock import later
from tests.support.factories.identity import admin_ctx, make_member_ctx, make_user, some_email
from tests.support.factories.storefront import make_store
from tests.support.factories.tenancy import make_tenant
from tests.support.smtp import Lie, Post, post_office
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("database")
CHOSEN = Secret("another password of five words")


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    async with post_office() as opened:
        yield opened


def job(tenant_id: TenantId | None = None) -> Ctx:
    return system_ctx("test", tenant_id=tenant_id, permissions=frozenset({"system.run"}))


async def last(table: str, column: str, value: object) -> UUID:
    async with governing(job()) as tx:
        found = await tx.fetchval(f"SELECT id FROM {table} WHERE {column} = $1 ORDER BY id DESC LIMIT 1", value)  # noqa: S608
    return UUID(str(found))


def token_in(post: Post) -> Secret[str]:
    """The token of the latest mail."""
    text = post.mails[-1].get_content()
    found = re.search(r"#(\S+)", text)
    assert found is not None, text
    return Secret(unquote(found[1]))


async def test_where_mail_leaves_an_invitation_goes_to_whom_it_is_for_alone(post: Post) -> None:
    owner, email = await make_member_ctx(await make_tenant()), some_email()
    async with transaction(owner) as tx:
        member_id, shown = await identity.invite_member(tx, owner, email=email, name="New", role=MemberRole.SUPPORT)

    await run_twice(actors.mail_invitation, invitation_id=await last("invitation", "member_id", member_id))

    assert shown is None
    assert [each["To"] for each in post.mails] == [email]
    signed_in = await identity.accept_invitation(visitor(), token=token_in(post), password=PASSWORD, name="Ann")
    async with governing(owner) as tx:
        assert await tx.fetchval("SELECT email_verified_at FROM user_account WHERE id = $1", signed_in.ctx.actor_id)


async def test_where_no_mail_leaves_its_maker_hands_the_token_on() -> None:
    assert not mail.configured()
    owner = await make_member_ctx(await make_tenant())
    async with transaction(owner) as tx:
        _, shown = await identity.invite_member(tx, owner, email=some_email(), name="New", role=MemberRole.SUPPORT)

    assert shown is not None
    assert await identity.accept_invitation(visitor(), token=shown, password=PASSWORD)


async def test_an_invitation_is_accepted_once_also_by_two_at_the_same_moment(post: Post) -> None:
    owner = await make_member_ctx(await make_tenant())
    async with transaction(owner) as tx:
        member_id, _ = await identity.invite_member(tx, owner, email=some_email(), name="N", role=MemberRole.SUPPORT)
    await actors.mail_invitation(job(), invitation_id=await last("invitation", "member_id", member_id))
    token = token_in(post)

    outcomes = await asyncio.gather(
        *(identity.accept_invitation(visitor(), token=token, password=PASSWORD) for _ in range(2)),
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["InvitationInvalid", "SignedIn"]


@pytest.mark.parametrize("change", ["last", "kind", "nothing", "longer"])
async def test_a_token_that_was_changed_is_none(change: str) -> None:
    owner = await make_member_ctx(await make_tenant())
    async with transaction(owner) as tx:
        _, shown = await identity.invite_member(tx, owner, email=some_email(), name="New", role=MemberRole.SUPPORT)
    assert shown is not None
    text = shown.reveal()
    changed = {
        "last": text[:-2] + ("A" if text[-2] != "A" else "B") + text[-1], "kind": text.replace("fd_invite", "fd_reset"),
        "nothing": "", "longer": text + "AAAA",
    }[change]  # fmt: skip

    with pytest.raises(InvitationInvalid):
        await identity.accept_invitation(visitor(), token=Secret(changed), password=PASSWORD)


async def test_a_server_that_is_away_has_the_mail_sent_again(post: Post) -> None:
    post.lies = [Lie.LATER]
    person = await make_person()
    await identity.ask_for_reset(visitor(), email=person.email)
    reset_id = await last("password_reset", "user_id", person.signed_in.ctx.actor_id)

    with pytest.raises(mail.Undelivered):
        await actors.mail_reset(job(), reset_id=reset_id)
    await actors.mail_reset(job(), reset_id=reset_id)

    assert len(post.mails) == 1


async def test_who_forgot_a_password_chooses_another_by_mail_once(post: Post) -> None:
    person = await make_person()
    await identity.ask_for_reset(visitor(), email=f" {person.email.upper()} ")
    await run_twice(actors.mail_reset, reset_id=await last("password_reset", "user_id", person.signed_in.ctx.actor_id))
    token = token_in(post)

    await identity.reset_password(visitor(), token=token, password=CHOSEN)

    assert len(post.mails) == 1
    with pytest.raises(ResetInvalid):
        await identity.reset_password(visitor(), token=token, password=CHOSEN)
    with pytest.raises(WrongCredentials):
        await identity.sign_in(visitor(), email=person.email, password=PASSWORD)
    assert await identity.sign_in(visitor(), email=person.email, password=CHOSEN)


async def reset_of(post: Post, email: str, user_id: object) -> Secret[str]:
    """A token for a new password, as it is mailed."""
    await identity.ask_for_reset(visitor(), email=email)
    await actors.mail_reset(job(), reset_id=await last("password_reset", "user_id", user_id))
    return token_in(post)


async def test_a_stranger_who_asks_again_ends_no_token_that_was_mailed(post: Post) -> None:
    person = await make_person()
    first, second = [await reset_of(post, person.email, person.signed_in.ctx.actor_id) for _ in range(2)]
    for _ in range(3):
        await identity.ask_for_reset(visitor(), email=person.email)

    await identity.reset_password(visitor(), token=first, password=CHOSEN)

    # One that was used ends the others.
    with pytest.raises(ResetInvalid):
        await identity.reset_password(visitor(), token=second, password=PASSWORD)


async def test_a_password_that_was_changed_ends_the_tokens_for_another(post: Post) -> None:
    person = await make_person()
    token = await reset_of(post, person.email, person.signed_in.ctx.actor_id)

    await identity.change_password(await person.ctx(), current=PASSWORD, chosen=CHOSEN)

    with pytest.raises(ResetInvalid):
        await identity.reset_password(visitor(), token=token, password=PASSWORD)


async def test_a_stranger_who_asks_again_ends_no_token_of_a_buyers_either(post: Post) -> None:
    owner = await make_member_ctx(await make_tenant())
    store, contact = await make_store(owner), some_email()
    up = await customers.sign_up_customer(visitor(), store_slug=store.slug, contact=contact, password=PASSWORD)
    tokens = []
    for _ in range(2):
        await customers.ask_for_password(visitor(), store_slug=store.slug, contact=contact)
        proof_id = await last("customer_proof", "customer_id", up.ctx.customer_id)
        await actors.mail_proof(job(owner.tenant), proof_id=proof_id)
        tokens.append(token_in(post))
    await customers.ask_for_password(visitor(), store_slug=store.slug, contact=contact)

    await customers.reset_customer_password(visitor(), token=tokens[0], password=CHOSEN)

    with pytest.raises(ProofInvalid):
        await customers.reset_customer_password(visitor(), token=tokens[1], password=PASSWORD)


async def test_asking_for_a_password_tells_nobody_who_has_an_account(post: Post) -> None:
    person = await make_person()

    for email in (person.email, some_email(), "no address"):
        await identity.ask_for_reset(visitor(), email=email)
    asker, email = visitor(), some_email()
    for _ in range(limits.SIGN_IN_ATTEMPTS_MAX):
        await identity.ask_for_reset(asker, email=email)
    with pytest.raises(TooManyAttempts):
        await identity.ask_for_reset(asker, email=email)
    assert post.mails == []


async def test_asking_for_a_password_is_the_same_work_with_and_without_an_account(post: Post) -> None:
    person, disabled = await make_person(), await make_person()
    async with governing(job()) as tx:
        await tx.execute("UPDATE user_account SET disabled_at = now() WHERE id = $1", disabled.signed_in.ctx.actor_id)

    made = []
    for email in (person.email, some_email(), disabled.email, "no address"):
        async with governing(job()) as tx:
            before = await tx.fetchval("SELECT count(*) FROM password_reset")
        with counted() as statements:
            await identity.ask_for_reset(visitor(), email=email)
        async with governing(job()) as tx:
            made.append((statements, await tx.fetchval("SELECT count(*) FROM password_reset") - before))

    assert [statements for statements, _ in made] == [made[0][0]] * 4
    assert [count for _, count in made] == [1, 0, 0, 0]
    assert post.mails == []


async def test_a_buyer_asking_for_a_password_is_the_same_work_with_and_without_an_account(post: Post) -> None:
    owner = await make_member_ctx(await make_tenant())
    store, contact = await make_store(owner), some_email()
    await customers.sign_up_customer(visitor(), store_slug=store.slug, contact=contact, password=PASSWORD)

    sent = []
    for each in (contact, some_email(), "no contact"):
        with counted() as statements:
            await customers.ask_for_password(visitor(), store_slug=store.slug, contact=each)
        sent.append(statements)

    assert sent == [sent[0]] * 3
    assert post.mails == []


async def test_the_job_for_nobodys_reset_mails_nothing(post: Post) -> None:
    await run_twice(actors.mail_reset, reset_id=uuid4())

    assert post.mails == []


async def test_a_mail_speaks_the_readers_language_and_bears_no_name_as_a_header(post: Post) -> None:
    owner = await make_member_ctx(await make_tenant(name="Card\tCorner"))
    chinese = replace(owner, locale="zh-CN")
    async with transaction(chinese) as tx:
        member_id, _ = await identity.invite_member(
            tx, chinese, email=some_email(), name="New", role=MemberRole.SUPPORT
        )

    await actors.mail_invitation(job(), invitation_id=await last("invitation", "member_id", member_id))

    assert "邀请您加入" in post.mails[-1]["Subject"]
    assert "#" not in post.mails[-1]["Subject"]


async def test_a_person_hears_of_a_sign_in_with_something_new(post: Post) -> None:
    person = await make_person()
    known = person.signed_in.ctx.user_agent
    fresh = replace(visitor(), user_agent=f"browser {uuid4().hex}")
    signed_in = await identity.sign_in(fresh, email=person.email, password=PASSWORD)
    await identity.sign_in(replace(visitor(), user_agent=known), email=person.email, password=PASSWORD)

    async with governing(job()) as tx:
        told = await tx.fetch(
            "SELECT payload->>'session_id' AS id FROM outbox_event WHERE name = 'session.elsewhere' AND tenant_id = $1",
            person.tenant_id,
        )
    await actors.mail_elsewhere(job(), session_id=signed_in.session.id)

    assert [row["id"] for row in told] == [str(signed_in.session.id)]
    assert fresh.user_agent is not None
    assert fresh.user_agent in post.mails[-1].get_content()


async def test_a_buyer_proves_a_contact_and_chooses_a_password_by_mail(post: Post) -> None:
    owner = await make_member_ctx(await make_tenant())
    store, contact = await make_store(owner), some_email()
    up = await customers.sign_up_customer(visitor(), store_slug=store.slug, contact=contact, password=PASSWORD)
    assert up.ctx.customer_id is not None
    await run_twice(
        actors.mail_proof,
        tenant_id=owner.tenant,
        proof_id=await last("customer_proof", "customer_id", up.ctx.customer_id),
    )
    proof = token_in(post)
    await customers.verify_contact(visitor(), token=proof)
    async with reading(owner) as tx:
        assert (await customers.get_customer(tx, owner, up.ctx.customer_id)).contact_verified_at is not None

    for each in (contact, some_email(), "no contact"):
        await customers.ask_for_password(visitor(), store_slug=store.slug, contact=each)
    await actors.mail_proof(job(owner.tenant), proof_id=await last("customer_proof", "customer_id", up.ctx.customer_id))
    reset = token_in(post)
    with pytest.raises(ProofInvalid):
        await customers.verify_contact(visitor(), token=reset)
    await customers.reset_customer_password(visitor(), token=reset, password=CHOSEN)

    assert len(post.mails) == 2
    for again in (proof, reset, Secret("fd_proof_x")):
        with pytest.raises(ProofInvalid):
            await customers.reset_customer_password(visitor(), token=again, password=CHOSEN)
    assert await customers.sign_in_customer(visitor(), store_slug=store.slug, contact=contact, password=CHOSEN)


async def reset_by_mail(post: Post, tenant_id: TenantId, slug: str, contact: str, customer_id: UUID) -> None:
    """Whoever reads what is sent to a contact chooses a password."""
    await customers.ask_for_password(visitor(), store_slug=slug, contact=contact)
    await actors.mail_proof(job(tenant_id), proof_id=await last("customer_proof", "customer_id", customer_id))
    await customers.reset_customer_password(visitor(), token=token_in(post), password=CHOSEN)


async def own_client(ctx: Ctx) -> identity.ApiClient:
    async with transaction(ctx) as tx:
        client, _ = await identity.create_own_client(tx, ctx, name="Mine", scopes=["buyer.read", "buyer.reveal"])
    return client


async def test_no_machine_of_who_signed_up_with_anothers_contact_outlives_the_reset_by_its_owner(post: Post) -> None:
    owner = await make_member_ctx(await make_tenant())
    store, contact = await make_store(owner), some_email()
    squatter = (
        await customers.sign_up_customer(visitor(), store_slug=store.slug, contact=contact, password=PASSWORD)
    ).ctx
    assert squatter.customer_id is not None
    client = await own_client(squatter)
    known = await identity.find_api_client(client.client_id)
    assert known is not None
    access = await identity.start_access(visitor(), known, scopes=known.scopes)

    await reset_by_mail(post, owner.tenant, store.slug, contact, squatter.customer_id)

    assert await identity.find_api_client(client.client_id) is None
    with pytest.raises(Unauthenticated):
        await identity.authenticate_bearer(access.token, visitor())
    # A session that has ended is believed a moment longer, and makes no machine in it.
    with pytest.raises(Unauthenticated):
        await own_client(squatter)
    async with governing(job()) as tx:
        told = await tx.fetchval(
            "SELECT count(*) FROM outbox_event WHERE name = 'client.revoked' AND tenant_id = $1", owner.tenant
        )
        assert told == 1


async def test_a_buyer_who_proved_the_contact_keeps_machines_through_a_new_password(post: Post) -> None:
    owner = await make_member_ctx(await make_tenant())
    store, contact = await make_store(owner), some_email()
    up = await customers.sign_up_customer(visitor(), store_slug=store.slug, contact=contact, password=PASSWORD)
    assert up.ctx.customer_id is not None
    proof_id = await last("customer_proof", "customer_id", up.ctx.customer_id)
    await actors.mail_proof(job(owner.tenant), proof_id=proof_id)
    await customers.verify_contact(visitor(), token=token_in(post))
    client = await own_client(up.ctx)

    await reset_by_mail(post, owner.tenant, store.slug, contact, up.ctx.customer_id)

    assert await identity.find_api_client(client.client_id) is not None


async def test_a_token_ends(post: Post) -> None:
    person = await make_person()
    await identity.ask_for_reset(visitor(), email=person.email)
    await actors.mail_reset(job(), reset_id=await last("password_reset", "user_id", person.signed_in.ctx.actor_id))

    with later(hours=limits.INVITATION_HOURS), pytest.raises(ResetInvalid):
        await identity.reset_password(visitor(), token=token_in(post), password=CHOSEN)


async def test_the_platforms_people_get_no_others_token_where_mail_leaves(post: Post) -> None:
    admin, email = admin_ctx(), some_email()
    await make_user(email=email)
    async with governing(admin) as tx:
        _, shown = await identity.issue_password_reset(tx, admin, email=email)

    assert shown is None
    assert post.mails == []


async def test_only_jobs_mail() -> None:
    owner = await make_member_ctx(await make_tenant())

    with pytest.raises(NotAllowed):
        await identity.mail_invitation(owner, invitation_id=uuid4())
