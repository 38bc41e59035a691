"""A bad code of another merchant's is replaced out of the same merchant's stock, or paid back; its words stay its own."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from fondaco_core import limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, trading, transaction
from fondaco_core.ids import CodeId, TenantId
from fondaco_tenants import codes, delivery, orders
from fondaco_tenants.codes import Code, CodeState
from fondaco_tenants.orders import AllocationState, AllocationView, OrderState
from fondaco_workers.actors import orders as actors
from tests.support.clock import later
from tests.support.factories.chain_sales import ChainSale, make_chain_sale, sell_over
from tests.support.factories.codes import make_codes
from tests.support.factories.identity import admin_ctx
from tests.support.invariants import assert_invariants
from tests.support.waiting import until
from tests.tenants.orders.test_chains import money
from tests.tenants.orders.test_swap import units_of

pytestmark = pytest.mark.usefixtures("database")
# What A says to itself of its batch, and C of its customer.
OF_OWNER = "Our importer in Shenzhen was robbed."
OF_STORE = "Mrs Zhang of Suzhou phoned us."
SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


@pytest.fixture(autouse=True)
async def _all_invariants_hold_afterwards() -> AsyncIterator[None]:
    yield
    await assert_invariants()


async def withdraw(made: ChainSale) -> None:
    """A takes what it sold out of its vault, and the actor hears of it twice."""
    owner = made.chain.a.owner
    async with transaction(owner) as tx:
        await codes.quarantine_codes(tx, owner, code_ids=made.code_ids, reason=OF_OWNER)
    for _ in range(2):
        ctx = system_ctx("test", tenant_id=owner.tenant, permissions=frozenset({"system.run"}))
        await actors.swap_withdrawn(ctx, code_ids=list(made.code_ids))


async def everything_of(tenant_id: TenantId) -> str:
    """All that a merchant's rows of orders and its logs say, as text."""
    parts: list[str] = []
    async with governing(admin_ctx()) as tx:
        for table in ("audit_entry", "outbox_event", "allocation", '"order"', "refund"):
            rows = await tx.fetch(f"SELECT to_jsonb(t)::text AS text FROM {table} t WHERE tenant_id = $1", tenant_id)  # noqa: S608 - our own names
            parts += [row["text"] for row in rows]
    return "\n".join(parts)


async def code_of(ctx: Ctx, code_id: CodeId) -> Code:
    async with transaction(ctx) as tx:
        return (await codes.codes_by_ids(tx, ctx, code_ids=[code_id]))[code_id]


async def last_of(made: ChainSale) -> list[AllocationView]:
    return await units_of(made.sale.owner, made.sale.order_id)


async def test_what_its_owner_withdraws_is_replaced_from_there_and_the_reason_stays_there() -> None:
    made = await make_chain_sale(spare=1)

    await withdraw(made)

    failed, new = await last_of(made)
    assert (failed.state, new.state, new.attempt) == (AllocationState.FAILED, AllocationState.FULFILLED, 2)
    assert new.leaf_tenant_id == made.chain.a.tenant_id
    assert new.masked not in {None, failed.masked}
    assert (await code_of(made.chain.a.owner, made.code_ids[0])).reason == OF_OWNER
    for merchant in (made.chain.b, made.chain.c):
        assert OF_OWNER not in await everything_of(merchant.tenant_id)
    assert (await money(made.chain.a.tenant_id))[1] == 700


async def test_without_another_code_the_unit_waits_and_is_paid_back_over_every_hop() -> None:
    made = await make_chain_sale()
    before = [await money(each.tenant_id) for each in (made.chain.b, made.chain.c)]

    await withdraw(made)
    waiting = (await last_of(made))[-1]
    with later(seconds=limits.UNIT_WAIT_S + 1):
        await orders.mend_waiting(SYSTEM)

    assert waiting.state is AllocationState.WAITING
    assert (await last_of(made))[-1].state is AllocationState.RELEASED
    async with transaction(made.sale.buyer) as tx:
        order = await orders.get_order(tx, made.sale.buyer, made.sale.order_id)
    assert (order.state, order.refunded) == (OrderState.REFUNDED, order.total)
    assert before == [(100_000 - 700, 800, 0), (100_000 - 800, 1_000, 0)]
    assert [await money(each.tenant_id) for each in (made.chain.b, made.chain.c)] == [(100_000, 0, 0)] * 2
    assert await money(made.chain.a.tenant_id) == (0, 0, 0)
    assert OF_OWNER not in await everything_of(made.chain.c.tenant_id)


