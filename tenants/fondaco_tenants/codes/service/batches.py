"""Use cases of batches: look at imports and at what was not accepted; undo one that nobody has touched."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Conflict, NotFound
from fondaco_core.ids import BatchId, PoolId, UploadId, UserId
from fondaco_core.money import Money
from fondaco_tenants.codes.errors import BatchTouched
from fondaco_tenants.codes.events import BatchUndone
from fondaco_tenants.codes.rules import BatchState, ImportFormat, ImportOutcome, LineReason, Mapping
from fondaco_tenants.codes.store import imports as store

# How an import stands, for people.
_STANDS = {
    BatchState.IMPORTING: ("is still going on", "仍在导入中"), BatchState.READY: ("is done", "已完成"),
    BatchState.UNDONE: ("was undone already", "已撤销"), BatchState.FAILED: ("failed", "导入失败"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Batch:
    """One import into a pool, as it is stored. `last_line` is the last line of the file that is done."""

    id: BatchId
    pool_id: PoolId
    state: BatchState
    origin: str
    unit_cost: Money
    expires_at: datetime
    upload_id: UploadId | None
    format: ImportFormat
    bytes_total: int
    bytes_done: int
    last_line: int
    lines: int
    accepted: int
    duplicates: int
    rejected: int
    imported_by: UserId | None
    created_at: datetime
    finished_at: datetime | None
    failure: str | None
    mapping: Mapping
    # What the file is known by when it comes again; None for lines that were typed.
    digest: bytes | None
    moved_at: datetime | None
    lines_kept_until: datetime | None

    @property
    def lines_per_second(self) -> float:
        """How fast it goes or went, from its beginning to the last line that is stored."""
        took = (self.moved_at - self.created_at).total_seconds() if self.moved_at is not None else 0.0
        return self.lines / took if took > 0 else 0.0


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A line of an import that did not become an available code."""

    line: int
    outcome: ImportOutcome
    reason: LineReason
    masked: str = field(repr=False)


def to_batch(row: Any) -> Batch:
    """A row of code_batch."""
    values: dict[str, Any] = {
        **row,
        "state": BatchState(row["state"]),
        "format": ImportFormat(row["format"]),
        "unit_cost": Money(row["unit_cost_minor"], row["currency"]),
        "mapping": Mapping.from_json(None if row["mapping"] is None else orjson.loads(row["mapping"])),
    }
    del values["unit_cost_minor"], values["currency"]
    return Batch(**values)


async def get_batch(tx: Tx, ctx: Ctx, *, batch_id: BatchId) -> Batch:
    """One import of the tenant. Raises NotFound."""
    found = await batches_by_ids(tx, ctx, batch_ids=[batch_id])
    if batch_id not in found:
        raise NotFound("batch", path=("batch_id",))
    return found[batch_id]


async def batches_by_ids(tx: Tx, ctx: Ctx, *, batch_ids: Sequence[BatchId]) -> dict[BatchId, Batch]:
    """Those of the imports that the tenant has."""
    ctx.require("codes.read")
    return {BatchId(row["id"]): to_batch(row) for row in await tx.fetch(store.BATCHES_BY_IDS, list(batch_ids))}


async def list_batches(
    tx: Tx,
    ctx: Ctx,
    *,
    pool_ids: Sequence[PoolId],
    after: BatchId | None = None,
    backward: bool = False,
    count: int = limits.PAGE_DEFAULT,
) -> dict[PoolId, list[Batch]]:
    """A page of the imports of each pool, newest first."""
    ctx.require("codes.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    statement = store.LIST_BATCHES_UP if backward else store.LIST_BATCHES_DOWN
    found: dict[PoolId, list[Batch]] = {pool_id: [] for pool_id in pool_ids}
    for row in await tx.fetch(statement, list(found), after, count):
        found[row["pool_id"]].append(to_batch(row))
    return found


async def list_report(
    tx: Tx,
    ctx: Ctx,
    *,
    batch_id: BatchId,
    outcome: ImportOutcome | None = None,
    after: int | None = None,
    backward: bool = False,
    count: int = limits.PAGE_DEFAULT,
) -> list[ReportLine]:
    """A page of the lines that were not accepted, in the order of the file; the first ones when there are very many."""
    ctx.require("codes.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    statement = store.LIST_LINES_UP if backward else store.LIST_LINES_DOWN
    rows = await tx.fetch(statement, batch_id, outcome.value if outcome else None, after, count)
    return [ReportLine(r["line"], ImportOutcome(r["outcome"]), LineReason(r["reason"]), r["masked"]) for r in rows]


async def undo_batch(tx: Tx, ctx: Ctx, *, batch_id: BatchId, reason: str) -> Batch:
    """Takes a whole import back while nobody has touched any of its codes: they are VOID, and may be imported again.

    Raises BatchTouched when one of them was held, sold or changed; nothing is undone then.
    """
    ctx.require("codes.import")
    await tenancy.require_active(tx, ctx)
    why = tenancy.checked_reason(reason)
    row = await tx.fetchrow(store.LOCK_BATCH, batch_id)
    if row is None:
        raise NotFound("batch", path=("batch_id",))
    batch = to_batch(row)
    if batch.state is not BatchState.READY:
        stands, stands_zh = _STANDS[batch.state]
        raise Conflict(
            f"This import {stands}; only one that is done can be undone.",
            zh=f"该批次{stands_zh}，只有已完成的批次可以撤销。",
            path=("batch_id",),
        )
    await tx.execute(store.BE_PATIENT)
    touched = await tx.fetchval(store.TOUCHED, batch_id)
    undone = 0 if touched else await tx.execute(store.UNDO_CODES, batch_id, clock.now(), why)
    # A code that is being held at this very moment is not counted by the first statement, and missing in the second.
    if undone != batch.accepted:
        raise BatchTouched(touched or batch.accepted - undone)

    undone_row = await tx.fetchrow(store.UNDO_BATCH, batch_id, clock.now())
    await audit.record(
        tx, ctx, "batch.undone", subject_kind="batch", subject_id=batch_id, reason=why, detail={"codes": undone}
    )
    await outbox.announce(tx, (ctx.tenant, BatchUndone(batch_id, batch.pool_id, undone)))
    return to_batch(undone_row)
