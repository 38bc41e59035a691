"""A merchant's auditors look back at alarms about showing codes, page by page; nobody else does."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, transaction
from fondaco_core.identity import MemberRole
from fondaco_core.ids import new_id
from tests.support.door import Door, open_door
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.tenancy import make_tenant
from tests.support.statements import counted

ALARMS = """query ($first: Int, $after: String) {
  merchant { revealAlarms(first: $first, after: $after) {
    nodes { rule subject count raisedAt } pageInfo { hasNextPage endCursor }
  } }
}"""


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def raise_alarms(owner: Ctx, counts: range) -> None:
    """Alarms in their order, each about another link and with another figure."""
    async with transaction(owner) as tx:
        for count in counts:
            await tx.execute(
                "INSERT INTO reveal_alarm (id, tenant_id, rule, subject, window_at, count, raised_at)"
                " VALUES ($1, $2, 'LINK_SPREAD', $3, now(), $4, now())",
                new_id(), owner.tenant, str(uuid4()), count,
            )  # fmt: skip


async def test_alarms_are_read_newest_first_page_by_page_and_each_merchant_reads_its_own(door: Door) -> None:
    owner, other = await make_member_ctx(await make_tenant()), await make_member_ctx(await make_tenant())
    await raise_alarms(owner, range(1, 4))

    first = (await door.ask(ALARMS, {"first": 2}, ctx=owner))["merchant"]["revealAlarms"]
    second = (await door.ask(ALARMS, {"first": 2, "after": first["pageInfo"]["endCursor"]}, ctx=owner))["merchant"][
        "revealAlarms"
    ]
    strange = (await door.ask(ALARMS, {"first": 2}, ctx=other))["merchant"]["revealAlarms"]

    assert [each["count"] for each in first["nodes"]] == [3, 2]
    assert [each["count"] for each in second["nodes"]] == [1]
    assert {each["rule"] for each in first["nodes"]} == {"LINK_SPREAD"}
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    assert strange["nodes"] == []


async def test_a_page_of_alarms_takes_one_statement_for_one_or_many(door: Door) -> None:
    owner = await make_member_ctx(await make_tenant())
    sent = []

    for counts in (range(1, 2), range(2, 12)):
        await raise_alarms(owner, counts)
        with counted() as statements:
            await door.ask(ALARMS, {"first": 20}, ctx=owner)
        sent.append(statements)

    assert sent[0] == sent[1]
    assert len(sent[0]) == 1


async def test_who_may_not_read_the_log_sees_no_alarm(door: Door) -> None:
    tenant_id = await make_tenant()
    support = await make_member_ctx(tenant_id, role=MemberRole.SUPPORT)
    assert "audit.read" not in support.permissions

    answer = await door.post(ALARMS, ctx=support)

    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
