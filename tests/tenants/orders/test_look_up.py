"""Orders are found again: by guests without anybody learning that they exist, by the merchant's people by what they know."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from fondaco_core import clock, identity
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, reading, trading
from fondaco_core.errors import Invalid, NotAllowed, NotFound, Refusal
from fondaco_core.ids import ListingId, new_id
from fondaco_core.secret import Secret
from fondaco_tenants import customers, orders
from fondaco_tenants.orders import NoLetters, OrderRequest, OrderSearch, OrderState, OrderView, PayBy
from fondaco_workers.actors import orders as actors
from tests.support.factories.customers import make_customer_ctx
from tests.support.factories.identity import some_email
from tests.support.factories.orders import Shop, make_buyer, make_shop, place
from tests.support.smtp import post_office
from tests.support.statements import counted
from tests.tenants.orders.test_budgets import guest_ctx, hold

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


def stranger() -> Ctx:
    return Ctx(request_id=uuid4().hex, ip=f"2001:db8:{uuid4().hex[:4]}::1")


async def slug_of(shop: Shop) -> str:
    async with reading(shop.owner) as tx:
        found: str = await tx.fetchval("SELECT slug FROM store WHERE id = $1", shop.store_id)
    return found


async def ask(shop: Shop, code: str, contact: str, asker: Ctx | None = None) -> list[str]:
    """Asks, and gives the statements that were sent."""
    with counted() as sent:
        await orders.look_up_order(
            asker or stranger(), store_slug=await slug_of(shop), order_code=code, contact=contact
        )
    return sent


async def asked(shop: Shop) -> list[str | None]:
    """The orders that the events name."""
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch(
            "SELECT payload->>'order_id' AS id FROM outbox_event WHERE tenant_id = $1 AND name = 'order.look_up_asked' ORDER BY id",
            shop.tenant_id,
        )
    return [row["id"] for row in rows]


async def answer(work: Awaitable[object]) -> object:
    try:
        return await work
    except Refusal as refusal:
        return type(refusal)


async def test_looking_for_an_order_that_exists_and_for_one_that_does_not_cost_and_say_the_same() -> None:
    shop, contact = await make_shop(stock=2), some_email()
    placed = await hold(shop, guest_ctx(shop), contact=contact)

    async with post_office():
        right = await ask(shop, f" {placed.code.lower()} ", contact.upper())
        wrong = [
            await ask(shop, placed.code, some_email()), await ask(shop, "FD-0000-0000-0000", contact)
        ]  # fmt: skip

    assert wrong == [right, right]
    assert await asked(shop) == [str(placed.order_id), None, None]


async def test_a_guest_is_written_to_with_a_link_that_opens_the_order() -> None:
    shop, contact = await make_shop(stock=2), some_email()
    placed = await hold(shop, guest_ctx(shop), contact=contact)
    system = replace(SYSTEM, tenant_id=shop.tenant_id)

    async with post_office() as post:
        await actors.send_look_up(system, order_id=placed.order_id, locale="zh-CN")
        await actors.send_look_up(system, order_id=None, locale="en")

    (letter,) = post.mails
    text = letter.get_content()
    address = next(line for line in text.splitlines() if "#" in line)
    guest = await identity.authenticate_bearer(Secret(address.partition("#")[2]), stranger())
    assert f"/s/{await slug_of(shop)}/o/{placed.code}#" in address
    async with reading(guest) as tx:
        assert (await orders.get_order(tx, guest, placed.order_id)).code == placed.code


async def test_the_order_of_an_account_is_not_sent_to_whoever_knows_its_number() -> None:
    shop, contact = await make_shop(stock=1), some_email()
    buyer = await make_customer_ctx(shop.tenant_id, contact=contact)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)

    async with post_office():
        await ask(shop, placed.code, contact)

    assert await asked(shop) == [None]


async def test_where_nothing_can_be_sent_one_says_so_whether_there_is_an_order_or_not() -> None:
    shop, contact = await make_shop(stock=1), some_email()
    placed = await hold(shop, guest_ctx(shop), contact=contact)
    slug = await slug_of(shop)

    found = [
        await answer(orders.look_up_order(stranger(), store_slug=slug, order_code=code, contact=contact))
        for code in (placed.code, "FD-0000-0000-0000")
    ]
    async with post_office():
        phone = await answer(
            orders.look_up_order(stranger(), store_slug=slug, order_code=placed.code, contact="+8613800138000")
        )
        nowhere = await answer(
            orders.look_up_order(stranger(), store_slug="no-such-store", order_code=placed.code, contact=contact)
        )

    assert found == [NoLetters, NoLetters]
    assert (phone, nowhere) == (NoLetters, NotFound)


async def test_one_asks_so_often_and_no_more() -> None:
    shop, asker = await make_shop(), stranger()

    async with post_office():
        tries = [
            await answer(ask(shop, "FD-0000-0000-0000", "somebody@example.com", asker)) for _ in range(12)
        ]  # fmt: skip

    assert tries[-1] is identity.TooManyAttempts


async def find(ctx: Ctx, **sought: object) -> list[OrderView]:
    async with reading(ctx) as tx:
        return await orders.search_orders(tx, ctx, search=OrderSearch(**sought))  # type: ignore[arg-type]


async def test_orders_are_found_by_whatever_is_known_of_them() -> None:
    shop, contact = await make_shop(stock=9), some_email()
    buyer = await make_buyer(shop)
    assert buyer.customer_id is not None
    async with trading(buyer) as tx:
        request = OrderRequest(lines=((shop.listing_id, 1),), pay_by=PayBy.WALLET, reference="PO-7")
        first = await orders.place_order(tx, buyer, customer_id=buyer.customer_id, request=request)
    second = await hold(shop, guest_ctx(shop), contact=contact)
    between = clock.now()
    third = await place(shop, buyer)
    ids = {first.order_id: 1, second.order_id: 2, third.order_id: 3}

    async def numbers(**sought: object) -> list[int]:
        return [ids[order.id] for order in await find(shop.owner, **sought)]

    assert await numbers() == [3, 2, 1]
    assert await numbers(code=second.code.lower()) == [2]
    assert await numbers(reference="PO-7") == [1]
    assert await numbers(contact=contact.upper()) == [2]
    assert await numbers(listing_id=shop.listing_id) == [3, 2, 1]
    assert await numbers(listing_id=ListingId(new_id())) == []
    assert await numbers(states=(OrderState.FULFILLED,)) == [3, 1]
    assert await numbers(states=(OrderState.PENDING_PAYMENT, OrderState.EXPIRED)) == [2]
    assert await numbers(states=()) == []
    assert await numbers(placed_to=between) == [2, 1]
    assert await numbers(placed_from=between, states=(OrderState.FULFILLED,), listing_id=shop.listing_id) == [3]


async def test_a_search_is_paged_both_ways() -> None:
    shop = await make_shop(stock=5)
    buyer = await make_buyer(shop)
    placed = [(await place(shop, buyer)).order_id for _ in range(5)]

    async with reading(shop.owner) as tx:
        down = await orders.search_orders(tx, shop.owner, search=OrderSearch(), bound=placed[3], count=2)
        up = await orders.search_orders(tx, shop.owner, search=OrderSearch(), bound=placed[1], backwards=True, count=2)

    assert [order.id for order in down] == [placed[2], placed[1]]
    assert [order.id for order in up] == [placed[2], placed[3]]


async def test_a_search_stays_within_the_merchant_and_within_what_one_may_see() -> None:
    shop, other = await make_shop(stock=1), await make_shop()
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer)
    packer = replace(shop.owner, permissions=frozenset({"orders.read"}))

    assert await find(other.owner, code=placed.code) == []
    with pytest.raises(NotAllowed):
        await find(packer, contact="a@example.com")
    with pytest.raises(NotAllowed):
        await find(buyer)
    with pytest.raises(customers.BadContact):
        await find(shop.owner, contact="nobody")
    with pytest.raises(Invalid):
        await find(shop.owner, placed_from=clock.now(), placed_to=clock.now() - timedelta(days=1))
