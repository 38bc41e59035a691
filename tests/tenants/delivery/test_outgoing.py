"""What is sent: to whom it belongs, once as far as mail can be sent once, with a link and never a code."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from fondaco_core import limits, mail
from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.crypto import DataKey, EnvMasterKeys, KeyUnavailable, WrappedKey, new_master_key
from fondaco_core.db import governing, reading, trading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound
from fondaco_core.ids import LinkId, OrderId
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants import codes, delivery, orders
from fondaco_tenants.delivery import (
    Channel,
    Delivery,
    DeliveryState,
    NotResendable,
    Outcome,
    TooManyResends,
    errands,
    service,
)
from fondaco_tenants.delivery.ports import Message, Messenger
from fondaco_workers.actors.delivery import plan, send, tell_due
from tests.support.actors import run_twice
from tests.support.clock import later
from tests.support.factories.codes import make_codes
from tests.support.factories.delivery import Sale, make_sale, opener
from tests.support.invariants import assert_invariants
from tests.support.rows import as_owner
from tests.support.smtp import Lie, Post, post_office

pytestmark = pytest.mark.usefixtures("database", "post")


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    """A mail server, and a process that knows its ways out."""
    async with post_office() as opened:
        delivery.open_ways(replace(settings, public_url="https://shop.example"))
        yield opened


async def planned(sale: Sale) -> Delivery:
    """The mail that the order makes."""
    await run_twice(plan, tenant_id=sale.tenant_id, order_id=str(sale.order_id))
    return await mailed(sale)


async def log_of(sale: Sale, ctx: Ctx | None = None) -> list[Delivery]:
    asker = ctx or sale.owner
    async with reading(asker) as tx:
        return (await delivery.list_deliveries(tx, asker, [sale.order_id]))[sale.order_id]


async def mailed(sale: Sale) -> Delivery:
    return next(each for each in await log_of(sale) if each.channel is Channel.EMAIL)


async def attempt(sale: Sale, each: Delivery) -> Delivery:
    await send.perform(sale.tenant_id, {"delivery_id": str(each.id)})
    return await mailed(sale)


async def outcomes(sale: Sale, each: Delivery) -> list[Outcome | None]:
    async with reading(sale.owner) as tx:
        listed = await delivery.list_attempts(tx, sale.owner, [each.id])
    return [one.outcome for one in reversed(listed[each.id])]


def link_in(text: str) -> tuple[str, str]:
    """The id and the secret of the link in a mail."""
    address = next(word for word in text.split() if word.startswith("https://shop.example/s/"))
    page, _, secret = address.partition("#")
    return page.rpartition("/")[2], secret


def text_of(message: Any) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


async def test_a_fulfilled_order_is_mailed_to_its_buyer_once_with_a_link_and_no_code(post: Post) -> None:
    sale = await make_sale(units=2, store_name="星河数卡")
    made = await planned(sale)
    assert made.state is DeliveryState.QUEUED

    await run_twice(send, tenant_id=sale.tenant_id, delivery_id=str(made.id))

    (message,) = post.mails
    whole = post.raw[0].decode() + text_of(message) + message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert sale.order_code in message["Subject"]
    assert message["Message-ID"] == f"<delivery.{made.id}@fondaco.example>"
    assert not any(code in whole for code in sale.codes)
    after = await mailed(sale)
    assert (after.state, after.attempts, after.failure) == (DeliveryState.SENT, 1, None)
    assert await outcomes(sale, after) == [Outcome.SENT]


async def test_the_mailed_link_opens_the_codes_and_then_the_mail_has_arrived(post: Post) -> None:
    sale = await make_sale(units=2)
    await attempt(sale, await planned(sale))
    link_id, secret = link_in(text_of(post.mails[0]))
    visitor = opener(sale)

    async with transaction(visitor) as tx:
        opened = await delivery.open_link(
            tx, visitor, store_slug=sale.store.slug, link_id=LinkId(UUID(link_id)), secret=Secret(secret)
        )
    async with transaction(
        ctx := system_ctx("test", tenant_id=sale.tenant_id, permissions=frozenset({"system.run"}))
    ) as tx:
        showing = delivery.Showing(codes.RevealVia.LINK, "ANONYMOUS", None, sale.order_id, opened.link.id)
        await delivery.look_at_reveals(tx, ctx, shown=[showing])

    assert {unit.code.reveal() for unit in opened.units} == set(sale.codes)
    assert (await mailed(sale)).state is DeliveryState.DELIVERED


async def test_not_now_is_tried_again_later_and_never_is_given_up(post: Post) -> None:
    sale = await make_sale()
    made = await planned(sale)
    post.lies = [Lie.LATER, Lie.NEVER]

    not_now = await attempt(sale, made)
    still = await attempt(sale, made)
    with later(hours=1):
        never = await attempt(sale, made)

    assert (not_now.state, not_now.failure) == (DeliveryState.QUEUED, "LATER")
    assert not_now.next_attempt_at is not None
    assert still.attempts == 1
    assert (never.state, never.failure, never.next_attempt_at) == (DeliveryState.FAILED, "REFUSED", None)
    assert await outcomes(sale, made) == [Outcome.LATER, Outcome.REFUSED]


async def told_of(sale: Sale) -> int:
    """How often the workers were told that a delivery of the sale is due."""
    ctx = system_ctx("test", permissions=frozenset({"system.run"}))
    async with governing(ctx) as tx:
        count: int = await tx.fetchval(
            "SELECT count(*) FROM outbox_event WHERE tenant_id = $1 AND name = 'delivery.due'", sale.tenant_id
        )
    return count


async def test_the_schedule_tells_of_a_delivery_when_its_time_comes_and_not_all_the_time(post: Post) -> None:
    sale = await make_sale()
    post.lies = [Lie.LATER]
    await attempt(sale, await planned(sale))
    before = await told_of(sale)

    await tell_due.perform(None, {})
    at_once = await told_of(sale)
    with later(hours=1):
        await run_twice(tell_due)
    in_time = await told_of(sale)

    assert (at_once - before, in_time - at_once) == (0, 1)


@pytest.mark.parametrize("lie", [Lie.TAKES_AND_DROPS, Lie.DROPS])
async def test_a_lost_answer_is_unknown_and_the_same_mail_goes_again_to_the_same_link(post: Post, lie: Lie) -> None:
    sale = await make_sale()
    made = await planned(sale)
    post.lies = [lie]

    lost = await attempt(sale, made)
    with later(hours=1):
        after = await attempt(sale, made)

    assert lost.state is DeliveryState.UNKNOWN
    assert after.state is DeliveryState.SENT
    assert {message["Message-ID"] for message in post.mails} == {f"<delivery.{made.id}@fondaco.example>"}
    assert len({link_in(text_of(message)) for message in post.mails}) == 1


async def test_what_may_have_arrived_is_sent_again_a_few_times_only(post: Post) -> None:
    sale = await make_sale()
    made = await planned(sale)
    post.always = Lie.TAKES_AND_DROPS

    for hours in range(10):
        with later(hours=hours * 3):
            await attempt(sale, made)

    after = await mailed(sale)
    assert (after.state, after.next_attempt_at) == (DeliveryState.UNKNOWN, None)
    assert len(post.raw) == limits.DELIVERY_UNKNOWNS_MAX + 1


async def test_an_attempt_that_was_cut_short_counts_as_unknown_and_is_made_again() -> None:
    sale = await make_sale()
    made = await planned(sale)
    ctx = system_ctx("test", tenant_id=sale.tenant_id, permissions=send.permissions)
    async with transaction(ctx) as tx:
        claimed = await service.begin_attempt(tx, ctx, delivery_id=made.id, public_url="https://shop.example")
    assert claimed is not None
    assert (await mailed(sale)).state is DeliveryState.UNKNOWN

    at_once = await attempt(sale, made)
    with later(seconds=limits.DELIVERY_LEASE_S + 1):
        after = await attempt(sale, made)

    assert at_once.attempts == 1
    assert after.state is DeliveryState.SENT
    assert await outcomes(sale, made) == [Outcome.UNKNOWN, Outcome.SENT]


async def test_two_workers_at_one_delivery_send_one_mail(post: Post) -> None:
    sale = await make_sale()
    made = await planned(sale)
    post.always = Lie.SILENT

    racing = [asyncio.create_task(attempt(sale, made)) for _ in range(4)]
    await post.holding.wait()
    post.go_on.set()
    await asyncio.gather(*racing)

    assert len(post.raw) == 1
    assert await outcomes(sale, made) == [Outcome.SENT]


async def due_of(sale: Sale) -> int:
    """How often anybody was told that something of the merchant's is to be sent."""
    async with governing(system_ctx("test")) as tx:
        count: int = await tx.fetchval(
            "SELECT count(*) FROM outbox_event WHERE tenant_id = $1 AND name = 'delivery.due'", sale.tenant_id
        )
    return count


