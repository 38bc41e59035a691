"""What fails is passed over for a while, is tried again with a few units, and comes back; nobody is left without a source by that."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from fondaco_core import limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, trading, transaction
from fondaco_core.errors import NotAllowed, NotFound
from fondaco_core.identity import MemberRole
from fondaco_core.ids import CodeId, OrderId, SourceId, TenantId
from fondaco_tenants import codes, orders, routing
from fondaco_tenants.orders import Placed, Verdict
from fondaco_tenants.routing import PauseReason, Source, SourceState
from fondaco_workers.actors import orders as order_actors
from fondaco_workers.actors import scores
from tests.support.clock import later
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import (
    Merchant,
    agree,
    fill,
    make_chain,
    make_front,
    make_merchant,
    make_offer,
)
from tests.support.factories.codes import make_codes, make_pool
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.orders import Shop, make_buyer, place
from tests.support.invariants import assert_invariants
from tests.tenants.orders.test_chains import leaves_of

pytestmark = pytest.mark.usefixtures("database")
SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


@pytest.fixture(autouse=True)
async def _all_invariants_hold_afterwards() -> AsyncIterator[None]:
    yield
    await assert_invariants()


async def two_suppliers(*, first: int = 20, second: int = 40) -> tuple[Shop, Merchant, Merchant]:
    """A shop that a cheap supplier fills, and a second one when the first does not."""
    entitlement = await make_entitlement()
    shopkeeper, cheap, dear = await make_merchant(funds_minor=500_000), await make_merchant(), await make_merchant()
    offers = []
    for supplier, minor, stock in ((cheap, 700, first), (dear, 800, second)):
        await agree(supplier, shopkeeper)
        offers.append(await make_offer(supplier, entitlement.id, price_minor=minor, codes=stock))
    return await make_front(shopkeeper, entitlement.id, *offers), cheap, dear


async def sources_of(shop: Shop) -> list[Source]:
    async with transaction(shop.owner) as tx:
        return await routing.list_sources(tx, shop.owner, listing_ids=[shop.listing_id])


async def states_of(shop: Shop) -> list[SourceState]:
    return [source.state for source in await sources_of(shop)]


async def codes_of(order_id: OrderId) -> list[CodeId]:
    async with governing(admin_ctx()) as tx:
        rows = await tx.fetch("SELECT code_id FROM allocation WHERE order_id = $1 AND state = 'FULFILLED'", order_id)
    return [CodeId(row["code_id"]) for row in rows]


async def withdraw(supplier: Merchant, code_ids: list[CodeId]) -> None:
    """The supplier takes codes back that are bad; orders hear of it."""
    async with transaction(supplier.owner) as tx:
        await codes.quarantine_codes(tx, supplier.owner, code_ids=code_ids, reason="The importer was robbed.")
    ctx = system_ctx("test", tenant_id=supplier.tenant_id, permissions=frozenset({"system.run"}))
    await order_actors.swap_withdrawn(ctx, code_ids=list[UUID](code_ids))


async def turn_bad(shop: Shop, supplier: Merchant, units: int = limits.SOURCE_BAD_UNITS) -> None:
    """So many units that a supplier sold turn out bad, and the job looks at them."""
    placed = await place(shop, await make_buyer(shop), units)
    await withdraw(supplier, await codes_of(placed.order_id))
    await scores.look_at_troubles(SYSTEM)


async def buy(shop: Shop, units: int = 1) -> set[TenantId]:
    """Whose codes a buyer gets."""
    return set(await leaves_of((await place(shop, await make_buyer(shop), units)).order_id))


async def events_of(tenant_id: TenantId, name: str) -> int:
    async with governing(admin_ctx()) as tx:
        return int(
            await tx.fetchval("SELECT count(*) FROM outbox_event WHERE tenant_id = $1 AND name = $2", tenant_id, name)
        )


async def test_bad_codes_pause_a_supplier_buyers_are_served_by_the_next_and_it_is_tried_again() -> None:
    shop, cheap, dear = await two_suppliers()
    before = await buy(shop)

    await turn_bad(shop, cheap)
    paused = (await sources_of(shop))[0]
    while_paused = await buy(shop)
    with later(seconds=limits.SOURCE_PAUSE_S + 1):
        await scores.look_at_troubles(SYSTEM)
        probing = await states_of(shop)
        probes = [await buy(shop) for _ in range(limits.PROBE_UNITS + 1)]
    with later(seconds=limits.SOURCE_PAUSE_S + limits.PROBE_WATCH_S + 60):
        await scores.look_at_troubles(SYSTEM)
        after = await buy(shop)

    assert before == {cheap.tenant_id}
    assert (paused.state, paused.paused_for, paused.tried) == (SourceState.PAUSED, PauseReason.BAD_CODES, False)
    assert while_paused == {dear.tenant_id}
    assert probing == [SourceState.PROBING, SourceState.ACTIVE]
    assert probes == [{cheap.tenant_id}] * limits.PROBE_UNITS + [{dear.tenant_id}]
    assert after == {cheap.tenant_id}
    assert await states_of(shop) == [SourceState.ACTIVE] * 2
    assert await events_of(shop.tenant_id, "source.paused") == 1
    assert await events_of(shop.tenant_id, "source.resumed") == 1


async def test_a_probe_that_fails_is_paused_twice_as_long() -> None:
    shop, cheap, _ = await two_suppliers()
    await turn_bad(shop, cheap)
    first = (await sources_of(shop))[0]

    with later(seconds=limits.SOURCE_PAUSE_S + 1):
        await scores.look_at_troubles(SYSTEM)
        await turn_bad(shop, cheap, units=1)
        second = (await sources_of(shop))[0]

    assert first.paused_until is not None
    assert first.state_since is not None
    assert second.paused_until is not None
    assert second.state_since is not None
    assert (first.paused_until - first.state_since) * 2 == second.paused_until - second.state_since
    assert second.state is SourceState.PAUSED


async def test_fewer_bad_units_than_the_bound_pause_nobody() -> None:
    shop, cheap, _ = await two_suppliers()

    await turn_bad(shop, cheap, units=limits.SOURCE_BAD_UNITS - 1)

    assert await states_of(shop) == [SourceState.ACTIVE] * 2


async def test_an_only_source_that_failed_is_tried_all_the_same_until_a_person_pauses_it() -> None:
    chain = await make_chain(codes=20)
    await turn_bad(chain.shop, chain.a)

    served = await buy(chain.shop)
    (source,) = await sources_of(chain.shop)
    async with transaction(chain.shop.owner) as tx:
        await routing.pause_source(tx, chain.shop.owner, source_id=source.id, reason="Their codes are bad.")

    assert (source.state, source.tried) == (SourceState.PAUSED, True)
    assert served == {chain.a.tenant_id}
    with pytest.raises(orders.OutOfStock):
        await buy(chain.shop)


async def test_where_all_failed_the_healthiest_is_tried() -> None:
    shop, cheap, dear = await two_suppliers()
    await turn_bad(shop, cheap, units=9)
    await turn_bad(shop, dear)

    served = await buy(shop)

    assert await states_of(shop) == [SourceState.PAUSED] * 2
    assert served == {dear.tenant_id}


async def test_a_supplier_that_is_out_of_stock_again_and_again_is_paused() -> None:
    shop, _, dear = await two_suppliers(first=0)
    buyer = await make_buyer(shop)
    for _ in range(limits.SOURCE_SHORT_TIMES):
        await place(shop, buyer, 1)

    await scores.look_at_troubles(SYSTEM)

    source = (await sources_of(shop))[0]
    assert (source.state, source.paused_for) == (SourceState.PAUSED, PauseReason.STOCK_OUTS)
    assert await buy(shop) == {dear.tenant_id}


async def test_every_merchant_of_a_chain_pauses_its_own_source_and_sees_nobody_elses() -> None:
    chain = await make_chain(codes=20)
    await turn_bad(chain.shop, chain.a)

    (of_c,) = await sources_of(chain.shop)
    async with transaction(chain.b.owner) as tx:
        (of_b,) = await routing.list_offer_sources(tx, chain.b.owner, offer_ids=[chain.offer_of_b])
        hidden = await routing.sources_by_ids(tx, chain.b.owner, [of_c.id])
    async with transaction(chain.a.owner) as tx:
        (of_a,) = await routing.list_offer_sources(tx, chain.a.owner, offer_ids=[chain.offer_of_a])

    assert {each.paused_for for each in (of_a, of_b, of_c)} == {PauseReason.BAD_CODES}
    assert hidden == {}


async def test_a_middle_merchants_other_source_serves_while_one_is_paused() -> None:
    chain = await make_chain(codes=20)
    other = await make_merchant()
    await agree(other, chain.b)
    spare = await make_offer(other, chain.entitlement_id, price_minor=750, codes=5)
    await fill(chain.b, chain.offer_of_b, supplier_offer_id=spare)

    await turn_bad(chain.shop, chain.a)

    assert await buy(chain.shop) == {other.tenant_id}


async def test_a_source_that_is_paused_explains_itself() -> None:
    shop, cheap, _ = await two_suppliers()
    await turn_bad(shop, cheap)

    async with trading(shop.owner, read_only=True) as tx:
        first, second = (await orders.explain_route(tx, shop.owner, listing_id=shop.listing_id, quantity=1)).sources

    assert (first.verdict, second.verdict) == (Verdict.PAUSED, Verdict.TAKEN)


async def test_many_failures_at_once_pause_once() -> None:
    shop, cheap, _ = await two_suppliers()
    placed: list[Placed] = [await place(shop, await make_buyer(shop), 2) for _ in range(6)]
    for each in placed:
        await withdraw(cheap, await codes_of(each.order_id))

    await asyncio.gather(*(scores.look_at_troubles(SYSTEM) for _ in range(4)))

    assert await states_of(shop) == [SourceState.PAUSED, SourceState.ACTIVE]
    assert await events_of(shop.tenant_id, "source.paused") == 1


async def test_an_own_pool_whose_codes_are_bad_is_passed_over() -> None:
    shop, cheap, dear = await two_suppliers()
    await stock_own(shop, 5)
    async with transaction(shop.owner) as tx:
        (own,) = [
            each for each in await routing.list_sources(tx, shop.owner, listing_ids=[shop.listing_id]) if each.pool_id
        ]
        await routing.update_source(tx, shop.owner, source_id=own.id, priority=0)
        for each in await routing.list_sources(tx, shop.owner, listing_ids=[shop.listing_id]):
            if each.id != own.id:
                await routing.update_source(tx, shop.owner, source_id=each.id, priority=5)
    placed = await place(shop, await make_buyer(shop), limits.SOURCE_BAD_UNITS)
    keeper = Merchant(shop.tenant_id, shop.owner, cheap.tier)

    await withdraw(keeper, await codes_of(placed.order_id))
    await scores.look_at_troubles(SYSTEM)

    states = {each.id: each.state for each in await sources_of(shop)}
    assert states[own.id] is SourceState.PAUSED
    assert await buy(shop) <= {cheap.tenant_id, dear.tenant_id}


async def stock_own(shop: Shop, count: int) -> None:
    """A pool of the shop's own that fills its listing, too."""
    async with governing(admin_ctx()) as tx:
        entitlement = await tx.fetchval("SELECT entitlement_id FROM listing WHERE id = $1", shop.listing_id)
    pool = await make_pool(shop.owner, entitlement_id=entitlement)
    await make_codes(pool, count)
    async with transaction(shop.owner) as tx:
        await routing.add_source(tx, shop.owner, listing_id=shop.listing_id, pool_id=pool.id)


