"""Every SQL statement of routing."""

from collections.abc import Mapping
from typing import Any

from fondaco_core.ids import ListingId, PoolId, SourceId
from fondaco_tenants.routing.rules import Source, SourceKind

_SOURCE = "id, listing_id, kind, pool_id, priority, enabled, created_at"

# The listing's row is the lock of its sources: they are ordered among each other.
LOCK_LISTING = "SELECT entitlement_id, state FROM listing WHERE id = $1 FOR UPDATE"
LISTING_OF = "SELECT listing_id FROM source WHERE id = $1"
ADD = """
INSERT INTO source (id, tenant_id, listing_id, kind, pool_id, priority, enabled, created_at)
SELECT $1, $2, $3, $4, $5, coalesce($6, (SELECT max(priority) + 1 FROM source WHERE listing_id = $3), 0), $7, $8
ON CONFLICT (listing_id, pool_id) DO NOTHING
RETURNING priority
"""
CHANGE = f"""
UPDATE source SET priority = coalesce($2, priority), enabled = coalesce($3, enabled) WHERE id = $1 RETURNING {_SOURCE}
"""
REMOVE = "DELETE FROM source WHERE id = $1"
# In the order in which they are tried.
OF_LISTINGS = f"SELECT {_SOURCE} FROM source WHERE listing_id = ANY($1::uuid[]) ORDER BY listing_id, priority, id"
BY_IDS = f"SELECT {_SOURCE} FROM source WHERE id = ANY($1::uuid[])"

# As fondaco_platform, over all tenants who may trade: what buyers can buy of each listing on sale, from all of its sources
# together, as the storefront counts it: from each pool's picking mark on, and as far as the alarm goes.
LOOK_AT_LISTINGS = """
SELECT l.id, l.tenant_id, l.low_stock_at, w.band, (
  SELECT count(*) FROM (
    SELECT FROM source x
    JOIN code_pool p ON p.id = x.pool_id
    CROSS JOIN LATERAL (SELECT $3::timestamptz + p.stop_sale_days * interval '24 hours' AS until) stop
    CROSS JOIN LATERAL (
      SELECT FROM code c
      WHERE c.pool_id = p.id AND c.state = 'AVAILABLE'
        AND (c.expires_at, c.position) >= (
          greatest(p.pick_expires_at, stop.until),
          CASE WHEN p.pick_expires_at > stop.until THEN p.pick_position ELSE 9223372036854775807 END
        )
      ORDER BY c.expires_at, c.position LIMIT l.low_stock_at + l.low_stock_at / 5 + 1
    ) unit
    WHERE x.listing_id = l.id AND x.enabled AND p.archived_at IS NULL
    LIMIT l.low_stock_at + l.low_stock_at / 5 + 1
  ) seen
) AS available
FROM (
  SELECT q.id, q.tenant_id, least(q.low_stock_at, $4::bigint) AS low_stock_at
  FROM listing q JOIN tenant t ON t.id = q.tenant_id AND t.state = 'ACTIVE'
  WHERE q.state = 'ACTIVE' AND ($1::uuid IS NULL OR q.id > $1) ORDER BY q.id LIMIT $2
) l
LEFT JOIN listing_watch w ON w.listing_id = l.id
ORDER BY l.id
"""
# Whoever writes the crossing first announces it.
# Whoever writes a crossing first announces it: of those given, the listings that were still in the band they were seen in.
SET_BANDS = """
WITH seen AS (
  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS s(listing_id, tenant_id, before, after)
), moved AS (
  UPDATE listing_watch w SET band = s.after, changed_at = $5 FROM seen s
  WHERE w.listing_id = s.listing_id AND w.band = s.before RETURNING w.listing_id
), begun AS (
  INSERT INTO listing_watch (listing_id, tenant_id, band, changed_at)
  SELECT s.listing_id, s.tenant_id, s.after, $5 FROM seen s WHERE s.before IS NULL
  ON CONFLICT DO NOTHING RETURNING listing_id
)
SELECT listing_id FROM moved UNION ALL SELECT listing_id FROM begun
"""


def to_source(row: Mapping[str, Any]) -> Source:
    """A row as the module speaks of it."""
    return Source(
        id=SourceId(row["id"]),
        listing_id=ListingId(row["listing_id"]),
        kind=SourceKind(row["kind"]),
        pool_id=PoolId(row["pool_id"]),
        priority=row["priority"],
        enabled=row["enabled"],
        created_at=row["created_at"],
    )
