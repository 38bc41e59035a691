"""How offers do: scorecards and health; and sources that are paused by themselves when they fail."""

from alembic import op

revision = "0026"
down_revision = "0022"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE supply_trouble (
        id UUID NOT NULL,
        source_id UUID NOT NULL,
        offer_id UUID,
        kind TEXT NOT NULL,
        units INTEGER NOT NULL,
        took_ms BIGINT,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        counted BOOLEAN DEFAULT false NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_supply_trouble PRIMARY KEY (id),
        CONSTRAINT ck_supply_trouble_kind CHECK (kind IN ('SHORT', 'BAD', 'LATE', 'UNREADABLE', 'PAUSED')),
        CONSTRAINT ck_supply_trouble_units CHECK (units > 0 AND (kind = 'LATE') = (took_ms IS NOT NULL))
    )
    """,
    "CREATE INDEX ix_supply_trouble_source_id ON supply_trouble (source_id, at)",
    "CREATE INDEX ix_supply_trouble_uncounted ON supply_trouble (id) WHERE NOT counted",
    'REVOKE ALL ON "supply_trouble" FROM PUBLIC',
    'ALTER TABLE "supply_trouble" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "supply_trouble" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "supply_trouble" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "supply_trouble" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "supply_trouble" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "supply_trouble" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT INSERT ON "supply_trouble" TO fondaco_trade',
    'GRANT SELECT, INSERT, UPDATE (counted), DELETE ON "supply_trouble" TO fondaco_platform',
    """
    CREATE TABLE offer_health (
        offer_id UUID NOT NULL,
        health INTEGER NOT NULL,
        reckoned_on DATE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_offer_health PRIMARY KEY (offer_id),
        CONSTRAINT ck_offer_health_health CHECK (health BETWEEN 0 AND 1000),
        CONSTRAINT fk_offer_health_offer_id FOREIGN KEY(offer_id) REFERENCES offer (id)
    )
    """,
    "CREATE INDEX ix_offer_health_reckoned_on ON offer_health (reckoned_on)",
    'REVOKE ALL ON "offer_health" FROM PUBLIC',
    'ALTER TABLE "offer_health" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "offer_health" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "offer_health" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "offer_health" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "offer_health" TO fondaco_owner USING (true) WITH CHECK (true)',
    """
    CREATE POLICY also ON "offer_health" FOR SELECT TO fondaco_tenant, fondaco_trade USING (EXISTS (SELECT FROM offer o WHERE o.id = offer_health.offer_id))
    """,
    'CREATE POLICY trade ON "offer_health" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "offer_health" TO fondaco_tenant',
    'GRANT SELECT ON "offer_health" TO fondaco_trade',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON "offer_health" TO fondaco_platform',
    """
    CREATE TABLE offer_score_day (
        offer_id UUID NOT NULL,
        day DATE NOT NULL,
        orders BIGINT DEFAULT 0 NOT NULL,
        short_orders BIGINT DEFAULT 0 NOT NULL,
        filled_units BIGINT DEFAULT 0 NOT NULL,
        short_units BIGINT DEFAULT 0 NOT NULL,
        bad_units BIGINT DEFAULT 0 NOT NULL,
        pauses BIGINT DEFAULT 0 NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_offer_score_day PRIMARY KEY (offer_id, day),
        CONSTRAINT ck_offer_score_day_sums CHECK (orders >= 0 AND short_orders >= 0 AND filled_units >= 0 AND short_units >= 0 AND bad_units >= 0 AND pauses >= 0),
        CONSTRAINT fk_offer_score_day_offer_id FOREIGN KEY(offer_id) REFERENCES offer (id)
    )
    """,
    'REVOKE ALL ON "offer_score_day" FROM PUBLIC',
    'ALTER TABLE "offer_score_day" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "offer_score_day" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "offer_score_day" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "offer_score_day" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "offer_score_day" TO fondaco_owner USING (true) WITH CHECK (true)',
    """
    CREATE POLICY also ON "offer_score_day" FOR SELECT TO fondaco_tenant, fondaco_trade USING (EXISTS (SELECT FROM offer o WHERE o.id = offer_score_day.offer_id))
    """,
    'GRANT SELECT ON "offer_score_day" TO fondaco_tenant',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON "offer_score_day" TO fondaco_platform',
    """
    CREATE TABLE offer_time_day (
        offer_id UUID NOT NULL,
        day DATE NOT NULL,
        bucket INTEGER NOT NULL,
        units BIGINT NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_offer_time_day PRIMARY KEY (offer_id, day, bucket),
        CONSTRAINT ck_offer_time_day_units CHECK (units >= 0 AND bucket BETWEEN 0 AND 62),
        CONSTRAINT fk_offer_time_day_offer_id FOREIGN KEY(offer_id) REFERENCES offer (id)
    )
    """,
    'REVOKE ALL ON "offer_time_day" FROM PUBLIC',
    'ALTER TABLE "offer_time_day" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "offer_time_day" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "offer_time_day" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "offer_time_day" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "offer_time_day" TO fondaco_owner USING (true) WITH CHECK (true)',
    """
    CREATE POLICY also ON "offer_time_day" FOR SELECT TO fondaco_tenant, fondaco_trade USING (EXISTS (SELECT FROM offer o WHERE o.id = offer_time_day.offer_id))
    """,
    'GRANT SELECT ON "offer_time_day" TO fondaco_tenant',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON "offer_time_day" TO fondaco_platform',
    """
    ALTER TABLE source ADD state text NOT NULL DEFAULT 'ACTIVE', ADD paused_for text, ADD pause_note text, ADD state_since timestamptz, ADD paused_until timestamptz, ADD strikes integer NOT NULL DEFAULT 0, ADD probe_units integer NOT NULL DEFAULT 0, ADD probed_at timestamptz
    """,
    "ALTER TABLE source ADD CONSTRAINT ck_source_state CHECK (state IN ('ACTIVE', 'PAUSED', 'PROBING')) NOT VALID",
    """
    ALTER TABLE source ADD CONSTRAINT ck_source_paused_for CHECK (paused_for IN ('BAD_CODES', 'STOCK_OUTS', 'UNREADABLE', 'PERSON')) NOT VALID
    """,
    """
    ALTER TABLE source ADD CONSTRAINT ck_source_paused CHECK ((state = 'ACTIVE') = (paused_for IS NULL) AND (state = 'PAUSED' OR paused_until IS NULL)) NOT VALID
    """,
    "ALTER TABLE source ADD CONSTRAINT ck_source_probe CHECK (strikes >= 0 AND probe_units >= 0) NOT VALID",
    "ALTER TABLE hop ADD scored boolean NOT NULL DEFAULT false",
    'GRANT SELECT, UPDATE (probe_units, probed_at) ON "source" TO fondaco_trade',
    """
    GRANT SELECT, UPDATE (state, paused_for, pause_note, state_since, paused_until, strikes, probe_units, probed_at) ON "source" TO fondaco_platform
    """,
    'GRANT SELECT, UPDATE (scored) ON "hop" TO fondaco_platform',
)
# Whether a source is tried now. One that a person paused never is; one that is probed is, with a few units; one that was paused by
# itself only where nothing that fills the same is as it should be, and then the healthiest of them.
TRIED = """
    CREATE FUNCTION source_tried(source_id uuid) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, public AS $$
      SELECT CASE
        WHEN m.state = 'ACTIVE' THEN true
        WHEN m.paused_for = 'PERSON' THEN false
        WHEN m.state = 'PROBING' AND m.probe_units < 5 THEN true
        WHEN EXISTS (
          SELECT FROM source a
          WHERE (a.listing_id = m.listing_id OR a.offer_id = m.offer_id) AND a.enabled AND a.state = 'ACTIVE'
        ) THEN false
        ELSE m.id = (
          SELECT a.id FROM source a LEFT JOIN offer_health h ON h.offer_id = a.supplier_offer_id
          WHERE (a.listing_id = m.listing_id OR a.offer_id = m.offer_id) AND a.enabled AND a.paused_for <> 'PERSON'
          ORDER BY coalesce(h.health, CASE a.kind WHEN 'POOL' THEN 1000 ELSE 800 END) DESC, a.priority, a.id LIMIT 1
        )
      END FROM source m WHERE m.id = $1
    $$
"""
# How many units more a source that is probed gets: a few, or as many as one order has where nothing else fills the same.
PROBES = """
    CREATE FUNCTION source_probes(source_id uuid) RETURNS integer
    LANGUAGE sql STABLE SET search_path = pg_catalog, public AS $$
      SELECT CASE WHEN EXISTS (
        SELECT FROM source a
        WHERE (a.listing_id = m.listing_id OR a.offer_id = m.offer_id) AND a.enabled AND a.state = 'ACTIVE'
      ) THEN greatest(0, 5 - m.probe_units) ELSE 1000 END FROM source m WHERE m.id = $1
    $$
"""
TRIED_GUARDED = (
    "REVOKE ALL ON FUNCTION source_probes(uuid) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION source_probes(uuid) TO fondaco_tenant, fondaco_trade, fondaco_platform",
    "REVOKE ALL ON FUNCTION source_tried(uuid) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION source_tried(uuid) TO fondaco_tenant, fondaco_trade, fondaco_platform",
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in (*STATEMENTS, TRIED, PROBES, *TRIED_GUARDED):
        op.execute(statement)
