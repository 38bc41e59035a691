"""Endpoints, messages and attempts of outgoing webhooks."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE outbox_listener (
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_outbox_listener PRIMARY KEY (tenant_id)
    )
    """,
    'REVOKE ALL ON "outbox_listener" FROM PUBLIC',
    'ALTER TABLE "outbox_listener" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "outbox_listener" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"outbox_listener\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "outbox_listener" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "outbox_listener" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT ON "outbox_listener" TO fondaco_tenant',
    'GRANT SELECT ON "outbox_listener" TO fondaco_platform',
    """
    CREATE TABLE webhook_endpoint (
        id UUID NOT NULL,
        url TEXT NOT NULL,
        description TEXT NOT NULL,
        event_types TEXT[] NOT NULL,
        state TEXT NOT NULL,
        api_version TEXT NOT NULL,
        concurrency INTEGER NOT NULL,
        slow BOOLEAN DEFAULT false NOT NULL,
        failing_since TIMESTAMP WITH TIME ZONE,
        paused_until TIMESTAMP WITH TIME ZONE,
        disabled_at TIMESTAMP WITH TIME ZONE,
        disabled_reason TEXT,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        deleted_at TIMESTAMP WITH TIME ZONE,
        version BIGINT DEFAULT 1 NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_webhook_endpoint PRIMARY KEY (id),
        CONSTRAINT ck_webhook_endpoint_state CHECK (state IN ('ENABLED', 'FAILING', 'DISABLED')),
        CONSTRAINT ck_webhook_endpoint_concurrency CHECK (concurrency BETWEEN 1 AND 10)
    )
    """,
    "CREATE INDEX ix_webhook_endpoint_open ON webhook_endpoint (tenant_id, id) WHERE state <> 'DISABLED'",
    'REVOKE ALL ON "webhook_endpoint" FROM PUBLIC',
    'ALTER TABLE "webhook_endpoint" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "webhook_endpoint" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"webhook_endpoint\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "webhook_endpoint" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "webhook_endpoint" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "webhook_endpoint" TO fondaco_tenant',
    'GRANT SELECT, UPDATE ON "webhook_endpoint" TO fondaco_platform',
    """
    CREATE TABLE webhook_message (
        id UUID NOT NULL,
        endpoint_id UUID NOT NULL,
        fact TEXT NOT NULL,
        type TEXT NOT NULL,
        payload JSONB NOT NULL,
        happened_at TIMESTAMP WITH TIME ZONE NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER DEFAULT 0 NOT NULL,
        tries INTEGER DEFAULT 0 NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE NOT NULL,
        sending_until TIMESTAMP WITH TIME ZONE,
        ended_at TIMESTAMP WITH TIME ZONE,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_webhook_message PRIMARY KEY (id),
        CONSTRAINT ck_webhook_message_state CHECK (state IN ('PENDING', 'DELIVERED', 'FAILED', 'DROPPED')),
        CONSTRAINT uq_webhook_message_endpoint_id_fact UNIQUE (endpoint_id, fact),
        CONSTRAINT fk_webhook_message_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES webhook_endpoint (id)
    )
    """,
    "CREATE INDEX ix_webhook_message_created_at ON webhook_message (created_at)",
    "CREATE INDEX ix_webhook_message_due ON webhook_message (endpoint_id, due_at) WHERE state = 'PENDING'",
    "CREATE INDEX ix_webhook_message_listed ON webhook_message (tenant_id, id)",
    'REVOKE ALL ON "webhook_message" FROM PUBLIC',
    'ALTER TABLE "webhook_message" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "webhook_message" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"webhook_message\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "webhook_message" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "webhook_message" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "webhook_message" TO fondaco_tenant',
    'GRANT SELECT, UPDATE, DELETE ON "webhook_message" TO fondaco_platform',
    """
    CREATE TABLE webhook_secret (
        id UUID NOT NULL,
        endpoint_id UUID NOT NULL,
        sealed BYTEA NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_webhook_secret PRIMARY KEY (id),
        CONSTRAINT fk_webhook_secret_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES webhook_endpoint (id)
    )
    """,
    "CREATE INDEX ix_webhook_secret_endpoint_id ON webhook_secret (endpoint_id)",
    'REVOKE ALL ON "webhook_secret" FROM PUBLIC',
    'ALTER TABLE "webhook_secret" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "webhook_secret" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"webhook_secret\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "webhook_secret" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "webhook_secret" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON "webhook_secret" TO fondaco_tenant',
    'GRANT SELECT ("id", "endpoint_id", "created_at", "expires_at", "tenant_id") ON "webhook_secret" TO fondaco_platform',
    'GRANT DELETE ON "webhook_secret" TO fondaco_platform',
    """
    CREATE TABLE webhook_attempt (
        id UUID NOT NULL,
        message_id UUID NOT NULL,
        number INTEGER NOT NULL,
        sent_at TIMESTAMP WITH TIME ZONE NOT NULL,
        duration_ms INTEGER NOT NULL,
        status INTEGER,
        failure TEXT,
        answer TEXT NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_webhook_attempt PRIMARY KEY (id),
        CONSTRAINT fk_webhook_attempt_message_id FOREIGN KEY(message_id) REFERENCES webhook_message (id)
    )
    """,
    "CREATE INDEX ix_webhook_attempt_message_id ON webhook_attempt (message_id)",
    'REVOKE ALL ON "webhook_attempt" FROM PUBLIC',
    'ALTER TABLE "webhook_attempt" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "webhook_attempt" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"webhook_attempt\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "webhook_attempt" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "webhook_attempt" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT ON "webhook_attempt" TO fondaco_tenant',
    'GRANT SELECT, DELETE ON "webhook_attempt" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
