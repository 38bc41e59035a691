"""Every SQL statement of routing."""

from collections.abc import Mapping
from typing import Any

from fondaco_core.db import Write
from fondaco_tenants.routing.rules import (
    PauseReason,
    Points,
    Policy,
    RoutingPolicy,
    Source,
    SourceKind,
    SourceState,
)

_SOURCE = """id, listing_id, offer_id, kind, pool_id, supplier_offer_id, priority, enabled, max_cost_minor, below_cost,
  weight, day_units_max, CASE WHEN day_units_max IS NOT NULL THEN coalesce((SELECT v.day_units FROM source_use v
    WHERE v.source_id = source.id AND v.day = (now() AT TIME ZONE 'UTC')::date), 0) END AS day_units,
  created_at, state, paused_for, pause_note, state_since, paused_until, (state = 'ACTIVE' OR source_tried(id)) AS tried,
  coalesce((SELECT l.currency FROM listing l WHERE l.id = source.listing_id),
    (SELECT o.currency FROM offer o WHERE o.id = source.offer_id)) AS currency"""

# The row of what is filled is the lock of its sources: they are ordered among each other.
LOCK_LISTING = "SELECT entitlement_id, currency, state FROM listing WHERE id = $1 FOR UPDATE"
LOCK_OFFER = "SELECT entitlement_id, currency, state FROM offer WHERE id = $1 AND tenant_id = $2 FOR UPDATE"
# Those who join merchants go one after the other: each sees what the one before has joined.
LOCK_GRAPH = "SELECT pg_advisory_xact_lock(4207303184)"
LEADS_TO_ME = "SELECT supply_leads_to_me($1)"
HEAD_OF = "SELECT listing_id, offer_id FROM source WHERE id = $1"
ADD = """
INSERT INTO source
  (id, tenant_id, listing_id, offer_id, kind, pool_id, supplier_offer_id, priority, enabled, max_cost_minor, below_cost, created_at,
   weight, day_units_max)
SELECT $1, $2, $3, $4, $5, $6, $7,
  coalesce($8, (SELECT max(priority) + 1 FROM source WHERE listing_id = $3 OR offer_id = $4), 0), $9, $10, $11, $12, $13, $14
ON CONFLICT DO NOTHING
RETURNING priority
"""
CHANGE = f"""
UPDATE source SET priority = coalesce($2, priority), enabled = coalesce($3, enabled), below_cost = coalesce($4, below_cost),
  max_cost_minor = CASE WHEN $5 THEN $6 ELSE max_cost_minor END, weight = coalesce($7, weight),
  day_units_max = CASE WHEN $8 THEN $9 ELSE day_units_max END
WHERE id = $1 RETURNING {_SOURCE}
"""
REMOVE = "WITH use AS (DELETE FROM source_use WHERE source_id = $1) DELETE FROM source WHERE id = $1"
# What comes from a source is counted from when it was first bounded, by its day; turns anew, where `$3`, for all that take them together.
_COUNT = """
INSERT INTO source_use AS u (source_id, tenant_id, day, day_since, turn_since)
SELECT id, tenant_id, ($2::timestamptz AT TIME ZONE 'UTC')::date, $2, $2 FROM source WHERE id = ANY($1::uuid[]) ORDER BY id
ON CONFLICT (source_id) DO UPDATE SET """
COUNT_DAY = f"{_COUNT} day = excluded.day, day_units = 0, day_since = $2"
COUNT_TURNS = f"{_COUNT} turn_units = 0, turn_since = $2"
TAKING_TURNS = "SELECT id FROM source WHERE (listing_id = $1 OR offer_id = $2) AND policy = 'WEIGHTED' ORDER BY id"