async def test_without_a_way_out_an_order_makes_no_task_and_says_why(settings: Settings) -> None:
    mail.close_mail()
    delivery.open_ways(settings)
    sale = await make_sale()

    made = await planned(sale)

    assert (made.state, made.failure, made.attempts) == (DeliveryState.FAILED, "NO_WAY_OUT", 0)
    assert made.next_attempt_at is None
    assert await due_of(sale) == 0
    assert await outcomes(sale, made) == []
    await assert_invariants()


async def test_what_had_no_way_out_is_sent_again_once_there_is_one(post: Post) -> None:
    mail.close_mail()
    sale = await make_sale()
    made = await planned(sale)
    async with post_office() as opened:
        async with transaction(sale.owner) as tx:
            again = await delivery.resend_delivery(tx, sale.owner, delivery_id=made.id)
        await attempt(sale, again)

        assert len(opened.mails) == 1
        assert not post.raw


async def test_without_a_way_out_nothing_pretends_to_be_sent(settings: Settings) -> None:
    sale = await make_sale()
    made = await planned(sale)
    mail.close_mail()
    delivery.open_ways(settings)

    after = await attempt(sale, made)

    assert made.state is DeliveryState.QUEUED
    assert await due_of(sale) == 1
    assert (after.state, after.failure) == (DeliveryState.FAILED, "NO_WAY_OUT")


