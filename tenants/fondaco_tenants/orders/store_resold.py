"""The SQL of what merchants sold to and bought from each other; as fondaco_trade, since of an order only its own step is a party's to see."""

# `{side}` is the party that asks, `{other}` its partner; paid steps alone. Ids begin with their time.
_TRADES = """
SELECT h.id, h.{side} AS tenant_id, h.{other} AS partner_id, h.offer_id, h.quantity, h.unit_price_minor, h.fee_minor,
  h.credit_minor, h.currency, h.settles_at, h.settled_at, o.paid_at AS paid_at, o.customer_id, back.units AS refunded_units
FROM hop h JOIN "order" o ON o.id = h.order_id
CROSS JOIN LATERAL (SELECT coalesce(sum(r.units), 0)::int AS units FROM hop_refund r WHERE r.hop_id = h.id) back
WHERE h.{side} = $1 AND h.depth > 0 AND h.settles_at IS NOT NULL
"""
_PAGE = """
AND ($2::uuid IS NULL OR h.{other} = $2) AND ($3::timestamptz IS NULL OR o.paid_at >= $3) AND ($4::timestamptz IS NULL OR o.paid_at < $4)
AND ($5::uuid IS NULL OR h.id < $5) ORDER BY h.id DESC LIMIT $6
"""
_OF_SELLER = {"side": "seller_tenant_id", "other": "buyer_tenant_id"}
_OF_BUYER = {"side": "buyer_tenant_id", "other": "seller_tenant_id"}
SALES = (_TRADES + _PAGE).format(**_OF_SELLER)
PURCHASES = (_TRADES + _PAGE).format(**_OF_BUYER)

# The units that came over a step, of each its last attempt: the mask and how it stands.
UNITS = """
SELECT DISTINCT ON (h.id, a.unit) h.id AS hop_id, a.masked, a.state FROM hop h
JOIN allocation a ON a.line_id = h.line_id AND a.route = h.route
WHERE h.id = ANY($1::uuid[]) AND h.depth > 0 AND $2 IN (h.seller_tenant_id, h.buyer_tenant_id)
ORDER BY h.id, a.unit, a.attempt DESC
"""
# What sellers have sold to other merchants by orders that are paid.
SOLD = "SELECT id, seller_tenant_id, offer_id, quantity FROM hop WHERE order_id = $1 AND depth > 0 ORDER BY depth, id"
