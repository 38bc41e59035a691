"""Every SQL statement of orders. The statements of placing are set-based: one of each, however many orders there are."""

from fondaco_core.db import Write

# Orders of one customer for one limited listing go one after the other; in one order of keys, so that nobody waits crosswise.
LOCK_LIMITS = (
    "SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT key FROM unnest($1::bigint[]) AS k(key) ORDER BY key) AS k"
)

BOUGHT = """
SELECT w.listing_id, coalesce(sum(l.live_quantity), 0)::bigint AS units
FROM unnest($1::uuid[], $2::timestamptz[]) AS w(listing_id, since)
LEFT JOIN order_line l ON l.listing_id = w.listing_id AND l.customer_id = $3 AND l.placed_at > w.since
GROUP BY w.listing_id
"""

# What a buyer, devices and addresses hold unpaid, and the merchant's budgets, in one row. `$2` is an id older than any
# hold: ids begin with their time. Each arm has an index of its own, in which only orders stand that wait.
HELD = """
SELECT b.buyer_orders_max, b.buyer_units_max, b.guest_orders_max, b.guest_units_max, b.device_orders_max, b.device_units_max,
  b.address_orders_max, b.address_units_max, b.guest_share_percent, h.budgets, h.hashes, h.orders, h.units, h.frees_at
FROM (
  SELECT array_agg(g.budget) AS budgets, array_agg(g.hash) AS hashes, array_agg(g.orders) AS orders, array_agg(g.units) AS units,
    array_agg(g.frees_at) AS frees_at
  FROM (
    SELECT o.budget, o.hash, count(*)::int AS orders, min(o.hold_expires_at) AS frees_at, coalesce(sum((
      SELECT sum(l.live_quantity) FROM order_line l WHERE l.order_id = o.id
    )), 0)::int AS units
    FROM (
      SELECT 'BUYER' AS budget, ''::bytea AS hash, id, hold_expires_at FROM "order"
      WHERE customer_id = $1 AND id > $2 AND state = 'PENDING_PAYMENT'
      UNION ALL
      SELECT 'DEVICE', device_hash, id, hold_expires_at FROM "order"
      WHERE device_hash = ANY($3::bytea[]) AND device_hash IS NOT NULL AND state = 'PENDING_PAYMENT'
      UNION ALL
      SELECT 'ADDRESS', address_hash, id, hold_expires_at FROM "order"
      WHERE address_hash = ANY($4::bytea[]) AND address_hash IS NOT NULL AND state = 'PENDING_PAYMENT'
    ) o GROUP BY o.budget, o.hash
  ) g
) h LEFT JOIN hold_budget b ON b.tenant_id = $5
"""

# Of an own pool what guests hold anywhere; of another merchant's what this store's do, so that no store's guests keep another's away.
HELD_BY_GUESTS = """
SELECT h.pool_id, sum(h.units)::int AS units, count(*)::int AS orders, min(o.hold_expires_at) AS frees_at
FROM guest_hold h JOIN "order" o ON o.id = h.order_id AND o.state = 'PENDING_PAYMENT'
WHERE h.pool_id = ANY($1::uuid[])
  AND (h.tenant_id = $2 OR EXISTS (SELECT FROM code_pool p WHERE p.id = h.pool_id AND p.tenant_id = $2))
GROUP BY h.pool_id
"""
HOLD_FOR_GUESTS = Write(
    frozenset({"guest_hold"}),
    {
        "guest_held": """
INSERT INTO guest_hold (order_id, pool_id, tenant_id, units)
SELECT order_id, pool_id, $4::uuid, units FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS w(order_id, pool_id, units)
""",
    },
)
FORGET_GUEST_HOLDS = """
DELETE FROM guest_hold h USING "order" o WHERE o.id = h.order_id AND o.state <> 'PENDING_PAYMENT'
"""

_BUDGETS = """buyer_orders_max, buyer_units_max, guest_orders_max, guest_units_max, device_orders_max, device_units_max,
  address_orders_max, address_units_max, guest_share_percent"""
