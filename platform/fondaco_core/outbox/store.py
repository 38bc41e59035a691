"""Every SQL statement of the outbox."""

ADD = """
INSERT INTO outbox_event (tenant_id, name, payload)
SELECT s.tenant_id, s.name, s.payload::jsonb FROM unnest($1::uuid[], $2::text[], $3::text[]) AS s(tenant_id, name, payload)
"""

# Deleted in the transaction that hands them to the queue: what was handed over but not committed is handed over again.
TAKE = """
DELETE FROM outbox_event WHERE seq IN (
  SELECT seq FROM outbox_event ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED
)
RETURNING seq, tenant_id, name, payload::text AS payload, happened_at
"""

LAG = "SELECT coalesce(extract(epoch FROM clock_timestamp() - min(happened_at)), 0)::float8 FROM outbox_event"
