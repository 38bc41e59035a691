"""What merchants of a chain take along tells each of its neighbours, and of nobody beyond."""

import json

import pytest

from fondaco_core.db import transaction
from fondaco_tenants import delivery
from tests.ops.test_export import exported
from tests.support.factories.chain_sales import make_chain_sale

pytestmark = pytest.mark.usefixtures("database")


async def test_an_export_says_nothing_of_merchants_beyond_ones_neighbour() -> None:
    made = await make_chain_sale(units=2)
    sale, buyer = made.sale, made.sale.buyer
    async with transaction(buyer) as tx:
        await delivery.reveal_code(tx, buyer, allocation_id=sale.allocations[0])

    of_leaf, of_middle, of_store = [
        await exported(merchant.tenant_id, opened=True) for merchant in (made.chain.a, made.chain.b, made.chain.c)
    ]

    assert {row["masked"] for row in of_store["allocation"]} == {row["masked"] for row in of_leaf["code"]}
    assert [row["buyer_tenant_id"] for row in of_leaf["hop"]] == [str(made.chain.b.tenant_id)]
    assert sorted(sale.codes) == sorted(row["sealed"] for row in of_leaf["code"])
    of_sale = {sale.order_code, str(sale.store.id), str(buyer.customer_id), sale.store.slug}
    hidden = {
        "leaf": (of_leaf, of_sale | {str(made.chain.c.tenant_id), str(made.chain.offer_of_b)}),
        "middle": (of_middle, of_sale | set(sale.codes) | {row["masked"] for row in of_leaf["code"]}),
        "store": (of_store, {*sale.codes, str(made.chain.a.tenant_id), str(made.chain.offer_of_a)}),
    }
    assert {who: [mark for mark in marks if mark in json.dumps(told)] for who, (told, marks) in hidden.items()} == {
        "leaf": [], "middle": [], "store": [],
    }  # fmt: skip
