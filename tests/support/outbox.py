"""The outbox of the test's database, which every test before has written into."""

from fondaco_core.context import system_ctx
from fondaco_core.db import governing

CTX = system_ctx("test", permissions=frozenset({"system.run"}))


async def empty_outbox() -> None:
    """Forgets every event and task that tests before left undone: a real relay would have it all done now, and first."""
    async with governing(CTX) as tx:
        await tx.execute("DELETE FROM outbox_event")
        await tx.execute("DELETE FROM outbox_task")
