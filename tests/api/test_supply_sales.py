"""What merchants sold to and bought from each other, through the real front door: each its own step, and nothing of the others."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from fondaco_core import audit
from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import Database, governing, trading, transaction
from fondaco_tenants import orders
from fondaco_tenants.orders import PayBy
from tests.support.door import Door, open_door
from tests.support.factories.chains import Chain, Merchant, agree, fill, make_chain, make_merchant, make_offer
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.orders import make_buyer, place
from tests.support.world import node_id

LOOK = system_ctx("look", permissions=frozenset({"system.run"}))
TRADE = "id lot total { amount } paidAt quantity refundedQuantity unitPrice { amount } credit { amount } settlesAt settledAt endCustomer partner { id } units { maskedCode state }"
DEALINGS = f"""query ($p: ID, $from: DateTime) {{ merchant {{
  supplySales(partnerId: $p, from: $from) {{ nodes {{ {TRADE} fee {{ amount }} offer {{ id }} }} }}
  supplyPurchases(partnerId: $p, from: $from) {{ nodes {{ {TRADE} supplierOffer {{ id }} }} }} }} }}"""


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def dealings(door: Door, ctx: Ctx, **given: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    merchant = (await door.ask(DEALINGS, given, ctx=ctx))["merchant"]
    return merchant["supplySales"]["nodes"], merchant["supplyPurchases"]["nodes"]


async def announced(chain: Chain) -> list[tuple[Any, int]]:
    async with governing(LOOK) as tx:
        rows = await tx.fetch(
            "SELECT tenant_id, payload FROM outbox_event WHERE name = 'supply.sold' AND tenant_id = ANY($1)",
            [chain.a.tenant_id, chain.b.tenant_id, chain.c.tenant_id],
        )  # fmt: skip
    return sorted((str(row["tenant_id"]), _payload(row)["units"]) for row in rows)


def _payload(row: Any) -> dict[str, Any]:
    told = row["payload"]
    read: dict[str, Any] = orjson.loads(told) if isinstance(told, str | bytes) else dict(told)
    return read


async def test_each_merchant_of_a_chain_sees_its_own_step_alone(door: Door) -> None:
    chain = await make_chain()
    buyer = await make_buyer(chain.shop)
    placed = await place(chain.shop, buyer, 2)
    owner = await make_member_ctx(chain.c.tenant_id)
    async with transaction(owner) as tx:
        unit = (await orders.list_allocations(tx, owner, order_id=placed.order_id))[0].id
    async with trading(owner) as tx:
        await orders.refund_order(
            tx, owner, order_id=placed.order_id, reason="It was one too many.", allocation_ids=[unit]
        )

    (a_sold, a_bought), (b_sold, b_bought), (c_sold, c_bought) = [
        await dealings(door, ctx) for ctx in (chain.a.owner, chain.b.owner, chain.c.owner)
    ]

    assert (a_bought, c_sold) == ([], [])
    assert [each[0]["unitPrice"]["amount"] for each in (a_sold, b_bought)] == ["7.00", "7.00"]
    assert [each[0]["unitPrice"]["amount"] for each in (b_sold, c_bought)] == ["8.00", "8.00"]
    assert a_sold[0]["lot"] == b_bought[0]["lot"] != b_sold[0]["lot"] == c_bought[0]["lot"]
    assert a_sold[0]["offer"] == {"id": node_id("Offer", chain.offer_of_a)}
    assert c_bought[0]["supplierOffer"] == {"id": node_id("SupplyOffer", chain.offer_of_b)}
    assert a_sold[0]["partner"] == {"id": node_id("Partner", chain.b.tenant_id)}
    assert (a_sold[0]["quantity"], a_sold[0]["refundedQuantity"]) == (2, 1)
    assert sorted(each["state"] for each in a_sold[0]["units"]) == ["FULFILLED", "RELEASED"]
    # One buyer, and four words for it, of which no merchant can lay two side by side.
    assert a_sold[0]["endCustomer"] not in {b_sold[0]["endCustomer"], c_bought[0]["endCustomer"]}
    assert b_sold[0]["endCustomer"] == b_bought[0]["endCustomer"]
    seen = str((a_sold, a_bought, b_sold, b_bought))
    for hidden in (placed.code, str(placed.order_id), str(buyer.customer_id), str(chain.shop.store_id)):
        assert hidden not in seen
    assert node_id("Partner", chain.c.tenant_id) not in str((a_sold, a_bought))
    assert node_id("Partner", chain.a.tenant_id) not in str((c_sold, c_bought))


async def test_dealings_are_found_by_partner_and_moment_and_only_by_their_parties(door: Door) -> None:
    chain = await make_chain()
    await place(chain.shop, await make_buyer(chain.shop), 1)
    (sold, bought) = await dealings(door, chain.b.owner)

    with_a = await dealings(door, chain.b.owner, p=node_id("Partner", chain.a.tenant_id))
    later = await dealings(door, chain.b.owner, **{"from": "2999-01-01T00:00:00Z"})
    theirs = await dealings(door, chain.a.owner), await dealings(door, chain.c.owner)

    assert with_a == ([], bought)
    assert later == ([], [])
    seen = {each["id"] for dealt in theirs for side in dealt for each in side}
    assert seen.isdisjoint({sold[0]["id"], bought[0]["id"]})


async def test_a_seller_hears_of_a_sale_when_it_is_paid_and_not_before(door: Door) -> None:
    chain = await make_chain()
    buyer = await make_buyer(chain.shop)

    waiting = await place(chain.shop, buyer, 2, pay_by=PayBy.LATER)
    before = await announced(chain), await dealings(door, chain.a.owner)
    async with trading(buyer) as tx:
        await orders.pay_order(tx, buyer, order_id=waiting.order_id)
    await place(chain.shop, buyer, 1)

    assert before == ([], ([], []))
    a, b = str(chain.a.tenant_id), str(chain.b.tenant_id)
    assert await announced(chain) == sorted([(a, 1), (a, 2), (b, 1), (b, 2)])


async def audited(merchant: Merchant) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    async with transaction(merchant.owner) as tx:
        found = await audit.list_entries(tx, merchant.owner)
    return [(each["action"], each["detail"], each) for each in reversed(found) if each["subject_kind"] == "supply_sale"]


async def test_units_that_came_over_two_ways_are_one_lot_to_both_parties(door: Door) -> None:
    chain = await make_chain(codes=2)
    second = await make_merchant()
    await agree(second, chain.b)
    await fill(
        chain.b,
        chain.offer_of_b,
        supplier_offer_id=await make_offer(second, chain.entitlement_id, price_minor=750, codes=3),
    )

    await place(chain.shop, await make_buyer(chain.shop), 5)

    (_, [bought]), (sold_of_b, bought_of_b) = await dealings(door, chain.c.owner), await dealings(door, chain.b.owner)
    assert (bought["quantity"], bought["total"], len(bought["units"])) == (5, {"amount": "40.00"}, 5)
    assert [each["lot"] for each in sold_of_b] == [bought["lot"]]
    assert sorted(each["quantity"] for each in bought_of_b) == [2, 3]
    assert (str(chain.b.tenant_id), 5) in await announced(chain)


async def test_a_lot_is_fetched_again_by_its_id_by_its_parties_alone(door: Door) -> None:
    chain = await make_chain()
    await place(chain.shop, await make_buyer(chain.shop), 1)
    ([sold], _), (_, [bought]) = await dealings(door, chain.a.owner), await dealings(door, chain.b.owner)
    document = "query ($i: [ID!]!) { nodes(ids: $i) { id ... on SupplySale { lot } ... on SupplyPurchase { lot } } }"

    seen = [
        (await door.ask(document, {"i": [sold["id"], bought["id"]]}, ctx=each.owner))["nodes"]
        for each in (chain.a, chain.b, chain.c)
    ]

    of_sale, of_purchase = ({"id": each["id"], "lot": each["lot"]} for each in (sold, bought))
    assert seen == [[of_sale, None], [None, of_purchase], [None, None]]


async def test_each_seller_has_on_record_what_became_of_its_lots_and_nothing_of_who_asked(door: Door) -> None:
    assert door
    chain = await make_chain()
    buyer = await make_buyer(chain.shop)
    paid = await place(chain.shop, buyer, 1, pay_by=PayBy.LATER)
    async with trading(buyer) as tx:
        await orders.pay_order(tx, buyer, order_id=paid.order_id)
    dropped = await place(chain.shop, buyer, 2, pay_by=PayBy.LATER)
    async with trading(buyer) as tx:
        await orders.cancel_order(tx, buyer, order_id=dropped.order_id)
    await place(chain.shop, buyer, 1)

    of_a, of_b, of_c = [await audited(each) for each in (chain.a, chain.b, chain.c)]

    assert [action for action, _, _ in of_a] == [
        "supply.held", "supply.sold", "supply.held", "supply.released", "supply.sold",
    ]  # fmt: skip
    assert [len(detail["codes"]) for _, detail, _ in of_a] == [1, 1, 2, 2, 1]
    assert {detail["reseller_id"] for _, detail, _ in of_a} == {str(chain.b.tenant_id)}
    assert [(action, detail["codes"]) for action, detail, _ in of_b] == [(action, []) for action, _, _ in of_a]
    assert of_c == []
    assert {(e["actor_kind"], e["actor_id"], e["ip"], e["request_id"].split(":")[0]) for _, _, e in of_a} == {
        ("SYSTEM", None, None, "orders.lots")
    }
    assert str(buyer.customer_id) not in str(of_a)
