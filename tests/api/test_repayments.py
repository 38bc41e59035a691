"""What is bought on credit is paid through the real front door: by who owes it and may, at most what is owed, and both ends see it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, transaction
from fondaco_core.identity import MemberRole
from tests.support.clock import later
from tests.support.door import Door, open_door
from tests.support.factories.chains import Chain, make_chain
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.orders import fund, make_buyer, place
from tests.support.factories.settling import agreement_of, draw
from tests.support.world import node_id

DEBT = """query ($id: ID!) { node(id: $id) { ... on Agreement {
  use { credit { amount } } debt { owed { amount } due { amount } overdue { amount } dueAt }
  repayments(first: 5) { nodes { amount { amount currency } drawn repaidAt } } } } }"""
PAID = "... on RepayCreditSuccess { agreement { debt { owed { amount } } } } ... on MoreThanOwed { owed { amount } }"


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def make_owing() -> tuple[Chain, str]:
    """B owes A 4.00 and has 3.00, due in three days; and their agreement's id."""
    chain = await make_chain(funds_of_b=1_000, credit_of_a=10_000, settle_days=3)
    await place(chain.shop, await make_buyer(chain.shop), 2)
    await fund(chain.b.tenant_id, None, 300)
    return chain, node_id("Agreement", await agreement_of(chain.a, chain.b))


async def repay(door: Door, ctx: Ctx, agreement: str, amount: str) -> dict[str, Any]:
    given = {"agreementId": agreement, "amount": {"amount": amount, "currency": "CNY"}}
    return await door.do("repayCredit", given, ctx=ctx, show=PAID)


async def test_both_ends_see_what_is_owed_what_is_due_and_what_was_paid(door: Door) -> None:
    chain, agreement = await make_owing()
    finance = await make_member_ctx(chain.b.tenant_id, role=MemberRole.FINANCE)

    paid = await repay(door, finance, agreement, "1.50")
    with later(days=4):
        await draw(chain.b.tenant_id)
        seen = [(await door.ask(DEBT, {"id": agreement}, ctx=ctx))["node"] for ctx in (chain.a.owner, finance)]

    assert paid["agreement"]["debt"]["owed"]["amount"] == "2.50"
    assert seen[0] == seen[1]
    debt = seen[0]["debt"]
    assert [debt[each]["amount"] for each in ("owed", "due", "overdue")] == ["1.00", "1.00", "1.00"]
    assert debt["dueAt"] is not None
    assert seen[0]["use"]["credit"]["amount"] == "1.00"
    repayments = [(each["amount"]["amount"], each["drawn"]) for each in seen[0]["repayments"]["nodes"]]
    assert repayments == [("1.50", True), ("1.50", False)]
    async with transaction(chain.b.owner) as tx:
        assert await tx.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'credit.repaid'") == 1


async def test_nobody_pays_more_than_is_owed_or_than_there_is_or_anothers_debt(door: Door) -> None:
    chain, agreement = await make_owing()
    operator = await make_member_ctx(chain.b.tenant_id, role=MemberRole.OPERATOR)

    refused = [
        await repay(door, chain.b.owner, agreement, "4.01"),
        await repay(door, chain.b.owner, agreement, "3.01"),
        await repay(door, chain.a.owner, agreement, "1.00"),
        await repay(door, chain.c.owner, agreement, "1.00"),
        await repay(door, chain.b.owner, agreement, "0.00"),
        await repay(door, operator, agreement, "1.00"),
    ]

    codes = ["MORE_THAN_OWED", "INSUFFICIENT_FUNDS", "NOT_FOUND", "NOT_FOUND", "INVALID_INPUT", "NOT_ALLOWED"]
    assert [each["code"] for each in refused] == codes
    assert refused[0]["owed"]["amount"] == "4.00"
