"""Writes that wait travel together, in their order where order counts, and never get lost."""

from uuid import uuid4

import pytest

from fondaco_core import audit
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import Tx, Write, transaction
from fondaco_core.errors import Bug
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")

ADDED = Write(
    frozenset({"customer"}),
    {
        "customer_added": """
INSERT INTO customer (id, tenant_id, kind, contact_lookup, contact_sealed, contact_masked, created_at)
SELECT id, $1::uuid, 'GUEST', id::text::bytea, '', '', now() FROM unnest($2::uuid[]) AS w(id)
""",
    },
)
NAMED = Write(
    frozenset({"customer"}),
    {"customer_named": "UPDATE customer SET name = $2::text WHERE id = ANY($1::uuid[]) RETURNING id"},
    counted="customer_named",
)


async def make_ctx() -> Ctx:
    return system_ctx("test", tenant_id=await make_tenant(), permissions=frozenset({"audit.read"}))


async def names(tx: Tx) -> list[str | None]:
    return [row["name"] for row in await tx.fetch("SELECT name FROM customer ORDER BY name")]


async def test_a_statement_sees_what_was_to_be_written_before_it() -> None:
    ctx = await make_ctx()
    async with transaction(ctx) as tx:
        await tx.later(ADDED, ctx.tenant_id, [uuid4(), uuid4()])

        found = await names(tx)

    assert found == [None, None]


async def test_a_second_write_to_a_table_comes_after_the_first() -> None:
    ctx, customer = await make_ctx(), uuid4()
    async with transaction(ctx) as tx:
        await tx.later(ADDED, ctx.tenant_id, [customer])

        await tx.later(NAMED, [customer], "Li", rows=1)

    async with transaction(ctx) as tx:
        assert await names(tx) == ["Li"]


async def test_what_waits_at_the_end_is_written_with_what_it_waited_beside() -> None:
    ctx, customer = await make_ctx(), uuid4()
    async with transaction(ctx) as tx:
        await audit.record(tx, ctx, "customer.tried", subject_kind="customer", subject_id=customer)

        await tx.later(ADDED, ctx.tenant_id, [customer])

    async with transaction(ctx) as tx:
        assert await names(tx) == [None]
        assert [entry["subject_id"] for entry in await audit.list_entries(tx, ctx, action="customer.tried")] == [
            customer
        ]


async def test_a_write_that_touches_other_rows_than_it_says_is_a_bug_and_nothing_stays() -> None:
    ctx, customer = await make_ctx(), uuid4()

    async def name_two() -> None:
        async with transaction(ctx) as tx:
            await tx.later(ADDED, ctx.tenant_id, [customer])
            await tx.later(NAMED, [customer, uuid4()], "Li", rows=2)

    with pytest.raises(Bug, match="customer_named"):
        await name_two()

    async with transaction(ctx) as tx:
        assert await names(tx) == []
