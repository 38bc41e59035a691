"""The SQL of explaining a route to its merchant; as fondaco_trade, of the asker's own listings alone."""

from fondaco_tenants.orders.store_chain import LEFT, TERMS
from fondaco_tenants.orders.store_fees import fee_bps
from fondaco_tenants.orders.store_rank import key_of, left_of, value_of

# A listing in whatever state, with what its merchant sells it for.
HEAD = f"""
SELECT l.id AS listing_id, l.store_id, l.tenant_id AS seller_id, l.entitlement_id, l.title, l.price_minor AS unit_price_minor,
  l.currency, {fee_bps(tenant="t", entitlement="l.entitlement_id")} AS fee_bps, s.hold_s
FROM listing l JOIN tenant t ON t.id = l.tenant_id JOIN store s ON s.id = l.store_id
WHERE l.id = $1 AND l.tenant_id = $2
"""
# Which of these agreements do not tell exactly how much their supplier has.
RESERVED = """
SELECT a.id FROM agreement a CROSS JOIN LATERAL (
  SELECT tt.stock_view FROM tier_terms tt WHERE tt.tier_id = a.tier_id AND tt.starts_at <= $2 ORDER BY tt.starts_at DESC LIMIT 1
) terms WHERE a.id = ANY($1::uuid[]) AND terms.stock_view <> 'EXACT'
"""
# The merchant's own step at each of its suppliers: what it is to pay, and what it may and can; nothing of what lies behind the offer.
STEPS = f"""
SELECT s.id AS source_id, t.id AS supplier_id, o.state = 'PUBLISHED' AND o.currency = $4 AS published,
  t.state = 'ACTIVE' AS supplier_active, a.id IS NOT NULL AS agreed, price.list AS prices, rest.units_left, rest.credit_left,
  greatest(0, coalesce(w.posted_minor - w.pending_minor - w.floor_minor, 0)) AS wallet
FROM source s
JOIN offer o ON o.id = s.supplier_offer_id
JOIN tenant t ON t.id = o.tenant_id
LEFT JOIN agreement a ON a.supplier_tenant_id = o.tenant_id AND a.reseller_tenant_id = s.tenant_id AND a.state = 'ACTIVE'
LEFT JOIN LATERAL (
  SELECT {LEFT.format(today="$3::date", currency="$4::text")}
  FROM agreement_use u {TERMS % "$2::timestamptz"} WHERE u.agreement_id = a.id
) rest ON true
LEFT JOIN LATERAL (
  SELECT string_agg(q.from_units || ':' || q.unit_price_minor, ',' ORDER BY q.from_units) AS list FROM offer_price q
  WHERE q.offer_id = o.id AND q.tier_id = a.tier_id AND q.starts_at = (
    SELECT max(x.starts_at) FROM offer_price x WHERE x.offer_id = o.id AND x.tier_id = a.tier_id AND x.starts_at <= $2
  ) HAVING bool_and(q.unit_price_minor IS NOT NULL)
) price ON true
LEFT JOIN ledger_account w ON w.tenant_id = s.tenant_id AND w.customer_id IS NULL AND w.kind = 'WALLET' AND w.currency = $4
WHERE s.listing_id = $1 AND s.kind = 'OFFER'
"""
_UNITS, _NOW, _CURRENCY = "$3::bigint", "$2::timestamptz", "$4::text"
# A listing's sources in the order in which they are tried, each with what it is ordered by: as much of it as its merchant may know. When
# a supplier's codes expire is the supplier's own.
RANKS = f"""
SELECT x.id AS source_id, x.policy, x.margin_bps, x.margin_minor,
  {left_of("x", today="($2::timestamptz AT TIME ZONE 'UTC')::date")} AS units_left,
  CASE WHEN x.policy = 'PRIORITY' THEN x.priority
    WHEN x.policy = 'WEIGHTED' THEN coalesce((SELECT v.turn_units FROM source_use v WHERE v.source_id = x.id), 0)
    WHEN x.kind = 'POOL' OR NOT (x.policy = 'FIRST_EXPIRING' OR x.policy = 'SCORE' AND x.points[3] > 0)
      THEN {value_of("x", units=_UNITS, now=_NOW, currency=_CURRENCY)} END AS rank
FROM source x WHERE x.listing_id = $1 ORDER BY {key_of("x", units=_UNITS, now=_NOW, currency=_CURRENCY)}
"""
