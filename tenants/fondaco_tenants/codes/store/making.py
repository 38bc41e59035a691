"""The SQL of codes of one's own making, their redemption, and the export of unsold ones."""

ADD_MAKING = """
INSERT INTO code_making (batch_id, tenant_id, prefix, groups, group_length, check_symbols, wanted) VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
MAKING = "SELECT batch_id, prefix, groups, group_length, check_symbols, wanted FROM code_making WHERE batch_id = ANY($1::uuid[])"
# The forms of the tenant's own codes, the newest first; there are few different ones.
FORMS = """
SELECT prefix, groups, group_length, check_symbols FROM code_making WHERE tenant_id = $1
GROUP BY 1, 2, 3, 4 ORDER BY max(batch_id::text) DESC LIMIT $2
"""

# Found by its fingerprint, in a batch of the tenant's own making; nothing is opened.
_SHOWN = "c.id, c.pool_id, c.state, c.expires_at, c.masked, p.entitlement_id"
FIND = f"""
SELECT {_SHOWN} FROM code_fingerprint f JOIN code c ON c.id = f.code_id
JOIN code_pool p ON p.id = c.pool_id JOIN code_making m ON m.batch_id = c.batch_id
WHERE f.fingerprint = ANY($1::bytea[]) AND f.tenant_id = $2 AND c.original
"""
# Codes that were voided unsold keep their fingerprint, not their place.
FIND_VOID = f"""
SELECT {_SHOWN} FROM code c JOIN code_pool p ON p.id = c.pool_id JOIN code_making m ON m.batch_id = c.batch_id
WHERE c.fingerprint = ANY($1::bytea[]) AND NOT c.original AND c.state = 'VOID' AND c.tenant_id = $2 LIMIT 1
"""
FIND_AND_LOCK = f"{FIND} FOR NO KEY UPDATE OF c"

_REDEMPTION = """
id, code_id, state, actor_kind, actor_id, reference, created_at, locked_until, redeemed_at, reversed_at, reversal_reason
"""
BY_IDS = f"SELECT {_REDEMPTION} FROM code_redemption WHERE id = ANY($1::uuid[])"
LIST_DOWN = f"""
SELECT {_REDEMPTION} FROM code_redemption
WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR code_id = $3) ORDER BY id DESC LIMIT $4
"""
LIST_UP = f"""
SELECT {_REDEMPTION} FROM code_redemption
WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id > $2) AND ($3::uuid IS NULL OR code_id = $3) ORDER BY id LIMIT $4
"""
OPEN_OF = f"SELECT {_REDEMPTION} FROM code_redemption WHERE code_id = $1 AND state IN ('LOCKED', 'REDEEMED')"
CODE_OF = "SELECT code_id FROM code_redemption WHERE id = $1"
LOCK_CODE = "SELECT id, state FROM code WHERE id = $1 FOR NO KEY UPDATE"
LOCK_REDEMPTION = f"SELECT {_REDEMPTION} FROM code_redemption WHERE id = $1 FOR NO KEY UPDATE"
LAPSE = "UPDATE code_redemption SET state = 'LAPSED' WHERE code_id = $1 AND state = 'LOCKED' AND locked_until <= $2"
ADD_LOCK = """
INSERT INTO code_redemption (id, tenant_id, code_id, state, actor_kind, actor_id, reference, created_at, locked_until)
VALUES ($1, $2, $3, 'LOCKED', $4, $5, $6, $7, $8)
"""
RENEW_LOCK = "UPDATE code_redemption SET locked_until = $2, reference = coalesce($3, reference) WHERE id = $1 AND state = 'LOCKED'"
RELEASE_LOCK = "UPDATE code_redemption SET state = 'RELEASED' WHERE id = $1 AND state = 'LOCKED'"
ADD_REDEEMED = """
INSERT INTO code_redemption (id, tenant_id, code_id, state, actor_kind, actor_id, reference, created_at, redeemed_at)
VALUES ($1, $2, $3, 'REDEEMED', $4, $5, $6, $7, $7)
"""
REDEEM_LOCKED = """
UPDATE code_redemption SET state = 'REDEEMED', redeemed_at = $2, reference = coalesce($3, reference) WHERE id = $1 AND state = 'LOCKED'
"""
SET_REDEEMED = "UPDATE code SET state = 'REDEEMED', changed_at = $2 WHERE id = $1 AND state = 'DELIVERED'"
REVERSE = "UPDATE code_redemption SET state = 'REVERSED', reversed_at = $2, reversal_reason = $3 WHERE id = $1 AND state = 'REDEEMED'"
SET_DELIVERED = "UPDATE code SET state = 'DELIVERED', changed_at = $2 WHERE id = $1 AND state = 'REDEEMED'"
REDEEMED_AT = """
SELECT c.allocation_id, r.redeemed_at FROM code c JOIN code_redemption r ON r.code_id = c.id AND r.state = 'REDEEMED'
WHERE c.allocation_id = ANY($1::uuid[])
"""

MISSES = "SELECT key, since, misses FROM redemption_miss WHERE key = ANY($1::bytea[]) AND since > $2"
COUNT_MISS = """
INSERT INTO redemption_miss (key, tenant_id, since, misses) SELECT key, $2, $3, 1 FROM unnest($1::bytea[]) AS k(key) ORDER BY key
ON CONFLICT (key) DO UPDATE SET
  misses = CASE WHEN redemption_miss.since > $4 THEN redemption_miss.misses + 1 ELSE 1 END,
  since = CASE WHEN redemption_miss.since > $4 THEN redemption_miss.since ELSE $3 END
