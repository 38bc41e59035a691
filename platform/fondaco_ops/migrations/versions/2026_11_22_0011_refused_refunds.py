"""Refunds that a gateway refused go on: sent again under another number, or paid out by hand."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE payment_refund ADD COLUMN sent_as UUID",
    "ALTER TABLE payment_refund ADD COLUMN payout_reference TEXT",
    "ALTER TABLE payment_refund DROP CONSTRAINT ck_payment_refund_state",
    """
    ALTER TABLE payment_refund ADD CONSTRAINT ck_payment_refund_state
        CHECK (state IN ('REQUESTED', 'UNKNOWN', 'DONE', 'REFUSED', 'PAID_OUT')) NOT VALID
    """,
    "ALTER TABLE payment_refund DROP CONSTRAINT ck_payment_refund_ended",
    """
    ALTER TABLE payment_refund ADD CONSTRAINT ck_payment_refund_ended
        CHECK ((state IN ('DONE', 'REFUSED', 'PAID_OUT')) = (ended_at IS NOT NULL)) NOT VALID
    """,
    """
    ALTER TABLE payment_refund ADD CONSTRAINT ck_payment_refund_paid_out
        CHECK ((state = 'PAID_OUT') = (payout_reference IS NOT NULL)) NOT VALID
    """,
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
