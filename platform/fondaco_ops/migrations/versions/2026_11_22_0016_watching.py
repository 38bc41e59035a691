"""Dry runs are bounded, listings are watched, few codes of one state are found, and promises that take long rest longer.

The index comes first and outside of a transaction: one that was cut off while it was made is there and of no use, and is
dropped before it is made again.
"""

from alembic import op

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None

APART: tuple[str, ...] = (
    "DROP INDEX CONCURRENTLY IF EXISTS ix_code_pool_state",
    """
    CREATE INDEX CONCURRENTLY ix_code_pool_state ON code (pool_id, state, batch_id DESC, position)
        WHERE original OR state <> 'QUARANTINED'
    """,
)
STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE preview_use (
        id UUID NOT NULL,
        since TIMESTAMP WITH TIME ZONE NOT NULL,
        previews BIGINT NOT NULL,
        busy_until TIMESTAMP WITH TIME ZONE,
        hits_since TIMESTAMP WITH TIME ZONE NOT NULL,
        hits BIGINT NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_preview_use PRIMARY KEY (id)
    )
    """,
    'REVOKE ALL ON "preview_use" FROM PUBLIC',
    'ALTER TABLE "preview_use" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "preview_use" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"preview_use\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "preview_use" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "preview_use" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "preview_use" TO fondaco_tenant',
    'GRANT SELECT ON "preview_use" TO fondaco_platform',
    """
    CREATE TABLE listing_watch (
        listing_id UUID NOT NULL,
        band TEXT NOT NULL,
        changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_listing_watch PRIMARY KEY (listing_id),
        CONSTRAINT ck_listing_watch_band CHECK (band IN ('ENOUGH', 'LOW', 'OUT')),
        CONSTRAINT fk_listing_watch_listing_id FOREIGN KEY(listing_id) REFERENCES listing (id)
    )
    """,
    'REVOKE ALL ON "listing_watch" FROM PUBLIC',
    'ALTER TABLE "listing_watch" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "listing_watch" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"listing_watch\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "listing_watch" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "listing_watch" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "listing_watch" TO fondaco_tenant',
    'GRANT SELECT ON "listing_watch" TO fondaco_platform',
    """
    CREATE TABLE invariant_run (
        promise TEXT NOT NULL,
        checked_at TIMESTAMP WITH TIME ZONE NOT NULL,
        took_ms BIGINT NOT NULL,
        broken BOOLEAN NOT NULL,
        CONSTRAINT pk_invariant_run PRIMARY KEY (promise)
    )
    """,
    'REVOKE ALL ON "invariant_run" FROM PUBLIC',
    'GRANT SELECT, INSERT, UPDATE ON "invariant_run" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    with op.get_context().autocommit_block():
        for statement in APART:
            op.execute(statement)
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
