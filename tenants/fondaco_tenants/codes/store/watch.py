"""The SQL of watching stock: how much there is and how long it lasts, over all pools, a bounded number of them at a time."""

# As fondaco_platform, over all tenants who may trade. A pool is counted as far as its alarm goes, from its picking mark on:
# however large it is, that is a few entries of one index.
LOOK_AT_STOCK = """
SELECT p.id, p.tenant_id, p.entitlement_id, p.low_stock_at, w.band, (
  SELECT count(*) FROM (
    SELECT FROM code c
    WHERE c.pool_id = p.id AND c.state = 'AVAILABLE'
      AND (c.expires_at, c.position) >= (
        greatest(p.pick_expires_at, stop.until),
        CASE WHEN p.pick_expires_at > stop.until THEN p.pick_position ELSE 9223372036854775807 END
      )
    ORDER BY c.expires_at, c.position
    LIMIT coalesce(p.low_stock_at, 0) + coalesce(p.low_stock_at, 0) / 5 + 1
  ) counted
) AS available
FROM (
  SELECT q.* FROM code_pool q JOIN tenant t ON t.id = q.tenant_id AND t.state = 'ACTIVE'
  WHERE q.archived_at IS NULL AND ($1::uuid IS NULL OR q.id > $1) ORDER BY q.id LIMIT $2
) p
CROSS JOIN LATERAL (SELECT $3::timestamptz + p.stop_sale_days * interval '24 hours' AS until) stop
LEFT JOIN pool_watch w ON w.pool_id = p.id
ORDER BY p.id
"""
# Whoever writes a crossing first announces it: of those given, the pools that were still in the band they were seen in.
SET_BANDS = """
WITH seen AS (
  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS s(pool_id, tenant_id, before, after)
), moved AS (
  UPDATE pool_watch w SET band = s.after, changed_at = $5 FROM seen s
  WHERE w.pool_id = s.pool_id AND w.band = s.before RETURNING w.pool_id
), begun AS (
  INSERT INTO pool_watch (pool_id, tenant_id, band, changed_at)
  SELECT s.pool_id, s.tenant_id, s.after, $5 FROM seen s WHERE s.before IS NULL
  ON CONFLICT DO NOTHING RETURNING pool_id
)
SELECT pool_id FROM moved UNION ALL SELECT pool_id FROM begun
"""

# Codes that expire within the furthest alarm of their pool, by import and by the nearest alarm that they have passed.
LOOK_AT_EXPIRY = """
SELECT p.id AS pool_id, p.tenant_id, c.batch_id, c.days, min(c.expires_at) AS expires_at, count(*) AS codes
FROM code_pool p
CROSS JOIN LATERAL (SELECT max(d) AS furthest FROM unnest(p.expiry_alarm_days) AS d) alarm
CROSS JOIN LATERAL (
  SELECT x.batch_id, x.expires_at,
    (SELECT min(d) FROM unnest(p.expiry_alarm_days) AS d WHERE x.expires_at <= $2::timestamptz + d * interval '24 hours') AS days
  FROM code x
  WHERE x.pool_id = p.id AND x.state = 'AVAILABLE' AND x.expires_at > $2::timestamptz
    AND x.expires_at <= $2::timestamptz + alarm.furthest * interval '24 hours'
  ORDER BY x.expires_at, x.position LIMIT $3
) c
WHERE p.id = ANY($1::uuid[])
GROUP BY p.id, p.tenant_id, c.batch_id, c.days ORDER BY p.id, c.batch_id, c.days
"""
POOLS_AFTER = """
SELECT q.id FROM code_pool q JOIN tenant t ON t.id = q.tenant_id AND t.state = 'ACTIVE'
WHERE q.archived_at IS NULL AND ($1::uuid IS NULL OR q.id > $1) ORDER BY q.id LIMIT $2
"""
ADD_ALARMS = """
INSERT INTO batch_alarm (batch_id, tenant_id, days, announced_at)
SELECT $1, $2, d, $4 FROM unnest($3::int[]) AS d ON CONFLICT DO NOTHING RETURNING days
"""
ALARM_DAYS = "SELECT expiry_alarm_days FROM code_pool WHERE id = $1"

# How many units of each pool expire within so many days, counted no further than is asked.
EXPIRING = """
SELECT w.pool_id, w.days, (
  SELECT count(*) FROM (
    SELECT FROM code c
    WHERE c.pool_id = p.id AND c.state = 'AVAILABLE' AND c.expires_at > $3
      AND c.expires_at <= $3::timestamptz + w.days * interval '24 hours'
    ORDER BY c.expires_at, c.position LIMIT $4
  ) counted
) AS codes
FROM unnest($1::uuid[], $2::int[]) AS w(pool_id, days) JOIN code_pool p ON p.id = w.pool_id
"""
# Which units of the tenant expire on which day; a day that ends at midnight is the one before.
CALENDAR = """
SELECT c.day, p.id AS pool_id, count(*) AS codes
FROM (SELECT id FROM code_pool WHERE archived_at IS NULL ORDER BY id DESC LIMIT $5) p
CROSS JOIN LATERAL (
  SELECT ((x.expires_at - interval '1 microsecond') AT TIME ZONE 'UTC')::date AS day FROM code x
  WHERE x.pool_id = p.id AND x.state = 'AVAILABLE' AND x.expires_at > $1 AND x.expires_at <= $1::timestamptz + $2 * interval '24 hours'
  ORDER BY x.expires_at, x.position LIMIT $3
) c
GROUP BY c.day, p.id ORDER BY c.day, p.id LIMIT $4
"""