RETURNING key, since, misses
"""
FORGET_MISSES = "DELETE FROM redemption_miss WHERE since < $1"

# Unsold and as the filter says, first expiring last: what sells soonest is what its owner takes out last.
WITHDRAW = """
WITH taken AS (
  SELECT id, row_number() OVER (ORDER BY expires_at, position)::int AS place FROM (
    SELECT id, expires_at, position FROM code
    WHERE pool_id = $1 AND state = 'AVAILABLE' AND ($2::uuid IS NULL OR batch_id = $2) AND ($3::timestamptz IS NULL OR expires_at <= $3)
    ORDER BY expires_at DESC, position DESC LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED
  ) chosen
), gone AS (
  UPDATE code c SET state = 'VOID', reason = 'EXPORTED', changed_at = $5 FROM taken WHERE c.id = taken.id RETURNING c.id
)
SELECT t.id, t.place FROM taken t JOIN gone g ON g.id = t.id ORDER BY t.place
"""
ADD_EXPORT = """
INSERT INTO stock_export (id, tenant_id, pool_id, recipient, codes, reason, exported_by, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
ADD_EXPORT_CODES = """
INSERT INTO stock_export_code (export_id, tenant_id, place, code_id)
SELECT $1, $2, u.place, u.code_id FROM unnest($3::int[], $4::uuid[]) AS u(place, code_id)
"""
_EXPORT = "id, pool_id, recipient, codes, reason, exported_by, created_at, expires_at, downloads, downloaded_at"
EXPORTS_BY_IDS = f"SELECT {_EXPORT} FROM stock_export WHERE id = ANY($1::uuid[])"
LIST_EXPORTS_DOWN = f"SELECT {_EXPORT} FROM stock_export WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"
LIST_EXPORTS_UP = (
    f"SELECT {_EXPORT} FROM stock_export WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3"
)
TAKE_DOWNLOAD = f"""
UPDATE stock_export SET downloads = downloads + 1, downloaded_at = $2 WHERE id = $1 AND expires_at > $2 AND downloads < $3 RETURNING {_EXPORT}
"""
EXPORT_PAGE = """
SELECT x.place, c.id, c.tenant_id, c.sealed, c.expires_at, c.serial FROM stock_export_code x JOIN code c ON c.id = x.code_id
WHERE x.export_id = $1 AND x.place > $2 ORDER BY x.place LIMIT $3
"""
