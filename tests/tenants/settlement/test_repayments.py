"""What merchants owe each other is drawn when it is due, oldest first, and its supplier gets of it what was repaid and no more."""

import asyncio

import pytest

from fondaco_core.db import governing, trading, transaction
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import TenantId
from fondaco_core.ledger import InsufficientFunds
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind
from fondaco_tenants import orders, settlement, supply
from fondaco_tenants.orders import PayBy
from fondaco_tenants.settlement import MoreThanOwed
from fondaco_workers.actors.settlement import settle_due
from tests.support.actors import run_twice
from tests.support.clock import later
from tests.support.factories.chains import Chain, agree, fill, make_chain, make_front, make_merchant, make_offer
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
    told,
)
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")


async def wallet(tenant_id: TenantId) -> int:
    return await balance(tenant_id, None, AccountKind.WALLET)


async def make_owing(**of_a: int) -> Chain:
    """A chain in which B owes A 400 of the 1400 for two units, which are paid."""
    chain = await make_chain(funds_of_b=1_000, credit_of_a=10_000, **of_a)
    await place(chain.shop, await make_buyer(chain.shop), 2)
    return chain


async def test_what_is_due_is_drawn_as_far_as_the_wallet_bears_and_passed_on_no_further() -> None:
    chain = await make_owing(settle_days=3)
    agreement = await agreement_of(chain.a, chain.b)
    await fund(chain.b.tenant_id, None, 150)

    early = await draw(chain.b.tenant_id)
    with later(days=4):
        due = await debt(chain.b, agreement)
        await draw(chain.b.tenant_id)
        await settle(chain.a.tenant_id)
        left = await debt(chain.a, agreement)
        first = await money(chain.a.tenant_id)
        await fund(chain.b.tenant_id, None, 1_000)
        await draw(chain.b.tenant_id)
        await settle(chain.a.tenant_id)

    assert not early
    assert due == (400, 400, 400)
    assert left == (250, 250, 250)
    assert first == (1_000 + 150, 250, 0)
    assert await money(chain.a.tenant_id) == (1_400, 0, 0)
    assert await money(chain.b.tenant_id) == (750, 1_600, 0)
    await assert_invariants()


async def test_one_run_pays_out_draws_and_pays_on_and_tells_both_what_is_left() -> None:
    chain = await make_owing()
    agreement = await agreement_of(chain.a, chain.b)
    await fund(chain.b.tenant_id, None, 100)

    with later(hours=2):
        await run_twice(settle_due)
        await run_twice(settle_due)

    assert await money(chain.a.tenant_id) == (1_100 + 300, 0, 0)
    assert await debt(chain.b, agreement) == (0, 0, 0)
    for merchant in (chain.a, chain.b):
        assert [event["amount_minor"] for event in await told("credit.repaid", merchant.tenant_id)] == [400]
        assert await told("credit.overdue", merchant.tenant_id) == []
    await assert_invariants()


async def test_both_are_told_once_in_a_day_of_what_is_overdue_and_not_when_it_is_only_due() -> None:
    chain = await make_chain(funds_of_b=0, funds_of_c=800, credit_of_a=10_000)
    agreement = await agreement_of(chain.a, chain.b)
    # What C pays B only comes into B's wallet when B is paid out.
    await place(chain.shop, await make_buyer(chain.shop))
    async with trading(SYSTEM) as tx:
        await tx.execute(
            "UPDATE hop SET settles_at = settles_at + interval '20 days' WHERE seller_tenant_id = $1", chain.b.tenant_id
        )

    with later(minutes=10):
        await settle_due(SYSTEM)
        due = await debt(chain.a, agreement)
        quiet = await told("credit.overdue", chain.a.tenant_id)
    for day in (1, 2):
        with later(days=day):
            await run_twice(settle_due)

    assert (due, quiet) == ((700, 700, 0), [])
    for merchant in (chain.a, chain.b):
        assert [event["amount_minor"] for event in await told("credit.overdue", merchant.tenant_id)] == [700, 700]
    await assert_invariants()


async def test_the_oldest_is_paid_first_to_whomever_it_is_owed() -> None:
    near, far = await make_merchant(credit_minor=10_000), await make_merchant(credit_minor=10_000, settle_days=5)
    b = await make_merchant()
    chain = await make_chain(codes=0)
    for supplier in (near, far):
        await agree(supplier, b)
    late = await make_front(
        b, chain.entitlement_id, await make_offer(far, chain.entitlement_id, price_minor=300, codes=1)
    )
    soon = await make_front(
        b, chain.entitlement_id, await make_offer(near, chain.entitlement_id, price_minor=200, codes=1)
    )
    await place(late, await make_buyer(late))
    await place(soon, await make_buyer(soon))
    await fund(b.tenant_id, None, 350)

    with later(days=6):
        await draw(b.tenant_id)
        left = [await debt(b, await agreement_of(supplier, b)) for supplier in (near, far)]

    assert [owed for owed, _, _ in left] == [0, 150]
    await assert_invariants()


async def test_two_who_draw_at_once_draw_once_and_two_who_settle_pay_out_once() -> None:
    chain = await make_owing()
    await fund(chain.b.tenant_id, None, 300)

    await asyncio.gather(*(draw(chain.b.tenant_id) for _ in range(3)))
    await asyncio.gather(*(settle(chain.a.tenant_id) for _ in range(3)))
    await asyncio.gather(*(settle_due(SYSTEM) for _ in range(3)))

    assert await money(chain.a.tenant_id) == (1_400, 0, 0)
    assert await money(chain.b.tenant_id) == (1_600 - 100, 0, 0)
    await assert_invariants()


