"""`fondaco backup`: one file with all data of what `fondaco up` runs, taken while it runs; the keys are not in it.

The file is a tar of `base.tar.gz` (pg_basebackup, with the log that makes it consistent) and `fondaco.json`, which says what it
is, how to know it again, and which master keys it needs. Valkey is not in it: whatever waits there is a row in the database.
"""

import argparse
import asyncio
import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from fondaco_core import clock
from fondaco_core.config import Settings, read_settings
from fondaco_core.errors import SettingError
from fondaco_core.secret import Secret
from fondaco_ops.embedded import postgres_tool
from fondaco_ops.process import bare_environment
from fondaco_ops.running import settings_of_running

FORMAT = "fondaco backup 1"
BASE, ABOUT = "base.tar.gz", "fondaco.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the backup goes."""
    parser.description = (
        "Writes one file with all data of what `fondaco up` runs in FONDACO_DATA, while it runs. The master keys are not in "
        "it: keep FONDACO_DATA/keys/master.keys elsewhere, or nothing in the backup opens. An outside PostgreSQL is backed "
        "up by its own tools."
    )
    parser.add_argument("file", type=Path, help="the file to write; must not exist")


def run(args: argparse.Namespace) -> int:
    """Writes the backup and says what is in it."""
    settings = read_settings()
    if settings.database_url is not None:
        msg = "FONDACO_DATABASE_URL names an outside PostgreSQL; back it up with its own tools, such as pg_basebackup."
        raise SettingError(msg)
    found = settings_of_running(settings)
    if found.database_url is None:
        msg = f"There is nothing to back up in {settings.data_dir}; FONDACO_DATA says where the data is."
        raise SettingError(msg)
    about = take(found, args.file.absolute())
    keys = ", ".join(about["master_keys"]) or "none"
    print(
        f"{args.file}: {args.file.stat().st_size // 1024} KB, revision {about['revision']}, needs the master keys {keys}."
    )
    return 0


def take(settings: Settings, file: Path) -> dict[str, Any]:
    """Writes a backup of a running installation, whole or not at all, and returns what `fondaco.json` says."""
    if file.exists():
        msg = f"{file} exists; name a new file."
        raise SettingError(msg)
    if not file.parent.is_dir():
        msg = f"The folder {file.parent} does not exist."
        raise SettingError(msg)
    about = asyncio.run(_about(settings))
    # Beside the file, which says how much room there is; only we can read it, because contacts and sealed codes are in it.
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".fondaco-backup-") as folder:
        base = Path(folder) / "base"
        _copy_cluster(settings.require_database_url(), base)
        about["base_sha256"] = digest_of(base / BASE)
        (base / ABOUT).write_text(json.dumps(about, indent=2) + "\n", "utf-8")
        draft = Path(folder) / "draft"
        with tarfile.open(
            fileobj=os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "wb"), mode="w"
        ) as archive:
            archive.add(base / ABOUT, ABOUT)
            archive.add(base / BASE, BASE)
            written = archive.fileobj
        assert written is not None
        written.close()
        draft.rename(file)
    return about


async def _about(settings: Settings) -> dict[str, Any]:
    try:
        connection = await asyncpg.connect(settings.require_database_url().reveal())
    except (OSError, asyncpg.PostgresError) as error:
        msg = f"The database in {settings.data_dir} does not answer; start it with `fondaco up` first."
        raise SettingError(msg) from error
    try:
        masters = await connection.fetch(
            "SELECT DISTINCT master_key_id FROM data_key WHERE destroyed_at IS NULL ORDER BY 1"
        )
        return {
            "format": FORMAT,
            "taken_at": clock.now().isoformat(),
            "version": metadata.version("fondaco"),
            "postgres": await connection.fetchval("SHOW server_version"),
            "revision": await connection.fetchval("SELECT version_num FROM alembic_version"),
            # Of the server on this machine's own address; it stands in the files as a hash anyway.
            "password": urlsplit(settings.require_database_url().reveal()).password,
            "master_keys": [row["master_key_id"] for row in masters],
        }
    finally:
        await connection.close()


def _copy_cluster(url: Secret[str], folder: Path) -> None:
    parts = urlsplit(url.reveal())
    command = [
        str(postgres_tool("pg_basebackup")), "-h", str(parts.hostname), "-p", str(parts.port), "-U", str(parts.username),
        "-D", str(folder), "--format=tar", "--gzip", "--wal-method=fetch", "--checkpoint=fast", "--no-password",
    ]  # fmt: skip
    environment = bare_environment() | {"PGPASSWORD": parts.password or ""}
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, check=False)  # noqa: S603
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
        msg = f"The backup failed: {said[-1] if said else 'pg_basebackup said nothing'}."
        raise SettingError(msg)


def digest_of(file: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
