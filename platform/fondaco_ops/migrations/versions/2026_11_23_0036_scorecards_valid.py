"""The checks of sources hold for the rows that were there before, too; and those that are paused are found at once."""

from alembic import op

revision = "0036"
down_revision = "0028"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE source VALIDATE CONSTRAINT ck_source_state",
    "ALTER TABLE source VALIDATE CONSTRAINT ck_source_paused_for",
    "ALTER TABLE source VALIDATE CONSTRAINT ck_source_paused",
    "ALTER TABLE source VALIDATE CONSTRAINT ck_source_probe",
)


def upgrade() -> None:
    """Applies it."""
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_source_paused")
        op.execute("CREATE INDEX CONCURRENTLY ix_source_paused ON source (id) WHERE state <> 'ACTIVE'")
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement)
