"""Every row of a merchant as the tables' owner sees it: the ground truth that a stranger's view is held against."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import Table

from fondaco_core.config import Settings
from fondaco_core.db.isolation import isolation_of
from fondaco_tenants.registry import metadata

# Global tables whose rows are about one merchant all the same.
PARTIES_OF_GLOBAL = {
    "invitation": ("tenant_id",),
    "reconciliation_difference": ("tenant_id",),
    "tenant_door": ("tenant_id",),
}
SELECT = """SELECT '{table}' AS "table", to_jsonb(t)::text AS row FROM "{table}" t WHERE {mine}"""
MARK = """SELECT '{table}' AS "table", count(*) AS rows, md5(string_agg({whole}, E'\\n' ORDER BY {whole})) AS hash
FROM "{table}" t WHERE {mine}"""


@asynccontextmanager
async def as_owner(settings: Settings) -> AsyncGenerator["asyncpg.Connection[Any]"]:
    """A connection as the owner of the tables, who sees every row and the columns that nobody else does."""
    connection = await asyncpg.connect(settings.require_database_url().reveal())
    try:
        await connection.execute("SET ROLE fondaco_owner")
        yield connection
    finally:
        await connection.close()


def private_tables() -> list[Table]:
    """The tables whose rows belong to somebody."""
    return [table for table in metadata().sorted_tables if isolation_of(table).kind not in {"global", "person"}]


def mine(table: Table, place: str = "$1") -> str:
    """The condition under which a row of the table is the merchant's."""
    parties = PARTIES_OF_GLOBAL.get(table.name) or isolation_of(table).parties
    return "(" + " OR ".join(f"{party} = {place}" for party in parties) + ")"


def _whole(table: str) -> str:
    """A row as a text; how often a key sealed is written down in time, whoever asks what then."""
    return "(to_jsonb(t) - 'seals')::text" if table == "data_key" else "t::text"


def _all(statement: str) -> str:
    tables = [*private_tables(), *(metadata().tables[name] for name in PARTIES_OF_GLOBAL)]
    return " UNION ALL ".join(
        statement.format(table=table.name, mine=mine(table), whole=_whole(table.name)) for table in tables
    )


async def rows_of(owner: "asyncpg.Connection[Any]", tenant_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    """Every row that is the merchant's, with the name of its table."""
    found = await owner.fetch(_all(SELECT), tenant_id)
    return [(row["table"], orjson.loads(row["row"])) for row in found]


async def fingerprint(owner: "asyncpg.Connection[Any]", tenant_id: UUID) -> dict[str, tuple[int, str | None]]:
    """How many rows each table has of the merchant, and a hash of all that is in them."""
    return {row["table"]: (row["rows"], row["hash"]) for row in await owner.fetch(_all(MARK), tenant_id)}


def texts_in(value: object) -> Iterator[str]:
    """Every text within a row or an answer, however deep; names of fields are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from texts_in(each)