async def test_an_unpaid_order_is_cancelled_without_saying_why_its_supplier_had_no_code() -> None:
    made = await make_chain_sale(paid=False)

    await withdraw(made)

    async with transaction(made.sale.buyer) as tx:
        order = await orders.get_order(tx, made.sale.buyer, made.sale.order_id)
    assert order.state is OrderState.CANCELLED
    assert OF_OWNER not in await everything_of(made.chain.c.tenant_id)
    assert await money(made.chain.b.tenant_id) == (100_000, 0, 0)


async def test_a_store_does_not_say_of_anothers_code_that_it_is_bad() -> None:
    made = await make_chain_sale(spare=1)
    owner = made.sale.owner

    with pytest.raises(orders.NotOwnCode):
        async with trading(owner) as tx:
            await orders.replace_unit(tx, owner, allocation_id=made.sale.allocations[0], reason=OF_STORE)

    assert (await code_of(made.chain.a.owner, made.code_ids[0])).state is CodeState.DELIVERED
    assert [unit.attempt for unit in await last_of(made)] == [1]


async def test_a_code_that_was_seen_is_doubted_and_the_store_is_told_no_reason() -> None:
    made = await make_chain_sale(spare=1)
    async with transaction(made.sale.buyer) as tx:
        await delivery.reveal_code(tx, made.sale.buyer, allocation_id=made.sale.allocations[0])

    await withdraw(made)

    (unit,) = await last_of(made)
    assert unit.state is AllocationState.FULFILLED
    assert OF_OWNER not in await everything_of(made.chain.c.tenant_id)
    async with governing(admin_ctx()) as tx:
        told = await tx.fetchval("SELECT failure FROM allocation WHERE id = $1", unit.id)
    assert told == "The code was withdrawn from the vault."


async def test_no_log_of_a_store_names_another_merchants_codes_by_what_says_when_they_were_imported() -> None:
    made = await make_chain_sale(units=2, spare=1)
    async with transaction(made.sale.buyer) as tx:
        await delivery.reveal_code(tx, made.sale.buyer, allocation_id=made.sale.allocations[0])

    await withdraw(made)

    async with governing(admin_ctx()) as tx:
        every = await tx.fetch("SELECT id FROM code WHERE tenant_id = $1", made.chain.a.tenant_id)
        logs = await tx.fetch(
            "SELECT to_jsonb(t)::text AS text FROM audit_entry t WHERE tenant_id = $1 UNION ALL"
            " SELECT to_jsonb(t)::text FROM outbox_event t WHERE tenant_id = $1",
            made.chain.c.tenant_id,
        )
    written = "\n".join(row["text"] for row in logs)
    assert all(act in written for act in ("order.placed", "code.revealed", "unit.replaced"))
    assert [row["id"] for row in every if str(row["id"]) in written] == []
    assert len(every) == 3


async def test_who_pays_for_one_order_and_what_was_withdrawn_of_two_do_not_wait_for_each_other_in_a_circle() -> None:
    first = await make_chain_sale(paid=False)
    texts = await make_codes(first.sale.pool, 1)
    second = await sell_over(first.chain, first.sale.pool, texts, paid=False)
    owner, buyer = first.chain.a.owner, second.sale.buyer
    async with transaction(owner) as tx:
        code_ids = [*first.code_ids, *second.code_ids]
        await codes.quarantine_codes(tx, owner, code_ids=code_ids, reason=OF_OWNER)

    async def swap() -> None:
        async with trading(SYSTEM) as tx:
            await orders.swap_withdrawn(tx, SYSTEM, code_ids=code_ids)

    async with trading(buyer) as tx:
        await tx.fetchrow('SELECT id FROM "order" WHERE id = $1 FOR NO KEY UPDATE', second.sale.order_id)
        swapping = asyncio.create_task(swap())
        await until(_somebody_waits)
        used = "SELECT agreement_id FROM agreement_use WHERE supplier_tenant_id = $1 FOR NO KEY UPDATE"
        await tx.fetch(used, first.chain.a.tenant_id)
    await swapping

    assert await money(first.chain.b.tenant_id) == (100_000, 0, 0)


async def _somebody_waits() -> bool:
    async with governing(admin_ctx()) as tx:
        return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))
