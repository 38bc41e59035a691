"""`fondaco migrate`: brings the database roles and tables to what this version expects. Forward only, safe to repeat."""

import argparse
import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

import fondaco_ops
from fondaco_core.config import Settings, read_settings
from fondaco_core.db.engine import role_password, sqlalchemy_url
from fondaco_core.db.isolation import ROLES
from fondaco_core.errors import SettingError
from fondaco_core.secret import Secret

OWNER = "fondaco_owner"
# Two migrations of one database at once would cross; the second waits here.
MIGRATION_LOCK = 0xF0_DACC0
# What two migrations of different databases of one server tell each other over a role: exists, exists, changed meanwhile.
ROLE_CROSSED = {"42710", "23505", "XX000"}
ROLE_ATTEMPTS_MAX = 20


def alembic_config() -> Config:
    """Alembic's settings, without a file: the scripts lie beside this module."""
    config = Config()
    config.set_main_option("script_location", f"{fondaco_ops.__path__[0]}/migrations".replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(hour).2d%%(minute).2d_%%(slug)s")
    return config


async def migrate(settings: Settings) -> str:
    """Creates the roles, runs every missing migration, and returns the revision the database is at.

    Raises SettingError when the server cannot be reached or the login may not do it.
    """
    secret = settings.require_role_secret()
    engine = create_async_engine(sqlalchemy_url(settings.require_database_url()), isolation_level="AUTOCOMMIT")
    try:
        async with _connected(engine) as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
            await _make_roles(connection, secret)
            await connection.exec_driver_sql(f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER}")
            await connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            await connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO {', '.join(ROLES)}")
            await connection.exec_driver_sql(f"SET ROLE {OWNER}")
            # From here on in transactions: a migration that is interrupted has not happened.
            await connection.commit()
            await connection.execution_options(isolation_level="READ COMMITTED")
            config = alembic_config()

            def upgrade(sync_connection: object) -> str:
                config.attributes["connection"] = sync_connection
                command.upgrade(config, "head")
                return str(config.attributes["revision"])

            return await connection.run_sync(upgrade)
    finally:
        await engine.dispose()


async def _make_roles(connection: AsyncConnection, secret: Secret[str]) -> None:
    """Roles belong to the whole server, and the lock to one database: another one's migration may be at them right now."""
    for attempt in range(ROLE_ATTEMPTS_MAX):
        try:
            for role in (OWNER, *ROLES):
                exists = await connection.exec_driver_sql(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'")  # noqa: S608
                if exists.first() is None:
                    await connection.exec_driver_sql(
                        f"CREATE ROLE {role} NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
                    )
                if role != OWNER:
                    password = role_password(secret, role).reveal()
                    await connection.exec_driver_sql(f"ALTER ROLE {role} LOGIN PASSWORD '{password}'")
            await connection.exec_driver_sql(f"GRANT {OWNER} TO CURRENT_USER")
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in ROLE_CROSSED or attempt == ROLE_ATTEMPTS_MAX - 1:
                raise
            await asyncio.sleep(0.1)
        else:
            return


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
    try:
        connection = await engine.connect()
    except (OSError, DBAPIError) as error:
        reason = str(error.orig).rpartition(": ")[2] if isinstance(error, DBAPIError) else error.strerror or error
        msg = f"The database does not let us in ({reason}); look at FONDACO_DATABASE_URL."
        raise SettingError(msg) from error
    try:
        yield connection
    finally:
        await connection.close()


def run(_: argparse.Namespace) -> int:
    """Migrates by the settings of the environment and says where the database is."""
    revision = asyncio.run(migrate(read_settings()))
    print(f"The database is at revision {revision}.")
    return 0
