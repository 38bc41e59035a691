"""The dry run of an import: what a file is taken for, what would become of its lines, and what looks odd. It stores nothing.

Everything that might be a code is masked. Whether the platform has a code is told, whose it is never: an import would tell
the same. Unlike an import a dry run leaves nothing behind, so that it could be asked about guesses for as long as one likes:
it tells of a few codes of others a day and then of none, says so, and the platform hears of it. Who asks is in the audit log.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from fondaco_core import audit, clock, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.crypto import fingerprint_many, mask_code, normalise_code
from fondaco_core.db import Tx
from fondaco_core.ids import PoolId, TenantId, UploadId
from fondaco_core.keyring import keyring
from fondaco_core.money import Money
from fondaco_tenants.codes.errors import TooManyPreviews
from fondaco_tenants.codes.events import CodesProbed
from fondaco_tenants.codes.rules import (
    NEVER,
    ColumnRole,
    Columns,
    Encoding,
    Entry,
    Fault,
    ImportFormat,
    LineReason,
)
from fondaco_tenants.codes.service.imports import Shape
from fondaco_tenants.codes.store import imports as store
from fondaco_tenants.codes.store.vault import LOCK_COLLISIONS

# When to come again while another dry run is under way, in seconds.
_BUSY_S = 5
# What is shorter than this is rarely a code; nor is what has so many words.
_CODE_CHARS_MIN, _WORDS_MIN = 6, 4
_CHINESE = range(0x4E00, 0xA000)


class ImportOddity(StrEnum):
    """What looks odd about a file that can be imported all the same."""

    HARDLY_CODES = "HARDLY_CODES"
    LOOKS_LIKE_COLUMNS = "LOOKS_LIKE_COLUMNS"
    NO_CODE_COLUMN = "NO_CODE_COLUMN"
    NUMBERS = "NUMBERS"
    NUMBERS_ROUNDED = "NUMBERS_ROUNDED"
    DATES = "DATES"
    FORMULAS = "FORMULAS"
    ENCODING_GUESSED = "ENCODING_GUESSED"
    SPACES_SEPARATE = "SPACES_SEPARATE"
    MORE_SHEETS = "MORE_SHEETS"
    SAME_FILE = "SAME_FILE"
    OTHERS_UNTOLD = "OTHERS_UNTOLD"


@dataclass(frozen=True, slots=True)
class PreviewWarning:
    """Something odd, in how many lines, and in which first; 0 when it is about the file."""

    kind: ImportOddity
    lines: int
    first_line: int


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """A column: its number from 1, its name where there is a header, what it is taken for, some values masked."""

    number: int
    name: str | None
    role: ColumnRole | None
    samples: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """A line that would not become a code."""

    line: int
    reason: LineReason
    masked: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PreviewCode:
    """A code as it would be stored."""

    line: int
    masked: str = field(repr=False)
    has_pin: bool
    serial: str | None
    expires_at: datetime
    cost: Money


@dataclass(frozen=True, slots=True)
class Look:
    """What was read of a file: how it is written, its first rows, and what its lines say."""

    form: ImportFormat
    encoding: Encoding
    columns: Columns | None
    first_rows: Sequence[Sequence[str]] = field(repr=False)
    sheets: tuple[str, ...]
    entries: Sequence[Entry] = field(repr=False)
    faults: Sequence[Fault] = field(repr=False)
    # Lines whose code is a number to its workbook.
    numbers: Sequence[int]
    lines_read: int
    lines_total: int
    complete: bool
    warned: Sequence[ImportOddity] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would do. Counts are of the lines that were read; `lines_total` is a guess unless `complete`."""

    form: ImportFormat
    encoding: Encoding
    delimiter: str | None
    header: bool
    sheets: tuple[str, ...]
    columns: tuple[PreviewColumn, ...]
    lines_read: int
    lines_total: int
    complete: bool
    accepted: int
    duplicates_in_file: int
    duplicates: int
    rejected: int
    problems: tuple[PreviewLine, ...]
    warnings: tuple[PreviewWarning, ...]
    codes: tuple[PreviewCode, ...]
    cost: Money
    first_expires_at: datetime | None
    last_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Known:
    """Which fingerprints the platform has for sale or had: the asker's own, and others'."""

    own: frozenset[bytes]
    foreign: frozenset[bytes]


