"""`python -m fondaco_api`: serves the front door until it is told to stop."""

import sys

import uvicorn

from fondaco_core import limits
from fondaco_core.config import read_settings
from fondaco_core.errors import SettingError


def main() -> int:
    """Runs uvicorn with the settings of the environment; a setting at fault is one sentence and a non-zero exit."""
    try:
        settings = read_settings()
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    config = uvicorn.Config(
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
        log_level="warning",
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=limits.SHUTDOWN_S,
        h11_max_incomplete_event_size=limits.QUERY_STRING_BYTES_MAX * 2,
    )
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
