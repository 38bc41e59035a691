"""Actors of the audit log."""

from fondaco_core import limits, notary
from fondaco_core.context import Ctx
from fondaco_workers.actor import actor


@actor(name="audit.seal", permissions={"system.run"}, deadline_s=600, slow=True)
async def seal(ctx: Ctx) -> None:
    """Seals what was written into the audit log since the last time, and signs it."""
    for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
        if await notary.seal_next(ctx) < limits.SEAL_BATCH:
            return
