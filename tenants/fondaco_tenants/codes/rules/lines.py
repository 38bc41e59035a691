"""What the lines of an import say. Bytes in, entries and faults out; nothing here remembers more than one line.

TXT is one code a line, and no header. CSV has columns: with a header, those that it names (a code, a PIN, an expiry; others are left
alone), without one the code alone, code and PIN, or code, PIN and expiry. Text stays text: a leading `=` or `0` is part
of the code. Blank lines are no lines.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from fondaco_core import limits
from fondaco_tenants.codes.rules.states import NEVER

_BOM = b"\xef\xbb\xbf"
# A tab separates columns; every other control character is a sign of a file that is not text.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_BLANK = b" \t\r\v\f"
_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_DELIMITERS = (",", "\t", ";")
_COLUMNS_MAX = 64
_BARE_COLUMNS_MAX = 3

_CODE_NAMES = {
    "code", "codes", "card", "card no", "card number", "cardno", "cardnumber", "number", "serial", "voucher", "key", "cdkey",
    "url", "link", "redemption url", "卡号", "卡密", "卡券", "兑换码", "激活码", "序列号", "链接", "兑换链接",
}  # fmt: skip
_PIN_NAMES = {"pin", "password", "passwd", "secret", "card password", "密码", "卡密码", "口令"}
_EXPIRY_NAMES = {
    "expiry", "expires", "expires at", "expiration", "expiry date", "expiration date", "valid until", "valid to",
    "有效期", "有效期至", "过期时间", "到期时间", "到期日",
}  # fmt: skip


class ImportFormat(StrEnum):
    """How an import is written."""

    TXT = "TXT"
    CSV = "CSV"


class LineReason(StrEnum):
    """Why a line did not become an available code."""

    EMPTY = "EMPTY"
    TOO_LONG = "TOO_LONG"
    NOT_TEXT = "NOT_TEXT"
    COLUMNS = "COLUMNS"
    BAD_URL = "BAD_URL"
    BAD_EXPIRY = "BAD_EXPIRY"
    EXPIRED = "EXPIRED"
    DUPLICATE_IN_FILE = "DUPLICATE_IN_FILE"
    DUPLICATE = "DUPLICATE"


@dataclass(slots=True)
class RawLine:
    """One line as it came: its number in the file, where it ends, its bytes; None when it was too long to keep."""

    number: int
    ends_at: int
    text: bytes | None = field(repr=False)


@dataclass(slots=True)
class Entry:
    """A line that says a code."""

    line: int
    code: str = field(repr=False)
    pin: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


@dataclass(slots=True)
class Fault:
    """A line that says none; `text` is what of it may be masked and shown to whoever wrote it."""

    line: int
    reason: LineReason
    text: str = field(default="", repr=False)


class LineSplitter:
    """Cuts a stream of bytes into lines, in pieces of any size; a line that is too long is dropped as it passes by."""

    def __init__(self, *, offset: int = 0, line: int = 0) -> None:
        self._ends_at = offset
        self._line = line
        self._rest = b""
        # How many bytes of a line that is too long have passed by.
        self._dropped = 0

    def feed(self, piece: bytes) -> list[RawLine]:
        """The lines that end in this piece."""
        parts = (self._rest + piece).split(b"\n")
        self._rest = parts.pop()
        lines = [self._made(part, ended=1) for part in parts]
        if len(self._rest) > limits.IMPORT_LINE_BYTES_MAX:
            self._dropped += len(self._rest)
            self._rest = b""
        return lines

    def end(self) -> list[RawLine]:
        """The last line, when the file does not end with a line break."""
        if not self._rest and not self._dropped:
            return []
        rest, self._rest = self._rest, b""
        return [self._made(rest, ended=0)]

    def _made(self, part: bytes, *, ended: int) -> RawLine:
        long = self._dropped > 0 or len(part) > limits.IMPORT_LINE_BYTES_MAX
        self._line += 1
        self._ends_at += self._dropped + len(part) + ended
        self._dropped = 0
        return RawLine(self._line, self._ends_at, None if long else part)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the columns of a CSV file are. `code` is None when the header names no such column."""

    delimiter: str
    header: bool
    code: int | None = 0
    pin: int | None = 1
    expiry: int | None = 2
    width: int = _BARE_COLUMNS_MAX


def read_columns(first: str) -> Columns:
    """Reads the first line of a CSV file: its header, or, when it is none, how its lines are separated."""
    for delimiter in _DELIMITERS:
        cells = _cells(first, delimiter)
        names = [re.sub(r"[\s_-]+", " ", cell.lower()).strip() for cell in cells or ()]
        known = [_place(names, wanted) for wanted in (_CODE_NAMES, _PIN_NAMES, _EXPIRY_NAMES)]
        if any(place is not None for place in known):
            code, pin, expiry = known
            return Columns(delimiter, header=True, code=code, pin=pin, expiry=expiry, width=len(names))
    return Columns("\t" if "\t" in first and "," not in first else ",", header=False)


