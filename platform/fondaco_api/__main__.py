"""`python -m fondaco_api`: serves the front door until it is told to stop."""

import asyncio
import gc
import socket
import sys

import asyncpg
import uvicorn

from fondaco_api.graphql.view import end_streams
from fondaco_core import limits
from fondaco_core.config import Settings, read_settings
from fondaco_core.crypto import load_master_keys
from fondaco_core.db import close_database, open_database
from fondaco_core.errors import FondacoError, SettingError
from fondaco_core.keyring import close_keyring, open_keyring


class Server(uvicorn.Server):
    """uvicorn, which ends streams of events when it is told to stop; they would otherwise outlast its patience."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops listening, ends what does not end by itself, waits for the rest."""
        end_streams()
        await super().shutdown(sockets)


async def check_start(settings: Settings) -> None:
    """Opens the database and the vault's keys once, so that what does not allow a start is one sentence and no traceback."""
    settings.require_redis_url()
    open_database(settings)
    try:
        await open_keyring(load_master_keys(settings))
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        msg = f"The database cannot be used ({type(error).__name__}); look at FONDACO_DATABASE_URL, and run `fondaco migrate`."
        raise SettingError(msg) from error
    finally:
        close_keyring()
        await close_database()


def main() -> int:
    """Runs uvicorn with the settings of the environment; what does not allow a start is one sentence and exit code 2."""
    try:
        settings = read_settings()
        asyncio.run(check_start(settings))
    except FondacoError as error:
        sys.stderr.write(f"fondaco: {error}\n")
        return 2
    config = make_config(settings)
    config.load()
    # What was made so far, code and schema, is here to stay: the collector of cycles need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(limits.GARBAGE_LOOK_EVERY, 20, 50)
    server = Server(config)
    server.run()
    return 0 if server.started else 1


def make_config(settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the front door."""
    return uvicorn.Config(
        "fondaco_api.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=limits.SOCKET_MESSAGE_BYTES_MAX,
        ws_ping_interval=20.0,
        access_log=False,
        # A client that could say where it comes from would have as many addresses as it likes. An empty list is nobody; without
        # one uvicorn would believe this machine, or whom FORWARDED_ALLOW_IPS names.
        proxy_headers=True,
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
        log_level="warning",
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=limits.SHUTDOWN_S,
        h11_max_incomplete_event_size=limits.QUERY_STRING_BYTES_MAX * 2,
    )


if __name__ == "__main__":
    sys.exit(main())
