"""What takes longer than a transaction: receive a file, import it, expire what is over, forget what nobody imported.

Sealing and reading lines is done between transactions and never inside one: locks are held for the time of the SQL alone.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace

from fondaco_core import clock, limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.crypto import CodeKind, DataKey
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Invalid
from fondaco_core.ids import BatchId, UploadId
from fondaco_core.keyring import keyring
from fondaco_tenants.codes.errors import UploadTooLarge
from fondaco_tenants.codes.rules import BatchState, ImportFormat, LineParser, LineSplitter, RawLine
from fondaco_tenants.codes.service import batches, imports, uploads, vault
from fondaco_tenants.codes.service.batches import Batch
from fondaco_tenants.codes.service.imports import Sealed, Shape, seal_lines, sealing
from fondaco_tenants.codes.service.uploads import Overtaken, Upload

# An import that was given up because its file is gone.
UPLOAD_GONE = "UPLOAD_GONE"


async def receive_upload(ctx: Ctx, *, filename: str, stream: AsyncIterator[bytes]) -> Upload:
    """Seals a file as it arrives; nothing of it is on a disk or in memory as a whole. Raises UploadTooLarge, TooManyUploads.

    Whatever ends the stream before its time leaves nothing behind.
    """
    ctx.require("codes.import")
    async with sealing(ctx) as tx:
        upload_id = await uploads.begin_upload(tx, ctx, filename=filename)
    try:
        size, sha256 = await _receive(ctx, upload_id, stream)
    except BaseException:
        async with transaction(ctx) as tx:
            await uploads.drop_upload(tx, ctx, upload_id=upload_id)
        raise
    async with transaction(ctx) as tx:
        return await uploads.complete_upload(tx, ctx, upload_id=upload_id, size=size, sha256=sha256)


async def _receive(ctx: Ctx, upload_id: UploadId, stream: AsyncIterator[bytes]) -> tuple[int, bytes]:
    waiting = bytearray()
    digest = hashlib.sha256()
    stored = number = 0

    async def store(piece: bytes) -> None:
        nonlocal stored, number
        digest.update(piece)
        sealed = await uploads.seal_piece(ctx, upload_id=upload_id, number=number, data=piece)
        async with transaction(ctx) as tx:
            await uploads.store_piece(tx, ctx, upload_id=upload_id, number=number, starts_at=stored, sealed=sealed)
        stored += len(piece)
        number += 1

    async for data in stream:
        if stored + len(waiting) + len(data) > limits.UPLOAD_BYTES_MAX:
            raise UploadTooLarge
        waiting += data
        while len(waiting) >= limits.UPLOAD_CHUNK_BYTES:
            await store(bytes(waiting[: limits.UPLOAD_CHUNK_BYTES]))
            del waiting[: limits.UPLOAD_CHUNK_BYTES]
    if waiting:
        await store(bytes(waiting))
    if not stored:
        raise Invalid("This file is empty.", zh="文件为空。")
    return stored, digest.digest()


async def run_import(ctx: Ctx, *, batch_id: BatchId) -> None:
    """Imports an upload from wherever it stands to its end, exactly once, however often this is run or cut off."""
    ctx.require("codes.import")
    async with reading(ctx) as tx:
        batch = await batches.get_batch(tx, ctx, batch_id=batch_id)
        if batch.state is not BatchState.IMPORTING:
            return
        shape = await imports.shape_of(tx, ctx, pool_id=batch.pool_id, expires_at=batch.expires_at)
    run = _Run(ctx, batch, shape)
    try:
        await run.to_the_end()
    except Overtaken:
        # Somebody else is at it, and has stored what was read here.
        return
    except _UploadGone:
        async with transaction(ctx) as tx:
            await uploads.fail_import(tx, ctx, batch=run.batch, failure=UPLOAD_GONE)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Sealed lines, and where in the file they end."""

    sealed: Sealed
    bytes_done: int
    last_line: int


class _UploadGone(Exception):
    """A piece of the file is not there any more."""


