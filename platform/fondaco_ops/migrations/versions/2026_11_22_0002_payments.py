"""Gateways, payments, their notifications and refunds."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE gateway (
        id UUID NOT NULL,
        key TEXT NOT NULL,
        kind TEXT NOT NULL,
        title_zh TEXT NOT NULL,
        title_en TEXT NOT NULL,
        currencies TEXT[] NOT NULL,
        base_url TEXT NOT NULL,
        options JSONB DEFAULT '{}' NOT NULL,
        secret BYTEA NOT NULL,
        enabled BOOLEAN DEFAULT true NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        version BIGINT DEFAULT 1 NOT NULL,
        CONSTRAINT pk_gateway PRIMARY KEY (id),
        CONSTRAINT ck_gateway_key CHECK (key ~ '^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$'),
        CONSTRAINT uq_gateway_key UNIQUE (key)
    )
    """,
    'REVOKE ALL ON "gateway" FROM PUBLIC',
    'GRANT SELECT (id, key, kind, title_zh, title_en, currencies, enabled, created_at, changed_at, version) ON "gateway" TO fondaco_tenant',
    'GRANT SELECT (id, key, kind, title_zh, title_en, currencies, enabled, created_at, changed_at, version) ON "gateway" TO fondaco_trade',
    'GRANT SELECT, INSERT, UPDATE ON "gateway" TO fondaco_platform',
    """
    CREATE TABLE payment (
        id UUID NOT NULL,
        gateway_id UUID NOT NULL,
        purpose TEXT NOT NULL,
        order_id UUID,
        customer_id UUID,
        amount_minor BIGINT NOT NULL,
        currency TEXT NOT NULL,
        state TEXT NOT NULL,
        leftovers TEXT NOT NULL,
        subject TEXT NOT NULL,
        return_url TEXT NOT NULL,
        notify_url TEXT NOT NULL,
        locale TEXT NOT NULL,
        gateway_reference TEXT,
        pay_url TEXT,
        qr_text TEXT,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        next_look_at TIMESTAMP WITH TIME ZONE,
        looks INTEGER DEFAULT 0 NOT NULL,
        unwanted BOOLEAN DEFAULT false NOT NULL,
        captured_at TIMESTAMP WITH TIME ZONE,
        captured_minor BIGINT,
        captured_currency TEXT,
        refunding_minor BIGINT DEFAULT 0 NOT NULL,
        settled_at TIMESTAMP WITH TIME ZONE,
        outcome TEXT,
        failure TEXT,
        version BIGINT DEFAULT 1 NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_payment PRIMARY KEY (id),
        CONSTRAINT ck_payment_purpose CHECK (purpose IN ('ORDER', 'TOP_UP')),
        CONSTRAINT ck_payment_state CHECK (state IN ('CREATING', 'UNKNOWN', 'PENDING', 'CAPTURED', 'CLOSED', 'FAILED')),
        CONSTRAINT ck_payment_whose CHECK ((purpose = 'ORDER') = (order_id IS NOT NULL) AND (order_id IS NULL OR customer_id IS NOT NULL)),
        CONSTRAINT ck_payment_leftovers CHECK (leftovers IN ('SOURCE', 'WALLET')),
        CONSTRAINT ck_payment_amount CHECK (amount_minor > 0),
        CONSTRAINT ck_payment_captured CHECK ((state = 'CAPTURED') = (captured_at IS NOT NULL) AND (captured_at IS NULL) = (captured_minor IS NULL) AND (captured_at IS NULL) = (captured_currency IS NULL)),
        CONSTRAINT ck_payment_refunding CHECK (refunding_minor BETWEEN 0 AND coalesce(captured_minor, 0)),
        CONSTRAINT ck_payment_settled CHECK ((settled_at IS NULL) = (outcome IS NULL) AND (settled_at IS NULL OR state = 'CAPTURED'))
    )
     WITH (fillfactor = 90)
    """,
    "CREATE INDEX ix_payment_gateway_id ON payment (gateway_id, captured_at)",
    "CREATE INDEX ix_payment_next_look_at ON payment (next_look_at) WHERE next_look_at IS NOT NULL",
    "CREATE INDEX ix_payment_order_id ON payment (order_id) WHERE order_id IS NOT NULL",
    "CREATE INDEX ix_payment_tenant_id ON payment (tenant_id, customer_id, id)",
    "CREATE INDEX ix_payment_unsettled ON payment (captured_at) WHERE state = 'CAPTURED' AND settled_at IS NULL",
    "CREATE UNIQUE INDEX uq_payment_order_paid ON payment (order_id) WHERE outcome IN ('ORDER_PAID', 'ORDER_PAID_LATE')",
    'REVOKE ALL ON "payment" FROM PUBLIC',
    'ALTER TABLE "payment" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "payment" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"payment\" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "payment" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "payment" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "payment" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT ON "payment" TO fondaco_tenant',
    'GRANT SELECT, INSERT, UPDATE ON "payment" TO fondaco_trade',
    'GRANT SELECT, INSERT, UPDATE ON "payment" TO fondaco_platform',
    """
    CREATE TABLE payment_notification (
        id UUID NOT NULL,
        gateway_id UUID NOT NULL,
        tenant_id UUID,
        payment_id UUID,
        notification_id TEXT,
        verdict TEXT NOT NULL,
        digest TEXT NOT NULL,
        message BYTEA NOT NULL,
        ip TEXT,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_payment_notification PRIMARY KEY (id),
        CONSTRAINT ck_payment_notification_verdict CHECK (verdict IN ('GENUINE', 'FORGED', 'STRANGE', 'MISDIRECTED'))
    )
    """,
    "CREATE INDEX ix_payment_notification_forged ON payment_notification (gateway_id, received_at) WHERE verdict = 'FORGED'",
    "CREATE INDEX ix_payment_notification_payment_id ON payment_notification (payment_id)",
    "CREATE UNIQUE INDEX uq_payment_notification_said ON payment_notification (gateway_id, notification_id, digest) WHERE verdict <> 'FORGED'",
    'REVOKE ALL ON "payment_notification" FROM PUBLIC',
    'ALTER TABLE "payment_notification" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "payment_notification" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"payment_notification\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "payment_notification" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "payment_notification" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT ON "payment_notification" TO fondaco_platform',
    """
    CREATE TABLE payment_refund (
        id UUID NOT NULL,
        payment_id UUID NOT NULL,
        customer_id UUID,
        order_refund_id UUID,
        amount_minor BIGINT NOT NULL,
        currency TEXT NOT NULL,
        reason TEXT NOT NULL,
        state TEXT NOT NULL,
        requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
        next_try_at TIMESTAMP WITH TIME ZONE,
        tries INTEGER DEFAULT 0 NOT NULL,
        ended_at TIMESTAMP WITH TIME ZONE,
        failure TEXT,
        into_wallet BOOLEAN DEFAULT false NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_payment_refund PRIMARY KEY (id),
        CONSTRAINT ck_payment_refund_state CHECK (state IN ('REQUESTED', 'UNKNOWN', 'DONE', 'REFUSED')),
        CONSTRAINT ck_payment_refund_amount CHECK (amount_minor > 0),
        CONSTRAINT ck_payment_refund_ended CHECK ((state IN ('DONE', 'REFUSED')) = (ended_at IS NOT NULL)),
        CONSTRAINT fk_payment_refund_payment_id FOREIGN KEY(payment_id) REFERENCES payment (id)
    )
    """,
    "CREATE INDEX ix_payment_refund_next_try_at ON payment_refund (next_try_at) WHERE next_try_at IS NOT NULL",
    "CREATE INDEX ix_payment_refund_payment_id ON payment_refund (payment_id)",
    "CREATE UNIQUE INDEX uq_payment_refund_order_refund_id ON payment_refund (order_refund_id)",
    'REVOKE ALL ON "payment_refund" FROM PUBLIC',
    'ALTER TABLE "payment_refund" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "payment_refund" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"payment_refund\" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "payment_refund" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "payment_refund" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "payment_refund" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "payment_refund" TO fondaco_tenant',
    'GRANT SELECT, INSERT ON "payment_refund" TO fondaco_trade',
    'GRANT SELECT, INSERT, UPDATE ON "payment_refund" TO fondaco_platform',
    "ALTER TABLE refund ADD COLUMN target TEXT DEFAULT 'WALLET' NOT NULL",
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
