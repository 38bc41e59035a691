"""A migrated database for each worker of the test session, copied from one template."""

import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from fondaco_core.config import Settings
from fondaco_core.secret import Secret
from fondaco_ops.migrate import migrate

ROLE_SECRET = Secret("a secret for the roles of test databases")


def on_database(dsn: str, name: str) -> str:
    """The same server's URL with another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


def settings_for(admin_dsn: str, redis_url: str, database: str, data_dir: Path, **more: object) -> Settings:
    """Settings of a process that uses the session's servers."""
    return Settings(
        data_dir=data_dir,
        database_url=Secret(on_database(admin_dsn, database)),
        redis_url=Secret(redis_url),
        role_secret=ROLE_SECRET,
        master_key_file=data_dir / "keys" / "master.json",
        **more,  # type: ignore[arg-type]
    )


async def create_empty_database(admin_dsn: str, name: str) -> None:
    """An empty database, in place of any that has the name."""
    admin = await asyncpg.connect(admin_dsn)
    try:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{name}"')
    finally:
        await admin.close()


async def create_database(admin_dsn: str, redis_url: str, name: str) -> None:
    """A migrated database; the first worker of a session migrates the template that all are copied from."""
    admin = await asyncpg.connect(admin_dsn)
    try:
        # One worker after the other; the lock ends with the connection, and leaves no file behind.
        await admin.execute("SELECT pg_advisory_lock(1)")
        found = await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = 'fondaco_template' AND datistemplate")
        if found is None:
            await create_empty_database(admin_dsn, "fondaco_template")
            await migrate(settings_for(admin_dsn, redis_url, "fondaco_template", Path(tempfile.gettempdir())))
            await admin.execute("ALTER DATABASE fondaco_template IS_TEMPLATE true")
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE fondaco_template')
    finally:
        await admin.close()
