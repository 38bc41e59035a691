"""Settlement: what was sold becomes the seller's own after its delay, once, net of what went back."""

import asyncio

import pytest

from fondaco_core import limits
from fondaco_core.context import system_ctx
from fondaco_core.db import governing, trading
from fondaco_core.ids import TenantId
from fondaco_core.postings import AccountKind
from fondaco_tenants import orders, settlement
from fondaco_tenants.orders import Placed
from fondaco_workers.actors.settlement import settle_due
from tests.support.actors import run_twice
from tests.support.clock import later
from tests.support.factories.chains import make_chain
from tests.support.factories.orders import Shop, balance, make_buyer, make_shop, place
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")
SYSTEM = system_ctx("settlement", permissions=frozenset({"system.run"}))


async def settle(tenant_id: TenantId) -> bool:
    async with trading(SYSTEM) as tx:
        return await settlement.settle_seller(tx, SYSTEM, tenant_id=tenant_id, currency="CNY")


async def settle_and_die(tenant_id: TenantId) -> None:
    async with trading(SYSTEM) as tx:
        await settlement.settle_seller(tx, SYSTEM, tenant_id=tenant_id, currency="CNY")
        raise RuntimeError


async def money(tenant_id: TenantId) -> tuple[int, int]:
    """What a merchant has in its wallet, and is still to get."""
    return await balance(tenant_id, None, AccountKind.WALLET), await balance(tenant_id, None, AccountKind.RECEIVABLE)


async def give_back(shop: Shop, placed: Placed, units: int) -> None:
    """Refunds the first units of an order that are not refunded yet."""
    async with trading(shop.owner) as tx:
        of = await orders.list_allocations(tx, shop.owner, order_id=placed.order_id)
        ids = [unit.id for unit in of if unit.refunded_at is None][:units]
        await orders.refund_order(tx, shop.owner, order_id=placed.order_id, reason="bad", allocation_ids=ids)


async def amounts(tenant_id: TenantId) -> list[int]:
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch("SELECT amount_minor FROM payout WHERE tenant_id = $1 ORDER BY id", tenant_id)
    return [row["amount_minor"] for row in rows]


async def test_a_sale_is_paid_out_after_its_delay_less_the_fee_and_not_a_moment_before() -> None:
    shop = await make_shop(fee_bps=500, price_minor=1_000)
    await place(shop, await make_buyer(shop), 2)

    await settle(shop.tenant_id)
    before = await money(shop.tenant_id)
    with later(days=2):
        await run_twice(settle_due)

    assert before == (0, 1_900)
    assert await money(shop.tenant_id) == (1_900, 0)
    assert await amounts(shop.tenant_id) == [1_900]
    await assert_invariants()


async def test_one_run_pays_everybody_everything_however_much_is_due_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SETTLE_PAGE", 1)
    shops = [await make_shop(price_minor=1_000) for _ in range(3)]
    for shop in shops:
        for _ in range(3):
            await place(shop, await make_buyer(shop))

    with later(days=2):
        await settle_due(SYSTEM)

    assert [await money(shop.tenant_id) for shop in shops] == [(3_000, 0)] * 3
    await assert_invariants()


async def test_two_settlers_at_once_pay_out_once() -> None:
    shop = await make_shop(price_minor=1_000)
    await place(shop, await make_buyer(shop), 2)

    with later(days=2):
        await asyncio.gather(*(settle(shop.tenant_id) for _ in range(4)))

    assert await money(shop.tenant_id) == (2_000, 0)
    assert await amounts(shop.tenant_id) == [2_000]
    await assert_invariants()


async def test_what_was_refunded_before_is_never_paid_out() -> None:
    shop = await make_shop(fee_bps=500, price_minor=1_000)
    placed = await place(shop, await make_buyer(shop), 3)
    await give_back(shop, placed, 1)

    with later(days=2):
        await settle(shop.tenant_id)

    assert await money(shop.tenant_id) == (1_900, 0)
    await assert_invariants()


async def test_refunds_after_the_payout_are_taken_back_until_nothing_is_left_and_not_a_unit_more() -> None:
    shop = await make_shop(fee_bps=333, price_minor=1_000)
    placed = await place(shop, await make_buyer(shop), 3)

    with later(days=2):
        await settle(shop.tenant_id)
        for _ in range(3):
            await give_back(shop, placed, 1)
            await settle(shop.tenant_id)
        await settle(shop.tenant_id)

    assert await money(shop.tenant_id) == (0, 0)
    paid = await amounts(shop.tenant_id)
    assert (len(paid), sum(paid)) == (4, 0)
    await assert_invariants()


async def test_what_an_empty_wallet_cannot_give_back_is_taken_from_later_sales() -> None:
    shop = await make_shop(price_minor=1_000)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, 2)

    with later(days=2):
        await settle(shop.tenant_id)
        async with governing(SYSTEM) as tx:
            await tx.execute(
                "UPDATE ledger_account SET pending_minor = posted_minor WHERE tenant_id = $1 AND customer_id IS NULL AND bounded",
                shop.tenant_id,
            )
        await give_back(shop, placed, 1)
        await settle(shop.tenant_id)
        carried = await money(shop.tenant_id)
        await place(shop, buyer, 2)
    with later(days=5):
        await settle(shop.tenant_id)
    async with governing(SYSTEM) as tx:
        await tx.execute("UPDATE ledger_account SET pending_minor = 0 WHERE tenant_id = $1 AND bounded", shop.tenant_id)

    assert carried == (2_000, -1_000)
    assert await money(shop.tenant_id) == (3_000, 0)
    assert await amounts(shop.tenant_id) == [2_000, 0, 1_000]
    await assert_invariants()


async def test_what_is_broken_off_before_its_commit_is_settled_the_next_time() -> None:
    shop = await make_shop(price_minor=1_000)
    await place(shop, await make_buyer(shop), 1)

    with later(days=2):
        with pytest.raises(RuntimeError):
            await settle_and_die(shop.tenant_id)
        nothing = await money(shop.tenant_id)
        await settle(shop.tenant_id)

    assert nothing == (0, 1_000)
    assert await money(shop.tenant_id) == (1_000, 0)
    await assert_invariants()


async def test_every_merchant_of_a_chain_is_paid_out_what_was_not_bought_on_credit() -> None:
    chain = await make_chain(funds_of_b=1_000, credit_of_a=500)
    await place(chain.shop, await make_buyer(chain.shop), 2)

    with later(days=60):
        for merchant in (chain.a, chain.b, chain.c):
            await settle(merchant.tenant_id)

    assert await money(chain.a.tenant_id) == (1_000, 400)
    assert await money(chain.b.tenant_id) == (1_600, 0)
    assert await money(chain.c.tenant_id) == (100_000 - 1_600 + 2_000, 0)
    await assert_invariants()
