"""The SQL of imports: batches, their codes, what was not accepted."""

from fondaco_core import limits

_BATCH = """
id, pool_id, state, origin, unit_cost_minor, currency, expires_at, upload_id, format, bytes_total, bytes_done, last_line, lines,
accepted, duplicates, rejected, imported_by, created_at, finished_at, failure
"""

ADD_BATCH = """
INSERT INTO code_batch (id, tenant_id, pool_id, state, origin, unit_cost_minor, currency, expires_at, upload_id, format, digest,
  bytes_total, imported_by, created_at)
VALUES ($1, $2, $3, 'IMPORTING', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""

BATCHES_BY_IDS = f"SELECT {_BATCH} FROM code_batch WHERE id = ANY($1::uuid[])"
LOCK_BATCH = f"SELECT {_BATCH} FROM code_batch WHERE id = $1 FOR NO KEY UPDATE"

# A page of each of several pools' imports, in one statement.
LIST_BATCHES_DOWN = f"""
SELECT b.* FROM unnest($1::uuid[]) AS p(id) CROSS JOIN LATERAL (
  SELECT {_BATCH} FROM code_batch WHERE pool_id = p.id AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
) b ORDER BY b.id DESC
"""
LIST_BATCHES_UP = f"""
SELECT b.* FROM unnest($1::uuid[]) AS p(id) CROSS JOIN LATERAL (
  SELECT {_BATCH} FROM code_batch WHERE pool_id = p.id AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3
) b ORDER BY b.id
"""

# One statement for a chunk. Positions are given in the order of the file, rows are inserted in the order of fingerprints:
# two imports of the same codes then wait for each other in one direction only. The unique index looks at every tenant's
# rows, whoever asks; what it refuses comes back as fingerprints.
ADD_CODES = """
WITH incoming AS MATERIALIZED (
  SELECT u.id, u.fingerprint, u.sealed, u.masked, u.expires_at, nextval('code_position') AS position
  FROM unnest($4::uuid[], $5::bytea[], $6::bytea[], $7::text[], $8::timestamptz[]) AS u(id, fingerprint, sealed, masked, expires_at)
), added AS (
  INSERT INTO code
    (id, tenant_id, pool_id, batch_id, state, position, expires_at, sealed, fingerprint, original, masked, changed_at)
  SELECT id, $1, $2, $3, 'AVAILABLE', position, expires_at, sealed, fingerprint, true, masked, $9
  FROM incoming ORDER BY fingerprint
  ON CONFLICT (fingerprint) WHERE original DO NOTHING
  RETURNING id, expires_at, position
), lowest AS (
  SELECT expires_at, position FROM added ORDER BY expires_at, position LIMIT 1
)
SELECT (SELECT count(*) FROM added) AS accepted,
       (SELECT expires_at FROM lowest) AS lowest_expires_at,
       (SELECT position FROM lowest) AS lowest_position,
       ARRAY(SELECT i.fingerprint FROM incoming i WHERE i.id NOT IN (SELECT id FROM added)) AS refused
"""

# Which of the refused fingerprints are the importer's own; row level security hides whose the others are.
OWN = "SELECT fingerprint FROM code WHERE fingerprint = ANY($1::bytea[]) AND original"
OWN_OF_BATCH = "SELECT fingerprint FROM code WHERE fingerprint = ANY($1::bytea[]) AND original AND batch_id = $2"

# A code that another merchant has is kept out of sale, once, for the platform to look into.
ADD_COLLIDED = """
INSERT INTO code
  (id, tenant_id, pool_id, batch_id, state, expires_at, sealed, fingerprint, original, masked, reason, changed_at)
SELECT u.id, $1, $2, $3, 'QUARANTINED', u.expires_at, u.sealed, u.fingerprint, false, u.masked, 'COLLISION', $9
FROM unnest($4::uuid[], $5::bytea[], $6::bytea[], $7::text[], $8::timestamptz[]) AS u(id, fingerprint, sealed, masked, expires_at)
WHERE NOT EXISTS (
  SELECT 1 FROM code c WHERE c.fingerprint = u.fingerprint AND NOT c.original AND c.state = 'QUARANTINED'
)
RETURNING id
"""

ADD_LINES = """
INSERT INTO code_import_line (tenant_id, batch_id, line, outcome, reason, masked)
SELECT $1, $2, u.line, u.outcome, u.reason, u.masked
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[]) AS u(line, outcome, reason, masked)
"""

ADVANCE = """
UPDATE code_batch SET bytes_done = $2, last_line = $3, lines = lines + $4 + $5 + $6,
  accepted = accepted + $4, duplicates = duplicates + $5, rejected = rejected + $6
WHERE id = $1
"""
FINISH = f"UPDATE code_batch SET state = 'READY', bytes_done = bytes_total, finished_at = $2 WHERE id = $1 RETURNING {_BATCH}"
FAIL = "UPDATE code_batch SET state = 'FAILED', finished_at = $2, failure = $3 WHERE id = $1 AND state = 'IMPORTING'"

LIST_LINES_DOWN = """
SELECT line, outcome, reason, masked FROM code_import_line
WHERE batch_id = $1 AND ($2::text IS NULL OR outcome = $2) AND ($3::bigint IS NULL OR line > $3) ORDER BY line LIMIT $4
"""
LIST_LINES_UP = """
SELECT line, outcome, reason, masked FROM code_import_line
WHERE batch_id = $1 AND ($2::text IS NULL OR outcome = $2) AND ($3::bigint IS NULL OR line < $3) ORDER BY line DESC LIMIT $4
"""

# Codes of the batch that somebody has done something with. Newcomers that collided do not count: nobody but the platform
# knows of them.
TOUCHED = """
SELECT count(*) FROM code WHERE batch_id = $1 AND state <> 'AVAILABLE' AND (original OR state <> 'QUARANTINED')
"""
# A million codes take longer than any other statement may.
BE_PATIENT = f"SET LOCAL statement_timeout = {limits.UNDO_TIMEOUT_MS}"
UNDO_CODES = """
WITH locked AS (
  SELECT id FROM code WHERE batch_id = $1 AND state = 'AVAILABLE' ORDER BY position FOR NO KEY UPDATE
)
UPDATE code c SET state = 'VOID', original = false, reason = $3, changed_at = $2
FROM locked WHERE c.id = locked.id AND c.state = 'AVAILABLE'
"""
UNDO_BATCH = f"UPDATE code_batch SET state = 'UNDONE', finished_at = $2 WHERE id = $1 RETURNING {_BATCH}"
