"""Whoever names a stranger's address, in any store and as often as they like, does not bury that mailbox."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from fondaco_core import identity, limits, mail
from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.identity import MemberRole
from fondaco_tenants import customers, delivery
from fondaco_workers.actors import identity as people
from fondaco_workers.actors import orders as order_actors
from fondaco_workers.actors.delivery import plan, send
from tests.core.identity.people import PASSWORD, make_person, visitor
from tests.support.clock import later
from tests.support.factories.delivery import make_sale
from tests.support.factories.identity import make_member_ctx, some_email
from tests.support.factories.orders import make_shop
from tests.support.factories.storefront import make_store
from tests.support.factories.tenancy import make_tenant
from tests.support.smtp import Lie, Post, post_office
from tests.tenants.delivery.test_outgoing import give
from tests.tenants.orders.test_budgets import guest_ctx, hold

pytestmark = pytest.mark.usefixtures("database", "post")

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    """A mail server, and a process that knows its ways out."""
    async with post_office() as opened:
        delivery.open_ways(replace(settings, public_url="https://shop.example"))
        yield opened


async def test_orders_that_a_stranger_placed_in_somebodys_name_bring_so_many_letters_and_no_more(post: Post) -> None:
    somebody = some_email()
    shops = [await make_shop(stock=1) for _ in range(3)]
    orders_ = [await hold(shop, guest_ctx(shop), contact=somebody) for shop in shops]
    for shop, placed in zip(shops, orders_, strict=True):
        for _ in range(limits.LETTERS_UNPROVED_MAX):
            await order_actors.send_look_up(
                replace(SYSTEM, tenant_id=shop.tenant_id), order_id=placed.order_id, locale="en"
            )

    sent = len(post.mails)
    with later(hours=2):
        await order_actors.send_look_up(
            replace(SYSTEM, tenant_id=shops[0].tenant_id), order_id=orders_[0].order_id, locale="en"
        )

    assert (sent, len(post.mails)) == (limits.LETTERS_UNPROVED_MAX, limits.LETTERS_UNPROVED_MAX + 1)


async def test_accounts_that_a_stranger_opened_in_somebodys_name_bring_so_many_letters_and_no_more(post: Post) -> None:
    somebody = some_email()
    for _ in range(3):
        owner = await make_member_ctx(await make_tenant())
        store = await make_store(owner)
        up = await customers.sign_up_customer(visitor(), store_slug=store.slug, contact=somebody, password=PASSWORD)
        for _ in range(6):
            await customers.ask_for_verification(replace(up.ctx, ip=visitor().ip))
            proof_id = await last_proof(owner, up.ctx)
            await people.mail_proof(replace(SYSTEM, tenant_id=owner.tenant), proof_id=proof_id)

    assert len(post.mails) == limits.LETTERS_UNPROVED_MAX


async def test_new_passwords_that_a_stranger_asks_for_bring_so_many_letters_and_no_more(post: Post) -> None:
    person = await make_person()
    for _ in range(limits.LETTERS_OF_RESETS_MAX + 4):
        await identity.ask_for_reset(visitor(), email=person.email)
        async with governing(SYSTEM) as tx:
            reset_id = await tx.fetchval(
                "SELECT id FROM password_reset WHERE user_id = $1 ORDER BY id DESC LIMIT 1",
                person.signed_in.ctx.actor_id,
            )
        await people.mail_reset(SYSTEM, reset_id=reset_id)

    assert len(post.mails) == limits.LETTERS_OF_RESETS_MAX


async def test_letters_that_a_stranger_has_sent_keep_nobody_from_a_new_password(post: Post) -> None:
    owner, somebody = await make_member_ctx(await make_tenant()), some_email()
    store, job = await make_store(owner), replace(SYSTEM, tenant_id=owner.tenant)
    up = await customers.sign_up_customer(visitor(), store_slug=store.slug, contact=somebody, password=PASSWORD)
    for _ in range(limits.LETTERS_UNPROVED_MAX + 1):
        await customers.ask_for_verification(replace(up.ctx, ip=visitor().ip))
        await people.mail_proof(job, proof_id=await last_proof(owner, up.ctx))
    before = len(post.mails)

    await customers.ask_for_password(visitor(), store_slug=store.slug, contact=somebody)
    await people.mail_proof(job, proof_id=await last_proof(owner, up.ctx))

    assert (before, len(post.mails)) == (limits.LETTERS_UNPROVED_MAX, limits.LETTERS_UNPROVED_MAX + 1)


async def test_a_mailbox_with_a_hundred_names_gets_no_more_letters_than_one(post: Post) -> None:
    owner, (local, _, domain) = await make_member_ctx(await make_tenant()), some_email().partition("@")
    for n in range(limits.INVITATIONS_BY_MERCHANT_MAX + 2):
        await invite(owner, f"{local}+{n}@{domain}")

    assert len(post.mails) == limits.INVITATIONS_BY_MERCHANT_MAX


async def last_proof(owner: Ctx, buyer: Ctx) -> UUID:
    """The token that waits to be sent to a buyer."""
    async with reading(owner) as tx:
        found = await tx.fetchval(
            "SELECT id FROM customer_proof WHERE customer_id = $1 ORDER BY id DESC LIMIT 1", buyer.customer_id
        )
    return UUID(str(found))


async def invite(owner: Ctx, email: str) -> None:
    """Invites somebody, has the letter sent, and takes the invitation back."""
    async with transaction(owner) as tx:
        member_id, _ = await identity.invite_member(tx, owner, email=email, name="N", role=MemberRole.SUPPORT)
    async with governing(SYSTEM) as tx:
        invitation_id = await tx.fetchval(
            "SELECT id FROM invitation WHERE member_id = $1 ORDER BY id DESC LIMIT 1", member_id
        )
    try:
        await people.mail_invitation(SYSTEM, invitation_id=invitation_id)
    finally:
        async with transaction(owner) as tx:
            await identity.remove_member(tx, owner, member_id=member_id)


async def test_a_merchant_that_invites_somebody_again_and_again_keeps_no_other_from_doing_so(post: Post) -> None:
    somebody = some_email()
    loud, other = [await make_member_ctx(await make_tenant()) for _ in range(2)]
    for _ in range(limits.LETTERS_OF_INVITATIONS_MAX + 1):
        await invite(loud, somebody)
    of_the_loud = len(post.mails)

    await invite(other, somebody)
    with later(hours=2):
        await invite(loud, somebody)

    assert (of_the_loud, len(post.mails)) == (
        limits.INVITATIONS_BY_MERCHANT_MAX,
        limits.INVITATIONS_BY_MERCHANT_MAX + 2,
    )


async def test_invitations_of_many_merchants_bring_so_many_letters_and_no_more(post: Post) -> None:
    somebody = some_email()
    for _ in range(limits.LETTERS_OF_INVITATIONS_MAX // limits.INVITATIONS_BY_MERCHANT_MAX + 2):
        owner = await make_member_ctx(await make_tenant())
        for _ in range(limits.INVITATIONS_BY_MERCHANT_MAX):
            await invite(owner, somebody)

    assert len(post.mails) == limits.LETTERS_OF_INVITATIONS_MAX


async def test_letters_that_never_left_count_for_nothing(post: Post) -> None:
    owner, somebody = await make_member_ctx(await make_tenant()), some_email()
    for _ in range(limits.INVITATIONS_BY_MERCHANT_MAX + 1):
        post.lies = [Lie.LATER]
        with pytest.raises(mail.Undelivered):
            await invite(owner, somebody)

    await invite(owner, somebody)

    assert [each["To"] for each in post.mails] == [somebody]


async def test_a_lost_order_is_found_however_often_the_server_was_away(post: Post) -> None:
    somebody, shop = some_email(), await make_shop(stock=1)
    placed = await hold(shop, guest_ctx(shop), contact=somebody)
    job = replace(SYSTEM, tenant_id=shop.tenant_id)
    for _ in range(limits.LETTERS_UNPROVED_MAX + 1):
        post.lies = [Lie.LATER]
        with pytest.raises(mail.Undelivered):
            await order_actors.send_look_up(job, order_id=placed.order_id, locale="en")

    await order_actors.send_look_up(job, order_id=placed.order_id, locale="en")

    assert [each["To"] for each in post.mails] == [somebody]


async def test_gifts_to_one_address_leave_one_after_the_other(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LETTERS_OF_GIFTS_MAX", 2)
    sale, somebody, made = await make_sale(), some_email(), []
    for _ in range(4):
        order_id = await give(sale, somebody)
        await plan.perform(sale.tenant_id, {"order_id": str(order_id)})
        async with reading(sale.owner) as tx:
            listed = (await delivery.list_deliveries(tx, sale.owner, [order_id]))[order_id]
        made += [each for each in listed if each.channel is delivery.Channel.EMAIL]

    for each in made:
        await send.perform(sale.tenant_id, {"delivery_id": str(each.id)})
    at_once = len(post.mails)
    with later(hours=2):
        for each in made:
            await send.perform(sale.tenant_id, {"delivery_id": str(each.id)})

    assert (at_once, len(post.mails)) == (2, 4)
