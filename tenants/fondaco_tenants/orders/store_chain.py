"""The SQL of chains: routes as they are open now, what resellers may still buy, and what orders use of it; as fondaco_trade."""

from fondaco_core.db import Write
from fondaco_tenants.orders.store_fees import fee_bps

# The latest terms of a tier that have begun.
TERMS = """
CROSS JOIN LATERAL (
  SELECT tt.day_units_max, tt.month_units_max, tt.hold_units_max, tt.credit_minor, tt.currency, tt.settle_days, tt.commissions FROM tier_terms tt
  WHERE tt.tier_id = a.tier_id AND tt.starts_at <= %s ORDER BY tt.starts_at DESC LIMIT 1
) terms
"""
# What may still be bought, held and owed by an agreement `a` with its use `u`; units of another day or month count no more.
LEFT = """
least(
  coalesce(a.day_units_max, terms.day_units_max) - CASE WHEN u.day = {today} THEN u.day_units ELSE 0 END,
  terms.month_units_max - CASE WHEN u.month = date_trunc('month', {today}) THEN u.month_units ELSE 0 END
) AS units_left,
terms.hold_units_max - u.held_units AS hold_left,
CASE WHEN terms.currency = {currency} AND (u.credit_used_minor = 0 OR u.currency = {currency}) THEN greatest(0, coalesce(a.credit_minor, terms.credit_minor) - u.credit_used_minor) ELSE 0 END
  AS credit_left
"""

# In which order routes `r` of sources `s` are tried, and in which the sources are looked at where there are too many: a supplier with many
# ways, none of which leads anywhere, leaves the others their turn.
IN_ORDER = "s.priority, s.id, r.place, r.source_ids"
IN_TURN = f"row_number() OVER (PARTITION BY s.listing_id, s.id ORDER BY r.place, r.source_ids), {IN_ORDER}"

# `$4` routes of each listing that a supplier fills, each with its steps, as far as every step is open now: offer published, source on,
# merchant active, agreement active, a price for its tier. What buyers have is read without a lock, and looked at again under it.
_ROUTES = f"""
SELECT r.listing_id, r.source_id, r.priority, r.pool_id, r.probe, leg.*
FROM listing l
CROSS JOIN LATERAL (
  SELECT s.listing_id, s.id AS source_id, s.priority, CASE WHEN s.state = 'PROBING' THEN source_probes(s.id) END AS probe, r.* FROM source s
  JOIN route r ON r.offer_id = s.supplier_offer_id AND NOT s.tenant_id = ANY(r.seller_ids)
  WHERE s.listing_id = l.id AND s.enabled AND (s.state = 'ACTIVE' OR source_tried(s.id)) AND s.kind = 'OFFER'
  ORDER BY %s LIMIT $4
) r
CROSS JOIN LATERAL (
  SELECT array_agg(g.offer_id ORDER BY g.n) AS offer_ids, array_agg(g.seller_id ORDER BY g.n) AS seller_ids,
    array_agg(a.id ORDER BY g.n) AS agreement_ids, array_agg(e.id ORDER BY g.n) AS source_ids,
    array_agg({fee_bps(tenant="t", entitlement="l.entitlement_id")} ORDER BY g.n) AS fees,
    array_agg(array_to_string(terms.commissions[1:cardinality(a.referrers)], ',') ORDER BY g.n) AS commissions,
    array_agg(price.list ORDER BY g.n) AS prices, array_agg(b.max_cost_minor ORDER BY g.n) AS max_costs,
    array_agg(b.below_cost ORDER BY g.n) AS below_costs, array_agg(rest.units_left ORDER BY g.n) AS units_left,
    array_agg(rest.hold_left ORDER BY g.n) AS hold_left,
    array_agg(CASE WHEN e.state = 'PROBING' THEN source_probes(e.id) END ORDER BY g.n) AS probes,
    array_agg(rest.credit_left ORDER BY g.n) AS credits, array_agg(terms.settle_days ORDER BY g.n) AS settle_days,
    array_agg(greatest(0, coalesce(w.posted_minor - w.pending_minor - w.floor_minor, 0)) ORDER BY g.n) AS wallets
  FROM unnest(r.offer_ids, r.seller_ids, r.source_ids) WITH ORDINALITY AS g(offer_id, seller_id, source_id, n)
  JOIN offer o ON o.id = g.offer_id AND o.state = 'PUBLISHED' AND o.currency = l.currency
  JOIN tenant t ON t.id = g.seller_id AND t.state = 'ACTIVE'
  JOIN source e ON e.id = g.source_id AND e.enabled AND (e.state = 'ACTIVE' OR source_tried(e.id))
  JOIN source b ON b.id = CASE WHEN g.n = 1 THEN r.source_id ELSE r.source_ids[g.n - 1] END
  JOIN agreement a ON a.supplier_tenant_id = g.seller_id AND a.reseller_tenant_id = b.tenant_id AND a.state = 'ACTIVE'
  JOIN agreement_use u ON u.agreement_id = a.id
  {TERMS % "$2"}
  CROSS JOIN LATERAL (SELECT {LEFT.format(today="$3::date", currency="l.currency")}) rest
  CROSS JOIN LATERAL (
    SELECT string_agg(q.from_units || ':' || q.unit_price_minor, ',' ORDER BY q.from_units) AS list FROM offer_price q
    WHERE q.offer_id = g.offer_id AND q.tier_id = a.tier_id AND q.starts_at = (
      SELECT max(x.starts_at) FROM offer_price x WHERE x.offer_id = g.offer_id AND x.tier_id = a.tier_id AND x.starts_at <= $2
    ) HAVING bool_and(q.unit_price_minor IS NOT NULL)
  ) price
  LEFT JOIN ledger_account w ON w.tenant_id = b.tenant_id AND w.customer_id IS NULL AND w.kind = 'WALLET' AND w.currency = l.currency
  HAVING count(*) = cardinality(r.offer_ids)
) leg
WHERE l.id = ANY($1::uuid[])
ORDER BY r.listing_id, r.priority, r.source_id, r.place, r.source_ids
"""
FIRST_ROUTES = _ROUTES.replace("%s", IN_ORDER)
FAIR_ROUTES = _ROUTES.replace("%s", IN_TURN)

