"""Every actor of the floor bears to be run twice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fondaco_core import clock, limits
from fondaco_core.context import system_ctx
from fondaco_core.db import Database, governing, idempotency
from fondaco_core.ids import new_id
from fondaco_workers.actor import Actor
from fondaco_workers.actors import ledger, orders, system
from tests.support.actors import run_twice
from tests.support.invariants import assert_invariants

CTX = system_ctx("test", permissions=frozenset({"system.run"}))
ANSWERS = "SELECT count(*) FROM idempotency_record WHERE key = $1"


async def test_old_answers_are_forgotten_and_young_ones_kept(database: Database) -> None:
    assert database
    old, young = f"old-{new_id()}", f"young-{new_id()}"
    asker = replace(CTX, actor_id=new_id())
    async with governing(CTX) as tx:
        for key in (old, young):
            await idempotency.claim(tx, asker, key=key, operation="test", input_hash=b"", answer={})
        before = clock.now() - timedelta(hours=limits.IDEMPOTENCY_HOURS, seconds=1)
        await tx.execute("UPDATE idempotency_record SET created_at = $1 WHERE key = $2", before, old)

    await run_twice(system.forget_answers)

    async with governing(CTX) as tx:
        assert (await tx.fetchval(ANSWERS, old), await tx.fetchval(ANSWERS, young)) == (0, 1)


async def test_what_ended_long_ago_is_forgotten_and_what_goes_on_is_kept(database: Database) -> None:
    assert database
    ended, going_on = new_id(), new_id()
    long_ago = clock.now() - timedelta(hours=limits.ENDED_KEPT_HOURS, seconds=1)
    async with governing(CTX) as tx:
        for key, since in ((ended, long_ago), (going_on, clock.now())):
            await tx.execute("INSERT INTO sign_in_attempt (key, attempts, since) VALUES ($1, 1, $2)", key.bytes, since)

    await run_twice(system.forget_ended)

    async with governing(CTX) as tx:
        left = await tx.fetch(
            "SELECT key FROM sign_in_attempt WHERE key = ANY($1::bytea[])", [ended.bytes, going_on.bytes]
        )
    assert [row["key"] for row in left] == [going_on.bytes]


@pytest.mark.parametrize(
    "actor", [system.check_invariants, orders.expire_overdue, ledger.roll_up], ids=lambda actor: actor.name
)
async def test_a_job_with_nothing_to_do_does_nothing(database: Database, actor: Actor[...]) -> None:
    assert database

    await run_twice(actor)

    await assert_invariants()
