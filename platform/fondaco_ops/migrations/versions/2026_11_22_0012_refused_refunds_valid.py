"""The checks of refunds hold for the rows that were there before, too."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE payment_refund VALIDATE CONSTRAINT ck_payment_refund_state",
    "ALTER TABLE payment_refund VALIDATE CONSTRAINT ck_payment_refund_ended",
    "ALTER TABLE payment_refund VALIDATE CONSTRAINT ck_payment_refund_paid_out",
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
