"""Second factors, passkeys, sign-in by a provider, addresses and ends of API clients, break glass."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    # What people prove themselves with is none of a merchant's transactions' business, and neither is another's account.
    "ALTER TABLE user_account ADD COLUMN email_verified_at TIMESTAMP WITH TIME ZONE",
    'REVOKE ALL ON "user_account" FROM fondaco_tenant',
    """
    GRANT SELECT (id, email, name, locale, created_at, disabled_at), INSERT (id, email, name, locale, created_at)
    ON "user_account" TO fondaco_tenant
    """,
    'ALTER TABLE "user_account" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "user_account" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY seen ON "user_account" FOR SELECT TO fondaco_tenant, fondaco_trade USING (
        id = nullif(current_setting('app.user_id', true), '')::uuid
        OR email = nullif(current_setting('app.email', true), '')
        OR EXISTS (SELECT 1 FROM member m WHERE m.user_id = user_account.id)
    )
    """,
    """
    CREATE POLICY added ON "user_account" FOR INSERT TO fondaco_tenant WITH CHECK (platform_role IS NULL AND password_hash IS NULL)
    """,
    'CREATE POLICY platform ON "user_account" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "user_account" TO fondaco_owner USING (true) WITH CHECK (true)',
    "ALTER TABLE tenant ADD COLUMN second_factor_required BOOLEAN DEFAULT false NOT NULL",
    'GRANT UPDATE (second_factor_required) ON "tenant" TO fondaco_tenant',
    "ALTER TABLE customer ADD COLUMN contact_verified_at TIMESTAMP WITH TIME ZONE",
    'GRANT SELECT (contact_verified_at) ON "customer" TO fondaco_platform',
    "ALTER TABLE invitation ADD COLUMN mailed_at TIMESTAMP WITH TIME ZONE",
    'GRANT SELECT (mailed_at), UPDATE (mailed_at) ON "invitation" TO fondaco_platform',
    'REVOKE UPDATE ON "invitation" FROM fondaco_tenant',
    'GRANT UPDATE (used_at) ON "invitation" TO fondaco_tenant',
    "ALTER TABLE password_reset ADD COLUMN mailed_at TIMESTAMP WITH TIME ZONE",
    'GRANT SELECT (mailed_at), UPDATE (mailed_at) ON "password_reset" TO fondaco_platform',
    "ALTER TABLE api_client ADD COLUMN networks TEXT[] DEFAULT '{}' NOT NULL",
    "ALTER TABLE api_client ADD COLUMN expires_at TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE api_client ADD COLUMN previous_hash BYTEA",
    "ALTER TABLE api_client ADD COLUMN previous_until TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE api_client ADD COLUMN suspended_at TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE api_client ADD COLUMN awaits_consent BOOLEAN DEFAULT false NOT NULL",
    "ALTER TABLE api_client ADD COLUMN noticed_at TIMESTAMP WITH TIME ZONE",
    """
    GRANT SELECT (networks, expires_at, previous_until, suspended_at, awaits_consent, noticed_at) ON "api_client" TO fondaco_platform
    """,
    """
    CREATE TABLE customer_proof (
        id UUID NOT NULL,
        customer_id UUID NOT NULL,
        purpose TEXT NOT NULL,
        locale TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        used_at TIMESTAMP WITH TIME ZONE,
        mailed_at TIMESTAMP WITH TIME ZONE,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_customer_proof PRIMARY KEY (id),
        CONSTRAINT ck_customer_proof_purpose CHECK (purpose IN ('VERIFY', 'RESET'))
    )
    """,
    "CREATE INDEX ix_customer_proof_customer_id ON customer_proof (customer_id)",
    "CREATE INDEX ix_customer_proof_expires_at ON customer_proof (expires_at)",
    'REVOKE ALL ON "customer_proof" FROM PUBLIC',
    'ALTER TABLE "customer_proof" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "customer_proof" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"customer_proof\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "customer_proof" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "customer_proof" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "customer_proof" TO fondaco_tenant',
    'GRANT SELECT, DELETE ON "customer_proof" TO fondaco_platform',
    """
    CREATE TABLE identity_provider (
        id UUID NOT NULL,
        tenant_id UUID,
        title TEXT NOT NULL,
        issuer TEXT NOT NULL,
        client_id TEXT NOT NULL,
        client_secret_sealed BYTEA NOT NULL,
        domains TEXT[] NOT NULL,
        join_role TEXT,
        enabled BOOLEAN DEFAULT true NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        version BIGINT DEFAULT 1 NOT NULL,
        CONSTRAINT pk_identity_provider PRIMARY KEY (id),
        CONSTRAINT ck_identity_provider_join_role CHECK (join_role IN ('MANAGER', 'OPERATOR', 'FINANCE', 'SUPPORT', 'AUDITOR'))
    )
    """,
    "CREATE UNIQUE INDEX uq_identity_provider_issuer ON identity_provider (tenant_id, issuer) NULLS NOT DISTINCT",
    'REVOKE ALL ON "identity_provider" FROM PUBLIC',
    'ALTER TABLE "identity_provider" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "identity_provider" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"identity_provider\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "identity_provider" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "identity_provider" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON "identity_provider" TO fondaco_tenant',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON "identity_provider" TO fondaco_platform',
    """
    CREATE TABLE break_glass (
        id UUID NOT NULL,
        user_id UUID NOT NULL,
        user_name TEXT NOT NULL,
        reason TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        ended_at TIMESTAMP WITH TIME ZONE,
        ended_by UUID,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_break_glass PRIMARY KEY (id),
        CONSTRAINT ck_break_glass_expires_at CHECK (expires_at > created_at),
        CONSTRAINT fk_break_glass_user_id FOREIGN KEY(user_id) REFERENCES user_account (id)
    )
    """,
    "CREATE INDEX ix_break_glass_tenant_id_id ON break_glass (tenant_id, id)",
    'REVOKE ALL ON "break_glass" FROM PUBLIC',
    'ALTER TABLE "break_glass" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "break_glass" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"break_glass\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "break_glass" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "break_glass" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, UPDATE (ended_at, ended_by) ON "break_glass" TO fondaco_tenant',
    'GRANT SELECT, INSERT, UPDATE ON "break_glass" TO fondaco_platform',
    """
    CREATE TABLE external_identity (
        provider_id UUID NOT NULL,
        subject TEXT NOT NULL,
        user_id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_external_identity PRIMARY KEY (provider_id, subject),
        CONSTRAINT fk_external_identity_user_id FOREIGN KEY(user_id) REFERENCES user_account (id)
    )
    """,
    "CREATE INDEX ix_external_identity_user_id ON external_identity (user_id)",
    'REVOKE ALL ON "external_identity" FROM PUBLIC',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON "external_identity" TO fondaco_platform',
    """
    CREATE TABLE passkey (
        id UUID NOT NULL,
        user_id UUID NOT NULL,
        credential_id BYTEA NOT NULL,
        public_key BYTEA NOT NULL,
        sign_count BIGINT NOT NULL,
        name TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        last_used_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_passkey PRIMARY KEY (id),
        CONSTRAINT fk_passkey_user_id FOREIGN KEY(user_id) REFERENCES user_account (id),
        CONSTRAINT uq_passkey_credential_id UNIQUE (credential_id)
    )
    """,
    "CREATE INDEX ix_passkey_user_id ON passkey (user_id)",
    'REVOKE ALL ON "passkey" FROM PUBLIC',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON "passkey" TO fondaco_platform',
    """
    CREATE TABLE recovery_code (
        code_hash BYTEA NOT NULL,
        user_id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        used_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_recovery_code PRIMARY KEY (code_hash),
        CONSTRAINT fk_recovery_code_user_id FOREIGN KEY(user_id) REFERENCES user_account (id)
    )
    """,
    "CREATE INDEX ix_recovery_code_user_id ON recovery_code (user_id)",
    'REVOKE ALL ON "recovery_code" FROM PUBLIC',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON "recovery_code" TO fondaco_platform',
    """
    CREATE TABLE second_factor (
        user_id UUID NOT NULL,
        secret_sealed BYTEA NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        confirmed_at TIMESTAMP WITH TIME ZONE,
        step BIGINT DEFAULT 0 NOT NULL,
        CONSTRAINT pk_second_factor PRIMARY KEY (user_id),
        CONSTRAINT fk_second_factor_user_id FOREIGN KEY(user_id) REFERENCES user_account (id)
    )
    """,
    'REVOKE ALL ON "second_factor" FROM PUBLIC',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON "second_factor" TO fondaco_platform',
    """
    CREATE TABLE sign_in_challenge (
        id UUID NOT NULL,
        purpose TEXT NOT NULL,
        user_id UUID,
        tenant_id UUID,
        provider_id UUID,
        attempts BIGINT DEFAULT 0 NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        used_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_sign_in_challenge PRIMARY KEY (id),
        CONSTRAINT ck_sign_in_challenge_purpose CHECK (purpose IN ('CODE', 'PASSKEY_NEW', 'PASSKEY', 'PROVIDER')),
        CONSTRAINT fk_sign_in_challenge_user_id FOREIGN KEY(user_id) REFERENCES user_account (id)
    )
    """,
    "CREATE INDEX ix_sign_in_challenge_expires_at ON sign_in_challenge (expires_at)",
    'REVOKE ALL ON "sign_in_challenge" FROM PUBLIC',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON "sign_in_challenge" TO fondaco_platform',
    "ALTER TABLE session ADD COLUMN verified_at TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE session ADD COLUMN break_glass_id UUID CONSTRAINT fk_session_break_glass_id REFERENCES break_glass (id)",
    'GRANT SELECT (verified_at, break_glass_id), UPDATE (verified_at, break_glass_id) ON "session" TO fondaco_platform',
    'REVOKE UPDATE ON "session" FROM fondaco_tenant',
    'GRANT UPDATE (used_at, revoked_at, verified_at) ON "session" TO fondaco_tenant',
    "ALTER TABLE session DROP CONSTRAINT ck_session_kind",
    """
    ALTER TABLE session ADD CONSTRAINT ck_session_kind
    CHECK (kind IN ('MEMBER', 'PLATFORM_ADMIN', 'CUSTOMER', 'API_CLIENT', 'BREAK_GLASS'))
    """,
    'ALTER TABLE "session" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "session" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "session" TO fondaco_tenant, fondaco_trade USING (
        tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
        OR user_id = nullif(current_setting('app.user_id', true), '')::uuid
        OR token_hash = decode(nullif(current_setting('app.token', true), ''), 'hex')
    ) WITH CHECK (
        tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
        OR user_id = nullif(current_setting('app.user_id', true), '')::uuid
        OR token_hash = decode(nullif(current_setting('app.token', true), ''), 'hex')
    )
    """,
    'CREATE POLICY platform ON "session" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "session" TO fondaco_owner USING (true) WITH CHECK (true)',
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
