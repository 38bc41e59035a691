"""Getting paid, at the front door: what is due, withdrawals from the request to the bank, statements and their files."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any
from uuid import UUID, uuid4

import pytest

from fondaco_core import clock
from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import Database, governing, trading
from fondaco_core.identity import MemberRole
from fondaco_core.ids import TenantId
from fondaco_tenants import settlement
from fondaco_workers.actors import settlement as actors
from tests.support.clock import later
from tests.support.door import Door, open_door
from tests.support.factories.chains import make_chain
from tests.support.factories.identity import admin_ctx, make_member, make_member_ctx, make_user
from tests.support.factories.orders import fund, make_buyer, make_shop, place
from tests.support.factories.tenancy import make_tenant
from tests.support.factories.withdrawals import HOLDER, REFERENCE, make_destination
from tests.support.invariants import assert_invariants
from tests.support.smtp import post_office
from tests.support.world import node_id

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))
STATES = "withdrawal { id state bankReference refusal amount { amount } destination { masked } viewerCanCancel viewerCanApprove }"


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def do(door: Door, ctx: Ctx | None, mutation: str, show: str = STATES, **given: Any) -> dict[str, Any]:
    """A mutation's result."""
    kind = mutation[0].upper() + mutation[1:]
    return await door.do(mutation, given, ctx=ctx, show=f"... on {kind}Success {{ {show} }}")


async def rich() -> Ctx:
    """The owner of a merchant with money."""
    tenant_id = await make_tenant()
    await fund(tenant_id, None, 100_000)
    return await make_member_ctx(tenant_id)


