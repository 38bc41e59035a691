"""Every table as every role of the database: nobody meets another merchant's rows, and nobody rewrites history.

The tables are those that the code declares and those that the database has, so that a new one is here by being there.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Table

from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, Tx, governing, trading, transaction
from fondaco_core.db.isolation import ROLES, isolation_of
from fondaco_tenants.registry import metadata
from tests.support.door import open_door
from tests.support.rows import as_owner, mine, private_tables, rows_of
from tests.support.world import World, make_worlds

Owner = Any
Opens = Callable[[Ctx], AbstractAsyncContextManager[Tx]]

# What proves who people are is the platform's alone; no merchant's transaction has a right to any of it.
PEOPLES = ("user_account.", "recovery_code.", "second_factor.", "passkey.", "identity_provider.")
PROOFS = ("second_factor", "recovery_code", "passkey", "sign_in_challenge", "external_identity")
# What stands in the schema and is no table of ours: the version that it is at.
FOREIGN_TABLES = {"alembic_version"}
# Rows of others that a condition of a table shows on purpose (isolation.also), and how many of the world's they are.
SHOWN_TO_STRANGERS = {"store": "state = 'OPEN'", "listing": "state = 'ACTIVE'"}
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


@pytest.fixture(scope="module")
async def worlds(settings: Settings, database: Database) -> tuple[World, World]:
    """Two merchants who have nothing to do with each other."""
    assert database
    async with open_door(settings) as door:
        return await make_worlds(door)


@pytest.fixture(scope="module")
async def owner(settings: Settings) -> AsyncIterator[Owner]:
    async with as_owner(settings) as connection:
        yield connection


def visible_to(name: str, opens: Opens) -> list[Table]:
    """The tables in which the role is held to its tenant's own rows."""
    assert name in ROLES
    return [table for table in private_tables() if opens is not trading or not isolation_of(table).trade]


async def refused(opens: Opens, ctx: Ctx, sql: str, *args: object) -> bool:
    """Whether the database itself refuses a statement to the role; what it did is undone in any case."""
    try:
        await undone(opens, ctx, partial(_execute, sql, *args))
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False


async def undone(opens: Opens, ctx: Ctx, work: Callable[..., Awaitable[Any]]) -> Any:
    """What some work in a transaction gives, rolled back."""
    found = None
    with suppress(_UndoError):
        async with opens(ctx) as tx:
            found = await work(tx=tx)
            raise _UndoError
    return found


async def _execute(sql: str, *args: object, tx: Tx) -> int:
    return await tx.execute(sql, *args)


class _UndoError(Exception):
    """Ends a transaction so that nothing of it stays."""


async def test_the_world_has_rows_in_every_table_that_is_somebodys(worlds: tuple[World, World], owner: Owner) -> None:
    filled = {name for name, _ in await rows_of(owner, worlds[0].tenant_id)}

    missing = {table.name for table in private_tables()} - filled

    assert missing == set(), "tests/support/world.py makes no row of these tables"


STRANGERS = [
    pytest.param(transaction, "fondaco_tenant", True, id="another merchant"),
    pytest.param(transaction, "fondaco_tenant", False, id="nobody"),
    pytest.param(trading, "fondaco_trade", True, id="another merchant who trades"),
    pytest.param(trading, "fondaco_trade", False, id="nobody who trades"),
]


@pytest.mark.parametrize(("opens", "role", "known"), STRANGERS)
async def test_a_stranger_sees_no_row(opens: Opens, role: str, *, known: bool, worlds: tuple[World, World]) -> None:
    a, b = worlds
    ctx = b.owner if known else Ctx()
    seen: dict[str, int] = {}

    for table in visible_to(role, opens):
        hidden = SHOWN_TO_STRANGERS.get(table.name) if not known else None
        where = mine(table) + (f" AND NOT ({hidden})" if hidden else "")
        sql = f'SELECT count(*) FROM "{table.name}" WHERE {where}'  # noqa: S608 - names of our own tables
        if not await refused(opens, ctx, sql, a.tenant_id):
            async with opens(ctx) as tx:
                seen[table.name] = await tx.fetchval(sql, a.tenant_id)

    assert len(seen) > 5, "most tables may be asked"
    assert {name: count for name, count in seen.items() if count} == {}