GET_BUDGETS = f"SELECT {_BUDGETS}, version, changed_at FROM hold_budget WHERE tenant_id = $1"
# Version 0 is that of the defaults, which no row holds.
PUT_BUDGETS = f"""
INSERT INTO hold_budget AS b (tenant_id, changed_at, version, {_BUDGETS})
SELECT $1, $2, 1, $4, $5, $6, $7, $8, $9, $10, $11, $12 WHERE $3 = 0 OR EXISTS (SELECT 1 FROM hold_budget WHERE tenant_id = $1)
ON CONFLICT (tenant_id) DO UPDATE SET changed_at = excluded.changed_at, version = b.version + 1, {
    ", ".join(f"{name.strip()} = excluded.{name.strip()}" for name in _BUDGETS.split(","))
}
WHERE b.version = $3 RETURNING version
"""

WRITE = Write(
    frozenset({"order", "order_line", "allocation", "hop"}),
    {
        "order_written": """
INSERT INTO "order" (id, tenant_id, code, store_id, customer_id, state, currency, total_minor, channel, reference,
  hold_expires_at, device_hash, address_hash, placed_at, paid_at, fulfilled_at)
SELECT id, $1::uuid, code, store_id, $2::uuid, state, currency, total_minor, channel, reference, hold_expires_at,
  device_hash, address_hash, $3::timestamptz,
  CASE WHEN state = 'FULFILLED' THEN $3::timestamptz END, CASE WHEN state = 'FULFILLED' THEN $3::timestamptz END
FROM unnest($4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::timestamptz[],
  $13::bytea[], $14::bytea[])
  AS w(id, code, store_id, state, currency, total_minor, channel, reference, hold_expires_at, device_hash, address_hash)
""",
        "line_written": """
INSERT INTO order_line (id, tenant_id, order_id, listing_id, entitlement_id, customer_id, number, title, quantity,
  live_quantity, unit_price_minor, placed_at)
SELECT id, $1::uuid, order_id, listing_id, entitlement_id, $2::uuid, number, title, quantity, quantity, unit_price_minor, $3::timestamptz
FROM unnest($15::uuid[], $16::uuid[], $17::uuid[], $18::uuid[], $19::int[], $20::text[], $21::int[], $22::bigint[])
  AS w(id, order_id, listing_id, entitlement_id, number, title, quantity, unit_price_minor)
""",
        "allocation_written": """
INSERT INTO allocation (id, tenant_id, leaf_tenant_id, order_id, line_id, unit, attempt, source_id, route, code_id, masked, state,
  changed_at)
SELECT id, $1::uuid, leaf_tenant_id, order_id, line_id, unit, 1, source_id, route, code_id, masked, state, $3::timestamptz
FROM unnest($23::uuid[], $24::uuid[], $25::uuid[], $26::uuid[], $27::int[], $28::uuid[], $29::int[], $30::uuid[], $31::text[], $32::text[])
  AS w(id, leaf_tenant_id, order_id, line_id, unit, source_id, route, code_id, masked, state)
""",
        "hop_written": """
INSERT INTO hop (id, order_id, line_id, source_id, route, depth, seller_tenant_id, buyer_tenant_id, offer_id, agreement_id,
  entitlement_id, currency, quantity, unit_price_minor, fee_minor, credit_minor, settles_at, lot_id, lot, commissions)
SELECT id, order_id, line_id, source_id, route, depth, seller_id, buyer_id, offer_id, agreement_id, entitlement_id, currency, quantity,
  price, fee, credit, settles_at, lot_id, lot, string_to_array(commissions, ',')::bigint[]
FROM unnest($33::uuid[], $34::uuid[], $35::uuid[], $36::uuid[], $37::int[], $38::int[], $39::uuid[], $40::uuid[], $41::uuid[],
  $42::uuid[], $43::uuid[], $44::text[], $45::int[], $46::bigint[], $47::bigint[], $48::bigint[], $49::timestamptz[], $50::uuid[], $51::text[], $52::text[])
  AS w(id, order_id, line_id, source_id, route, depth, seller_id, buyer_id, offer_id, agreement_id, entitlement_id, currency, quantity,
    price, fee, credit, settles_at, lot_id, lot, commissions)
""",
    },
)