async def test_a_buyer_has_it_sent_again_a_few_times_an_hour_and_a_stranger_never(post: Post) -> None:
    sale, other = await make_sale(), await make_sale()
    first = await attempt(sale, await planned(sale))

    async def again(ctx: Ctx) -> Delivery:
        async with transaction(ctx) as tx:
            return await delivery.resend_delivery(tx, ctx, delivery_id=first.id)

    made = [await again(sale.buyer) for _ in range(limits.RESENDS_PER_HOUR_MAX)]
    with pytest.raises(TooManyResends):
        await again(sale.guest)
    for stranger in (other.buyer, other.owner, other.guest):
        with pytest.raises(NotFound):
            await again(stranger)
    await send.perform(sale.tenant_id, {"delivery_id": str(made[0].id)})

    assert len(post.raw) == 2
    assert link_in(text_of(post.mails[0])) == link_in(text_of(post.mails[1]))


async def test_racing_resends_stay_within_the_bound() -> None:
    sale = await make_sale()
    first = await attempt(sale, await planned(sale))

    async def again() -> Delivery | TooManyResends:
        try:
            async with transaction(sale.buyer) as tx:
                return await delivery.resend_delivery(tx, sale.buyer, delivery_id=first.id)
        except TooManyResends as refusal:
            return refusal

    done = await asyncio.gather(*(again() for _ in range(8)))

    assert sum(isinstance(each, Delivery) for each in done) == limits.RESENDS_PER_HOUR_MAX