class LineParser:
    """Reads lines, one file at a time: the first line of a CSV file decides about its columns.

    `links` says that every code must be an address (a fulfilment kind LINK). `now` is the moment before which a code that
    has expired is not worth importing.
    """

    def __init__(self, form: ImportFormat, *, links: bool, now: datetime, columns: Columns | None = None) -> None:
        self.columns = columns
        self._form = form
        self._links = links
        self._now = now

    def parse(self, lines: Iterable[RawLine]) -> tuple[list[Entry], list[Fault]]:
        """The entries and the faults of the lines, each in the order of the file; blank lines and the header are neither."""
        entries: list[Entry] = []
        faults: list[Fault] = []
        for raw in lines:
            if raw.text is None:
                faults.append(Fault(raw.number, LineReason.TOO_LONG))
                continue
            data = raw.text[len(_BOM) :] if raw.number == 1 and raw.text.startswith(_BOM) else raw.text
            data = data.strip(_BLANK) if self._form is ImportFormat.TXT else data.rstrip(b"\r")
            if not data.strip(_BLANK):
                continue
            try:
                text = data.decode()
            except UnicodeDecodeError:
                faults.append(Fault(raw.number, LineReason.NOT_TEXT))
                continue
            if not text.isprintable() and _CONTROL.search(text):
                faults.append(Fault(raw.number, LineReason.NOT_TEXT))
                continue
            read = self._read(raw.number, text)
            if isinstance(read, Entry):
                entries.append(read)
            elif read is not None:
                faults.append(read)
        return entries, faults

    def _read(self, number: int, text: str) -> Entry | Fault | None:
        if self._form is ImportFormat.TXT:
            # A header means that somebody took a file with columns for a list: it must not be sold as a code.
            columns = "\t" in text or (number == 1 and read_columns(text).header)
            entry: Entry | Fault = Fault(number, LineReason.COLUMNS, text) if columns else Entry(number, text)
        else:
            if self.columns is None:
                self.columns = read_columns(text)
                if self.columns.header:
                    return None
            entry = _row(number, text, self.columns)
        return self._checked(entry) if isinstance(entry, Entry) else entry

    def _checked(self, entry: Entry) -> Entry | Fault:
        if len(entry.code.encode()) + len((entry.pin or "").encode()) > limits.CODE_BYTES_MAX:
            return Fault(entry.line, LineReason.TOO_LONG, entry.code[: limits.NAME_MAX])
        if self._links and not _is_address(entry.code):
            return Fault(entry.line, LineReason.BAD_URL, entry.code)
        if entry.expires_at is not None and entry.expires_at <= self._now:
            return Fault(entry.line, LineReason.EXPIRED, entry.code)
        return entry


def _row(number: int, text: str, columns: Columns) -> Entry | Fault:
    cells = _cells(text, columns.delimiter)
    if cells is None or columns.code is None:
        return Fault(number, LineReason.COLUMNS)
    while len(cells) > 1 and not cells[-1]:
        cells.pop()
    code = _cell(cells, columns.code)
    if len(cells) > columns.width:
        return Fault(number, LineReason.COLUMNS, code)
    if not code:
        return Fault(number, LineReason.EMPTY)
    said = _cell(cells, columns.expiry)
    expires_at = _moment(said) if said else None
    if said and expires_at is None:
        return Fault(number, LineReason.BAD_EXPIRY, code)
    return Entry(number, code, _cell(cells, columns.pin) or None, expires_at)


def _cells(text: str, delimiter: str) -> list[str] | None:
    """The cells of one line, without blanks at their ends; None when its quotes do not match."""
    if '"' not in text:
        cells = text.split(delimiter)
    else:
        try:
            cells = next(csv.reader([text], delimiter=delimiter, strict=True, skipinitialspace=True))
        except csv.Error:
            return None
    return [cell.strip() for cell in cells] if len(cells) <= _COLUMNS_MAX else None


def _cell(cells: Sequence[str], place: int | None) -> str:
    return cells[place] if place is not None and place < len(cells) else ""


def _place(names: Sequence[str], wanted: set[str]) -> int | None:
    return next((place for place, name in enumerate(names) if name in wanted), None)


def _moment(text: str) -> datetime | None:
    """The end of a day, or a moment; one without a zone is in UTC."""
    day = _DATE.fullmatch(text)
    try:
        if day is not None:
            midnight = datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC)
            # The last day that there is stands for a code that does not expire.
            return midnight if midnight == NEVER else midnight + timedelta(days=1)
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _is_address(text: str) -> bool:
    if any(char.isspace() for char in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