@pytest.mark.parametrize(("opens", "role", "known"), STRANGERS)
async def test_a_stranger_changes_and_deletes_no_row(
    opens: Opens, role: str, *, known: bool, worlds: tuple[World, World], owner: Owner
) -> None:
    a, b = worlds
    ctx = b.owner if known else Ctx()
    touched: dict[str, int] = {}

    for table in visible_to(role, opens):
        changeable = await owner.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 "
            "AND has_column_privilege($2, format('public.%I', table_name), column_name, 'UPDATE')",
            table.name,
            role,
        )
        attempts = [f'UPDATE "{table.name}" SET "{row[0]}" = "{row[0]}"' for row in changeable]  # noqa: S608 - our own tables
        for sql in (*attempts, f'DELETE FROM "{table.name}"'):  # noqa: S608
            with suppress(asyncpg.InsufficientPrivilegeError):
                touched[sql] = await undone(opens, ctx, partial(_execute, f"{sql} WHERE {mine(table)}", a.tenant_id))

    assert touched, "the role may write something"
    assert {sql: count for sql, count in touched.items() if count} == {}


@pytest.mark.parametrize(("opens", "role", "known"), STRANGERS)
async def test_a_stranger_writes_no_row_in_anothers_name(
    opens: Opens, role: str, *, known: bool, worlds: tuple[World, World], owner: Owner
) -> None:
    a, b = worlds
    ctx = b.owner if known else Ctx()
    written: list[str] = []

    for table in visible_to(role, opens):
        row = await owner.fetchval(
            f'SELECT to_jsonb(t)::text FROM "{table.name}" t WHERE {mine(table)} LIMIT 1',  # noqa: S608 - our own tables
            a.tenant_id,
        )
        sql = f'INSERT INTO "{table.name}" SELECT * FROM jsonb_populate_record(null::"{table.name}", $1::text::jsonb)'  # noqa: S608
        if not await refused(opens, ctx, sql, row):
            written.append(table.name)

    assert written == []


@pytest.mark.parametrize("opens", [transaction, trading])
async def test_no_merchants_transaction_reads_what_proves_people(opens: Opens, worlds: tuple[World, World]) -> None:
    ctx = worlds[0].owner
    attempts = [f"SELECT 1 FROM {table}" for table in PROOFS]  # noqa: S608 - names of our own tables
    attempts += [
        "SELECT password_hash FROM user_account",
        "SELECT platform_role FROM user_account",
        "UPDATE user_account SET password_hash = 'x'",
        "UPDATE user_account SET email = 'x@example.com'",
        "UPDATE session SET user_id = user_id",
        "UPDATE session SET token_hash = token_hash",
        "DELETE FROM session",
    ]

    assert [sql for sql in attempts if not await refused(opens, ctx, sql)] == []


async def test_a_merchants_transaction_meets_its_own_people_and_sessions_alone(
    worlds: tuple[World, World], owner: Owner
) -> None:
    a, b = worlds
    theirs = await owner.fetchval(
        "SELECT u.email FROM user_account u JOIN member m ON m.user_id = u.id WHERE m.tenant_id = $1 LIMIT 1",
        a.tenant_id,
    )

    async with transaction(b.owner) as tx:
        people = await tx.fetch("SELECT id FROM user_account")
        own = await tx.fetchval("SELECT count(DISTINCT user_id) FROM member")
        sessions = await tx.fetch("SELECT tenant_id FROM session")
        unnamed = await tx.fetchval("SELECT count(*) FROM user_account WHERE email = $1", theirs)
        await tx.fetchval("SELECT set_config('app.email', $1, true)", theirs)
        named = await tx.fetch("SELECT id FROM user_account WHERE email = $1", theirs)

    assert len(people) == own
    assert {row["tenant_id"] for row in sessions} == {b.tenant_id}
    # Who invites names an address, and finds the account of that one.
    assert (unnamed, len(named)) == (0, 1)


