"""The SQL of tracing codes and of leaks. Paths are read as fondaco_trade or fondaco_platform; each statement says whose part it gives."""

# What was shown of own codes, the newest first, at most `$2` of each.
REVEALS = """
SELECT r.* FROM unnest($1::uuid[]) AS c(id) CROSS JOIN LATERAL (
  SELECT code_id, via, actor_kind, order_id, revealed_at FROM code_reveal WHERE code_id = c.id AND tenant_id = $3
  ORDER BY id DESC LIMIT $2
) r
"""
# The units of a lot to one of its two parties, with the codes that were bad and replaced: the lot that it came in, the one that it went in, and, in its
# own store, the unit itself.
UNITS_OF_LOT = """
SELECT a.unit, coalesce(a.masked, CASE WHEN a.leaf_tenant_id = $2 THEN c.masked END) AS masked, a.state,
  CASE WHEN a.leaf_tenant_id = $2 THEN a.code_id END AS code_id, CASE WHEN a.tenant_id = $2 THEN a.id END AS allocation_id,
  CASE WHEN a.tenant_id = $2 THEN a.order_id END AS order_id, sale.lot_id AS sale_id, bought.lot_id AS purchase_id, l.id AS lot_id
FROM hop l
JOIN hop h ON h.line_id = l.line_id AND h.lot_id = l.id
JOIN allocation a ON a.line_id = h.line_id AND a.route = h.route
LEFT JOIN code c ON c.id = a.code_id
LEFT JOIN hop sale ON sale.line_id = h.line_id AND sale.route = h.route AND sale.seller_tenant_id = $2 AND sale.depth > 0
LEFT JOIN hop bought ON bought.line_id = h.line_id AND bought.route = h.route AND bought.buyer_tenant_id = $2
WHERE l.lot = $1 AND l.settles_at IS NOT NULL AND $2 IN (l.seller_tenant_id, l.buyer_tenant_id)
ORDER BY a.unit, a.attempt
"""

# The unit that a code is bound to; of one that was bad and replaced, the last that it was bound to.
_UNIT = """
LEFT JOIN LATERAL (
  SELECT * FROM (
    SELECT * FROM allocation WHERE id = c.allocation_id
    UNION ALL
    SELECT * FROM allocation WHERE c.allocation_id IS NULL AND code_id = c.id AND state = 'FAILED'
  ) bound ORDER BY bound.id DESC LIMIT 1
) a ON true
"""
# Where own codes went: the lot to a reseller, or the order of an own store.
SOLD = f"""
SELECT c.id AS code_id, h.lot_id, CASE WHEN a.tenant_id = $2 THEN a.order_id END AS order_id
FROM code c {_UNIT}
LEFT JOIN hop h ON h.line_id = a.line_id AND h.route = a.route AND h.seller_tenant_id = $2 AND h.depth > 0
WHERE c.id = ANY($1::uuid[]) AND c.tenant_id = $2
"""

# The path of an own code, from its owner on: of each merchant its step alone is told to it.
PATH_OF_OWN = f"""
SELECT c.id AS code_id, c.masked, h.seller_tenant_id AS tenant_id, h.buyer_tenant_id AS partner_id, h.lot_id AS sale_lot_id,
  bought.id AS purchase_lot_id, bought.lot AS purchase_lot
FROM code c {_UNIT}
LEFT JOIN hop h ON h.line_id = a.line_id AND h.route = a.route
LEFT JOIN hop below ON below.line_id = h.line_id AND below.route = h.route AND below.depth = h.depth + 1
LEFT JOIN hop bought ON bought.id = below.lot_id
WHERE c.id = $1 AND c.tenant_id = $2 ORDER BY h.depth DESC
"""
ADD_LEAKS = """
INSERT INTO leak (id, tenant_id, unit_id, masked, own, purchase_lot_id, sale_lot_id, partner_id, finds, reported_at, found_at)
SELECT w.id, w.tenant_id, w.unit_id, $7, w.own, w.purchase_lot_id, w.sale_lot_id, w.partner_id, 0, $8, $8
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bool[], $5::uuid[], $6::uuid[], $9::uuid[])
  AS w(id, tenant_id, unit_id, own, purchase_lot_id, sale_lot_id, partner_id)
ORDER BY w.tenant_id
ON CONFLICT (tenant_id, unit_id) DO NOTHING RETURNING id
"""
# Locked, so that of two reports of one code the second waits before it counts.
OWN_LEAK = """
SELECT id, (SELECT count(*) FROM leak_find f WHERE f.leak_id = leak.id) AS places FROM leak
WHERE tenant_id = $1 AND unit_id = $2 FOR NO KEY UPDATE
"""
ADD_FIND = """
INSERT INTO leak_find (id, tenant_id, leak_id, place, found_by, found_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (leak_id, place) DO NOTHING
"""
FOUND_AGAIN = """
UPDATE leak k SET finds = k.finds + 1, found_at = $3 FROM unnest($1::uuid[], $2::uuid[]) AS w(tenant_id, unit_id)
WHERE k.tenant_id = w.tenant_id AND k.unit_id = w.unit_id
"""

_LEAK = "id, unit_id, masked, own, purchase_lot_id, sale_lot_id, partner_id, finds, reported_at, found_at"
LEAKS = f"""
SELECT {_LEAK} FROM leak WHERE tenant_id = $1 AND ($2::uuid IS NULL OR partner_id = $2) AND ($3::uuid IS NULL OR id < $3)
ORDER BY id DESC LIMIT $4
"""
LEAKS_BY_IDS = f"SELECT {_LEAK} FROM leak WHERE tenant_id = $1 AND id = ANY($2::uuid[])"
LEAKS_OF_CODES = f"SELECT {_LEAK} FROM leak WHERE tenant_id = $1 AND unit_id = ANY($2::uuid[]) AND own"
FINDS = "SELECT leak_id, place, found_at FROM leak_find WHERE leak_id = ANY($1::uuid[]) AND tenant_id = $2 ORDER BY id"
BY_PARTNER = """
SELECT partner_id, count(*)::int AS codes, count(DISTINCT sale_lot_id)::int AS lots, sum(finds)::int AS finds, max(found_at) AS found_at
FROM leak WHERE tenant_id = $1 AND partner_id IS NOT NULL GROUP BY partner_id ORDER BY codes DESC, partner_id LIMIT $2
"""

# Over all merchants, as fondaco_platform: every step of the ways that a code, or the units of a lot, have come.
WHOLE_PATH = f"""
WITH way AS (
  SELECT g.line_id, g.route FROM hop l JOIN hop g ON g.line_id = l.line_id AND g.lot_id = l.id WHERE l.lot = $2
  UNION
  SELECT a.line_id, a.route FROM code c {_UNIT} WHERE c.id = ANY($1::uuid[]) AND a.id IS NOT NULL
)
SELECT h.seller_tenant_id AS seller_id, h.buyer_tenant_id AS buyer_id, l.id AS lot_id, l.lot, sum(h.quantity)::int AS units,
  o.code AS order_code, o.placed_at
FROM way JOIN hop h ON h.line_id = way.line_id AND h.route = way.route
LEFT JOIN hop l ON l.id = h.lot_id
JOIN "order" o ON o.id = h.order_id
GROUP BY h.seller_tenant_id, h.buyer_tenant_id, l.id, l.lot, o.code, o.placed_at, h.depth
ORDER BY h.depth DESC, l.id
"""
OWNERS = "SELECT id, tenant_id FROM code WHERE id = ANY($1::uuid[])"
