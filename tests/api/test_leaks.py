"""Codes that turned up, through the real front door: each merchant on their path follows them to its neighbours and no further."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from fondaco_core import audit, limits
from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import Database, governing, trading, transaction
from fondaco_core.identity import MERCHANT_PERMISSIONS, PlatformRole
from fondaco_tenants import delivery, orders
from tests.support.door import Door, open_door
from tests.support.factories.chain_sales import ChainSale, make_chain_sale
from tests.support.factories.delivery import make_sale
from tests.support.factories.identity import admin_ctx, make_user
from tests.support.world import node_id

LOOK = system_ctx("look", permissions=frozenset({"system.run"}))
WHY = "found in a group of strangers"
LOTS = "purchase { lot partner { id } } sale { lot partner { id } }"
CODE = """... on TraceCodeSuccess { traces { code { id pool { id } batch { id } } sale { lot partner { id } paidAt } order { code }
  shown { via to } leak { finds } } }"""
LOT = (
    f"... on TraceLotSuccess {{ units {{ maskedCode state code {{ id }} {LOTS} order {{ code customer {{ id }} }} }} }}"
)
PATH = "... on TracePathSuccess { owner { id } steps { seller { id } buyer { id } lot units orderCode } }"
LEAK = f"id maskedCode finds code {{ id }} {LOTS} reseller {{ id }} places {{ place }}"
LEAKS = f"{{ merchant {{ leaks {{ nodes {{ {LEAK} }} }} leaksByReseller {{ reseller {{ id }} codes lots finds }} }} }}"


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def leaks_of(door: Door, ctx: Ctx) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    merchant = (await door.ask(LEAKS, ctx=ctx))["merchant"]
    return merchant["leaks"]["nodes"], merchant["leaksByReseller"]


async def lot_of(door: Door, ctx: Ctx) -> str:
    merchant = (await door.ask("{ merchant { supplySales { nodes { lot } } } }", ctx=ctx))["merchant"]
    lot: str = merchant["supplySales"]["nodes"][0]["lot"]
    return lot


async def told(made: ChainSale, name: str) -> list[tuple[Any, dict[str, Any]]]:
    chain = made.chain
    async with governing(LOOK) as tx:
        rows = await tx.fetch(
            "SELECT tenant_id, payload FROM outbox_event WHERE name = $1 AND tenant_id = ANY($2) ORDER BY seq",
            name, [chain.a.tenant_id, chain.b.tenant_id, chain.c.tenant_id],
        )  # fmt: skip
    return [
        (
            row["tenant_id"],
            orjson.loads(row["payload"]) if isinstance(row["payload"], str | bytes) else dict(row["payload"]),
        )
        for row in rows
    ]


def partner(made: ChainSale, who: str) -> dict[str, str]:
    return {"id": node_id("Partner", getattr(made.chain, who).tenant_id)}


async def test_a_code_leads_its_owner_to_the_lot_that_it_went_in_and_nobody_else_to_anything(door: Door) -> None:
    made = await make_chain_sale(units=2)
    chain, (text, _) = made.chain, made.sale.codes

    traced = await door.do("traceCode", {"text": text, "reason": WHY}, ctx=chain.a.owner, show=CODE)
    others = [
        await door.do("traceCode", {"text": given, "reason": WHY}, ctx=each.owner, show=CODE)
        for each in (chain.b, chain.c)
        for given in (text, "NOBODY-HAS-THIS-ONE")
    ]

    (trace,) = traced["traces"]
    assert trace["code"]["id"] == node_id("Code", made.code_ids[0])
    assert (trace["sale"]["lot"], trace["sale"]["partner"]) == (await lot_of(door, chain.a.owner), partner(made, "b"))
    assert trace["order"] is None
    assert [each["traces"] for each in others] == [[], [], [], []]
    async with transaction(chain.a.owner) as tx:
        (entry,) = await audit.list_entries(tx, chain.a.owner, action="code.traced")
    assert (entry["reason"], entry["subject_id"]) == (WHY, made.code_ids[0])
    assert text not in str(entry)


async def test_a_fingerprint_leads_its_owner_where_the_code_leads_and_nobody_else(door: Door) -> None:
    made = await make_chain_sale()
    chain = made.chain
    asked = "query ($id: ID!) { node(id: $id) { ... on Code { fingerprint } } }"
    mark = (await door.ask(asked, {"id": node_id("Code", made.code_ids[0])}, ctx=chain.a.owner))["node"]["fingerprint"]

    (trace,), *others = [
        (await door.do("traceCode", {"fingerprint": mark, "reason": WHY}, ctx=each.owner, show=CODE))["traces"]
        for each in (chain.a, chain.b, chain.c)
    ]
    reported = await door.do("reportLeak", {"fingerprint": mark, "place": "a forum"}, ctx=chain.b.owner)
    bad = await door.do("traceCode", {"fingerprint": "no digits", "reason": WHY}, ctx=chain.a.owner)

    assert (trace["code"]["id"], trace["sale"]["partner"]) == (node_id("Code", made.code_ids[0]), partner(made, "b"))
    assert others == [[], []]
    assert (reported["code"], reported["path"]) == ("NOT_FOUND", ["input", "fingerprint"])
    assert (bad["code"], bad["path"]) == ("INVALID_INPUT", ["input", "fingerprint"])


async def test_a_code_that_an_own_store_sold_leads_to_its_order_and_to_who_saw_it(door: Door) -> None:
    sale = await make_sale(units=1)
    async with transaction(sale.buyer) as tx:
        await delivery.reveal_code(tx, sale.buyer, allocation_id=sale.allocations[0])
    asked = {"text": sale.codes[0], "reason": WHY}

    (trace,) = (await door.do("traceCode", asked, ctx=sale.owner, show=CODE))["traces"]
    both = await door.do("traceCode", {**asked, "codeId": trace["code"]["id"]}, ctx=sale.owner)

    assert (trace["order"], trace["sale"]) == ({"code": sale.order_code}, None)
    assert trace["shown"] == [{"via": "ACCOUNT", "to": "CUSTOMER"}]
    assert both["code"] == "INVALID_INPUT"


async def test_texts_that_are_no_own_codes_are_answered_a_bounded_number_of_times(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await make_chain_sale()
    owner = made.chain.b.owner
    monkeypatch.setattr(limits, "TRACE_MISSES_MAX", 2)

    answers = [
        await door.do("traceCode", {"text": text, "reason": WHY}, ctx=owner, show=CODE)
        for text in (made.sale.codes[0], "ANOTHER-GUESS-1", "ANOTHER-GUESS-2")
    ]

    assert [answer.get("code") for answer in answers] == [None, None, "TOO_MANY_WRONG_CODES"]


@pytest.mark.parametrize("who", ["own", "by id"])
async def test_a_code_is_never_written_down_beside_itself(door: Door, who: str) -> None:
    made = await make_chain_sale()
    (text,), owner = made.sale.codes, made.chain.a.owner
    named = {"text": text} if who == "own" else {"codeId": node_id("Code", made.code_ids[0])}
    spelled = f"seen: {text[:4]} {text[4:]}" if who == "own" else f"https://x.example/?c={text.lower()}"

    refused = [
        await door.do("traceCode", {**named, "reason": spelled}, ctx=owner),
        await door.do("reportLeak", {**named, "place": spelled}, ctx=owner),
    ]

    assert [each["code"] for each in refused] == ["INVALID_INPUT", "INVALID_INPUT"]
    assert [each["path"] for each in refused] == [["input", "reason"], ["input", "place"]]


async def test_a_lot_leads_each_of_its_two_parties_to_its_own_other_side(door: Door) -> None:
    made = await make_chain_sale(units=2)
    a, b, c = made.chain.a.owner, made.chain.b.owner, made.chain.c.owner
    first, second = await lot_of(door, a), await lot_of(door, b)

    async def traced(ctx: Ctx, lot: str, **more: str) -> dict[str, Any]:
        return await door.do("traceLot", {"lot": lot, "reason": WHY, **more}, ctx=ctx, show=LOT)

    of_a, of_b, of_c = await traced(a, first), await traced(b, first), await traced(c, second)
    strangers = [await traced(c, first), await traced(a, second), await traced(a, "LT-0000-0000-0000-0000")]
    one = await traced(b, first, maskedCode=of_b["units"][0]["maskedCode"])

    assert [unit["code"]["id"] for unit in of_a["units"]] == [node_id("Code", each) for each in made.code_ids]
    assert {(unit["purchase"]["lot"], unit["sale"]["lot"]) for unit in of_b["units"]} == {(first, second)}
    assert [unit["order"] for unit in [*of_a["units"], *of_b["units"]]] == [None] * 4
    assert {unit["order"]["code"] for unit in of_c["units"]} == {made.sale.order_code}
    assert {unit["sale"] is None and unit["code"] is None for unit in of_c["units"]} == {True}
    assert [each["code"] for each in strangers] == ["NOT_FOUND"] * 3
    assert 1 <= len(one["units"]) <= 2
    for told_to, hidden in ((of_a, [second, made.sale.order_code]), (of_b, [made.sale.order_code]), (of_c, [first])):
        assert not any(each in str(told_to) for each in hidden)


async def test_a_leak_is_told_from_neighbour_to_neighbour_each_of_its_own_lot(door: Door) -> None:
    made = await make_chain_sale(units=2)
    chain, text = made.chain, made.sale.codes[0]
    show = f"... on ReportLeakSuccess {{ leak {{ {LEAK} }} }}"

    reported = [
        await door.do("reportLeak", {"text": text, "place": place}, ctx=chain.a.owner, show=show)
        for place in ("t.me/cheap", "t.me/cheap", "a forum")
    ]
    refused = await door.do("reportLeak", {"text": text, "place": "t.me/cheap"}, ctx=chain.b.owner)

    first, second = await lot_of(door, chain.a.owner), await lot_of(door, chain.b.owner)
    (of_a, by_b), (of_b, by_c), (of_c, _) = [await leaks_of(door, each.owner) for each in (chain.a, chain.b, chain.c)]
    assert [each["leak"]["finds"] for each in reported] == [1, 1, 2]
    assert refused["code"] == "NOT_FOUND"
    assert [each["place"] for each in of_a[0]["places"]] == ["t.me/cheap", "a forum"]
    assert (of_a[0]["sale"]["lot"], of_a[0]["purchase"], of_a[0]["reseller"]) == (first, None, partner(made, "b"))
    assert (of_b[0]["purchase"]["lot"], of_b[0]["sale"]["lot"], of_b[0]["reseller"]) == (
        first,
        second,
        partner(made, "c"),
    )
    assert (of_c[0]["purchase"]["lot"], of_c[0]["sale"], of_c[0]["reseller"]) == (second, None, None)
    assert [len(each) for each in (of_a, of_b, of_c)] == [1, 1, 1]
    assert [(each[0]["code"], each[0]["places"]) for each in (of_b, of_c)] == [(None, [])] * 2
    assert by_b == [{"reseller": partner(made, "b"), "codes": 1, "lots": 1, "finds": 2}]
    assert by_c == [{"reseller": partner(made, "c"), "codes": 1, "lots": 1, "finds": 2}]
    assert [(tenant, each["lot"]) for tenant, each in await told(made, "supply.leak_reported")] == [
        (chain.b.tenant_id, first), (chain.c.tenant_id, second),
    ]  # fmt: skip
    assert "t.me" not in str(await told(made, "supply.leak_reported"))


async def test_a_code_that_nobody_bought_can_turn_up_too(door: Door) -> None:
    made = await make_chain_sale(spare=1)
    async with transaction(made.chain.a.owner) as tx:
        spare = await tx.fetchval("SELECT id FROM code WHERE state = 'AVAILABLE'")

    done = await door.do(
        "reportLeak", {"codeId": node_id("Code", spare), "place": "a forum"}, ctx=made.chain.a.owner,
        show=f"... on ReportLeakSuccess {{ leak {{ {LEAK} }} }}",
    )  # fmt: skip

    assert (done["leak"]["sale"], done["leak"]["reseller"], done["leak"]["finds"]) == (None, None, 1)
    assert await told(made, "supply.leak_reported") == []


async def test_the_platform_traces_the_whole_path_and_everybody_on_it_is_told(door: Door) -> None:
    made = await make_chain_sale()
    chain, (text,) = made.chain, made.sale.codes
    admin = replace(admin_ctx(), actor_id=await make_user(platform_role=PlatformRole.ADMIN))
    first, second = await lot_of(door, chain.a.owner), await lot_of(door, chain.b.owner)

    by_text = await door.do("tracePath", {"text": text, "reason": WHY}, ctx=admin, show=PATH)
    by_lot = await door.do("tracePath", {"lot": second.lower(), "reason": WHY}, ctx=admin, show=PATH)
    refused = [
        await door.do("tracePath", {"text": text, "reason": WHY}, ctx=chain.a.owner),
        await door.do("tracePath", {"text": "NO-SUCH-CODE-1", "reason": WHY}, ctx=admin),
        await door.do("tracePath", {"text": text, "reason": ""}, ctx=admin),
    ]

    a, b, c = [{"id": node_id("Tenant", each.tenant_id)} for each in (chain.a, chain.b, chain.c)]
    assert by_text["owner"] == a
    assert [(s["seller"], s["buyer"], s["lot"]) for s in by_text["steps"]] == [
        (a, b, first),
        (b, c, second),
        (c, None, None),
    ]
    assert by_lot["steps"] == by_text["steps"]
    assert [each["code"] for each in refused] == ["NOT_ALLOWED", "NOT_FOUND", "INVALID_INPUT"]
    for each, lot in ((chain.a, first), (chain.b, first), (chain.c, second)):
        async with transaction(each.owner) as tx:
            entries = await audit.list_entries(tx, each.owner, action="path.traced")
        assert [(e["reason"], e["actor_kind"], e["detail"]) for e in entries] == [
            (WHY, "PLATFORM_ADMIN", {"lot": lot})
        ] * 2
    assert len(await told(made, "supply.path_traced")) == 6


@pytest.mark.parametrize(
    ("name", "given", "missing"),
    [
        ("traceCode", {"text": "A-CODE-OF-MINE", "reason": WHY}, "codes.read"),
        ("traceCode", {"text": "A-CODE-OF-MINE", "reason": WHY}, "supply.read"),
        ("traceLot", {"lot": "LT-0000-0000-0000-0000", "reason": WHY}, "supply.read"),
        ("reportLeak", {"text": "A-CODE-OF-MINE", "place": "here"}, "supply.edit"),
    ],
)
async def test_who_lacks_the_permission_traces_nothing(
    door: Door, name: str, given: dict[str, str], missing: str
) -> None:
    made = await make_chain_sale()
    ctx = replace(made.chain.a.owner, permissions=MERCHANT_PERMISSIONS - {missing})

    refused = await door.do(name, given, ctx=ctx)

    assert refused["code"] == "NOT_ALLOWED"


async def test_a_code_that_was_replaced_as_a_bad_one_still_leads_to_who_saw_it(door: Door) -> None:
    sale = await make_sale(units=1)
    async with transaction(sale.buyer) as tx:
        await delivery.reveal_code(tx, sale.buyer, allocation_id=sale.allocations[0])
    async with trading(sale.owner) as tx:
        await orders.replace_unit(tx, sale.owner, allocation_id=sale.allocations[0], reason="the buyer says it is bad")

    traced = await door.do("traceCode", {"text": sale.codes[0], "reason": WHY}, ctx=sale.owner, show=CODE)

    (trace,) = traced["traces"]
    assert (trace["order"], trace["sale"]) == ({"code": sale.order_code}, None)
    assert trace["shown"] == [{"via": "ACCOUNT", "to": "CUSTOMER"}]
