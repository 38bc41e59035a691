"""Units that merchants trade have the number of their lot, by which their path is traced."""

from alembic import op

revision = "0028"
down_revision = "0026"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE hop ADD lot_id uuid, ADD lot text",
    # What was traded before there were lots: by one line, one offer and between the same two, over however many routes.
    """
    UPDATE hop h SET lot_id = g.first, lot = CASE WHEN h.id = g.first THEN 'LT' || (
      SELECT string_agg('-' || upper(substr(md5(h.id::text), n, 4)), '' ORDER BY n) FROM generate_series(1, 13, 4) n
    ) END
    FROM (
      SELECT id, first_value(id) OVER (PARTITION BY line_id, seller_tenant_id, buyer_tenant_id, offer_id ORDER BY id) AS first
      FROM hop WHERE depth > 0
    ) g WHERE g.id = h.id
    """,
    "CREATE UNIQUE INDEX uq_hop_lot ON hop (lot) WHERE lot IS NOT NULL",
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    # Every hop between merchants is written once more.
    op.execute("SET LOCAL statement_timeout = '30min'")
    for statement in STATEMENTS:
        op.execute(statement)
