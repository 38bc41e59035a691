"""The only begin and commit.

transaction(ctx)   read and write as fondaco_tenant, within the asker's tenant
reading(ctx)       the same, read only
trading(ctx)       as fondaco_trade: over a chain of tenants, in the traded tables; routing, orders, settlement, aftersales only
governing(ctx)     as fondaco_platform: platform admins and platform-wide jobs

BEGIN and the tenant travel in one round trip. A failure inside rolls everything back; there is no commit but the end
of the block. Writes whose outcome nobody waits for (`later`) travel together, before the next statement or the commit.
"""

import re
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import asyncpg
from opentelemetry.trace import SpanKind
from sqlalchemy import Executable
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection

from fondaco_core import traces
from fondaco_core.context import Ctx
from fondaco_core.db.engine import Role, database
from fondaco_core.errors import Bug

Record = Mapping[str, Any]


class Overtaken(Exception):
    """What this transaction read without a lock was changed by another one before it wrote: it is to be done again, whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """A statement that only writes and can wait for others, as the parts of a WITH: names nobody else uses, and their SQL.

    `tables` are those it writes. `counted` names the part whose rows (it has RETURNING) must be as many as `later` says.
    """

    tables: frozenset[str]
    parts: Mapping[str, str]
    counted: str | None = None


_PARAMETER = re.compile(r"\$(\d+)")
# A UUID's text is hexadecimal digits and dashes, so that it may stand in the statement itself.
_WITHIN = "SET LOCAL app.tenant_id = '%s'"


@lru_cache(maxsize=500)
def _together(writes: tuple[Write, ...]) -> str:
    """One statement out of several, their parameters counted on; it answers a row with each one's count, or null."""
    parts: list[str] = []
    counts: list[str] = []
    before = 0
    for write in writes:
        used = max(int(number) for sql in write.parts.values() for number in _PARAMETER.findall(sql))
        for name, sql in write.parts.items():
            counted_on = _PARAMETER.sub(lambda found, by=before: f"${int(found[1]) + by}", sql)  # type: ignore[misc]
            parts.append(f"{name} AS ({counted_on})")
        before += used
        counts.append("NULL" if write.counted is None else f"(SELECT count(*) FROM {write.counted})")  # noqa: S608 - constants
    return f"WITH {', '.join(parts)} SELECT {', '.join(counts)}"


class Tx:
    """One open transaction. Hot paths speak SQL through `fetch`, `fetchrow`, `fetchval`, `execute`; the rest may use Core."""

    __slots__ = ("_connection", "_driver", "_facts", "_notes", "_trusting", "_waiting", "role", "tenant_id")

    def __init__(
        self, connection: AsyncConnection, driver: "asyncpg.Connection[Any]", role: Role, tenant_id: UUID | None
    ) -> None:
        self._connection = connection
        self._driver = driver
        self._facts: dict[object, Any] = {}
        self._notes: dict[object, Any] = {}
        self._waiting: list[tuple[Write, tuple[object, ...], int | None]] = []
        self._trusting = False
        self.role = role
        self.tenant_id = tenant_id

    async def fetch(self, sql: str, *args: object) -> list[Any]:
        """Every row of a statement, as asyncpg records."""
        await self.flush()
        _traced(sql)
        rows: list[Any] = await self._driver.fetch(sql, *args)
        return rows

    async def fetchrow(self, sql: str, *args: object) -> Any | None:
        """The first row of a statement, or None."""
        await self.flush()
        _traced(sql)
        return await self._driver.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first column of the first row of a statement, or None."""
        await self.flush()
        _traced(sql)
        return await self._driver.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> int:
        """Runs a statement and says how many rows it touched."""
        await self.flush()
        _traced(sql)
        status = await self._driver.execute(sql, *args)
        last = status.rsplit(" ", 1)[-1]
        return int(last) if last.isdigit() else 0

    async def copy(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
        """Streams rows into a table by COPY and says how many."""
        await self.flush()
        _traced(f"COPY {table}")
        await self._driver.copy_records_to_table(table, columns=columns, records=rows)
        return len(rows)

    async def later(self, write: "Write", *args: object, rows: int | None = None) -> None:
        """Writes before the next statement of this transaction, or before its end, in one round trip with what else waits.

        `rows` is how many it must touch (the write says which of its parts counts); anything else is a Bug.
        """
        assert (rows is None) == (write.counted is None)
        # The parts of one statement do not see each other's rows: a second write to a table comes after the first.
        if any(not write.tables.isdisjoint(other.tables) for other, _, _ in self._waiting):
            await self.flush()
        self._waiting.append((write, args, rows))

    def trust(self) -> None:
        """Says that what comes was decided by what was read without a lock, and that the database has the last word.

        A write that it refuses is Overtaken then, and no Bug.
        """
        self._trusting = True

    async def flush(self) -> None:
        """Sends the writes that wait, if there are any."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        sql = _together(tuple(write for write, _, _ in waiting))
        _traced(sql)
        try:
            counts = await self._driver.fetchrow(sql, *(argument for _, args, _ in waiting for argument in args))
        except asyncpg.CheckViolationError as error:
            if self._trusting:
                raise Overtaken from error
            msg = f"A write broke the rule {error.constraint_name}."
            raise Bug(msg) from error
        for count, (write, _, rows) in zip(counts, waiting, strict=True):
            if rows is not None and count != rows:
                if self._trusting:
                    raise Overtaken
                msg = f"{write.counted}: {count} rows were as they had to be, of {rows}."
                raise Bug(msg)

    def known(self, key: object) -> Any | None:
        """A fact that this process remembers, or that this transaction has noted; None when neither does."""
        return self._notes.get(key) or self._facts.get(key) or database().known.get(key)

    def note(self, facts: Mapping[Any, Any]) -> None:
        """Notes facts for the rest of this transaction alone: of things that there are too many of to remember."""
        self._notes.update(facts)

    def remember(self, facts: Mapping[Any, Any]) -> None:
        """Notes facts that never change; the process remembers them once this transaction has committed."""
        self._facts.update(facts)

    def committed(self) -> None:
        """Called when the transaction has committed: what it noted is true now."""
        database().known.update(self._facts)

    @asynccontextmanager
    async def crossing_to(self, tenant_id: UUID) -> AsyncGenerator[None]:
        """Has the statements of this block act within another tenant, in the same transaction: both sides happen, or neither.

        Nothing but the vault crosses (a contract test looks), to open a code that its owner has sold through this tenant.
        """
        assert self.role is Role.TENANT
        assert self.tenant_id not in {None, tenant_id}
        await self.flush()
        home, self.tenant_id = self.tenant_id, tenant_id
        try:
            await self._driver.execute(_WITHIN % UUID(str(tenant_id)))
            yield
            await self.flush()
        finally:
            self._waiting.clear()
            self.tenant_id = home
            # Where a statement has failed, no other runs any more before the end.
            with suppress(asyncpg.InFailedSQLTransactionError):
                await self._driver.execute(_WITHIN % UUID(str(home)))

    async def core(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> CursorResult[Any]:
        """Runs a SQLAlchemy Core statement in this transaction."""
        await self.flush()
        if traces.tracing():
            _traced(str(statement))
        return await self._connection.execute(statement, parameters)


def _traced(sql: str) -> None:
    """Notes a statement on the transaction's span: our own text, in which values are parameters."""
    traces.note("statement", {"db.query.text": sql})


# What a connection that died while it lay in the pool says when it is used again.
_DEAD = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    # It has heard that it ends, and not yet that it has ended.
    asyncpg.InternalClientError,
    OSError,
)


