"""Every SQL statement of the notary."""

# One notary at a time; the second waits until the first has committed.
LOCK = "SELECT pg_advisory_xact_lock(x'0F0DAC'::int, 1)"
LAST = "SELECT size, root_hash AS root, signed_at, key_id, signature, through_xid FROM audit_checkpoint ORDER BY size DESC LIMIT 1"
# Transactions with a smaller number than this have all ended: nothing appears among their entries any more.
ENDED = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
ENTRY = """
  e.id, e.tenant_id, e.happened_at, e.actor_kind, e.actor_id, e.action, e.subject_kind, e.subject_id, e.request_id, e.ip,
  e.reason, e.detail
"""
UNSEALED = f"""
SELECT {ENTRY}, e.xid FROM audit_entry AS e
WHERE e.xid >= $1 AND e.xid < $2 AND NOT EXISTS (SELECT FROM audit_leaf AS l WHERE l.entry_id = e.id)
ORDER BY e.xid, e.id LIMIT $3
"""
ADD_LEAVES = """
INSERT INTO audit_leaf (index, entry_id, hash) SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bytea[])
"""
ADD_NODES = """
INSERT INTO audit_node (level, index, hash) SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])
"""
ADD_CHECKPOINT = """
INSERT INTO audit_checkpoint (size, root_hash, signed_at, key_id, signature, through_xid) VALUES ($1, $2, $3, $4, $5, $6)
"""
# Subtrees by level and index; those of level 0 are leaves.
NODES = """
SELECT w.level, w.index, COALESCE(n.hash, l.hash) AS hash
FROM unnest($1::smallint[], $2::bigint[]) AS w(level, index)
LEFT JOIN audit_node AS n ON n.level = w.level AND n.index = w.index AND w.level > 0
LEFT JOIN audit_leaf AS l ON l.index = w.index AND w.level = 0
"""
KEY = "SELECT id, key_id, public_key, private_key_sealed FROM audit_key ORDER BY made_at DESC, id DESC LIMIT 1"
ADD_KEY = """
INSERT INTO audit_key (id, key_id, public_key, private_key_sealed, made_at)
SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT FROM audit_key)
"""
PUBLIC_KEYS = "SELECT key_id, public_key FROM audit_key ORDER BY made_at, id"
LEAVES_OF = "SELECT entry_id, index FROM audit_leaf WHERE entry_id = ANY($1::uuid[])"
# What is about a subject, oldest first: entries of this tenant, or of the platform about it.
ENTRIES_OF = f"""
SELECT {ENTRY} FROM audit_entry AS e WHERE e.subject_id = ANY($1::uuid[]) ORDER BY e.id LIMIT $2
"""
CHECKPOINTS = """
SELECT size, root_hash AS root, signed_at, key_id, signature, through_xid FROM audit_checkpoint WHERE size > $1 ORDER BY size LIMIT $2
"""
SEALED_ENTRIES = f"""
SELECT l.index, l.hash, l.entry_id, e.id IS NOT NULL AS there, {ENTRY}
FROM audit_leaf AS l LEFT JOIN audit_entry AS e ON e.id = l.entry_id
WHERE l.index >= $1 AND l.index < $2 ORDER BY l.index
"""
# Entries that should have been sealed by the last checkpoint and are in no leaf: they were put in afterwards.
LEFT_OUT = """
SELECT e.id, e.action, e.happened_at FROM audit_entry AS e
WHERE e.xid < $1 AND e.happened_at < $2 AND NOT EXISTS (SELECT FROM audit_leaf AS l WHERE l.entry_id = e.id)
ORDER BY e.id LIMIT $3
"""
