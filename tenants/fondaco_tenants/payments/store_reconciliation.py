"""Every SQL statement of the comparison with gateways' statements."""

# A comparison of a day begins, or begins again; one whose run is younger than $6 is left alone.
BEGIN = """
INSERT INTO reconciliation AS r (id, gateway_id, day, state, run_id, started_at) VALUES ($1, $2, $3, 'RUNNING', $4, $5)
ON CONFLICT (gateway_id, day) DO UPDATE SET state = 'RUNNING', run_id = excluded.run_id, started_at = excluded.started_at
WHERE r.state <> 'RUNNING' OR r.started_at < $6
RETURNING id
"""
FORGET_LINES = "DELETE FROM statement_line WHERE reconciliation_id = $1"
# Whose run it still is; the row stays locked to the end of the transaction.
HOLD = (
    "SELECT gateway_id, day FROM reconciliation WHERE id = $1 AND run_id = $2 AND state = 'RUNNING' FOR NO KEY UPDATE"
)
ADD_LINES = """
INSERT INTO statement_line (reconciliation_id, number, kind, written_id, our_id, gateway_reference, amount_minor, currency, happened_at)
SELECT $1, * FROM unnest($2::int8[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::int8[], $8::text[], $9::timestamptz[])
"""
# What one side has and the other has not, or has otherwise: each line once, by what is worst about it.
COMPARE = """
WITH line AS (
  SELECT DISTINCT ON (kind, written_id) kind, written_id, our_id, gateway_reference, amount_minor, currency,
    count(*) OVER (PARTITION BY kind, written_id) AS times
  FROM statement_line WHERE reconciliation_id = $1 ORDER BY kind, written_id, number
), listed AS (
  SELECT l.*, p.id AS found_id, p.tenant_id, p.state AS ours_state, p.state = 'CAPTURED' AS agreed,
    coalesce(p.captured_minor, p.amount_minor) AS ours_minor, coalesce(p.captured_currency, p.currency) AS ours_currency
  FROM line l LEFT JOIN payment p ON p.id = l.our_id AND p.gateway_id = $2 WHERE l.kind = 'PAYMENT'
  UNION ALL
  SELECT l.*, f.id, f.tenant_id, f.state, f.state = 'DONE', f.amount_minor, f.currency
  FROM line l LEFT JOIN (
    SELECT r.* FROM payment_refund r JOIN payment p ON p.id = r.payment_id AND p.gateway_id = $2
  ) f ON (f.id = l.our_id AND f.sent_as IS NULL) OR f.sent_as = l.our_id WHERE l.kind = 'REFUND'
), found AS (
  SELECT kind AS subject, CASE
      WHEN found_id IS NULL THEN 'MISSING_HERE' WHEN times > 1 THEN 'REPEATED' WHEN NOT agreed THEN 'STATE'
      WHEN ours_currency <> currency THEN 'CURRENCY' WHEN ours_minor <> amount_minor THEN 'AMOUNT' END AS kind,
    written_id, found_id AS our_id, tenant_id, gateway_reference, ours_state, ours_minor, ours_currency,
    amount_minor AS theirs_minor, currency AS theirs_currency
  FROM listed
  UNION ALL
  SELECT 'PAYMENT', 'MISSING_THERE', p.id::text, p.id, p.tenant_id, p.gateway_reference, p.state, p.captured_minor,
    p.captured_currency, NULL, NULL
  FROM payment p WHERE p.gateway_id = $2 AND p.captured_at >= $4 AND p.captured_at < $5 AND NOT EXISTS (
    SELECT FROM statement_line s JOIN reconciliation r ON r.id = s.reconciliation_id
    WHERE s.our_id = p.id AND s.kind = 'PAYMENT' AND r.gateway_id = $2 AND r.day BETWEEN $3::date - 1 AND $3::date + 1)
  UNION ALL
  SELECT 'REFUND', 'MISSING_THERE', coalesce(f.sent_as, f.id)::text, f.id, f.tenant_id, p.gateway_reference, f.state, f.amount_minor, f.currency, NULL, NULL
  FROM payment_refund f JOIN payment p ON p.id = f.payment_id AND p.gateway_id = $2
  WHERE f.state = 'DONE' AND f.ended_at >= $4 AND f.ended_at < $5 AND NOT EXISTS (
    SELECT FROM statement_line s JOIN reconciliation r ON r.id = s.reconciliation_id
    WHERE s.our_id = coalesce(f.sent_as, f.id) AND s.kind = 'REFUND' AND r.gateway_id = $2 AND r.day BETWEEN $3::date - 1 AND $3::date + 1)
)
SELECT *, count(*) OVER ()::int AS total FROM found WHERE kind IS NOT NULL ORDER BY subject, written_id, kind LIMIT $6
"""
# What was found before is brought up to date; what was gone by itself and is back is open again. `fresh` tells the new ones.
FOUND = """
INSERT INTO reconciliation_difference AS d (id, reconciliation_id, subject, kind, written_id, our_id, tenant_id, gateway_reference,
  ours_state, ours_minor, ours_currency, theirs_minor, theirs_currency, found_at)
SELECT u.id, $1, u.subject, u.kind, u.written_id, u.our_id, u.tenant_id, u.reference, u.ours_state, u.ours_minor, u.ours_currency,
  u.theirs_minor, u.theirs_currency, $2
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::int8[],
  $12::text[], $13::int8[], $14::text[]) AS u(id, subject, kind, written_id, our_id, tenant_id, reference, ours_state, ours_minor,
  ours_currency, theirs_minor, theirs_currency)
ON CONFLICT (reconciliation_id, subject, written_id, kind) DO UPDATE SET ours_state = excluded.ours_state,
  ours_minor = excluded.ours_minor, ours_currency = excluded.ours_currency, theirs_minor = excluded.theirs_minor,
  theirs_currency = excluded.theirs_currency, gateway_reference = excluded.gateway_reference,
  state = CASE WHEN d.resolved_by IS NULL THEN 'OPEN' ELSE d.state END,
  resolved_at = CASE WHEN d.resolved_by IS NULL THEN NULL ELSE d.resolved_at END,
  reason = CASE WHEN d.resolved_by IS NULL THEN NULL ELSE d.reason END,
  version = d.version + 1
RETURNING id, subject, kind, our_id, tenant_id, state, ours_state, xmax = 0 AS fresh
"""
GONE = """
UPDATE reconciliation_difference SET state = 'RESOLVED', resolved_at = $2, reason = $3, version = version + 1
WHERE reconciliation_id = $1 AND state = 'OPEN' AND id <> ALL($4::uuid[])
"""
FINISH = """
UPDATE reconciliation SET state = 'DONE', finished_at = $2, differences = $3,
  lines = (SELECT count(*) FROM statement_line WHERE reconciliation_id = $1)
WHERE id = $1 RETURNING lines
"""

