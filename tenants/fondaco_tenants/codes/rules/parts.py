"""Parts of a workbook as they may be read: bounded by what a reader would hold of them at once.

A row, or a shared text, is in memory as a whole before anybody has seen it, and an element of XML takes four bytes in a file
and a hundred in memory. So a part gives only so much until the reader says that a row or a text has ended. What stands before
and behind the rows of a sheet is of no use here, and is not even parsed.
"""

import re
import zipfile
from io import BytesIO
from typing import Any, Final, Self
from xml.etree.ElementTree import iterparse

import openpyxl.reader.excel
from openpyxl.cell.text import Text
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

from fondaco_core import limits
from fondaco_tenants.codes.errors import UnreadableWorkbook

SHEETS: Final = "xl/worksheets/"
_STRING: Final = f"{{{SHEET_MAIN_NS}}}si"
_ROWS_BEGIN: Final = re.compile(rb"<((?:[A-Za-z]\w*:)?)sheetData\b")
_ROWS_END: Final = re.compile(rb"</((?:[A-Za-z]\w*:)?)sheetData\s*>")
# A document type: by its entities XML grows. However far behind blanks and remarks it stands.
_DOCTYPES: Final = tuple("<!DOCTYPE".encode(codec) for codec in ("ascii", "utf-16-le", "utf-16-be"))
# The longest that any of these is, more or less: what may stand at the end of one piece and the beginning of the next.
_OVERLAP: Final = 64


class Part:
    """One part, open for reading; it ends where `until` is found, as if its document did."""

    def __init__(self, inner: Any, *, most: int, until: re.Pattern[bytes] | None = None, keep: bool = True) -> None:
        self._inner = inner
        self._most = most
        self._until = until
        self._keep = keep
        self._given = 0
        self._tail = b""
        self._last = b""
        self._over = False

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises UnreadableWorkbook for a document type, or when too many came since the last row or text."""
        if self._over:
            return b""
        piece: bytes = self._inner.read(size)
        self._given += len(piece)
        if self._given > self._most:
            raise UnreadableWorkbook("TOO_LARGE")
        seen = self._last + piece
        if any(doctype in seen for doctype in _DOCTYPES):
            raise UnreadableWorkbook("BROKEN")
        self._last = piece[-_OVERLAP:]
        return piece if self._until is None else self._cut(piece, self._until)

    def rest(self) -> None:
        """Says that a row or a text has ended."""
        self._given = 0

    def close(self) -> None:
        """Closes it."""
        self._inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _cut(self, piece: bytes, until: re.Pattern[bytes]) -> bytes:
        # The last bytes are held back, since a tag may be cut in two; at the end of the part they follow.
        seen, self._tail = self._tail + piece, b""
        found = until.search(seen)
        if found is not None:
            self._over = True
            return seen[: found.end() if self._keep else found.start()] + b"</" + found[1] + b"worksheet>"
        if piece:
            seen, self._tail = seen[:-_OVERLAP], seen[-_OVERLAP:]
            # Nothing at all would be the end.
            return seen or self.read(_OVERLAP)
        return seen


class Parts(zipfile.ZipFile):
    """The parts of a workbook, by name."""

    def __init__(self, data: bytes) -> None:
        super().__init__(BytesIO(data))
        self._only_head = True
        # The sheet whose rows are read.
        self.sheet: Part | None = None

    def begin_rows(self) -> None:
        """From now on sheets are read for their rows, not for what stands before them."""
        self._only_head = False

    def open(self, name: Any, *args: Any, **kwargs: Any) -> Any:
        """A part, bounded."""
        inner = super().open(name, *args, **kwargs)
        path = name.filename if isinstance(name, zipfile.ZipInfo) else name
        if not path.startswith(SHEETS):
            return Part(inner, most=limits.WORKBOOK_TREE_MAX)
        if self._only_head:
            return Part(inner, most=limits.WORKBOOK_TREE_MAX, until=_ROWS_BEGIN, keep=False)
        self.sheet = Part(inner, most=limits.WORKBOOK_ROW_MAX, until=_ROWS_END)
        return self.sheet


class Reader(openpyxl.reader.excel.ExcelReader):
    """openpyxl's reader of workbooks over bounded parts."""

    def __init__(self, data: bytes) -> None:
        super().__init__(BytesIO(data), read_only=True, data_only=False, keep_links=False)
        self.archive: Parts = Parts(data)  # pyright: ignore[reportIncompatibleVariableOverride]

    def read_strings(self) -> None:
        """The shared texts, one after the other."""
        package: Any = self.package
        part = package.find(SHARED_STRINGS)
        if part is None:
            return
        with self.archive.open(part.PartName[1:]) as source:
            for _, node in iterparse(source):  # noqa: S314 - what has a document type was refused before
                if node.tag == _STRING:
                    text: Any = Text.from_tree(node)  # type: ignore[arg-type] # a tree is what it takes
                    self.shared_strings.append(text.content.replace("x005F_", ""))
                    node.clear()
                    source.rest()