async def _open(role: Role, connection: AsyncConnection, begin: str) -> "asyncpg.Connection[Any]":
    """Begins on a live connection: one that died in the pool (a restarted server) is thrown away and another taken."""
    # A server that was restarted left nothing but dead connections: one more than the pool holds is a new one.
    attempts = database().pool_size(role) + 1
    for attempt in range(attempts):
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        try:
            await driver.execute(begin)
        except _DEAD:
            await connection.invalidate()
            if attempt == attempts - 1:
                raise
        except BaseException:
            # Cut short: it may have begun all the same, and whoever came next would be in the middle of it.
            await connection.invalidate()
            raise
        else:
            return cast("asyncpg.Connection[Any]", driver)
    raise AssertionError


@asynccontextmanager
async def _begin(role: Role, ctx: Ctx, *, read_only: bool = False) -> AsyncGenerator[Tx]:
    # A UUID's text is hexadecimal digits and dashes, so that it may stand in the statement itself.
    tenant = str(UUID(str(ctx.tenant_id))) if ctx.tenant_id is not None else ""
    user = str(UUID(str(ctx.actor_id))) if ctx.actor_id is not None else ""
    mode = " READ ONLY" if read_only else ""
    begin = f"BEGIN{mode}; SET LOCAL app.tenant_id = '{tenant}'; SET LOCAL app.user_id = '{user}'"
    attributes = {"db.system.name": "postgresql", "db.user": role.value}
    with traces.span("db.transaction", attributes, kind=SpanKind.CLIENT):
        async with database().engine(role).connect() as connection:
            driver = await _open(role, connection, begin)
            try:
                tx = Tx(connection, driver, role, ctx.tenant_id)
                yield tx
                await tx.flush()
                await driver.execute("COMMIT")
                if not read_only:
                    _written[ctx.tenant_id if role is not Role.PLATFORM else None] = time.monotonic()
                tx.committed()
            except BaseException:
                try:
                    if not driver.is_closed():
                        await driver.execute("ROLLBACK")
                finally:
                    # A connection that could not even roll back must not be handed to the next one.
                    if driver.is_closed() or driver.is_in_transaction():
                        await connection.invalidate()
                raise


# When this process last committed a write of each tenant, and (None) of the platform or of nobody.
_written: dict[UUID | None, float] = {}


def written_since(moment: float, tenants: Iterable[UUID]) -> bool:
    """Whether this process committed a write of one of the tenants, or of the platform, since a moment of time.monotonic()."""
    return any(_written.get(tenant, -1.0) >= moment for tenant in (None, *tenants))


@asynccontextmanager
async def transaction(ctx: Ctx) -> AsyncGenerator[Tx]:
    """Reads and writes within the asker's tenant; commits at the end of the block, rolls back on any exception."""
    async with _begin(Role.TENANT, ctx) as tx:
        yield tx


@asynccontextmanager
async def reading(ctx: Ctx) -> AsyncGenerator[Tx]:
    """Reads within the asker's tenant; short, one for each batch of a loader."""
    async with _begin(Role.TENANT, ctx, read_only=True) as tx:
        yield tx


@asynccontextmanager
async def trading(ctx: Ctx, *, read_only: bool = False) -> AsyncGenerator[Tx]:
    """Holds, pays and settles over a chain of tenants; only routing, orders, settlement and aftersales come here."""
    async with _begin(Role.TRADE, ctx, read_only=read_only) as tx:
        yield tx


@asynccontextmanager
async def governing(ctx: Ctx) -> AsyncGenerator[Tx]:
    """Acts over tenants for a platform admin or a platform-wide job; never sees a code's ciphertext."""
    async with _begin(Role.PLATFORM, ctx) as tx:
        yield tx
