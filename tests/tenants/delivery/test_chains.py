"""What a shop sells of another merchant's reaches its buyer by every way, and nobody in between learns what it is."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from joserfc import jwe, jwk

from fondaco_core import clock
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Bug, NotFound
from fondaco_core.ids import ApiClientId, TenantId
from fondaco_tenants import codes, customers, delivery, orders
from fondaco_tenants.codes import CodeState
from tests.support.factories.chain_sales import ChainSale, make_chain_sale
from tests.support.factories.delivery import make_link, opener
from tests.support.factories.identity import admin_ctx
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")
REASON = "The buyer cannot read it."


@pytest.fixture(autouse=True)
async def _all_invariants_hold_afterwards() -> AsyncIterator[None]:
    yield
    clock.use(None)
    await assert_invariants()


async def reveal(ctx: Ctx, made: ChainSale, place: int = 0) -> delivery.RevealedUnit:
    async with transaction(ctx) as tx:
        return await delivery.reveal_code(tx, ctx, allocation_id=made.sale.allocations[place])


async def records_of(tenant_id: TenantId, made: ChainSale) -> list[Any]:
    """What a merchant has on record of showings of the sale's codes."""
    async with governing(admin_ctx()) as tx:
        return await tx.fetch(
            "SELECT * FROM code_reveal WHERE tenant_id = $1 AND code_id = ANY($2) ORDER BY id",
            tenant_id, list(made.code_ids),
        )  # fmt: skip


async def everything_of(tenant_id: TenantId) -> str:
    """All that audit log, outbox, tasks and replay store hold of a merchant, as text."""
    parts: list[str] = []
    async with governing(admin_ctx()) as tx:
        for table in ("audit_entry", "outbox_event", "idempotency_record"):
            rows = await tx.fetch(f"SELECT to_jsonb(t)::text AS text FROM {table} t WHERE tenant_id = $1", tenant_id)  # noqa: S608 - our own names
            parts += [row["text"] for row in rows]
    return "\n".join(parts)


async def test_the_buyer_sees_the_code_of_a_merchant_two_steps_away() -> None:
    made = await make_chain_sale(units=2)
    buyer = replace(made.sale.buyer, ip="203.0.113.5", user_agent="a phone")

    first = await reveal(buyer, made)
    again = await reveal(made.sale.guest, made)
    async with transaction(buyer) as tx:
        every = await delivery.reveal_order(tx, buyer, order_id=made.sale.order_id)

    assert (first.code.reveal(), first.reveal_count) == (made.sale.codes[0], 1)
    assert (again.code.reveal(), again.reveal_count, again.revealed_at) == (made.sale.codes[0], 2, first.revealed_at)
    assert [unit.code.reveal() for unit in every] == list(made.sale.codes)
    async with transaction(made.sale.owner) as tx:
        shown = (await delivery.list_reveals(tx, made.sale.owner, [made.sale.order_id]))[made.sale.order_id]
        units = await orders.list_allocations(tx, made.sale.owner, order_id=made.sale.order_id)
    assert [(each.via, each.ip) for each in shown[-2:]] == [("GUEST", "203.0.*.*"), ("ACCOUNT", "203.0.*.*")]
    assert all(unit.revealed_at is not None and unit.masked == first.masked for unit in units[:1])


async def test_the_owner_of_the_code_learns_that_an_end_customer_saw_it_and_nothing_else() -> None:
    made = await make_chain_sale()
    buyer = replace(made.sale.buyer, ip="203.0.113.5", user_agent="a phone")
    await reveal(buyer, made)

    (at_store,), (at_owner,) = [await records_of(each.tenant_id, made) for each in (made.chain.c, made.chain.a)]

    assert (at_store["ip"], at_store["user_agent"], at_store["actor_id"]) == ("203.0.113.5", "a phone", buyer.actor_id)
    assert (at_store["order_id"], at_store["allocation_id"]) == (made.sale.order_id, made.sale.allocations[0])
    told = {name: value for name, value in at_owner.items() if value is not None}
    assert told.keys() == {"id", "tenant_id", "code_id", "via", "actor_kind", "revealed_at"}
    assert (told["via"], told["actor_kind"]) == ("ACCOUNT", "CUSTOMER")
    assert await records_of(made.chain.b.tenant_id, made) == []
    async with governing(admin_ctx()) as tx:
        (entry,) = await tx.fetch(
            "SELECT * FROM audit_entry WHERE tenant_id = $1 AND action = 'code.revealed'", made.chain.a.tenant_id
        )
    assert (entry["subject_id"], entry["ip"], entry["actor_id"]) == (made.code_ids[0], None, None)
    assert entry["detail"] == {"shown_to": "END_CUSTOMER"}
    assert buyer.request_id not in entry["request_id"]
    for merchant in (made.chain.a, made.chain.b):
        written = await everything_of(merchant.tenant_id)
        hidden = (
            made.sale.order_code,
            made.sale.order_id,
            buyer.customer_id,
            made.chain.c.tenant_id,
            made.sale.store.id,
        )
        if merchant is made.chain.a:
            assert not [each for each in hidden if str(each) in written]
        assert not any(text in written for text in made.sale.codes)


