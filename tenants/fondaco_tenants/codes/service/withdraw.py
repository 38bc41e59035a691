"""Taking back codes that orders have: the vault says that they are bad, and orders swap them, since the units are theirs."""

from collections.abc import Sequence
from uuid import UUID

from fondaco_core import audit, clock, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_tenants.codes.errors import CodesInWrongState
from fondaco_tenants.codes.events import CodesWithdrawn
from fondaco_tenants.codes.rules import CodeState
from fondaco_tenants.codes.store import vault as store

# Where a code is while a unit of an order has it and may get another.
BOUND = frozenset({CodeState.HELD, CodeState.DELIVERED})


async def withdraw_bound(tx: Tx, ctx: Ctx, code_ids: Sequence[UUID], *, reason: str) -> None:
    """Notes why codes that orders have are bad, and announces it; the codes are locked, and stay where they are until then.

    Orders quarantine each one as they give its unit another, unless its buyer has seen it: then support decides.
    """
    if not code_ids:
        return
    await tx.execute(store.NOTE_REASON, list(code_ids), reason, clock.now())
    subjects: list[tuple[UUID | None, UUID | None, dict[str, object]]] = [
        (ctx.tenant, code_id, {}) for code_id in code_ids
    ]
    await audit.record_many(tx, ctx, "code.withdrawn", subject_kind="code", reason=reason, subjects=subjects)
    await outbox.announce(tx, (ctx.tenant, CodesWithdrawn(list(code_ids))))


async def require_unseen(tx: Tx, code_ids: Sequence[UUID], after: CodeState) -> None:
    """Refuses to bring codes back to stock that a buyer has seen: what was sold once is not sold again."""
    seen = await tx.fetchval(store.COUNT_SEEN, list(code_ids))
    if seen:
        raise CodesInWrongState(seen, after.value)
