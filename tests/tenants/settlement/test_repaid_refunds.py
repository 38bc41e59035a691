"""Sales on credit, refunds, payouts and repayments in any order: what is owed is exact, and nobody is paid with money that is not there."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fondaco_core.context import Ctx
from fondaco_core.db import trading
from fondaco_core.errors import Refusal
from fondaco_core.ids import AgreementId
from fondaco_core.postings import AccountKind
from fondaco_tenants import orders
from fondaco_tenants.orders import PayBy, Placed
from fondaco_workers.actors.settlement import settle_due
from tests.support.clock import later
from tests.support.factories.chains import Chain, make_chain
from tests.support.factories.orders import balance, fund, make_buyer, place
from tests.support.factories.settling import (
    SYSTEM,
    agreement_of,
    debt,
    draw,
    give_back,
    money,
    repay,
    settle,
    spend,
)
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")


async def make_owing() -> tuple[Chain, Placed, AgreementId]:
    """B owes A 400 of the 1400 for two units, which are paid."""
    chain = await make_chain(funds_of_b=1_000, credit_of_a=10_000)
    placed = await place(chain.shop, await make_buyer(chain.shop), 2)
    return chain, placed, await agreement_of(chain.a, chain.b)


async def test_a_refund_takes_off_what_is_owed_first_and_gives_back_as_money_what_was_repaid() -> None:
    chain, placed, agreement = await make_owing()
    await fund(chain.b.tenant_id, None, 300)
    await repay(chain.b, agreement, 300)

    await give_back(chain.shop, placed, 1)
    after_one = await money(chain.b.tenant_id)
    await give_back(chain.shop, placed, 1)

    # Of the 700 of a unit the last 100 were owed, and 600 come back; of the second unit all was paid.
    assert after_one == (600, 800, 0)
    assert await money(chain.b.tenant_id) == (1_300, 0, 0)
    assert await money(chain.a.tenant_id) == (0, 0, 0)
    assert await debt(chain.b, agreement) == (0, 0, 0)
    await assert_invariants()


async def test_a_refund_after_repayment_and_payout_is_taken_back_from_the_supplier() -> None:
    chain, placed, agreement = await make_owing()
    await fund(chain.b.tenant_id, None, 400)
    with later(days=2):
        await draw(chain.b.tenant_id)
        await settle(chain.a.tenant_id)
        paid = await money(chain.a.tenant_id)
        await give_back(chain.shop, placed, 1)
        owing = await money(chain.a.tenant_id)
        await settle(chain.a.tenant_id)

    assert paid == (1_400, 0, 0)
    assert owing == (1_400, -700, 0)
    assert await money(chain.a.tenant_id) == (700, 0, 0)
    assert await debt(chain.b, agreement) == (0, 0, 0)
    await assert_invariants()


async def test_what_a_supplier_has_not_got_any_more_comes_off_what_it_gets_later() -> None:
    chain, placed, agreement = await make_owing()
    with later(days=2):
        await settle(chain.a.tenant_id)
        await spend(chain.a.tenant_id, 1_000)
        await give_back(chain.shop, placed, 2)
        await settle(chain.a.tenant_id)
        carried = await money(chain.a.tenant_id)
        await place(chain.shop, await make_buyer(chain.shop), 2)
    with later(days=4):
        await fund(chain.b.tenant_id, None, 400)
        await draw(chain.b.tenant_id)
        await settle(chain.a.tenant_id)

    assert carried == (0, -1_000, 0)
    assert await money(chain.a.tenant_id) == (400, 0, 0)
    assert await debt(chain.b, agreement) == (0, 0, 0)
    await assert_invariants()


STEP = st.tuples(
    st.sampled_from(
        ["buy", "buy", "hold", "pay", "cancel", "refund", "refund", "settle", "draw", "repay", "fund", "run"]
    ),
    st.integers(0, 7),
    st.integers(1, 3),
)


@dataclass
class Trade:
    """A chain, its buyer, and the orders so far; days pass with every step that time is of."""

    chain: Chain
    buyer: Ctx
    agreement: AgreementId
    placed: list[Placed] = field(default_factory=list)

    async def do(self, what: str, which: int, many: int) -> None:
        """One step; whether it may be done now is what the product says."""
        if what in {"buy", "hold"}:
            pay_by = PayBy.WALLET if what == "buy" else PayBy.LATER
            self.placed.append(await place(self.chain.shop, self.buyer, many, pay_by=pay_by))
        elif what in {"pay", "cancel", "refund"}:
            if self.placed:
                await self._change(what, self.placed[which % len(self.placed)], many)
        else:
            await self._money(what, which, many)

    async def _change(self, what: str, placed: Placed, many: int) -> None:
        if what == "refund":
            await give_back(self.chain.shop, placed, many)
            return
        act: Callable[..., Awaitable[object]] = orders.pay_order if what == "pay" else orders.cancel_order
        async with trading(self.buyer) as tx:
            await act(tx, self.buyer, order_id=placed.order_id)

    async def _money(self, what: str, which: int, many: int) -> None:
        merchants = (self.chain.a, self.chain.b, self.chain.c)
        match what:
            case "settle":
                await settle(merchants[which % 3].tenant_id)
            case "draw":
                await draw(self.chain.b.tenant_id)
            case "repay":
                await repay(self.chain.b, self.agreement, 137 * (which + 1) * many)
            case "fund":
                await fund(self.chain.b.tenant_id, None, 211 * many)
            case _:
                await settle_due(SYSTEM)


@settings(max_examples=15)
@given(st.lists(st.tuples(STEP, st.booleans()), min_size=6, max_size=16), st.integers(0, 2_000))
async def test_books_add_up_after_any_history_of_sales_refunds_payouts_and_repayments(
    steps: list[tuple[tuple[str, int, int], bool]], funds_of_b: int
) -> None:
    chain = await make_chain(codes=8, funds_of_b=funds_of_b, credit_of_a=3_000, settle_days=1)
    trade = Trade(chain, await make_buyer(chain.shop), await agreement_of(chain.a, chain.b))
    in_all = await total(trade)
    days = 0

    for (what, which, many), passes in steps:
        days += passes
        in_all += 211 * many if what == "fund" else 0
        with later(days=days), suppress(Refusal):
            await trade.do(what, which, many)
        assert await total(trade) == in_all
    await assert_invariants()


async def total(trade: Trade) -> int:
    """What all of them have and are to get, less what they owe."""
    sums = [await money(merchant.tenant_id) for merchant in (trade.chain.a, trade.chain.b, trade.chain.c)]
    theirs = sum(wallet + receivable - owed for wallet, receivable, owed in sums)
    return theirs + await balance(trade.chain.shop.tenant_id, trade.buyer.customer_id, AccountKind.WALLET)