async def test_a_corrected_contact_takes_a_right_and_a_reason_and_ends_the_link_that_went_astray(post: Post) -> None:
    sale = await make_sale()
    first = await attempt(sale, await planned(sale))
    link_id, secret = link_in(text_of(post.mails[0]))
    support = await sale.support()

    async def correct(ctx: Ctx, reason: str | None) -> Delivery:
        async with transaction(ctx) as tx:
            return await delivery.resend_delivery(
                tx, ctx, delivery_id=first.id, contact="Right@buyer.example", reason=reason
            )

    for ctx in (support, sale.buyer):
        with pytest.raises(NotAllowed):
            await correct(ctx, "typo at checkout")
    with pytest.raises(Invalid):
        await correct(sale.owner, None)
    made = await correct(sale.owner, "typo at checkout")
    await send.perform(sale.tenant_id, {"delivery_id": str(made.id)})

    assert post.mails[1]["To"] == "right@buyer.example"
    assert made.contact_masked == "r***@buyer.example"
    visitor = opener(sale)
    with pytest.raises(delivery.LinkRevoked):
        async with transaction(visitor) as tx:
            await delivery.open_link(
                tx, visitor, store_slug=sale.store.slug, link_id=LinkId(UUID(link_id)), secret=Secret(secret)
            )
    assert link_in(text_of(post.mails[1]))[0] != link_id


async def test_what_shows_on_the_buyers_own_side_is_not_sent_again() -> None:
    sale = await make_sale()
    await planned(sale)
    page = next(each for each in await log_of(sale) if each.channel is Channel.ACCOUNT)

    with pytest.raises(NotResendable):
        async with transaction(sale.buyer) as tx:
            await delivery.resend_delivery(tx, sale.buyer, delivery_id=page.id)


async def test_nobody_of_the_merchant_is_told_the_address_of_a_mailed_link() -> None:
    sale = await make_sale()
    sent = await attempt(sale, await planned(sale))
    assert sent.link_id is not None

    for ctx in (sale.owner, sale.buyer):
        async with reading(ctx) as tx:
            assert await delivery.find_link_address(tx, ctx, link_id=sent.link_id) is None