ORDER_COLUMNS = """
o.id, o.tenant_id, o.code, o.store_id, o.customer_id, o.state, o.currency, o.total_minor, o.refunded_minor, o.channel,
o.reference, o.hold_expires_at, o.placed_at, o.paid_at, o.fulfilled_at, o.closed_at, o.reason, o.token_version, o.version
"""

BY_IDS = f'SELECT {ORDER_COLUMNS} FROM "order" o WHERE o.id = ANY($1::uuid[])'
BY_CODE = f'SELECT {ORDER_COLUMNS} FROM "order" o WHERE o.code = $1'
LOCK = f'SELECT {ORDER_COLUMNS} FROM "order" o WHERE o.id = $1 FOR NO KEY UPDATE'

# `$3` is the last id of the page before, or null.
_LIST = f"""
SELECT {ORDER_COLUMNS} FROM "order" o
WHERE ($1::uuid IS NULL OR o.customer_id = $1) AND ($2::text[] IS NULL OR o.state = ANY($2)) AND ($3::uuid IS NULL OR o.id %s $3)
ORDER BY o.id %s LIMIT $4
"""
LIST_NEWEST = _LIST % ("<", "DESC")
LIST_OLDEST = _LIST % (">", "ASC")

LINES = """
SELECT id, order_id, listing_id, entitlement_id, number, title, quantity, live_quantity, unit_price_minor
FROM order_line WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, number
"""

ALLOCATION_COLUMNS = """
a.id, a.tenant_id, a.leaf_tenant_id, a.order_id, a.line_id, a.unit, a.attempt, a.source_id, a.code_id, a.state,
a.changed_at, a.refunded_at, a.revealed_at, coalesce(a.masked, c.masked) AS masked
"""
_ALLOCATIONS = f"""
SELECT {ALLOCATION_COLUMNS} FROM allocation a LEFT JOIN code c ON c.id = a.code_id
WHERE a.order_id = $1 AND ($2::uuid IS NULL OR a.id %s $2) ORDER BY a.id %s LIMIT $3
"""
ALLOCATIONS = _ALLOCATIONS % (">", "ASC")
ALLOCATIONS_BACKWARDS = _ALLOCATIONS % ("<", "DESC")

ALLOCATION_BY_IDS = f"""
SELECT {ALLOCATION_COLUMNS} FROM allocation a LEFT JOIN code c ON c.id = a.code_id WHERE a.id = ANY($1::uuid[])
"""

# The unit that a code is bound to now, by the index that allows for one alone.
ALLOCATIONS_OF_CODE = f"""
SELECT {ALLOCATION_COLUMNS} FROM allocation a LEFT JOIN code c ON c.id = a.code_id
WHERE a.code_id = $1 AND a.state IN ('HELD', 'FULFILLED', 'UNKNOWN')
"""

HOPS = """
SELECT id, line_id, source_id, route, depth, seller_tenant_id, buyer_tenant_id, offer_id, agreement_id, entitlement_id, quantity,
  unit_price_minor, fee_minor, credit_minor, commissions, (
    SELECT a.referrers FROM agreement a WHERE a.id = hop.agreement_id AND hop.commissions <> '{}'
  ) AS referrers
FROM hop WHERE order_id = $1 ORDER BY line_id, route, depth
"""

LOCK_ALLOCATIONS = """
SELECT id, line_id, route, code_id, state, revealed_at FROM allocation
WHERE order_id = $1 AND ($2::uuid[] IS NULL OR id = ANY($2)) ORDER BY id FOR NO KEY UPDATE
"""

REFUNDED_UNITS = """
SELECT line_id, route, count(*)::int AS units FROM allocation WHERE order_id = $1 AND refunded_at IS NOT NULL GROUP BY line_id, route
"""

