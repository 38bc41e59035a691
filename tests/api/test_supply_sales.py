"""What merchants sold to and bought from each other, through the real front door: each its own step, and nothing of the others."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import Database, governing, trading, transaction
from fondaco_tenants import orders
from fondaco_tenants.orders import PayBy
from tests.support.door import Door, open_door
from tests.support.factories.chains import Chain, make_chain
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.orders import make_buyer, place
from tests.support.world import node_id

LOOK = system_ctx("look", permissions=frozenset({"system.run"}))
TRADE = "id paidAt quantity refundedQuantity unitPrice { amount } credit { amount } settlesAt settledAt endCustomer partner { id } units { maskedCode state }"
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
