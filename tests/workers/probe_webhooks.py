"""A worker that sends webhooks, and is killed after the answer came and before it is recorded: `probe_webhooks`."""

import asyncio
import os
import signal
from typing import Any

from fondaco_core.config import read_settings
from fondaco_core.crypto import load_master_keys
from fondaco_core.db import open_database
from fondaco_core.http import open_http
from fondaco_core.keyring import open_keyring
from fondaco_tenants.webhooks import errands
from fondaco_workers.actors import webhooks


async def main() -> None:
    """Sends what is due and dies with the first answer."""
    settings = read_settings()
    open_database(settings)
    await open_http(settings)
    await open_keyring(load_master_keys(settings))

    async def dies(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    errands._record = dies  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    await webhooks.send_due.perform(None, {})


if __name__ == "__main__":
    asyncio.run(main())