# When the money of a hop is its seller's own: as its agreement says now, or so many days after a sale to a customer.
_SETTLES = """
WITH settling AS (
  UPDATE hop h SET settles_at = $2::timestamptz + make_interval(days => coalesce((
    SELECT tt.settle_days FROM agreement a JOIN tier_terms tt ON tt.tier_id = a.tier_id AND tt.starts_at <= $2::timestamptz
    WHERE a.id = h.agreement_id ORDER BY tt.starts_at DESC LIMIT 1
  ), $3::int)) WHERE h.order_id = $1
)"""
PAID = f"""{_SETTLES}
UPDATE "order" SET state = 'FULFILLED', paid_at = $2, fulfilled_at = $2, hold_expires_at = NULL, version = version + 1 WHERE id = $1
"""
# Only for an order whose hold ran out while its money was under way (settle.py).
PAID_LATE = f"""{_SETTLES}
UPDATE "order" SET state = 'FULFILLED', paid_at = $2, fulfilled_at = $2, closed_at = NULL, reason = NULL, version = version + 1
WHERE id = $1 AND state = 'EXPIRED'
"""
# Each line's units by their last attempt, route by route, and the pools that they can come from now; none while the listing is not on
# sale. What came over other merchants comes from the same leaf again.
LINES_TO_HOLD_AGAIN = """
SELECT l.id, array_agg(u.id ORDER BY u.unit) AS units, CASE WHEN EXISTS (
  SELECT FROM hop h WHERE h.line_id = l.id AND h.route = u.route AND h.depth > 0
) THEN (
  SELECT array_agg(DISTINCT c.pool_id) FROM allocation a JOIN code c ON c.id = a.code_id
  JOIN listing g ON g.id = l.listing_id AND g.state = 'ACTIVE' WHERE a.line_id = l.id AND a.route = u.route
) ELSE (
  SELECT array_agg(x.pool_id ORDER BY x.priority, x.id) FROM source x
  JOIN listing g ON g.id = x.listing_id AND g.state = 'ACTIVE'
  WHERE x.listing_id = l.listing_id AND x.enabled AND (x.state = 'ACTIVE' OR source_tried(x.id)) AND x.kind = 'POOL'
) END AS pools
FROM order_line l JOIN LATERAL (
  SELECT DISTINCT ON (a.unit) a.id, a.unit, a.route FROM allocation a WHERE a.line_id = l.id ORDER BY a.unit, a.attempt DESC
) u ON true
WHERE l.order_id = $1 GROUP BY l.id, l.number, l.listing_id, u.route ORDER BY l.number, u.route
"""
# Which listings of an order are limited per customer, and whether the customer has bought so much since that it would be too much.
LIMITED_LISTINGS = """
SELECT DISTINCT l.listing_id FROM order_line l JOIN listing g ON g.id = l.listing_id
WHERE l.order_id = $1 AND g.customer_max IS NOT NULL
"""
OVER_LIMIT = """
SELECT EXISTS (
  SELECT 1 FROM (SELECT listing_id, sum(quantity) AS units FROM order_line WHERE order_id = $1 GROUP BY listing_id) w
  JOIN listing g ON g.id = w.listing_id
  WHERE w.units + (
    SELECT coalesce(sum(b.live_quantity), 0) FROM order_line b
    WHERE b.listing_id = g.id AND b.customer_id = $2 AND b.order_id <> $1
      AND (g.customer_period_days IS NULL OR b.placed_at > $3::timestamptz - make_interval(days => g.customer_period_days::int))
  ) > g.customer_max
)
"""
ALLOCATE_AGAIN = """
INSERT INTO allocation (id, tenant_id, leaf_tenant_id, order_id, line_id, unit, attempt, source_id, route, code_id, state, changed_at,
  masked)
SELECT w.id, a.tenant_id, w.owner_id, a.order_id, a.line_id, a.unit, a.attempt + 1, a.source_id, a.route, w.code_id, 'FULFILLED', $5,
  CASE WHEN w.owner_id <> a.tenant_id THEN w.masked END
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $6::text[]) AS w(id, before_id, owner_id, code_id, masked)
JOIN allocation a ON a.id = w.before_id
"""
RAISE_LINES = "UPDATE order_line SET live_quantity = quantity WHERE order_id = $1"
FULFIL_ALLOCATIONS = """
UPDATE allocation SET state = 'FULFILLED', changed_at = $2 WHERE order_id = $1 AND state = 'HELD' RETURNING id
"""
CLOSE = """
UPDATE "order" SET state = $2, reason = $3, closed_at = $4, hold_expires_at = NULL, version = version + 1 WHERE id = ANY($1::uuid[])
"""
RELEASE_ALLOCATIONS = """
UPDATE allocation SET state = 'RELEASED', changed_at = $2 WHERE order_id = ANY($1::uuid[]) AND state = 'HELD' RETURNING id, line_id
"""
REFUND_ALLOCATIONS = """
UPDATE allocation SET state = 'RELEASED', changed_at = $2, refunded_at = $2 WHERE id = ANY($1::uuid[])
  AND state IN ('FULFILLED', 'WAITING') AND revealed_at IS NULL
"""
# Units that have a code to give back: one that waits for another has none.
BOUND = "SELECT id FROM allocation WHERE id = ANY($1::uuid[]) AND code_id IS NOT NULL ORDER BY id"

