"""The SQL of pools and of what they hold."""

ADD = """
INSERT INTO code_pool (id, tenant_id, entitlement_id, name, created_at) VALUES ($1, $2, $3, $4, $5)
"""

_POOL = """
id, entitlement_id, name, stop_sale_days, low_stock_at, expiry_alarm_days, created_at, archived_at, version
"""

BY_IDS = f"SELECT {_POOL} FROM code_pool WHERE id = ANY($1::uuid[])"

LOCK = f"SELECT {_POOL} FROM code_pool WHERE id = $1 FOR NO KEY UPDATE"

# Newest first, or oldest first for the page before; `$1` is the last id of the page before, or null.
LIST_DOWN = f"""
SELECT {_POOL} FROM code_pool
WHERE ($1::uuid IS NULL OR id < $1) AND ($2::uuid IS NULL OR entitlement_id = $2) AND ($3 OR archived_at IS NULL)
ORDER BY id DESC LIMIT $4
"""
LIST_UP = f"""
SELECT {_POOL} FROM code_pool
WHERE ($1::uuid IS NULL OR id > $1) AND ($2::uuid IS NULL OR entitlement_id = $2) AND ($3 OR archived_at IS NULL)
ORDER BY id LIMIT $4
"""

CHANGE = """
UPDATE code_pool SET name = $2, stop_sale_days = $3, low_stock_at = $4, expiry_alarm_days = $5, version = version + 1
WHERE id = $1
"""
# Codes that were not sold any more are sold again when selling stops later: the mark may lie behind them.
RESET_MARK = "UPDATE code_pool SET pick_expires_at = '-infinity', pick_position = 0 WHERE id = $1"
ARCHIVE = "UPDATE code_pool SET archived_at = $2, version = version + 1 WHERE id = $1 RETURNING version"

# Counted from the picking mark on, over the partial index of what is AVAILABLE, and no further than is asked. Mark and
# expiry are one comparison: beside a second lower bound the index would be walked from that one, over all that was sold.
# In the order of the index, so that nothing is read beyond the last one that is counted.
STOCK = """
SELECT p.id, (
  SELECT count(*) FROM (
    SELECT 1 FROM code c
    WHERE c.pool_id = p.id AND c.state = 'AVAILABLE'
      AND (c.expires_at, c.position) >= (
        greatest(p.pick_expires_at, stop.until),
        CASE WHEN p.pick_expires_at > stop.until THEN p.pick_position ELSE 9223372036854775807 END
      )
    ORDER BY c.expires_at, c.position LIMIT $2
  ) counted
) AS available
FROM code_pool p CROSS JOIN LATERAL (SELECT $3::timestamptz + p.stop_sale_days * interval '24 hours' AS until) stop
WHERE p.id = ANY($1::uuid[])
"""

# Whether anything of the pool could still be sold or come back to be sold; by its imports, which an index leads to.
HAS_STOCK = """
SELECT EXISTS (SELECT 1 FROM code_batch WHERE pool_id = $1 AND state = 'IMPORTING') OR EXISTS (
  SELECT 1 FROM code_batch b JOIN code c ON c.batch_id = b.id
  WHERE b.pool_id = $1 AND (c.state IN ('AVAILABLE', 'HELD') OR (c.state = 'QUARANTINED' AND c.original))
)
"""

# The last statement before the commit of whoever made codes AVAILABLE: the row stays locked for that long only. The lock
# is taken also when the mark is low enough already, because somebody may be raising it and not have committed.
LOCK_MARK = """
SELECT archived_at IS NOT NULL AS archived, (pick_expires_at, pick_position) > ($2, $3) AS above FROM code_pool
WHERE id = $1 FOR NO KEY UPDATE
"""
LOWER_MARK = """
UPDATE code_pool SET pick_expires_at = $2, pick_position = $3
WHERE id = $1 AND (pick_expires_at, pick_position) > ($2, $3)
"""
