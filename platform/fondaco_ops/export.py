"""`fondaco export-tenant`: everything that one merchant has here, as a file that it can take along.

A zip of JSON Lines, one file for each table, read as that merchant and nobody else: row level security decides what is in it.
Hashes and secrets of the system stay here. What is sealed is opened only when a recipient is named, and the whole file is
encrypted to that recipient's key (age, X25519) as it is written; nothing of it touches the disk in the open.
"""

import argparse
import asyncio
import os
import threading
import zipfile
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import asyncpg
import orjson
import pyrage
from sqlalchemy import LargeBinary, Table

from fondaco_core import clock, tenancy
from fondaco_core.config import Settings, read_settings
from fondaco_core.context import system_ctx
from fondaco_core.crypto import load_master_keys
from fondaco_core.db import Base, SealedColumn, Tx, close_database, governing, open_database, reading, sealed_columns
from fondaco_core.errors import Refusal, SettingError
from fondaco_core.ids import TenantId
from fondaco_core.keyring import close_keyring, keyring, open_keyring
from fondaco_ops.running import settings_of_running
from fondaco_tenants import registry

ROWS = 2_000
# What of the floor is a merchant's own: the rest is how the system works.
OF_THE_FLOOR = ("audit_entry", "ledger_account", "ledger_transfer", "member", "tenant")
# What its people may read, which may be less than what they write.
COLUMNS = """
SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1
  AND has_column_privilege(format('public.%I', table_name), column_name, 'SELECT')
"""
TENANT = "SELECT id FROM tenant WHERE slug = $1"
# What rows say of merchants beyond one's neighbour: whose the code is that was sold, and how long its way was.
BEYOND = frozenset({("allocation", "leaf_tenant_id"), ("hop", "depth")})
# Codes are named where they are the merchant's own: the ids of others' say when these were imported, and so whose they are.
OF_OWN_CODES = frozenset({("allocation", "code_id"), ("code_reveal", "code_id")})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whose data, where to, and for whom."""
    parser.description = (
        "Writes all data of one merchant into a zip of JSON Lines. Codes and contacts are in it only with --recipient, and "
        "then the whole file is encrypted to that age key. It is on the record of the merchant that this was done."
    )
    parser.add_argument("slug", help="the merchant's short name")
    parser.add_argument("file", type=Path, help="the file to write; must not exist")
    parser.add_argument(
        "--recipient", metavar="AGE_KEY", help="age1…: open what is sealed, and encrypt everything to this key"
    )
    parser.add_argument("--reason", required=True, help="why, for the record")


def run(args: argparse.Namespace) -> int:
    """Writes the export and says how much is in it."""
    recipient = read_recipient(args.recipient)
    if args.file.exists():
        msg = f"{args.file} exists; name a new file."
        raise SettingError(msg)
    counts = asyncio.run(_export(settings_of_running(read_settings()), args, recipient))
    opened = "codes and contacts in the open, encrypted to the recipient" if recipient else "without what is sealed"
    print(f"{args.file}: {sum(counts.values())} rows of {len(counts)} tables, {opened}.")
    return 0


def read_recipient(text: str | None) -> "pyrage.x25519.Recipient | None":
    """The age key of the command line."""
    if text is None:
        return None
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        msg = "--recipient is no age key; it begins with age1, as age-keygen prints it."
        raise SettingError(msg) from error


async def _export(
    settings: Settings, args: argparse.Namespace, recipient: "pyrage.x25519.Recipient | None"
) -> dict[str, int]:
    open_database(settings)
    try:
        await open_keyring(load_master_keys(settings))
        tenant_id = await _begin(args.slug, args.reason, opened=recipient is not None)
        with written_to(args.file, recipient) as target, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            return await export_tenant(tenant_id, archive, opened=recipient is not None)
    except (OSError, asyncpg.PostgresError) as error:
        msg = f"The export failed ({type(error).__name__}); what was written is incomplete."
        raise SettingError(msg) from error
    finally:
        close_keyring()
        await close_database()


async def _begin(slug: str, reason: str, *, opened: bool) -> TenantId:
    """Finds the merchant, and puts on its record that its data is taken out."""
    from fondaco_core import audit  # noqa: PLC0415 - the command of that name lies beside this file

    ctx = system_ctx("export", permissions=frozenset({"platform.read"}))
    async with governing(ctx) as tx:
        found = await tx.fetchval(TENANT, slug)
        if found is None:
            msg = f"There is no merchant {slug!r}."
            raise SettingError(msg)
        try:
            why = tenancy.checked_reason(reason)
        except Refusal as refusal:
            raise SettingError(refusal.message) from refusal
        tenant_id = TenantId(found)
        await audit.record(
            tx, ctx, "tenant.exported", subject_kind="tenant", subject_id=tenant_id, tenant_id=tenant_id, reason=why,
            detail={"opened": opened},
        )  # fmt: skip
    return tenant_id


async def export_tenant(tenant_id: TenantId, archive: zipfile.ZipFile, *, opened: bool) -> dict[str, int]:
    """Writes every row that the merchant may see, table by table, as of one moment; gives how many of each."""
    sealed: dict[str, list[SealedColumn]] = {}
    for column in sealed_columns(registry.metadata(), platform=False):
        sealed.setdefault(column.table.name, []).append(column)
    ctx = system_ctx("export", tenant_id=tenant_id)
    counts: dict[str, int] = {}
    async with reading(ctx) as tx:
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for table in tables():
            columns = sealed.get(table.name, []) if opened else []
            with archive.open(f"{table.name}.jsonl", "w") as file:
                counts[str(table.name)] = await _write_table(tx, table, columns, file)
        about = {"format": "fondaco export 1", "tenant_id": tenant_id, "made_at": clock.now(), "rows": counts}
        archive.writestr("fondaco.json", orjson.dumps(about, default=str, option=orjson.OPT_INDENT_2))
    return counts


def tables() -> list[Table]:
    """The tables that hold a merchant's data, by name."""
    selling = {
        mapper.local_table
        for mapper in Base.registry.mappers
        if mapper.class_.__module__.startswith("fondaco_tenants.")
    }
    return [table for table in registry.metadata().sorted_tables if table in selling or table.name in OF_THE_FLOOR]


