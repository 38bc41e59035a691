"""What is bought on credit is repaid, and what of a hop is still owed stands in its row."""

from alembic import op

revision = "0023"
down_revision = "0024"
branch_labels = None
depends_on = None

# Of the hops none is touched but those that refunds took credit off: few, and none of them is locked for long.
CHANGED: tuple[str, ...] = (
    """
    ALTER TABLE hop ADD COLUMN cleared_minor BIGINT DEFAULT 0 NOT NULL, ADD CONSTRAINT ck_hop_cleared CHECK (cleared_minor BETWEEN 0 AND credit_minor) NOT VALID
    """,
    """
    WITH returned AS (
      SELECT hop_id, sum(credit_minor)::bigint AS credit_minor FROM hop_refund WHERE credit_minor > 0 GROUP BY hop_id
    )
    UPDATE hop h SET cleared_minor = r.credit_minor FROM returned r WHERE h.id = r.hop_id
    """,
    "ALTER TABLE agreement_use ADD COLUMN overdue_told DATE",
    "ALTER TABLE payout ADD COLUMN repayments INTEGER DEFAULT 0 NOT NULL",
    "ALTER TABLE payout_item DROP CONSTRAINT ck_payout_item_kind",
    """
    ALTER TABLE payout_item ADD CONSTRAINT ck_payout_item_kind CHECK (kind IN ('HOP', 'REFUND', 'COMMISSION', 'REPAYMENT')) NOT VALID
    """,
)
MADE: tuple[str, ...] = (
    """
    CREATE TABLE credit_repayment (
        id UUID NOT NULL,
        repayment_id UUID NOT NULL,
        hop_id UUID NOT NULL,
        agreement_id UUID NOT NULL,
        supplier_tenant_id UUID NOT NULL,
        reseller_tenant_id UUID NOT NULL,
        currency TEXT NOT NULL,
        amount_minor BIGINT NOT NULL,
        drawn BOOLEAN NOT NULL,
        repaid_at TIMESTAMP WITH TIME ZONE NOT NULL,
        settled_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_credit_repayment PRIMARY KEY (id),
        CONSTRAINT ck_credit_repayment_amount CHECK (amount_minor > 0),
        CONSTRAINT fk_credit_repayment_hop_id FOREIGN KEY(hop_id) REFERENCES hop (id),
        CONSTRAINT fk_credit_repayment_agreement_id FOREIGN KEY(agreement_id) REFERENCES agreement (id)
    )
    """,
    "CREATE INDEX ix_credit_repayment_agreement_id ON credit_repayment (agreement_id, repayment_id)",
    "CREATE INDEX ix_credit_repayment_hop_id ON credit_repayment (hop_id)",
    """
    CREATE INDEX ix_credit_repayment_unsettled ON credit_repayment (supplier_tenant_id, currency) WHERE settled_at IS NULL
    """,
    'REVOKE ALL ON "credit_repayment" FROM PUBLIC',
    'ALTER TABLE "credit_repayment" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "credit_repayment" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"credit_repayment\" TO fondaco_tenant USING (supplier_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR reseller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (supplier_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR reseller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "credit_repayment" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "credit_repayment" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "credit_repayment" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "credit_repayment" TO fondaco_tenant',
    'GRANT SELECT, INSERT, UPDATE (settled_at) ON "credit_repayment" TO fondaco_trade',
    'GRANT SELECT ON "credit_repayment" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in (*CHANGED, *MADE):
        op.execute(statement)