LOWER_LINES = """
UPDATE order_line l SET live_quantity = l.live_quantity - w.units
FROM (SELECT line_id, count(*)::int AS units FROM unnest($1::uuid[]) AS x(line_id) GROUP BY line_id) w WHERE l.id = w.line_id
"""
REFUND_ORDER = """
UPDATE "order" SET state = $2, refunded_minor = refunded_minor + $3, version = version + 1,
  closed_at = CASE WHEN $2 = 'REFUNDED' THEN $4::timestamptz ELSE closed_at END WHERE id = $1
"""
ADD_REFUND = """
INSERT INTO refund (id, tenant_id, order_id, units, amount_minor, reason, actor_kind, actor_id, refunded_at, target)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
REFUNDS = """
SELECT id, order_id, units, amount_minor, reason, refunded_at FROM refund WHERE order_id = ANY($1::uuid[]) ORDER BY id
"""

# Taken in the transaction that shows the code: whoever has the row first, this or a refund, decides.
MARK_REVEALED = """
UPDATE allocation SET revealed_at = coalesce(revealed_at, $2), changed_at = $2 WHERE id = ANY($1::uuid[]) AND state = 'FULFILLED'
RETURNING id
"""
ORDER_OF = (
    'SELECT o.id, o.state FROM allocation a JOIN "order" o ON o.id = a.order_id WHERE a.id = ANY($1::uuid[]) LIMIT 1'
)

OVERDUE = """
SELECT id, tenant_id FROM "order" WHERE state = 'PENDING_PAYMENT' AND hold_expires_at <= $1
ORDER BY hold_expires_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
"""

# Units whose codes turned out bad.
ORDER_ID_OF = "SELECT order_id FROM allocation WHERE id = $1"
# With the attempt before it, which is what failed when this one waits.
LOCK_UNIT = """
SELECT a.id, a.tenant_id, a.leaf_tenant_id, a.line_id, a.unit, a.attempt, a.source_id, a.route, a.code_id, a.state, a.revealed_at,
  a.failure, p.id AS failed_id, p.code_id AS failed_code_id
FROM allocation a LEFT JOIN allocation p ON p.line_id = a.line_id AND p.unit = a.unit AND p.attempt = a.attempt - 1
WHERE a.id = $1 FOR NO KEY UPDATE OF a
"""
COUNT_FAILED = "SELECT count(*)::int FROM allocation WHERE order_id = $1 AND state = 'FAILED'"
UNITS_OF_CODES = """
SELECT a.id, a.order_id, c.reason FROM code c JOIN allocation a ON a.id = c.allocation_id AND a.code_id = c.id
WHERE c.id = ANY($1::uuid[]) AND a.state IN ('HELD', 'FULFILLED') ORDER BY a.order_id, a.id
"""
# From where a unit gets another code: from the pools that fill its listing where it came from one; where it came over other merchants
# from the same leaf, since they are paid for it.
POOLS_OF_UNIT = """
SELECT pool_id FROM (
  SELECT x.pool_id, x.priority, x.id FROM order_line l JOIN source x ON x.listing_id = l.listing_id AND x.enabled AND (x.state = 'ACTIVE' OR source_tried(x.id)) AND x.kind = 'POOL'
  WHERE l.id = $1 AND NOT EXISTS (SELECT FROM hop h WHERE h.line_id = $1 AND h.route = $2 AND h.depth > 0)
  UNION ALL
  SELECT DISTINCT c.pool_id, 0, c.pool_id FROM allocation a JOIN code c ON c.id = a.code_id
  WHERE a.line_id = $1 AND a.route = $2 AND EXISTS (SELECT FROM hop h WHERE h.line_id = $1 AND h.route = $2 AND h.depth > 0)
) found ORDER BY priority, id
"""
FAIL_UNIT = "UPDATE allocation SET state = 'FAILED', failure = $2, changed_at = $3 WHERE id = $1"
DOUBT_UNIT = "UPDATE allocation SET failure = $2 WHERE id = $1 AND failure IS NULL"
ADD_ATTEMPT = """
INSERT INTO allocation
  (id, tenant_id, leaf_tenant_id, order_id, line_id, unit, attempt, source_id, route, code_id, state, changed_at, wait_until, replaced_at,
   masked)