async def _write_table(tx: Tx, table: Table, sealed: Sequence[SealedColumn], file: IO[bytes]) -> int:
    visible = {row["column_name"] for row in await tx.fetch(COLUMNS, table.name)}
    visible -= {column for of, column in BEYOND if of == table.name}
    plain = [str(c.name) for c in table.columns if c.name in visible and not isinstance(c.type, LargeBinary)]
    if not plain:
        return 0
    opened = [column for column in sealed if column.column.name in visible]
    count = 0
    async for row in _rows(tx, table, [*plain, *(column.column.name for column in opened)]):
        told = {name: row[name] for name in plain}
        for column in opened:
            told[str(column.column.name).removesuffix("_sealed")] = await _opened(column, row)
        file.write(orjson.dumps(told, default=str) + b"\n")
        count += 1
    return count


def _told(table: Table, column: str) -> str:
    if (table.name, column) not in OF_OWN_CODES:
        return f'"{column}"'
    return f'CASE WHEN EXISTS (SELECT FROM code c WHERE c.id = "{table.name}"."{column}") THEN "{column}" END AS "{column}"'


async def _rows(tx: Tx, table: Table, columns: Sequence[str]) -> AsyncIterator[Any]:
    """Every row in the order of its key, some at a time: nothing of a large table is held at once."""
    keys = [column.name for column in table.primary_key.columns]
    # The key leads from row to row also where it is not told.
    read = dict.fromkeys([*columns, *keys])
    listed = ", ".join(_told(table, name) for name in read)
    ordered = ", ".join(f'"{name}"' for name in keys)
    after: list[Any] = []
    while True:
        bound = ", ".join(f"${number}" for number in range(1, len(after) + 1))
        where = f"WHERE ({ordered}) > ({bound})" if after else ""
        rows = await tx.fetch(f'SELECT {listed} FROM "{table.name}" {where} ORDER BY {ordered} LIMIT {ROWS}', *after)  # noqa: S608 - our own names
        for row in rows:
            yield row
        if len(rows) < ROWS:
            return
        after = [rows[-1][name] for name in keys]


async def _opened(column: SealedColumn, row: Any) -> str | None:
    value = row[column.column.name]
    if value is None:
        return None
    plaintext = await keyring().open(value, aad=column.aad(row))
    return plaintext.reveal().decode("utf-8", errors="replace")


@contextmanager
def written_to(file: Path, recipient: "pyrage.x25519.Recipient | None") -> Generator[IO[bytes]]:
    """A file that only we can read, to write into; encrypted on the way when there is a recipient."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        if recipient is None:
            yield target
            return
        reading_end, writing_end = os.pipe()
        failures: list[BaseException] = []

        def encrypt() -> None:
            with os.fdopen(reading_end, "rb") as source:
                try:
                    pyrage.encrypt_io(source, target, [recipient])
                except BaseException as failure:  # noqa: BLE001 - told by who waits
                    failures.append(failure)

        thread = threading.Thread(target=encrypt)
        thread.start()
        try:
            with os.fdopen(writing_end, "wb") as source:
                yield source
        finally:
            thread.join()
        if failures:
            raise failures[0]