async def test_a_row_cannot_be_given_away(worlds: tuple[World, World], owner: Owner) -> None:
    a, b = worlds
    given: list[str] = []

    for table in private_tables():
        for party in isolation_of(table).parties:
            sql = f'UPDATE "{table.name}" SET {party} = $1 WHERE {party} = $2'  # noqa: S608 - our own tables
            may = await owner.fetchval(
                "SELECT has_column_privilege('fondaco_tenant', format('public.%I', $1::text), $2::text, 'UPDATE')",
                table.name,
                party,
            )
            others = len(isolation_of(table).parties) > 1
            if may and not others and not await refused(transaction, b.owner, sql, a.tenant_id, b.tenant_id):
                given.append(table.name)

    assert given == []


@pytest.mark.usefixtures("worlds")
async def test_the_platform_reads_and_writes_no_hidden_column() -> None:
    hidden = [(table.name, column) for table in metadata().sorted_tables for column in isolation_of(table).hidden]
    attempts = [
        sql.format(table=f'"{table}"', column=f'"{column}"')
        for table, column in hidden
        for sql in (
            "SELECT {column} FROM {table}",
            "SELECT * FROM {table}",
            "SELECT 1 FROM {table} WHERE {column} IS NOT NULL",
            "UPDATE {table} SET {column} = NULL",
        )
    ]

    seen = [sql for sql in attempts if not await refused(governing, Ctx(), sql)]

    assert len(hidden) >= 8
    assert seen == []


async def test_every_secret_column_is_hidden_from_the_platform() -> None:
    named = {
        f"{table.name}.{column.name}"
        for table in metadata().sorted_tables
        for column in table.columns
        if column.name.endswith(("sealed", "_hash", "secret")) and column.name not in isolation_of(table).hidden
    }

    # People are the platform's own to let in, and so is what proves them; its own keys and gateways are sealed.
    assert {name for name in named if name.startswith(PEOPLES)} == {
        "user_account.password_hash",
        "recovery_code.code_hash",
        "second_factor.secret_sealed",
        "identity_provider.client_secret_sealed",
    }
    assert {name for name in named if not name.startswith(PEOPLES)} == {
        "idempotency_record.input_hash",
        "order.address_hash",
        "order.device_hash",
        "gateway.secret",
        "audit_checkpoint.root_hash",
        "audit_key.private_key_sealed",
    }


@pytest.mark.usefixtures("worlds")
async def test_every_table_is_known_and_guarded_as_it_says(owner: Owner) -> None:
    rows = await owner.fetch(
        "SELECT relname, relkind::text, relrowsecurity, relforcerowsecurity, relowner::regrole::text AS owner FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
    )
    tables = {row["relname"]: row for row in rows if row["relkind"] in "rp"}
    guarded = {name for name, row in tables.items() if row["relrowsecurity"] and row["relforcerowsecurity"]}

    assert set(tables) == set(metadata().tables) | FOREIGN_TABLES
    persons = {table.name for table in metadata().sorted_tables if isolation_of(table).kind == "person"}
    assert guarded == {table.name for table in private_tables()} | persons
    assert {row["owner"] for row in rows} == {"fondaco_owner"}
    assert [row["relname"] for row in rows if row["relkind"] in "vmf"] == [], "a view would show what its owner sees"


async def test_the_roles_are_nobody_special(owner: Owner) -> None:
    rows = await owner.fetch(
        "SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication AS special, "
        "has_schema_privilege(rolname, 'public', 'CREATE') AS creates, "
        "has_database_privilege(rolname, current_database(), 'CREATE') AS schemas, "
        "(SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid) AS groups, "
        "(SELECT count(*) FROM pg_shdepend d WHERE d.refobjid = r.oid AND d.deptype = 'o') AS owns "
        "FROM pg_roles r WHERE rolname = ANY($1)",
        list(ROLES),
    )

    found = {
        row["rolname"]: (row["special"], row["creates"], row["schemas"], row["groups"], row["owns"]) for row in rows
    }

    assert found == dict.fromkeys(ROLES, (False, False, False, 0, 0))


