"""The SQL of picking, holding, delivering and releasing codes. All of it runs as fondaco_trade, over any tenant's pools.

Picking starts at the pool's mark (see CodePool) and walks the partial index of AVAILABLE codes by expiry, skipping codes
that others are just taking. Without the mark it would walk over the index entries of every code sold since the last
vacuum, and a busy pool would get slower with every sale. Mark and expiry are one comparison on purpose: beside a second
lower bound on the expiry PostgreSQL begins there, and walks over those very entries. No position is the largest number,
so that a code which expires at this very moment is not picked. A pool that stops selling days before the expiry begins that
much later; the mark is raised over what it does not sell any more, so that this costs nothing either.
"""

from fondaco_core.db import Write

# Locks up to `units` codes of each pool and changes nothing yet.
PICK = """
SELECT w.pool_id, c.id, c.tenant_id, c.position, c.masked
FROM unnest($1::uuid[], $2::int[]) AS w(pool_id, units)
JOIN code_pool p ON p.id = w.pool_id
CROSS JOIN LATERAL (SELECT $3::timestamptz + p.stop_sale_days * interval '24 hours' AS until) stop
CROSS JOIN LATERAL (
  SELECT id, tenant_id, position, expires_at, masked FROM code
  WHERE pool_id = p.id AND state = 'AVAILABLE'
    AND (expires_at, position) >= (
      greatest(p.pick_expires_at, stop.until),
      CASE WHEN p.pick_expires_at > stop.until THEN p.pick_position ELSE 9223372036854775807 END
    )
  ORDER BY expires_at, position LIMIT w.units FOR NO KEY UPDATE SKIP LOCKED
) c
"""

OWNERS = "SELECT DISTINCT tenant_id FROM code_pool WHERE id = ANY($1::uuid[])"

ALLOCATE = Write(
    frozenset({"code"}),
    {
        "code_allocated": """
UPDATE code c SET state = $3::text, allocation_id = w.allocation_id, changed_at = $4::timestamptz
FROM unnest($1::uuid[], $2::uuid[]) AS w(code_id, allocation_id)
WHERE c.id = w.code_id AND c.state = 'AVAILABLE' RETURNING c.id
""",
    },
    counted="code_allocated",
)

DELIVER = """
UPDATE code SET state = 'DELIVERED', changed_at = $2 WHERE allocation_id = ANY($1::uuid[]) AND state = 'HELD'
"""

# A code that turned out bad leaves its allocation, and the stock.
CONDEMN = """
UPDATE code SET state = 'QUARANTINED', allocation_id = NULL, reason = $2, changed_at = $3
WHERE allocation_id = ANY($1::uuid[]) AND state IN ('HELD', 'DELIVERED')
"""

# Codes go back to stock at their old place, so the mark of their pool comes down to it; expired ones stay out of it.
RELEASE = """
WITH released AS (
  UPDATE code SET state = CASE WHEN expires_at > $2 THEN 'AVAILABLE' ELSE 'EXPIRED' END, allocation_id = NULL, changed_at = $2
  WHERE allocation_id = ANY($1::uuid[]) AND state IN ('HELD', 'DELIVERED')
  RETURNING pool_id, expires_at, position
), lowest AS (
  SELECT DISTINCT ON (pool_id) pool_id, expires_at, position FROM released ORDER BY pool_id, expires_at, position
), lowered AS (
  UPDATE code_pool p SET pick_expires_at = l.expires_at, pick_position = l.position
  FROM lowest l WHERE p.id = l.pool_id AND (p.pick_expires_at, p.pick_position) > (l.expires_at, l.position)
)
SELECT count(*) FROM released
"""

# Pools are locked in one order, before their codes are touched: whoever lowers or raises a mark comes through here.
LOCK_POOLS_OF = """
SELECT id FROM code_pool WHERE id IN (SELECT pool_id FROM code WHERE allocation_id = ANY($1::uuid[]))
ORDER BY id FOR NO KEY UPDATE
"""

# A statement that waits for a till which is just redeeming one of them, and then sees that it did.
LOCK_CODES_OF = (
    "SELECT allocation_id, state FROM code WHERE allocation_id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"
)

LOCK_POOL_IF_FREE = "SELECT 1 FROM code_pool WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED"

# A statement of its own after the lock: it sees every release and import that committed before the lock was had, and
# codes that others are just taking still count as AVAILABLE, so that nothing is ever left behind the mark but what is not
# sold any more. The database's own clock decides about that: one process whose clock is ahead must not hide codes from all.
_SOLD_FROM = """
(c.expires_at, c.position) >= (
  greatest(p.pick_expires_at, now() + p.stop_sale_days * interval '24 hours'),
  CASE WHEN p.pick_expires_at > now() + p.stop_sale_days * interval '24 hours' THEN p.pick_position
    ELSE 9223372036854775807 END
)
"""
RAISE_MARK = f"""
UPDATE code_pool p SET (pick_expires_at, pick_position) = (
  SELECT c.expires_at, c.position FROM code c
  WHERE c.pool_id = p.id AND c.state = 'AVAILABLE' AND {_SOLD_FROM}
  ORDER BY c.expires_at, c.position LIMIT 1
)
WHERE p.id = $1 AND EXISTS (
  SELECT 1 FROM code c WHERE c.pool_id = p.id AND c.state = 'AVAILABLE' AND {_SOLD_FROM}
)
"""
