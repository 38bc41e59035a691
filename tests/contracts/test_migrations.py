"""One line of migrations; from nothing up, it makes exactly the tables that the code declares."""

import os
from collections import Counter
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from fondaco_core.db.engine import sqlalchemy_url
from fondaco_core.db.isolation import ROLES, isolation_of, statements_for
from fondaco_core.secret import Secret
from fondaco_ops.migrate import OWNER, alembic_config, migrate
from fondaco_tenants.codes.invariants import INVARIANTS
from fondaco_tenants.registry import metadata
from tests.support.postgres import create_empty_database, on_database, settings_for
from tests.support.servers import TestServers

POLICIES = """
SELECT tablename, policyname, array_to_string(roles, ',') AS roles, cmd, qual, with_check FROM pg_policies
WHERE schemaname = 'public' ORDER BY 1, 2
"""
GRANTS = """
SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants
WHERE table_schema = 'public' AND grantee = ANY(:roles) ORDER BY 1, 2, 3
"""
COLUMN_GRANTS = """
SELECT table_name, column_name, grantee, privilege_type FROM information_schema.column_privileges
WHERE table_schema = 'public' AND grantee = ANY(:roles) ORDER BY 1, 2, 3, 4
"""


def test_migrations_are_one_line() -> None:
    assert len(ScriptDirectory.from_config(alembic_config()).get_heads()) == 1


@pytest.fixture
async def from_nothing(servers: TestServers, tmp_path: Path) -> str:
    """A database that the migrations made from nothing, run twice."""
    # One for each worker of the test session: they share the server.
    name = f"fondaco_from_nothing_{os.getpid()}"
    await create_empty_database(servers.admin_dsn, name)
    settings = settings_for(servers.admin_dsn, servers.redis_url, name, tmp_path)
    await migrate(settings)
    await migrate(settings)
    return on_database(servers.admin_dsn, name)


def differences(connection: Connection) -> list[object]:
    """What alembic would still change to get from the database to the declared tables."""
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
    return list(compare_metadata(context, metadata()))


CODES = """
INSERT INTO code (id, tenant_id, pool_id, batch_id, state, expires_at, sealed, fingerprint, original, masked, changed_at)
SELECT uuidv7(), $1, $2, $3, CASE WHEN n <= $5 THEN 'AVAILABLE' ELSE 'VOID' END, '9999-12-31', '', sha256($6 || n::text::bytea),
  n <= $5, '', now()
FROM generate_series(1, $4::int) AS n
"""


async def test_codes_that_were_there_have_their_fingerprints_to_themselves(
    servers: TestServers, tmp_path: Path, from_nothing: str
) -> None:
    name = f"fondaco_fingerprints_{os.getpid()}"
    await create_empty_database(servers.admin_dsn, name)
    assert from_nothing, "the roles are there"
    before = ScriptDirectory.from_config(alembic_config()).get_revision("0020")
    assert before is not None
    dsn = on_database(servers.admin_dsn, name)
    await upgrade(dsn, str(before.down_revision))
    owner = await asyncpg.connect(dsn)
    tenant, pool, batches = uuid4(), uuid4(), [uuid4() for _ in range(3)]
    await owner.execute(
        "INSERT INTO code_pool (id, tenant_id, entitlement_id, name, created_at) VALUES ($1, $2, $1, '', now())",
        pool,
        tenant,
    )
    for number, batch in enumerate(batches):
        await owner.execute(
            "INSERT INTO code_batch (id, tenant_id, pool_id, state, origin, unit_cost_minor, currency, expires_at, format, lines,"
            " accepted, created_at) VALUES ($1, $2, $3, 'READY', '', 0, 'CNY', now(), 'TXT', $4, $4, now())",
            batch, tenant, pool, 40_000,
        )  # fmt: skip
        # The last two are the same import again, after the first of them was undone.
        await owner.execute(CODES, tenant, pool, batch, 50, (40, 0, 50)[number], b"ABB"[number : number + 1])

    await migrate(settings_for(servers.admin_dsn, servers.redis_url, name, tmp_path))

    taken = await owner.fetch("SELECT c.batch_id FROM code_fingerprint f JOIN code c ON c.id = f.code_id")
    breaches = {said: await owner.fetch(sql) for said, sql in INVARIANTS.items() if "fingerprint" in sql}
    left = await owner.fetchval("SELECT to_regclass('uq_code_fingerprint')")
    await owner.close()
    assert Counter(row["batch_id"] for row in taken) == {batches[0]: 40, batches[2]: 50}
    assert [bool(rows) for rows in breaches.values()] == [False]
    assert left is None


async def upgrade(dsn: str, revision: str) -> None:
    """Brings an empty database to a version of before."""
    engine = create_async_engine(sqlalchemy_url(Secret(dsn)))
    config = alembic_config()

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER}")
        await connection.exec_driver_sql(f"SET ROLE {OWNER}")
        await connection.commit()
        await connection.run_sync(run)
    await engine.dispose()


async def test_from_nothing_up_equals_the_declared_tables(from_nothing: str) -> None:
    engine = create_async_engine(sqlalchemy_url(Secret(from_nothing)))

    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()

    assert found == []


async def test_migrated_policies_and_rights_are_those_that_the_tables_declare(
    servers: TestServers, from_nothing: str
) -> None:
    await create_empty_database(servers.admin_dsn, "fondaco_declared")
    declared = create_async_engine(sqlalchemy_url(Secret(on_database(servers.admin_dsn, "fondaco_declared"))))
    migrated = create_async_engine(sqlalchemy_url(Secret(from_nothing)))

    async with declared.begin() as connection:
        await connection.run_sync(metadata().create_all)
        for table in metadata().sorted_tables:
            for statement in statements_for(table):
                await connection.exec_driver_sql(statement)
    wanted: list[list[tuple[object, ...]]] = []
    found: list[list[tuple[object, ...]]] = []
    for engine, into in ((declared, wanted), (migrated, found)):
        async with engine.connect() as connection:
            for query in (POLICIES, GRANTS, COLUMN_GRANTS):
                rows = await connection.execute(text(query), {"roles": list(ROLES)} if ":roles" in query else {})
                into.append([tuple(row) for row in rows if row[0] != "alembic_version"])
    await declared.dispose()
    await migrated.dispose()

    assert found == wanted
    assert all(isolation_of(table) for table in metadata().sorted_tables)
