"""Cells of files for spreadsheets that do nothing but show them."""

from collections.abc import Iterable

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(text: str) -> str:
    """A text as no spreadsheet takes it for a formula: one that begins as such, after spaces or not, gets an apostrophe."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def csv_line(cells: Iterable[object]) -> str:
    """One line of a CSV file, every cell safe and in quotes."""
    return ",".join('"' + safe_cell(str(cell)).replace('"', '""').replace("\0", "") + '"' for cell in cells) + "\r\n"
