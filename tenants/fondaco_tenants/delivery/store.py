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

# Where a link leads, by its id and its secret's hash, in the store under whose name it was asked for.
FIND_LINK_IN_STORE = """
SELECT o.code AS order_code, s.name AS store_name
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

# The units of an order, or those named, locked against a refund at the same moment, in the order in which a refund locks.
LOCK_UNITS = """
SELECT a.id, a.unit, a.attempt, a.state, a.code_id, l.number AS line, l.title,
       e.fulfilment_kind, e.redemption, e.redemption_zh, e.restrictions, e.restrictions_zh
FROM allocation a JOIN order_line l ON l.id = a.line_id JOIN entitlement e ON e.id = l.entitlement_id
WHERE a.order_id = $1 AND ($2::uuid IS NULL OR a.id = $2)
ORDER BY a.id FOR NO KEY UPDATE OF a
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

STORE_NAME = "SELECT name FROM store WHERE slug = $1"

LINK_ADDRESS = """
SELECT s.slug, k.secret_hash FROM delivery_link k JOIN "order" o ON o.id = k.order_id JOIN store s ON s.id = o.store_id
WHERE k.id = $1
"""
