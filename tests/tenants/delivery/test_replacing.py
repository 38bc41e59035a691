"""A unit that got another code goes the way its order went: once, by a link of its own, and never as a flood."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from fondaco_core import limits
from fondaco_core.config import Settings
from fondaco_core.context import system_ctx
from fondaco_core.db import reading, trading, transaction
from fondaco_core.ids import AllocationId, LinkId
from fondaco_core.secret import Secret
from fondaco_tenants import aftersales, codes, delivery, orders
from fondaco_tenants.delivery import Channel, Delivery, DeliveryState, OpenedLink
from fondaco_workers.actors import orders as order_actors
from fondaco_workers.actors.delivery import plan_replacement
from tests.support.actors import run_twice
from tests.support.clock import later
from tests.support.factories.codes import make_codes
from tests.support.factories.delivery import Sale, make_sale, opener
from tests.support.invariants import assert_invariants
from tests.support.smtp import Post, post_office
from tests.tenants.delivery.test_outgoing import attempt, link_in, log_of, planned, text_of

pytestmark = pytest.mark.usefixtures("database", "post")


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    """A mail server, and a process that knows its ways out."""
    async with post_office() as opened:
        delivery.open_ways(replace(settings, public_url="https://shop.example"))
        yield opened


async def sent_sale(units: int = 1) -> Sale:
    """An order that has been mailed."""
    sale = await make_sale(units=units)
    await attempt(sale, await planned(sale))
    return sale


async def replaced(sale: Sale, unit: AllocationId) -> AllocationId:
    """Support says that a unit's code is bad, and the workers hear of it twice."""
    async with trading(sale.owner) as tx:
        made = (await orders.replace_unit(tx, sale.owner, allocation_id=unit, reason="does not redeem")).unit.id
    await run_twice(
        plan_replacement, tenant_id=sale.tenant_id, order_id=str(sale.order_id), allocation_id=str(made)
    )  # fmt: skip
    return made


async def mails_of_units(sale: Sale) -> list[Delivery]:
    return [each for each in await log_of(sale) if each.allocation_id is not None and each.channel is Channel.EMAIL]


async def open_mailed(sale: Sale, message: object) -> OpenedLink:
    link_id, secret = link_in(text_of(message))
    visitor = opener(sale)
    async with transaction(visitor) as tx:
        return await delivery.open_link(
            tx, visitor, store_slug=sale.store.slug, link_id=LinkId(UUID(link_id)), secret=Secret(secret)
        )


async def test_the_buyer_is_mailed_a_link_that_opens_the_new_code_and_no_other(post: Post) -> None:
    sale = await sent_sale(units=2)
    (fresh,) = await make_codes(sale.pool, 1)

    made = await replaced(sale, sale.allocations[0])
    (mail,) = await mails_of_units(sale)
    await attempt(sale, mail)
    opened = await open_mailed(sale, post.mails[-1])

    assert len(post.mails) == 2
    assert mail.allocation_id == made
    assert "replaced" in post.mails[-1]["Subject"] or "更换" in post.mails[-1]["Subject"]
    assert [unit.code.reveal() for unit in opened.units] == [fresh]
    assert fresh not in post.raw[-1].decode()
    async with reading(sale.buyer) as tx:
        kinds = [entry.kind for entry in await aftersales.timeline_of(tx, sale.buyer, sale.order_id)]
    assert kinds.count(aftersales.TimelineKind.REPLACED) == 1
    await assert_invariants()


async def test_what_was_not_sent_yet_brings_the_new_code_by_itself() -> None:
    sale = await make_sale()
    await planned(sale)
    await make_codes(sale.pool, 1)

    await replaced(sale, sale.allocations[0])

    assert await mails_of_units(sale) == []


async def test_an_order_that_was_not_planned_yet_makes_nothing_of_it() -> None:
    sale = await make_sale()
    await make_codes(sale.pool, 1)

    await replaced(sale, sale.allocations[0])

    assert await log_of(sale) == []


