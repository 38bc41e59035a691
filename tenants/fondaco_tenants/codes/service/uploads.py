"""Use cases of uploads: begin, store a sealed piece, complete, drop; and the import of a complete one, chunk by chunk."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fondaco_core import clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import BatchId, PoolId, TenantId, UploadId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.money import Money
from fondaco_tenants.codes.errors import TooManyUploads, UploadNotReady, WrongFormat
from fondaco_tenants.codes.events import ImportRequested
from fondaco_tenants.codes.rules import BatchState, ImportFormat, Mapping, UploadState, magic
from fondaco_tenants.codes.service.batches import Batch, to_batch
from fondaco_tenants.codes.service.imports import (
    Sealed,
    Stored,
    add_batch,
    file_digest,
    finish_batch,
    shape_of,
    store_lines,
)
from fondaco_tenants.codes.service.terms import checked_mapping, checked_terms
from fondaco_tenants.codes.store import imports as import_store
from fondaco_tenants.codes.store import uploads as store


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of codes on its way to an import. `size` is in bytes, once it is complete."""

    id: UploadId
    state: UploadState
    filename: str
    size: int
    created_at: datetime
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file as it was uploaded, opened: plaintext, for as long as it takes to read its lines."""

    starts_at: int
    data: bytes


class Overtaken(Exception):
    """Another worker has moved this import on, or it is done: what was read here is not stored."""


def _bound(upload_id: UploadId, number: int, tenant_id: TenantId) -> bytes:
    # The number is bound, too: pieces cannot change places.
    return bound_to(f"upload_chunk.{number}", upload_id, tenant_id)


async def begin_upload(tx: Tx, ctx: Ctx, *, filename: str) -> UploadId:
    """Makes room for a file. Raises TooManyUploads."""
    ctx.require("codes.import")
    await tenancy.require_active(tx, ctx)
    if await tx.fetchval(store.WAITING, ctx.tenant, _oldest()) >= limits.UPLOADS_WAITING_MAX:
        raise TooManyUploads
    upload_id = UploadId(new_id())
    said = "".join(char for char in filename if char.isprintable())[: limits.NAME_MAX]
    await tx.execute(store.ADD, upload_id, ctx.tenant, said, ctx.actor_id, clock.now())
    return upload_id


async def store_piece(tx: Tx, ctx: Ctx, *, upload_id: UploadId, number: int, starts_at: int, sealed: bytes) -> None:
    """Stores a piece of a file, sealed by `seal_piece`."""
    ctx.require("codes.import")
    await tx.execute(store.ADD_CHUNK, upload_id, ctx.tenant, number, starts_at, sealed)


async def seal_piece(ctx: Ctx, *, upload_id: UploadId, number: int, data: bytes) -> bytes:
    """Seals a piece of a file for its place."""
    ctx.require("codes.import")
    return (await keyring().sealing_key(ctx.tenant)).seal(data, aad=_bound(upload_id, number, ctx.tenant))


async def complete_upload(tx: Tx, ctx: Ctx, *, upload_id: UploadId, size: int, sha256: bytes) -> Upload:
    """Says that a file is there as a whole."""
    ctx.require("codes.import")
    await tx.execute(store.COMPLETE, upload_id, size, file_digest(sha256))
    return await get_upload(tx, ctx, upload_id=upload_id)


async def drop_upload(tx: Tx, ctx: Ctx, *, upload_id: UploadId) -> None:
    """Forgets a file that will not be imported."""
    ctx.require("codes.import")
    if await tx.execute(store.DROP, upload_id) == 1:
        await tx.execute(store.DROP_CHUNKS, upload_id)


async def get_upload(tx: Tx, ctx: Ctx, *, upload_id: UploadId) -> Upload:
    """One's own upload; another's of the tenant for who may see codes, as an import can show what it says. Raises NotFound."""
    ctx.require("codes.import")
    row: Any = await tx.fetchrow(store.FIND, upload_id)
    if row is None or not (row["created_by"] == ctx.actor_id or _sees_codes(ctx)):
        raise NotFound("upload", path=("upload_id",))
    return Upload(
        UploadId(row["id"]), UploadState(row["state"]), row["filename"], row["size"], row["created_at"], row["digest"]
    )


async def stale_uploads(tx: Tx, ctx: Ctx, *, count: int) -> list[tuple[TenantId, UploadId]]:
    """Uploads of any tenant that nobody imported in time; for a job, in a transaction as fondaco_platform."""
    ctx.require("system.run")
    return [(TenantId(row["tenant_id"]), UploadId(row["id"])) for row in await tx.fetch(store.STALE, _oldest(), count)]


async def request_import(
    tx: Tx,
    ctx: Ctx,
    *,
    pool_id: PoolId,
    upload_id: UploadId,
    unit_cost: Money,
    origin: str = "",
    expires_at: datetime | None = None,
    format: ImportFormat = ImportFormat.TXT,  # noqa: A002 - what it is called everywhere else
    mapping: Mapping | None = None,
) -> Batch:
    """Asks for a complete upload to be imported; a worker does it, and the batch tells how far it is.

    Raises NotFound, PoolArchived, UploadNotReady, WrongFormat. An upload is imported once.
    """
    ctx.require("codes.import")
    await tenancy.require_active(tx, ctx)
    terms = checked_terms(origin, unit_cost, expires_at)
    if mapping is not None:
        checked_mapping(mapping)
    await shape_of(tx, ctx, pool_id=pool_id, expires_at=terms.expires_at)
    await get_upload(tx, ctx, upload_id=upload_id)
    taken = await tx.fetchrow(store.TAKE, upload_id, _oldest())
    if taken is None:
        raise UploadNotReady

    head = await read_piece(tx, ctx, upload_id=upload_id, offset=0)
    if head is not None and (magic(head.data) is ImportFormat.XLSX) != (format is ImportFormat.XLSX):
        raise WrongFormat(workbook=format is not ImportFormat.XLSX)

    batch_id = BatchId(new_id())
    await add_batch(
        tx,
        ctx,
        batch_id,
        pool_id,
        terms=terms,
        form=format,
        digest=taken["digest"],
        size=taken["size"],
        upload_id=upload_id,
        mapping=mapping,
    )
    await outbox.announce(tx, (ctx.tenant, ImportRequested(batch_id, pool_id)))
    row = await tx.fetchrow(import_store.LOCK_BATCH, batch_id)
    return to_batch(row)


async def read_piece(tx: Tx, ctx: Ctx, *, upload_id: UploadId, offset: int) -> Piece | None:
    """The piece of a file that holds a byte, opened; None when the file ends before it or is gone."""
    ctx.require("codes.import")
    row = await tx.fetchrow(store.CHUNK_AT, upload_id, offset)
    if row is None:
        return None
    opened = await keyring().open(row["sealed"], aad=_bound(upload_id, row["number"], ctx.tenant))
    data = opened.reveal()
    return Piece(row["starts_at"], data) if offset < row["starts_at"] + len(data) else None


async def store_chunk(tx: Tx, ctx: Ctx, *, batch: Batch, sealed: Sealed, bytes_done: int, last_line: int) -> Stored:
    """Stores the next lines of an import, if it still stands where they begin; raises Overtaken otherwise.

    Raises TenantNotActive when its merchant was suspended meanwhile.
    """
    ctx.require("codes.import")
    await tenancy.require_active(tx, ctx)
    now = await _at(tx, batch)
    reported = now.duplicates + now.rejected
    return await store_lines(
        tx, batch.id, batch.pool_id, sealed, bytes_done=bytes_done, last_line=last_line, reported=reported
    )


async def finish_import(tx: Tx, ctx: Ctx, *, batch: Batch) -> Batch:
    """Says that an import is done, and forgets its file; raises Overtaken when somebody else has said so."""
    ctx.require("codes.import")
    await _at(tx, batch)
    await _forget(tx, batch)
    return await finish_batch(tx, ctx, batch.id)


async def fail_import(tx: Tx, ctx: Ctx, *, batch: Batch, failure: str) -> None:
    """Gives an import up; what it has imported so far stays in stock. `failure` is a name, never a text of the file."""
    ctx.require("codes.import")
    await _at(tx, batch)
    await tx.execute(import_store.FAIL, batch.id, clock.now(), failure)
    await _forget(tx, batch)


async def resume_imports(tx: Tx, ctx: Ctx) -> int:
    """Has the tenant's imports go on that are not done, and says how many; one that goes on anyway is not harmed."""
    ctx.require("codes.import")
    rows = await tx.fetch(import_store.UNDONE_IMPORTS, ctx.tenant)
    if rows:
        await outbox.announce(tx, *((ctx.tenant, ImportRequested(row["id"], row["pool_id"])) for row in rows))
    return len(rows)


async def _at(tx: Tx, batch: Batch) -> Batch:
    row = await tx.fetchrow(import_store.LOCK_BATCH, batch.id)
    assert row is not None
    at = (row["state"], row["bytes_done"], row["last_line"])
    if at != (BatchState.IMPORTING.value, batch.bytes_done, batch.last_line):
        raise Overtaken
    return to_batch(row)


async def _forget(tx: Tx, batch: Batch) -> None:
    assert batch.upload_id is not None
    await tx.execute(store.DROP_CHUNKS, batch.upload_id)


def _sees_codes(ctx: Ctx) -> bool:
    return ctx.has("codes.reveal") and "codes.reveal" not in ctx.guarded


def _oldest() -> datetime:
    return clock.now() - timedelta(hours=limits.UPLOAD_KEPT_HOURS)
