"""`fondaco doctor`: looks at an installation from end to end, says what is wrong, and changes nothing."""

import argparse
import asyncio
import dataclasses
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import asyncpg
import redis
import redis.asyncio
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from fondaco_core import limits, logs, outbox
from fondaco_core.config import Settings, read_settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.crypto import load_master_keys
from fondaco_core.db import (
    Role,
    close_database,
    find_breaches,
    governing,
    open_database,
    reading,
)
from fondaco_core.db.isolation import ROLES, isolation_of, statements_for
from fondaco_core.errors import FondacoError, SettingError
from fondaco_core.ids import TenantId
from fondaco_core.keyring import close_keyring, open_keyring
from fondaco_ops.migrate import alembic_config
from fondaco_ops.running import settings_of_running
from fondaco_tenants import registry

CTX = system_ctx("doctor", permissions=frozenset({"system.run"}))
# How many merchants' keys are tried, the newest first: each may be a call to a key management service.
KEYS_TRIED_MAX = 100

REVISION = "SELECT version_num FROM alembic_version"
POWERFUL_ROLES = """
SELECT rolname FROM pg_roles
WHERE rolname = ANY($1::text[]) AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb
  OR EXISTS (SELECT FROM pg_roles AS o WHERE o.rolname = 'fondaco_owner' AND pg_has_role(pg_roles.oid, o.oid, 'MEMBER')))
"""
TABLES = """
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS guarded, pg_get_userbyid(c.relowner) = 'fondaco_owner' AS owned,
  ARRAY(SELECT p.polname::text FROM pg_policy AS p WHERE p.polrelid = c.oid) AS policies
FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
KEYS = "SELECT count(*) FROM data_key"
# Older ones are there while what they sealed is re-sealed.
PLATFORM_KEYS = "SELECT number FROM data_key WHERE tenant_id IS NULL AND purpose = 'SEAL' AND destroyed_at IS NULL"
TENANTS_WITH_KEYS = """
SELECT tenant_id FROM data_key WHERE tenant_id IS NOT NULL AND retired_at IS NULL ORDER BY number DESC LIMIT $1
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    checked: str
    well: bool
    detail: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `fondaco doctor` can be told."""
    parser.description = (
        "Checks settings, database, migrations, roles, keys, queue, relay and every promise about the data, and exits "
        "with 1 when something is wrong. Without FONDACO_DATABASE_URL it looks at what `fondaco up` runs in FONDACO_DATA."
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    parser.add_argument(
        "--retry", action="store_true", help="have tasks that were given up done once more, and look then"
    )


def run(args: argparse.Namespace) -> int:
    """Prints what was found; 1 when something is wrong."""
    logs.configure("ERROR")
    findings = asyncio.run(examine(lambda: settings_of_running(read_settings()), retry=args.retry))
    if args.json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
    else:
        print_table(findings)
    return 0 if all(finding.well for finding in findings) else 1


def print_table(findings: list[Finding]) -> None:
    """What was found, a line each, and how many are wrong."""
    # Promises that hold are whole sentences without a detail; they need no column.
    width = max((len(finding.checked) for finding in findings if finding.detail), default=0)
    for finding in findings:
        print(f"{'ok   ' if finding.well else 'WRONG'}  {finding.checked:<{width}}  {finding.detail}".rstrip())
    wrong = sum(not finding.well for finding in findings)
    print(f"{len(findings)} checked, {wrong} wrong" if wrong else f"{len(findings)} checked, all well")
    sys.stdout.flush()


async def examine(find_settings: Callable[[], Settings], *, retry: bool = False) -> list[Finding]:
    """Looks at everything that can be looked at; what stands on something broken is not looked at."""
    return [finding async for finding in _examine(find_settings, retry=retry)]


async def _examine(find_settings: Callable[[], Settings], *, retry: bool) -> AsyncIterator[Finding]:
    try:
        settings = find_settings()
        settings.require_database_url()
        settings.require_redis_url()
        settings.require_role_secret()
    except SettingError as refusal:
        yield Finding("settings", well=False, detail=str(refusal))
        return
    yield Finding("settings", well=True, detail=f"data in {settings.data_dir}")
    yield await _check_queue(settings)
    open_database(settings)
    try:
        async for finding in _examine_database(settings, retry=retry):
            yield finding
    finally:
        close_keyring()
        await close_database()


async def _examine_database(settings: Settings, *, retry: bool) -> AsyncIterator[Finding]:
    database = await _check_database()
    yield database
    if not database.well:
        return
    migrations = await _check_migrations()
    yield migrations
    yield await _check_roles()
    if not migrations.well:
        return
    yield await _check_isolation()
    yield await _check_keys(settings)
    if retry:
        async with governing(CTX) as tx:
            yield Finding("given up", well=True, detail=f"{await outbox.retry_parked(tx)} tasks are tried again")
    yield await _check_relay()
    for invariant in registry.invariants():
        breaches = await find_breaches(CTX, [invariant])
        detail = "".join(breach.failure or "; ".join(_shown(row) for row in breach.rows) for breach in breaches)
        yield Finding(f"{invariant.module}: {invariant.promise}", well=not breaches, detail=detail)


def _shown(row: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items())


async def _check_queue(settings: Settings) -> Finding:
    url = settings.require_redis_url().reveal()
    client = redis.asyncio.Redis.from_url(
        url, socket_timeout=limits.QUEUE_ANSWER_S, socket_connect_timeout=limits.QUEUE_ANSWER_S
    )
    try:
        server = await client.info("server")
    except (redis.RedisError, OSError) as error:
        detail = f"does not answer ({type(error).__name__}); look at FONDACO_REDIS_URL"
        return Finding("queue", well=False, detail=detail)
    finally:
        await client.aclose()
    name = "Valkey" if server.get("server_name") == "valkey" else "Redis"
    return Finding("queue", well=True, detail=f"{name} {server.get('valkey_version', server['redis_version'])} answers")


async def _check_database() -> Finding:
    try:
        async with governing(CTX) as tx:
            version = await tx.fetchval("SHOW server_version")
        async with reading(Ctx()) as tx:
            await tx.fetchval("SELECT 1")
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError) as error:
        detail = (
            f"does not answer as {Role.PLATFORM.value} ({type(error).__name__}); "
            "look at FONDACO_DATABASE_URL and FONDACO_ROLE_SECRET, and run `fondaco migrate`"
        )
        return Finding("database", well=False, detail=detail)
    return Finding(
        "database", well=True, detail=f"PostgreSQL {str(version).split()[0]} answers as the restricted roles"
    )


async def _check_migrations() -> Finding:
    expected = ScriptDirectory.from_config(alembic_config()).get_current_head()
    try:
        async with governing(CTX) as tx:
            found = await tx.fetchval(REVISION)
    except asyncpg.UndefinedTableError:
        found = None
    if found == expected:
        return Finding("migrations", well=True, detail=f"at {found}")
    detail = f"at {found or 'none'}, and this version expects {expected}; run `fondaco migrate`"
    return Finding("migrations", well=False, detail=detail)


async def _check_roles() -> Finding:
    async with governing(CTX) as tx:
        powerful = [row["rolname"] for row in await tx.fetch(POWERFUL_ROLES, list(ROLES))]
    detail = (
        f"{', '.join(powerful)} may do more than a door needs" if powerful else f"{', '.join(ROLES)} are restricted"
    )
    return Finding("roles", well=not powerful, detail=detail)


async def _check_isolation() -> Finding:
    async with governing(CTX) as tx:
        found = {row["relname"]: row for row in await tx.fetch(TABLES)}
    wrong: list[str] = []
    for table in registry.metadata().sorted_tables:
        guard = isolation_of(table)
        row = found.get(table.name)
        if row is None:
            wrong.append(f"{table.name} is missing")
            continue
        if not row["owned"]:
            wrong.append(f"{table.name} is not fondaco_owner's")
        if guard.kind == "global":
            continue
        declared = {ddl.split()[2] for ddl in statements_for(table) if ddl.startswith("CREATE POLICY ")}
        if not row["guarded"] or set(row["policies"]) != declared:
            wrong.append(f"{table.name} is not guarded as declared")
    count = len(registry.metadata().sorted_tables)
    return Finding("isolation", well=not wrong, detail="; ".join(wrong) or f"{count} tables are guarded as declared")


async def _check_keys(settings: Settings) -> Finding:
    try:
        master_keys = load_master_keys(settings)
        async with governing(CTX) as tx:
            if await tx.fetchval(KEYS) == 0:
                return Finding("keys", well=True, detail="none yet; the first start makes them")
            tenants = [TenantId(row["tenant_id"]) for row in await tx.fetch(TENANTS_WITH_KEYS, KEYS_TRIED_MAX)]
            own = [row["number"] for row in await tx.fetch(PLATFORM_KEYS)]
        ring = await open_keyring(master_keys)
        for number in own:
            await ring.numbered(number)
        for tenant_id in tenants:
            await ring.sealing_key(tenant_id)
    except FondacoError as refusal:
        return Finding("keys", well=False, detail=str(refusal))
    detail = f"the platform's and those of {len(tenants)} merchants open"
    if len(own) > 1:
        detail += "; what older ones of the platform's sealed is being re-sealed"
    return Finding("keys", well=True, detail=detail)


async def _check_relay() -> Finding:
    async with governing(CTX) as tx:
        waiting = await outbox.measure_backlog(tx)
    detail = (
        f"{waiting.events} events wait, the oldest {waiting.event_s:.1f} s; {waiting.tasks} tasks are to be done, "
        f"the oldest {waiting.task_s:.1f} s; {waiting.parked} given up"
    )
    if waiting.event_s > limits.RELAY_LAG_ALARM_S:
        detail += "; does the relay run?"
    if waiting.parked:
        detail += "; see task.parked in the log, and --retry"
    return Finding("relay", well=waiting.event_s <= limits.RELAY_LAG_ALARM_S and not waiting.parked, detail=detail)
