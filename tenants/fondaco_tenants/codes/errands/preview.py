"""The dry run of an import: reads an upload between transactions, as much as is shown, and stores nothing."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from fondaco_core import limits, tenancy
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.ids import PoolId, UploadId
from fondaco_core.money import Money
from fondaco_tenants.codes.errors import UnreadableWorkbook, UploadNotReady, WrongFormat
from fondaco_tenants.codes.rules import (
    Encoding,
    ImportFormat,
    Layout,
    LineSplitter,
    Mapping,
    RawLine,
    RawRow,
    Sheet,
    UploadState,
    detect,
    magic,
    split_cells,
)
from fondaco_tenants.codes.service import imports, preview, uploads
from fondaco_tenants.codes.service.imports import Shape, parser_of
from fondaco_tenants.codes.service.preview import ImportOddity, Look, Preview
from fondaco_tenants.codes.service.terms import checked_mapping, checked_terms
from fondaco_tenants.codes.service.uploads import Upload

_SYSTEM = system_ctx("codes.preview", permissions=frozenset({"system.run"}))


async def preview_import(
    ctx: Ctx,
    *,
    pool_id: PoolId,
    upload_id: UploadId,
    unit_cost: Money,
    form: ImportFormat | None = None,
    mapping: Mapping | None = None,
    expires_at: datetime | None = None,
) -> Preview:
    """Says what an import of a complete upload would do, and does nothing; the format is found out when it is not said.

    Reads the first limits.PREVIEW_LINES_MAX lines. Raises NotFound, PoolArchived, UploadNotReady, TooManyPreviews,
    UnreadableWorkbook, WrongFormat.
    """
    ctx.require("codes.import")
    terms = checked_terms("", unit_cost, expires_at)
    said = checked_mapping(mapping)
    async with reading(ctx) as tx:
        await tenancy.require_active(tx, ctx)
        shape = await imports.shape_of(
            tx, ctx, pool_id=pool_id, expires_at=terms.expires_at, currency=unit_cost.currency
        )
        upload = await uploads.get_upload(tx, ctx, upload_id=upload_id)
    if upload.state is not UploadState.READY:
        raise UploadNotReady
    async with transaction(ctx) as tx:
        until = await preview.begin_preview(tx, ctx)
    try:
        return await _preview(ctx, upload, shape, pool_id=pool_id, unit_cost=unit_cost, form=form, mapping=said)
    finally:
        async with transaction(ctx) as tx:
            await preview.end_preview(tx, ctx, until=until)


async def _preview(
    ctx: Ctx, upload: Upload, shape: Shape, *, pool_id: PoolId, unit_cost: Money, form: ImportFormat | None, mapping: Mapping
) -> Preview:  # fmt: skip
    look = await _look(ctx, upload, shape, form, mapping)
    marks = await asyncio.to_thread(preview.marks_of, shape, look.entries)
    asked = list(dict.fromkeys(mark for mark in marks if mark is not None))
    async with governing(_SYSTEM) as tx:
        known = await preview.known_fingerprints(tx, _SYSTEM, sorted(asked), asker=ctx.tenant)
    foreign = [mark for mark in asked if mark in known.foreign]
    async with transaction(ctx) as tx:
        same = await preview.record_preview(
            tx, ctx, upload_id=upload.id, pool_id=pool_id, digest=upload.digest, lines=look.lines_read
        )
        count, untold = await preview.foreign_told(tx, ctx, hits=len(foreign))
    told = await asyncio.to_thread(preview.tell, look, shape, unit_cost, marks, known.own | set(foreign[:count]))
    warned = ((ImportOddity.SAME_FILE, same), (ImportOddity.OTHERS_UNTOLD, untold))
    for kind, odd in warned:
        told = preview.with_warning(told, kind) if odd else told
    return told


async def _look(ctx: Ctx, upload: Upload, shape: Shape, form: ImportFormat | None, mapping: Mapping) -> Look:
    head = await _bytes(ctx, upload, limits.UPLOAD_CHUNK_BYTES)
    workbook = magic(head) is ImportFormat.XLSX
    if form is not None and workbook != (form is ImportFormat.XLSX):
        raise WrongFormat(workbook=workbook)
    if workbook:
        if upload.size > limits.WORKBOOK_BYTES_MAX:
            raise UnreadableWorkbook("TOO_LARGE")
        whole = await _bytes(ctx, upload, upload.size)
        return await asyncio.to_thread(_look_at_rows, whole, shape, mapping)
    # Lines of codes are some dozens of bytes long; what is read is bounded all the same.
    part = await _bytes(ctx, upload, limits.PREVIEW_LINES_MAX * _LINE_BYTES)
    return await asyncio.to_thread(_look_at_lines, part, upload.size, form, shape, mapping)


_LINE_BYTES = 256


async def _bytes(ctx: Ctx, upload: Upload, count: int) -> bytes:
    """The beginning of a file, so many bytes or all of it."""
    found = bytearray()
    while len(found) < min(count, upload.size):
        async with reading(ctx) as tx:
            piece = await uploads.read_piece(tx, ctx, upload_id=upload.id, offset=len(found))
        if piece is None:
            raise UploadNotReady
        found += piece.data
    return bytes(found[:count])


def _look_at_lines(data: bytes, size: int, form: ImportFormat | None, shape: Shape, mapping: Mapping) -> Look:
    layout = detect(data, form, mapping)
    parser = parser_of(shape, layout, mapping)
    splitter = LineSplitter(encoding=layout.encoding, lone_cr=layout.lone_cr)
    lines = splitter.feed(data)
    whole = len(data) == size
    if whole:
        lines += splitter.end()
    complete = whole and len(lines) <= limits.PREVIEW_LINES_MAX
    lines = lines[: limits.PREVIEW_LINES_MAX]
    entries, faults = parser.parse(lines)
    read_bytes = lines[-1].ends_at if lines else len(data)
    first = _first_rows(lines, layout, parser.columns.delimiter if parser.columns is not None else None)
    warned: list[ImportOddity] = []
    if layout.encoding is Encoding.GB18030 and mapping.encoding is None:
        warned.append(ImportOddity.ENCODING_GUESSED)
    if layout.form is ImportFormat.TXT and detect(data, None, mapping).form is ImportFormat.CSV:
        warned.append(ImportOddity.LOOKS_LIKE_COLUMNS)
    return Look(
        layout.form, layout.encoding, parser.columns, first, (), entries, faults, (),
        len(lines), len(lines) if complete else len(lines) * size // max(1, read_bytes), complete, warned,
    )  # fmt: skip


def _first_rows(lines: Sequence[RawLine], layout: Layout, delimiter: str | None) -> list[list[str]]:
    rows: list[list[str]] = []
    for line in lines:
        text = "" if line.text is None else line.text.decode(layout.encoding.codec, "replace").strip("\ufeff\r\n ")
        if text:
            rows.append([text] if delimiter is None else split_cells(text, delimiter) or [text])
        if len(rows) > limits.PREVIEW_SAMPLES_MAX:
            break
    return rows


def _look_at_rows(data: bytes, shape: Shape, mapping: Mapping) -> Look:
    sheet = Sheet(data, name=mapping.sheet)
    parser = parser_of(shape, Layout(ImportFormat.XLSX), mapping)
    rows: list[RawRow] = list(islice(sheet.rows(), limits.PREVIEW_LINES_MAX + 1))
    complete = len(rows) <= limits.PREVIEW_LINES_MAX
    rows = rows[: limits.PREVIEW_LINES_MAX]
    entries, faults = parser.parse_rows(rows)
    code = parser.columns.code if parser.columns is not None else None
    said = {entry.line for entry in entries}
    numbers = [row.number for row in rows if code in row.numbers and row.number in said]
    first = [row.cells for row in rows if any(row.cells)][: limits.PREVIEW_SAMPLES_MAX + 1]
    total = len(rows) if complete else max(len(rows), sheet.rows_announced)
    return Look(
        ImportFormat.XLSX, Encoding.UTF_8, parser.columns, first, tuple(sheet.names), entries, faults, numbers,
        len(rows), total, complete,
    )  # fmt: skip
