"""Commission in statements and summaries: both sides state the same, and it is due when the sale is."""

from datetime import timedelta

import pytest

from fondaco_core import clock
from fondaco_core.db import reading, trading
from fondaco_core.ids import TenantId
from fondaco_core.postings import AccountKind, Purpose
from fondaco_tenants import orders, settlement
from fondaco_tenants.settlement import Period, Statement
from tests.support.factories.chains import Merchant
from tests.support.factories.orders import make_buyer, place
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
