"""What merchants close while an order of theirs waits: a hold is a promise, and what comes after it is none."""

from collections.abc import AsyncIterator

import pytest

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, trading, transaction
from fondaco_core.ids import OfferId
from fondaco_tenants import orders, routing, supply
from fondaco_tenants.orders import OrderState, PayBy
from fondaco_tenants.payments import Outcome
from tests.support.clock import later
from tests.support.factories.chains import Chain, Merchant, make_chain, price
from tests.support.factories.orders import make_buyer, place
from tests.support.factories.payments import (
    FakeGateway,
    fake_gateways,
    look_and_settle,
    make_gateway,
    payment_of,
    start_payment,
)
from tests.support.factories.supply import make_terms
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")
LOOK = system_ctx("look", permissions=frozenset({"system.run"}))


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with fake_gateways():
        yield await make_gateway()


async def withdraw(supplier: Merchant, offer_id: OfferId) -> None:
    async with transaction(supplier.owner) as tx:
        offer = (await supply.own_offers_by_ids(tx, supplier.owner, [offer_id]))[offer_id]
        await supply.withdraw_offer(tx, supplier.owner, offer_id=offer.id, version=offer.version)


async def suspend(merchant: Merchant) -> None:
    async with governing(LOOK) as tx:
        await tx.execute("UPDATE tenant SET state = 'SUSPENDED' WHERE id = $1", merchant.tenant_id)


async def let_go_of(owner: Ctx, source: routing.Source, *, switched_off: bool = False) -> None:
    async with transaction(owner) as tx:
        if switched_off:
            await routing.update_source(tx, owner, source_id=source.id, enabled=False)
        else:
            await routing.remove_source(tx, owner, source_id=source.id)


async def source_of(merchant: Merchant, offer_id: OfferId) -> routing.Source:
    async with transaction(merchant.owner) as tx:
        (source,) = await routing.list_offer_sources(tx, merchant.owner, offer_ids=[offer_id])
    return source


async def offer_it_to_nobody(chain: Chain) -> None:
    async with transaction(chain.a.owner) as tx:
        await supply.set_prices(
            tx, chain.a.owner, offer_id=chain.offer_of_a, tier_id=chain.a.tier.id, breaks=None
        )  # fmt: skip


async def close(chain: Chain, what: str) -> None:
    """One merchant of the chain does one thing."""
    match what:
        case "its leaf withdraws the offer":
            await withdraw(chain.a, chain.offer_of_a)
        case "who is in the middle withdraws the offer":
            await withdraw(chain.b, chain.offer_of_b)
        case "its leaf is suspended":
            await suspend(chain.a)
        case "who is in the middle is suspended":
            await suspend(chain.b)
        case "its leaf takes the pool away":
            await let_go_of(chain.a.owner, await source_of(chain.a, chain.offer_of_a))
        case "who is in the middle switches its supplier off":
            await let_go_of(chain.b.owner, await source_of(chain.b, chain.offer_of_b), switched_off=True)
        case "the store lets its supplier go":
            async with transaction(chain.c.owner) as tx:
                (source,) = await routing.list_sources(tx, chain.c.owner, listing_ids=[chain.shop.listing_id])
            await let_go_of(chain.c.owner, source)
        case "its leaf asks more":
            await price(chain.a, chain.offer_of_a, 701)
        case _:
            await offer_it_to_nobody(chain)


@pytest.mark.parametrize(
    "what",
    [
        "its leaf withdraws the offer", "who is in the middle withdraws the offer", "its leaf is suspended",
        "who is in the middle is suspended", "its leaf takes the pool away", "who is in the middle switches its supplier off",
        "the store lets its supplier go", "its leaf asks more", "its leaf offers it to nobody",
    ],
)  # fmt: skip
async def test_late_money_buys_nothing_over_a_step_that_has_closed_since(gateway: FakeGateway, what: str) -> None:
    chain = await make_chain()
    buyer = await make_buyer(chain.shop, funds_minor=0)
    placed = await place(chain.shop, buyer, 2, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, placed.order_id)

    with later(hours=1):
        async with trading(LOOK) as tx:
            await orders.expire_overdue(tx, LOOK)
        await close(chain, what)
        gateway.pay(payment_id)
        await look_and_settle(payment_id)

    assert (await payment_of(payment_id)).outcome is Outcome.TOO_LATE
    await assert_invariants()


async def test_a_hold_budget_below_what_is_held_stops_nobody_who_pays_at_once() -> None:
    chain = await make_chain(hold_units_max=3)
    buyer = await make_buyer(chain.shop)
    await place(chain.shop, buyer, 2, pay_by=PayBy.LATER)
    async with transaction(chain.a.owner) as tx:
        await supply.change_terms(tx, chain.a.owner, tier_id=chain.a.tier.id, terms=make_terms(hold_units_max=1))

    placed = await place(chain.shop, buyer)

    assert placed.state is OrderState.FULFILLED
    await assert_invariants()
