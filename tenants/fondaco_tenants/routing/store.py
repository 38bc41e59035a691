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
