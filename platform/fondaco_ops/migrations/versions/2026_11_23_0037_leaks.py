"""Codes that turned up, as each merchant on their path knows them."""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE leak (
        id UUID NOT NULL,
        unit_id UUID NOT NULL,
        masked TEXT NOT NULL,
        own BOOLEAN NOT NULL,
        purchase_lot_id UUID,
        sale_lot_id UUID,
        partner_id UUID,
        finds INTEGER NOT NULL,
        reported_at TIMESTAMP WITH TIME ZONE NOT NULL,
        found_at TIMESTAMP WITH TIME ZONE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_leak PRIMARY KEY (id),
        CONSTRAINT ck_leak_finds CHECK (finds >= 0),
        CONSTRAINT uq_leak_tenant_id_unit_id UNIQUE (tenant_id, unit_id)
    )
    """,
    "CREATE INDEX ix_leak_partner_id ON leak (tenant_id, partner_id, id) WHERE partner_id IS NOT NULL",
    "CREATE INDEX ix_leak_tenant_id ON leak (tenant_id, id)",
    'REVOKE ALL ON "leak" FROM PUBLIC',
    'ALTER TABLE "leak" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "leak" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "leak" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "leak" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "leak" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "leak" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "leak" TO fondaco_tenant',
    'GRANT SELECT, INSERT, UPDATE (finds, found_at) ON "leak" TO fondaco_trade',
    'GRANT SELECT ON "leak" TO fondaco_platform',
    """
    CREATE TABLE leak_find (
        id UUID NOT NULL,
        leak_id UUID NOT NULL,
        place TEXT NOT NULL,
        found_by UUID,
        found_at TIMESTAMP WITH TIME ZONE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_leak_find PRIMARY KEY (id),
        CONSTRAINT uq_leak_find_leak_id_place UNIQUE (leak_id, place),
        CONSTRAINT fk_leak_find_leak_id FOREIGN KEY(leak_id) REFERENCES leak (id)
    )
    """,
    'REVOKE ALL ON "leak_find" FROM PUBLIC',
    'ALTER TABLE "leak_find" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "leak_find" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "leak_find" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "leak_find" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "leak_find" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "leak_find" TO fondaco_tenant',
    'GRANT SELECT, INSERT ON "leak_find" TO fondaco_trade',
    'GRANT SELECT ("id", "leak_id", "found_by", "found_at", "tenant_id") ON "leak_find" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement)
