"""${message}

A migration runs while the code before it still serves: it only adds, takes no long lock, and never moves data (that is
a command's work, in batches). New tables bring their policies and grants: fondaco_core.db.isolation.statements_for.
"""

from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    ${upgrades if upgrades else "pass"}
