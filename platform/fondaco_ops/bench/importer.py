"""Imports in a process of its own, as a worker does them, beside the least that an import could be.

Standard input says which; what each took, and how much memory, is printed as JSON.
"""

import asyncio
import json
import secrets
import sys
import time
from pathlib import Path
from uuid import UUID

import asyncpg
import uvloop

from fondaco_core.config import read_settings
from fondaco_core.context import system_ctx
from fondaco_core.crypto import CodeKind, bound_to, fingerprint_many, load_master_keys, mask_code, normalise_code
from fondaco_core.db import close_database, open_database
from fondaco_core.ids import BatchId, TenantId, new_id
from fondaco_core.keyring import close_keyring, keyring, open_keyring
from fondaco_tenants import codes

SYMBOLS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
FLOOR = """
CREATE SCHEMA IF NOT EXISTS bench;
CREATE TABLE IF NOT EXISTS bench.floor (LIKE code INCLUDING ALL);
CREATE TABLE IF NOT EXISTS bench.floor_fingerprint (LIKE code_fingerprint INCLUDING ALL);
"""
COLUMNS = (
    "id", "tenant_id", "pool_id", "batch_id", "state", "expires_at", "sealed", "fingerprint", "original", "masked", "changed_at",
)  # fmt: skip


def some_codes(count: int) -> bytes:
    """A file of codes that nobody else has."""
    raw = secrets.token_bytes(16 * count)
    text = "".join(SYMBOLS[byte & 31] for byte in raw)
    return "\n".join(text[n : n + 16] for n in range(0, len(text), 16)).encode()


async def floor(
    tenant_id: TenantId, pool_id: UUID, data: bytes, connection: "asyncpg.Connection[asyncpg.Record]"
) -> float:
    """Seals and fingerprints a file in memory and copies the same bytes into tables with the same indexes; in seconds."""
    began = time.perf_counter()
    key = await keyring().sealing_key(tenant_id)
    lines = data.decode().splitlines()
    marks = fingerprint_many(
        keyring().fingerprint_key, [normalise_code(line, CodeKind.CODE, case_sensitive=False) for line in lines]
    )
    ids = [new_id() for _ in lines]
    sealed = key.seal_many(
        [(line.encode(), bound_to("code", code_id, tenant_id)) for line, code_id in zip(lines, ids, strict=True)]
    )
    batch_id, now = new_id(), codes.NEVER
    await connection.copy_records_to_table(
        "floor", schema_name="bench", columns=COLUMNS,
        records=[
            (code_id, tenant_id, pool_id, batch_id, "AVAILABLE", now, body, mark, True, mask_code(line), now)
            for code_id, body, mark, line in zip(ids, sealed, marks, lines, strict=True)
        ],
    )  # fmt: skip
    await connection.copy_records_to_table(
        "floor_fingerprint", schema_name="bench", columns=("fingerprint", "code_id", "tenant_id"),
        records=[(mark, code_id, tenant_id) for mark, code_id in zip(marks, ids, strict=True)],
    )  # fmt: skip
    return time.perf_counter() - began


def peak_mb(*, anew: bool = False) -> float:
    """The most memory this process held, since it was asked `anew`, in MB."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    status = Path("/proc/self/status").read_text(encoding="ascii")
    name = "VmRSS:" if anew else "VmHWM:"
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(name))) / 1024


async def go(wanted: dict[str, str | int | list[str]]) -> list[dict[str, float]]:
    """The floor so many times, each beside one of the imports; then the other imports."""
    settings = read_settings()
    open_database(settings)
    await open_keyring(load_master_keys(settings))
    connection = await asyncpg.connect(settings.require_database_url().reveal())
    tenant_id = TenantId(UUID(str(wanted["tenant"])))
    ctx = system_ctx("bench", tenant_id=tenant_id, permissions=frozenset({"codes.import", "codes.read"}))
    batches = wanted["batches"]
    floors, size = wanted["floors"], wanted["size"]
    assert isinstance(batches, list)
    assert isinstance(floors, int)
    assert isinstance(size, int)
    told: list[dict[str, float]] = []
    try:
        await connection.execute(FLOOR)
        for n, batch in enumerate(batches):
            least = (
                await floor(tenant_id, UUID(str(wanted["pool"])), some_codes(size), connection) if n < floors else 0.0
            )
            before = peak_mb(anew=True)
            began = time.perf_counter()
            await codes.run_import(ctx, batch_id=BatchId(UUID(batch)))
            told.append({"seconds": time.perf_counter() - began, "grown_mb": peak_mb() - before, "floor": least})
    finally:
        await connection.close()
        close_keyring()
        await close_database()
    return told


def main() -> int:
    """Does what standard input says."""
    wanted = json.load(sys.stdin)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        told = runner.run(go(wanted))
    json.dump(told, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
