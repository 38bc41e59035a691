"""The SQL of imports: batches, their codes, what was not accepted."""

from fondaco_core import limits

_BATCH = """
id, pool_id, state, origin, unit_cost_minor, currency, expires_at, upload_id, format, mapping::text AS mapping, digest, bytes_total, bytes_done,
last_line, lines, accepted, duplicates, rejected, imported_by, created_at, moved_at, finished_at, failure, lines_kept_until
"""

ADD_BATCH = """
INSERT INTO code_batch (id, tenant_id, pool_id, state, origin, unit_cost_minor, currency, expires_at, upload_id, format, digest,
  bytes_total, imported_by, created_at, mapping)
VALUES ($1, $2, $3, 'IMPORTING', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::text::jsonb)
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

# One statement for a chunk. Fingerprints are taken in their own order: two imports of the same codes then wait for each other
# in one direction only. Their primary key looks at every tenant's rows, whoever asks; what it refuses comes back as
# fingerprints. What it takes becomes codes in the order of the file, which is the order in which they are sold.
ADD_CODES = """
WITH incoming AS MATERIALIZED (
  SELECT u.*, nextval('code_position') AS position
  FROM unnest($4::uuid[], $5::bytea[], $6::bytea[], $7::text[], $8::timestamptz[], $10::text[], $11::bigint[])
    AS u(id, fingerprint, sealed, masked, expires_at, serial, unit_cost_minor)
), taken AS (
  INSERT INTO code_fingerprint (fingerprint, code_id, tenant_id)
  SELECT fingerprint, id, $1 FROM incoming ORDER BY fingerprint
  ON CONFLICT (fingerprint) DO NOTHING
  RETURNING code_id
), added AS (
  INSERT INTO code
    (id, tenant_id, pool_id, batch_id, state, position, expires_at, sealed, fingerprint, original, masked, changed_at, serial,
     unit_cost_minor)
  SELECT id, $1, $2, $3, 'AVAILABLE', position, expires_at, sealed, fingerprint, true, masked, $9, serial, unit_cost_minor
  FROM incoming JOIN taken ON taken.code_id = incoming.id ORDER BY position
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
OWN = "SELECT fingerprint FROM code_fingerprint WHERE fingerprint = ANY($1::bytea[])"
OWN_OF_BATCH = """
SELECT f.fingerprint FROM code_fingerprint f JOIN code c ON c.id = f.code_id
WHERE f.fingerprint = ANY($1::bytea[]) AND c.batch_id = $2
"""

# A code that another merchant has is kept out of sale, once, for the platform to look into.
ADD_COLLIDED = """
INSERT INTO code
  (id, tenant_id, pool_id, batch_id, state, expires_at, sealed, fingerprint, original, masked, reason, changed_at, serial,
   unit_cost_minor)
SELECT u.id, $1, $2, $3, 'QUARANTINED', u.expires_at, u.sealed, u.fingerprint, false, u.masked, 'COLLISION', $9, u.serial,
  u.unit_cost_minor
FROM unnest($4::uuid[], $5::bytea[], $6::bytea[], $7::text[], $8::timestamptz[], $10::text[], $11::bigint[])
  AS u(id, fingerprint, sealed, masked, expires_at, serial, unit_cost_minor)
WHERE NOT EXISTS (
  SELECT 1 FROM code c WHERE c.fingerprint = u.fingerprint AND NOT c.original AND c.state = 'QUARANTINED'
)
RETURNING id
"""

ADD_LINES = """
INSERT INTO code_import_line (tenant_id, batch_id, line, outcome, reason, masked, sealed)
SELECT $1, $2, u.line, u.outcome, u.reason, u.masked, u.sealed
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::bytea[]) AS u(line, outcome, reason, masked, sealed)
"""

ADVANCE = """
UPDATE code_batch SET bytes_done = $2, last_line = $3, lines = lines + $4 + $5 + $6,
  accepted = accepted + $4, duplicates = duplicates + $5, rejected = rejected + $6, moved_at = $7,
  lines_kept_until = coalesce(lines_kept_until, $8)
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

# Lines as they came, for a file of them; and what is forgotten of them when their time is over.
KEPT_LINES = """
SELECT line, outcome, reason, sealed FROM code_import_line WHERE batch_id = $1 AND line > $2 ORDER BY line LIMIT $3
"""
FORGET_LINES = """
UPDATE code_import_line SET sealed = NULL WHERE batch_id = $1 AND line IN (
  SELECT line FROM code_import_line WHERE batch_id = $1 AND sealed IS NOT NULL LIMIT $2
)
"""
LINES_FORGOTTEN = "UPDATE code_batch SET lines_kept_until = NULL WHERE id = $1"
# Over all tenants, as fondaco_platform: an import that still goes on keeps what it has.
LINES_DUE = """
SELECT id, tenant_id FROM code_batch WHERE lines_kept_until <= $1 AND state <> 'IMPORTING' ORDER BY lines_kept_until LIMIT $2
"""
# The tenant's imports that are not done: a merchant who trades again has them go on.
UNDONE_IMPORTS = (
    "SELECT id, pool_id FROM code_batch WHERE tenant_id = $1 AND state = 'IMPORTING' AND upload_id IS NOT NULL"
)
# How many imports of the same file there were before.
SAME_FILE = "SELECT count(*) FROM code_batch WHERE tenant_id = $1 AND digest = $2 AND state IN ('IMPORTING', 'READY')"
# Which fingerprints the platform has for sale or had, and whether they are the asker's; as fondaco_platform, and never whose.
KNOWN = "SELECT fingerprint, tenant_id = $2 AS own FROM code_fingerprint WHERE fingerprint = ANY($1::bytea[])"
# One dry run at a time, and so many within the window; no row when there may be none now.
BEGIN_PREVIEW = """
INSERT INTO preview_use AS u (id, tenant_id, since, previews, busy_until, hits_since, hits) VALUES ($1, $1, $2, 1, $3, $2, 0)
ON CONFLICT (id) DO UPDATE SET
  previews = CASE WHEN u.since > $4 THEN u.previews + 1 ELSE 1 END, since = CASE WHEN u.since > $4 THEN u.since ELSE $2 END,
  busy_until = $3
WHERE (u.busy_until IS NULL OR u.busy_until <= $2) AND (u.since <= $4 OR u.previews < $5)
RETURNING since
"""
PREVIEWS = "SELECT since, previews, busy_until FROM preview_use WHERE id = $1"
END_PREVIEW = "UPDATE preview_use SET busy_until = NULL WHERE id = $1 AND busy_until = $2"
PROBING_KNOWN = """
SELECT EXISTS (SELECT FROM audit_entry WHERE subject_id = $1 AND action = 'code.probed' AND happened_at >= $2)
"""
# How many codes of others dry runs came upon within the window, with so many more.
COUNT_HITS = """
UPDATE preview_use SET hits = CASE WHEN hits_since > $3 THEN hits ELSE 0 END + $2,
  hits_since = CASE WHEN hits_since > $3 THEN hits_since ELSE $4 END
WHERE id = $1 RETURNING hits, hits_since
"""

# Codes of the batch that somebody has done something with. Newcomers that collided do not count: nobody but the platform
# knows of them.
TOUCHED = """
SELECT count(*) FROM code WHERE batch_id = $1 AND state <> 'AVAILABLE' AND (original OR state <> 'QUARANTINED')
"""
# A million codes take longer than any other statement may.
BE_PATIENT = f"SET LOCAL statement_timeout = {limits.UNDO_TIMEOUT_MS}"
# Their fingerprints are free again.
UNDO_CODES = """
WITH locked AS (
  SELECT id FROM code WHERE batch_id = $1 AND state = 'AVAILABLE' ORDER BY position FOR NO KEY UPDATE
), undone AS (
  UPDATE code c SET state = 'VOID', original = false, reason = $3, changed_at = $2
  FROM locked WHERE c.id = locked.id AND c.state = 'AVAILABLE' RETURNING c.id, c.fingerprint
)
DELETE FROM code_fingerprint f USING undone u WHERE f.fingerprint = u.fingerprint AND f.code_id = u.id
"""
UNDO_BATCH = f"UPDATE code_batch SET state = 'UNDONE', finished_at = $2 WHERE id = $1 RETURNING {_BATCH}"
