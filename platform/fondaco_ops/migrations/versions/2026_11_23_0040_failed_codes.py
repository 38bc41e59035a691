"""The units that a bad code had, found by the code: who was shown one and got another may have passed it on."""

from alembic import op

revision = "0040"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies it."""
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_allocation_failed_code")
        op.execute("CREATE INDEX CONCURRENTLY ix_allocation_failed_code ON allocation (code_id) WHERE state = 'FAILED'")