def yuan(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


async def test_a_withdrawal_goes_from_the_request_to_the_bank(door: Door) -> None:
    owner, admin = await rich(), admin_ctx()
    destination = node_id("WithdrawalDestination", (await make_destination(owner)).id)

    asked = await do(door, owner, "requestWithdrawal", destinationId=destination, amount=yuan("300.00"))
    key = asked["withdrawal"]["id"]
    waiting = await door.ask(
        "{ platform { withdrawals(first: 100) { nodes { id state tenant { id } destination { masked } viewerCanApprove } } } }",
        ctx=admin,
    )
    shown = await do(
        door, admin, "showWithdrawalDestination", "holder reference institution", withdrawalId=key, reason="to pay it"
    )
    approved = await do(door, admin, "approveWithdrawal", withdrawalId=key, reason="checked")
    late = await do(door, owner, "cancelWithdrawal", withdrawalId=key)
    paid = await do(door, admin, "markWithdrawalPaid", withdrawalId=key, bankReference=" 2026-1 ")
    again = await do(door, admin, "markWithdrawalPaid", withdrawalId=key, bankReference="2026-2")
    seen = await door.ask("{ merchant { withdrawals { nodes { id state bankReference tenant { id } } } } }", ctx=owner)

    assert asked["withdrawal"]["destination"] == {"masked": "****3000"}
    assert (asked["withdrawal"]["viewerCanCancel"], asked["withdrawal"]["viewerCanApprove"]) == (True, False)
    assert {
        "id": key, "state": "REQUESTED", "tenant": {"id": node_id("Tenant", owner.tenant)},
        "destination": {"masked": "****3000"}, "viewerCanApprove": True,
    } in waiting["platform"]["withdrawals"]["nodes"]  # fmt: skip
    assert (shown["holder"], shown["reference"]) == (HOLDER, REFERENCE)
    assert approved["withdrawal"]["state"] == "APPROVED"
    assert (late["code"], again["code"]) == ("WITHDRAWAL_IN_WRONG_STATE",) * 2
    assert (paid["withdrawal"]["state"], paid["withdrawal"]["bankReference"]) == ("PAID", "2026-1")
    assert seen["merchant"]["withdrawals"]["nodes"] == [
        {"id": key, "state": "PAID", "bankReference": "2026-1", "tenant": None}
    ]
    await assert_invariants()


@pytest.mark.parametrize(
    "amount", ["0", "0.00", "-300.00", "9.99", "300.001", "1e30", "NaN", "Infinity", "99999999999999999999.00"]
)
async def test_what_is_no_amount_to_pay_out_sets_nothing_aside(door: Door, amount: str) -> None:
    owner = await rich()
    destination = node_id("WithdrawalDestination", (await make_destination(owner)).id)
    document = "mutation ($i: RequestWithdrawalInput!) { result: requestWithdrawal(input: $i) { __typename ... on Failure { code } } }"

    answer = await door.post(document, {"i": {"destinationId": destination, "amount": yuan(amount)}}, ctx=owner)

    code = ((answer.get("data") or {}).get("result") or {}).get("code")
    assert "errors" in answer or code in {"INVALID_INPUT", "TOO_LITTLE_TO_WITHDRAW"}, answer
    assert "INTERNAL" not in str(answer)
    async with governing(SYSTEM) as tx:
        assert await tx.fetchval("SELECT count(*) FROM withdrawal WHERE tenant_id = $1", owner.tenant) == 0
        assert (
            await tx.fetchval("SELECT sum(pending_minor) FROM ledger_account WHERE tenant_id = $1", owner.tenant) == 0
        )


async def test_an_account_is_masked_sealed_and_told_to_the_owners_by_mail_and_event(door: Door) -> None:
    tenant_id = await make_tenant(name="Xin Cards")
    addresses = [f"owner-{uuid4().hex}@example.com" for _ in range(2)]
    for address in addresses:
        await make_member(tenant_id, user_id=await make_user(email=address))
    finance = await make_member_ctx(tenant_id, role=MemberRole.FINANCE)

    made = await do(
        door, finance, "addWithdrawalDestination", "destination { id kind masked usableFrom }", kind="BANK", holder=HOLDER,
        reference=REFERENCE, institution="A bank",
    )  # fmt: skip
    early = await do(door, finance, "requestWithdrawal", destinationId=made["destination"]["id"], amount=yuan("10.00"))
    async with governing(SYSTEM) as tx:
        told = await tx.fetch("SELECT name, payload::text AS text FROM outbox_event WHERE tenant_id = $1", tenant_id)
        row = await tx.fetchrow(
            "SELECT id, kind, masked, usable_from, added_by FROM withdrawal_destination WHERE tenant_id = $1", tenant_id
        )
    assert row is not None
    async with post_office() as post:
        await actors.mail_destination_added.perform(tenant_id, {"destination_id": str(row["id"])})
        letters = [message_from_bytes(raw, policy=policy.default) for raw in post.raw]

    assert made["destination"]["masked"] == "****3000"
    assert early["code"] == "DESTINATION_TOO_NEW"
    assert "withdrawal_destination.added" in {each["name"] for each in told}
    assert not any(HOLDER in each["text"] or REFERENCE in each["text"] for each in told)
    texts = [str(letter.get_content()) for letter in letters]
    assert sorted(str(letter["to"]) for letter in letters) == sorted(addresses)
    assert all("****3000" in text and REFERENCE not in text and HOLDER not in text for text in texts)


async def test_nobody_else_does_anything_about_a_withdrawal(door: Door) -> None:
    owner, other, admin = await rich(), await rich(), admin_ctx()
    destination = node_id("WithdrawalDestination", (await make_destination(owner)).id)
    asked = await do(door, owner, "requestWithdrawal", destinationId=destination, amount=yuan("300.00"))
    key = asked["withdrawal"]["id"]
    machine = replace(owner, permissions=frozenset({"wallets.read"}))
    auditor = replace(admin, permissions=frozenset({"platform.read"}))

    for ctx in (other, machine, auditor, None):
        for name, given in (
            ("cancelWithdrawal", {}), ("approveWithdrawal", {"reason": "checked"}), ("refuseWithdrawal", {"reason": "no good"}),
            ("markWithdrawalPaid", {"bankReference": "1"}), ("showWithdrawalDestination", {"reason": "to look"}),
        ):  # fmt: skip
            show = "holder" if name.startswith("show") else STATES
            kind = name[0].upper() + name[1:]
            document = (
                f"mutation ($i: {kind}Input!) {{ result: {name}(input: $i) {{ ... on {kind}Success {{ {show} }} "
                "... on Failure { code } } }"
            )
            answer = await door.post(document, {"i": {"withdrawalId": key, **given}}, ctx=ctx)
            refused = ((answer.get("data") or {}).get("result") or {}).get("code")
            assert refused in {"NOT_ALLOWED", "NOT_FOUND"} or "errors" in answer, (name, answer)
    seen = await door.ask("query ($id: ID!) { node(id: $id) { id } }", {"id": key}, ctx=other)

    assert seen == {"node": None}
    async with governing(SYSTEM) as tx:
        state = await tx.fetchval("SELECT state FROM withdrawal WHERE tenant_id = $1", owner.tenant)
    assert state == "REQUESTED"


async def test_what_is_due_is_shown_and_then_paid_out(door: Door) -> None:
    shop = await make_shop(fee_bps=500, price_minor=1_000)
    await place(shop, await make_buyer(shop), 2)
    ask = (
        "{ merchant { settlementSummary { currency available { amount } receivable { amount } carried { amount } "
        "withdrawing { amount } due { day amount { amount } } } payouts { nodes { id amount { amount } sales refunds paidAt } } } }"
    )

    before = (await door.ask(ask, ctx=shop.owner))["merchant"]
    with later(days=2):
        async with trading(SYSTEM) as tx:
            await settlement.settle_seller(tx, SYSTEM, tenant_id=shop.tenant_id, currency="CNY")
        after = (await door.ask(ask, ctx=shop.owner))["merchant"]
    support = await door.post(ask, ctx=await make_member_ctx(shop.tenant_id, role=MemberRole.SUPPORT))

    (summary,) = before["settlementSummary"]
    assert (summary["receivable"]["amount"], summary["available"]["amount"]) == ("19.00", "0.00")
    assert [each["amount"]["amount"] for each in summary["due"]] == ["19.00"]
    assert before["payouts"]["nodes"] == []
    (summary,) = after["settlementSummary"]
    assert (summary["receivable"]["amount"], summary["available"]["amount"], summary["due"]) == ("0.00", "19.00", [])
    assert [(each["amount"]["amount"], each["sales"]) for each in after["payouts"]["nodes"]] == [("19.00", 1)]
    assert "errors" in support


STATEMENT = """
query ($from: DateTime!, $to: DateTime!, $partner: ID, $after: String) { merchant {
  statement(currency: CNY, from: $from, to: $to, partnerId: $partner) {
    currency
    accounts { account opening { amount } moneyIn { amount } moneyOut { amount } closing { amount } }
    movements { account purpose amount { amount } count }
    rows(first: 2, after: $after) { nodes { at account purpose amount { amount minorUnits } partner { id } orderCode supplySaleId supplyPurchaseId }
      pageInfo { hasNextPage endCursor } }
  } } }
"""


async def read_rows(door: Door, ctx: Ctx, **variables: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A statement with all of its rows, page by page."""
    rows: list[dict[str, Any]] = []
    after = None
    while True:
        found = (await door.ask(STATEMENT, {**variables, "after": after}, ctx=ctx))["merchant"]["statement"]
        rows += found["rows"]["nodes"]
        after = found["rows"]["pageInfo"]["endCursor"]
        if not found["rows"]["pageInfo"]["hasNextPage"]:
            return found, rows


async def test_partners_read_the_same_in_their_statements_and_no_order_of_others(door: Door) -> None:
    chain = await make_chain(codes=5)
    await place(chain.shop, await make_buyer(chain.shop), 2)
    period = {
        "from": (clock.now() - timedelta(days=1)).isoformat(),
        "to": (clock.now() + timedelta(days=1)).isoformat(),
    }

    def other(tenant_id: TenantId) -> str:
        return node_id("Partner", tenant_id)

    sold, of_a = await read_rows(door, chain.a.owner, **period, partner=other(chain.b.tenant_id))
    _, of_b = await read_rows(door, chain.b.owner, **period, partner=other(chain.a.tenant_id))
    _, of_c = await read_rows(door, chain.c.owner, **period)
    back = await door.post(STATEMENT, {"from": period["to"], "to": period["from"]}, ctx=chain.a.owner)

    assert sum(int(row["amount"]["minorUnits"]) for row in of_a + of_b) == 0
    assert [each["closing"]["amount"] for each in sold["accounts"]] == ["0.00", "14.00", "0.00"]
    assert {row["orderCode"] for row in of_a + of_b} == {None}
    assert {row["partner"]["id"] for row in of_a} == {other(chain.b.tenant_id)}
    assert of_a[0]["supplySaleId"]
    assert of_b[0]["supplyPurchaseId"]
    assert any(row["orderCode"] for row in of_c)
    assert "errors" in back


async def test_a_statement_is_downloaded_by_those_who_may(door: Door) -> None:
    chain = await make_chain(codes=5)
    await place(chain.shop, await make_buyer(chain.shop), 2)
    owner = chain.b.owner
    period = {"from": (clock.now() - timedelta(days=1)).isoformat(), "to": clock.now().isoformat()}

    made = await do(
        door, owner, "requestStatement", "export { state url rows }", currency="CNY", format="CSV",
        partnerId=node_id("Partner", chain.a.tenant_id), **period,
    )  # fmt: skip
    url = made["export"]["url"]
    early = await door.send(url, method="GET", ctx=owner)
    await actors.write_statement.perform(owner.tenant, {"export_id": url.rpartition("/")[2]})
    auditor = await make_member_ctx(owner.tenant, role=MemberRole.AUDITOR)
    answers = [await door.send(url, method="GET", ctx=ctx) for ctx in (owner, auditor, chain.a.owner, None)]
    refused = await do(door, auditor, "requestStatement", "export { url }", currency="CNY", **period)
    listed = await door.ask("{ merchant { statementExports { state rows url } } }", ctx=auditor)

    assert made["export"]["state"] == "REQUESTED"
    assert early.json()["code"] == "EXPORT_NOT_READY"
    assert [answer.status_code for answer in answers] == [200, 403, 404, 401]
    rows = list(csv.DictReader(io.StringIO(answers[0].content.decode("utf-8-sig"))))
    assert [row["movement"] for row in rows if row["account"] == "WALLET"] == ["OPENING", "SALE", "CLOSING"]
    assert refused["code"] == "NOT_ALLOWED"
    assert listed["merchant"]["statementExports"] == [{"state": "READY", "rows": 1, "url": url}]
    async with governing(SYSTEM) as tx:
        actions = await tx.fetch(
            "SELECT action FROM audit_entry WHERE subject_id = $1 ORDER BY id", UUID(url.rpartition("/")[2])
        )
    assert [row["action"] for row in actions] == ["statement.requested", "statement.downloaded"]
