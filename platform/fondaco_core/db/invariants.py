"""Invariants: promises about data, as queries that must return no rows.

Each module has its own in `invariants.py`: `INVARIANTS = {"what holds, as a true sentence": "SELECT what breaks it"}`. The
registry gathers them. They run over all tenants as fondaco_platform, which never reads a sealed column: after every
scenario test, by `fondaco doctor`, and every few minutes in production.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db.transaction import governing


@dataclass(frozen=True, slots=True)
class Invariant:
    """A module's promise, as a true sentence, and the query whose rows break it."""

    module: str
    promise: str
    sql: str


@dataclass(frozen=True, slots=True)
class Breach:
    """An invariant that does not hold, with the first rows that break it; or one that could not be asked, and why."""

    invariant: Invariant
    rows: tuple[dict[str, Any], ...] = ()
    failure: str | None = None


async def find_breaches(ctx: Ctx, invariants: Sequence[Invariant]) -> list[Breach]:
    """Runs every query in a read-only transaction of its own and returns what does not hold."""
    ctx.require("system.run")
    breaches = [await _find_breach(ctx, invariant) for invariant in invariants]
    return [breach for breach in breaches if breach is not None]


async def _find_breach(ctx: Ctx, invariant: Invariant) -> Breach | None:
    first = f"SELECT * FROM ({invariant.sql.strip().rstrip(';')}) AS breach LIMIT {limits.BREACH_ROWS_MAX}"  # noqa: S608
    try:
        async with governing(ctx) as tx:
            await tx.execute(f"SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = {limits.INVARIANT_TIMEOUT_MS}")
            rows = await tx.fetch(first)
    except (asyncpg.SyntaxOrAccessError, asyncpg.QueryCanceledError) as error:
        # One that asks for what it may not see, or takes too long, must not hide what the others would tell.
        return Breach(invariant, failure=type(error).__name__)
    return Breach(invariant, tuple(dict(row) for row in rows)) if rows else None