async def test_no_code_contact_or_secret_is_in_queue_events_audit_or_delivery(
    post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    sale = await make_sale(texts=("CANARY-7Q2M-9XKA",))
    post.lies = [Lie.LATER, Lie.TAKES_AND_DROPS]
    made = await planned(sale)
    for hours in range(3):
        with later(hours=hours * 3):
            await attempt(sale, made)
    _, secret = link_in(text_of(post.mails[0]))
    address = post.mails[0]["To"]

    ctx = system_ctx("test", permissions=frozenset({"system.run"}))
    async with governing(ctx) as tx:
        found = [
            str(dict(row))
            for table in ("outbox_event", "outbox_task", "audit_entry", "delivery_attempt")
            for row in await tx.fetch(f"SELECT * FROM {table} WHERE tenant_id = $1", sale.tenant_id)  # noqa: S608
        ]
    async with reading(sale.owner) as tx:
        found += [
            str(dict(row))
            for table in ("delivery", "delivery_link")
            for row in await tx.fetch(f"SELECT * FROM {table}")  # noqa: S608
        ]
    everything = "".join([*found, *capsys.readouterr()])

    assert len(post.mails) == 2
    for hidden in ("CANARY-7Q2M-9XKA", secret, address):
        assert hidden not in everything
        assert hidden.encode().hex() not in everything


async def test_whoever_has_the_whole_database_and_not_the_master_key_opens_no_link(
    settings: Settings, post: Post
) -> None:
    sale = await make_sale()
    await attempt(sale, await planned(sale))
    link_id, secret = link_in(text_of(post.mails[0]))

    async with as_owner(settings) as connection:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        stored = "".join(
            [
                str(await connection.fetch(f'SELECT t::text FROM "{table["tablename"]}" t'))  # noqa: S608 - a table's name
                for table in tables
            ]
        )
        wrapped = await connection.fetch("SELECT * FROM data_key WHERE purpose = 'LOOKUP'")

    assert link_id in stored
    raw = base64.urlsafe_b64decode(secret + "=")
    for hidden in (secret, raw.hex(), base64.b64encode(raw).decode(), keyring().lookup_key.reveal().hex()):
        assert hidden not in stored
    # What the secret is derived with is stored, and opens only under a master key that is not.
    row = wrapped[0]
    with pytest.raises(KeyUnavailable):
        await DataKey.unwrap(
            EnvMasterKeys(new_master_key()),
            WrappedKey(row["master_key_id"], row["wrapped"]),
            number=row["number"],
            tenant_id=None,
            purpose="lookup",
        )


class Gateway(Messenger):
    """A gateway for text messages that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[Message] = []

    async def send(self, message: Message) -> None:
        """Takes it."""
        self.got.append(message)


async def give(sale: Sale, contact: str) -> OrderId:
    """One more order of the buyer, as a gift."""
    assert sale.buyer.customer_id is not None
    await make_codes(sale.pool, 1)
    gift = orders.NewGift(contact, "Li", "生日快乐", "zh-CN")
    request = orders.OrderRequest(lines=((sale.listing.id, 1),), gift=gift)
    async with trading(sale.buyer) as tx:
        return (await orders.place_order(tx, sale.buyer, customer_id=sale.buyer.customer_id, request=request)).order_id


async def test_a_gift_goes_to_its_recipient_and_not_to_its_buyer(post: Post) -> None:
    sale = await make_sale()
    order_id = await give(sale, "friend@elsewhere.example")
    await run_twice(plan, tenant_id=sale.tenant_id, order_id=str(order_id))
    async with reading(sale.owner) as tx:
        made = (await delivery.list_deliveries(tx, sale.owner, [order_id]))[order_id]
    mail_ = next(each for each in made if each.channel is Channel.EMAIL)

    await run_twice(send, tenant_id=sale.tenant_id, delivery_id=str(mail_.id))

    (message,) = post.mails
    assert message["To"] == "friend@elsewhere.example"
    assert "礼物" in message["Subject"]
    assert (mail_.addressee, mail_.contact_masked) == ("RECIPIENT", "f***@elsewhere.example")


async def test_many_orders_are_planned_in_one_task_and_each_goes_its_own_way() -> None:
    sale = await make_sale()
    gift = await give(sale, "friend@elsewhere.example")
    taken_back = await give(sale, "no-friend@elsewhere.example")
    async with transaction(sale.buyer) as tx:
        await orders.take_back_gift(tx, sale.buyer, order_id=taken_back)
    unpaid = (await make_sale(paid=False)).order_id
    facts = [{"order_id": str(each)} for each in (sale.order_id, gift, taken_back, unpaid)]

    for _ in range(2):
        await plan.perform(sale.tenant_id, {"facts": facts})

    async with reading(sale.owner) as tx:
        made = await delivery.list_deliveries(tx, sale.owner, [sale.order_id, gift, taken_back])
    ways = {key: {(each.channel, each.addressee) for each in found} for key, found in made.items()}
    assert ways == {
        sale.order_id: {(Channel.ACCOUNT, "BUYER"), (Channel.EMAIL, "BUYER")},
        gift: {(Channel.API, "BUYER"), (Channel.EMAIL, "RECIPIENT")},
        taken_back: {(Channel.API, "BUYER")},
    }


async def test_a_telephone_gets_a_message_with_the_link_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sale = await make_sale()
    gateway = Gateway()
    monkeypatch.setattr(errands, "_ways", errands._Ways("https://shop.example", gateway))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - stands for a telephone
    order_id = await give(sale, "+86 138 0013 8000")
    await plan.perform(sale.tenant_id, {"order_id": str(order_id)})
    async with reading(sale.owner) as tx:
        made = (await delivery.list_deliveries(tx, sale.owner, [order_id]))[order_id]
    sms = next(each for each in made if each.channel is Channel.SMS)

    await run_twice(send, tenant_id=sale.tenant_id, delivery_id=str(sms.id))

    (message,) = gateway.got
    assert message.to.reveal() == "+8613800138000"
    assert "https://shop.example/s/" in message.text
    assert message.id == str(sms.id)
    assert "https" not in repr(message)
