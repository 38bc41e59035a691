"""Invariants: promises about data, as queries that must return no rows.

Each module has its own in `invariants.py`: `INVARIANTS = {"what holds, as a true sentence": "SELECT what breaks it"}`. The
registry gathers them. They run over all tenants as fondaco_platform, which never reads a sealed column: after every
scenario test, by `fondaco doctor`, and every few minutes in production: there, one that takes long is asked less often, so
that a large installation does not read its tables all day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core import clock, limits
from fondaco_core.context import Ctx
from fondaco_core.db.base import Base
from fondaco_core.db.isolation import guarded
from fondaco_core.db.transaction import governing


class InvariantRun(Base):
    """When a promise was last looked at in production, how long that took, and whether it held."""

    __tablename__ = "invariant_run"
    __table_args__ = (
        {
            "info": guarded(
                kind="global", reason="a promise is about all tenants' data, and names no row of any", tenant="",
                trade_grant="", platform="SELECT, INSERT, UPDATE",
            )
        },
    )  # fmt: skip

    # Module and words: a promise that is said otherwise is another one, and is looked at at once.
    promise: Mapped[str] = mapped_column(primary_key=True)
    checked_at: Mapped[datetime]
    took_ms: Mapped[int]
    broken: Mapped[bool]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A module's promise, as a true sentence, and the query whose rows break it."""

    module: str
    promise: str
    sql: str

    @property
    def said(self) -> str:
        """What it is known by."""
        return f"{self.module}: {self.promise}"


@dataclass(frozen=True, slots=True)
class Breach:
    """An invariant that does not hold, with the first rows that break it; or one that could not be asked, and why."""

    invariant: Invariant
    rows: tuple[dict[str, Any], ...] = ()
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at the promises whose turn it was has found, and how many of all did not hold when they were last looked at."""

    looked_at: int
    breaches: Sequence[Breach]
    broken: int


async def find_breaches(ctx: Ctx, invariants: Sequence[Invariant]) -> list[Breach]:
    """Runs every query in a read-only transaction of its own and returns what does not hold."""
    ctx.require("system.run")
    breaches = [(await _find_breach(ctx, invariant))[0] for invariant in invariants]
    return [breach for breach in breaches if breach is not None]


async def check_due(ctx: Ctx, invariants: Sequence[Invariant]) -> Checked:
    """Runs those queries whose turn it is: each again after a hundred times as long as it took, within the hour at the latest."""
    ctx.require("system.run")
    said = [invariant.said for invariant in invariants]
    async with governing(ctx) as tx:
        rows = await tx.fetch(_WAITING, said, clock.now(), limits.INVARIANT_REST, limits.INVARIANT_REST_MAX_MS)
    waiting = {row["promise"] for row in rows}
    due = [invariant for invariant in invariants if invariant.said not in waiting]
    breaches: list[Breach] = []
    for invariant in due:
        breach, took_ms = await _find_breach(ctx, invariant)
        async with governing(ctx) as tx:
            await tx.execute(_LOOKED, invariant.said, clock.now(), took_ms, breach is not None)
        breaches += [] if breach is None else [breach]
    async with governing(ctx) as tx:
        return Checked(len(due), breaches, await tx.fetchval(_BROKEN, said))


_WAITING = """
SELECT promise FROM invariant_run
WHERE promise = ANY($1::text[]) AND checked_at + least(took_ms * $3::bigint, $4::bigint) * interval '1 millisecond' > $2
"""
_LOOKED = """
INSERT INTO invariant_run (promise, checked_at, took_ms, broken) VALUES ($1, $2, $3, $4)
ON CONFLICT (promise) DO UPDATE SET checked_at = $2, took_ms = $3, broken = $4
"""
_BROKEN = "SELECT count(*) FROM invariant_run WHERE promise = ANY($1::text[]) AND broken"
# By the database's clock, which no test moves.
_TOOK = "SELECT (extract(epoch FROM clock_timestamp() - now()) * 1000)::bigint"


async def _find_breach(ctx: Ctx, invariant: Invariant) -> tuple[Breach | None, int]:
    """What breaks a promise, and how many milliseconds it took to look."""
    first = f"SELECT * FROM ({invariant.sql.strip().rstrip(';')}) AS breach LIMIT {limits.BREACH_ROWS_MAX}"  # noqa: S608
    try:
        async with governing(ctx) as tx:
            await tx.execute(f"SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = {limits.INVARIANT_TIMEOUT_MS}")
            rows = await tx.fetch(first)
            took_ms = await tx.fetchval(_TOOK)
    except (asyncpg.SyntaxOrAccessError, asyncpg.QueryCanceledError) as error:
        # One that asks for what it may not see, or takes too long, must not hide what the others would tell.
        took_ms = limits.INVARIANT_TIMEOUT_MS if isinstance(error, asyncpg.QueryCanceledError) else 0
        return Breach(invariant, failure=type(error).__name__), took_ms
    return Breach(invariant, tuple(dict(row) for row in rows)) if rows else None, took_ms
