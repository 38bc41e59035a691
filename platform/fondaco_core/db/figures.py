"""Figures: what an operator watches, as queries that give one number, cheap by an index.

Each module has its own in `figures.py`: `FIGURES = {"name": "SELECT one number"}`; a name that ends in `_seconds` is an age.
The registry gathers them; the relay reads all of them in one statement now and then, over all tenants, and shows them as metrics.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fondaco_core.db.transaction import Tx


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a module, and the query for it."""

    module: str
    name: str
    sql: str


async def read_figures(tx: Tx, figures: Sequence[Figure]) -> list[tuple[Figure, float]]:
    """Every figure with its value now, in one statement; needs a transaction as fondaco_platform. Nothing counts as 0."""
    if not figures:
        return []
    listed = ", ".join(f"({figure.sql.strip()})::float8 AS f{place}" for place, figure in enumerate(figures))
    row = await tx.fetchrow(f"SELECT {listed}")
    assert row is not None
    return [(figure, row[f"f{place}"] or 0.0) for place, figure in enumerate(figures)]
