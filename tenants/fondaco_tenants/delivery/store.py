"""Every SQL statement of delivery."""

ADD_LINK = """
INSERT INTO delivery_link
  (id, tenant_id, order_id, allocation_id, secret_hash, opens_max, expires_at, created_by_kind, created_by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

_LINK = "id, order_id, allocation_id, opens_max, opens, expires_at, created_by_kind, created_at, revoked_at"

# The whole of "this link opens once": whoever comes second waits at the row, then finds it spent.
BURN_LINK = f"""
UPDATE delivery_link SET opens = opens + 1
WHERE id = $1 AND secret_hash = $2 AND opens < opens_max AND expires_at > $3 AND revoked_at IS NULL
RETURNING {_LINK}
"""

# A link by its id and its secret's hash, in the store under whose name it was asked for.
FIND_LINK_IN_STORE = """
SELECT k.id, k.order_id, k.allocation_id, k.opens_max, k.opens, k.expires_at, k.created_by_kind, k.created_at, k.revoked_at
FROM delivery_link k JOIN "order" o ON o.id = k.order_id JOIN store s ON s.id = o.store_id
WHERE k.id = $1 AND k.secret_hash = $2 AND s.slug = $3
"""

FIND_LINKS = f"SELECT {_LINK} FROM delivery_link WHERE id = ANY($1)"

# The newest links of each order; `$2` is how many of each.
LIST_LINKS = f"""
SELECT {_LINK} FROM (
  SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY id DESC) AS place
  FROM delivery_link WHERE order_id = ANY($1)
) AS numbered WHERE place <= $2 ORDER BY id DESC
"""

COUNT_OPEN_LINKS = """
SELECT count(*) FROM delivery_link
WHERE order_id = $1 AND opens < opens_max AND expires_at > $2 AND revoked_at IS NULL
"""

REVOKE_LINK = f"""
UPDATE delivery_link SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING {_LINK}
"""

# The units of an order, or those named, in the order of the basket; locked against a refund at the same moment.
LOCK_UNITS = """
SELECT a.id, a.unit, a.state, a.code_id, l.number AS line, l.title,
       e.fulfilment_kind, e.redemption, e.redemption_zh, e.restrictions, e.restrictions_zh
FROM allocation a JOIN order_line l ON l.id = a.line_id JOIN entitlement e ON e.id = l.entitlement_id
WHERE a.order_id = $1 AND ($2::uuid IS NULL OR a.id = $2)
ORDER BY l.number, a.unit, a.attempt
FOR NO KEY UPDATE OF a
"""

# How often each code was shown, and when first.
COUNT_REVEALS = """
SELECT code_id, count(*)::int AS times, min(revealed_at) AS first_at FROM code_reveal WHERE code_id = ANY($1) GROUP BY code_id
"""

# The newest reveals of each order; `$2` is how many of each.
LIST_REVEALS = """
SELECT id, order_id, allocation_id, via, actor_kind, ip, link_id, revealed_at FROM (
  SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY id DESC) AS place FROM code_reveal WHERE order_id = ANY($1)
) AS numbered WHERE place <= $2 ORDER BY id DESC
"""

# An order as its delivery needs it, and the address of its store.
FIND_ORDER = """
SELECT o.id, o.code, o.customer_id, o.state, o.token_version, s.slug, s.name AS store_name
FROM "order" o JOIN store s ON s.id = o.store_id WHERE o.id = $1
"""
FIND_ORDERS = 'SELECT id, customer_id, token_version FROM "order" WHERE id = ANY($1)'
FIND_ORDER_OF_ALLOCATION = "SELECT order_id FROM allocation WHERE id = $1"
FIND_ORDER_BY_CODE = """
SELECT o.id FROM "order" o JOIN store s ON s.id = o.store_id WHERE o.code = $1 AND s.slug = $2
"""
# Until orders has a function for it.
MARK_REVEALED = "UPDATE allocation SET revealed_at = $2 WHERE id = ANY($1) AND revealed_at IS NULL"

# What the buyer's page of an order shows, without any code.
SHOW_ORDER = """
SELECT o.id, o.code, o.state, o.currency, o.total_minor, o.refunded_minor, o.hold_expires_at, o.placed_at, o.paid_at,
       o.fulfilled_at, o.closed_at, s.slug, s.name AS store_name
FROM "order" o JOIN store s ON s.id = o.store_id WHERE o.id = $1
"""
SHOW_LINES = """
SELECT id, number, title, quantity, unit_price_minor FROM order_line WHERE order_id = $1 ORDER BY number
"""
# The last attempt at each unit.
SHOW_UNITS = """
SELECT DISTINCT ON (a.line_id, a.unit) a.id, a.line_id, a.unit, a.state, a.refunded_at, a.revealed_at, c.masked
FROM allocation a LEFT JOIN code c ON c.id = a.code_id
WHERE a.order_id = $1 ORDER BY a.line_id, a.unit, a.attempt DESC
"""