# A merchant's default and the sources that keep a copy of it are changed by one at a time.
LOCK_DEFAULT = "SELECT pg_advisory_xact_lock(hashtextextended('routing_policy:' || $1::text, 0))"
READ_DEFAULT = "SELECT pg_advisory_xact_lock_shared(hashtextextended('routing_policy:' || $1::text, 0))"
PUT_POLICY = """
INSERT INTO routing_policy (id, tenant_id, listing_id, offer_id, policy, points, margin_bps, margin_minor, changed_at)
VALUES ($1, $2, $3, $4, $5, $6::int[], $7, $8, $9)
ON CONFLICT (tenant_id, listing_id, offer_id) DO UPDATE SET policy = excluded.policy, points = excluded.points,
  margin_bps = excluded.margin_bps, margin_minor = excluded.margin_minor, changed_at = excluded.changed_at
"""
POLICIES = """
SELECT coalesce(h.listing_id, h.offer_id) AS head_id, p.policy, p.points, p.margin_bps, p.margin_minor, d.policy AS default_policy,
  d.points AS default_points, d.margin_bps AS default_margin_bps,
  coalesce((SELECT l.currency FROM listing l WHERE l.id = h.listing_id AND l.tenant_id = $1),
    (SELECT o.currency FROM offer o WHERE o.id = h.offer_id AND o.tenant_id = $1)) AS currency
FROM (SELECT unnest($2::uuid[]) AS listing_id, NULL::uuid AS offer_id UNION ALL SELECT NULL, unnest($3::uuid[])
      UNION ALL SELECT NULL, NULL WHERE $4) h
LEFT JOIN routing_policy p ON p.tenant_id = $1 AND p.listing_id IS NOT DISTINCT FROM h.listing_id
  AND p.offer_id IS NOT DISTINCT FROM h.offer_id
LEFT JOIN routing_policy d ON d.tenant_id = $1 AND d.listing_id IS NULL AND d.offer_id IS NULL
"""
# What holds of each source, where it is not what is kept with it: of one listing or offer, or of all that a merchant has.
APPLY = """
UPDATE source s SET policy = v.policy, points = v.points, margin_bps = v.margin_bps, margin_minor = v.margin_minor
FROM (
  SELECT x.id, coalesce(p.policy, d.policy, 'PRIORITY') AS policy,
    coalesce(CASE WHEN p.policy IS NOT NULL THEN p.points ELSE d.points END, '{}') AS points,
    coalesce(p.margin_bps, d.margin_bps, 0) AS margin_bps, coalesce(p.margin_minor, 0) AS margin_minor
  FROM source x
  LEFT JOIN routing_policy p ON p.tenant_id = x.tenant_id AND p.listing_id IS NOT DISTINCT FROM x.listing_id
    AND p.offer_id IS NOT DISTINCT FROM x.offer_id
  LEFT JOIN routing_policy d ON d.tenant_id = x.tenant_id AND d.listing_id IS NULL AND d.offer_id IS NULL
  WHERE x.tenant_id = $1 AND (x.listing_id = $2 OR x.offer_id = $3 OR ($2::uuid IS NULL AND $3::uuid IS NULL))
) v
WHERE s.id = v.id AND (s.policy, s.points, s.margin_bps, s.margin_minor)
  IS DISTINCT FROM (v.policy, v.points, v.margin_bps, v.margin_minor)
RETURNING s.id, s.offer_id, s.policy
"""
# In the order in which they are tried.
OF_LISTINGS = f"SELECT {_SOURCE} FROM source WHERE listing_id = ANY($1::uuid[]) ORDER BY listing_id, priority, id"
OF_OFFERS = f"SELECT {_SOURCE} FROM source WHERE offer_id = ANY($1::uuid[]) ORDER BY offer_id, priority, id"
BY_IDS = f"SELECT {_SOURCE} FROM source WHERE id = ANY($1::uuid[])"

