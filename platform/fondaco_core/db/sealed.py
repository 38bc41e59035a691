"""Which columns are sealed, and to what each value is bound: said where the column is declared, listed from there.

    contact_sealed: Mapped[bytes] = mapped_column(info=sealed_as("contact"))

Whoever rotates or destroys a key goes by this list, so that a new sealed column cannot be forgotten: a contract test looks
at every column of bytes and wants to know what it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, MetaData, Table
from sqlalchemy.dialects import postgresql

from fondaco_core.crypto import bound_to


@dataclass(frozen=True, slots=True)
class Sealed:
    """How a column is sealed.

    name      the first part of what a value is bound to; `{column}` stands for a value of the same row
    row       the column whose id a value is bound to
    parent    the small table and column by which the rows of a large one are walked, with `place` below it
    place     what orders the rows of one parent
    platform  sealed with the platform's own key and not a tenant's
    bought    the rows that belong to buyers once they are sold, as a condition: they outlive the tenant's keys
    """

    name: str
    row: str = "id"
    parent: tuple[str, str] | None = None
    place: str = ""
    platform: bool = False
    bought: str = ""


def sealed_as(
    name: str,
    *,
    row: str = "id",
    parent: tuple[str, str] | None = None,
    place: str = "",
    platform: bool = False,
    bought: str = "",
) -> dict[str, Any]:
    """The info of a column that is sealed; the arguments are those of Sealed."""
    assert (parent is None) == (not place)
    return {"sealed": Sealed(name, row, parent, place, platform, bought)}


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One column of the list."""

    table: Table
    column: "Column[Any]"
    how: Sealed

    @property
    def name(self) -> str:
        """`table.column`."""
        return f"{self.table.name}.{self.column.name}"

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return tuple(column.name for column in self.table.primary_key.columns)

    @property
    def walked(self) -> tuple[str, ...]:
        """The columns in whose order the rows are visited, which an index gives."""
        return (self.how.parent[1], self.how.place) if self.how.parent is not None else self.keys

    def type_of(self, name: str) -> str:
        """The database's name of a column's type."""
        return str(self.table.c[name].type.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]

    def aad(self, row: Mapping[str, Any]) -> bytes:
        """What the value of a row is bound to; the row has the columns that `needed` names."""
        tenant = None if self.how.platform else row["tenant_id"]
        return bound_to(self.how.name.format(**row), row[self.how.row], tenant)

    @property
    def needed(self) -> Sequence[str]:
        """The columns that say what a value is bound to, and where its row stands."""
        names = {*self.keys, *self.walked, self.how.row} | ({"tenant_id"} if "tenant_id" in self.table.c else set())
        return sorted(names)


def sealed_columns(metadata: MetaData, *, platform: bool | None = None) -> list[SealedColumn]:
    """Every sealed column, in a fixed order; only those sealed with the platform's key, or only those with tenants', if told."""
    return sorted(
        (found for found in _declared(metadata) if platform is None or found.how.platform is platform),
        key=lambda found: found.name,
    )


def _declared(metadata: MetaData) -> Iterator[SealedColumn]:
    for table in metadata.sorted_tables:
        for column in table.columns:
            how = column.info.get("sealed")
            if isinstance(how, Sealed):
                yield SealedColumn(table, column, how)
