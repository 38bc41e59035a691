"""Writing rows into a file, as CSV or as a workbook, without having them all at once."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import IO, Any

from openpyxl import Workbook

from fondaco_tenants.orders.service.exports import ExportFormat


class Sheet:
    """A file that grows row by row; every cell is text, so that nothing in it is ever reckoned."""

    def __init__(self, file: IO[bytes], form: ExportFormat, *, title: str = "orders") -> None:
        self._file = file
        self._book: Any = None
        self._page: Any
        self._text: io.TextIOWrapper | None = None
        if form is ExportFormat.XLSX:
            self._book = Workbook(write_only=True)
            self._page = self._book.create_sheet(title)
        else:
            # The mark by which spreadsheets know the encoding.
            self._text = io.TextIOWrapper(file, "utf-8-sig", newline="", write_through=True)
            self._page = csv.writer(self._text)

    def add(self, cells: Sequence[str]) -> None:
        """Adds a row."""
        self.add_all([cells])

    def add_all(self, rows: Iterable[Sequence[str]]) -> None:
        """Adds rows."""
        for cells in rows:
            if self._book is not None:
                self._page.append(list(cells))
            else:
                self._page.writerow(cells)

    def close(self) -> int:
        """Ends the file, goes back to its beginning, and says how large it is, in bytes."""
        if self._book is not None:
            self._book.save(self._file)
        if self._text is not None:
            self._text.flush()
            self._text.detach()
        size = self._file.seek(0, io.SEEK_END)
        self._file.seek(0)
        return size
