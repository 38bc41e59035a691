"""Whoever gets a gift is told no price: at the address that its buyer named, at a corrected one, in the merchant's own words."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fondaco_core.config import Settings
from fondaco_core.db import reading, transaction
from fondaco_core.ids import DeliveryId, OrderId
from fondaco_tenants import delivery, orders
from fondaco_tenants.delivery import Channel, Words
from fondaco_workers.actors.delivery import plan, send
from tests.support.factories.delivery import Sale, make_sale
from tests.support.smtp import Post, post_office
from tests.tenants.delivery.test_outgoing import give

pytestmark = pytest.mark.usefixtures("database", "post")

# What the gift cost, in every way in which it is written.
PRICE = ("48", "CNY", "¥", "￥")
OWN = Words("For you: {{ order.total }}", "{{ link.url }} {{ order.total }}", "<p>{{ link.url }} {{ order.total }}</p>")


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    """A mail server, and a process that knows its ways out."""
    async with post_office() as opened:
        delivery.open_ways(replace(settings, public_url="https://shop.example"))
        yield opened


async def planned(sale: Sale) -> tuple[OrderId, DeliveryId]:
    """A gift, and the mail to its recipient that is to leave."""
    order_id = await give(sale, "freind@elsewhere.example")
    await plan.perform(sale.tenant_id, {"order_id": str(order_id)})
    async with reading(sale.owner) as tx:
        made = (await delivery.list_deliveries(tx, sale.owner, [order_id]))[order_id]
    return order_id, next(each.id for each in made if each.channel is Channel.EMAIL)


async def correct(sale: Sale, delivery_id: DeliveryId) -> DeliveryId:
    async with transaction(sale.owner) as tx:
        made = await delivery.resend_delivery(
            tx, sale.owner, delivery_id=delivery_id, contact="friend@elsewhere.example", reason="typo at checkout"
        )
    return made.id


async def mailed(post: Post, sale: Sale, delivery_id: DeliveryId) -> str:
    """All that the mail says beside its link, in one text."""
    await send.perform(sale.tenant_id, {"delivery_id": str(delivery_id)})
    message = post.mails[-1]
    parts = [str(message["Subject"])]
    parts += [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    words = "\n".join(parts).split()
    return " ".join(word for word in words if "https://" not in word and "style=" not in word and "px" not in word)


@pytest.mark.parametrize("corrected", [False, True])
async def test_a_gifts_recipient_is_told_no_price_at_whichever_address(post: Post, *, corrected: bool) -> None:
    sale = await make_sale()
    _, sent = await planned(sale)
    if corrected:
        sent = await correct(sale, sent)

    text = await mailed(post, sale, sent)

    assert post.mails[-1]["To"] == ("friend" if corrected else "freind") + "@elsewhere.example"
    assert "礼物" in text
    assert "生日快乐" in text
    assert [price for price in PRICE if price in text] == []


@pytest.mark.parametrize("corrected", [False, True])
async def test_a_merchants_own_words_tell_a_gifts_recipient_no_price_either(post: Post, *, corrected: bool) -> None:
    sale = await make_sale()
    async with transaction(sale.owner) as tx:
        await delivery.save_template(
            tx, sale.owner, store_id=sale.store.id, listing_id=None, locale="zh-CN", words=OWN, version=0
        )
    _, sent = await planned(sale)
    if corrected:
        sent = await correct(sale, sent)

    text = await mailed(post, sale, sent)

    assert text.startswith("For you:")
    assert [price for price in PRICE if price in text] == []


async def test_a_gift_that_was_taken_back_is_its_buyers_who_knows_the_price(post: Post) -> None:
    sale = await make_sale()
    order_id, sent = await planned(sale)
    async with transaction(sale.buyer) as tx:
        await orders.take_back_gift(tx, sale.buyer, order_id=order_id)

    text = await mailed(post, sale, await correct(sale, sent))

    assert "礼物" not in text
    assert "48.00" in text
