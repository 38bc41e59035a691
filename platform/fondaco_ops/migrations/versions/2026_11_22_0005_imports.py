"""Column mapping, dry runs, rejected lines, stop-sale and stock bands."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    ALTER TABLE code_pool
        ADD COLUMN stop_sale_days BIGINT DEFAULT 0 NOT NULL,
        ADD COLUMN low_stock_at BIGINT,
        ADD COLUMN expiry_alarm_days INTEGER[] DEFAULT '{30,7,1}' NOT NULL
    """,
    """
    ALTER TABLE code_batch
        ADD COLUMN mapping JSONB,
        ADD COLUMN moved_at TIMESTAMP WITH TIME ZONE,
        ADD COLUMN lines_kept_until TIMESTAMP WITH TIME ZONE
    """,
    "CREATE INDEX ix_code_batch_kept ON code_batch (lines_kept_until) WHERE lines_kept_until IS NOT NULL",
    "ALTER TABLE code ADD COLUMN serial TEXT, ADD COLUMN unit_cost_minor BIGINT",
    'GRANT SELECT ("serial", "unit_cost_minor") ON "code" TO fondaco_platform',
    "ALTER TABLE code_import_line ADD COLUMN sealed BYTEA",
    'REVOKE SELECT ON "code_import_line" FROM fondaco_platform',
    'GRANT SELECT ("batch_id", "line", "outcome", "reason", "masked", "tenant_id") ON "code_import_line" TO fondaco_platform',
    """
    CREATE TABLE pool_watch (
        pool_id UUID NOT NULL,
        band TEXT NOT NULL,
        changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_pool_watch PRIMARY KEY (pool_id),
        CONSTRAINT ck_pool_watch_band CHECK (band IN ('ENOUGH', 'LOW', 'OUT')),
        CONSTRAINT fk_pool_watch_pool_id FOREIGN KEY(pool_id) REFERENCES code_pool (id)
    )
    """,
    'REVOKE ALL ON "pool_watch" FROM PUBLIC',
    'ALTER TABLE "pool_watch" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "pool_watch" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"pool_watch\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "pool_watch" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "pool_watch" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "pool_watch" TO fondaco_tenant',
    'GRANT SELECT ON "pool_watch" TO fondaco_platform',
    """
    CREATE TABLE batch_alarm (
        batch_id UUID NOT NULL,
        days INTEGER NOT NULL,
        announced_at TIMESTAMP WITH TIME ZONE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_batch_alarm PRIMARY KEY (batch_id, days),
        CONSTRAINT fk_batch_alarm_batch_id FOREIGN KEY(batch_id) REFERENCES code_batch (id)
    )
    """,
    'REVOKE ALL ON "batch_alarm" FROM PUBLIC',
    'ALTER TABLE "batch_alarm" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "batch_alarm" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"batch_alarm\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "batch_alarm" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "batch_alarm" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT ON "batch_alarm" TO fondaco_tenant',
    'GRANT SELECT ON "batch_alarm" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
