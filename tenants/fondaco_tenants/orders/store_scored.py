"""The SQL of what scorecards are told of orders."""

# As fondaco_platform: sales between merchants that no scorecard has, each once; in the order of their keys, as all lock them.
SCORE = """
WITH fresh AS (
  SELECT h.id FROM hop h WHERE h.id = ANY($1::uuid[]) AND NOT h.scored AND h.offer_id IS NOT NULL AND h.settles_at IS NOT NULL
  ORDER BY h.id FOR NO KEY UPDATE OF h
), marked AS (
  UPDATE hop h SET scored = true FROM fresh WHERE h.id = fresh.id RETURNING h.offer_id, h.order_id, h.quantity
)
SELECT m.offer_id, (o.paid_at AT TIME ZONE 'UTC')::date AS day, 1::bigint AS orders, m.quantity::bigint AS units,
  (extract(epoch FROM o.fulfilled_at - o.paid_at) * 1000)::bigint AS took_ms
FROM marked m JOIN "order" o ON o.id = m.order_id
"""
# The same of all that some scorecard has, since a day.
SCORED = """
SELECT h.offer_id, (o.paid_at AT TIME ZONE 'UTC')::date AS day, count(*) AS orders, sum(h.quantity)::bigint AS units,
  (extract(epoch FROM o.fulfilled_at - o.paid_at) * 1000)::bigint AS took_ms
FROM hop h JOIN "order" o ON o.id = h.order_id
WHERE h.offer_id IS NOT NULL AND h.scored AND o.paid_at >= $1::date::timestamptz
GROUP BY 1, 2, 5
"""
# Of whoever sold the unit over every step of its way, from the store down, the source that it was sold from: at the end, the pool's own that
# the code is of.
SOURCES_OF_UNIT = """
SELECT h.seller_tenant_id AS tenant_id, n.offer_id, coalesce(CASE WHEN n.id IS NULL THEN (
  SELECT x.id FROM source x JOIN source w ON w.id = h.source_id AND (x.listing_id = w.listing_id OR x.offer_id = w.offer_id)
  JOIN code c ON c.id = $3 AND c.pool_id = x.pool_id LIMIT 1
) END, h.source_id) AS source_id
FROM hop h LEFT JOIN hop n ON n.line_id = h.line_id AND n.route = h.route AND n.depth = h.depth + 1
WHERE h.line_id = $1 AND h.route = $2 ORDER BY h.depth
"""
