"""The SQL of stock over other merchants: what routes lead to, with all that the rules need; as fondaco_trade, read only."""

from fondaco_core import limits
from fondaco_tenants.orders.store_chain import IN_TURN
from fondaco_tenants.orders.store_fees import fee_bps

# A way down step by step, as far as every step is open now, as orders look at it: offer published, source on, merchant active,
# agreement active, a price for its tier; and what each buyer on it has and may. `buyer` is the source by which it buys.
_STEPS = """
SELECT array_agg(g.offer_id ORDER BY g.n) AS offer_ids, array_agg(g.seller_id ORDER BY g.n) AS seller_ids,
  array_agg(b.tenant_id ORDER BY g.n) AS buyer_ids, array_agg(a.id ORDER BY g.n) AS agreement_ids,
  array_agg(e.id ORDER BY g.n) AS step_ids, array_agg({fee} ORDER BY g.n) AS fees, array_agg(price.one ORDER BY g.n) AS prices,
  array_agg(array_to_string(terms.commissions[1:cardinality(a.referrers)], ',') ORDER BY g.n) AS commissions,
  array_agg(b.max_cost_minor ORDER BY g.n) AS max_costs, array_agg(b.below_cost ORDER BY g.n) AS below_costs,
  array_agg(least(
    coalesce(a.day_units_max, terms.day_units_max) - CASE WHEN u.day = {now}::date THEN u.day_units ELSE 0 END,
    terms.month_units_max - CASE WHEN u.month = date_trunc('month', {now})::date THEN u.month_units ELSE 0 END
  ) ORDER BY g.n) AS units_left,
  array_agg(CASE WHEN terms.currency = h.currency
    THEN greatest(0, coalesce(a.credit_minor, terms.credit_minor) - u.credit_used_minor) ELSE 0 END ORDER BY g.n) AS credits,
  array_agg(greatest(0, coalesce(w.posted_minor - w.pending_minor - w.floor_minor, 0)) ORDER BY g.n) AS wallets,
  array_agg(terms.stock_view ORDER BY g.n) AS views
FROM unnest({offers}, {sellers}, {sources}) WITH ORDINALITY AS g(offer_id, seller_id, source_id, n)
JOIN offer o ON o.id = g.offer_id AND o.state = 'PUBLISHED' AND o.currency = h.currency
JOIN tenant t ON t.id = g.seller_id AND t.state = 'ACTIVE'
JOIN source e ON e.id = g.source_id AND e.enabled AND (e.state = 'ACTIVE' OR source_tried(e.id))
JOIN source b ON b.id = {buyer}
JOIN agreement a ON a.supplier_tenant_id = g.seller_id AND a.reseller_tenant_id = b.tenant_id AND a.state = 'ACTIVE'
JOIN agreement_use u ON u.agreement_id = a.id
CROSS JOIN LATERAL (
  SELECT tt.stock_view, tt.day_units_max, tt.month_units_max, tt.credit_minor, tt.currency, tt.commissions FROM tier_terms tt
  WHERE tt.tier_id = a.tier_id AND tt.starts_at <= {now} ORDER BY tt.starts_at DESC LIMIT 1
) terms
JOIN LATERAL (
  SELECT q.unit_price_minor AS one FROM offer_price q
  WHERE q.offer_id = g.offer_id AND q.tier_id = a.tier_id AND q.from_units = 1 AND q.starts_at <= {now}
  ORDER BY q.starts_at DESC LIMIT 1
) price ON price.one IS NOT NULL
LEFT JOIN ledger_account w ON w.tenant_id = b.tenant_id AND w.customer_id IS NULL AND w.kind = 'WALLET' AND w.currency = h.currency
HAVING count(*) = cardinality({offers})
"""
# Every pool that is led to is counted once, from its picking mark on, and no further than `most`; see codes and storefront.
_COUNTED = """
, stock AS (
  SELECT p.id, (
    SELECT count(*) FROM (
      SELECT FROM code c
      WHERE c.pool_id = p.id AND c.state = 'AVAILABLE'
        AND (c.expires_at, c.position) >= (
          greatest(p.pick_expires_at, stop.until),
          CASE WHEN p.pick_expires_at > stop.until THEN p.pick_position ELSE 9223372036854775807 END
        )
      ORDER BY c.expires_at, c.position LIMIT {most}
    ) seen
  ) AS available
  FROM code_pool p
  CROSS JOIN LATERAL (SELECT {now} + p.stop_sale_days * interval '24 hours' AS until) stop
  WHERE p.id IN (SELECT pool_id FROM path) AND p.archived_at IS NULL
)
SELECT h.*, path.*, stock.available
FROM head h LEFT JOIN (path JOIN stock ON stock.id = path.pool_id) ON path.head_id = h.id
ORDER BY h.id, path.priority, path.source_id, path.place, path.step_ids
"""
_NONE = """
NULL::uuid[] AS offer_ids, NULL::uuid[] AS seller_ids, NULL::uuid[] AS buyer_ids, NULL::uuid[] AS agreement_ids,
NULL::uuid[] AS step_ids, NULL::int[] AS fees, NULL::bigint[] AS prices, NULL::text[] AS commissions,
NULL::bigint[] AS max_costs, NULL::bool[] AS below_costs,
NULL::int[] AS units_left, NULL::bigint[] AS credits, NULL::bigint[] AS wallets, NULL::text[] AS views
"""

