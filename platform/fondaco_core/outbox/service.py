"""Use cases of the outbox: announce a fact with the data it is about; take what waits."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from fondaco_core import limits
from fondaco_core.db import Tx
from fondaco_core.outbox import store
from fondaco_core.outbox.events import Event, event_name


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event as the relay hands it on; `seq` names it, so that a receiver knows it when it comes twice."""

    seq: int
    tenant_id: UUID | None
    name: str
    payload: dict[str, Any]
    happened_at: datetime


async def announce(tx: Tx, *events: tuple[UUID | None, Event]) -> None:
    """Writes events, each with the tenant it is of, in the transaction of what they are about; one statement."""
    if not events:
        return
    await tx.execute(
        store.ADD,
        [tenant for tenant, _ in events],
        [event_name(type(event)) for _, event in events],
        [orjson.dumps(asdict(event)).decode() for _, event in events],
    )


async def take_waiting(tx: Tx, *, count: int = limits.RELAY_BATCH) -> Sequence[Waiting]:
    """Takes the oldest waiting events; they are gone when the transaction commits, and wait again when it does not."""
    rows = await tx.fetch(store.TAKE, count)
    events = [Waiting(r["seq"], r["tenant_id"], r["name"], orjson.loads(r["payload"]), r["happened_at"]) for r in rows]
    return sorted(events, key=lambda event: event.seq)


async def waiting_seconds(tx: Tx) -> float:
    """How long the oldest event has waited, in seconds; 0 when none waits."""
    return float(await tx.fetchval(store.LAG))