SELECT $1, tenant_id, coalesce($3, leaf_tenant_id), order_id, line_id, unit, attempt + 1, source_id, route, $4, $5, $6, $7,
       CASE WHEN $4::uuid IS NOT NULL THEN $6::timestamptz END, CASE WHEN $3 <> tenant_id THEN $8 END
FROM allocation WHERE id = $2
"""
SERVE_UNIT = """
UPDATE allocation
SET state = 'FULFILLED', leaf_tenant_id = $2, code_id = $3, changed_at = $4, wait_until = NULL, replaced_at = $4,
  masked = CASE WHEN $2 <> tenant_id THEN $5 END
WHERE id = $1
"""
TOUCH = 'UPDATE "order" SET version = version + 1 WHERE id = $1'
WAITING = """
SELECT id, tenant_id, order_id, wait_until FROM allocation
WHERE state = 'WAITING' AND ($1::timestamptz IS NULL OR (wait_until, id) > ($1, $2::uuid)) ORDER BY wait_until, id LIMIT $3
"""

# Whom the owner of codes sold those to that other merchants' customers have: its own neighbour, and nobody beyond.
RESALES = """
SELECT c.id AS code_id, h.buyer_tenant_id AS reseller_id, h.lot_id, o.paid_at AS sold_at
FROM code c
JOIN allocation a ON a.id = c.allocation_id AND a.code_id = c.id AND a.tenant_id <> c.tenant_id
JOIN hop h ON h.line_id = a.line_id AND h.route = a.route AND h.seller_tenant_id = c.tenant_id
JOIN "order" o ON o.id = a.order_id
WHERE c.id = ANY($1::uuid[]) AND c.tenant_id = $2
"""

ADD_GIFTS = Write(
    frozenset({"gift"}),
    {
        "gift_written": """
INSERT INTO gift (order_id, contact_sealed, contact_masked, name, message, locale, tenant_id)
SELECT order_id, contact_sealed, contact_masked, name, message, locale, $7::uuid
FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[])
  AS w(order_id, contact_sealed, contact_masked, name, message, locale)
""",
    },
)
RECIPIENT = "SELECT contact_sealed, tenant_id FROM gift WHERE order_id = $1 AND taken_back_at IS NULL"
GIFTS = """
SELECT order_id, contact_masked, name, message, locale, opened_at, taken_back_at FROM gift WHERE order_id = ANY($1::uuid[])
"""
LOCK_GIFT = "SELECT opened_at, taken_back_at FROM gift WHERE order_id = $1 FOR NO KEY UPDATE"
TAKE_BACK_GIFT = "UPDATE gift SET taken_back_at = $2 WHERE order_id = $1"
OPEN_GIFT = "UPDATE gift SET opened_at = $2 WHERE order_id = $1"

FIND_FOR_GUEST = """
SELECT o.id FROM "order" o JOIN customer c ON c.id = o.customer_id AND c.kind = 'GUEST' AND c.contact_lookup = $2 WHERE o.code = $1
"""
LOOK_UP = """
SELECT o.code, o.customer_id, o.token_version, s.slug, s.name FROM "order" o JOIN store s ON s.id = o.store_id WHERE o.id = $1
"""
