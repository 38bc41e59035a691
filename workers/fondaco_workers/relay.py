"""`python -m fondaco_workers.relay`: outbox → queue. Several may run; each takes what the others have not.

First the commit, then the message. A relay that is killed in between leaves tasks that are due again in a few seconds; one
that is killed earlier leaves events. So nothing is lost, and what is said twice is begun once (core.outbox).
"""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence

from dramatiq import Broker

from fondaco_core import limits, outbox
from fondaco_core.config import Settings
from fondaco_core.context import system_ctx
from fondaco_core.db import governing, read_figures
from fondaco_core.logs import get_logger
from fondaco_core.outbox import Note
from fondaco_tenants import registry
from fondaco_workers.broker import make_broker, send
from fondaco_workers.metrics import observe_backlog, observe_figures
from fondaco_workers.process import Round, run_rounds
from fondaco_workers.subscriptions import subscriptions

log = get_logger(__name__)
CTX = system_ctx("relay", permissions=frozenset({"system.run"}))


class Relay:
    """Goes round between the outbox and one broker."""

    def __init__(self, broker: Broker, heard: Mapping[str, Sequence[str]]) -> None:
        self._broker = broker
        self._heard = heard
        self._unsent: list[Note] = []
        self._pause_s = limits.RELAY_IDLE_S
        self._lag_told = 0.0

    async def round(self) -> float:
        """Relays one batch and returns how long to pause; raises when a server is away, and goes on where it was.

        What the queue has not heard yet is told before anything else is taken, so that events wait in the outbox and not
        in this process.
        """
        await asyncio.to_thread(self._send_all)
        async with governing(CTX) as tx:
            relayed = await outbox.hand_over(tx, self._heard)
        self._unsent.extend(relayed.notes)
        if relayed.parked:
            log.error("task.parked", tasks=relayed.parked, failure="ended with its worker each time")
        await asyncio.to_thread(self._send_all)
        await self._tell_lag()
        if relayed.events >= limits.RELAY_BATCH or len(relayed.notes) >= limits.RELAY_BATCH:
            return 0.0
        busy = relayed.events > 0 or bool(relayed.notes)
        self._pause_s = limits.RELAY_BUSY_S if busy else min(self._pause_s * 1.5, limits.RELAY_IDLE_S)
        return self._pause_s

    def _send_all(self) -> None:
        while self._unsent:
            send(self._broker, self._unsent[0])
            del self._unsent[0]

    async def _tell_lag(self) -> None:
        now = time.monotonic()
        if now - self._lag_told < limits.RELAY_LAG_EVERY_S:
            return
        self._lag_told = now
        async with governing(CTX) as tx:
            waiting = await outbox.measure_backlog(tx)
            figures = await read_figures(tx, registry.figures())
        observe_backlog(waiting)
        observe_figures(figures)
        log.info(
            "relay.lag", events=waiting.events, event_s=round(waiting.event_s, 3),
            tasks=waiting.tasks, task_s=round(waiting.task_s, 3), parked=waiting.parked,
        )  # fmt: skip


def prepare(settings: Settings) -> Round:
    """The relay of this process."""
    return Relay(make_broker(settings), subscriptions()).round


def main() -> int:
    """Relays until it is told to stop."""
    return run_rounds("relay", prepare)


if __name__ == "__main__":
    sys.exit(main())
