"""What was sealed cannot be changed, removed or added to unseen, not even by who owns the database."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fondaco_core import audit, clock
from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing
from fondaco_core.ids import new_id
from fondaco_core.notary import (
    Checkpoint,
    NotSealedYet,
    canonical,
    check_proof,
    fingerprint_of,
    last_checkpoint,
    leaf_hash,
    prove,
    seal_next,
    verify,
)
from tests.support.notary import seal_all

pytestmark = pytest.mark.usefixtures("database")

CTX = system_ctx("notary", permissions=frozenset({"system.run", "audit.read"}))


async def write_entry(ctx: Ctx = CTX) -> UUID:
    """One more act in the log; gives what it was about."""
    subject_id = new_id()
    async with governing(ctx) as tx:
        await audit.record(tx, ctx, "test.done", subject_kind="test", subject_id=subject_id, detail={"n": 1})
    return subject_id


async def sealed_entry() -> UUID:
    subject_id = await write_entry()
    await seal_all()
    return subject_id


async def found_of(subject_or_entry: str, **how: Any) -> set[str]:
    """What verify says of one entry; others' tests write into the same log with clocks of their own."""
    return {found.what async for found in verify(CTX, **how) if subject_or_entry in found.where}


@asynccontextmanager
async def as_owner_of_everything(settings: Settings) -> AsyncGenerator["asyncpg.Connection[Any]"]:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(settings.require_database_url().reveal())
    try:
        yield connection
    finally:
        await connection.close()


async def entry_about(connection: "asyncpg.Connection[Any]", subject_id: UUID) -> UUID:
    found: UUID = await connection.fetchval("SELECT id FROM audit_entry WHERE subject_id = $1", subject_id)
    return found


async def test_a_sealed_entry_is_proven_by_its_bytes_a_path_and_a_signature() -> None:
    subject_id = await sealed_entry()
    await write_entry()
    await seal_all()

    async with governing(CTX) as tx:
        checkpoint, (sealed,) = await prove(tx, CTX, subject_ids=[subject_id])
        keys = await tx.fetch("SELECT key_id, public_key FROM audit_key")

    assert check_proof(leaf_hash(canonical(sealed.entry)), sealed.proof, checkpoint.root)
    assert any(checkpoint.is_signed_by(key["public_key"]) for key in keys)


async def test_what_was_written_a_moment_ago_is_not_proven_yet() -> None:
    await sealed_entry()
    subject_id = await write_entry()

    async with governing(CTX) as tx:
        with pytest.raises(NotSealedYet):
            await prove(tx, CTX, subject_ids=[subject_id])


async def test_an_entry_of_a_transaction_that_still_runs_is_left_for_later() -> None:
    await seal_all()
    subject_id = new_id()
    async with governing(CTX) as tx:
        await audit.record(tx, CTX, "test.done", subject_kind="test", subject_id=subject_id)
        await tx.flush()
        await write_entry()
        await seal_next(CTX)
    await seal_all()

    async with governing(CTX) as tx:
        _, sealed = await prove(tx, CTX, subject_ids=[subject_id])

    assert len(sealed) == 1


async def test_two_notaries_at_once_seal_every_entry_once() -> None:
    subjects = [await write_entry() for _ in range(20)]

    await asyncio.gather(*(seal_next(CTX, count=7) for _ in range(6)))
    await seal_all()

    async with governing(CTX) as tx:
        checkpoint, sealed = await prove(tx, CTX, subject_ids=subjects)
    assert len({one.proof.index for one in sealed}) == len(subjects)
    assert all(check_proof(leaf_hash(canonical(one.entry)), one.proof, checkpoint.root) for one in sealed)


async def test_a_log_that_nobody_touched_stands() -> None:
    await sealed_entry()

    broken = [found async for found in verify(CTX) if found.what != "INSERTED"]

    assert broken == []


async def test_a_changed_entry_is_found(settings: Settings) -> None:
    subject_id = await sealed_entry()
    async with as_owner_of_everything(settings) as connection:
        entry_id = await entry_about(connection, subject_id)
        await connection.execute("UPDATE audit_entry SET reason = 'another' WHERE id = $1", entry_id)

        found = await found_of(str(entry_id))

        await connection.execute("UPDATE audit_entry SET reason = NULL WHERE id = $1", entry_id)
    assert found == {"CHANGED"}
    assert await found_of(str(entry_id)) == set()