# Locked in the order of their keys by whoever locks several, after codes and before wallets.
LOCK_USES = f"""
SELECT a.id, {LEFT.format(today="$3::date", currency="$4")}
FROM agreement_use u JOIN agreement a ON a.id = u.agreement_id AND a.state = 'ACTIVE'
{TERMS % "$2"}
WHERE u.agreement_id = ANY($1::uuid[]) ORDER BY u.agreement_id FOR NO KEY UPDATE OF u
"""
# Whoever has not locked them before locks them here, in the same order; what is too much by now is not written, and so not counted.
USE = Write(
    frozenset({"agreement_use"}),
    {
        "agreement_locked": f"""
SELECT w.*, {LEFT.format(today="$5::date", currency="$6::text")}
FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::int[]) AS w(agreement_id, credit_minor, units, held)
JOIN agreement_use u ON u.agreement_id = w.agreement_id
JOIN agreement a ON a.id = w.agreement_id
{TERMS % "$7::timestamptz"}
ORDER BY u.agreement_id FOR NO KEY UPDATE OF u
""",
        "agreement_used": """
UPDATE agreement_use u SET credit_used_minor = u.credit_used_minor + w.credit_minor, held_units = u.held_units + w.held,
  currency = CASE WHEN w.credit_minor > 0 THEN $6::text ELSE u.currency END,
  day_units = w.units + CASE WHEN u.day = $5::date THEN u.day_units ELSE 0 END, day = $5::date,
  month_units = w.units + CASE WHEN u.month = date_trunc('month', $5::date) THEN u.month_units ELSE 0 END,
  month = date_trunc('month', $5::date)
FROM agreement_locked w
WHERE u.agreement_id = w.agreement_id AND w.credit_minor <= w.credit_left AND coalesce(w.units <= w.units_left, true)
  -- A budget that was lowered below what is held stops further holds, and nobody who pays at once.
  AND (w.held = 0 OR coalesce(w.held <= w.hold_left, true))
RETURNING u.agreement_id
""",
    },
    counted="agreement_used",
)