async def begin_preview(tx: Tx, ctx: Ctx) -> datetime:
    """Takes the merchant's place for a dry run, and says until when it is kept. Raises TooManyPreviews."""
    ctx.require("codes.import")
    now = clock.now()
    until, oldest = now + timedelta(seconds=limits.PREVIEW_LEASE_S), now - timedelta(seconds=limits.PREVIEWS_S)
    if await tx.fetchval(store.BEGIN_PREVIEW, ctx.tenant, now, until, oldest, limits.PREVIEWS_MAX) is None:
        row = await tx.fetchrow(store.PREVIEWS, ctx.tenant)
        assert row is not None
        many = row["since"] > oldest and row["previews"] >= limits.PREVIEWS_MAX
        ends = row["since"] + timedelta(seconds=limits.PREVIEWS_S) if many else now
        raise TooManyPreviews(max(_BUSY_S, int((ends - now).total_seconds())))
    return until


async def end_preview(tx: Tx, ctx: Ctx, *, until: datetime) -> None:
    """Gives the place back."""
    ctx.require("codes.import")
    await tx.execute(store.END_PREVIEW, ctx.tenant, until)


async def known_fingerprints(tx: Tx, ctx: Ctx, marks: Sequence[bytes], *, asker: TenantId) -> Known:
    """Which of these the platform has for sale or had, never whose; in a transaction as fondaco_platform."""
    ctx.require("system.run")
    rows = await tx.fetch(store.KNOWN, list(marks), asker)
    own = frozenset(row["fingerprint"] for row in rows if row["own"])
    return Known(own, frozenset(row["fingerprint"] for row in rows) - own)


async def foreign_told(tx: Tx, ctx: Ctx, *, hits: int) -> tuple[int, bool]:
    """Counts lines that are codes of others; says of how many the asker is told, and whether that was all they are told today."""
    ctx.require("codes.import")
    now = clock.now()
    oldest = now - timedelta(seconds=limits.PREVIEW_HITS_S)
    row = await tx.fetchrow(store.COUNT_HITS, ctx.tenant, hits, oldest, now)
    assert row is not None
    counted, before = row["hits"], row["hits"] - hits
    if before < limits.PREVIEW_HITS_MAX <= counted:
        await outbox.announce(tx, (ctx.tenant, CodesProbed(counted, row["hits_since"])))
    return max(0, min(hits, limits.PREVIEW_HITS_MAX - before)), counted >= limits.PREVIEW_HITS_MAX


async def record_probing(tx: Tx, ctx: Ctx, *, hits: int, since: datetime) -> None:
    """Writes down for the platform that a merchant tries out codes; once, in a transaction as fondaco_platform."""
    ctx.require("system.run")
    await tx.execute(LOCK_COLLISIONS)
    if not await tx.fetchval(store.PROBING_KNOWN, ctx.tenant, since):
        # No tenant: the entry is the platform's, since the merchant may read its own log.
        await audit.record_many(
            tx, ctx, "code.probed", subject_kind="tenant", subjects=[(None, ctx.tenant, {"hits": hits, "since": since})]
        )


async def record_preview(
    tx: Tx, ctx: Ctx, *, upload_id: UploadId, pool_id: PoolId, digest: bytes | None, lines: int
) -> bool:
    """Writes down that somebody asked what a file would do, and says whether it was imported before."""
    ctx.require("codes.import")
    await audit.record(
        tx, ctx, "upload.previewed", subject_kind="upload", subject_id=upload_id, detail={"pool_id": pool_id, "lines": lines}
    )  # fmt: skip
    return digest is not None and await tx.fetchval(store.SAME_FILE, ctx.tenant, digest) > 0


def marks_of(shape: Shape, entries: Sequence[Entry]) -> list[bytes | None]:
    """What recognises the code of each entry; None for one of which nothing is left."""
    normal = [normalise_code(entry.code, shape.kind, case_sensitive=shape.case_sensitive) for entry in entries]
    marks = iter(fingerprint_many(keyring().fingerprint_key, [text for text in normal if text]))
    return [next(marks) if text else None for text in normal]


