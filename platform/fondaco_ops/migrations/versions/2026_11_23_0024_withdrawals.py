"""Merchants have money paid out of the platform, and read statements of what moved it.

An index that was cut off while it was made is there and of no use: it is dropped before it is made again.
"""

from alembic import op

revision = "0024"
down_revision = "0025"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_ledger_transfer_payee": """
    CREATE INDEX CONCURRENTLY ix_ledger_transfer_payee ON ledger_transfer (payee_tenant_id, resolved_at, id, payer_tenant_id) WHERE state = 'POSTED' AND payee_tenant_id IS NOT NULL AND payee_tenant_id IS DISTINCT FROM payer_tenant_id
    """,
    "ix_ledger_transfer_payer": """
    CREATE INDEX CONCURRENTLY ix_ledger_transfer_payer ON ledger_transfer (payer_tenant_id, resolved_at, id, payee_tenant_id) WHERE state = 'POSTED' AND payer_tenant_id IS NOT NULL
    """,
}

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE withdrawal_destination (
        id UUID NOT NULL,
        kind TEXT NOT NULL,
        masked TEXT NOT NULL,
        payee_sealed BYTEA NOT NULL,
        added_by UUID,
        added_at TIMESTAMP WITH TIME ZONE NOT NULL,
        usable_from TIMESTAMP WITH TIME ZONE NOT NULL,
        removed_at TIMESTAMP WITH TIME ZONE,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_withdrawal_destination PRIMARY KEY (id),
        CONSTRAINT ck_withdrawal_destination_kind CHECK (kind IN ('BANK', 'ALIPAY', 'WECHAT_PAY', 'PAYPAL', 'OTHER'))
    )
    """,
    "CREATE INDEX ix_withdrawal_destination_tenant_id ON withdrawal_destination (tenant_id, id)",
    'REVOKE ALL ON "withdrawal_destination" FROM PUBLIC',
    'ALTER TABLE "withdrawal_destination" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "withdrawal_destination" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "withdrawal_destination" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "withdrawal_destination" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "withdrawal_destination" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE (removed_at, payee_sealed) ON "withdrawal_destination" TO fondaco_tenant',
    'GRANT SELECT ON "withdrawal_destination" TO fondaco_trade',
    """
    GRANT SELECT ("id", "kind", "masked", "added_by", "added_at", "usable_from", "removed_at", "tenant_id") ON "withdrawal_destination" TO fondaco_platform
    """,
    """
    CREATE TABLE withdrawal (
        id UUID NOT NULL,
        destination_id UUID NOT NULL,
        currency TEXT NOT NULL,
        amount_minor BIGINT NOT NULL,
        state TEXT NOT NULL,
        transfer_id UUID NOT NULL,
        requested_by UUID,
        requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
        approved_by UUID,
        approved_at TIMESTAMP WITH TIME ZONE,
        bank_reference TEXT,
        refusal TEXT,
        closed_by UUID,
        closed_at TIMESTAMP WITH TIME ZONE,
        version INTEGER DEFAULT 1 NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_withdrawal PRIMARY KEY (id),
        CONSTRAINT ck_withdrawal_state CHECK (state IN ('REQUESTED', 'APPROVED', 'PAID', 'REFUSED', 'CANCELLED')),
        CONSTRAINT ck_withdrawal_amount CHECK (amount_minor > 0),
        CONSTRAINT ck_withdrawal_paid CHECK ((state = 'PAID') = (bank_reference IS NOT NULL)),
        CONSTRAINT ck_withdrawal_refused CHECK ((state = 'REFUSED') = (refusal IS NOT NULL)),
        CONSTRAINT ck_withdrawal_closed CHECK ((state IN ('REQUESTED', 'APPROVED')) = (closed_at IS NULL)),
        CONSTRAINT ck_withdrawal_four_eyes CHECK (approved_by IS NULL OR approved_by IS DISTINCT FROM requested_by),
        CONSTRAINT fk_withdrawal_destination_id FOREIGN KEY(destination_id) REFERENCES withdrawal_destination (id)
    )
    """,
    "CREATE INDEX ix_withdrawal_open ON withdrawal (id) WHERE state IN ('REQUESTED', 'APPROVED')",
    "CREATE INDEX ix_withdrawal_tenant_id ON withdrawal (tenant_id, id)",
    'REVOKE ALL ON "withdrawal" FROM PUBLIC',
    'ALTER TABLE "withdrawal" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "withdrawal" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "withdrawal" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "withdrawal" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "withdrawal" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "withdrawal" TO fondaco_tenant',
    'GRANT SELECT, INSERT, UPDATE ON "withdrawal" TO fondaco_trade',
    'GRANT SELECT, UPDATE ON "withdrawal" TO fondaco_platform',
    """
    CREATE TABLE statement_export (
        id UUID NOT NULL,
        state TEXT NOT NULL,
        format TEXT NOT NULL,
        currency TEXT NOT NULL,
        since TIMESTAMP WITH TIME ZONE NOT NULL,
        until TIMESTAMP WITH TIME ZONE NOT NULL,
        partner_id UUID,
        rows BIGINT,
        size BIGINT,
        requested_by UUID,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_statement_export PRIMARY KEY (id),
        CONSTRAINT ck_statement_export_state CHECK (state IN ('REQUESTED', 'READY', 'EXPIRED')),
        CONSTRAINT ck_statement_export_format CHECK (format IN ('CSV', 'XLSX')),
        CONSTRAINT ck_statement_export_period CHECK (since < until)
    )
    """,
    "CREATE INDEX ix_statement_export_kept ON statement_export (expires_at) WHERE state IN ('REQUESTED', 'READY')",
    "CREATE INDEX ix_statement_export_tenant_id ON statement_export (tenant_id, id)",
    'REVOKE ALL ON "statement_export" FROM PUBLIC',
    'ALTER TABLE "statement_export" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "statement_export" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "statement_export" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "statement_export" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "statement_export" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "statement_export" TO fondaco_tenant',
    'GRANT SELECT ON "statement_export" TO fondaco_platform',
    """
    CREATE TABLE statement_export_piece (
        export_id UUID NOT NULL,
        number INTEGER NOT NULL,
        sealed BYTEA NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_statement_export_piece PRIMARY KEY (export_id, number),
        CONSTRAINT fk_statement_export_piece_export_id FOREIGN KEY(export_id) REFERENCES statement_export (id)
    )
    """,
    'REVOKE ALL ON "statement_export_piece" FROM PUBLIC',
    'ALTER TABLE "statement_export_piece" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "statement_export_piece" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "statement_export_piece" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "statement_export_piece" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "statement_export_piece" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, DELETE, UPDATE (sealed) ON "statement_export_piece" TO fondaco_tenant',
    'GRANT SELECT ("export_id", "number", "tenant_id") ON "statement_export_piece" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    with op.get_context().autocommit_block():
        for name, statement in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(statement)
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement)
