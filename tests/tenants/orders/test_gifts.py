"""A gift is its recipient's: nobody else sees its codes, unless the buyer takes it back before the recipient looks."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from fondaco_core import audit
from fondaco_core.context import ActorKind, Ctx, system_ctx
from fondaco_core.db import governing, reading, trading, transaction
from fondaco_core.errors import NotFound, Refusal
from fondaco_core.ids import LinkId, OrderId, new_id
from fondaco_tenants import customers, delivery, orders
from fondaco_tenants.orders import (
    Gift,
    GiftOpened,
    GiftSealed,
    GiftTakenBack,
    InvalidOrder,
    NewGift,
    OrderRequest,
    PayBy,
    Placed,
)
from tests.support.factories.identity import some_email
from tests.support.factories.orders import Shop, make_buyer, make_shop
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))
NOBODY = frozenset({"buyer.open"})


async def give(shop: Shop, buyer: Ctx, gift: NewGift, *, quantity: int = 1) -> Placed:
    assert buyer.customer_id is not None
    async with trading(buyer) as tx:
        request = OrderRequest(lines=((shop.listing_id, quantity),), pay_by=PayBy.WALLET, gift=gift)
        return await orders.place_order(tx, buyer, customer_id=buyer.customer_id, request=request)


async def gift_of(ctx: Ctx, order_id: OrderId) -> Gift | None:
    async with reading(ctx) as tx:
        return (await orders.find_gifts(tx, ctx, [order_id])).get(order_id)


async def take_back(buyer: Ctx, order_id: OrderId) -> None:
    async with transaction(buyer) as tx:
        await orders.take_back_gift(tx, buyer, order_id=order_id)


async def open_as_recipient(buyer: Ctx, order_id: OrderId, made_at: datetime) -> None:
    """What opening the link that went to the recipient asks first."""
    async with transaction(buyer) as tx:
        await orders.require_opener(tx, order_id=order_id, by_recipient=True, made_at=made_at)


async def show(buyer: Ctx, order_id: OrderId) -> int:
    async with transaction(buyer) as tx:
        return len(await delivery.reveal_order(tx, buyer, order_id=order_id))


async def answer(work: Awaitable[object]) -> object:
    try:
        return await work
    except Refusal as refusal:
        return refusal


def now() -> datetime:
    return datetime.now(UTC)


async def test_a_gift_is_kept_sealed_and_told_to_whoever_writes_to_its_recipient() -> None:
    shop, contact = await make_shop(), some_email()
    buyer = await make_buyer(shop)

    placed = await give(shop, buyer, NewGift(f" {contact.upper()} ", "小明", "Happy birthday!\r\n生日快乐", "zh-CN"))

    gift = await gift_of(buyer, placed.order_id)
    async with governing(SYSTEM) as tx:
        row = await tx.fetchrow("SELECT contact_masked, name, locale FROM gift WHERE order_id = $1", placed.order_id)
    system = replace(SYSTEM, tenant_id=shop.tenant_id)
    async with transaction(system) as tx:
        recipient = await orders.recipient_of(tx, placed.order_id)
        sealed = await tx.fetchval("SELECT contact_sealed FROM gift WHERE order_id = $1", placed.order_id)
    assert recipient is not None
    assert row is not None
    assert recipient.reveal() == contact.lower()
    assert contact.lower().encode() not in sealed
    assert row["contact_masked"] == customers.masked_contact(contact.lower())
    assert gift is not None
    assert (gift.message, gift.name, gift.locale) == ("Happy birthday!\n生日快乐", "小明", "zh-CN")
    assert (gift.opened_at, gift.taken_back_at) == (None, None)
    assert contact not in str(NewGift(contact))


async def test_nobody_but_the_recipient_sees_a_gifts_codes() -> None:
    shop = await make_shop()
    buyer = await make_buyer(shop)
    placed = await give(shop, buyer, NewGift(some_email()))
    async with transaction(buyer) as tx:
        (unit,) = await orders.list_allocations(tx, buyer, order_id=placed.order_id)

    for refused in (show(buyer, placed.order_id), reveal_one(buyer, unit.id), make_link(buyer, placed.order_id)):
        with pytest.raises(GiftSealed):
            await refused
    async with transaction(buyer) as tx:
        links = await delivery.list_links(tx, buyer, [placed.order_id])

    assert links.get(placed.order_id, []) == []
    await assert_invariants()


async def reveal_one(buyer: Ctx, unit: Any) -> None:
    async with transaction(buyer) as tx:
        await delivery.reveal_code(tx, buyer, allocation_id=unit)


async def make_link(buyer: Ctx, order_id: OrderId) -> None:
    async with transaction(buyer) as tx:
        await delivery.create_link(tx, buyer, order_id=order_id)


async def open_link(shop: Shop, link_id: LinkId) -> int:
    visitor = Ctx(tenant_id=shop.tenant_id, permissions=NOBODY, request_id="visit")
    async with transaction(visitor) as tx:
        slug = await tx.fetchval("SELECT slug FROM store WHERE id = $1", shop.store_id)
        opened = await delivery.open_link(
            tx, visitor, store_slug=slug, link_id=link_id, secret=delivery.secret_of(link_id)
        )
    return len(opened.units)


async def test_a_recipients_link_shows_the_codes_and_the_buyer_sees_that_it_was_opened() -> None:
    shop = await make_shop()
    buyer = await make_buyer(shop)
    placed = await give(shop, buyer, NewGift(some_email()))
    system = replace(
        SYSTEM, tenant_id=shop.tenant_id, permissions=frozenset({"delivery.edit", "codes.reveal", "orders.read"})
    )
    assert system.actor is ActorKind.SYSTEM
    async with transaction(system) as tx:
        link = await delivery.create_link(tx, system, order_id=placed.order_id)

    shown = await open_link(shop, link.id)

    gift = await gift_of(buyer, placed.order_id)
    assert shown == 1
    assert gift is not None
    assert gift.opened_at is not None
    with pytest.raises(GiftOpened):
        await take_back(buyer, placed.order_id)
    with pytest.raises(GiftSealed):
        await show(buyer, placed.order_id)
    await assert_invariants()


async def test_a_gift_that_was_taken_back_is_the_buyers_own_and_the_old_link_opens_no_more() -> None:
    shop = await make_shop()
    buyer = await make_buyer(shop)
    placed = await give(shop, buyer, NewGift(some_email()))
    sent_at = now()

    for _ in range(2):
        await take_back(buyer, placed.order_id)

    with pytest.raises(GiftTakenBack):
        await open_as_recipient(buyer, placed.order_id, sent_at)
    assert await show(buyer, placed.order_id) == 1
    async with transaction(replace(SYSTEM, tenant_id=shop.tenant_id)) as tx:
        assert await orders.recipient_of(tx, placed.order_id) is None
    async with reading(shop.owner) as tx:
        log = await audit.list_entries(tx, shop.owner, subject_id=placed.order_id)
    assert [entry["action"] for entry in log].count("gift.taken_back") == 1


async def test_opening_a_gift_and_taking_it_back_at_once_is_one_of_them() -> None:
    for _ in range(6):
        shop = await make_shop(stock=1)
        buyer = await make_buyer(shop)
        placed = await give(shop, buyer, NewGift(some_email()))

        done = await asyncio.gather(
            answer(open_as_recipient(buyer, placed.order_id, now())), answer(take_back(buyer, placed.order_id))
        )

        gift = await gift_of(buyer, placed.order_id)
        assert gift is not None
        assert (gift.opened_at is None) is (gift.taken_back_at is not None)
        assert [type(each) for each in done] in ([type(None), GiftOpened], [GiftTakenBack, type(None)])


async def test_only_the_buyer_of_a_gift_takes_it_back() -> None:
    shop = await make_shop(stock=2)
    buyer, other = await make_buyer(shop), await make_buyer(shop)
    placed = await give(shop, buyer, NewGift(some_email()))

    for order_id in (placed.order_id, OrderId(new_id())):
        with pytest.raises(NotFound):
            await take_back(other, order_id)
    assert await gift_of(other, placed.order_id) is None


@pytest.mark.parametrize(
    ("gift", "path"),
    [
        (NewGift("a@example.com", name="x" * 201), ("giftTo", "name")),
        (NewGift("a@example.com", name="two\nlines"), ("giftTo", "name")),
        (NewGift("a@example.com", message="x" * 501), ("giftTo", "message")),
        (NewGift("a@example.com", message="a\x00b"), ("giftTo", "message")),
        (NewGift("a@example.com", message="right\u202eto left"), ("giftTo", "message")),
        (NewGift("a@example.com", locale="fr"), ("giftTo", "locale")),
    ],
)
async def test_a_gift_says_what_fits_on_a_card_in_plain_text(gift: NewGift, path: tuple[str, ...]) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)

    with pytest.raises(InvalidOrder) as refused:
        await give(shop, buyer, gift)

    assert refused.value.path == path


async def test_a_gift_goes_to_a_contact() -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)

    with pytest.raises(customers.BadContact):
        await give(shop, buyer, NewGift("nobody"))