# All places that these listings are filled from: own pools, and the first routes over other merchants, as far as they are worth a
# look. `$2` is now, `$3` how many units of a pool are counted.
OF_LISTINGS = f"""
WITH head AS (
  SELECT l.id, l.tenant_id, l.price_minor, l.currency, {fee_bps(tenant="t", entitlement="l.entitlement_id")} AS fee_bps
  FROM listing l JOIN tenant t ON t.id = l.tenant_id
  WHERE l.id = ANY($1::uuid[])
), path AS MATERIALIZED (
  SELECT h.id AS head_id, x.priority, x.id AS source_id, NULL::bigint[] AS place, x.pool_id, {_NONE}
  FROM head h JOIN source x ON x.listing_id = h.id AND x.enabled AND (x.state = 'ACTIVE' OR source_tried(x.id)) AND x.kind = 'POOL'
  UNION ALL
  SELECT h.id, r.priority, r.source_id, r.place, r.pool_id, leg.* FROM head h
  CROSS JOIN LATERAL (
    SELECT s.id AS source_id, s.priority, r.offer_ids, r.seller_ids, r.source_ids, r.pool_id, r.place FROM source s
    JOIN route r ON r.offer_id = s.supplier_offer_id AND NOT s.tenant_id = ANY(r.seller_ids)
    WHERE s.listing_id = h.id AND s.enabled AND (s.state = 'ACTIVE' OR source_tried(s.id)) AND s.kind = 'OFFER'
    ORDER BY {IN_TURN} LIMIT {limits.ROUTES_MAX}
  ) r
  CROSS JOIN LATERAL ({
    _STEPS.format(
        fee=fee_bps(tenant="t", entitlement="o.entitlement_id"),
        offers="r.offer_ids",
        sellers="r.seller_ids",
        sources="r.source_ids",
        buyer="CASE WHEN g.n = 1 THEN r.source_id ELSE r.source_ids[g.n - 1] END",
        now="$2::timestamptz",
    )
}) leg
)
""" + _COUNTED.format(most="$3::bigint", now="$2::timestamptz")

# All places that these offers are filled from, below their own step. Each is sold at `$5` where it is given, else at the most that
# anybody pays for a single unit of it now; `$4` is the tier by which somebody looks at it.
OF_OFFERS = f"""
WITH head AS (
  SELECT o.id, o.tenant_id, coalesce(w.price_minor, (
      SELECT max(q.unit_price_minor) FROM offer_price q WHERE q.offer_id = o.id AND q.from_units = 1 AND q.starts_at = (
        SELECT max(x.starts_at) FROM offer_price x WHERE x.offer_id = o.id AND x.tier_id = q.tier_id AND x.starts_at <= $2)
    ), 0) AS price_minor, o.currency, {fee_bps(tenant="t", entitlement="o.entitlement_id")} AS fee_bps, (
      SELECT tt.stock_view FROM tier_terms tt WHERE tt.tier_id = w.tier_id AND tt.starts_at <= $2 ORDER BY tt.starts_at DESC LIMIT 1
    ) AS stock_view
  FROM unnest($1::uuid[], $4::uuid[], $5::bigint[]) AS w(offer_id, tier_id, price_minor)
  JOIN offer o ON o.id = w.offer_id JOIN tenant t ON t.id = o.tenant_id AND t.state = 'ACTIVE'
), path AS MATERIALIZED (
  SELECT h.id AS head_id, NULL::bigint AS priority, f.id AS source_id, r.place, r.pool_id, leg.* FROM head h
  CROSS JOIN LATERAL (
    SELECT * FROM route r WHERE r.offer_id = h.id ORDER BY r.place, r.source_ids LIMIT {limits.ROUTES_MAX}
  ) r
  JOIN source f ON f.id = r.source_ids[1] AND f.enabled AND (f.state = 'ACTIVE' OR source_tried(f.id))
  CROSS JOIN LATERAL ({
    _STEPS.format(
        fee=fee_bps(tenant="t", entitlement="o.entitlement_id"),
        offers="r.offer_ids[2:]",
        sellers="r.seller_ids[2:]",
        sources="r.source_ids[2:]",
        buyer="r.source_ids[g.n]",
        now="$2::timestamptz",
    )
}) leg
)
""" + _COUNTED.format(most="$3::bigint", now="$2::timestamptz")

# As fondaco_platform: what a merchant's systems are told of, a page at a time: its listings on sale, and what it may buy from its
# suppliers, with its tier and what a single unit costs it.
ON_SALE = """
SELECT id FROM listing WHERE tenant_id = $1 AND state = 'ACTIVE' AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3
"""
OFFERED = """
SELECT o.id, a.tier_id, price.one AS price_minor FROM agreement a
JOIN offer o ON o.tenant_id = a.supplier_tenant_id AND o.state = 'PUBLISHED'
JOIN LATERAL (
  SELECT q.unit_price_minor AS one FROM offer_price q
  WHERE q.offer_id = o.id AND q.tier_id = a.tier_id AND q.from_units = 1 AND q.starts_at <= $4
  ORDER BY q.starts_at DESC LIMIT 1
) price ON price.one IS NOT NULL
WHERE a.reseller_tenant_id = $1 AND a.state = 'ACTIVE' AND ($2::uuid IS NULL OR o.id > $2) ORDER BY o.id LIMIT $3
"""
