"""The daily comparison with the gateways' statements."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    "CREATE INDEX ix_payment_refund_ended_at ON payment_refund (ended_at) WHERE state = 'DONE'",
    """
    CREATE TABLE reconciliation (
        id UUID NOT NULL,
        gateway_id UUID NOT NULL,
        day DATE NOT NULL,
        state TEXT NOT NULL,
        run_id UUID NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        lines BIGINT DEFAULT 0 NOT NULL,
        differences BIGINT DEFAULT 0 NOT NULL,
        CONSTRAINT pk_reconciliation PRIMARY KEY (id),
        CONSTRAINT ck_reconciliation_state CHECK (state IN ('RUNNING', 'DONE')),
        CONSTRAINT ck_reconciliation_finished CHECK ((state = 'DONE') <= (finished_at IS NOT NULL)),
        CONSTRAINT uq_reconciliation_gateway_id_day UNIQUE (gateway_id, day)
    )
    """,
    'REVOKE ALL ON "reconciliation" FROM PUBLIC',
    'GRANT SELECT, INSERT, UPDATE ON "reconciliation" TO fondaco_platform',
    """
    CREATE TABLE reconciliation_difference (
        id UUID NOT NULL,
        reconciliation_id UUID NOT NULL,
        subject TEXT NOT NULL,
        kind TEXT NOT NULL,
        written_id TEXT NOT NULL,
        our_id UUID,
        tenant_id UUID,
        gateway_reference TEXT,
        ours_state TEXT,
        ours_minor BIGINT,
        ours_currency TEXT,
        theirs_minor BIGINT,
        theirs_currency TEXT,
        state TEXT DEFAULT 'OPEN' NOT NULL,
        found_at TIMESTAMP WITH TIME ZONE NOT NULL,
        resolved_at TIMESTAMP WITH TIME ZONE,
        resolved_by UUID,
        reason TEXT,
        version BIGINT DEFAULT 1 NOT NULL,
        CONSTRAINT pk_reconciliation_difference PRIMARY KEY (id),
        CONSTRAINT ck_reconciliation_difference_subject CHECK (subject IN ('PAYMENT', 'REFUND')),
        CONSTRAINT ck_reconciliation_difference_kind CHECK (kind IN ('MISSING_HERE', 'MISSING_THERE', 'AMOUNT', 'CURRENCY', 'STATE', 'REPEATED')),
        CONSTRAINT ck_reconciliation_difference_state CHECK (state IN ('OPEN', 'RESOLVED')),
        CONSTRAINT ck_reconciliation_difference_resolved CHECK ((state = 'RESOLVED') = (resolved_at IS NOT NULL AND reason IS NOT NULL)),
        CONSTRAINT uq_reconciliation_difference_found UNIQUE (reconciliation_id, subject, written_id, kind),
        CONSTRAINT fk_reconciliation_difference_reconciliation_id FOREIGN KEY(reconciliation_id) REFERENCES reconciliation (id)
    )
    """,
    "CREATE INDEX ix_reconciliation_difference_open ON reconciliation_difference (id) WHERE state = 'OPEN'",
    'REVOKE ALL ON "reconciliation_difference" FROM PUBLIC',
    'GRANT SELECT, INSERT, UPDATE ON "reconciliation_difference" TO fondaco_platform',
    """
    CREATE TABLE statement_line (
        reconciliation_id UUID NOT NULL,
        number BIGINT NOT NULL,
        kind TEXT NOT NULL,
        written_id TEXT NOT NULL,
        our_id UUID,
        gateway_reference TEXT NOT NULL,
        amount_minor BIGINT NOT NULL,
        currency TEXT NOT NULL,
        happened_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_statement_line PRIMARY KEY (reconciliation_id, number),
        CONSTRAINT ck_statement_line_kind CHECK (kind IN ('PAYMENT', 'REFUND')),
        CONSTRAINT fk_statement_line_reconciliation_id FOREIGN KEY(reconciliation_id) REFERENCES reconciliation (id)
    )
    """,
    "CREATE INDEX ix_statement_line_our_id ON statement_line (our_id)",
    'REVOKE ALL ON "statement_line" FROM PUBLIC',
    'GRANT SELECT, INSERT, DELETE ON "statement_line" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
