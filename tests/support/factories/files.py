"""Files of codes as people have them: in the shapes that an import is asked to read."""

import io
from collections.abc import Sequence
from typing import Any

import openpyxl

from fondaco_tenants.codes import ImportFormat


def make_workbook(rows: Sequence[Sequence[Any]], *, title: str = "Sheet1", more: Sequence[str] = ()) -> bytes:
    """A workbook (XLSX) of these rows, with more empty sheets behind the first."""
    book = openpyxl.Workbook(write_only=True)
    sheet: Any = book.create_sheet(title)
    for row in rows:
        sheet.append(list(row))
    for name in more:
        book.create_sheet(name)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def make_file(rows: Sequence[Sequence[str]], form: ImportFormat) -> bytes:
    """The rows in a file of that format; of a list of codes the last column."""
    match form:
        case ImportFormat.XLSX:
            return make_workbook(rows)
        case ImportFormat.CSV:
            return "\n".join(",".join(row) for row in rows).encode()
        case ImportFormat.TXT:
            return "\n".join(row[-1] for row in rows).encode()
