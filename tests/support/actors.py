"""How a test runs an actor: as a worker does, and twice, because that is what every actor must bear."""

from typing import Any
from uuid import UUID

import orjson

from fondaco_workers.actor import Actor


async def run_twice(actor: Actor[...], *, tenant_id: UUID | None = None, **fields: Any) -> None:
    """Does an actor's work two times, with the Ctx it gets from a worker and the fields as they travel in an event."""
    payload = orjson.loads(orjson.dumps(fields))
    for _ in range(2):
        await actor.perform(tenant_id, payload)