async def test_a_corrected_contact_gets_the_new_code_and_the_wrong_one_does_not(post: Post) -> None:
    sale = await sent_sale()
    async with transaction(sale.owner) as tx:
        corrected = await delivery.resend_delivery(
            tx, sale.owner, delivery_id=(await log_of(sale))[0].id, contact="right@example.com", reason="a typing error"
        )
    await attempt(sale, corrected)
    await make_codes(sale.pool, 1)

    await replaced(sale, sale.allocations[0])
    (mail,) = await mails_of_units(sale)
    await attempt(sale, mail)

    assert mail.addressee == "CORRECTED"
    assert post.mails[-1]["To"] == "right@example.com"


async def test_many_units_at_once_make_a_few_mails_and_then_one_of_the_whole_order() -> None:
    many = limits.UNIT_MAILS_PER_HOUR_MAX + 3
    sale = await sent_sale(units=many)
    fresh = await make_codes(sale.pool, many)

    for unit in sale.allocations:
        await replaced(sale, unit)
    log = await log_of(sale)

    mails = [each for each in log if each.channel is Channel.EMAIL and each.state is DeliveryState.QUEUED]
    whole = [each for each in mails if each.allocation_id is None]
    assert (len(mails), len(whole)) == (limits.UNIT_MAILS_PER_HOUR_MAX + 1, 1)
    assert len([each for each in log if each.channel is Channel.ACCOUNT and each.allocation_id is not None]) == many
    async with transaction(sale.buyer) as tx:
        shown = await delivery.reveal_order(tx, sale.buyer, order_id=sale.order_id)
    assert {unit.code.reveal() for unit in shown} == set(fresh)


async def test_what_the_system_sends_for_replaced_units_does_not_use_up_what_people_may_send_again() -> None:
    sale = await sent_sale(units=2)
    await make_codes(sale.pool, 2)
    for unit in sale.allocations:
        await replaced(sale, unit)

    sent_again: list[delivery.Delivery] = []
    for _ in range(limits.RESENDS_PER_HOUR_MAX):
        async with transaction(sale.buyer) as tx:
            last = (await mails_of_units(sale))[-1].id
            sent_again.append(await delivery.resend_delivery(tx, sale.buyer, delivery_id=last))

    assert all(again.allocation_id is not None for again in sent_again)


async def test_a_unit_that_was_refunded_meanwhile_is_not_mailed(post: Post) -> None:
    sale = await sent_sale(units=2)
    await make_codes(sale.pool, 1)
    made = await replaced(sale, sale.allocations[0])
    async with trading(sale.owner) as tx:
        await orders.refund_order(
            tx, sale.owner, order_id=sale.order_id, allocation_ids=[made], reason="not wanted any more"
        )

    (mail,) = await mails_of_units(sale)
    after = await attempt(sale, mail)

    assert len(post.mails) == 1
    assert (after.state, after.failure) == (DeliveryState.FAILED, "NOTHING_TO_SEND")


async def test_a_unit_that_waited_for_stock_is_mailed_when_it_has_its_code() -> None:
    sale = await sent_sale()
    async with transaction(sale.owner) as tx:
        (unit,) = await orders.list_allocations(tx, sale.owner, order_id=sale.order_id)
        assert unit.code_id is not None
        await codes.quarantine_codes(tx, sale.owner, code_ids=[unit.code_id], reason="the batch is bad")
    system = system_ctx("test", tenant_id=sale.tenant_id, permissions=frozenset({"system.run"}))
    await order_actors.swap_withdrawn(system, code_ids=[unit.code_id])
    async with reading(sale.buyer) as tx:
        before = [entry.kind for entry in await aftersales.timeline_of(tx, sale.buyer, sale.order_id)]
    await make_codes(sale.pool, 1)

    with later(minutes=10):
        await order_actors.mend_waiting(system_ctx("test", permissions=frozenset({"system.run"})))
    async with reading(sale.buyer) as tx:
        entries = await aftersales.timeline_of(tx, sale.buyer, sale.order_id)
        last = (await orders.list_allocations(tx, sale.buyer, order_id=sale.order_id))[-1]
    await run_twice(
        plan_replacement, tenant_id=sale.tenant_id, order_id=str(sale.order_id), allocation_id=str(last.id)
    )  # fmt: skip

    assert aftersales.TimelineKind.REPLACED not in before
    assert [entry.units for entry in entries if entry.kind is aftersales.TimelineKind.REPLACED] == [1]
    assert [mail.allocation_id for mail in await mails_of_units(sale)] == [last.id]