class _Run:
    """One worker's way through the lines of an upload."""

    def __init__(self, ctx: Ctx, batch: Batch, shape: Shape) -> None:
        assert batch.upload_id is not None
        self.ctx = ctx
        self.batch = batch
        self.shape = shape
        self.upload_id = batch.upload_id
        self.parser = LineParser(batch.format, links=shape.kind is CodeKind.LINK, now=clock.now())

    async def to_the_end(self) -> None:
        if self.batch.last_line and self.batch.format is ImportFormat.CSV:
            await self._read_header()
        # While the database stores a chunk, the next one is read and sealed.
        async with aclosing(self._chunks()) as chunks:
            upcoming = asyncio.ensure_future(anext(chunks, None))
            try:
                while (chunk := await upcoming) is not None:
                    upcoming = asyncio.ensure_future(anext(chunks, None))
                    await self._store(chunk)
            finally:
                upcoming.cancel()
                await asyncio.gather(upcoming, return_exceptions=True)
        async with transaction(self.ctx) as tx:
            await uploads.finish_import(tx, self.ctx, batch=self.batch)

    async def _chunks(self) -> AsyncGenerator[_Chunk, None]:
        """Reads the file from where the import stands and seals its lines, so many at a time."""
        splitter = LineSplitter(offset=self.batch.bytes_done, line=self.batch.last_line)
        offset, waiting, lines = self.batch.bytes_done, 0, list[RawLine]()
        while offset < self.batch.bytes_total:
            piece = await self._piece(offset)
            if piece is None:
                raise _UploadGone
            lines = [*lines[waiting:], *splitter.feed(piece)]
            waiting, offset = 0, offset + len(piece)
            while len(lines) - waiting >= limits.IMPORT_CHUNK_LINES:
                yield await self._sealed(lines[waiting : waiting + limits.IMPORT_CHUNK_LINES])
                waiting += limits.IMPORT_CHUNK_LINES
        lines = [*lines[waiting:], *splitter.end()]
        if lines:
            yield await self._sealed(lines)

    async def _piece(self, offset: int) -> bytes | None:
        async with reading(self.ctx) as tx:
            piece = await uploads.read_piece(tx, self.ctx, upload_id=self.upload_id, offset=offset)
        return None if piece is None else piece.data[offset - piece.starts_at :]

    async def _sealed(self, lines: list[RawLine]) -> _Chunk:
        key = await keyring().sealing_key(self.shape.tenant_id)
        # In a thread, so that this worker's other work goes on meanwhile.
        sealed = await asyncio.to_thread(self._seal, key, lines)
        return _Chunk(sealed, bytes_done=lines[-1].ends_at, last_line=lines[-1].number)

    def _seal(self, key: DataKey, lines: list[RawLine]) -> Sealed:
        entries, faults = self.parser.parse(lines)
        return seal_lines(key, self.shape, entries, faults)

    async def _store(self, chunk: _Chunk) -> None:
        async with transaction(self.ctx) as tx:
            await uploads.store_chunk(
                tx,
                self.ctx,
                batch=self.batch,
                sealed=chunk.sealed,
                bytes_done=chunk.bytes_done,
                last_line=chunk.last_line,
            )
        self.batch = replace(self.batch, bytes_done=chunk.bytes_done, last_line=chunk.last_line)

    async def _read_header(self) -> None:
        """Reads the first line again, which says where the columns are."""
        first = await self._piece(0)
        if first is not None:
            splitter = LineSplitter()
            lines = [*splitter.feed(first), *splitter.end()]
            # Only the lines before those that are done: the first of them that is not blank is the header, or there is none.
            for line in lines[: self.batch.last_line]:
                self.parser.parse([line])
                if self.parser.columns is not None:
                    return


async def expire_codes(ctx: Ctx) -> int:
    """Takes the codes of all tenants whose time is over out of stock, and says how many."""
    ctx.require("system.run")
    expired = 0
    for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
        async with governing(ctx) as tx:
            due = await vault.pools_with_expired(tx, ctx, count=limits.PAGE_MAX)
        for tenant_id, pool_id in due:
            acting = replace(ctx, tenant_id=tenant_id)
            async with transaction(acting) as tx:
                expired += await vault.expire_codes(tx, acting, pool_id=pool_id)
        if not due:
            break
    return expired


async def forget_uploads(ctx: Ctx) -> int:
    """Drops uploads of all tenants that nobody imported in time, and says how many."""
    ctx.require("system.run")
    async with governing(ctx) as tx:
        stale = await uploads.stale_uploads(tx, ctx, count=limits.CLEAN_UP_ROWS)
    for tenant_id, upload_id in stale:
        acting = system_ctx("codes.forget_uploads", tenant_id=tenant_id, permissions=frozenset({"codes.import"}))
        async with transaction(acting) as tx:
            await uploads.drop_upload(tx, acting, upload_id=upload_id)
    return len(stale)
