"""The platform's own key is rotated: a change of keys without a tenant, and who may store what is re-sealed.

Each step may be repeated: an index is made outside of a transaction, and one that was cut off is dropped first.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE key_change ALTER COLUMN tenant_id DROP NOT NULL",
    "ALTER TABLE key_change ADD COLUMN IF NOT EXISTS moved_at TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE key_change DROP CONSTRAINT IF EXISTS ck_key_change_platform",
    """
    ALTER TABLE key_change ADD CONSTRAINT ck_key_change_platform
        CHECK (tenant_id IS NOT NULL OR kind = 'ROTATION') NOT VALID
    """,
    'GRANT UPDATE (moved_at) ON "key_change" TO fondaco_tenant',
    'GRANT UPDATE (private_key_sealed) ON "audit_key" TO fondaco_platform',
    'GRANT UPDATE (message) ON "payment_notification" TO fondaco_platform',
)
APART: tuple[str, ...] = (
    "ALTER TABLE key_change VALIDATE CONSTRAINT ck_key_change_platform",
    "DROP INDEX CONCURRENTLY IF EXISTS uq_key_change_going",
    """
    CREATE UNIQUE INDEX CONCURRENTLY uq_key_change_going ON key_change (tenant_id) NULLS NOT DISTINCT
        WHERE finished_at IS NULL
    """,
    "DROP INDEX CONCURRENTLY IF EXISTS uq_key_change_open",
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
    with op.get_context().autocommit_block():
        for statement in APART:
            op.execute(statement.replace(":", "\\:"))
