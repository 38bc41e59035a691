"""Use cases of lines that were not accepted: hand them out as they came, for a reason; forget them when their time is over."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fondaco_core import audit, clock, limits, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import BatchId, TenantId
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants.codes.rules import ImportOutcome, LineReason
from fondaco_tenants.codes.service.batches import Batch, get_batch
from fondaco_tenants.codes.service.imports import line_bound
from fondaco_tenants.codes.service.vault import checked_reason
from fondaco_tenants.codes.store import imports as store


@dataclass(frozen=True, slots=True)
class KeptLine:
    """A line that did not become a code, as it came; None when it is not kept any more, or was too long to keep."""

    line: int
    outcome: ImportOutcome
    reason: LineReason
    text: Secret[str] | None = field(repr=False)


async def open_lines(tx: Tx, ctx: Ctx, *, batch_id: BatchId, reason: str) -> Batch:
    """Writes down that somebody takes the lines of an import that were not accepted: they may hold codes.

    Raises NotFound, ReasonTooShort, ReasonTooLong. The lines are read with `kept_lines`.
    """
    ctx.require("codes.reveal")
    await tenancy.require_active(tx, ctx)
    why = checked_reason(reason)
    batch = await get_batch(tx, ctx, batch_id=batch_id)
    await audit.record(
        tx, ctx, "batch.lines_taken", subject_kind="batch", subject_id=batch_id, reason=why,
        detail={"duplicates": batch.duplicates, "rejected": batch.rejected},
    )  # fmt: skip
    return batch


async def kept_lines(tx: Tx, ctx: Ctx, *, batch_id: BatchId, after: int, count: int) -> list[KeptLine]:
    """The next lines of an import that were not accepted, in the order of the file, opened."""
    ctx.require("codes.reveal")
    rows = await tx.fetch(store.KEPT_LINES, batch_id, after, count)
    return [
        KeptLine(
            row["line"], ImportOutcome(row["outcome"]), LineReason(row["reason"]),
            None if row["sealed"] is None else await _opened(row["sealed"], line_bound(batch_id, row["line"], ctx.tenant)),
        )
        for row in rows
    ]  # fmt: skip


async def _opened(sealed: bytes, bound: bytes) -> Secret[str]:
    # It may have been cut in the middle of a character.
    return Secret((await keyring().open(sealed, aad=bound)).reveal().decode("utf-8", "ignore"))


async def imports_to_forget(tx: Tx, ctx: Ctx, *, count: int) -> Sequence[tuple[TenantId, BatchId]]:
    """Imports of any tenant whose kept lines are old enough; for a job, in a transaction as fondaco_platform."""
    ctx.require("system.run")
    rows = await tx.fetch(store.LINES_DUE, clock.now(), count)
    return [(TenantId(row["tenant_id"]), BatchId(row["id"])) for row in rows]


async def forget_lines(tx: Tx, ctx: Ctx, *, batch_id: BatchId) -> bool:
    """Forgets what some of an import's lines said, and says whether there are more; masks and counts stay."""
    ctx.require("system.run")
    if await tx.execute(store.FORGET_LINES, batch_id, limits.CLEAN_UP_ROWS) == limits.CLEAN_UP_ROWS:
        return True
    await tx.execute(store.LINES_FORGOTTEN, batch_id)
    return False