@pytest.mark.parametrize("opens", [transaction, trading, governing])
async def test_no_role_becomes_another_or_changes_the_schema(opens: Opens, worlds: tuple[World, World]) -> None:
    ctx = worlds[1].owner
    attempts = (
        "SET ROLE fondaco_owner",
        "SET SESSION AUTHORIZATION fondaco_owner",
        "CREATE TABLE loot (secret text)",
        "CREATE SCHEMA loot",
        "CREATE FUNCTION loot() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE code DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE code NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON code",
        "TRUNCATE audit_entry",
        "COPY code TO PROGRAM 'cat'",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT rolpassword FROM pg_authid",
        "UPDATE alembic_version SET version_num = 'none'",
    )

    done = [sql for sql in attempts if not await refused(opens, ctx, sql)]

    assert done == []


async def test_every_role_has_the_rights_that_the_table_says_and_no_other(owner: Owner) -> None:
    rows = await owner.fetch(
        "SELECT r.role, c.relname AS name, p.privilege FROM unnest($1::text[]) AS r(role), pg_class c, "
        "unnest($2::text[]) AS p(privilege) WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') "
        "AND (has_table_privilege(r.role, c.oid, p.privilege) OR (p.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') "
        "AND has_any_column_privilege(r.role, c.oid, p.privilege)))",
        list(ROLES),
        list(ALL),
    )
    found = {(row["role"], row["name"], row["privilege"]) for row in rows}

    declared = {
        (role, table.name, privilege.split()[0])
        for table in metadata().sorted_tables
        for role, rights in _rights(table).items()
        for privilege in rights.replace("(", " (").split(", ")
        if privilege.split()[0] in ALL
    }

    # A process looks whether the database is at the version that it was made for.
    declared |= {(role, "alembic_version", "SELECT") for role in ROLES}
    assert found == declared
    assert {privilege for _, _, privilege in found} <= {"SELECT", "INSERT", "UPDATE", "DELETE"}


def _rights(table: Table) -> dict[str, str]:
    guard = isolation_of(table)
    trade = guard.tenant if guard.trade_grant is None else guard.trade_grant
    texts = {"fondaco_tenant": guard.tenant, "fondaco_trade": trade, "fondaco_platform": guard.platform}
    return {role: text for role, text in texts.items() if text}


async def test_nobody_rewrites_the_audit_log_or_moves_money_twice(owner: Owner) -> None:
    rows = await owner.fetch(
        "SELECT r.role, a.attrelid::regclass::text AS name, a.attname FROM unnest($1::text[]) AS r(role), pg_attribute a "
        "WHERE a.attrelid IN ('audit_entry'::regclass, 'ledger_transfer'::regclass, 'code_reveal'::regclass) "
        "AND a.attnum > 0 AND has_column_privilege(r.role, a.attrelid, a.attnum, 'UPDATE')",
        list(ROLES),
    )
    deleting = await owner.fetchval(
        "SELECT bool_or(has_table_privilege(r.role, t.name, 'DELETE') OR has_table_privilege(r.role, t.name, 'TRUNCATE')) "
        "FROM unnest($1::text[]) AS r(role), unnest(ARRAY['audit_entry', 'ledger_transfer', 'code_reveal', 'refund', 'hop', "
        "'\"order\"', 'order_line', 'allocation', 'code', 'ledger_account']) AS t(name)",
        list(ROLES),
    )

    assert {(row["name"], row["attname"]) for row in rows} == {
        ("ledger_transfer", "state"),
        ("ledger_transfer", "posted_xid"),
        ("ledger_transfer", "resolved_at"),
    }
    assert deleting is False


async def test_strangers_are_told_nothing_by_errors_of_the_database(worlds: tuple[World, World], owner: Owner) -> None:
    """A unique name that is taken is told as taken; what stands in the row is not."""
    a, b = worlds
    row = await owner.fetchval("SELECT to_jsonb(s)::text FROM store s WHERE tenant_id = $1", a.tenant_id)

    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        async with transaction(b.owner) as tx:
            await tx.execute(
                "INSERT INTO store SELECT * FROM jsonb_populate_record(null::store, $1::text::jsonb || "
                "jsonb_build_object('tenant_id', $2::text))",
                row,
                str(b.tenant_id),
            )

    assert a.tag not in str(caught.value.detail or "")
