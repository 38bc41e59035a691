"""${message}

A migration runs while the code before it still serves: it only adds, takes no long lock, and never moves data (that is
a command's work, in batches). New tables bring their policies and grants: fondaco_core.db.isolation.statements_for.
On a table that was there before, a column is nullable or has a constant default; an index is made CONCURRENTLY, alone in a
migration and in `with op.get_context().autocommit_block():`; a constraint is added NOT VALID, and validated by the
migration after. tests/contracts/test_careful_migrations.py looks.
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