# Days of gateways whose statement was not compared yet, or has open differences that may be gone by now.
# A day that was compared before it was over is compared again: what came later that day is on no list yet.
DUE = """
SELECT g.id AS gateway_id, d.day::date AS day FROM gateway g
CROSS JOIN generate_series($1::date, $2::date, interval '1 day') AS d(day)
LEFT JOIN reconciliation r ON r.gateway_id = g.id AND r.day = d.day::date
WHERE g.enabled AND d.day::date >= (g.created_at AT TIME ZONE 'UTC')::date AND (
  r.id IS NULL OR (r.state = 'RUNNING' AND r.started_at < $3)
  OR (r.state = 'DONE' AND r.started_at < (r.day + 1)::timestamp AT TIME ZONE 'UTC')
  OR (r.state = 'DONE' AND r.finished_at < $4 AND EXISTS (
    SELECT FROM reconciliation_difference x WHERE x.reconciliation_id = r.id AND x.state = 'OPEN')))
ORDER BY d.day, g.id LIMIT $5
"""

_DAY = "r.id, g.key AS gateway, r.day, r.state, r.started_at, r.finished_at, r.lines, r.differences"
LIST = f"""
SELECT {_DAY} FROM reconciliation r JOIN gateway g ON g.id = r.gateway_id
WHERE ($1::text IS NULL OR g.key = $1) AND ($2::uuid IS NULL OR r.id < $2) ORDER BY r.id DESC LIMIT $3
"""
_DIFFERENCE = """
d.id, d.reconciliation_id, g.key AS gateway, r.day, d.subject, d.kind, d.written_id, d.our_id, d.tenant_id, d.gateway_reference,
d.ours_state, d.ours_minor, d.ours_currency, d.theirs_minor, d.theirs_currency, d.state, d.found_at, d.resolved_at,
d.resolved_by, d.reason
"""
LIST_DIFFERENCES = f"""
SELECT {_DIFFERENCE} FROM reconciliation_difference d JOIN reconciliation r ON r.id = d.reconciliation_id JOIN gateway g ON g.id = r.gateway_id
WHERE ($1::text IS NULL OR g.key = $1) AND ($2::date IS NULL OR r.day = $2) AND ($3::text IS NULL OR d.state = $3)
  AND ($4::uuid IS NULL OR d.id < $4) ORDER BY d.id DESC LIMIT $5
"""
DIFFERENCES_BY_IDS = f"""
SELECT {_DIFFERENCE} FROM reconciliation_difference d JOIN reconciliation r ON r.id = d.reconciliation_id JOIN gateway g ON g.id = r.gateway_id WHERE d.id = ANY($1::uuid[])
"""
GATEWAY_ID = "SELECT id FROM gateway WHERE key = $1"
RESOLVE = """
UPDATE reconciliation_difference SET state = 'RESOLVED', resolved_at = $2, resolved_by = $3, reason = $4, version = version + 1
WHERE id = $1 AND state = 'OPEN'
"""
