"""Small files that are meant to become large, or slow, while they are read: a process stays as small and as quick as it was."""

import io
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from fondaco_core import limits
from fondaco_tenants.codes import UnreadableWorkbook
from fondaco_tenants.codes.rules import Sheet, split_cells
from fondaco_tenants.codes.rules.layout import HYPHENS, columns_of_header
from tests.support.factories.files import make_workbook

NAMESPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
MIB = 1024 * 1024


def with_part(name: str, data: bytes) -> bytes:
    """A workbook with one of its parts replaced."""
    written = io.BytesIO()
    whole = zipfile.ZipFile(io.BytesIO(make_workbook([["code"], ["ABCDEFGH12345678"]])))
    with whole, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in whole.infolist():
            archive.writestr(member.filename, data if member.filename == name else whole.read(member))
    return written.getvalue()


def endless_row(*, named: bytes = b"row") -> bytes:
    cells = b"<c/>" * (8 * MIB // 4)
    return b"<worksheet %b><sheetData><%b>%b</%b></sheetData></worksheet>" % (NAMESPACE, named, cells, named)


def endless_head() -> bytes:
    return b"<worksheet %b><cols>%b</cols><sheetData/></worksheet>" % (NAMESPACE, b"<b/>" * (8 * MIB // 4))


def hidden_rows() -> bytes:
    """Ends of rows that are none: in remarks, and in a language of their own."""
    cells = (b"<c/>" * 10_000 + b"<!-- </row><row> --><y:row></y:row>") * (8 * MIB // 40_000)
    return b'<worksheet %b xmlns:y="urn:y"><sheetData><row>%b</row></sheetData></worksheet>' % (NAMESPACE, cells)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("xl/worksheets/sheet1.xml", endless_row),
        ("xl/worksheets/sheet1.xml", lambda: endless_row(named=b"r")),
        ("xl/worksheets/sheet1.xml", endless_head),
        ("xl/worksheets/sheet1.xml", hidden_rows),
        ("xl/styles.xml", lambda: b"<styleSheet %b>%b</styleSheet>" % (NAMESPACE, b"<a/>" * (8 * MIB // 4))),
        ("xl/workbook.xml", lambda: b"<workbook %b>%b</workbook>" % (NAMESPACE, b"<a/>" * (8 * MIB // 4))),
    ],
    ids=["row", "no row at all", "head", "hidden", "styles", "book"],
)
def test_a_workbook_whose_parts_become_large_trees_is_refused_before_they_have(
    name: str, data: Callable[[], bytes]
) -> None:
    made = with_part(name, data())
    assert len(made) < MIB

    tracemalloc.start()
    with pytest.raises(UnreadableWorkbook) as refused:
        list(Sheet(made).rows())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert refused.value.problem == "TOO_LARGE"
    assert most < 40 * limits.WORKBOOK_TREE_MAX


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_however_far_behind_it_stands(codec: str) -> None:
    entities = "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 5))
    sheet = (
        f"<?xml version='1.0' encoding='{codec}'?>{' ' * 70_000}<!DOCTYPE x [<!ENTITY a0 'HAHA'>{entities}]>"
        f"<worksheet {NAMESPACE.decode()}><sheetData><row><c t='inlineStr'><is><t>&a4;</t></is></c></row></sheetData></worksheet>"
    )

    with pytest.raises(UnreadableWorkbook) as refused:
        list(Sheet(with_part("xl/worksheets/sheet1.xml", sheet.encode(codec))).rows())

    assert refused.value.problem == "BROKEN"


def test_what_stands_around_the_rows_of_a_sheet_is_not_in_the_way_of_them() -> None:
    rows = b"".join(
        b"<row r='%d'><c t='inlineStr'><is><t>CODE-%d</t></is></c></row>" % (n, n) for n in range(1, 40_001)
    )
    links = b"<hyperlinks>" + b"<hyperlink ref='A1' display='https://shop.example/'/>" * 200_000 + b"</hyperlinks>"
    plain = b"<worksheet %b><sheetData>%b</sheetData>%b</worksheet>" % (NAMESPACE, rows, links)
    prefixed = plain.replace(b"<", b"<x:").replace(b"<x:/", b"</x:").replace(b"xmlns=", b"xmlns:x=")

    read = [
        [row.cells for row in Sheet(with_part("xl/worksheets/sheet1.xml", data)).rows()] for data in (plain, prefixed)
    ]

    assert read[0] == read[1] == [[f"CODE-{n}"] for n in range(1, 40_001)]


def test_a_line_is_parted_in_one_walk_over_it_whatever_it_is_made_of() -> None:
    """Walking over it once for each of its characters would take hours, with every other request behind it."""
    blanks, brackets = " " * 3_000_000, "(" * 3_000_000

    assert split_cells(f"A{blanks}B", HYPHENS) == [f"A{blanks}B"]
    assert split_cells(f"A {blanks}---- B", HYPHENS) == ["A", "B"]
    assert columns_of_header([brackets, "code"], ",") is not None
    assert columns_of_header(["卡号（必填）", "密码[选填]"], ",") is not None
