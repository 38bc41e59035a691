"""The SQL of what merchants sold to and bought from each other; as fondaco_trade, since of an order only its own step is a party's to see."""

# `{side}` is the party that asks, `{other}` its partner; paid steps alone. Ids begin with their time. What came by one line and one offer
# is one lot, whatever routes it came over: how many there are is not a neighbour's to know.
_TRADES = """
SELECT h.id, h.{side} AS tenant_id, h.{other} AS partner_id, h.lot, h.offer_id, n.quantity, n.amount_minor, n.fee_minor, n.credit_minor,
  h.currency, h.settles_at, n.settled_at, o.paid_at AS paid_at, o.customer_id, n.refunded_units
FROM hop h JOIN "order" o ON o.id = h.order_id
CROSS JOIN LATERAL (
  SELECT sum(g.quantity)::int AS quantity, sum(g.quantity * g.unit_price_minor)::bigint AS amount_minor,
    sum(g.fee_minor)::bigint AS fee_minor, sum(g.credit_minor)::bigint AS credit_minor,
    CASE WHEN bool_and(g.settled_at IS NOT NULL) THEN max(g.settled_at) END AS settled_at,
    coalesce(sum((SELECT sum(r.units) FROM hop_refund r WHERE r.hop_id = g.id)), 0)::int AS refunded_units
  FROM hop g WHERE g.line_id = h.line_id AND g.lot_id = h.id
) n
WHERE h.{side} = $1 AND h.lot_id = h.id AND h.settles_at IS NOT NULL
"""
_PAGE = """
AND ($2::uuid IS NULL OR h.{other} = $2) AND ($3::timestamptz IS NULL OR o.paid_at >= $3) AND ($4::timestamptz IS NULL OR o.paid_at < $4)
AND ($5::uuid IS NULL OR h.id < $5) ORDER BY h.id DESC LIMIT $6
"""
_SOME = "AND h.id = ANY($2::uuid[])"
_OF_SELLER = {"side": "seller_tenant_id", "other": "buyer_tenant_id"}
_OF_BUYER = {"side": "buyer_tenant_id", "other": "seller_tenant_id"}
SALES = (_TRADES + _PAGE).format(**_OF_SELLER)
PURCHASES = (_TRADES + _PAGE).format(**_OF_BUYER)
SALES_BY_IDS = (_TRADES + _SOME).format(**_OF_SELLER)
PURCHASES_BY_IDS = (_TRADES + _SOME).format(**_OF_BUYER)

# The units of lots, of each its last attempt: the mask and how it stands.
UNITS = """
SELECT DISTINCT ON (h.lot_id, a.unit) h.lot_id, a.masked, a.state FROM hop l
JOIN hop h ON h.line_id = l.line_id AND h.lot_id = l.id
JOIN allocation a ON a.line_id = h.line_id AND a.route = h.route
WHERE l.id = ANY($1::uuid[]) AND l.lot_id = l.id AND $2 IN (l.seller_tenant_id, l.buyer_tenant_id)
ORDER BY h.lot_id, a.unit, a.attempt DESC
"""
# What merchants sell to each other by orders, with the codes of it that are the seller's own.
LOTS = """
SELECT l.id, l.lot, l.seller_tenant_id, l.buyer_tenant_id, l.offer_id, n.units, n.codes FROM hop l
CROSS JOIN LATERAL (
  SELECT sum(h.quantity)::int AS units, (
    SELECT array_agg(a.code_id ORDER BY a.unit) FROM hop g
    JOIN allocation a ON a.line_id = g.line_id AND a.route = g.route AND a.leaf_tenant_id = g.seller_tenant_id
    WHERE g.line_id = l.line_id AND g.lot_id = l.id AND a.state = ANY($2::text[])
  ) AS codes
  FROM hop h WHERE h.line_id = l.line_id AND h.lot_id = l.id
) n
WHERE l.order_id = ANY($1::uuid[]) AND l.lot_id = l.id ORDER BY l.depth, l.id
"""
