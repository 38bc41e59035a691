"""Commission and repaid credit in statements: both sides state the same, and commission is due when the sale is."""

from datetime import timedelta

import pytest

from fondaco_core import clock
from fondaco_core.db import reading, trading
from fondaco_core.ids import TenantId
from fondaco_core.ledger import InsufficientFunds
from fondaco_core.postings import AccountKind, Purpose
from fondaco_tenants import orders, settlement
from fondaco_tenants.settlement import Period, Statement
from tests.support.clock import later
from tests.support.factories.chains import Merchant, make_chain
from tests.support.factories.orders import fund, make_buyer, place
from tests.support.factories.settling import agreement_of, repay
from tests.support.factories.withdrawals import ask, make_destination
from tests.support.invariants import assert_invariants
from tests.tenants.orders.test_commissions import Brought, make_brought, settle_all

pytestmark = pytest.mark.usefixtures("database")


async def state(merchant: Merchant, partner_id: TenantId | None = None) -> Statement:
    """All that ever moved a merchant's money, or that it moved with a partner."""
    period = Period("CNY", clock.now() - timedelta(days=1), clock.now() + timedelta(days=1), partner_id)
    async with trading(merchant.owner, read_only=True) as tx:
        return await settlement.read_statement(tx, merchant.owner, period=period)


async def due(merchant: Merchant) -> int:
    """What a merchant's summary says that is to come."""
    async with reading(merchant.owner) as tx:
        (summary,) = await settlement.settlement_summary(tx, merchant.owner)
    return sum(each.amount.amount_minor for each in summary.due)


async def sell_and_take_one_back(made: Brought) -> None:
    """Three units, of which one is refunded: of 1,400 the levels get 5 % and 2 %."""
    placed = await place(made.shop, await make_buyer(made.shop), 3)
    async with trading(made.shop.owner) as tx:
        (first, *_) = await orders.list_allocations(tx, made.shop.owner, order_id=placed.order_id)
        await orders.refund_order(
            tx, made.shop.owner, order_id=placed.order_id, reason="bad", allocation_ids=[first.id]
        )


async def test_supplier_and_referrer_state_the_same_commission() -> None:
    made = await make_brought()
    await sell_and_take_one_back(made)

    paid, got = (
        await state(made.supplier, made.second.tenant_id),
        await state(made.second, made.supplier.tenant_id),
    )
    nothing = await state(made.first, made.second.tenant_id)

    assert [(each.purpose, each.signed_minor) for each in paid.movements] == [
        (Purpose.COMMISSION, -105), (Purpose.COMMISSION_REFUND, 35),
    ]  # fmt: skip
    assert [(each.purpose, each.signed_minor) for each in got.movements] == [
        (Purpose.COMMISSION, 105), (Purpose.COMMISSION_REFUND, -35),
    ]  # fmt: skip
    assert sum(each.closing_minor for each in (*paid.accounts, *got.accounts)) == 0
    assert nothing.movements == ()


async def test_what_is_due_is_net_of_commission_and_is_what_the_payout_brings() -> None:
    made = await make_brought()
    await sell_and_take_one_back(made)
    merchants = (made.supplier, made.second, made.first)

    announced = [await due(each) for each in merchants]
    await settle_all(*(each.tenant_id for each in merchants))

    assert announced == [1_400 - 98, 70, 28]
    brought = [
        sum(each.signed_minor for each in (await state(merchant)).movements
            if each.account is AccountKind.WALLET and each.purpose is Purpose.SETTLEMENT)
        for merchant in merchants
    ]  # fmt: skip
    assert brought == announced
    assert [await due(each) for each in merchants] == [0, 0, 0]
    await assert_invariants()


async def test_what_is_owed_to_a_supplier_and_due_is_not_paid_out() -> None:
    chain = await make_chain(funds_of_b=1_000, credit_of_a=10_000, settle_days=3)
    destination = await make_destination(chain.b.owner)
    await place(chain.shop, await make_buyer(chain.shop), 2)
    await fund(chain.b.tenant_id, None, 5_000)

    async with reading(chain.b.owner) as tx:
        (before,) = await settlement.settlement_summary(tx, chain.b.owner)
    with later(days=4):
        async with reading(chain.b.owner) as tx:
            (after,) = await settlement.settlement_summary(tx, chain.b.owner)
        with pytest.raises(InsufficientFunds):
            await ask(chain.b.owner, destination.id, 4_601)
        await ask(chain.b.owner, destination.id, 4_600)

    assert (before.available.amount_minor, after.available.amount_minor) == (5_000, 4_600)


async def test_credit_that_was_repaid_is_off_the_statement_with_its_supplier() -> None:
    chain = await make_chain(funds_of_b=1_000, credit_of_a=10_000)
    await place(chain.shop, await make_buyer(chain.shop), 2)
    owed = await state(chain.b, chain.a.tenant_id)
    await fund(chain.b.tenant_id, None, 1_000)
    await repay(chain.b, await agreement_of(chain.a, chain.b), 300)

    bought, sold = await state(chain.b, chain.a.tenant_id), await state(chain.a, chain.b.tenant_id)
    with_another = await state(chain.b, chain.c.tenant_id)
    async with trading(chain.b.owner, read_only=True) as tx:
        listed = await settlement.read_lines(tx, chain.b.owner, period=bought.period)

    def closing(statement: Statement) -> dict[AccountKind, int]:
        return {each.account: each.closing_minor for each in statement.accounts}

    assert closing(owed)[AccountKind.CREDIT_USED] == -400
    assert (closing(bought)[AccountKind.WALLET], closing(bought)[AccountKind.CREDIT_USED]) == (-1_300, -100)
    assert sum(closing(bought).values()) + sum(closing(sold).values()) == 0
    assert Purpose.REPAYMENT not in {each.purpose for each in with_another.movements}
    repaid = [line for line in listed if line.purpose is Purpose.REPAYMENT]
    assert [(line.account, line.amount_minor) for line in repaid] == [
        (AccountKind.WALLET, -300), (AccountKind.CREDIT_USED, 300),
    ]  # fmt: skip
    assert {line.partner_id for line in repaid} == {chain.a.tenant_id}
