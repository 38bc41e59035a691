"""The SQL of sources that are paused and tried again."""

# As fondaco_platform: sources that something went wrong with, each locked, with what did since it was last brought back, and with what was
# sold over it where that decides. `$3` is an id as old as the window: ids begin with their time.
LOOK_AT = """
WITH held AS (
  SELECT * FROM source WHERE id = ANY($1::uuid[]) AND state <> 'PAUSED' ORDER BY id FOR NO KEY UPDATE
)
SELECT h.id, h.tenant_id, h.listing_id, h.offer_id, h.supplier_offer_id, h.state, h.state_since, h.strikes,
  t.bad_units, t.unreadable_units, t.short_times, sold.units AS sold_units, sold.times AS sold_times
FROM held h
CROSS JOIN LATERAL (
  SELECT coalesce(sum(x.units) FILTER (WHERE x.kind = 'BAD'), 0)::int AS bad_units,
    coalesce(sum(x.units) FILTER (WHERE x.kind = 'UNREADABLE'), 0)::int AS unreadable_units,
    (count(*) FILTER (WHERE x.kind = 'SHORT'))::int AS short_times
  FROM supply_trouble x WHERE x.source_id = h.id AND x.at > greatest($2::timestamptz, h.state_since)
) t
CROSS JOIN LATERAL (
  SELECT coalesce(sum(p.quantity), 0)::int AS units, count(*)::int AS times FROM hop p
  WHERE p.seller_tenant_id = h.tenant_id AND p.id >= $3 AND p.source_id = h.id
    AND (t.bad_units + t.unreadable_units >= $4 OR t.short_times >= $5)
) sold
ORDER BY h.id
"""
PAUSE = """
UPDATE source s SET state = 'PAUSED', paused_for = w.reason, pause_note = NULL, state_since = $5, paused_until = w.until,
  strikes = w.strikes, probe_units = 0, probed_at = NULL
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::int[]) AS w(id, reason, until, strikes) WHERE s.id = w.id
"""
BEGIN_PROBES = """
UPDATE source SET state = 'PROBING', state_since = $1, paused_until = NULL, probe_units = 0, probed_at = NULL
WHERE id IN (
  SELECT id FROM source WHERE state = 'PAUSED' AND paused_until <= $1 ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
)
"""
# Those that had units long enough ago, of which nothing is known or waits to be looked at.
END_PROBES = """
UPDATE source SET state = 'ACTIVE', paused_for = NULL, pause_note = NULL, state_since = $1, probe_units = 0, probed_at = NULL
WHERE id IN (
  SELECT s.id FROM source s WHERE s.state = 'PROBING' AND s.probed_at <= $2 AND s.probe_units > 0
    AND NOT EXISTS (SELECT FROM supply_trouble t WHERE t.source_id = s.id AND NOT t.counted)
  ORDER BY s.id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
) RETURNING id, tenant_id, listing_id, offer_id
"""
# As whose it is.
LOCK = "SELECT state, paused_for FROM source WHERE id = $1 FOR NO KEY UPDATE"
PAUSE_BY_PERSON = """
UPDATE source SET state = 'PAUSED', paused_for = 'PERSON', pause_note = $2, state_since = $3, paused_until = NULL,
  probe_units = 0, probed_at = NULL
WHERE id = $1
"""
RESUME = """
UPDATE source SET state = 'ACTIVE', paused_for = NULL, pause_note = NULL, state_since = $2, paused_until = NULL, strikes = 0,
  probe_units = 0, probed_at = NULL
WHERE id = $1
"""
