"""What merchants' systems were told of stock, and who asks less than a supplier allows."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE stock_told (
        tenant_id UUID NOT NULL,
        subject_id UUID NOT NULL,
        said TEXT NOT NULL,
        told_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_stock_told PRIMARY KEY (tenant_id, subject_id)
    )
    """,
    'REVOKE ALL ON "stock_told" FROM PUBLIC',
    'ALTER TABLE "stock_told" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "stock_told" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "stock_told" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "stock_told" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "stock_told" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "stock_told" TO fondaco_tenant',
    'GRANT SELECT, INSERT, UPDATE ON "stock_told" TO fondaco_platform',
    """
    CREATE TABLE resale_breach (
        id UUID NOT NULL,
        supplier_tenant_id UUID NOT NULL,
        reseller_tenant_id UUID NOT NULL,
        offer_id UUID NOT NULL,
        listing_id UUID NOT NULL,
        asked_minor BIGINT NOT NULL,
        least_minor BIGINT NOT NULL,
        currency TEXT NOT NULL,
        found_at TIMESTAMP WITH TIME ZONE NOT NULL,
        ended_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_resale_breach PRIMARY KEY (id),
        CONSTRAINT ck_resale_breach_asked CHECK (asked_minor < least_minor)
    )
    """,
    "CREATE INDEX ix_resale_breach_supplier_tenant_id ON resale_breach (supplier_tenant_id, id)",
    "CREATE UNIQUE INDEX uq_resale_breach_open ON resale_breach (offer_id, listing_id) WHERE ended_at IS NULL",
    'REVOKE ALL ON "resale_breach" FROM PUBLIC',
    'ALTER TABLE "resale_breach" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "resale_breach" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "resale_breach" TO fondaco_tenant, fondaco_trade USING (supplier_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR reseller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (supplier_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR reseller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "resale_breach" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "resale_breach" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "resale_breach" TO fondaco_tenant',
    'GRANT SELECT, INSERT, UPDATE ON "resale_breach" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement)
