"""The SQL of uploads: pieces of a file, sealed as they arrive."""

WAITING = """
SELECT count(*) FROM upload WHERE tenant_id = $1 AND state IN ('RECEIVING', 'READY') AND created_at > $2
"""
ADD = """
INSERT INTO upload (id, tenant_id, state, filename, created_by, created_at) VALUES ($1, $2, 'RECEIVING', $3, $4, $5)
"""
ADD_CHUNK = "INSERT INTO upload_chunk (upload_id, tenant_id, number, starts_at, sealed) VALUES ($1, $2, $3, $4, $5)"
COMPLETE = "UPDATE upload SET state = 'READY', size = $2, digest = $3 WHERE id = $1 AND state = 'RECEIVING'"
TAKE = """
UPDATE upload SET state = 'IMPORTED' WHERE id = $1 AND state = 'READY' AND created_at > $2 RETURNING size, digest
"""
FIND = "SELECT id, state, filename, size, created_at, digest, created_by FROM upload WHERE id = $1"

# The piece that holds a byte of the file, or none when the file ends before it.
CHUNK_AT = """
SELECT number, starts_at, sealed FROM upload_chunk WHERE upload_id = $1 AND starts_at <= $2 ORDER BY number DESC LIMIT 1
"""
DROP_CHUNKS = "DELETE FROM upload_chunk WHERE upload_id = $1"
DROP = "UPDATE upload SET state = 'DROPPED' WHERE id = $1 AND state IN ('RECEIVING', 'READY')"
# Over all tenants, as fondaco_platform.
STALE = """
SELECT id, tenant_id FROM upload WHERE state IN ('RECEIVING', 'READY') AND created_at <= $1 ORDER BY created_at LIMIT $2
"""