DUE = "INSERT INTO route_due (id, offer_id, since) VALUES ($1, $2, $3)"
# An offer stands here as often as something of it changed; all that stood here when it is worked out is done with it.
TAKE_DUE = """
DELETE FROM route_due WHERE id IN (
  SELECT id FROM route_due WHERE offer_id = (SELECT offer_id FROM route_due ORDER BY since LIMIT 1)
) RETURNING offer_id
"""
# The routes of an offer as they follow from its sources and from the routes of the offers that these lead to: what is new comes, what
# is gone goes, and what stays is not touched. A merchant stands in a route once. Of too many each source has some in turn, so that no
# supplier crowds the others out.
REBUILD = """
WITH fresh AS (
  SELECT * FROM (
    SELECT ARRAY[s.offer_id] AS offer_ids, ARRAY[s.tenant_id] AS seller_ids, ARRAY[s.id] AS source_ids, s.pool_id,
      ARRAY[s.priority] AS place, int8send(0) || int8send(s.priority) || uuid_send(s.id) AS rank, s.policy <> 'PRIORITY' AS by_rule
    FROM source s WHERE s.offer_id = $1 AND s.kind = 'POOL'
    UNION ALL
    SELECT s.offer_id || r.offer_ids, s.tenant_id || r.seller_ids, s.id || r.source_ids, r.pool_id, s.priority || r.place,
      int8send(0) || int8send(s.priority) || uuid_send(s.id) || r.rank, s.policy <> 'PRIORITY' OR r.by_rule
    FROM source s JOIN route r ON r.offer_id = s.supplier_offer_id
    WHERE s.offer_id = $1 AND s.kind = 'OFFER' AND cardinality(r.offer_ids) < $2 AND NOT s.tenant_id = ANY(r.seller_ids)
  ) AS found ORDER BY row_number() OVER (PARTITION BY source_ids[1] ORDER BY rank), rank LIMIT $3
), gone AS (
  DELETE FROM route r WHERE r.offer_id = $1 AND NOT EXISTS (
    SELECT FROM fresh f WHERE f.source_ids = r.source_ids AND f.rank = r.rank AND f.by_rule = r.by_rule
  ) RETURNING r.id
), come AS (
  INSERT INTO route (id, offer_id, offer_ids, seller_ids, source_ids, pool_id, place, rank, by_rule)
  SELECT gen_random_uuid(), $1, offer_ids, seller_ids, source_ids, pool_id, place, rank, by_rule FROM fresh f
  WHERE NOT EXISTS (
    SELECT FROM route r WHERE r.offer_id = $1 AND r.source_ids = f.source_ids AND r.rank = f.rank AND r.by_rule = f.by_rule
  ) RETURNING id
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM come)
"""
# What stands on an offer has to be worked out again when its routes have changed.
DUE_ABOVE = """
INSERT INTO route_due (id, offer_id, since)
SELECT gen_random_uuid(), offer_id, $2 FROM source WHERE supplier_offer_id = $1 AND offer_id IS NOT NULL
"""

# As fondaco_platform, over all tenants who may trade: what buyers can buy of each listing on sale, from all of its sources
# together, as the storefront counts it: from each pool's picking mark on, and as far as the alarm goes.
LOOK_AT_LISTINGS = """
SELECT l.id, l.tenant_id, l.low_stock_at, w.band,
  EXISTS (SELECT FROM source x WHERE x.listing_id = l.id AND x.kind = 'OFFER' AND x.enabled) AS chained, (
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
    WHERE x.listing_id = l.id AND x.enabled AND (x.state = 'ACTIVE' OR source_tried(x.id)) AND p.archived_at IS NULL
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
# What is told another time than it was is told; what is told of for the first time is only written down.
TELL = """
INSERT INTO stock_told AS w (tenant_id, subject_id, said, told_at)
SELECT $1, s.subject_id, s.said, $4 FROM unnest($2::uuid[], $3::text[]) AS s(subject_id, said)
ON CONFLICT (tenant_id, subject_id) DO UPDATE SET said = EXCLUDED.said, told_at = EXCLUDED.told_at WHERE w.said <> EXCLUDED.said
RETURNING w.subject_id, w.xmax = 0 AS first
"""

# As fondaco_platform, over all stores: what is on sale for less than the supplier allows whose offer fills it. What is so no more has
# ended; what was found before is not found again.
FIND_BREACHES = """
WITH low AS (
  SELECT o.id AS offer_id, l.id AS listing_id, o.tenant_id AS supplier_tenant_id, l.tenant_id AS reseller_tenant_id,
    l.price_minor, o.min_resale_minor, l.currency
  FROM offer o
  JOIN source s ON s.supplier_offer_id = o.id AND s.enabled
  JOIN listing l ON l.id = s.listing_id AND l.state = 'ACTIVE' AND l.currency = o.currency AND l.price_minor < o.min_resale_minor
  JOIN store f ON f.id = l.store_id AND f.state = 'OPEN'
  JOIN tenant t ON t.id = l.tenant_id AND t.state = 'ACTIVE'
  JOIN agreement a ON a.supplier_tenant_id = o.tenant_id AND a.reseller_tenant_id = l.tenant_id AND a.state = 'ACTIVE'
  WHERE o.min_resale_minor IS NOT NULL AND o.state = 'PUBLISHED'
), ended AS (
  UPDATE resale_breach b SET ended_at = $1
  WHERE b.ended_at IS NULL AND NOT EXISTS (SELECT FROM low WHERE low.offer_id = b.offer_id AND low.listing_id = b.listing_id)
)
INSERT INTO resale_breach
  (id, supplier_tenant_id, reseller_tenant_id, offer_id, listing_id, asked_minor, least_minor, currency, found_at)
