"""What the lines of an import say. Bytes in, entries and faults out; nothing here remembers more than one line.

TXT is one code a line, and no header. CSV has columns: with a header, those that it names (others are left alone), without
one the code alone, code and PIN, or code, PIN and expiry; or those that the importer names. Text stays text: a leading `=`
or `0` is part of the code. Blank lines are no lines.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from fondaco_core import limits
from fondaco_tenants.codes.rules.fields import Dates, read_cost, read_moment
from fondaco_tenants.codes.rules.layout import (
    Columns,
    Encoding,
    ImportFormat,
    Layout,
    Mapping,
    columns_of_row,
    read_columns,
    split_cells,
)

# A tab separates columns; every other control character is a sign of a file that is not text.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_BLANK = " \t\r\v\f"
# What spreadsheets make of long numbers when they write a file: the last digits are gone.
_ROUNDED = re.compile(r"\d(?:\.\d+)?[eE]\+\d{1,3}")


class LineReason(StrEnum):
    """Why a line did not become an available code."""

    EMPTY = "EMPTY"
    TOO_LONG = "TOO_LONG"
    NOT_TEXT = "NOT_TEXT"
    COLUMNS = "COLUMNS"
    BAD_URL = "BAD_URL"
    BAD_EXPIRY = "BAD_EXPIRY"
    BAD_COST = "BAD_COST"
    EXPIRED = "EXPIRED"
    FORMULA = "FORMULA"
    NUMBER = "NUMBER"
    DATE = "DATE"
    DUPLICATE_IN_FILE = "DUPLICATE_IN_FILE"
    DUPLICATE = "DUPLICATE"


@dataclass(slots=True)
class RawLine:
    """One line as it came: its number in the file, where it ends, its bytes; None when it was too long to keep."""

    number: int
    ends_at: int
    text: bytes | None = field(repr=False)


@dataclass(slots=True)
class RawRow:
    """One row of a workbook: its number, its cells as text, and what is wrong with some of them."""

    number: int
    cells: list[str] = field(repr=False)
    odd: dict[int, LineReason] = field(default_factory=dict)
    # Cells that are numbers: zeros at their beginning are lost.
    numbers: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Entry:
    """A line that says a code; `raw` is the line as it came."""

    line: int
    code: str = field(repr=False)
    pin: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    serial: str | None = None
    cost_minor: int | None = None
    note: str | None = field(default=None, repr=False)
    raw: str = field(default="", repr=False, compare=False)


@dataclass(slots=True)
class Fault:
    """A line that says none; `text` is what of it may be masked and shown to whoever wrote it, `raw` the line as it came."""

    line: int
    reason: LineReason
    text: str = field(default="", repr=False)
    raw: str = field(default="", repr=False, compare=False)


class LineSplitter:
    """Cuts a stream of bytes into lines, in pieces of any size; a line that is too long is dropped as it passes by."""

    def __init__(
        self, *, offset: int = 0, line: int = 0, encoding: Encoding = Encoding.UTF_8, lone_cr: bool = False
    ) -> None:
        self._ends_at = offset
        self._line = line
        self._break = ("\r" if lone_cr else "\n").encode(encoding.codec)
        self._bytes_max = limits.IMPORT_LINE_BYTES_MAX * encoding.unit
        self._rest = b""
        # How many bytes of a line that is too long have passed by.
        self._dropped = 0

    def feed(self, piece: bytes) -> list[RawLine]:
        """The lines that end in this piece."""
        parts = self._split(self._rest + piece)
        self._rest = parts.pop()
        lines = [self._made(part, ended=len(self._break)) for part in parts]
        if len(self._rest) > self._bytes_max:
            # An even number of bytes, so that two bytes of one character stay together, and of a line break, too.
            gone = len(self._rest) // 2 * 2
            self._dropped += gone
            self._rest = self._rest[gone:]
        return lines

    def end(self) -> list[RawLine]:
        """The last line, when the file does not end with a line break."""
        if not self._rest and not self._dropped:
            return []
        rest, self._rest = self._rest, b""
        return [self._made(rest, ended=0)]

    def _split(self, data: bytes) -> list[bytes]:
        parts = data.split(self._break)
        if len(self._break) == 1:
            return parts
        # What looks like a line break may be the second half of one character and the first of the next.
        joined: list[bytes] = []
        odd: bytes | None = None
        for part in parts:
            whole = part if odd is None else odd + self._break + part
            odd = whole if len(whole) % 2 else None
            if odd is None:
                joined.append(whole)
        return [*joined, odd] if odd is not None else [*joined] if joined else [b""]

    def _made(self, part: bytes, *, ended: int) -> RawLine:
        long = self._dropped > 0 or len(part) > self._bytes_max
        self._line += 1
        self._ends_at += self._dropped + len(part) + ended
        self._dropped = 0
        return RawLine(self._line, self._ends_at, None if long else part)


class LineParser:
    """Reads lines, one file at a time; without `columns` the first line of a CSV file, or row of a workbook, decides.

    `links` says that every code must be an address (a fulfilment kind LINK). `now` is the moment before which a code that
    has expired is not worth importing. Costs are in `currency`.
    """

    def __init__(
        self,
        form: ImportFormat,
        *,
        links: bool,
        now: datetime,
        layout: Layout | None = None,
        mapping: Mapping | None = None,
        currency: str = "CNY",
    ) -> None:
        self.columns = None if layout is None else layout.columns
        # Whether the header is still to come: it is the first line that is not blank.
        self.header_ahead = self.columns is not None and self.columns.header
        self._form = form
        self._codec = (Encoding.UTF_8 if layout is None else layout.encoding).codec
        self._mapping = mapping or Mapping()
        self._dates = Dates() if mapping is None else mapping.dates
        self._links = links
        self._now = now
        self._currency = currency

    def parse(self, lines: Iterable[RawLine]) -> tuple[list[Entry], list[Fault]]:
        """The entries and the faults of the lines, each in the order of the file; blank lines and the header are neither."""
        entries: list[Entry] = []
        faults: list[Fault] = []
        for raw in lines:
            read = self._line(raw)
            if isinstance(read, Entry):
                entries.append(read)
            elif read is not None:
                faults.append(read)
        return entries, faults

    def parse_rows(self, rows: Iterable[RawRow]) -> tuple[list[Entry], list[Fault]]:
        """The same for rows of a workbook."""
        entries: list[Entry] = []
        faults: list[Fault] = []
        for row in rows:
            if not any(row.cells):
                continue
            if self.columns is None:
                self.columns = columns_of_row(row.cells, self._mapping)
                self.header_ahead = self.columns.header
            read = self._row(row.number, row.cells, "\t".join(row.cells), row.odd)
            if isinstance(read, Entry):
                entries.append(read)
            elif read is not None:
                faults.append(read)
        return entries, faults

    def _line(self, raw: RawLine) -> Entry | Fault | None:
        number, data = raw.number, raw.text
        if data is None:
            return Fault(number, LineReason.TOO_LONG)
        text = self._text(number, data)
        if isinstance(text, Fault) or not text:
            return text or None
        if self._form is not ImportFormat.TXT:
            if self.columns is None:
                self.columns = read_columns(text)
                self.header_ahead = self.columns.header
            return self._row(number, split_cells(text, self.columns.delimiter), text, {})
        # A header means that somebody took a file with columns for a list: it must not be sold as a code.
        if "\t" in text or (number == 1 and read_columns(text).header):
            return Fault(number, LineReason.COLUMNS, text, raw=text)
        return self._checked(Entry(number, text, raw=text))

    def _text(self, number: int, data: bytes) -> str | Fault:
        """A line as text, without blanks that mean nothing."""
        try:
            text = data.decode(self._codec)
        except UnicodeDecodeError:
            return Fault(number, LineReason.NOT_TEXT, raw=data.decode(self._codec, "replace"))
        if number == 1:
            text = text.removeprefix("\ufeff")
        text = text.strip(_BLANK) if self._form is ImportFormat.TXT else text.rstrip("\r")
        if text.isprintable():
            return "" if text.isspace() else text
        if text.isspace():
            return ""
        return Fault(number, LineReason.NOT_TEXT, raw=text) if _CONTROL.search(text) else text

    def _row(self, number: int, cells: list[str] | None, raw: str, odd: dict[int, LineReason]) -> Entry | Fault | None:
        if self.header_ahead:
            self.header_ahead = False
            return None
        columns = self.columns
        assert columns is not None
        if cells is None or columns.code is None:
            return Fault(number, LineReason.COLUMNS, raw=raw)
        while len(cells) > 1 and not cells[-1]:
            cells.pop()
        code = _cell(cells, columns.code)
        if len(cells) > columns.width:
            return Fault(number, LineReason.COLUMNS, code, raw=raw)
        if not code:
            return Fault(number, LineReason.EMPTY, raw=raw)
        wrong = next((odd[place] for place in (columns.code, columns.pin) if place is not None and place in odd), None)
        if wrong is not None:
            return Fault(number, wrong, code, raw=raw)
        return self._entry(number, code, cells, columns, raw)

    def _entry(self, number: int, code: str, cells: Sequence[str], columns: Columns, raw: str) -> Entry | Fault:
        said, cost = _cell(cells, columns.expiry), _cell(cells, columns.cost)
        expires_at = read_moment(said, self._dates) if said else None
        if said and expires_at is None:
            return Fault(number, LineReason.BAD_EXPIRY, code, raw=raw)
        cost_minor = read_cost(cost, self._currency) if cost else None
        if cost and cost_minor is None:
            return Fault(number, LineReason.BAD_COST, code, raw=raw)
        serial, note = _cell(cells, columns.serial), _cell(cells, columns.note)
        if max(len(serial), len(note)) > limits.NAME_MAX:
            return Fault(number, LineReason.TOO_LONG, code, raw=raw)
        pin = _cell(cells, columns.pin) or None
        return self._checked(
            Entry(number, code, pin, expires_at, serial=serial or None, cost_minor=cost_minor, note=note or None, raw=raw)
        )  # fmt: skip

    def _checked(self, entry: Entry) -> Entry | Fault:
        code = entry.code
        if _too_long(code, entry.pin):
            return Fault(entry.line, LineReason.TOO_LONG, code[: limits.NAME_MAX], raw=entry.raw)
        if "+" in code and _ROUNDED.fullmatch(code):
            return Fault(entry.line, LineReason.NUMBER, code, raw=entry.raw)
        if self._links and not _is_address(code):
            return Fault(entry.line, LineReason.BAD_URL, code, raw=entry.raw)
        if entry.expires_at is not None and entry.expires_at <= self._now:
            return Fault(entry.line, LineReason.EXPIRED, code, raw=entry.raw)
        return entry


def _too_long(code: str, pin: str | None) -> bool:
    # Most are so short that their bytes need not be counted; a character has four of them at most.
    if 4 * (len(code) + len(pin or "")) <= limits.CODE_BYTES_MAX:
        return False
    return len(code.encode()) + len((pin or "").encode()) > limits.CODE_BYTES_MAX


def _cell(cells: Sequence[str], place: int | None) -> str:
    return cells[place] if place is not None and place < len(cells) else ""


def _is_address(text: str) -> bool:
    if any(char.isspace() for char in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
