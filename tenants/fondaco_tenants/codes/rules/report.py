"""Lines of a file for spreadsheets that do nothing but show it."""

from collections.abc import Iterable

# What a spreadsheet takes for the beginning of a formula, and what it skips before one.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_line(cells: Iterable[object]) -> str:
    """One line of a CSV file, every cell in quotes; one that a spreadsheet would take for a formula begins with an apostrophe."""
    return ",".join(_cell(str(cell)) for cell in cells) + "\r\n"


def _cell(text: str) -> str:
    safe = f"'{text}" if text.lstrip(" ").startswith(_DANGEROUS) else text
    return '"' + safe.replace('"', '""').replace("\0", "") + '"'