async def test_a_person_pauses_and_resumes_with_a_reason_and_not_twice() -> None:
    shop, cheap, dear = await two_suppliers()
    first = (await sources_of(shop))[0]
    async with transaction(shop.owner) as tx:
        paused = await routing.pause_source(tx, shop.owner, source_id=first.id, reason="They raise their prices.")
    with pytest.raises(routing.SourceInWrongState):
        async with transaction(shop.owner) as tx:
            await routing.pause_source(tx, shop.owner, source_id=first.id, reason="They raise their prices.")
    without = await buy(shop)
    with later(days=30):
        await scores.look_at_troubles(SYSTEM)
        still = await states_of(shop)
    async with transaction(shop.owner) as tx:
        await routing.resume_source(tx, shop.owner, source_id=first.id, reason="They are cheap again.")

    assert (paused.paused_for, paused.pause_note, paused.paused_until) == (
        PauseReason.PERSON,
        "They raise their prices.",
        None,
    )
    assert without == {dear.tenant_id}
    assert still[0] is SourceState.PAUSED
    assert await buy(shop) == {cheap.tenant_id}


async def test_nobody_but_who_may_change_a_source_pauses_it() -> None:
    shop, cheap, _ = await two_suppliers()
    source_id: SourceId = (await sources_of(shop))[0].id
    support = await make_member_ctx(shop.tenant_id, role=MemberRole.SUPPORT)

    async def pause(ctx: Ctx) -> None:
        async with transaction(ctx) as tx:
            await routing.pause_source(tx, ctx, source_id=source_id, reason="I do not like it.")

    with pytest.raises(NotFound):
        await pause(cheap.owner)
    with pytest.raises(NotAllowed):
        await pause(support)
    assert await states_of(shop) == [SourceState.ACTIVE] * 2
