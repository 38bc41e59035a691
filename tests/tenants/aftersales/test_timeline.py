"""A timeline tells what happened to an order, when and by whom: to its buyer and its merchant, and to nobody else."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fondaco_core.config import Settings
from fondaco_core.context import ActorKind, Ctx, system_ctx
from fondaco_core.db import reading, trading, transaction
from fondaco_core.errors import NotFound
from fondaco_core.ids import LinkId, OrderId
from fondaco_tenants import aftersales, delivery, orders
from fondaco_tenants.aftersales import TimelineActor, TimelineEntry, TimelineKind, rules
from fondaco_tenants.aftersales.store import TIMELINE
from fondaco_workers.actors import orders as order_actors
from fondaco_workers.actors.delivery import look_at_reveals, plan, send
from tests.support.clock import later
from tests.support.factories.customers import make_customer_ctx
from tests.support.factories.delivery import Sale, make_link, make_sale, opener
from tests.support.smtp import Lie, Post, post_office
from tests.tenants.delivery.test_outgoing import give

pytestmark = pytest.mark.usefixtures("database")

BUYER, HOLDER, MERCHANT, SYSTEM = (
    TimelineActor.BUYER,
    TimelineActor.HOLDER,
    TimelineActor.MERCHANT,
    TimelineActor.SYSTEM,
)


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    """A mail server, and a process that knows its ways out."""
    async with post_office() as opened:
        delivery.open_ways(replace(settings, public_url="https://shop.example"))
        yield opened


async def timeline(ctx: Ctx, order_id: OrderId) -> list[TimelineEntry]:
    async with reading(ctx) as tx:
        entries = await aftersales.timeline_of(tx, ctx, order_id)
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    return entries


def told(entries: list[TimelineEntry]) -> list[tuple[str, TimelineActor]]:
    return [(entry.kind.value, entry.by) for entry in entries]


async def refund(sale: Sale, ctx: Ctx, reason: str = "The card was empty.") -> None:
    async with trading(ctx) as tx:
        await orders.refund_order(tx, ctx, order_id=sale.order_id, allocation_ids=[sale.allocations[-1]], reason=reason)


async def test_it_tells_what_was_done_by_whom_from_the_order_to_the_refund() -> None:
    sale = await make_sale(units=3)
    async with transaction(sale.buyer) as tx:
        await delivery.reveal_code(tx, sale.buyer, allocation_id=sale.allocations[0])
    link, secret = await make_link(sale, allocation_id=sale.allocations[1])
    visitor = opener(sale)
    async with transaction(visitor) as tx:
        await delivery.open_link(tx, visitor, store_slug=sale.store.slug, link_id=LinkId(link.id), secret=secret)
    await refund(sale, sale.owner)

    entries = await timeline(sale.buyer, sale.order_id)

    assert told(entries) == [
        ("PLACED", BUYER),
        ("PAID", BUYER),
        ("FULFILLED", SYSTEM),
        ("REVEALED", BUYER),
        ("REVEALED", HOLDER),
        ("REFUNDED", MERCHANT),
    ]
    assert [(entry.units, None if entry.amount is None else entry.amount.amount_minor) for entry in entries] == [
        (None, 14_400),
        (None, 14_400),
        (None, None),
        (1, None),
        (1, None),
        (1, 4_800),
    ]


async def test_why_is_for_the_merchant_and_all_else_for_both() -> None:
    sale = await make_sale(units=2)
    await refund(sale, sale.owner, "Buyer seems to lie.")

    to_merchant = await timeline(await sale.support(), sale.order_id)
    to_buyer = await timeline(sale.buyer, sale.order_id)
    to_guest = await timeline(sale.guest, sale.order_id)

    assert to_merchant[-1].reason == "Buyer seems to lie."
    assert to_buyer == to_guest == [replace(entry, reason=None) for entry in to_merchant]


async def test_strangers_learn_nothing() -> None:
    sale, other = await make_sale(), await make_sale()
    neighbour = await make_customer_ctx(sale.tenant_id)

    for stranger in (other.owner, other.buyer, other.guest, neighbour):
        with pytest.raises(NotFound):
            await timeline(stranger, sale.order_id)


async def test_an_order_that_was_not_paid_in_time_expired_by_itself() -> None:
    sale = await make_sale(paid=False)
    with later(days=1):
        await order_actors.expire_overdue(system_ctx("test", permissions=frozenset({"system.run"})))

    assert told(await timeline(sale.buyer, sale.order_id)) == [("PLACED", BUYER), ("EXPIRED", SYSTEM)]


@pytest.mark.parametrize(("whose", "by"), [("buyer", BUYER), ("owner", MERCHANT)])
async def test_who_cancelled_an_order_is_told(whose: str, by: TimelineActor) -> None:
    sale = await make_sale(paid=False)
    ctx: Ctx = getattr(sale, whose)
    async with trading(ctx) as tx:
        await orders.cancel_order(tx, ctx, order_id=sale.order_id, reason="Not any more.")

    assert told(await timeline(sale.buyer, sale.order_id)) == [("PLACED", BUYER), ("CANCELLED", by)]


async def test_what_was_sent_what_was_given_up_and_what_arrived_is_told_with_its_way(post: Post) -> None:
    sale = await make_sale()
    await plan.perform(sale.tenant_id, {"order_id": str(sale.order_id)})
    async with reading(sale.owner) as tx:
        made = (await delivery.list_deliveries(tx, sale.owner, [sale.order_id]))[sale.order_id]
    mailed = next(each for each in made if each.channel is delivery.Channel.EMAIL)
    post.lies = [Lie.NEVER]
    await send.perform(sale.tenant_id, {"delivery_id": str(mailed.id)})
    async with transaction(sale.buyer) as tx:
        again = await delivery.resend_delivery(tx, sale.buyer, delivery_id=mailed.id)
    await send.perform(sale.tenant_id, {"delivery_id": str(again.id)})
    sent = await timeline(sale.buyer, sale.order_id)
    async with reading(sale.owner) as tx:
        listed = (await delivery.list_deliveries(tx, sale.owner, [sale.order_id]))[sale.order_id]
    link_id = next(str(each.link_id) for each in listed if each.id == again.id)
    shown = {
        "via": "LINK", "actor_kind": "ANONYMOUS", "actor_id": None, "order_id": str(sale.order_id), "link_id": link_id,
    }  # fmt: skip
    await look_at_reveals.perform(sale.tenant_id, {"facts": [shown]})

    entries = await timeline(sale.buyer, sale.order_id)

    assert [(entry.kind.value, entry.by, entry.channel) for entry in sent if entry.channel is not None] == [
        ("NOT_SENT", SYSTEM, "EMAIL"),
        ("SENT", BUYER, "EMAIL"),
    ]
    assert told(entries)[-1] == ("ARRIVED", SYSTEM)
    assert "@" not in str(entries)


async def test_a_gift_that_was_taken_back_says_so() -> None:
    sale = await make_sale()
    order_id = await give(sale, "friend@elsewhere.example")
    async with transaction(sale.buyer) as tx:
        await orders.take_back_gift(tx, sale.buyer, order_id=order_id)

    assert told(await timeline(sale.buyer, order_id))[-1] == ("TAKEN_BACK", BUYER)


async def test_it_is_bounded_and_read_by_indexes_alone() -> None:
    sale = await make_sale(units=3)
    for place in range(3):
        with later(minutes=place + 1):
            async with transaction(sale.buyer) as tx:
                await delivery.reveal_code(tx, sale.buyer, allocation_id=sale.allocations[place])

    async with reading(sale.buyer) as tx:
        few = await tx.fetch(TIMELINE, sale.order_id, 2)
        await tx.execute("SET LOCAL enable_seqscan TO off")
        plan_ = "\n".join(row[0] for row in await tx.fetch(f"EXPLAIN (COSTS off) {TIMELINE}", sale.order_id, 2))

    assert [row["kind"] for row in few].count("REVEALED") == 2
    assert "Seq Scan" not in plan_, plan_


def test_everybody_who_may_act_is_somebody() -> None:
    assert {rules.who(kind.value) for kind in ActorKind} == set(TimelineActor)
    assert rules.who(None) is SYSTEM
    assert {kind.value for kind in TimelineKind} > {"PLACED", "REFUNDED"}
