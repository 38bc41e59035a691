"""Use cases of the export of unsold stock: take codes out of sale and list them for their owner, in one act.

An exported code is VOID and keeps its fingerprint: it is never sold here again, nor can anybody import it. Its text stays
sealed until the owner fetches the file, and leaves only encrypted to the owner's own key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import BatchId, PoolId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants.codes.errors_own import ExportOver, NothingToExport
from fondaco_tenants.codes.events import StockExported
from fondaco_tenants.codes.rules import NEVER, unpack
from fondaco_tenants.codes.service.batches import get_batch
from fondaco_tenants.codes.service.pools import get_pool
from fondaco_tenants.codes.service.vault import checked_reason
from fondaco_tenants.codes.store import imports as import_store
from fondaco_tenants.codes.store import making as store

# The columns of the file, as an import reads them again.
COLUMNS = ("code", "pin", "expiry", "serial")


@dataclass(frozen=True, slots=True)
class StockExport:
    """One export, as it is stored."""

    id: UUID
    pool_id: PoolId
    recipient: str
    codes: int
    reason: str
    exported_by: UUID | None
    created_at: datetime
    expires_at: datetime
    downloads: int
    downloaded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which unsold codes: of one import, expiring until a moment, at most so many (those that expire last)."""

    batch_id: BatchId | None = None
    expiring_until: datetime | None = None
    count: int | None = None


async def export_stock(
    tx: Tx, ctx: Ctx, *, pool_id: PoolId, chosen: Filter, recipient: str, reason: str
) -> StockExport:
    """Takes unsold codes out of sale for good, and makes the file that their owner can fetch for a while.

    `recipient` is a key that `checked_recipient` has let pass. Codes that are just being bought are not among them.
    Raises NotFound, ReasonTooShort, NothingToExport.
    """
    ctx.require("codes.export")
    await tenancy.require_active(tx, ctx)
    why = checked_reason(reason)
    count = limits.EXPORT_CODES_MAX if chosen.count is None else chosen.count
    if not 0 < count <= limits.EXPORT_CODES_MAX:
        raise Invalid(
            f"One export has 1 to {limits.EXPORT_CODES_MAX} codes.",
            zh=f"单次导出可包含 1 至 {limits.EXPORT_CODES_MAX} 个卡密。",
            path=("count",),
        )
    await get_pool(tx, ctx, pool_id=pool_id)
    if chosen.batch_id is not None:
        await get_batch(tx, ctx, batch_id=chosen.batch_id)
    await tx.execute(import_store.BE_PATIENT)
    now = clock.now()
    rows = await tx.fetch(store.WITHDRAW, pool_id, chosen.batch_id, chosen.expiring_until, count, now)
    if not rows:
        raise NothingToExport
    export_id = new_id()
    expires_at = now + timedelta(hours=limits.EXPORT_HOURS)
    await tx.execute(
        store.ADD_EXPORT, export_id, ctx.tenant, pool_id, recipient, len(rows), why, ctx.actor_id, now, expires_at
    )
    await tx.execute(
        store.ADD_EXPORT_CODES, export_id, ctx.tenant, [row["place"] for row in rows], [row["id"] for row in rows]
    )
    await audit.record(
        tx, ctx, "stock.exported", subject_kind="pool", subject_id=pool_id, reason=why,
        detail={"export_id": export_id, "codes": len(rows), "recipient": recipient},
    )  # fmt: skip
    await outbox.announce(tx, (ctx.tenant, StockExported(export_id, pool_id, len(rows))))
    return await get_export(tx, ctx, export_id=export_id)


async def begin_download(tx: Tx, ctx: Ctx, *, export_id: UUID) -> StockExport:
    """Counts one more fetching of an export's file. Raises NotFound, ExportOver."""
    ctx.require("codes.export")
    await tenancy.require_active(tx, ctx)
    found = await get_export(tx, ctx, export_id=export_id)
    row = await tx.fetchrow(store.TAKE_DOWNLOAD, export_id, clock.now(), limits.EXPORT_DOWNLOADS_MAX)
    if row is None:
        raise ExportOver
    await audit.record(
        tx, ctx, "stock.downloaded", subject_kind="pool", subject_id=found.pool_id,
        detail={"export_id": export_id, "codes": found.codes, "download": found.downloads + 1},
    )  # fmt: skip
    return _export(row)


async def open_page(tx: Tx, ctx: Ctx, *, export_id: UUID, after: int) -> tuple[list[Secret[tuple[str, ...]]], int]:
    """The next codes of an export in the open, as cells of its file, and the last one's place; at the end none."""
    ctx.require("codes.export")
    rows = await tx.fetch(store.EXPORT_PAGE, export_id, after, limits.EXPORT_CODES_PAGE)
    cells: list[Secret[tuple[str, ...]]] = []
    for row in rows:
        opened = await keyring().open(row["sealed"], aad=bound_to("code", row["id"], row["tenant_id"]))
        plain = unpack(opened.reveal())
        expiry = "" if row["expires_at"] >= NEVER else row["expires_at"].date().isoformat()
        cells.append(Secret((plain.code, plain.pin or "", expiry, row["serial"] or "")))
    return cells, rows[-1]["place"] if rows else after


async def get_export(tx: Tx, ctx: Ctx, *, export_id: UUID) -> StockExport:
    """One export of the merchant. Raises NotFound."""
    found = await exports_by_ids(tx, ctx, export_ids=[export_id])
    if export_id not in found:
        raise NotFound("export", path=("export_id",))
    return found[export_id]


async def exports_by_ids(tx: Tx, ctx: Ctx, *, export_ids: Sequence[UUID]) -> dict[UUID, StockExport]:
    """Those of the exports that the merchant has."""
    ctx.require("codes.read")
    return {row["id"]: _export(row) for row in await tx.fetch(store.EXPORTS_BY_IDS, list(export_ids))}


async def list_exports(
    tx: Tx, ctx: Ctx, *, after: UUID | None = None, backward: bool = False, count: int = limits.PAGE_DEFAULT
) -> list[StockExport]:
    """A page of exports, newest first."""
    ctx.require("codes.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    statement = store.LIST_EXPORTS_UP if backward else store.LIST_EXPORTS_DOWN
    return [_export(row) for row in await tx.fetch(statement, ctx.tenant, after, count)]


def _export(row: Any) -> StockExport:
    return StockExport(**row)
