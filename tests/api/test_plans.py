"""Plans at the front door: the platform's people keep them, and a merchant sees what its own orders cost it."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from fondaco_core.config import Settings
from fondaco_core.db import Database
from tests.support.door import Door, open_door
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.tenancy import make_tenant
from tests.support.world import node_id

ADMIN = admin_ctx()
PLAN = "plan { id name version feeBps categories { category feeBps } }"
FEES = """query ($amount: MoneyInput!) { merchant { fees { plan version feeBps categories { category feeBps }
  games: fee(amount: $amount, category: "games") { amount currency } other: fee(amount: $amount) { amount } } } }"""
SOLD = {"amount": {"amount": "48.05", "currency": "CNY"}}


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def make(door: Door, **given: Any) -> dict[str, Any]:
    input_ = {"name": f"Gold {uuid4().hex}", "feeBps": 300, "categories": [{"category": "games", "feeBps": 120}]}
    return await door.do("createPlan", input_ | given, ctx=ADMIN, show=f"... on CreatePlanSuccess {{ {PLAN} }}")


async def test_a_merchant_on_a_plan_sees_what_an_order_costs_it(door: Door) -> None:
    owner = await make_member_ctx(await make_tenant(fee_bps=50))
    plan = (await make(door))["plan"]

    before = (await door.ask(FEES, SOLD, ctx=owner))["merchant"]["fees"]
    input_ = {"tenantId": node_id("Tenant", owner.tenant), "planId": plan["id"], "reason": "it has agreed to"}
    await door.do("setTenantFees", input_, ctx=ADMIN)
    after = (await door.ask(FEES, SOLD, ctx=owner))["merchant"]["fees"]

    assert (before["plan"], before["feeBps"], before["games"]["amount"]) == (None, 50, "0.24")
    assert after == {
        "plan": plan["name"], "version": 1, "feeBps": 300, "categories": [{"category": "games", "feeBps": 120}],
        "games": {"amount": "0.58", "currency": "CNY"}, "other": {"amount": "1.44"},
    }  # fmt: skip


async def test_a_plan_is_changed_whole_and_its_history_stays(door: Door) -> None:
    plan = (await make(door))["plan"]
    input_ = {"planId": plan["id"], "version": 1, "name": plan["name"], "feeBps": 200}

    changed = await door.do("changePlan", input_, ctx=ADMIN, show=f"... on ChangePlanSuccess {{ {PLAN} }}")
    stale = await door.do("changePlan", input_, ctx=ADMIN)

    history = "query ($id: ID!) { node(id: $id) { ... on Plan { history { nodes { version feeBps categories { category feeBps } } } } } }"
    found = (await door.ask(history, {"id": plan["id"]}, ctx=ADMIN))["node"]["history"]["nodes"]
    assert changed["plan"] == plan | {"version": 2, "feeBps": 200, "categories": []}
    assert stale["code"] == "STALE_VERSION"
    assert found == [
        {"version": 2, "feeBps": 200, "categories": []},
        {"version": 1, "feeBps": 300, "categories": [{"category": "games", "feeBps": 120}]},
    ]


async def test_the_platforms_people_list_plans_and_page_through_them(door: Door) -> None:
    made = [(await make(door))["plan"] for _ in range(2)]

    query = (
        "query ($after: String) { platform { plans(first: 1, after: $after) { nodes { id } pageInfo { endCursor } } } }"
    )
    first = (await door.ask(query, ctx=ADMIN))["platform"]["plans"]
    second = (await door.ask(query, {"after": first["pageInfo"]["endCursor"]}, ctx=ADMIN))["platform"]["plans"]

    assert [first["nodes"], second["nodes"]] == [[{"id": made[1]["id"]}], [{"id": made[0]["id"]}]]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"categories": [{"category": "games", "feeBps": 1}] * 2}, "INVALID_INPUT"),
        ({"feeBps": 10_001}, "INVALID_INPUT"),
        ({"name": " "}, "INVALID_INPUT"),
    ],
)
async def test_a_plan_that_makes_no_sense_is_refused(door: Door, given: dict[str, Any], code: str) -> None:
    assert (await make(door, **given))["code"] == code


async def test_a_name_that_is_taken_is_refused_in_both_languages(door: Door) -> None:
    plan = (await make(door))["plan"]

    english = await make(door, name=plan["name"])
    chinese = await door.do("createPlan", {"name": plan["name"], "feeBps": 1}, ctx=ADMIN, locale="zh-CN")

    assert (english["code"], chinese["code"]) == ("PLAN_NAME_TAKEN", "PLAN_NAME_TAKEN")
    assert "套餐" in chinese["message"]


async def test_merchants_neither_see_nor_make_plans(door: Door) -> None:
    owner = await make_member_ctx(await make_tenant())
    plan = (await make(door))["plan"]

    seen = await door.ask("query ($id: ID!) { node(id: $id) { id } }", {"id": plan["id"]}, ctx=owner)
    made = await door.do("createPlan", {"name": "Mine", "feeBps": 0}, ctx=owner)
    listed = await door.post("{ platform { plans { nodes { id } } } }", ctx=owner)

    assert seen["node"] is None
    assert made["code"] == "NOT_ALLOWED"
    assert listed["data"] == {"platform": None}