async def test_a_changed_entry_is_found_though_its_hash_was_changed_with_it(settings: Settings) -> None:
    subject_id = await sealed_entry()
    async with as_owner_of_everything(settings) as connection:
        entry_id = await entry_about(connection, subject_id)
        before = await connection.fetchval("SELECT hash FROM audit_leaf WHERE entry_id = $1", entry_id)
        row = dict(await connection.fetchrow("SELECT * FROM audit_entry WHERE id = $1", entry_id))
        forged = leaf_hash(canonical(row | {"reason": "another", "detail": {"n": 1}}))
        await connection.execute("UPDATE audit_entry SET reason = 'another' WHERE id = $1", entry_id)
        await connection.execute("UPDATE audit_leaf SET hash = $2 WHERE entry_id = $1", entry_id, forged)

        found = await found_of("do not lead to the root")

        await connection.execute("UPDATE audit_entry SET reason = NULL WHERE id = $1", entry_id)
        await connection.execute("UPDATE audit_leaf SET hash = $2 WHERE entry_id = $1", entry_id, before)
    assert found == {"BROKEN"}


async def test_a_missing_entry_is_found(settings: Settings) -> None:
    subject_id = await sealed_entry()
    async with as_owner_of_everything(settings) as connection:
        entry_id = await entry_about(connection, subject_id)
        await connection.execute("CREATE TABLE taken_away AS SELECT * FROM audit_entry WHERE id = $1", entry_id)
        await connection.execute("DELETE FROM audit_entry WHERE id = $1", entry_id)

        found = await found_of(str(entry_id))

        await connection.execute("INSERT INTO audit_entry SELECT * FROM taken_away")
        await connection.execute("DROP TABLE taken_away")
    assert found == {"MISSING"}


async def test_an_entry_put_into_the_past_is_found_before_and_after_it_is_sealed(settings: Settings) -> None:
    await sealed_entry()
    before = clock.now() - timedelta(days=2)
    entry_id = new_id()
    async with as_owner_of_everything(settings) as connection:
        await connection.execute(
            """
            INSERT INTO audit_entry (id, happened_at, actor_kind, action, subject_kind, request_id, detail, xid)
            VALUES ($1, $2, 'SYSTEM', 'test.forged', 'test', 'r', '{}', 3)
            """,
            entry_id,
            before,
        )
        unsealed = await found_of(str(entry_id))
        await connection.execute(
            "UPDATE audit_entry SET xid = pg_current_xact_id()::text::bigint WHERE id = $1", entry_id
        )
        await write_entry()
        await seal_all()
        sealed = await found_of(str(entry_id))

    assert unsealed == {"INSERTED"}
    assert sealed == {"INSERTED"}


async def test_an_end_that_was_cut_off_is_found_by_who_kept_a_checkpoint(settings: Settings) -> None:
    await sealed_entry()
    async with governing(CTX) as tx:
        before = await last_checkpoint(tx, CTX)
    await sealed_entry()
    async with governing(CTX) as tx:
        witness = await last_checkpoint(tx, CTX)
    assert before is not None
    assert witness is not None
    async with as_owner_of_everything(settings) as connection:
        await connection.execute("CREATE TABLE cut_off AS SELECT * FROM audit_checkpoint WHERE size > $1", before.size)
        await connection.execute("DELETE FROM audit_checkpoint WHERE size > $1", before.size)

        alone = await found_of("the log ends")
        witnessed = await found_of("the log ends", witnesses=[witness])

        await connection.execute("INSERT INTO audit_checkpoint SELECT * FROM cut_off")
        await connection.execute("DROP TABLE cut_off")
    assert alone == set()
    assert witnessed == {"FORGOTTEN"}
    assert await found_of("witness", witnesses=[witness]) == set()


async def test_a_checkpoint_that_leads_elsewhere_is_found() -> None:
    await sealed_entry()
    async with governing(CTX) as tx:
        last = await last_checkpoint(tx, CTX)
    assert last is not None

    other = Checkpoint(last.size, b"?" * 32, last.signed_at, last.key_id, last.signature)

    assert await found_of("witnessed checkpoint", witnesses=[other]) == {"BROKEN"}


async def test_a_log_that_was_signed_anew_with_another_key_is_found_by_who_knows_the_right_one() -> None:
    await sealed_entry()
    stranger = Ed25519PrivateKey.generate().public_key().public_bytes_raw()

    found = await found_of("not signed by a key that is trusted", trusted={fingerprint_of(stranger): stranger})

    assert found == {"UNSIGNED"}


@pytest.mark.parametrize("table", ["audit_leaf", "audit_node", "audit_checkpoint", "audit_key"])
async def test_the_application_itself_cannot_change_what_was_sealed(table: str) -> None:
    await sealed_entry()

    for act in ("DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET ctid = ctid"):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError)):
            async with governing(CTX) as tx:
                await tx.execute(act.format(table))