SELECT uuidv7(), supplier_tenant_id, reseller_tenant_id, offer_id, listing_id, price_minor, min_resale_minor, currency, $1 FROM low
WHERE NOT EXISTS (
  SELECT FROM resale_breach b WHERE b.offer_id = low.offer_id AND b.listing_id = low.listing_id AND b.ended_at IS NULL
)
ORDER BY offer_id, listing_id LIMIT $2
ON CONFLICT (offer_id, listing_id) WHERE ended_at IS NULL DO NOTHING
RETURNING id, supplier_tenant_id, reseller_tenant_id, offer_id, listing_id, asked_minor, least_minor, currency
"""
BREACHES = """
SELECT id, reseller_tenant_id, offer_id, listing_id, asked_minor, least_minor, currency, found_at, ended_at FROM resale_breach
WHERE supplier_tenant_id = $1 AND ($2 OR ended_at IS NULL) AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4
"""

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


# Units that go over sources that are being probed, as fondaco_trade; whoever writes to several does so in the order of their keys.
PROBED = Write(
    frozenset({"source"}),
    {
        "probe_locked": """
SELECT s.id, w.units FROM unnest($1::uuid[], $2::int[]) AS w(source_id, units)
JOIN source s ON s.id = w.source_id AND s.state = 'PROBING' ORDER BY s.id FOR NO KEY UPDATE OF s
""",
        "probe_counted": """
UPDATE source s SET probe_units = s.probe_units + w.units, probed_at = $3::timestamptz FROM probe_locked w WHERE s.id = w.id
""",
    },
)


def to_source(row: Mapping[str, Any]) -> Source:
    """A row as the module speaks of it."""
    why = None if row["paused_for"] is None else PauseReason(row["paused_for"])
    fields: dict[str, Any] = dict(row) | {
        "kind": SourceKind(row["kind"]), "state": SourceState(row["state"]), "paused_for": why,
    }  # fmt: skip
    return Source(**fields)


def to_policy(row: Mapping[str, Any], currency: str | None) -> RoutingPolicy:
    """A policy with its merchant's default as the module speaks of it."""
    own = None if row["policy"] is None else Policy(row["policy"])
    default = Policy(row["default_policy"] or Policy.PRIORITY)
    points, theirs = (Points(*listed) if listed else None for listed in (row["points"], row["default_points"]))
    return RoutingPolicy(
        own, points, row["margin_bps"], row["margin_minor"], currency, effective=own or default,
        effective_points=theirs if own is None else points,
        effective_margin_bps=next((bps for bps in (row["margin_bps"], row["default_margin_bps"]) if bps is not None), 0),
    )  # fmt: skip
