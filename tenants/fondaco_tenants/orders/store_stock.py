"""The SQL of stock over other merchants: what routes lead to, with all that the rules need; as fondaco_trade, read only."""

from fondaco_core import limits
from fondaco_tenants.orders.store_chain import steps_of, ways_of
from fondaco_tenants.orders.store_fees import fee_bps
from fondaco_tenants.orders.store_rank import count_of, key_of, place_of, tried

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
ORDER BY h.id, path.place, path.nth, path.older
"""
# What an own pool has no steps for.
_NONE = """
NULL::uuid[] AS offer_ids, NULL::uuid[] AS seller_ids, NULL::uuid[] AS agreement_ids, NULL::uuid[] AS step_ids, NULL::int[] AS fees,
NULL::text[] AS commissions, NULL::text[] AS prices, NULL::bigint[] AS max_costs, NULL::bool[] AS below_costs, NULL::bigint[] AS units_left, NULL::bigint[] AS hold_left, NULL::bigint[] AS credits,
NULL::bigint[] AS settle_days, NULL::bigint[] AS wallets, NULL::text[] AS rules, NULL::text[] AS views
"""
_NOW, _TODAY = "$2::timestamptz", "($2::timestamptz AT TIME ZONE 'UTC')::date"
_ALONE = {"units": "1", "now": _NOW, "currency": "h.currency"}

# All places that these listings are filled from: own pools, and the first routes over other merchants, as far as they are worth a
# look. `$2` is now, `$3` how many units of a pool are counted.
OF_LISTINGS = f"""
WITH head AS (
  SELECT l.id, l.tenant_id, l.price_minor, l.currency, {fee_bps(tenant="t", entitlement="l.entitlement_id")} AS fee_bps
  FROM listing l JOIN tenant t ON t.id = l.tenant_id
  WHERE l.id = ANY($1::uuid[])
), path AS MATERIALIZED (
  SELECT h.id AS head_id, {key_of("x", **_ALONE)} AS place, x.id AS source_id,
    {count_of("x", "v", today=_TODAY)} AS count,
    ''::bytea AS nth, NULL::bigint[] AS older, x.pool_id, {_NONE}
  FROM head h JOIN source x ON x.listing_id = h.id AND {tried("x")} AND x.kind = 'POOL'
  LEFT JOIN source_use v ON v.source_id = x.id
  UNION ALL
  SELECT h.id, r.place, r.source_id, r.count, r.nth, r.older, r.pool_id, leg.* FROM head h
  CROSS JOIN LATERAL ({
    ways_of("h", units="1", now=_NOW, today=_TODAY, count=str(limits.ROUTES_MAX), fair=True, by_rule=True)
}) r
  CROSS JOIN LATERAL ({
    steps_of(
        begin="",
        buyer="CASE WHEN g.n = 1 THEN r.source_id ELSE r.source_ids[g.n - 1] END",
        now=_NOW,
        today=_TODAY,
        currency="h.currency",
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
  SELECT h.id AS head_id, ''::bytea AS place, f.id AS source_id, {count_of("f", "v", today=_TODAY)} AS count,
    r.nth, r.older, r.pool_id, leg.*
  FROM head h
  CROSS JOIN LATERAL (
    SELECT r.offer_ids, r.seller_ids, r.source_ids, r.pool_id, {place_of("r", **_ALONE)} AS nth, r.place AS older
    FROM route r WHERE r.offer_id = h.id ORDER BY nth, older LIMIT {limits.ROUTES_MAX}
  ) r
  JOIN source f ON f.id = r.source_ids[1] AND {tried("f")}
  LEFT JOIN source_use v ON v.source_id = f.id
  CROSS JOIN LATERAL ({
    steps_of(begin="[2:]", buyer="r.source_ids[g.n]", now=_NOW, today=_TODAY, currency="h.currency")
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
