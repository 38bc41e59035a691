"""A code that a till redeemed though its buyer never looked: its money stays, and so does its unit, until that is taken back."""

import asyncio

import pytest

from fondaco_core.context import system_ctx
from fondaco_core.db import trading, transaction
from fondaco_core.ids import OrderId
from fondaco_core.secret import Secret
from fondaco_tenants import codes, orders
from fondaco_tenants.codes import CodeNotRedeemable, Redemption
from fondaco_tenants.orders import CodeAlreadyRedeemed, Refunded
from tests.support.factories.own_codes import SoldCode, sell_own_code
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")


async def redeem(sold: SoldCode) -> Redemption:
    return await codes.redeem_code(sold.till, text=Secret(sold.text), reference="R-1")


async def refund(sold: SoldCode) -> Refunded:
    async with trading(sold.shop.owner) as tx:
        order_id = OrderId(await tx.fetchval("SELECT order_id FROM allocation WHERE id = $1", sold.allocation_id))
        return await orders.refund_order(tx, sold.shop.owner, order_id=order_id, reason="by mistake")


async def replace_unit(sold: SoldCode) -> None:
    async with trading(sold.shop.owner) as tx:
        await orders.replace_unit(tx, sold.shop.owner, allocation_id=sold.allocation_id, reason="does not redeem")


async def state_of(sold: SoldCode) -> tuple[str, str]:
    async with transaction(sold.shop.owner) as tx:
        row = await tx.fetchrow(
            "SELECT a.state AS unit, c.state AS code FROM allocation a JOIN code c ON c.id = $2 WHERE a.id = $1",
            sold.allocation_id, sold.code_id,
        )  # fmt: skip
    assert row is not None
    return row["unit"], row["code"]


async def test_a_unit_whose_code_was_redeemed_is_refunded_and_replaced_only_when_that_was_taken_back() -> None:
    sold = await sell_own_code()
    done = await redeem(sold)

    with pytest.raises(CodeAlreadyRedeemed) as not_refunded:
        await refund(sold)
    with pytest.raises(CodeAlreadyRedeemed) as not_replaced:
        await replace_unit(sold)
    before = await state_of(sold)
    async with transaction(sold.till) as tx:
        await codes.reverse_redemption(tx, sold.till, redemption_id=done.id, reason="the wrong account")
    back = await refund(sold)

    assert not_refunded.value.allocation_ids == not_replaced.value.allocation_ids == [sold.allocation_id]
    assert before == ("FULFILLED", "REDEEMED")
    assert back.units == 1
    assert await state_of(sold) == ("RELEASED", "AVAILABLE")
    await assert_invariants()


async def test_of_a_redemption_and_a_refund_at_once_exactly_one_happens() -> None:
    for _ in range(4):
        sold = await sell_own_code()

        redeemed, refunded = await asyncio.gather(redeem(sold), refund(sold), return_exceptions=True)

        if isinstance(redeemed, Redemption):
            assert isinstance(refunded, CodeAlreadyRedeemed)
            assert await state_of(sold) == ("FULFILLED", "REDEEMED")
        else:
            assert isinstance(redeemed, CodeNotRedeemable)
            assert isinstance(refunded, Refunded)
            assert await state_of(sold) == ("RELEASED", "AVAILABLE")
        await assert_invariants()


async def test_a_withdrawal_that_meets_a_redeemed_code_leaves_it_to_support() -> None:
    sold = await sell_own_code()
    await redeem(sold)

    system = system_ctx("test", tenant_id=sold.shop.tenant_id, permissions=frozenset({"system.run"}))
    async with trading(system) as tx:
        swapped = await orders.swap_withdrawn(tx, system, code_ids=[sold.code_id])

    assert swapped == 0
    assert await state_of(sold) == ("FULFILLED", "REDEEMED")
    await assert_invariants()
