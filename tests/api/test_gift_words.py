"""What a gift's buyer says, from the order to the mail, the page of the link and the page of the order."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import httpx2
import pytest
from redis.asyncio import Redis

from fondaco_api.app import create_app
from fondaco_core.config import Settings
from fondaco_core.db import reading, trading, transaction
from fondaco_core.identity import new_order_token
from fondaco_core.ids import OrderId
from fondaco_tenants import delivery, orders
from fondaco_tenants.delivery import service
from fondaco_workers.actors.delivery import plan, send
from tests.support.factories.codes import make_codes
from tests.support.factories.delivery import Sale, make_sale, opener
from tests.support.smtp import Post, post_office
from tests.tenants.delivery.test_outgoing import link_in, text_of

pytestmark = pytest.mark.usefixtures("database")

ASKING = {"x-requested-with": "fondaco"}
NAME, MESSAGE = "Li <b>", "生日快乐\nsee https://evil.example <script>"


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    """A mail server, and a process that knows its ways out."""
    async with post_office() as opened:
        delivery.open_ways(replace(settings, public_url="https://shop.example"))
        yield opened


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(settings)
    valkey = Redis.from_url(settings.require_redis_url().reveal())
    app.state.process.valkey = valkey
    transport = httpx2.ASGITransport(app=app, client=(f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as made:
        yield made
    await valkey.aclose()


async def mailed_gift(sale: Sale) -> OrderId:
    """A gift of the buyer's with words of theirs, mailed to its recipient."""
    assert sale.buyer.customer_id is not None
    await make_codes(sale.pool, 1)
    gift = orders.NewGift("friend@elsewhere.example", NAME, MESSAGE, "zh-CN")
    request = orders.OrderRequest(lines=((sale.listing.id, 1),), gift=gift)
    async with trading(sale.buyer) as tx:
        placed = await orders.place_order(tx, sale.buyer, customer_id=sale.buyer.customer_id, request=request)
    await plan.perform(sale.tenant_id, {"order_id": str(placed.order_id)})
    async with reading(sale.owner) as tx:
        made = (await delivery.list_deliveries(tx, sale.owner, [placed.order_id]))[placed.order_id]
    mail = next(each for each in made if each.channel is delivery.Channel.EMAIL)
    await send.perform(sale.tenant_id, {"delivery_id": str(mail.id)})
    return placed.order_id


async def test_the_recipient_reads_the_givers_words_in_the_mail_and_on_the_page(
    client: httpx2.AsyncClient, post: Post
) -> None:
    sale = await make_sale()
    await mailed_gift(sale)

    text = text_of(post.mails[0])
    link_id, secret = link_in(text)
    page = f"/s/{sale.store.slug}/r/{link_id}"
    looked = await client.get(page)
    opened = await client.post(f"{page}/open", json={"secret": secret}, headers=ASKING)

    assert "> 生日快乐" in text
    assert "evil.example" not in post.raw[0].decode() + text
    assert "生日快乐" not in looked.text
    assert opened.json()["said"] == {"name": NAME, "message": MESSAGE}


async def test_the_page_of_the_order_shows_what_was_said(client: httpx2.AsyncClient, post: Post) -> None:
    sale = await make_sale()
    order_id = await mailed_gift(sale)
    assert post.mails
    async with reading(sale.buyer) as tx:
        code = (await orders.get_order(tx, sale.buyer, order_id)).code
    token = new_order_token(tenant_id=sale.tenant_id, order_id=order_id, version=1)

    headers = ASKING | {"authorization": f"Bearer {token.reveal()}"}
    answer = await client.get(f"/s/{sale.store.slug}/o/{code}/state", headers=headers)

    assert answer.json()["gift"]["said"] == {"name": NAME, "message": MESSAGE}


async def test_what_was_said_is_not_told_by_a_link_to_a_gift_that_was_taken_back(post: Post) -> None:
    sale = await make_sale()
    order_id = await mailed_gift(sale)
    assert post.mails
    async with transaction(sale.buyer) as tx:
        await orders.take_back_gift(tx, sale.buyer, order_id=order_id)
        link = await delivery.create_link(tx, sale.buyer, order_id=order_id)
    visitor = opener(sale)

    async with transaction(visitor) as tx:
        opened = await delivery.open_link(
            tx, visitor, store_slug=sale.store.slug, link_id=link.id, secret=service.secret_of(link.id)
        )

    assert (opened.gift_name, opened.gift_message) == (None, None)
