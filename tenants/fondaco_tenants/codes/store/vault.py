"""The SQL of codes one by one: look at them, move them, open them."""

# A newcomer that collided with another merchant's code is nobody's to see but the platform's: to its importer, who would
# learn from it that somebody has this code, it looks as if it had not been stored.
_SHOWN = "(original OR state <> 'QUARANTINED')"
_CODE = "id, pool_id, batch_id, state, position, expires_at, fingerprint, masked, reason, changed_at, serial, unit_cost_minor"

BY_IDS = f"SELECT {_CODE} FROM code WHERE id = ANY($1::uuid[]) AND {_SHOWN}"

# Two halves: originals have their fingerprints in a table, the few others in a partial index.
BY_FINGERPRINTS = f"""
SELECT {_CODE} FROM code WHERE original AND id IN (SELECT code_id FROM code_fingerprint WHERE fingerprint = ANY($1::bytea[]))
UNION ALL
SELECT {_CODE} FROM code WHERE fingerprint = ANY($1::bytea[]) AND NOT original AND state <> 'QUARANTINED'
ORDER BY changed_at DESC LIMIT $2
"""

# Over all merchants, as fondaco_platform.
IDS_BY_FINGERPRINTS = "SELECT code_id FROM code_fingerprint WHERE fingerprint = ANY($1::bytea[])"

# Batch after batch, the newest first, each in the order of its file, so that an index gives the order whatever the size.
# `$2`, `$3` are the batch and the position where the page before ended.
LIST_DOWN = f"""
SELECT c.* FROM (
  SELECT id FROM code_batch
  WHERE pool_id = $1 AND ($4::uuid IS NULL OR id = $4) AND ($2::uuid IS NULL OR id <= $2) ORDER BY id DESC
) b CROSS JOIN LATERAL (
  SELECT {_CODE} FROM code
  WHERE batch_id = b.id AND {_SHOWN} AND ($2::uuid IS NULL OR b.id < $2 OR position > $3)
  ORDER BY position LIMIT $5
) c ORDER BY b.id DESC, c.position LIMIT $5
"""
LIST_UP = f"""
SELECT c.* FROM (
  SELECT id FROM code_batch
  WHERE pool_id = $1 AND ($4::uuid IS NULL OR id = $4) AND ($2::uuid IS NULL OR id >= $2) ORDER BY id
) b CROSS JOIN LATERAL (
  SELECT {_CODE} FROM code
  WHERE batch_id = b.id AND {_SHOWN} AND ($2::uuid IS NULL OR b.id > $2 OR position < $3)
  ORDER BY position DESC LIMIT $5
) c ORDER BY b.id, c.position DESC LIMIT $5
"""


# Those of one state, which may be few of a million: the rest of the batch where the page before ended, then other batches,
# each from its place in one index. `$4` is the one batch that is asked for, or null.
def _of_state(rest: str, others: str, place: str, batch: str) -> str:
    first = f"SELECT {_CODE} FROM code WHERE pool_id = $1 AND state = $6 AND {_SHOWN}"
    return f"""
SELECT * FROM (
  (
    {first} AND batch_id = coalesce($4::uuid, $2::uuid) AND {rest} ORDER BY {place} LIMIT $5
  ) UNION ALL (
    {first} AND $4::uuid IS NULL AND {others} ORDER BY {batch}, {place} LIMIT $5
  )
) c ORDER BY {batch}, {place} LIMIT $5
"""


LIST_STATE_DOWN = _of_state(
    "position > coalesce($3::bigint, 0)",
    "batch_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')",
    "position",
    "batch_id DESC",
)
LIST_STATE_UP = _of_state(
    "position < coalesce($3::bigint, 9223372036854775807)",
    "batch_id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')",
    "position DESC",
    "batch_id",
)

# Pools before codes, both in one order, as everybody does who lowers a mark.
LOCK_POOLS = """
SELECT id FROM code_pool WHERE id IN (SELECT pool_id FROM code WHERE id = ANY($1::uuid[])) ORDER BY id FOR NO KEY UPDATE
"""
LOCK_CODES = f"SELECT id, state FROM code WHERE id = ANY($1::uuid[]) AND {_SHOWN} ORDER BY id FOR NO KEY UPDATE"