async def test_a_machine_with_a_key_gets_it_in_an_envelope() -> None:
    made = await make_chain_sale()
    sale, private = made.sale, jwk.ECKey.generate_key("P-256")
    assert sale.buyer.customer_id is not None
    async with transaction(sale.owner) as tx:
        client, _ = await customers.create_buyer_client(
            tx, sale.owner, customer_id=sale.buyer.customer_id, name="Robot", scopes=["buyer.read", "buyer.reveal"]
        )
        await delivery.register_client_key(
            tx, sale.owner, api_client_id=ApiClientId(client.id), jwk=json.dumps(private.as_dict(private=False))
        )

    unit = await reveal(replace(sale.machine, actor_id=client.id), made)

    assert unit.jwe is not None
    token = jwe.decrypt_compact(unit.jwe, private, registry=jwe.JWERegistry(algorithms=["ECDH-ES", "A256GCM"]))
    assert token.plaintext is not None
    assert orjson.loads(token.plaintext)["code"] == sale.codes[0]


async def test_a_link_opens_the_codes_of_other_merchants_and_is_spent_once() -> None:
    made = await make_chain_sale(units=2)
    link, secret = await make_link(made.sale)
    stranger = opener(made.sale)

    async with transaction(stranger) as tx:
        opened = await delivery.open_link(tx, stranger, store_slug=made.sale.store.slug, link_id=link.id, secret=secret)
    with pytest.raises(delivery.LinkSpent):
        async with transaction(stranger) as tx:
            await delivery.open_link(tx, stranger, store_slug=made.sale.store.slug, link_id=link.id, secret=secret)

    assert [unit.code.reveal() for unit in opened.units] == list(made.sale.codes)
    assert len(await records_of(made.chain.a.tenant_id, made)) == 2


async def test_what_is_undone_leaves_no_record_on_either_side() -> None:
    made = await make_chain_sale()

    async def look_and_fall() -> None:
        async with transaction(made.sale.buyer) as tx:
            await delivery.reveal_code(tx, made.sale.buyer, allocation_id=made.sale.allocations[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await look_and_fall()

    assert await records_of(made.chain.a.tenant_id, made) == await records_of(made.chain.c.tenant_id, made) == []


@pytest.mark.parametrize("who", ["b", "c"])
async def test_nobody_between_owner_and_buyer_opens_it_in_the_back_office(who: str) -> None:
    made = await make_chain_sale()
    owner: Ctx = getattr(made.chain, who).owner

    with pytest.raises(NotFound):
        async with transaction(owner) as tx:
            await codes.reveal_own_code(tx, owner, code_id=made.code_ids[0], reason=REASON)

    assert await records_of(made.chain.a.tenant_id, made) == []


async def test_a_code_is_opened_only_for_the_unit_that_it_is_bound_to() -> None:
    made, other = await make_chain_sale(), await make_chain_sale()
    buyer = made.sale.buyer

    for code_id, owner_id in ((other.code_ids[0], other.chain.a.tenant_id), (made.code_ids[0], made.chain.b.tenant_id)):
        with pytest.raises(Bug):
            async with transaction(buyer) as tx:
                await codes.reveal_codes(
                    tx, buyer, code_ids=[code_id], via="ACCOUNT", order_id=made.sale.order_id,
                    allocation_ids=[made.sale.allocations[0]], owner_ids=[owner_id],
                )  # fmt: skip

    assert await records_of(other.chain.a.tenant_id, other) == []


async def test_a_code_that_a_customer_of_others_saw_never_comes_back_to_stock() -> None:
    made = await make_chain_sale()
    await reveal(made.sale.buyer, made)
    a = made.chain.a.owner
    async with transaction(a) as tx:
        await codes.quarantine_codes(tx, a, code_ids=made.code_ids, reason="The batch is bad.")

    with pytest.raises(codes.CodesInWrongState):
        async with transaction(a) as tx:
            await codes.release_quarantined(tx, a, code_ids=made.code_ids, reason="It looked good to us.")

    async with reading(a) as tx:
        assert (await codes.codes_by_ids(tx, a, code_ids=made.code_ids))[made.code_ids[0]].state is CodeState.DELIVERED
