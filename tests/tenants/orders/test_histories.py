"""Whatever is done to orders in whatever order, units, codes and money add up after every step's answer or refusal."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, trading
from fondaco_core.errors import Refusal
from fondaco_core.ids import AllocationId, OrderId
from fondaco_core.postings import AccountKind
from fondaco_tenants import orders
from fondaco_tenants.orders import PayBy
from tests.support.clock import later
from tests.support.factories.orders import PRICE, Shop, balance, make_buyer, make_shop, place
from tests.support.invariants import assert_invariants
from tests.tenants.orders.test_change import pay, refund, reveal

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))
STOCK, FUNDS, FEE_BPS = (5, 4), 8 * PRICE, 150
STEP = st.tuples(
    st.sampled_from(["buy", "buy", "hold", "pay", "cancel", "refund", "refund a unit", "reveal", "replace", "expire"]),
    st.integers(0, 7),
    st.integers(1, 3),
)
UNITS = "SELECT id, state, code_id FROM allocation WHERE order_id = $1 ORDER BY unit, attempt"
SUMS = """
SELECT o.id, o.state, o.total_minor, l.quantity, count(*) FILTER (WHERE a.state = 'FULFILLED') AS delivered,
  count(*) FILTER (WHERE a.state IN ('HELD', 'WAITING')) AS open,
  (SELECT coalesce(sum(r.amount_minor), 0)::bigint FROM refund r WHERE r.order_id = o.id) AS refunded_minor
FROM "order" o JOIN order_line l ON l.order_id = o.id JOIN allocation a ON a.line_id = l.id
WHERE o.tenant_id = $1 GROUP BY o.id, l.id
"""
CODES = "SELECT state, count(*)::int AS many FROM code WHERE tenant_id = $1 GROUP BY 1"


@dataclass
class Trade:
    """One buyer at one shop, and the orders so far."""

    shop: Shop
    buyer: Ctx
    placed: list[OrderId] = field(default_factory=list)

    async def do(self, what: str, which: int, many: int) -> None:
        """One step, on one of the orders there are; whether it may be done now is what the product says."""
        if what in {"buy", "hold"}:
            pay_by = PayBy.WALLET if what == "buy" else PayBy.LATER
            self.placed.append((await place(self.shop, self.buyer, many, pay_by=pay_by)).order_id)
            return
        if what == "expire":
            with later(hours=1):
                async with trading(SYSTEM) as tx:
                    await orders.expire_overdue(tx, SYSTEM)
            return
        if self.placed:
            await self._change(what, self.placed[which % len(self.placed)], many)

    async def _change(self, what: str, order_id: OrderId, many: int) -> None:
        units = [AllocationId(row["id"]) for row in await fetch(UNITS, order_id)][:many]
        match what:
            case "pay":
                await pay(self.buyer, order_id)
            case "cancel":
                async with trading(self.buyer) as tx:
                    await orders.cancel_order(tx, self.buyer, order_id=order_id)
            case "refund":
                await refund(self.shop, order_id)
            case "refund a unit":
                await refund(self.shop, order_id, units[-1:])
            case "reveal":
                await reveal(self.buyer, units[:1])
            case _:
                async with trading(self.shop.owner) as tx:
                    await orders.replace_unit(tx, self.shop.owner, allocation_id=units[-1], reason="It does not work.")


async def fetch(sql: str, *args: object) -> list[Any]:
    """Rows out of the database."""
    async with governing(SYSTEM) as tx:
        return list(await tx.fetch(sql, *args))


@settings(max_examples=20)
@given(st.lists(STEP, min_size=6, max_size=18))
async def test_units_codes_and_money_add_up_after_any_history(steps: list[tuple[str, int, int]]) -> None:
    shop = await make_shop(stock=STOCK, fee_bps=FEE_BPS)
    trade = Trade(shop, await make_buyer(shop, funds_minor=FUNDS))

    for what, which, many in steps:
        # A refusal is an answer; anything else that is raised is a failure of the product.
        with suppress(Refusal):
            await trade.do(what, which, many)

    spent = 0
    for row in await fetch(SUMS, shop.tenant_id):
        paid = row["state"] in {"FULFILLED", "PARTIALLY_REFUNDED", "REFUNDED", "PAID"}
        back, rest = divmod(row["refunded_minor"], PRICE)
        assert rest == 0
        assert row["total_minor"] == row["quantity"] * PRICE
        assert row["delivered"] + row["open"] + back == (row["quantity"] if paid or row["open"] else 0), dict(row)
        spent += paid * (row["total_minor"] - row["refunded_minor"])
    assert await balance(shop.tenant_id, trade.buyer.customer_id, AccountKind.WALLET) == FUNDS - spent >= 0
    stock = Counter({row["state"]: row["many"] for row in await fetch(CODES, shop.tenant_id)})
    assert sum(stock.values()) == sum(STOCK)
    assert stock["DELIVERED"] == sum(row["delivered"] for row in await fetch(SUMS, shop.tenant_id))
    await assert_invariants()
