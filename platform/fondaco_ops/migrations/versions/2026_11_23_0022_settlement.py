"""Merchants are paid out what is due to them: payouts, what each was for, and what is carried into the next."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE payout (
        id UUID NOT NULL,
        currency TEXT NOT NULL,
        amount_minor BIGINT NOT NULL,
        hops INTEGER NOT NULL,
        refunds INTEGER NOT NULL,
        transfer_id UUID,
        since TIMESTAMP WITH TIME ZONE,
        until TIMESTAMP WITH TIME ZONE,
        paid_at TIMESTAMP WITH TIME ZONE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_payout PRIMARY KEY (id),
        CONSTRAINT ck_payout_transfer CHECK ((amount_minor = 0) = (transfer_id IS NULL)),
        CONSTRAINT ck_payout_counts CHECK (hops >= 0 AND refunds >= 0)
    )
    """,
    "CREATE INDEX ix_payout_tenant_id ON payout (tenant_id, id)",
    'REVOKE ALL ON "payout" FROM PUBLIC',
    'ALTER TABLE "payout" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "payout" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"payout\" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "payout" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "payout" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "payout" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "payout" TO fondaco_tenant',
    'GRANT SELECT, INSERT ON "payout" TO fondaco_trade',
    'GRANT SELECT ON "payout" TO fondaco_platform',
    """
    CREATE TABLE settlement_account (
        currency TEXT NOT NULL,
        carried_minor BIGINT DEFAULT 0 NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_settlement_account PRIMARY KEY (tenant_id, currency)
    )
    """,
    "CREATE INDEX ix_settlement_account_carried ON settlement_account (tenant_id) WHERE carried_minor <> 0",
    'REVOKE ALL ON "settlement_account" FROM PUBLIC',
    'ALTER TABLE "settlement_account" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "settlement_account" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"settlement_account\" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "settlement_account" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "settlement_account" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "settlement_account" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "settlement_account" TO fondaco_tenant',
    'GRANT SELECT, INSERT, UPDATE (carried_minor) ON "settlement_account" TO fondaco_trade',
    'GRANT SELECT ON "settlement_account" TO fondaco_platform',
    """
    CREATE TABLE payout_item (
        item_id UUID NOT NULL,
        payout_id UUID NOT NULL,
        kind TEXT NOT NULL,
        amount_minor BIGINT NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_payout_item PRIMARY KEY (item_id),
        CONSTRAINT ck_payout_item_kind CHECK (kind IN ('HOP', 'REFUND')),
        CONSTRAINT fk_payout_item_payout_id FOREIGN KEY(payout_id) REFERENCES payout (id)
    )
    """,
    "CREATE INDEX ix_payout_item_payout_id ON payout_item (payout_id)",
    'REVOKE ALL ON "payout_item" FROM PUBLIC',
    'ALTER TABLE "payout_item" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "payout_item" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"payout_item\" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "payout_item" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "payout_item" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "payout_item" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "payout_item" TO fondaco_tenant',
    'GRANT SELECT, INSERT ON "payout_item" TO fondaco_trade',
    'GRANT SELECT ON "payout_item" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement)
