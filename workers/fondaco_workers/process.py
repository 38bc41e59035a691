"""What relay and scheduler have in common: a process with a database that goes round until it is told to stop."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

from fondaco_core import limits, logs, traces
from fondaco_core.config import Settings, read_settings
from fondaco_core.db import close_database, open_database
from fondaco_core.errors import FondacoError
from fondaco_core.logs import get_logger
from fondaco_workers import metrics
from fondaco_workers.health import Pulse

log = get_logger(__name__)

# Does one round and returns how many seconds to pause before the next.
Round = Callable[[], Awaitable[float]]


def run_rounds(name: str, prepare: Callable[[Settings], Round]) -> int:
    """Reads the settings, goes round until SIGTERM or SIGINT, and gives the exit code: 2 when a setting forbids the start."""
    try:
        settings = read_settings()
        logs.configure(settings.log_level)
        pulse = Pulse()
        metrics.show(settings, pulse.felt)
        traces.open_traces(settings, process=name)
        open_database(settings)
        round_ = prepare(settings)
    except FondacoError as refusal:
        sys.stderr.write(f"fondaco: {refusal}\n")
        return 2
    asyncio.run(_go_round(name, round_, pulse))
    traces.close_traces()
    return 0


async def _go_round(name: str, round_: Round, pulse: Pulse) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    log.info("process.ready", process=name)
    failures = 0
    while not stopping.is_set():
        try:
            pause_s = await round_()
            failures = 0
        except Exception as error:  # the edge: servers go away and come back, and we are still here then
            pause_s = min(limits.RELAY_IDLE_S * 2**failures, limits.RELAY_AWAY_S)
            failures = min(failures + 1, 10)
            log.warning("process.round_failed", process=name, pause_s=pause_s, exc_info=error)
        pulse.beat()
        if pause_s > 0:
            await _wait(stopping, pause_s)
    log.info("process.stopping", process=name)
    await close_database()


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        pass