QUARANTINE = "UPDATE code SET state = 'QUARANTINED', reason = $2, changed_at = $3 WHERE id = ANY($1::uuid[])"
# Nobody bought it, so its fingerprint is free again; one that a buyer has seen never comes back.
VOID = """
WITH freed AS (
  DELETE FROM code_fingerprint f USING code c
  WHERE c.id = ANY($1::uuid[]) AND f.fingerprint = c.fingerprint AND f.code_id = c.id
    AND NOT EXISTS (SELECT 1 FROM code_reveal r WHERE r.code_id = c.id AND r.via <> 'BACK_OFFICE')
  RETURNING f.code_id
)
UPDATE code SET state = 'VOID', reason = $2, changed_at = $3, original = original AND id NOT IN (SELECT code_id FROM freed)
WHERE id = ANY($1::uuid[])
"""
NOTE_REASON = "UPDATE code SET reason = $2, changed_at = $3 WHERE id = ANY($1::uuid[])"
COUNT_SEEN = """
SELECT count(DISTINCT code_id)::int FROM code_reveal WHERE code_id = ANY($1::uuid[]) AND via <> 'BACK_OFFICE'
"""
RELEASE = """
WITH released AS (
  UPDATE code SET state = CASE WHEN expires_at > $3 THEN 'AVAILABLE' ELSE 'EXPIRED' END, reason = $2, changed_at = $3
  WHERE id = ANY($1::uuid[])
  RETURNING pool_id, expires_at, position
), lowest AS (
  SELECT DISTINCT ON (pool_id) pool_id, expires_at, position FROM released ORDER BY pool_id, expires_at, position
)
UPDATE code_pool p SET pick_expires_at = l.expires_at, pick_position = l.position
FROM lowest l WHERE p.id = l.pool_id AND (p.pick_expires_at, p.pick_position) > (l.expires_at, l.position)
"""

# Over all tenants, as fondaco_platform: which pools hold codes that have expired. These lie before the picking mark, where
# what is not sold any more is left; of what was sold no entry is in the way but of codes that have expired since.
POOLS_DUE = """
SELECT p.id, p.tenant_id FROM code_pool p
WHERE EXISTS (
  SELECT 1 FROM code c
  WHERE c.pool_id = p.id AND c.state = 'AVAILABLE' AND c.expires_at <= $1
)
ORDER BY p.id LIMIT $2
"""
EXPIRE = """
WITH due AS (
  SELECT c.id FROM code c WHERE c.pool_id = $1 AND c.state = 'AVAILABLE' AND c.expires_at <= $2
  ORDER BY c.expires_at, c.position LIMIT $3 FOR NO KEY UPDATE OF c SKIP LOCKED
)
UPDATE code c SET state = 'EXPIRED', changed_at = $2 FROM due WHERE c.id = due.id RETURNING c.id
"""

SEALED = f"SELECT id, tenant_id, sealed FROM code WHERE id = ANY($1::uuid[]) AND {_SHOWN}"
# Those that are bound to these units, sold: what another merchant's buyer may be shown.
SEALED_FOR = """
SELECT c.id, c.tenant_id, c.sealed FROM unnest($1::uuid[], $2::uuid[]) AS w(code_id, allocation_id)
JOIN code c ON c.id = w.code_id AND c.allocation_id = w.allocation_id
WHERE c.state IN ('DELIVERED', 'REDEEMED')
"""
ADD_REVEALS = """
INSERT INTO code_reveal
  (tenant_id, code_id, order_id, allocation_id, via, actor_kind, actor_id, link_id, ip, user_agent, reason, revealed_at)
SELECT $1, u.code_id, $2, u.allocation_id, $3, $4, $5, $6, $7, $8, $9, $10
FROM unnest($11::uuid[], $12::uuid[]) AS u(code_id, allocation_id)
"""

# The other side of a collision, as fondaco_platform: whose code it is, and since when. Never its text.
COLLISIONS = """
SELECT n.id, n.tenant_id, n.batch_id, o.code_id AS original_id, o.tenant_id AS original_tenant_id
FROM code n LEFT JOIN code_fingerprint o ON o.fingerprint = n.fingerprint
WHERE n.id = ANY($1::uuid[])
  AND NOT EXISTS (SELECT 1 FROM audit_entry e WHERE e.subject_id = n.id AND e.action = 'code.collided')
ORDER BY n.id
"""
# One at a time, so that an event that comes twice is written down once.
LOCK_COLLISIONS = "SELECT pg_advisory_xact_lock(hashtext('fondaco code collisions'))"
