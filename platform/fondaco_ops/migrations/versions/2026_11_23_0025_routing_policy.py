"""How merchants order their sources, what each source may give, and what came from it.

The routes that are there already are worked out again by their job; until then they are ordered by priorities alone, as before.
"""

from alembic import op

revision = "0025"
down_revision = "0029"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    ALTER TABLE source ADD COLUMN weight BIGINT DEFAULT 1 NOT NULL, ADD COLUMN day_units_max BIGINT,
        ADD COLUMN policy TEXT DEFAULT 'PRIORITY' NOT NULL, ADD COLUMN points INTEGER[] DEFAULT '{}' NOT NULL,
        ADD COLUMN margin_bps BIGINT DEFAULT 0 NOT NULL, ADD COLUMN margin_minor BIGINT DEFAULT 0 NOT NULL
    """,
    "ALTER TABLE route ADD COLUMN rank BYTEA DEFAULT '' NOT NULL, ADD COLUMN by_rule BOOLEAN DEFAULT false NOT NULL",
    """
    CREATE TABLE source_use (
        source_id UUID NOT NULL,
        day DATE NOT NULL,
        day_units BIGINT DEFAULT 0 NOT NULL,
        day_since TIMESTAMP WITH TIME ZONE NOT NULL,
        turn_units BIGINT DEFAULT 0 NOT NULL,
        turn_since TIMESTAMP WITH TIME ZONE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_source_use PRIMARY KEY (source_id),
        CONSTRAINT ck_source_use_counted CHECK (day_units >= 0 AND turn_units >= 0)
    )
    """,
    'REVOKE ALL ON "source_use" FROM PUBLIC',
    'ALTER TABLE "source_use" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "source_use" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "source_use" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "source_use" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "source_use" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "source_use" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON "source_use" TO fondaco_tenant',
    'GRANT SELECT, UPDATE ON "source_use" TO fondaco_trade',
    'GRANT SELECT ON "source_use" TO fondaco_platform',
    """
    CREATE TABLE routing_policy (
        id UUID NOT NULL,
        listing_id UUID,
        offer_id UUID,
        policy TEXT,
        points INTEGER[] DEFAULT '{}' NOT NULL,
        margin_bps BIGINT,
        margin_minor BIGINT,
        changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_routing_policy PRIMARY KEY (id),
        CONSTRAINT ck_routing_policy_head CHECK (listing_id IS NULL OR offer_id IS NULL),
        CONSTRAINT ck_routing_policy_policy CHECK (policy IN ('PRIORITY', 'CHEAPEST', 'HEALTHIEST', 'FIRST_EXPIRING', 'WEIGHTED', 'SCORE')),
        CONSTRAINT ck_routing_policy_points CHECK (cardinality(points) = CASE WHEN policy = 'SCORE' THEN 4 ELSE 0 END),
        CONSTRAINT ck_routing_policy_margin CHECK (margin_bps BETWEEN 0 AND 10000 AND margin_minor >= 0),
        CONSTRAINT uq_routing_policy_tenant_id_listing_id_offer_id UNIQUE NULLS NOT DISTINCT (tenant_id, listing_id, offer_id)
    )
    """,
    'REVOKE ALL ON "routing_policy" FROM PUBLIC',
    'ALTER TABLE "routing_policy" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "routing_policy" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "routing_policy" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "routing_policy" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "routing_policy" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "routing_policy" TO fondaco_tenant',
    'GRANT SELECT ON "routing_policy" TO fondaco_platform',
    """
    INSERT INTO route_due (id, offer_id, since) SELECT gen_random_uuid(), offer_id, now() FROM (SELECT DISTINCT offer_id FROM route) r
    """,
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement)
