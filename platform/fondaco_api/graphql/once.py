"""Secrets that are shown once: a repeated request gets what was made, and not its secret, which nothing keeps."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from fondaco_api.graphql.replay import Repeat
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.db.idempotency import claim, store
from fondaco_core.secret import Secret


async def shown_once(
    tx: Tx, ctx: Ctx, repeat: Repeat | None, make: Callable[[], Awaitable[tuple[UUID, Secret[str] | None]]]
) -> tuple[UUID, str | None]:
    """Makes something with a secret and answers its id and the secret; the second time, or where it is mailed, the id alone."""
    if repeat is not None:
        kept = await claim(tx, ctx, key=repeat.key, operation=repeat.operation, input_hash=repeat.input_hash)
        if kept is not None:
            return UUID(kept["id"]), None
    made, secret = await make()
    if repeat is not None:
        await store(tx, ctx, key=repeat.key, answer={"id": str(made)})
    return made, None if secret is None else secret.reveal()