def tell(look: Look, shape: Shape, unit_cost: Money, marks: Sequence[bytes | None], known: frozenset[bytes]) -> Preview:
    """What an import of these lines would do."""
    problems = [PreviewLine(fault.line, fault.reason, mask_code(fault.text)) for fault in look.faults]
    kept: list[Entry] = []
    seen: set[bytes] = set()
    for entry, mark in zip(look.entries, marks, strict=True):
        reason = LineReason.EMPTY
        if mark is not None:
            reason = LineReason.DUPLICATE_IN_FILE if mark in seen else LineReason.DUPLICATE
            if mark not in seen and mark not in known:
                kept.append(entry)
                seen.add(mark)
                continue
            seen.add(mark)
        problems.append(PreviewLine(entry.line, reason, mask_code(entry.code)))
    problems.sort(key=lambda problem: problem.line)
    counted = {reason: sum(1 for problem in problems if problem.reason is reason) for reason in LineReason}
    duplicates, in_file = counted[LineReason.DUPLICATE], counted[LineReason.DUPLICATE_IN_FILE]
    expiries = [moment for entry in kept if (moment := entry.expires_at or shape.expires_at) != NEVER]
    costs = [unit_cost.amount_minor if entry.cost_minor is None else entry.cost_minor for entry in kept]
    return Preview(
        form=look.form, encoding=look.encoding, delimiter=_delimiter(look), sheets=look.sheets,
        header=look.columns is not None and look.columns.header, columns=_columns(look),
        lines_read=look.lines_read, lines_total=look.lines_total, complete=look.complete,
        accepted=len(kept), duplicates_in_file=in_file, duplicates=duplicates, rejected=len(problems) - duplicates - in_file,
        problems=tuple(problems[: limits.PREVIEW_PROBLEMS_MAX]), warnings=_warnings(look),
        codes=tuple(_stored(entry, shape, unit_cost) for entry in kept[: limits.PREVIEW_SAMPLES_MAX]),
        cost=replace(unit_cost, amount_minor=sum(costs)), first_expires_at=min(expiries, default=None),
        last_expires_at=max(expiries, default=None),
    )  # fmt: skip


def with_warning(told: Preview, kind: ImportOddity) -> Preview:
    """The same with one more warning about the whole file."""
    return replace(told, warnings=(*told.warnings, PreviewWarning(kind, 0, 0)))


def _stored(entry: Entry, shape: Shape, unit_cost: Money) -> PreviewCode:
    cost = unit_cost if entry.cost_minor is None else replace(unit_cost, amount_minor=entry.cost_minor)
    return PreviewCode(
        entry.line,
        mask_code(entry.code),
        entry.pin is not None,
        # A column of codes may have been taken for it.
        None if entry.serial is None else mask_code(entry.serial),
        entry.expires_at or shape.expires_at,
        cost,
    )


def _delimiter(look: Look) -> str | None:
    return look.columns.delimiter if look.columns is not None and look.form is ImportFormat.CSV else None


def _columns(look: Look) -> tuple[PreviewColumn, ...]:
    if look.columns is None:
        samples = [row[0] for row in look.first_rows[: limits.PREVIEW_SAMPLES_MAX] if row]
        return (PreviewColumn(1, None, ColumnRole.CODE, tuple(mask_code(text) for text in samples)),)
    header, *rows = look.first_rows if look.columns.header and look.first_rows else [(), *look.first_rows]
    roles = look.columns.roles()
    width = max((len(row) for row in look.first_rows), default=0)
    return tuple(
        PreviewColumn(
            place + 1,
            # A name that nobody knows may be a code, if the header is none.
            _name(header[place], known=place in roles) if place < len(header) else None,
            roles.get(place),
            tuple(
                mask_code(row[place]) for row in rows[: limits.PREVIEW_SAMPLES_MAX] if place < len(row) and row[place]
            ),
        )
        for place in range(width)
    )


def _name(text: str, *, known: bool) -> str:
    return text[: limits.NAME_MAX] if known or not any(char.isdigit() for char in text) else mask_code(text)


def _warnings(look: Look) -> tuple[PreviewWarning, ...]:
    about: dict[ImportOddity, list[int]] = {
        ImportOddity.HARDLY_CODES: [entry.line for entry in look.entries if _hardly_a_code(entry.code)],
        ImportOddity.NUMBERS: list(look.numbers),
    }
    by_reason = {
        LineReason.NUMBER: ImportOddity.NUMBERS_ROUNDED,
        LineReason.DATE: ImportOddity.DATES,
        LineReason.FORMULA: ImportOddity.FORMULAS,
    }
    for reason, kind in by_reason.items():
        about[kind] = [fault.line for fault in look.faults if fault.reason is reason]
    told = [PreviewWarning(kind, len(lines), lines[0]) for kind, lines in about.items() if lines]
    whole: list[tuple[ImportOddity, Callable[[], bool]]] = [
        (ImportOddity.NO_CODE_COLUMN, lambda: look.columns is not None and look.columns.code is None),
        (ImportOddity.SPACES_SEPARATE, lambda: _delimiter(look) == " "),
        (ImportOddity.MORE_SHEETS, lambda: len(look.sheets) > 1),
    ]
    told += [PreviewWarning(kind, 0, 0) for kind in look.warned]
    return (*told, *(PreviewWarning(kind, 0, 0) for kind, holds in whole if holds()))


def _hardly_a_code(text: str) -> bool:
    if "://" in text:
        return False
    return (
        len(text) < _CODE_CHARS_MIN
        or (len(text.split()) >= _WORDS_MIN and not any(char.isdigit() for char in text))
        or any(ord(char) in _CHINESE for char in text)
    )
