"""Files that spreadsheets open hold no formulas, whoever wrote what stands in them."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core.sheets import csv_line, safe_cell


@given(st.text())
def test_no_cell_begins_as_a_formula_does(text: str) -> None:
    assert not safe_cell(text).lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


@pytest.mark.parametrize("text", ["", "Steam 50", "4.80", "b=c", "李"])
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20), min_size=1, max_size=5))
def test_no_cell_of_a_line_is_a_formula_and_every_one_is_read_back(cells: list[str]) -> None:
    (row,) = csv.reader(io.StringIO(csv_line(cells), newline=""))

    assert [cell.removeprefix("'") for cell in row] == [cell.removeprefix("'") for cell in cells]
    assert not any(cell.lstrip(" ").startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) for cell in row)
