"""Codes reach their buyer and nobody else, every showing is on record, and a link opens as often as it says."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from fondaco_core import clock, limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing, trading, transaction
from fondaco_core.errors import NotAllowed, NotFound, Refusal
from fondaco_core.identity import MemberRole
from fondaco_core.ids import AllocationId, LinkId
from fondaco_core.secret import Secret
from fondaco_tenants import delivery, orders
from fondaco_tenants.catalog import FulfilmentKind
from tests.support.factories.customers import make_customer_ctx
from tests.support.factories.delivery import Sale, make_link, make_sale, opener
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
async def _all_invariants_hold_afterwards() -> AsyncIterator[None]:
    yield
    clock.use(None)
    await assert_invariants()


async def reveal(ctx: Ctx, allocation_id: AllocationId) -> delivery.RevealedUnit:
    async with transaction(ctx) as tx:
        return await delivery.reveal_code(tx, ctx, allocation_id=allocation_id)


async def open_link(
    sale: Sale, link: delivery.Link, secret: Secret[str], *, slug: str | None = None
) -> delivery.OpenedLink:
    ctx = opener(sale)
    async with transaction(ctx) as tx:
        return await delivery.open_link(tx, ctx, store_slug=slug or sale.store.slug, link_id=link.id, secret=secret)


async def reveals_of(sale: Sale) -> list[delivery.Reveal]:
    async with transaction(sale.owner) as tx:
        return (await delivery.list_reveals(tx, sale.owner, [sale.order_id]))[sale.order_id]


async def link_of(sale: Sale, link: delivery.Link) -> delivery.Link:
    async with transaction(sale.owner) as tx:
        return (await delivery.find_links(tx, sale.owner, [link.id]))[link.id]


async def everything_written(sale: Sale) -> str:
    """All that audit log, outbox and replay store hold of the tenant, as text."""
    parts: list[str] = []
    async with governing(admin_ctx()) as tx:
        for statement in (
            "SELECT to_jsonb(t)::text AS text FROM audit_entry t WHERE tenant_id = $1",
            "SELECT to_jsonb(t)::text AS text FROM outbox_event t WHERE tenant_id = $1",
            "SELECT to_jsonb(t)::text AS text FROM idempotency_record t WHERE tenant_id = $1",
        ):
            parts += [row["text"] for row in await tx.fetch(statement, sale.tenant_id)]
    return "\n".join(parts)


# Reveals


async def test_the_buyer_sees_the_code_and_the_showing_is_on_record() -> None:
    sale = await make_sale()
    buyer = replace(sale.buyer, ip="203.0.113.5", user_agent="a phone")

    unit = await reveal(buyer, sale.allocations[0])

    assert unit.code.reveal() == sale.codes[0]
    assert (unit.reveal_count, unit.pin, unit.title) == (1, None, "Steam 50")
    assert [(r.via, r.actor_kind, r.ip, r.allocation_id) for r in await reveals_of(sale)] == [
        ("ACCOUNT", "CUSTOMER", "203.0.*.*", sale.allocations[0])
    ]
    async with governing(admin_ctx()) as tx:
        row = await tx.fetchrow("SELECT * FROM code_reveal WHERE order_id = $1", sale.order_id)
        entries = await tx.fetch(
            "SELECT * FROM audit_entry WHERE tenant_id = $1 AND action = 'code.revealed'", sale.tenant_id
        )
    assert row is not None
    assert (row["ip"], row["user_agent"], row["actor_id"]) == ("203.0.113.5", "a phone", buyer.actor_id)
    assert [(e["ip"], e["actor_kind"]) for e in entries] == [("203.0.113.5", "CUSTOMER")]


async def test_every_showing_counts_and_the_first_one_is_kept() -> None:
    sale = await make_sale()
    first = await reveal(sale.buyer, sale.allocations[0])

    again = await reveal(sale.guest, sale.allocations[0])

    assert (again.reveal_count, again.revealed_at) == (2, first.revealed_at)
    assert [r.via for r in await reveals_of(sale)] == ["GUEST", "ACCOUNT"]


async def test_a_machine_of_the_buyer_sees_the_whole_order_in_the_order_of_its_units() -> None:
    sale = await make_sale(units=5)

    async with transaction(sale.machine) as tx:
        units = await delivery.reveal_order(tx, sale.machine, order_id=sale.order_id)

    assert sorted(unit.code.reveal() for unit in units) == sorted(sale.codes)
    assert [unit.allocation_id for unit in units] == list(sale.allocations)
    assert {r.via for r in await reveals_of(sale)} == {"API"}


async def test_a_code_that_was_shown_is_not_refunded_by_itself() -> None:
    sale = await make_sale()
    await reveal(sale.buyer, sale.allocations[0])

    async with trading(sale.owner) as tx:
        with pytest.raises(orders.CodeAlreadyRevealed):
            await orders.refund_order(tx, sale.owner, order_id=sale.order_id, reason="changed my mind")


async def test_of_a_reveal_and_a_refund_at_once_only_one_happens() -> None:
    sale = await make_sale(units=6)

    async def refund() -> None:
        async with trading(sale.owner) as tx:
            await orders.refund_order(tx, sale.owner, order_id=sale.order_id, reason="changed my mind")

    async def look() -> Sequence[delivery.RevealedUnit]:
        async with transaction(sale.buyer) as tx:
            return await delivery.reveal_order(tx, sale.buyer, order_id=sale.order_id)

    shown, refunded = await asyncio.gather(look(), refund(), return_exceptions=True)

    if isinstance(shown, delivery.NotDelivered):
        assert refunded is None
    else:
        assert isinstance(refunded, orders.CodeAlreadyRevealed)


async def test_a_stranger_learns_nothing_of_a_code() -> None:
    sale, other = await make_sale(), await make_sale()
    same_store = await make_customer_ctx(sale.tenant_id)

    for stranger in (same_store, other.buyer, other.guest, replace(other.guest, tenant_id=sale.tenant_id)):
        with pytest.raises(NotFound):
            await reveal(stranger, sale.allocations[0])

    assert await reveals_of(sale) == []


async def test_a_token_of_an_older_version_opens_nothing() -> None:
    sale = await make_sale()

    with pytest.raises(NotFound):
        await reveal(replace(sale.guest, order_token_version=0), sale.allocations[0])


@pytest.mark.parametrize("role", list(MemberRole))
async def test_nobody_of_the_merchant_sees_a_buyers_code_this_way(role: MemberRole) -> None:
    sale = await make_sale()
    member = await make_member_ctx(sale.tenant_id, role=role)

    with pytest.raises(NotAllowed):
        await reveal(member, sale.allocations[0])


async def test_an_unpaid_unit_has_no_code_to_show() -> None:
    sale = await make_sale(paid=False)

    with pytest.raises(delivery.NotDelivered) as refusal:
        await reveal(sale.buyer, sale.allocations[0])

    assert refusal.value.pending
    assert await reveals_of(sale) == []


async def test_a_refunded_unit_has_no_code_to_show() -> None:
    sale = await make_sale()
    async with trading(sale.owner) as tx:
        await orders.refund_order(tx, sale.owner, order_id=sale.order_id, reason="wrong product")

    with pytest.raises(delivery.NotDelivered) as refusal:
        await reveal(sale.buyer, sale.allocations[0])

    assert not refusal.value.pending


async def test_a_pin_comes_beside_its_code() -> None:
    sale = await make_sale(pin="0042")

    unit = await reveal(sale.buyer, sale.allocations[0])

    assert unit.pin is not None
    assert (unit.code.reveal(), unit.pin.reveal()) == (sale.codes[0], "0042")


# Links


async def test_of_twenty_who_open_a_one_time_link_at_once_exactly_one_sees_the_code() -> None:
    sale = await make_sale()
    link, secret = await make_link(sale)

    outcomes = await asyncio.gather(*(open_link(sale, link, secret) for _ in range(20)), return_exceptions=True)

    opened = [outcome for outcome in outcomes if isinstance(outcome, delivery.OpenedLink)]
    assert len(opened) == 1
    assert opened[0].units[0].code.reveal() == sale.codes[0]
    assert sum(isinstance(outcome, delivery.LinkSpent) for outcome in outcomes) == 19
    assert [(r.via, r.link_id) for r in await reveals_of(sale)] == [("LINK", link.id)]


async def test_the_secret_of_a_link_has_256_bits_and_is_no_other_links() -> None:
    first, second = LinkId(uuid4()), LinkId(uuid4())

    secret = delivery.secret_of(first).reveal()

    assert len(secret) == 43
    assert secret == delivery.secret_of(first).reveal()
    assert secret != delivery.secret_of(second).reveal()


async def test_a_limited_link_opens_as_often_as_it_says() -> None:
    sale = await make_sale(units=2)
    link, secret = await make_link(sale, opens_max=3)

    left = [opened.link.opens for opened in [await open_link(sale, link, secret) for _ in range(3)]]

    assert left == [1, 2, 3]
    with pytest.raises(delivery.LinkSpent):
        await open_link(sale, link, secret)
    assert (await link_of(sale, link)).state_at(clock.now()) is delivery.LinkState.SPENT


async def test_a_link_to_one_unit_shows_that_unit_alone() -> None:
    sale = await make_sale(units=3)
    link, secret = await make_link(sale, allocation_id=sale.allocations[1])

    opened = await open_link(sale, link, secret)

    assert [unit.allocation_id for unit in opened.units] == [sale.allocations[1]]


async def test_a_wrong_secret_uses_nothing_up_and_tells_nothing() -> None:
    sale = await make_sale()
    link, secret = await make_link(sale)
    nobody = replace(link, id=LinkId(uuid4()))

    told: list[tuple[str, str, str]] = []
    for asked, tried in ((link, Secret("x" * 43)), (link, Secret("")), (nobody, secret)):
        with pytest.raises(Refusal) as refusal:
            await open_link(sale, asked, tried)
        told.append((refusal.value.code, refusal.value.message, refusal.value.message_zh))

    assert len(set(told)) == 1
    assert told[0][0] == "LINK_UNKNOWN"
    assert (await link_of(sale, link)).opens == 0
    await open_link(sale, link, secret)


async def test_a_link_is_unknown_under_another_stores_name() -> None:
    sale, other = await make_sale(), await make_sale()
    link, secret = await make_link(sale)

    with pytest.raises(delivery.LinkUnknown):
        await open_link(sale, link, secret, slug=other.store.slug)
    with pytest.raises(delivery.LinkUnknown):
        await open_link(other, link, secret)

    assert (await link_of(sale, link)).opens == 0


async def test_a_revoked_link_says_so_to_who_holds_its_secret_and_to_nobody_else() -> None:
    sale = await make_sale()
    link, secret = await make_link(sale)
    async with transaction(sale.buyer) as tx:
        await delivery.revoke_link(tx, sale.buyer, link_id=link.id)

    with pytest.raises(delivery.LinkRevoked):
        await open_link(sale, link, secret)
    with pytest.raises(delivery.LinkUnknown):
        await open_link(sale, link, Secret("y" * 43))


async def test_an_expired_link_opens_no_more() -> None:
    sale = await make_sale()
    link, secret = await make_link(sale, hours=1)
    later = datetime.now(UTC) + timedelta(hours=1, seconds=1)
    clock.use(lambda: later)

    with pytest.raises(delivery.LinkExpired):
        await open_link(sale, link, secret)

    clock.use(None)
    assert (await link_of(sale, link)).opens == 0


async def test_a_link_to_what_is_not_delivered_yet_is_not_used_up() -> None:
    sale = await make_sale(paid=False)
    link, secret = await make_link(sale)
    with pytest.raises(delivery.NotDelivered):
        await open_link(sale, link, secret)

    async with trading(sale.buyer) as tx:
        await orders.pay_order(tx, sale.buyer, order_id=sale.order_id)
    opened = await open_link(sale, link, secret)

    assert opened.link.opens == 1
    assert opened.units[0].code.reveal() == sale.codes[0]


async def test_only_who_may_see_codes_makes_a_link_for_the_merchant() -> None:
    sale = await make_sale()
    support = await sale.support()

    link, secret = await make_link(sale, sale.owner)
    with pytest.raises(NotAllowed):
        await make_link(sale, support)

    assert link.created_by_kind == "MEMBER"
    assert (await open_link(sale, link, secret)).units[0].code.reveal() == sale.codes[0]


async def test_support_withdraws_a_link_and_does_not_learn_its_address() -> None:
    sale = await make_sale()
    support = await sale.support()
    link, _ = await make_link(sale)

    async with transaction(support) as tx:
        with pytest.raises(NotAllowed):
            await delivery.find_link_address(tx, support, link_id=link.id)
        revoked = await delivery.revoke_link(tx, support, link_id=link.id)

    assert revoked.revoked_at is not None


async def test_who_may_only_look_makes_no_link() -> None:
    sale = await make_sale()
    auditor = await make_member_ctx(sale.tenant_id, role=MemberRole.AUDITOR)

    with pytest.raises(NotAllowed):
        await make_link(sale, auditor)


async def test_nobody_makes_revokes_or_sees_a_link_of_anothers_order() -> None:
    sale, other = await make_sale(), await make_sale()
    link, _ = await make_link(sale)
    same_store = await make_customer_ctx(sale.tenant_id)

    for stranger in (same_store, other.buyer, other.owner, other.guest):
        with pytest.raises(NotFound):
            await make_link(sale, stranger)
        async with transaction(stranger) as tx:
            with pytest.raises(NotFound):
                await delivery.revoke_link(tx, stranger, link_id=link.id)
            assert await delivery.find_links(tx, stranger, [link.id]) == {}
            assert await delivery.list_links(tx, stranger, [sale.order_id]) == {}
            assert await delivery.list_reveals(tx, stranger, [sale.order_id]) == {}


async def test_a_link_names_a_unit_of_its_own_order() -> None:
    sale, other = await make_sale(), await make_sale()

    with pytest.raises(NotFound):
        await make_link(sale, allocation_id=other.allocations[0])


async def test_an_order_has_a_bounded_number_of_open_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LINKS_PER_ORDER_MAX", 2)
    sale = await make_sale()
    first, _ = await make_link(sale)
    await make_link(sale)

    with pytest.raises(delivery.TooManyLinks):
        await make_link(sale)
    async with transaction(sale.buyer) as tx:
        await delivery.revoke_link(tx, sale.buyer, link_id=first.id)
    await make_link(sale)

    async with transaction(sale.buyer) as tx:
        assert len((await delivery.list_links(tx, sale.buyer, [sale.order_id]))[sale.order_id]) == 2


async def test_withdrawing_twice_is_withdrawing_once() -> None:
    sale = await make_sale()
    link, _ = await make_link(sale)

    async with transaction(sale.owner) as tx:
        once = await delivery.revoke_link(tx, sale.owner, link_id=link.id)
        twice = await delivery.revoke_link(tx, sale.owner, link_id=link.id)

    assert once == twice
    async with governing(admin_ctx()) as tx:
        assert (
            await tx.fetchval(
                "SELECT count(*) FROM audit_entry WHERE subject_id = $1 AND action = 'delivery_link.revoked'", link.id
            )
            == 1
        )


async def test_no_code_and_no_secret_is_in_the_audit_log_the_outbox_or_the_link() -> None:
    sale = await make_sale(kind=FulfilmentKind.CODE)
    link, secret = await make_link(sale)
    opened = await open_link(sale, link, secret)
    unit = await reveal(sale.buyer, sale.allocations[0])

    written = await everything_written(sale)

    assert "delivery_link.opened" in written
    assert "198.51.100.4" in written
    for hidden in (sale.codes[0], secret.reveal()):
        assert hidden not in written
        assert hidden not in f"{link!r} {opened!r} {unit!r}"
    async with transaction(sale.owner) as tx:
        row = await tx.fetchval("SELECT to_jsonb(k)::text FROM delivery_link k WHERE id = $1", link.id)
    assert secret.reveal() not in row
