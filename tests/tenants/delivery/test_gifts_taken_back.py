"""A gift that its buyer took back is the buyer's alone: nothing that was still on its way opens it for anybody else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fondaco_core.config import Settings
from fondaco_core.db import reading, transaction
from fondaco_core.ids import OrderId
from fondaco_tenants import delivery, orders
from fondaco_tenants.delivery import Channel, Delivery, DeliveryState, NotResendable
from fondaco_workers.actors.delivery import plan, send
from tests.support.clock import later
from tests.support.factories.delivery import Sale, make_sale
from tests.support.smtp import Lie, Post, post_office
from tests.tenants.delivery.test_outgoing import give

pytestmark = pytest.mark.usefixtures("database", "post")


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    """A mail server, and a process that knows its ways out."""
    async with post_office() as opened:
        delivery.open_ways(replace(settings, public_url="https://shop.example"))
        yield opened


async def mails_of(sale: Sale, order_id: OrderId) -> list[Delivery]:
    async with reading(sale.owner) as tx:
        made = (await delivery.list_deliveries(tx, sale.owner, [order_id]))[order_id]
    return [each for each in made if each.channel is Channel.EMAIL]


async def given(sale: Sale) -> tuple[OrderId, Delivery]:
    order_id = await give(sale, "friend@elsewhere.example")
    await plan.perform(sale.tenant_id, {"order_id": str(order_id)})
    (made,) = await mails_of(sale, order_id)
    return order_id, made


async def corrected(sale: Sale, made: Delivery) -> Delivery:
    async with transaction(sale.owner) as tx:
        return await delivery.resend_delivery(
            tx, sale.owner, delivery_id=made.id, contact="right@elsewhere.example", reason="typo at checkout"
        )


async def take_back(sale: Sale, order_id: OrderId) -> None:
    async with transaction(sale.buyer) as tx:
        await orders.take_back_gift(tx, sale.buyer, order_id=order_id)


async def test_a_corrected_contact_gets_nothing_after_the_gift_was_taken_back(post: Post) -> None:
    sale = await make_sale()
    order_id, made = await given(sale)
    again = await corrected(sale, made)
    post.lies = [Lie.LATER]
    await send.perform(sale.tenant_id, {"delivery_id": str(again.id)})

    await take_back(sale, order_id)
    with later(hours=1):
        await send.perform(sale.tenant_id, {"delivery_id": str(again.id)})

    assert post.mails == []
    assert (await mails_of(sale, order_id))[0].state is DeliveryState.FAILED


async def test_what_went_to_a_corrected_contact_is_not_sent_there_again_after_the_gift_was_taken_back(
    post: Post,
) -> None:
    sale = await make_sale()
    order_id, made = await given(sale)
    again = await corrected(sale, made)
    await send.perform(sale.tenant_id, {"delivery_id": str(again.id)})
    await take_back(sale, order_id)

    for ctx in (sale.buyer, await sale.support()):
        with pytest.raises(NotResendable):
            async with transaction(ctx) as tx:
                await delivery.resend_delivery(tx, ctx, delivery_id=again.id)

    assert len(post.mails) == 1


async def test_a_gift_that_is_taken_back_while_its_mail_is_written_is_not_sent(post: Post) -> None:
    sale = await make_sale()
    order_id, made = await given(sale)

    async with transaction(sale.buyer) as tx:
        await orders.take_back_gift(tx, sale.buyer, order_id=order_id)
        sending = asyncio.create_task(send.perform(sale.tenant_id, {"delivery_id": str(made.id)}))
        async with transaction(sale.owner) as watching:
            while not sending.done() and not await watching.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                pass
    await sending

    assert post.mails == []
    (after,) = await mails_of(sale, order_id)
    assert (after.state, after.link_id) == (DeliveryState.FAILED, None)
