"""Codes of a merchant's own making, their redemption, and the rotation of keys."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    ALTER TABLE data_key
        ADD COLUMN seals BIGINT DEFAULT 0 NOT NULL,
        ADD COLUMN destroyed_at TIMESTAMP WITH TIME ZONE
    """,
    # Who re-seals acts in the tenant.
    'GRANT UPDATE (sealed) ON "upload_chunk" TO fondaco_tenant',
    'GRANT UPDATE (sealed) ON "order_export_piece" TO fondaco_tenant',
    'GRANT UPDATE (contact_sealed) ON "gift" TO fondaco_tenant',
    # Trading moves codes of any tenant; what they say, and what recognises them, it never reads.
    'REVOKE SELECT, UPDATE ON "code" FROM fondaco_trade',
    """
    GRANT SELECT (id, tenant_id, pool_id, batch_id, state, position, expires_at, original, masked, serial, unit_cost_minor,
        allocation_id, reason, changed_at), UPDATE (state, allocation_id, reason, changed_at) ON "code" TO fondaco_trade
    """,
    """
    CREATE TABLE code_redemption (
        id UUID NOT NULL,
        code_id UUID NOT NULL,
        state TEXT NOT NULL,
        actor_kind TEXT NOT NULL,
        actor_id UUID,
        reference TEXT,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        locked_until TIMESTAMP WITH TIME ZONE,
        redeemed_at TIMESTAMP WITH TIME ZONE,
        reversed_at TIMESTAMP WITH TIME ZONE,
        reversal_reason TEXT,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_code_redemption PRIMARY KEY (id),
        CONSTRAINT ck_code_redemption_state CHECK (state IN ('LOCKED', 'RELEASED', 'LAPSED', 'REDEEMED', 'REVERSED')),
        CONSTRAINT ck_code_redemption_redeemed CHECK ((state IN ('REDEEMED', 'REVERSED')) = (redeemed_at IS NOT NULL)),
        CONSTRAINT ck_code_redemption_reversed CHECK ((state = 'REVERSED') = (reversed_at IS NOT NULL AND reversal_reason IS NOT NULL))
    )
    """,
    "CREATE INDEX ix_code_redemption_code_id ON code_redemption (code_id, id)",
    "CREATE INDEX ix_code_redemption_tenant_id ON code_redemption (tenant_id, id)",
    "CREATE UNIQUE INDEX uq_code_redemption_open ON code_redemption (code_id) WHERE state IN ('LOCKED', 'REDEEMED')",
    'REVOKE ALL ON "code_redemption" FROM PUBLIC',
    'ALTER TABLE "code_redemption" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "code_redemption" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"code_redemption\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "code_redemption" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "code_redemption" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "code_redemption" TO fondaco_tenant',
    'GRANT SELECT ON "code_redemption" TO fondaco_platform',
    """
    CREATE TABLE key_change (
        id UUID NOT NULL,
        tenant_id UUID NOT NULL,
        kind TEXT NOT NULL,
        number INTEGER NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE NOT NULL,
        started_by UUID,
        reason TEXT,
        total BIGINT DEFAULT 0 NOT NULL,
        moved BIGINT DEFAULT 0 NOT NULL,
        pass_started_at TIMESTAMP WITH TIME ZONE NOT NULL,
        at_column TEXT,
        place JSONB,
        missed BIGINT DEFAULT 0 NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_key_change PRIMARY KEY (id),
        CONSTRAINT ck_key_change_kind CHECK (kind IN ('ROTATION', 'DESTRUCTION')),
        CONSTRAINT ck_key_change_reason CHECK ((kind = 'DESTRUCTION') = (reason IS NOT NULL))
    )
    """,
    "CREATE INDEX ix_key_change_tenant_id ON key_change (tenant_id, id)",
    "CREATE UNIQUE INDEX uq_key_change_open ON key_change (tenant_id) WHERE finished_at IS NULL",
    'REVOKE ALL ON "key_change" FROM PUBLIC',
    'ALTER TABLE "key_change" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "key_change" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"key_change\" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "key_change" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "key_change" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "key_change" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT, UPDATE (at_column, place, moved, missed) ON "key_change" TO fondaco_tenant',
    'GRANT SELECT ON "key_change" TO fondaco_trade',
    'GRANT SELECT, INSERT, UPDATE ON "key_change" TO fondaco_platform',
    """
    CREATE TABLE redemption_miss (
        key BYTEA NOT NULL,
        since TIMESTAMP WITH TIME ZONE NOT NULL,
        misses INTEGER NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_redemption_miss PRIMARY KEY (key)
    )
    """,
    "CREATE INDEX ix_redemption_miss_since ON redemption_miss (since)",
    'REVOKE ALL ON "redemption_miss" FROM PUBLIC',
    'ALTER TABLE "redemption_miss" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "redemption_miss" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"redemption_miss\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "redemption_miss" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "redemption_miss" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "redemption_miss" TO fondaco_tenant',
    'GRANT SELECT, DELETE ON "redemption_miss" TO fondaco_platform',
    """
    CREATE TABLE stock_export (
        id UUID NOT NULL,
        pool_id UUID NOT NULL,
        recipient TEXT NOT NULL,
        codes INTEGER NOT NULL,
        reason TEXT NOT NULL,
        exported_by UUID,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        downloads INTEGER DEFAULT 0 NOT NULL,
        downloaded_at TIMESTAMP WITH TIME ZONE,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_stock_export PRIMARY KEY (id),
        CONSTRAINT ck_stock_export_codes CHECK (codes > 0)
    )
    """,
    "CREATE INDEX ix_stock_export_tenant_id ON stock_export (tenant_id, id)",
    'REVOKE ALL ON "stock_export" FROM PUBLIC',
    'ALTER TABLE "stock_export" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "stock_export" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"stock_export\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "stock_export" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "stock_export" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE (downloads, downloaded_at) ON "stock_export" TO fondaco_tenant',
    'GRANT SELECT ON "stock_export" TO fondaco_platform',
    """
    CREATE TABLE stock_export_code (
        export_id UUID NOT NULL,
        place INTEGER NOT NULL,
        code_id UUID NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_stock_export_code PRIMARY KEY (export_id, place),
        CONSTRAINT fk_stock_export_code_export_id FOREIGN KEY(export_id) REFERENCES stock_export (id)
    )
    """,
    "CREATE UNIQUE INDEX uq_stock_export_code_code_id ON stock_export_code (code_id)",
    'REVOKE ALL ON "stock_export_code" FROM PUBLIC',
    'ALTER TABLE "stock_export_code" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "stock_export_code" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"stock_export_code\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "stock_export_code" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "stock_export_code" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT ON "stock_export_code" TO fondaco_tenant',
    'GRANT SELECT ON "stock_export_code" TO fondaco_platform',
    """
    CREATE TABLE code_making (
        batch_id UUID NOT NULL,
        prefix TEXT NOT NULL,
        groups INTEGER NOT NULL,
        group_length INTEGER NOT NULL,
        check_symbols INTEGER NOT NULL,
        wanted INTEGER NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_code_making PRIMARY KEY (batch_id),
        CONSTRAINT ck_code_making_wanted CHECK (wanted > 0),
        CONSTRAINT ck_code_making_check_symbols CHECK (check_symbols IN (1, 2)),
        CONSTRAINT fk_code_making_batch_id FOREIGN KEY(batch_id) REFERENCES code_batch (id)
    )
    """,
    "CREATE INDEX ix_code_making_tenant_id ON code_making (tenant_id, batch_id)",
    'REVOKE ALL ON "code_making" FROM PUBLIC',
    'ALTER TABLE "code_making" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "code_making" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"code_making\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "code_making" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "code_making" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT ON "code_making" TO fondaco_tenant',
    'GRANT SELECT ON "code_making" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
