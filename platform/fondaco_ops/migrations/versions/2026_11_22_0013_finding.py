"""Refunds that wait for a person are found, and orders by a listing that is seldom sold.

An index that was cut off while it was made is there and of no use: it is dropped before it is made again.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INDEXES = {
    "uq_payment_refund_sent_as": """
    CREATE UNIQUE INDEX CONCURRENTLY uq_payment_refund_sent_as ON payment_refund (sent_as) WHERE sent_as IS NOT NULL
    """,
    "ix_payment_refund_refused": """
    CREATE INDEX CONCURRENTLY ix_payment_refund_refused ON payment_refund (id) WHERE state = 'REFUSED' AND NOT into_wallet
    """,
    "ix_order_line_order_of_listing": """
    CREATE INDEX CONCURRENTLY ix_order_line_order_of_listing ON order_line (tenant_id, listing_id, order_id)
    """,
}


def upgrade() -> None:
    """Applies it."""
    with op.get_context().autocommit_block():
        for name, statement in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(statement)
