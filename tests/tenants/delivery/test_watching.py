"""Unusual showings of codes raise an alarm, once, with counts and ids alone; usual ones raise none."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core import limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.ids import LinkId
from fondaco_tenants import codes, delivery
from fondaco_tenants.delivery import DeliverySettings, UnusualRule, rules
from fondaco_tenants.delivery.rules import Usual
from fondaco_workers.actors.delivery import look_at_reveals
from tests.support.actors import run_twice
from tests.support.clock import later
from tests.support.factories.delivery import Sale, make_link, make_sale, opener

USUAL = Usual(staff_reveals=3, client_reveals=3, place_accounts=2)
database = pytest.mark.usefixtures("database")


def test_at_the_threshold_all_is_usual_and_beyond_it_nothing_is() -> None:
    assert rules.judge_client("c", shown=3, usual=USUAL) == []
    assert [each.rule for each in rules.judge_client("c", shown=4, usual=USUAL)] == [UnusualRule.CLIENT_BURST]
    assert rules.judge_place("p", accounts=2, usual=USUAL) == []
    assert [each.count for each in rules.judge_place("p", accounts=3, usual=USUAL)] == [3]
    assert [each.rule for each in rules.judge_staff("m", shown=4, now_at=["192.0.2.1"], before_at=[], usual=USUAL)] == [
        UnusualRule.STAFF_BURST
    ]


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ([], ["192.0.2.1"], 0),  # nobody has been anywhere yet
        (["192.0.2.1"], ["192.0.2.200"], 0),  # the same network
        (["192.0.2.1"], ["198.51.100.1"], 1),
        (["2001:db8:1::1"], ["2001:db8:1:ffff::1"], 0),
        (["2001:db8:1::1"], ["2001:db8:2::1"], 1),
        (["192.0.2.1"], ["::ffff:192.0.2.7"], 0),
        (["192.0.2.1"], [None, "nonsense"], 0),
    ],
)
def test_a_new_place_is_another_network_of_who_has_been_somewhere(
    before: list[str], now: list[str | None], new: int
) -> None:
    found = rules.judge_staff("m", shown=1, now_at=now, before_at=before, usual=USUAL)

    assert [each.rule for each in found] == [UnusualRule.NEW_PLACE] * new


@given(st.one_of(st.ip_addresses().map(str), st.text(max_size=40), st.none()))
def test_any_address_is_in_a_network_or_in_none(ip: str | None) -> None:
    network = rules.network_of(ip)

    assert network is None or "/" in network


async def look(sale: Sale, **about: Any) -> None:
    fields = {"via": "LINK", "actor_kind": "ANONYMOUS", "actor_id": None, "order_id": None, "link_id": None} | about
    await run_twice(look_at_reveals, tenant_id=sale.tenant_id, **{k: v and str(v) for k, v in fields.items()})


async def alarms(sale: Sale) -> list[tuple[str, str, int]]:
    async with reading(sale.owner) as tx:
        rows = await tx.fetch("SELECT rule, subject, count FROM reveal_alarm ORDER BY id")
    return [tuple(row.values()) for row in rows]


async def usual(sale: Sale, **numbers: int) -> None:
    async with transaction(sale.owner) as tx:
        await delivery.update_settings(tx, sale.owner, settings=DeliverySettings(**numbers))  # type: ignore[arg-type]


async def own_code(sale: Sale, ctx: Ctx) -> None:
    async with transaction(ctx) as tx:
        code = (await codes.list_codes(tx, ctx, pool_id=sale.pool.id))[0]
        await codes.reveal_own_code(tx, ctx, code_id=code.id, reason="a buyer complains")


@database
async def test_a_member_who_looks_at_many_codes_is_told_of_once_an_hour() -> None:
    sale = await make_sale(units=2)
    await usual(sale, staff_reveals_max=2)
    member = replace(sale.owner, ip="192.0.2.1")

    for _ in range(2):
        await own_code(sale, member)
    await look(sale, via="BACK_OFFICE", actor_kind="MEMBER", actor_id=member.actor_id)
    before = await alarms(sale)
    for _ in range(2):
        await own_code(sale, member)
        await look(sale, via="BACK_OFFICE", actor_kind="MEMBER", actor_id=member.actor_id)

    assert before == []
    assert await alarms(sale) == [("STAFF_BURST", str(member.actor_id), 3)]


@database
async def test_a_member_at_a_new_place_is_told_of() -> None:
    sale = await make_sale()
    home, abroad = replace(sale.owner, ip="192.0.2.1"), replace(sale.owner, ip="198.51.100.9")

    await own_code(sale, home)
    with later(days=2):
        await own_code(sale, home)
        await look(sale, via="BACK_OFFICE", actor_kind="MEMBER", actor_id=home.actor_id)
        at_home = await alarms(sale)
        await own_code(sale, abroad)
        await look(sale, via="BACK_OFFICE", actor_kind="MEMBER", actor_id=home.actor_id)

    assert at_home == []
    assert [rule for rule, _, _ in await alarms(sale)] == ["NEW_PLACE"]


@database
async def test_a_link_that_goes_round_is_told_of() -> None:
    sale = await make_sale()
    link, secret = await make_link(sale, opens_max=5)

    for place in range(limits.LINK_NETWORKS_USUAL + 1):
        visitor = opener(sale, ip=f"198.51.{place}.4")
        async with transaction(visitor) as tx:
            await delivery.open_link(tx, visitor, store_slug=sale.store.slug, link_id=LinkId(link.id), secret=secret)
        await look(sale, order_id=sale.order_id, link_id=link.id)

    assert await alarms(sale) == [("LINK_SPREAD", str(link.id), limits.LINK_NETWORKS_USUAL + 1)]


@database
async def test_an_alarm_names_no_address_and_another_merchant_hears_nothing_of_it() -> None:
    sale, other = await make_sale(), await make_sale()
    await usual(sale, place_accounts_max=1, staff_reveals_max=1)
    member = replace(sale.owner, ip="203.0.113.77")
    for _ in range(2):
        await own_code(sale, member)
    await look(sale, via="BACK_OFFICE", actor_kind="MEMBER", actor_id=member.actor_id)

    ctx = system_ctx("test", permissions=frozenset({"system.run"}))
    async with governing(ctx) as tx:
        told = await tx.fetch(
            "SELECT payload FROM outbox_event WHERE tenant_id = $1 AND name = 'reveal.unusual'", sale.tenant_id
        )
    assert len(told) == 1
    assert "203.0.113" not in str(told) + str(await alarms(sale))
    assert await alarms(other) == []


@database
async def test_every_showing_is_announced_with_its_door_and_nothing_of_the_code() -> None:
    sale = await make_sale()

    async with transaction(sale.buyer) as tx:
        await delivery.reveal_code(tx, sale.buyer, allocation_id=sale.allocations[0])

    ctx = system_ctx("test", permissions=frozenset({"system.run"}))
    async with governing(ctx) as tx:
        (told,) = await tx.fetch(
            "SELECT payload::text AS payload FROM outbox_event WHERE tenant_id = $1 AND name = 'code.revealed'",
            sale.tenant_id,
        )
    assert '"ACCOUNT"' in told["payload"]
    assert sale.codes[0] not in told["payload"]


@database
async def test_many_showings_of_one_member_are_looked_at_once_and_together() -> None:
    sale = await make_sale(units=2)
    await usual(sale, staff_reveals_max=2)
    member = replace(sale.owner, ip="192.0.2.1")
    for _ in range(3):
        await own_code(sale, member)
    fact = {
        "via": "BACK_OFFICE",
        "actor_kind": "MEMBER",
        "actor_id": str(member.actor_id),
        "order_id": None,
        "link_id": None,
    }
    other = fact | {"via": "ACCOUNT", "actor_kind": "CUSTOMER", "actor_id": None, "order_id": str(sale.order_id)}

    for _ in range(2):
        await look_at_reveals.perform(sale.tenant_id, {"facts": [fact, fact, other, fact]})

    assert await alarms(sale) == [("STAFF_BURST", str(member.actor_id), 3)]