# The hops between merchants of orders that wait, and their money that is set aside.
CHAIN_HOPS = """
SELECT h.order_id, h.agreement_id, h.buyer_tenant_id, h.currency, h.quantity, h.credit_minor FROM hop h
WHERE h.order_id = ANY($1::uuid[]) AND h.depth > 0
"""
LOCK_USES_OF = """
SELECT u.agreement_id FROM agreement_use u WHERE u.agreement_id = ANY($1::uuid[]) ORDER BY u.agreement_id FOR NO KEY UPDATE
"""
IS_CHAINED = "SELECT EXISTS (SELECT FROM hop WHERE order_id = ANY($1::uuid[]) AND depth > 0)"
SET_ASIDE = """
SELECT id FROM ledger_transfer WHERE reference_id = ANY($1::uuid[]) AND state = 'PENDING' AND purpose IN ('SALE', 'FEE')
"""
# What waited is held no more; what came to nothing is owed no more either, and may be bought again on the same day.
END_HOLD = """
UPDATE agreement_use u SET held_units = u.held_units - w.units,
  credit_used_minor = u.credit_used_minor - CASE WHEN $2 THEN w.credit_minor ELSE 0 END,
  day_units = CASE WHEN $2 THEN greatest(0, u.day_units - w.today) ELSE u.day_units END,
  month_units = CASE WHEN $2 THEN greatest(0, u.month_units - w.this_month) ELSE u.month_units END
FROM (
  SELECT h.agreement_id, sum(h.quantity)::int AS units, sum(h.credit_minor)::bigint AS credit_minor,
    coalesce(sum(h.quantity) FILTER (WHERE (o.placed_at AT TIME ZONE 'UTC')::date = v.day), 0)::int AS today,
    coalesce(sum(h.quantity) FILTER (WHERE date_trunc('month', o.placed_at AT TIME ZONE 'UTC')::date = v.month), 0)::int AS this_month
  FROM hop h JOIN "order" o ON o.id = h.order_id JOIN agreement_use v ON v.agreement_id = h.agreement_id
  WHERE h.order_id = ANY($1::uuid[]) AND h.depth > 0 GROUP BY h.agreement_id
) w WHERE u.agreement_id = w.agreement_id
"""

# Whether a step of an order's routes is not open any more, or costs more than it did: what was held is no promise once the hold has ended.
CLOSED_SINCE = """
SELECT EXISTS (
  SELECT FROM hop h WHERE h.order_id = $1 AND h.depth > 0 AND NOT EXISTS (
    SELECT FROM hop above
    JOIN source b ON b.id = above.source_id AND b.enabled AND (b.state = 'ACTIVE' OR source_tried(b.id))
      AND coalesce(h.unit_price_minor <= b.max_cost_minor, true)
      AND (b.below_cost OR h.unit_price_minor * h.quantity <= above.unit_price_minor * above.quantity - above.fee_minor
        - (SELECT coalesce(sum(x), 0) FROM unnest(above.commissions) x))
    JOIN source e ON e.id = h.source_id AND e.enabled AND (e.state = 'ACTIVE' OR source_tried(e.id))
    JOIN offer o ON o.id = h.offer_id AND o.state = 'PUBLISHED'
    JOIN tenant t ON t.id = h.seller_tenant_id AND t.state = 'ACTIVE'
    JOIN agreement a ON a.id = h.agreement_id
    JOIN LATERAL (
      SELECT q.unit_price_minor FROM offer_price q
      WHERE q.offer_id = h.offer_id AND q.tier_id = a.tier_id AND q.starts_at <= $2 AND q.from_units <= h.quantity
      ORDER BY q.starts_at DESC, q.from_units DESC LIMIT 1
    ) price ON price.unit_price_minor <= h.unit_price_minor
    WHERE above.line_id = h.line_id AND above.route = h.route AND above.depth = h.depth - 1
  )
)
"""
# What of hops is owed when they are paid for later than they were held.
OWE = """
UPDATE hop h SET credit_minor = w.credit_minor FROM unnest($1::uuid[], $2::bigint[]) AS w(id, credit_minor)
WHERE h.id = w.id AND h.credit_minor <> w.credit_minor
"""

# What refunds take off what is owed: never more than is.
LOWER_CREDIT = """
UPDATE agreement_use u SET credit_used_minor = u.credit_used_minor - w.credit_minor
FROM unnest($1::uuid[], $2::bigint[]) AS w(agreement_id, credit_minor) WHERE u.agreement_id = w.agreement_id
"""
LOCK_CREDIT = """
SELECT agreement_id, credit_used_minor FROM agreement_use WHERE agreement_id = ANY($1::uuid[]) ORDER BY agreement_id FOR NO KEY UPDATE
"""
ADD_HOP_REFUNDS = """
INSERT INTO hop_refund (id, hop_id, seller_tenant_id, buyer_tenant_id, units, amount_minor, fee_minor, credit_minor, currency, refunded_at)
SELECT gen_random_uuid(), h.id, h.seller_tenant_id, h.buyer_tenant_id, w.units, w.amount_minor, w.fee_minor, w.credit_minor, $6, $7
FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[]) AS w(hop_id, units, amount_minor, fee_minor, credit_minor)
JOIN hop h ON h.id = w.hop_id
"""
