"""Templates, deliveries and their attempts, keys of API clients, alarms."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE client_key (
        id UUID NOT NULL,
        api_client_id UUID NOT NULL,
        jwk JSONB NOT NULL,
        thumbprint TEXT NOT NULL,
        registered_at TIMESTAMP WITH TIME ZONE NOT NULL,
        retired_at TIMESTAMP WITH TIME ZONE,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_client_key PRIMARY KEY (id)
    )
    """,
    "CREATE UNIQUE INDEX uq_client_key_current ON client_key (api_client_id) WHERE retired_at IS NULL",
    'REVOKE ALL ON "client_key" FROM PUBLIC',
    'ALTER TABLE "client_key" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "client_key" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"client_key\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "client_key" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "client_key" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "client_key" TO fondaco_tenant',
    'GRANT SELECT ON "client_key" TO fondaco_platform',
    """
    CREATE TABLE delivery_setting (
        id UUID NOT NULL,
        form TEXT NOT NULL,
        link_opens_max INTEGER NOT NULL,
        link_hours INTEGER NOT NULL,
        staff_reveals_max INTEGER NOT NULL,
        client_reveals_max INTEGER NOT NULL,
        place_accounts_max INTEGER NOT NULL,
        version INTEGER NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_delivery_setting PRIMARY KEY (id),
        CONSTRAINT ck_delivery_setting_form CHECK (form IN ('LINK', 'ZIP', 'PDF'))
    )
    """,
    'REVOKE ALL ON "delivery_setting" FROM PUBLIC',
    'ALTER TABLE "delivery_setting" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "delivery_setting" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"delivery_setting\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "delivery_setting" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "delivery_setting" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "delivery_setting" TO fondaco_tenant',
    'GRANT SELECT ON "delivery_setting" TO fondaco_platform',
    """
    CREATE TABLE delivery_template (
        id UUID NOT NULL,
        store_id UUID NOT NULL,
        listing_id UUID,
        locale TEXT NOT NULL,
        version INTEGER NOT NULL,
        subject TEXT NOT NULL,
        body_text TEXT NOT NULL,
        body_html TEXT NOT NULL,
        created_by UUID,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_delivery_template PRIMARY KEY (id),
        CONSTRAINT ck_delivery_template_locale CHECK (locale IN ('zh-CN', 'en')),
        CONSTRAINT uq_delivery_template_store_id_listing_id_locale_version UNIQUE NULLS NOT DISTINCT (store_id, listing_id, locale, version)
    )
    """,
    'REVOKE ALL ON "delivery_template" FROM PUBLIC',
    'ALTER TABLE "delivery_template" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "delivery_template" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"delivery_template\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "delivery_template" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "delivery_template" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT ON "delivery_template" TO fondaco_tenant',
    'GRANT SELECT ON "delivery_template" TO fondaco_platform',
    """
    CREATE TABLE reveal_alarm (
        id UUID NOT NULL,
        rule TEXT NOT NULL,
        subject TEXT NOT NULL,
        window_at TIMESTAMP WITH TIME ZONE NOT NULL,
        count INTEGER NOT NULL,
        raised_at TIMESTAMP WITH TIME ZONE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_reveal_alarm PRIMARY KEY (id),
        CONSTRAINT ck_reveal_alarm_rule CHECK (rule IN ('STAFF_BURST', 'CLIENT_BURST', 'NEW_PLACE', 'ONE_PLACE', 'LINK_SPREAD')),
        CONSTRAINT uq_reveal_alarm_tenant_id_rule_subject_window_at UNIQUE (tenant_id, rule, subject, window_at)
    )
    """,
    'REVOKE ALL ON "reveal_alarm" FROM PUBLIC',
    'ALTER TABLE "reveal_alarm" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "reveal_alarm" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"reveal_alarm\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "reveal_alarm" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "reveal_alarm" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT ON "reveal_alarm" TO fondaco_tenant',
    'GRANT SELECT ON "reveal_alarm" TO fondaco_platform',
    """
    CREATE TABLE delivery (
        id UUID NOT NULL,
        order_id UUID NOT NULL,
        channel TEXT NOT NULL,
        state TEXT NOT NULL,
        form TEXT NOT NULL,
        addressee TEXT NOT NULL,
        contact_sealed BYTEA,
        contact_masked TEXT NOT NULL,
        link_id UUID,
        allocation_id UUID,
        locale TEXT NOT NULL,
        attempts INTEGER DEFAULT 0 NOT NULL,
        unknowns INTEGER DEFAULT 0 NOT NULL,
        next_attempt_at TIMESTAMP WITH TIME ZONE,
        told_at TIMESTAMP WITH TIME ZONE,
        failure TEXT,
        resend_of UUID,
        requested_by_kind TEXT NOT NULL,
        requested_by UUID,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        sent_at TIMESTAMP WITH TIME ZONE,
        delivered_at TIMESTAMP WITH TIME ZONE,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_delivery PRIMARY KEY (id),
        CONSTRAINT ck_delivery_channel CHECK (channel IN ('ACCOUNT', 'API', 'EMAIL', 'SMS')),
        CONSTRAINT ck_delivery_state CHECK (state IN ('QUEUED', 'SENT', 'DELIVERED', 'FAILED', 'UNKNOWN')),
        CONSTRAINT ck_delivery_form CHECK (form IN ('LINK', 'ZIP', 'PDF', 'PAGE')),
        CONSTRAINT ck_delivery_addressee CHECK (addressee IN ('BUYER', 'RECIPIENT', 'CORRECTED')),
        CONSTRAINT ck_delivery_contact CHECK ((addressee = 'CORRECTED') = (contact_sealed IS NOT NULL)),
        CONSTRAINT ck_delivery_next_attempt CHECK (state IN ('QUEUED', 'UNKNOWN') OR next_attempt_at IS NULL),
        CONSTRAINT ck_delivery_attempts CHECK (unknowns BETWEEN 0 AND attempts),
        CONSTRAINT fk_delivery_order_id FOREIGN KEY(order_id) REFERENCES "order" (id),
        CONSTRAINT fk_delivery_link_id FOREIGN KEY(link_id) REFERENCES delivery_link (id),
        CONSTRAINT fk_delivery_allocation_id FOREIGN KEY(allocation_id) REFERENCES allocation (id)
    )
    """,
    "CREATE INDEX ix_delivery_due ON delivery (next_attempt_at) WHERE next_attempt_at IS NOT NULL",
    "CREATE INDEX ix_delivery_order_id ON delivery (order_id, id)",
    "CREATE UNIQUE INDEX uq_delivery_first ON delivery (order_id, channel) WHERE resend_of IS NULL AND allocation_id IS NULL",
    "CREATE UNIQUE INDEX uq_delivery_unit ON delivery (allocation_id, channel) WHERE resend_of IS NULL AND allocation_id IS NOT NULL",
    'REVOKE ALL ON "delivery" FROM PUBLIC',
    'ALTER TABLE "delivery" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "delivery" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"delivery\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "delivery" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "delivery" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "delivery" TO fondaco_tenant',
    'GRANT SELECT ON "delivery" TO fondaco_trade',
    'GRANT SELECT ("id", "order_id", "channel", "state", "form", "addressee", "contact_masked", "link_id", "allocation_id", "locale", "attempts", "unknowns", "next_attempt_at", "told_at", "failure", "resend_of", "requested_by_kind", "requested_by", "created_at", "sent_at", "delivered_at", "tenant_id") ON "delivery" TO fondaco_platform',
    'GRANT UPDATE ("id", "order_id", "channel", "state", "form", "addressee", "contact_masked", "link_id", "allocation_id", "locale", "attempts", "unknowns", "next_attempt_at", "told_at", "failure", "resend_of", "requested_by_kind", "requested_by", "created_at", "sent_at", "delivered_at", "tenant_id") ON "delivery" TO fondaco_platform',
    """
    CREATE TABLE delivery_attempt (
        id BIGINT GENERATED BY DEFAULT AS IDENTITY,
        delivery_id UUID NOT NULL,
        number INTEGER NOT NULL,
        began_at TIMESTAMP WITH TIME ZONE NOT NULL,
        ended_at TIMESTAMP WITH TIME ZONE,
        outcome TEXT,
        status INTEGER,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_delivery_attempt PRIMARY KEY (id),
        CONSTRAINT ck_delivery_attempt_outcome CHECK (outcome IN ('SENT', 'LATER', 'REFUSED', 'UNKNOWN', 'NO_WAY_OUT')),
        CONSTRAINT ck_delivery_attempt_ended CHECK ((outcome IS NULL) = (ended_at IS NULL)),
        CONSTRAINT uq_delivery_attempt_delivery_id_number UNIQUE (delivery_id, number),
        CONSTRAINT fk_delivery_attempt_delivery_id FOREIGN KEY(delivery_id) REFERENCES delivery (id)
    )
    """,
    'REVOKE ALL ON "delivery_attempt" FROM PUBLIC',
    'ALTER TABLE "delivery_attempt" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "delivery_attempt" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"delivery_attempt\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "delivery_attempt" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "delivery_attempt" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "delivery_attempt" TO fondaco_tenant',
    'GRANT SELECT ON "delivery_attempt" TO fondaco_platform',
    "ALTER TABLE allocation ADD COLUMN replaced_at TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE code_reveal DROP CONSTRAINT ck_code_reveal_via",
    """
    ALTER TABLE code_reveal ADD CONSTRAINT ck_code_reveal_via
      CHECK (via IN ('ACCOUNT', 'API', 'LINK', 'GUEST', 'EMAIL', 'BACK_OFFICE'))
    """,
    """
    CREATE INDEX ix_code_reveal_actor ON code_reveal (tenant_id, actor_id, revealed_at)
      WHERE actor_kind IN ('MEMBER', 'API_CLIENT')
    """,
    """
    CREATE INDEX ix_code_reveal_place ON code_reveal (tenant_id, ip, revealed_at)
      WHERE via IN ('ACCOUNT', 'GUEST', 'LINK')
    """,
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
