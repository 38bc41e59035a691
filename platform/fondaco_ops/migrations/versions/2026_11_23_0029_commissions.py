"""Commission of sales to resellers that others brought."""

from alembic import op

revision = "0029"
down_revision = "0040"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE tier_terms ADD commissions integer[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE agreement ADD referrers uuid[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE supply_invitation ADD referrers uuid[] NOT NULL DEFAULT '{}'",
    "GRANT SELECT (referrers) ON supply_invitation TO fondaco_platform",
    "ALTER TABLE hop ADD commissions bigint[] NOT NULL DEFAULT '{}'",
    """
    ALTER TABLE payout_item DROP CONSTRAINT ck_payout_item_kind,
      ADD CONSTRAINT ck_payout_item_kind CHECK (kind IN ('HOP', 'REFUND', 'COMMISSION'))
    """,
    """
    CREATE TABLE commission (
        id UUID NOT NULL,
        partner_tenant_id UUID NOT NULL,
        hop_id UUID NOT NULL,
        refund_id UUID,
        level INTEGER NOT NULL,
        amount_minor BIGINT NOT NULL,
        currency TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE NOT NULL,
        settled_at TIMESTAMP WITH TIME ZONE,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_commission PRIMARY KEY (id),
        CONSTRAINT ck_commission_amount CHECK (amount_minor <> 0 AND level > 0 AND tenant_id <> partner_tenant_id)
    )
    """,
    "CREATE INDEX ix_commission_hop_id ON commission (hop_id)",
    "CREATE INDEX ix_commission_tenant_id ON commission (tenant_id, id)",
    "CREATE INDEX ix_commission_unsettled ON commission (due_at) WHERE settled_at IS NULL",
    'REVOKE ALL ON "commission" FROM PUBLIC',
    'ALTER TABLE "commission" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "commission" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "commission" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "commission" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "commission" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "commission" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "commission" TO fondaco_tenant',
    'GRANT SELECT, INSERT, UPDATE (settled_at) ON "commission" TO fondaco_trade',
    'GRANT SELECT ON "commission" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement)
