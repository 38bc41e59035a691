"""Whether the database can do our work: what /readyz and `fondaco doctor` both ask."""

import asyncpg

from fondaco_core.db.transaction import Tx

# The newest migration that this code expects; a contract test compares it with the migrations.
REVISION = "0001"


async def find_revision(tx: Tx) -> str | None:
    """The migration that the database is at; None when it was never migrated."""
    try:
        revision = await tx.fetchval("SELECT version_num FROM alembic_version")
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return None
    return None if revision is None else str(revision)


async def migrated(tx: Tx) -> bool:
    """Whether the database is at the migration that this code expects."""
    return await find_revision(tx) == REVISION
