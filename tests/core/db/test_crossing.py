"""A transaction that crosses to another tenant acts there for a block, and is at home again after it, however that ends."""

from uuid import UUID, uuid4

import asyncpg
import pytest

from fondaco_core import audit
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import Tx, governing, trading, transaction
from fondaco_core.ids import TenantId
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")
SETTING = "SELECT nullif(current_setting('app.tenant_id', true), '')::uuid"


async def two() -> tuple[Ctx, TenantId]:
    """Somebody at one tenant, and another tenant."""
    return system_ctx("test", tenant_id=await make_tenant()), await make_tenant()


async def note(tx: Tx, ctx: Ctx, subject: UUID, tenant_id: TenantId) -> None:
    """A write that waits for the next statement."""
    await audit.record(tx, ctx, "test.noted", subject_kind="test", subject_id=subject, tenant_id=tenant_id)


async def whose(subject: UUID) -> list[UUID]:
    async with governing(system_ctx("test")) as tx:
        return [
            row["tenant_id"]
            for row in await tx.fetch("SELECT tenant_id FROM audit_entry WHERE subject_id = $1 ORDER BY id", subject)
        ]


async def test_what_waits_is_written_where_it_was_said() -> None:
    ctx, other = await two()
    subject = uuid4()

    async with transaction(ctx) as tx:
        await note(tx, ctx, subject, ctx.tenant)
        async with tx.crossing_to(other):
            assert (tx.tenant_id, await tx.fetchval(SETTING)) == (other, other)
            await note(tx, ctx, subject, other)
        await note(tx, ctx, subject, ctx.tenant)
        assert (tx.tenant_id, await tx.fetchval(SETTING)) == (ctx.tenant, ctx.tenant)
        seen = await tx.fetch("SELECT tenant_id FROM audit_entry WHERE subject_id = $1", subject)

    assert {row["tenant_id"] for row in seen} == {ctx.tenant}
    assert await whose(subject) == [ctx.tenant, other, ctx.tenant]


async def test_who_falls_over_there_is_at_home_again_and_leaves_nothing_behind() -> None:
    ctx, other = await two()
    subject = uuid4()

    async def fall(tx: Tx) -> None:
        async with tx.crossing_to(other):
            await note(tx, ctx, subject, other)
            raise ZeroDivisionError

    async with transaction(ctx) as tx:
        with pytest.raises(ZeroDivisionError):
            await fall(tx)
        assert (tx.tenant_id, await tx.fetchval(SETTING)) == (ctx.tenant, ctx.tenant)

    assert await whose(subject) == []


async def test_a_statement_that_fails_over_there_ends_the_transaction() -> None:
    ctx, other = await two()

    async def fail(tx: Tx) -> None:
        async with tx.crossing_to(other):
            await tx.execute("SELECT 1 / 0")

    async def fail_and_go_on() -> None:
        async with transaction(ctx) as tx:
            with pytest.raises(asyncpg.DivisionByZeroError):
                await fail(tx)
            await tx.execute("SELECT 1")

    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        await fail_and_go_on()


async def test_what_is_nobodys_or_sees_over_tenants_already_does_not_cross() -> None:
    ctx, other = await two()

    async def cross(tx: Tx, tenant_id: TenantId) -> None:
        async with tx.crossing_to(tenant_id):
            pass

    async with trading(ctx) as traded, transaction(Ctx()) as nobodys, transaction(ctx) as own:
        for tx, wanted in ((traded, other), (nobodys, other), (own, ctx.tenant)):
            with pytest.raises(AssertionError):
                await cross(tx, wanted)
