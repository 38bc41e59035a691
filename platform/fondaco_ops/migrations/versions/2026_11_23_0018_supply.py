"""The supply chain: tiers, agreements, offers with their prices, and the routes that lead over them."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

MADE: tuple[str, ...] = (
    """
    CREATE TABLE offer (
        id UUID NOT NULL,
        entitlement_id UUID NOT NULL,
        title TEXT NOT NULL,
        currency TEXT NOT NULL,
        state TEXT NOT NULL,
        min_resale_minor BIGINT,
        in_market BOOLEAN NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        published_at TIMESTAMP WITH TIME ZONE,
        withdrawn_at TIMESTAMP WITH TIME ZONE,
        version BIGINT DEFAULT 1 NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_offer PRIMARY KEY (id),
        CONSTRAINT ck_offer_state CHECK (state IN ('DRAFT', 'PUBLISHED', 'WITHDRAWN')),
        CONSTRAINT ck_offer_min_resale CHECK (min_resale_minor >= 0)
    )
    """,
    "CREATE INDEX ix_offer_market ON offer (entitlement_id, id) WHERE state = 'PUBLISHED' AND in_market",
    "CREATE INDEX ix_offer_tenant_id ON offer (tenant_id, id)",
    """
    CREATE TABLE partner (
        tenant_id UUID NOT NULL,
        name TEXT NOT NULL,
        about TEXT,
        changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        version BIGINT DEFAULT 1 NOT NULL,
        CONSTRAINT pk_partner PRIMARY KEY (tenant_id)
    )
    """,
    """
    CREATE TABLE route (
        id UUID NOT NULL,
        offer_id UUID NOT NULL,
        offer_ids UUID[] NOT NULL,
        seller_ids UUID[] NOT NULL,
        source_ids UUID[] NOT NULL,
        pool_id UUID NOT NULL,
        place BIGINT[] NOT NULL,
        CONSTRAINT pk_route PRIMARY KEY (id),
        CONSTRAINT ck_route_steps CHECK (cardinality(offer_ids) = cardinality(source_ids))
    )
    """,
    "CREATE INDEX ix_route_offer_id ON route (offer_id)",
    """
    CREATE TABLE route_due (
        id UUID NOT NULL,
        offer_id UUID NOT NULL,
        since TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_route_due PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE tier (
        id UUID NOT NULL,
        name TEXT NOT NULL,
        entry BOOLEAN DEFAULT false NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        archived_at TIMESTAMP WITH TIME ZONE,
        version BIGINT DEFAULT 1 NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_tier PRIMARY KEY (id),
        CONSTRAINT uq_tier_tenant_id_name UNIQUE (tenant_id, name)
    )
    """,
    "CREATE UNIQUE INDEX uq_tier_entry ON tier (tenant_id) WHERE entry AND archived_at IS NULL",
    """
    CREATE TABLE agreement (
        id UUID NOT NULL,
        supplier_tenant_id UUID NOT NULL,
        reseller_tenant_id UUID NOT NULL,
        tier_id UUID NOT NULL,
        state TEXT NOT NULL,
        note TEXT,
        credit_minor BIGINT,
        day_units_max INTEGER,
        reason TEXT,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        version BIGINT DEFAULT 1 NOT NULL,
        CONSTRAINT pk_agreement PRIMARY KEY (id),
        CONSTRAINT ck_agreement_state CHECK (state IN ('REQUESTED', 'ACTIVE', 'SUSPENDED', 'ENDED', 'DECLINED')),
        CONSTRAINT ck_agreement_two CHECK (supplier_tenant_id <> reseller_tenant_id),
        CONSTRAINT ck_agreement_overrides CHECK (credit_minor >= 0 AND day_units_max > 0),
        CONSTRAINT fk_agreement_tier_id FOREIGN KEY(tier_id) REFERENCES tier (id)
    )
    """,
    "CREATE INDEX ix_agreement_reseller_tenant_id ON agreement (reseller_tenant_id, id)",
    "CREATE INDEX ix_agreement_supplier_tenant_id ON agreement (supplier_tenant_id, id)",
    "CREATE INDEX ix_agreement_tier_id ON agreement (tier_id, reseller_tenant_id)",
    """
    CREATE UNIQUE INDEX uq_agreement_live ON agreement (supplier_tenant_id, reseller_tenant_id) WHERE state IN ('REQUESTED', 'ACTIVE', 'SUSPENDED')
    """,
    """
    CREATE TABLE offer_price (
        id UUID NOT NULL,
        offer_id UUID NOT NULL,
        tier_id UUID NOT NULL,
        starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
        from_units INTEGER NOT NULL,
        unit_price_minor BIGINT,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        created_by UUID,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_offer_price PRIMARY KEY (id),
        CONSTRAINT ck_offer_price_price CHECK (from_units BETWEEN 1 AND 1000 AND unit_price_minor >= 0),
        CONSTRAINT uq_offer_price_offer_id_tier_id_starts_at_from_units UNIQUE (offer_id, tier_id, starts_at, from_units),
        CONSTRAINT fk_offer_price_offer_id FOREIGN KEY(offer_id) REFERENCES offer (id),
        CONSTRAINT fk_offer_price_tier_id FOREIGN KEY(tier_id) REFERENCES tier (id)
    )
    """,
    """
    CREATE TABLE supply_invitation (
        id UUID NOT NULL,
        tier_id UUID NOT NULL,
        token_hash BYTEA NOT NULL,
        label TEXT NOT NULL,
        uses_max INTEGER NOT NULL,
        uses INTEGER DEFAULT 0 NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        revoked_at TIMESTAMP WITH TIME ZONE,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_supply_invitation PRIMARY KEY (id),
        CONSTRAINT ck_supply_invitation_uses CHECK (uses BETWEEN 0 AND uses_max),
        CONSTRAINT fk_supply_invitation_tier_id FOREIGN KEY(tier_id) REFERENCES tier (id),
        CONSTRAINT uq_supply_invitation_token_hash UNIQUE (token_hash)
    )
    """,
    """
    CREATE TABLE tier_terms (
        id UUID NOT NULL,
        tier_id UUID NOT NULL,
        starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
        stock_view TEXT NOT NULL,
        day_units_max INTEGER,
        month_units_max INTEGER,
        hold_units_max INTEGER,
        credit_minor BIGINT NOT NULL,
        currency TEXT,
        settle_days INTEGER NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_tier_terms PRIMARY KEY (id),
        CONSTRAINT uq_tier_terms_tier_id_starts_at UNIQUE (tier_id, starts_at),
        CONSTRAINT ck_tier_terms_stock_view CHECK (stock_view IN ('EXACT', 'BANDED', 'HIDDEN')),
        CONSTRAINT ck_tier_terms_units CHECK (day_units_max > 0 AND month_units_max > 0 AND hold_units_max >= 0),
        CONSTRAINT ck_tier_terms_credit CHECK (credit_minor >= 0 AND (credit_minor = 0 OR currency IS NOT NULL)),
        CONSTRAINT ck_tier_terms_settle_days CHECK (settle_days BETWEEN 0 AND 90),
        CONSTRAINT fk_tier_terms_tier_id FOREIGN KEY(tier_id) REFERENCES tier (id)
    )
    """,
    """
    CREATE TABLE agreement_use (
        agreement_id UUID NOT NULL,
        supplier_tenant_id UUID NOT NULL,
        reseller_tenant_id UUID NOT NULL,
        credit_used_minor BIGINT DEFAULT 0 NOT NULL,
        currency TEXT,
        day DATE NOT NULL,
        day_units INTEGER DEFAULT 0 NOT NULL,
        month DATE NOT NULL,
        month_units INTEGER DEFAULT 0 NOT NULL,
        held_units INTEGER DEFAULT 0 NOT NULL,
        CONSTRAINT pk_agreement_use PRIMARY KEY (agreement_id),
        CONSTRAINT ck_agreement_use_use CHECK (credit_used_minor >= 0 AND day_units >= 0 AND month_units >= 0 AND held_units >= 0),
        CONSTRAINT fk_agreement_use_agreement_id FOREIGN KEY(agreement_id) REFERENCES agreement (id)
    )
    """,
    """
    CREATE TABLE hop_refund (
        id UUID NOT NULL,
        hop_id UUID NOT NULL,
        seller_tenant_id UUID NOT NULL,
        buyer_tenant_id UUID,
        units INTEGER NOT NULL,
        amount_minor BIGINT NOT NULL,
        fee_minor BIGINT NOT NULL,
        credit_minor BIGINT DEFAULT 0 NOT NULL,
        currency TEXT NOT NULL,
        refunded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        settled_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_hop_refund PRIMARY KEY (id),
        CONSTRAINT ck_hop_refund_money CHECK (units > 0 AND amount_minor >= 0 AND fee_minor >= 0 AND credit_minor BETWEEN 0 AND amount_minor),
        CONSTRAINT fk_hop_refund_hop_id FOREIGN KEY(hop_id) REFERENCES hop (id)
    )
    """,
    """
    CREATE INDEX ix_hop_refund_buyer_tenant_id ON hop_refund (buyer_tenant_id, refunded_at) WHERE buyer_tenant_id IS NOT NULL
    """,
    "CREATE INDEX ix_hop_refund_hop_id ON hop_refund (hop_id)",
    "CREATE INDEX ix_hop_refund_seller_tenant_id ON hop_refund (seller_tenant_id, refunded_at)",
)

CHANGED: tuple[str, ...] = (
    """
    ALTER TABLE source ALTER listing_id DROP NOT NULL, ALTER pool_id DROP NOT NULL, ADD offer_id uuid, ADD supplier_offer_id uuid, ADD max_cost_minor bigint, ADD below_cost boolean NOT NULL DEFAULT false, DROP CONSTRAINT ck_source_kind, ADD CONSTRAINT ck_source_kind CHECK (kind IN ('POOL', 'OFFER')), ADD CONSTRAINT ck_source_head CHECK ((listing_id IS NULL) <> (offer_id IS NULL)), ADD CONSTRAINT ck_source_leaf CHECK ((kind = 'POOL') = (pool_id IS NOT NULL) AND (kind = 'OFFER') = (supplier_offer_id IS NOT NULL)), ADD CONSTRAINT ck_source_itself CHECK (supplier_offer_id <> offer_id), ADD CONSTRAINT ck_source_max_cost CHECK (max_cost_minor >= 0), ADD CONSTRAINT uq_source_listing_id_supplier_offer_id UNIQUE (listing_id, supplier_offer_id), ADD CONSTRAINT uq_source_offer_id_pool_id UNIQUE (offer_id, pool_id), ADD CONSTRAINT uq_source_offer_id_supplier_offer_id UNIQUE (offer_id, supplier_offer_id), ADD CONSTRAINT fk_source_offer_id FOREIGN KEY (offer_id) REFERENCES offer (id)
    """,
    "CREATE INDEX ix_source_supplier_offer_id ON source (supplier_offer_id) WHERE supplier_offer_id IS NOT NULL",
    "DROP POLICY tenant ON source",
    """
    CREATE POLICY tenant ON "source" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY trade ON "source" TO fondaco_trade USING (true) WITH CHECK (true)',
    "ALTER TABLE allocation ADD route integer NOT NULL DEFAULT 0, ADD masked text",
    "DROP POLICY tenant ON allocation",
    """
    CREATE POLICY tenant ON "allocation" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    """
    ALTER TABLE hop ADD route integer NOT NULL DEFAULT 0, ADD offer_id uuid, ADD agreement_id uuid, ADD entitlement_id uuid, ADD currency text, ADD credit_minor bigint NOT NULL DEFAULT 0, ADD settles_at timestamptz, ADD settled_at timestamptz, DROP CONSTRAINT uq_hop_line_id_source_id_depth, DROP CONSTRAINT ck_hop_money, ADD CONSTRAINT ck_hop_money CHECK (quantity > 0 AND unit_price_minor >= 0 AND fee_minor >= 0 AND credit_minor >= 0), ADD CONSTRAINT ck_hop_customer CHECK ((depth = 0) = (buyer_tenant_id IS NULL))
    """,
    "CREATE INDEX ix_hop_unsettled ON hop (settles_at) WHERE settled_at IS NULL AND settles_at IS NOT NULL",
    "CREATE INDEX ix_hop_buyer_tenant_id ON hop (buyer_tenant_id, id) WHERE buyer_tenant_id IS NOT NULL",
)

# Who may see what of one table is asked of others, which have to be there.
GUARDED: tuple[str, ...] = (
    'REVOKE ALL ON "offer" FROM PUBLIC',
    'ALTER TABLE "offer" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "offer" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "offer" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "offer" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "offer" TO fondaco_owner USING (true) WITH CHECK (true)',
    """
    CREATE POLICY also ON "offer" FOR SELECT TO fondaco_tenant, fondaco_trade USING (state = 'PUBLISHED' AND in_market AND nullif(current_setting('app.tenant_id', true), '')::uuid IS NOT NULL OR state <> 'DRAFT' AND EXISTS (SELECT FROM agreement a WHERE a.supplier_tenant_id = offer.tenant_id AND a.reseller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid AND a.state IN ('ACTIVE', 'SUSPENDED')))
    """,
    'CREATE POLICY trade ON "offer" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "offer" TO fondaco_tenant',
    'GRANT SELECT ON "offer" TO fondaco_trade',
    'GRANT SELECT ON "offer" TO fondaco_platform',
    'REVOKE ALL ON "partner" FROM PUBLIC',
    'ALTER TABLE "partner" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "partner" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "partner" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "partner" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "partner" TO fondaco_owner USING (true) WITH CHECK (true)',
    """
    CREATE POLICY also ON "partner" FOR SELECT TO fondaco_tenant, fondaco_trade USING (EXISTS (SELECT FROM offer o WHERE o.tenant_id = partner.tenant_id AND o.state = 'PUBLISHED' AND o.in_market) OR EXISTS (SELECT FROM agreement a WHERE a.supplier_tenant_id = partner.tenant_id AND a.reseller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR a.reseller_tenant_id = partner.tenant_id AND a.supplier_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid))
    """,
    'GRANT SELECT, INSERT, UPDATE ON "partner" TO fondaco_tenant',
    'GRANT SELECT ON "partner" TO fondaco_platform',
    'REVOKE ALL ON "route" FROM PUBLIC',
    'GRANT SELECT, INSERT, DELETE ON "route" TO fondaco_trade',
    'GRANT SELECT ON "route" TO fondaco_platform',
    'REVOKE ALL ON "route_due" FROM PUBLIC',
    'GRANT INSERT ON "route_due" TO fondaco_tenant',
    'GRANT SELECT, INSERT, DELETE ON "route_due" TO fondaco_trade',
    'GRANT SELECT ON "route_due" TO fondaco_platform',
    'REVOKE ALL ON "tier" FROM PUBLIC',
    'ALTER TABLE "tier" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "tier" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "tier" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "tier" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "tier" TO fondaco_owner USING (true) WITH CHECK (true)',
    """
    CREATE POLICY also ON "tier" FOR SELECT TO fondaco_tenant, fondaco_trade USING (entry AND archived_at IS NULL AND nullif(current_setting('app.tenant_id', true), '')::uuid IS NOT NULL OR EXISTS (SELECT FROM agreement a WHERE a.tier_id = tier.id AND a.reseller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid))
    """,
    'GRANT SELECT, INSERT, UPDATE ON "tier" TO fondaco_tenant',
    'GRANT SELECT ON "tier" TO fondaco_trade',
    'GRANT SELECT ON "tier" TO fondaco_platform',
    'REVOKE ALL ON "agreement" FROM PUBLIC',
    'ALTER TABLE "agreement" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "agreement" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "agreement" TO fondaco_tenant USING (supplier_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR reseller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (supplier_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR reseller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "agreement" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "agreement" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "agreement" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "agreement" TO fondaco_tenant',
    'GRANT SELECT ON "agreement" TO fondaco_trade',
    'GRANT SELECT ON "agreement" TO fondaco_platform',
    'REVOKE ALL ON "offer_price" FROM PUBLIC',
    'ALTER TABLE "offer_price" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "offer_price" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "offer_price" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "offer_price" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "offer_price" TO fondaco_owner USING (true) WITH CHECK (true)',
    """
    CREATE POLICY also ON "offer_price" FOR SELECT TO fondaco_tenant, fondaco_trade USING (EXISTS (SELECT FROM agreement a WHERE a.tier_id = offer_price.tier_id AND a.reseller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid AND a.state IN ('ACTIVE', 'SUSPENDED')) AND EXISTS (SELECT FROM offer o WHERE o.id = offer_price.offer_id) OR EXISTS (SELECT FROM tier t JOIN offer o ON o.id = offer_price.offer_id WHERE t.id = offer_price.tier_id AND t.entry AND t.archived_at IS NULL AND o.state = 'PUBLISHED' AND o.in_market))
    """,
    'CREATE POLICY trade ON "offer_price" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT ON "offer_price" TO fondaco_tenant',
    'GRANT SELECT ON "offer_price" TO fondaco_trade',
    'GRANT SELECT ON "offer_price" TO fondaco_platform',
    'REVOKE ALL ON "supply_invitation" FROM PUBLIC',
    'ALTER TABLE "supply_invitation" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "supply_invitation" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "supply_invitation" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR token_hash = decode(nullif(current_setting('app.token', true), ''), 'hex')) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR token_hash = decode(nullif(current_setting('app.token', true), ''), 'hex'))
    """,
    'CREATE POLICY platform ON "supply_invitation" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "supply_invitation" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, UPDATE ON "supply_invitation" TO fondaco_tenant',
    """
    GRANT SELECT ("id", "tier_id", "label", "uses_max", "uses", "expires_at", "created_at", "revoked_at", "tenant_id") ON "supply_invitation" TO fondaco_platform
    """,
    'REVOKE ALL ON "tier_terms" FROM PUBLIC',
    'ALTER TABLE "tier_terms" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "tier_terms" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "tier_terms" TO fondaco_tenant USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "tier_terms" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "tier_terms" TO fondaco_owner USING (true) WITH CHECK (true)',
    """
    CREATE POLICY also ON "tier_terms" FOR SELECT TO fondaco_tenant, fondaco_trade USING (EXISTS (SELECT FROM tier t WHERE t.id = tier_terms.tier_id AND t.entry AND t.archived_at IS NULL) OR EXISTS (SELECT FROM agreement a WHERE a.tier_id = tier_terms.tier_id AND a.state IN ('REQUESTED', 'ACTIVE', 'SUSPENDED') AND a.reseller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid))
    """,
    'CREATE POLICY trade ON "tier_terms" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT ON "tier_terms" TO fondaco_tenant',
    'GRANT SELECT ON "tier_terms" TO fondaco_trade',
    'GRANT SELECT ON "tier_terms" TO fondaco_platform',
    'REVOKE ALL ON "agreement_use" FROM PUBLIC',
    'ALTER TABLE "agreement_use" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "agreement_use" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "agreement_use" TO fondaco_tenant USING (supplier_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR reseller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (supplier_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR reseller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "agreement_use" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "agreement_use" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "agreement_use" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT ON "agreement_use" TO fondaco_tenant',
    'GRANT SELECT, UPDATE ON "agreement_use" TO fondaco_trade',
    'GRANT SELECT ON "agreement_use" TO fondaco_platform',
    'REVOKE ALL ON "hop_refund" FROM PUBLIC',
    'ALTER TABLE "hop_refund" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "hop_refund" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY tenant ON "hop_refund" TO fondaco_tenant USING (seller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR buyer_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (seller_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR buyer_tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    """,
    'CREATE POLICY platform ON "hop_refund" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "hop_refund" TO fondaco_owner USING (true) WITH CHECK (true)',
    'CREATE POLICY trade ON "hop_refund" TO fondaco_trade USING (true) WITH CHECK (true)',
    'GRANT SELECT ON "hop_refund" TO fondaco_tenant',
    'GRANT SELECT, INSERT, UPDATE (settled_at) ON "hop_refund" TO fondaco_trade',
    'GRANT SELECT ON "hop_refund" TO fondaco_platform',
)


