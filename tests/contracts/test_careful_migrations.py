"""A migration runs while orders are placed: on tables that are there already it takes no long lock and breaks no older code."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

VERSIONS = Path(__file__).resolve().parents[2] / "platform" / "fondaco_ops" / "migrations" / "versions"
# Nothing has been released before this one, so that no installation has a table that is large or a process of older code.
BEFORE_THE_FIRST_RELEASE = "0030"

# What a statement does to a table that an earlier migration made, and what is done instead.
_ALTER = r"ALTER TABLE (?:ONLY )?{table} (?:.*, ?)?"
INSTEAD = {
    r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY )\S+ ON (?:ONLY )?{table}": "CREATE INDEX CONCURRENTLY, in an autocommit_block",
    _ALTER
    + r"ADD (?:CONSTRAINT \S+ )?(?:CHECK|FOREIGN KEY)(?!.*NOT VALID)": "NOT VALID, and VALIDATE in the next migration",
    _ALTER + r"ADD (?:CONSTRAINT \S+ )?(?:UNIQUE|PRIMARY KEY|EXCLUDE) ?(?:NULLS NOT DISTINCT )?\(": "USING INDEX",
    _ALTER + r"ADD (?!CONSTRAINT|CHECK)(?!.*DEFAULT)[^,]*NOT NULL": "nullable, or a constant default",
    _ALTER
    + r"ALTER (?:COLUMN )?\S+ (?:(?:SET DATA )?TYPE|SET NOT NULL)\b": "a new column, or a check that is NOT VALID",
    _ALTER + r"(?:DROP COLUMN|RENAME)\b": "in the release after, when no code reads it",
    r"(?:DROP TABLE (?:IF EXISTS )?+|TRUNCATE (?:TABLE )?+){table}": "in the release after, when no code reads it",
    r"(?:UPDATE|DELETE FROM) {table}": "a command that moves rows in batches",
}


def statements_of(source: str) -> list[str]:
    """Every text of a migration, on one line and without quotes of names."""
    texts = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return [" ".join(text.replace('"', "").split()) for text in texts if isinstance(text, str)]


def hazards(statements: Iterable[str]) -> list[str]:
    """What to do instead, for each statement that would hold up who uses a table, or break the code before."""
    statements = list(statements)
    own = [found[1] for each in statements if (found := re.match(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", each))]
    others = "(?!(?:" + "|".join(own or ["-"]) + r")\b)\w+\b"
    return [
        instead
        for each in statements
        for pattern, instead in INSTEAD.items()
        if re.match(pattern.replace("{table}", others), each)
    ]


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("*.py")), ids=lambda path: path.stem)
def test_a_migration_holds_nobody_up(path: Path) -> None:
    number = path.stem.split("_")[3]

    found = hazards(statements_of(path.read_text()))

    assert number <= BEFORE_THE_FIRST_RELEASE or found == []


@pytest.mark.parametrize(
    "statement",
    [
        'CREATE INDEX ix_order_note ON "order" (note)',
        "CREATE UNIQUE INDEX uq_code_serial ON code (serial)",
        "ALTER TABLE allocation ADD CONSTRAINT ck_allocation_state CHECK (state <> '')",
        "ALTER TABLE code ADD COLUMN note TEXT, ADD CONSTRAINT fk_code_note FOREIGN KEY (note) REFERENCES note (id)",
        'ALTER TABLE "order" ADD CONSTRAINT uq_order_note UNIQUE (note)',
        "ALTER TABLE code ADD COLUMN note TEXT NOT NULL",
        "ALTER TABLE code ALTER COLUMN note SET NOT NULL",
        "ALTER TABLE code ALTER COLUMN position TYPE NUMERIC",
        "ALTER TABLE code DROP COLUMN note",
        "ALTER TABLE code RENAME COLUMN note TO remark",
        "DROP TABLE gift",
        "UPDATE code SET note = ''",
    ],
)
def test_what_locks_a_full_table_or_breaks_the_code_before_is_found(statement: str) -> None:
    assert len(hazards(statements_of(f"STATEMENTS = ({statement!r},)"))) == 1


@pytest.mark.parametrize(
    "statements",
    [
        (
            "CREATE TABLE note (id UUID)",
            "CREATE INDEX ix_note_id ON note (id)",
            "ALTER TABLE note ENABLE ROW LEVEL SECURITY",
        ),
        ("CREATE INDEX CONCURRENTLY ix_code_note ON code (note)",),
        ("ALTER TABLE code ADD COLUMN note TEXT",),
        ("ALTER TABLE code ADD COLUMN note TEXT DEFAULT '' NOT NULL",),
        ("ALTER TABLE code ADD CONSTRAINT ck_code_note CHECK (note IS NOT NULL) NOT VALID",),
        ("ALTER TABLE code VALIDATE CONSTRAINT ck_code_note",),
        ("ALTER TABLE code ADD CONSTRAINT uq_code_note UNIQUE USING INDEX uq_code_note",),
        ("GRANT UPDATE (note) ON code TO fondaco_tenant",),
        ("Updates nothing: this is a docstring that says so.",),
    ],
)
def test_what_is_new_or_only_adds_passes(statements: tuple[str, ...]) -> None:
    assert hazards(statements_of(f"STATEMENTS = {statements!r}")) == []
