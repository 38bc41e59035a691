"""One line of migrations; from nothing up, it makes exactly the tables that the code declares."""

import os
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from fondaco_core.db.engine import sqlalchemy_url
from fondaco_core.db.isolation import ROLES, isolation_of, statements_for
from fondaco_core.secret import Secret
from fondaco_ops.migrate import alembic_config, migrate
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
