"""Budgets of holds, gifts, swapped units, exports."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    'ALTER TABLE "order" ADD COLUMN device_hash BYTEA',
    'ALTER TABLE "order" ADD COLUMN address_hash BYTEA',
    "CREATE INDEX ix_order_unpaid_device ON \"order\" (device_hash) WHERE state = 'PENDING_PAYMENT' AND device_hash IS NOT NULL",
    "CREATE INDEX ix_order_unpaid_address ON \"order\" (address_hash) WHERE state = 'PENDING_PAYMENT' AND address_hash IS NOT NULL",
    "CREATE INDEX ix_order_unfinished ON \"order\" (tenant_id, id) WHERE state <> 'FULFILLED'",
    'CREATE INDEX ix_order_reference ON "order" (tenant_id, reference) WHERE reference IS NOT NULL',
    "ALTER TABLE allocation ADD COLUMN failure TEXT",
    "ALTER TABLE allocation ADD COLUMN wait_until TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE allocation DROP CONSTRAINT ck_allocation_state",
    "ALTER TABLE allocation ADD CONSTRAINT ck_allocation_state CHECK (state IN ('HELD', 'FULFILLED', 'RELEASED', 'FAILED', 'UNKNOWN', 'WAITING'))",
    "ALTER TABLE allocation ADD CONSTRAINT ck_allocation_waiting CHECK ((state = 'WAITING') <= (wait_until IS NOT NULL AND code_id IS NULL))",
    "CREATE INDEX ix_allocation_waiting ON allocation (wait_until) WHERE state = 'WAITING'",
    """
    CREATE TABLE hold_budget (
        buyer_orders_max INTEGER NOT NULL,
        buyer_units_max INTEGER NOT NULL,
        guest_orders_max INTEGER NOT NULL,
        guest_units_max INTEGER NOT NULL,
        device_orders_max INTEGER NOT NULL,
        device_units_max INTEGER NOT NULL,
        address_orders_max INTEGER NOT NULL,
        address_units_max INTEGER NOT NULL,
        guest_share_percent INTEGER NOT NULL,
        changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        version INTEGER NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_hold_budget PRIMARY KEY (tenant_id),
        CONSTRAINT ck_hold_budget_guest_share CHECK (guest_share_percent BETWEEN 1 AND 100)
    )
    """,
    'REVOKE ALL ON "hold_budget" FROM PUBLIC',
    'ALTER TABLE "hold_budget" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "hold_budget" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"hold_budget\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "hold_budget" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "hold_budget" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "hold_budget" TO fondaco_tenant',
    'GRANT SELECT ON "hold_budget" TO fondaco_trade',
    'GRANT SELECT ON "hold_budget" TO fondaco_platform',
    """
    CREATE TABLE order_export (
        id UUID NOT NULL,
        state TEXT NOT NULL,
        format TEXT NOT NULL,
        placed_from TIMESTAMP WITH TIME ZONE NOT NULL,
        placed_to TIMESTAMP WITH TIME ZONE NOT NULL,
        contacts BOOLEAN NOT NULL,
        rows BIGINT,
        size BIGINT,
        requested_by UUID,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_order_export PRIMARY KEY (id),
        CONSTRAINT ck_order_export_state CHECK (state IN ('REQUESTED', 'READY', 'EXPIRED')),
        CONSTRAINT ck_order_export_format CHECK (format IN ('CSV', 'XLSX')),
        CONSTRAINT ck_order_export_period CHECK (placed_from < placed_to)
    )
    """,
    "CREATE INDEX ix_order_export_kept ON order_export (expires_at) WHERE state IN ('REQUESTED', 'READY')",
    "CREATE INDEX ix_order_export_tenant_id ON order_export (tenant_id, id)",
    'REVOKE ALL ON "order_export" FROM PUBLIC',
    'ALTER TABLE "order_export" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "order_export" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"order_export\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "order_export" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "order_export" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "order_export" TO fondaco_tenant',
    'GRANT SELECT ON "order_export" TO fondaco_platform',
    """
    CREATE TABLE gift (
        order_id UUID NOT NULL,
        contact_sealed BYTEA NOT NULL,
        contact_masked TEXT NOT NULL,
        name TEXT,
        message TEXT,
        locale TEXT NOT NULL,
        opened_at TIMESTAMP WITH TIME ZONE,
        taken_back_at TIMESTAMP WITH TIME ZONE,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_gift PRIMARY KEY (order_id),
        CONSTRAINT ck_gift_once CHECK (opened_at IS NULL OR taken_back_at IS NULL),
        CONSTRAINT ck_gift_locale CHECK (locale IN ('zh-CN', 'en')),
        CONSTRAINT fk_gift_order_id FOREIGN KEY(order_id) REFERENCES "order" (id)
    )
    """,
    'REVOKE ALL ON "gift" FROM PUBLIC',
    'ALTER TABLE "gift" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "gift" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"gift\" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "gift" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "gift" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "gift" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT, UPDATE (opened_at, taken_back_at) ON "gift" TO fondaco_tenant',
    'GRANT SELECT, INSERT ON "gift" TO fondaco_trade',
    'GRANT SELECT ("order_id", "contact_masked", "name", "locale", "opened_at", "taken_back_at", "tenant_id") ON "gift" TO fondaco_platform',
    """
    CREATE TABLE guest_hold (
        order_id UUID NOT NULL,
        pool_id UUID NOT NULL,
        units INTEGER NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_guest_hold PRIMARY KEY (order_id, pool_id),
        CONSTRAINT ck_guest_hold_units CHECK (units > 0),
        CONSTRAINT fk_guest_hold_order_id FOREIGN KEY(order_id) REFERENCES "order" (id)
    )
    """,
    "CREATE INDEX ix_guest_hold_pool_id ON guest_hold (pool_id)",
    'REVOKE ALL ON "guest_hold" FROM PUBLIC',
    'ALTER TABLE "guest_hold" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "guest_hold" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"guest_hold\" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "guest_hold" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "guest_hold" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "guest_hold" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "guest_hold" TO fondaco_tenant',
    'GRANT SELECT, INSERT, DELETE ON "guest_hold" TO fondaco_trade',
    'GRANT SELECT ON "guest_hold" TO fondaco_platform',
    """
    CREATE TABLE order_export_piece (
        export_id UUID NOT NULL,
        number INTEGER NOT NULL,
        sealed BYTEA NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_order_export_piece PRIMARY KEY (export_id, number),
        CONSTRAINT fk_order_export_piece_export_id FOREIGN KEY(export_id) REFERENCES order_export (id)
    )
    """,
    'REVOKE ALL ON "order_export_piece" FROM PUBLIC',
    'ALTER TABLE "order_export_piece" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "order_export_piece" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"order_export_piece\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "order_export_piece" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "order_export_piece" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, DELETE ON "order_export_piece" TO fondaco_tenant',
    'GRANT SELECT ("export_id", "number", "tenant_id") ON "order_export_piece" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
