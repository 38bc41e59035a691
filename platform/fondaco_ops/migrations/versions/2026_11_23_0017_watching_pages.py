"""Stock is watched a page of pools or listings in one transaction, over all tenants: who writes what was announced changes."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    'REVOKE INSERT, UPDATE ON "pool_watch", "listing_watch" FROM fondaco_tenant',
    'GRANT INSERT, UPDATE ON "pool_watch", "listing_watch" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement)
