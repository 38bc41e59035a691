"""Import an upload from wherever it stands to its end.

Sealing and reading lines is done between transactions and never inside one: locks are held for the time of the SQL alone.
A text file is read piece by piece. A workbook is held in memory, which is why its size is bounded, and read from its top
again when an import was cut off: a ZIP has no middle to begin at.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import islice

from fondaco_core import limits, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import DataKey
from fondaco_core.db import reading, transaction
from fondaco_core.ids import BatchId
from fondaco_core.keyring import keyring
from fondaco_core.logs import get_logger
from fondaco_tenants.codes.errors import UnreadableWorkbook
from fondaco_tenants.codes.rules import (
    BatchState,
    ImportFormat,
    Layout,
    LineParser,
    LineSplitter,
    RawLine,
    RawRow,
    Sheet,
    detect,
)
from fondaco_tenants.codes.service import batches, imports, uploads
from fondaco_tenants.codes.service.batches import Batch
from fondaco_tenants.codes.service.imports import Sealed, Shape, parser_of, seal_lines
from fondaco_tenants.codes.service.uploads import Overtaken

log = get_logger(__name__)

# An import that was given up because its file is gone, and one whose merchant is.
UPLOAD_GONE = "UPLOAD_GONE"
TENANT_CLOSED = "TENANT_CLOSED"


async def run_import(ctx: Ctx, *, batch_id: BatchId) -> None:
    """Imports an upload from wherever it stands to its end, exactly once, however often this is run or cut off.

    That of a merchant who may not trade now stops where it is, and goes on when the merchant does.
    """
    ctx.require("codes.import")
    async with reading(ctx) as tx:
        batch = await batches.get_batch(tx, ctx, batch_id=batch_id)
        if batch.state is not BatchState.IMPORTING:
            return
        shape = await imports.shape_of(
            tx, ctx, pool_id=batch.pool_id, expires_at=batch.expires_at, currency=batch.unit_cost.currency
        )
    run = _Run(ctx, batch, shape)
    failure = None
    try:
        await run.to_the_end()
    except Overtaken:
        # Somebody else is at it, and has stored what was read here.
        return
    except _UploadGone:
        failure = UPLOAD_GONE
    except UnreadableWorkbook as refusal:
        failure = refusal.code
    except tenancy.TenantNotActive as refusal:
        log.info("import.stopped", batch_id=str(batch_id), state=refusal.state)
        failure = TENANT_CLOSED if refusal.state == tenancy.TenantState.CLOSED else None
    if failure is not None:
        async with transaction(ctx) as tx:
            await uploads.fail_import(tx, ctx, batch=run.batch, failure=failure)


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

    async def to_the_end(self) -> None:
        read = self._workbook() if self.batch.format is ImportFormat.XLSX else self._text()
        # While the database stores a chunk, the next one is read and sealed.
        async with aclosing(read) as chunks:
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

    async def _text(self) -> AsyncGenerator[_Chunk, None]:
        """Reads the file from where the import stands and seals its lines, so many at a time."""
        first = await self._piece(0)
        layout = detect(first, self.batch.format, self.batch.mapping)
        parser = parser_of(self.shape, layout, self.batch.mapping)
        if self.batch.last_line:
            _read_header(parser, layout, first, self.batch.last_line)
        splitter = LineSplitter(
            offset=self.batch.bytes_done, line=self.batch.last_line, encoding=layout.encoding, lone_cr=layout.lone_cr
        )
        offset, waiting, lines = self.batch.bytes_done, 0, list[RawLine]()
        while offset < self.batch.bytes_total:
            piece = first if offset == 0 else await self._piece(offset)
            lines = [*lines[waiting:], *splitter.feed(piece)]
            waiting, offset = 0, offset + len(piece)
            while len(lines) - waiting >= limits.IMPORT_CHUNK_LINES:
                yield await self._sealed(parser, lines[waiting : waiting + limits.IMPORT_CHUNK_LINES])
                waiting += limits.IMPORT_CHUNK_LINES
        lines = [*lines[waiting:], *splitter.end()]
        if lines:
            yield await self._sealed(parser, lines)

    async def _workbook(self) -> AsyncGenerator[_Chunk, None]:
        """Reads a workbook from its top and seals the rows behind those that are done."""
        whole = await read_whole(self.ctx, self.batch)
        sheet = await asyncio.to_thread(Sheet, whole, name=self.batch.mapping.sheet)
        parser = parser_of(self.shape, Layout(ImportFormat.XLSX), self.batch.mapping)
        done = self.batch.last_line
        rows = _rows_behind(sheet, parser, done)
        while taken := await asyncio.to_thread(lambda: list(islice(rows, limits.IMPORT_CHUNK_LINES))):
            key = await keyring().sealing_key(self.shape.tenant_id)
            sealed = await asyncio.to_thread(self._seal_rows, key, parser, taken)
            last = taken[-1].number
            # How far a ZIP is read says nothing; rows of those that it announces do.
            part = self.batch.bytes_total * min(last, sheet.rows_announced) // sheet.rows_announced
            yield _Chunk(sealed, bytes_done=part, last_line=last)

    def _seal_rows(self, key: DataKey, parser: LineParser, rows: list[RawRow]) -> Sealed:
        entries, faults = parser.parse_rows(rows)
        return seal_lines(key, self.shape, entries, faults)

    async def _piece(self, offset: int) -> bytes:
        async with reading(self.ctx) as tx:
            piece = await uploads.read_piece(tx, self.ctx, upload_id=self.upload_id, offset=offset)
        if piece is None:
            raise _UploadGone
        return piece.data[offset - piece.starts_at :]

    async def _sealed(self, parser: LineParser, lines: list[RawLine]) -> _Chunk:
        key = await keyring().sealing_key(self.shape.tenant_id)
        # In a thread, so that this worker's other work goes on meanwhile.
        sealed = await asyncio.to_thread(self._seal, key, parser, lines)
        return _Chunk(sealed, bytes_done=lines[-1].ends_at, last_line=lines[-1].number)

    def _seal(self, key: DataKey, parser: LineParser, lines: list[RawLine]) -> Sealed:
        entries, faults = parser.parse(lines)
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


async def read_whole(ctx: Ctx, batch: Batch) -> bytes:
    """A workbook as a whole, in memory. Raises UnreadableWorkbook when it is larger than that may be."""
    if batch.bytes_total > limits.WORKBOOK_BYTES_MAX:
        raise UnreadableWorkbook("TOO_LARGE")
    assert batch.upload_id is not None
    whole = bytearray()
    while len(whole) < batch.bytes_total:
        async with reading(ctx) as tx:
            piece = await uploads.read_piece(tx, ctx, upload_id=batch.upload_id, offset=len(whole))
        if piece is None:
            raise _UploadGone
        whole += piece.data
    return bytes(whole)


def _read_header(parser: LineParser, layout: Layout, first: bytes, done: int) -> None:
    """Reads the first lines again, one of which says where the columns are, as they were read before the cut."""
    splitter = LineSplitter(encoding=layout.encoding, lone_cr=layout.lone_cr)
    for line in [*splitter.feed(first), *splitter.end()][:done]:
        if layout.form is ImportFormat.TXT or (parser.columns is not None and not parser.header_ahead):
            return
        parser.parse([line])


def _rows_behind(sheet: Sheet, parser: LineParser, done: int) -> Iterator[RawRow]:
    """The rows behind that number; those before it are read for the header among them."""
    for row in sheet.rows():
        if row.number > done:
            yield row
        elif parser.columns is None or parser.header_ahead:
            parser.parse_rows([row])