async def test_a_reseller_pays_earlier_and_its_supplier_gets_that_when_the_sale_is_settled() -> None:
    chain = await make_owing(settle_days=3)
    agreement = await agreement_of(chain.a, chain.b)
    await fund(chain.b.tenant_id, None, 300)

    made = await repay(chain.b, agreement, 250)
    await settle(chain.a.tenant_id)
    before = await money(chain.a.tenant_id)
    with later(days=4):
        await settle(chain.a.tenant_id)

    assert (made.amount, made.drawn) == (Money(250, "CNY"), False)
    assert before == (0, 1_400, 0)
    assert await money(chain.a.tenant_id) == (1_250, 150, 0)
    assert await money(chain.b.tenant_id) == (50, 1_600, 150)
    async with trading(chain.a.owner) as tx:
        assert await settlement.list_repayments(tx, chain.a.owner, agreement_id=agreement) == [made]
    await assert_invariants()


async def test_nobody_repays_more_than_is_owed_or_than_there_is_or_what_others_owe() -> None:
    chain = await make_owing()
    agreement = await agreement_of(chain.a, chain.b)
    await fund(chain.b.tenant_id, None, 300)

    with pytest.raises(MoreThanOwed) as more:
        await repay(chain.b, agreement, 401)
    with pytest.raises(InsufficientFunds):
        await repay(chain.b, agreement, 301)
    for nobody in (chain.a, chain.c):
        with pytest.raises(NotFound):
            await repay(nobody, agreement, 1)
    for nothing in (0, -5):
        with pytest.raises(Invalid):
            await repay(chain.b, agreement, nothing)
    done = await asyncio.gather(*(repay(chain.b, agreement, 200) for _ in range(3)), return_exceptions=True)

    assert more.value.owed == Money(400, "CNY")
    assert sum(isinstance(each, InsufficientFunds) for each in done) == 2
    assert await debt(chain.b, agreement) == (200, 200, 0)
    await assert_invariants()


async def test_what_an_unpaid_order_would_owe_cannot_be_repaid_yet() -> None:
    chain = await make_chain(funds_of_b=0, credit_of_a=10_000)
    agreement = await agreement_of(chain.a, chain.b)
    buyer = await make_buyer(chain.shop)
    waiting = await place(chain.shop, buyer, 1, pay_by=PayBy.LATER)
    await fund(chain.b.tenant_id, None, 1_000)

    with pytest.raises(MoreThanOwed):
        await repay(chain.b, agreement, 1)
    with later(minutes=1):
        await draw(chain.b.tenant_id)
    untouched = await wallet(chain.b.tenant_id)
    async with trading(buyer) as tx:
        await orders.pay_order(tx, buyer, order_id=waiting.order_id)
    with later(minutes=2):
        await draw(chain.b.tenant_id)

    assert untouched == 1_000
    assert await wallet(chain.b.tenant_id) == 300
    await assert_invariants()


@pytest.mark.parametrize("state", ["SUSPENDED", "CLOSED"])
async def test_who_does_not_trade_any_more_is_paid_out_and_pays_what_it_owes(state: str) -> None:
    chain = await make_owing()
    agreement_id = await agreement_of(chain.a, chain.b)
    async with transaction(chain.a.owner) as tx:
        await supply.end_agreement(tx, chain.a.owner, agreement_id=agreement_id, version=1, reason="It is over.")
    await fund(chain.b.tenant_id, None, 100)
    async with governing(SYSTEM) as tx:
        await tx.execute(
            "UPDATE tenant SET state = $2 WHERE id = ANY($1)", [chain.a.tenant_id, chain.b.tenant_id], state
        )

    with later(days=2):
        await settle_due(SYSTEM)
        await settle_due(SYSTEM)

    assert await money(chain.a.tenant_id) == (1_400, 0, 0)
    assert await money(chain.b.tenant_id) == (1_300, 0, 0)
    await assert_invariants()


async def test_a_debt_in_the_middle_of_a_longer_chain_is_paid_step_by_step() -> None:
    chain = await make_chain(funds_of_b=0, funds_of_c=0, credit_of_a=10_000)
    d = await make_merchant(credit_minor=10_000)
    await agree(d, chain.c)
    offer = await make_offer(d, chain.entitlement_id, price_minor=850)
    await agree(chain.b, d)
    await fill(d, offer, supplier_offer_id=chain.offer_of_b)
    await fund(d.tenant_id, None, 800)
    shop = await make_front(chain.c, chain.entitlement_id, offer)
    placed = await place(shop, await make_buyer(shop))

    for days in (2, 3, 4):
        with later(days=days):
            await settle_due(SYSTEM)

    assert placed.order_id is not None
    assert await money(chain.a.tenant_id) == (700, 0, 0)
    assert await money(chain.b.tenant_id) == (100, 0, 0)
    assert await money(d.tenant_id) == (850, 0, 0)
    assert await money(chain.c.tenant_id) == (150, 0, 0)
    await give_back(shop, placed, 1)
    with later(days=5):
        await settle_due(SYSTEM)
    assert await money(chain.a.tenant_id) == (0, 0, 0)
    assert await money(chain.b.tenant_id) == (0, 0, 0)
    assert await money(d.tenant_id) == (800, 0, 0)
    assert await money(chain.c.tenant_id) == (0, 0, 0)
    await assert_invariants()
