"""Rows of a workbook (XLSX), one after the other, as text; nothing of it is ever evaluated.

A workbook is a ZIP of XML, so its size says little: what it may unfold to is bounded before a byte is unfolded (a member
never gives more than its directory entry announces), and a document type, by which XML grows, is refused. Numbers are the
trap of spreadsheets: sixteen digits typed as a number have lost the last one. Such a cell, a date and a formula are said to
be what they are, so that none of them is sold as a code.
"""

import math
import warnings
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl.utils.exceptions import InvalidFileException

from fondaco_core import limits
from fondaco_tenants.codes.errors import UnreadableWorkbook
from fondaco_tenants.codes.rules.layout import COLUMNS_MAX, is_old_workbook
from fondaco_tenants.codes.rules.lines import LineReason, RawRow
from fondaco_tenants.codes.rules.parts import SHEETS, Reader

# Whatever a reader of ZIP, XML and spreadsheets raises for a file that is not what it says.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, ParseError, InvalidFileException, LookupError, ValueError, TypeError, AttributeError,
    EOFError, OSError, RuntimeError, ArithmeticError,
)  # fmt: skip
_DIGITS_KEPT = 15


class Sheet:
    """One sheet of a workbook, open for reading its rows from the top."""

    def __init__(self, data: bytes, *, name: str | None = None) -> None:
        """Opens the named sheet, or the first one that shows. Raises UnreadableWorkbook."""
        if is_old_workbook(data):
            raise UnreadableWorkbook("OLD")
        with _readable():
            _check_size(data)
            # A cell that cannot be a date is told about with its value, which may be a code.
            warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl(\..*)?")
            reader = Reader(data)
            reader.read()
            book: Any = reader.wb
            self._parts = reader.archive
            shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        self.names: list[str] = [sheet.title for sheet in shown]
        if not shown or (name is not None and name not in self.names):
            raise UnreadableWorkbook("NO_SHEET")
        self._sheet: Any = shown[0] if name is None else shown[self.names.index(name)]
        # How many rows it announces, which is sometimes wrong; for nothing but telling how far one is.
        self.rows_announced = max(1, min(self._sheet.max_row or 1, limits.WORKBOOK_ROWS_MAX))
        self._sheet.reset_dimensions()

    def rows(self, *, after: int = 0) -> Iterator[RawRow]:
        """The rows behind that number. Raises UnreadableWorkbook when the rest cannot be read."""
        with _readable():
            self._parts.begin_rows()
            for number, cells in enumerate(self._sheet.iter_rows(max_col=COLUMNS_MAX), start=1):
                if number > limits.WORKBOOK_ROWS_MAX:
                    raise UnreadableWorkbook("TOO_LARGE")
                if self._parts.sheet is not None:
                    self._parts.sheet.rest()
                if number > after:
                    yield _row(number, cells)


def _check_size(data: bytes) -> None:
    if len(data) > limits.WORKBOOK_BYTES_MAX:
        raise UnreadableWorkbook("TOO_LARGE")
    with zipfile.ZipFile(BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > limits.WORKBOOK_PARTS_MAX or any(member.flag_bits & 1 for member in members):
            raise UnreadableWorkbook("TOO_LARGE" if len(members) > limits.WORKBOOK_PARTS_MAX else "OLD")
        unfolded = 0
        for member in members:
            unfolded += member.file_size
            sheet = member.filename.startswith(SHEETS)
            most = limits.WORKBOOK_UNFOLDED_MAX if sheet else limits.WORKBOOK_PART_MAX
            if member.file_size > most or unfolded > limits.WORKBOOK_UNFOLDED_MAX:
                raise UnreadableWorkbook("TOO_LARGE")


@contextmanager
def _readable() -> Generator[None]:
    """Makes whatever is wrong with a file a refusal that does not repeat what stands in it."""
    try:
        yield
    except UnreadableWorkbook:
        raise
    except _BROKEN:
        raise UnreadableWorkbook("BROKEN") from None


def _row(number: int, cells: tuple[Any, ...]) -> RawRow:
    texts: list[str] = []
    odd: dict[int, LineReason] = {}
    numbers: set[int] = set()
    for place, cell in enumerate(cells):
        text, wrong = _text(cell.data_type, cell.value)
        texts.append(text)
        if wrong is not None:
            odd[place] = wrong
        elif isinstance(cell.value, int | float):
            numbers.add(place)
    while texts and not texts[-1]:
        texts.pop()
    return RawRow(number, texts, odd, numbers)


def _text(kind: str, value: Any) -> tuple[str, LineReason | None]:
    """A cell as text, and why it is no code even if it looks like one."""
    match value:
        case None:
            return "", None
        case _ if kind in {"f", "e"} or isinstance(value, bool):
            return str(getattr(value, "text", value)), LineReason.FORMULA
        case int() | float():
            return _number(value)
        case datetime():
            day_only = value.time() == time()
            return value.date().isoformat() if day_only else value.isoformat(" ", "seconds"), LineReason.DATE
        case date() | time() | timedelta():
            return str(value), LineReason.DATE
        case _:
            return " ".join(str(value).split("\n")).strip(), None


def _number(value: float) -> tuple[str, LineReason | None]:
    if not math.isfinite(value) or value != int(value):
        return repr(value), LineReason.NUMBER
    text = str(int(value))
    return text, LineReason.NUMBER if len(text.lstrip("-")) > _DIGITS_KEPT else None