# What was sold before there were chains: a sale to a customer was one hop, and what went back of it went back there.
SOLD_BEFORE = (
    """
    UPDATE hop h SET route = n.route FROM (
      SELECT id, row_number() OVER (PARTITION BY line_id ORDER BY source_id) - 1 AS route FROM hop
    ) n WHERE n.id = h.id AND n.route > 0
    """,
    """
    UPDATE allocation a SET route = h.route FROM hop h WHERE h.line_id = a.line_id AND h.source_id = a.source_id AND h.route > 0
    """,
    "ALTER TABLE hop ADD CONSTRAINT uq_hop_line_id_route_depth UNIQUE (line_id, route, depth)",
    """
    UPDATE hop h SET currency = o.currency, entitlement_id = l.entitlement_id, settles_at = o.paid_at + interval '1 day'
    FROM "order" o, order_line l WHERE o.id = h.order_id AND l.id = h.line_id
    """,
    "ALTER TABLE hop ALTER currency SET NOT NULL, ALTER entitlement_id SET NOT NULL",
    """
    INSERT INTO hop_refund (id, hop_id, seller_tenant_id, units, amount_minor, fee_minor, currency, refunded_at)
    SELECT gen_random_uuid(), h.id, h.seller_tenant_id, r.units, r.units * h.unit_price_minor, h.fee_minor * r.units / h.quantity,
      h.currency, r.refunded_at
    FROM hop h JOIN (
      SELECT line_id, source_id, count(*)::int AS units, max(refunded_at) AS refunded_at FROM allocation
      WHERE refunded_at IS NOT NULL GROUP BY line_id, source_id
    ) r ON r.line_id = h.line_id AND r.source_id = h.source_id
    """,
)
# Whether an offer is filled, over whatever merchants, from one of the asker's own: all that it may know of what lies beyond.
LEADS_TO_ME = """
    CREATE FUNCTION supply_leads_to_me(offer uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
      WITH RECURSIVE below AS (
        SELECT s.tenant_id, s.supplier_offer_id FROM source s WHERE s.offer_id = $1
        UNION
        SELECT s.tenant_id, s.supplier_offer_id FROM below b JOIN source s ON s.offer_id = b.supplier_offer_id
      )
      SELECT EXISTS (SELECT FROM below WHERE tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    $$
"""
LEADS_TO_ME_GUARDED = (
    "REVOKE ALL ON FUNCTION supply_leads_to_me(uuid) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION supply_leads_to_me(uuid) TO fondaco_tenant",
)

# Whether a merchant trades: all that other merchants may know of the company behind it.
TRADES = """
    CREATE FUNCTION supply_trades(tenant uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
      SELECT EXISTS (SELECT FROM tenant t WHERE t.id = $1 AND t.state = 'ACTIVE')
    $$
"""
TRADES_GUARDED = (
    "REVOKE ALL ON FUNCTION supply_trades(uuid) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION supply_trades(uuid) TO fondaco_tenant",
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    # Every hop that was ever sold is written once more.
    op.execute("SET LOCAL statement_timeout = '30min'")
    for statement in (
        *MADE,
        *CHANGED,
        *SOLD_BEFORE,
        *GUARDED,
        LEADS_TO_ME,
        *LEADS_TO_ME_GUARDED,
        TRADES,
        *TRADES_GUARDED,
    ):
        op.execute(statement)
