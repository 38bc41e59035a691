"""`python -m fondaco_workers.schedule`: every periodic job, in one table. Several may run; a tick is won by one.

A job is an actor. A tick makes a task of it in the database, and relay and workers do the rest. A job whose last run is not
done yet is not begun a second time, and ticks that were missed while nothing ran come as one.
"""

import sys

from fondaco_core import outbox
from fondaco_core.config import Settings
from fondaco_core.context import system_ctx
from fondaco_core.db import governing
from fondaco_core.logs import get_logger
from fondaco_core.outbox import Job
from fondaco_workers.actor import Actor
from fondaco_workers.actors import (
    audit,
    codes,
    delivery,
    identity,
    keys,
    ledger,
    orders,
    payments,
    reconciliation,
    routing,
    scores,
    settlement,
    system,
    webhooks,
)
from fondaco_workers.process import Round, run_rounds

log = get_logger(__name__)
CTX = system_ctx("schedule", permissions=frozenset({"system.run"}))
MINUTE, HOUR = 60.0, 3_600.0

# Actor, and every how many seconds.
SCHEDULE: tuple[tuple[Actor[...], float], ...] = (
    (orders.expire_overdue, 5.0),
    (payments.poll, 5.0),
    (payments.settle_overdue, MINUTE),
    (delivery.tell_due, 5.0),
    (orders.forget_guest_holds, MINUTE),
    (orders.mend_waiting, MINUTE),
    (orders.forget_exports, HOUR),
    (webhooks.send_due, 5.0),
    (ledger.roll_up, 30.0),
    (settlement.settle_due, 5 * MINUTE),
    (settlement.forget_statements, HOUR),
    (codes.expire, MINUTE),
    (keys.look_after, 2 * MINUTE),
    (codes.forget_misses, HOUR),
    (codes.watch_stock, MINUTE),
    (routing.watch_listings, MINUTE),
    (routing.tell_stock, 10.0),
    (routing.watch_resale_prices, 5 * MINUTE),
    (routing.rebuild, MINUTE),
    (scores.look_at_troubles, 5.0),
    (scores.refresh, HOUR),
    (codes.watch_expiry, HOUR),
    (codes.forget_uploads, HOUR),
    (codes.forget_lines, HOUR),
    (reconciliation.compare_due, HOUR),
    (audit.seal, MINUTE),
    (identity.announce_endings, HOUR),
    (system.check_invariants, 5 * MINUTE),
    (system.forget_answers, HOUR),
    (webhooks.forget, HOUR),
    (system.forget_ended, HOUR),
)


def jobs() -> tuple[Job, ...]:
    """Every periodic job; it is named as its actor, which asks for nothing but a Ctx."""
    assert all(not actor.readers for actor, _ in SCHEDULE)
    return tuple(Job(actor.name, actor.name, every_s) for actor, every_s in SCHEDULE)


def prepare(_: Settings) -> Round:
    """The scheduler of this process."""
    due = jobs()
    # A fifth of the shortest interval: nothing comes late by more, and an idle scheduler does next to nothing.
    pause_s = max(1.0, min(job.every_s for job in due) / 5)

    async def round_() -> float:
        async with governing(CTX) as tx:
            ticked = await outbox.tick(tx, due)
        if ticked:
            log.debug("schedule.ticked", jobs=ticked)
        return pause_s

    return round_


def main() -> int:
    """Keeps the schedule until it is told to stop."""
    return run_rounds("scheduler", prepare)


if __name__ == "__main__":
    sys.exit(main())
