"""The audit log sealed now, as the worker does within the minute."""

from fondaco_core.context import system_ctx
from fondaco_core.db import governing
from fondaco_core.notary import seal_next
from tests.support.waiting import until

CTX = system_ctx("notary", permissions=frozenset({"system.run"}))
WRITTEN = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
UNSEALED = """
SELECT count(*) FROM audit_entry AS e WHERE e.xid < $1
  AND e.xid >= COALESCE((SELECT max(through_xid) FROM audit_checkpoint), 0)
  AND NOT EXISTS (SELECT FROM audit_leaf AS l WHERE l.entry_id = e.id)
"""


async def seal_all() -> None:
    """Seals what is committed by now; waits for every older transaction of this server, of another test's database, too."""
    async with governing(CTX) as tx:
        written = await tx.fetchval(WRITTEN)

    async def all_sealed() -> bool:
        while await seal_next(CTX):
            pass
        async with governing(CTX) as tx:
            return not await tx.fetchval(UNSEALED, written)

    await until(all_sealed)
