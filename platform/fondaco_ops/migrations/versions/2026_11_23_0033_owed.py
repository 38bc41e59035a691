"""What is due and what is owed is found without a look at what is settled and paid.

Outside of a transaction: an index that was cut off while it was made is there and of no use, and is dropped before it is made again.
"""

from alembic import op

revision = "0033"
down_revision = "0023"
branch_labels = None
depends_on = None

APART: tuple[str, ...] = (
    "DROP INDEX CONCURRENTLY IF EXISTS ix_hop_owed",
    """
    CREATE INDEX CONCURRENTLY ix_hop_owed ON hop (agreement_id, settles_at, id) WHERE credit_minor > cleared_minor AND settles_at IS NOT NULL
    """,
    "DROP INDEX CONCURRENTLY IF EXISTS ix_hop_unsettled_of",
    """
    CREATE INDEX CONCURRENTLY ix_hop_unsettled_of ON hop (seller_tenant_id, currency, settles_at, id) WHERE settled_at IS NULL AND settles_at IS NOT NULL
    """,
    "DROP INDEX CONCURRENTLY IF EXISTS ix_hop_refund_unsettled",
    """
    CREATE INDEX CONCURRENTLY ix_hop_refund_unsettled ON hop_refund (seller_tenant_id, currency) WHERE settled_at IS NULL
    """,
    "DROP INDEX CONCURRENTLY IF EXISTS ix_hop_unsettled",
    "ALTER TABLE hop VALIDATE CONSTRAINT ck_hop_cleared",
    "ALTER TABLE payout_item VALIDATE CONSTRAINT ck_payout_item_kind",
)


def upgrade() -> None:
    """Applies it."""
    with op.get_context().autocommit_block():
        for statement in APART:
            op.execute(statement)
