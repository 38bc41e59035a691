"""A worker that imports, and is killed in the transaction of a chunk: `probe_import <tenant> <batch> <chunks before>`."""

import asyncio
import os
import signal
import sys
from typing import Any
from uuid import UUID

from fondaco_core import limits
from fondaco_core.config import read_settings
from fondaco_core.crypto import load_master_keys
from fondaco_core.db import open_database
from fondaco_core.keyring import open_keyring
from fondaco_tenants.codes.service import uploads
from fondaco_workers.actors import codes


async def main(tenant: str, batch: str, before: int) -> None:
    """Imports and dies after the SQL of a chunk, before its commit."""
    settings = read_settings()
    open_database(settings)
    await open_keyring(load_master_keys(settings))
    limits.IMPORT_CHUNK_LINES = 100
    store, left = uploads.store_chunk, before

    async def dies(*args: Any, **kwargs: Any) -> object:
        nonlocal left
        stored = await store(*args, **kwargs)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return stored

    uploads.store_chunk = dies  # type: ignore[assignment]
    await codes.import_batch.perform(UUID(tenant), {"batch_id": batch})


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
