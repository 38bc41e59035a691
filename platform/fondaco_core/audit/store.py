"""Every SQL statement of the audit log."""

APPEND = """
INSERT INTO audit_entry
  (id, tenant_id, happened_at, actor_kind, actor_id, action, subject_kind, subject_id, request_id, ip, reason, detail)
SELECT s.id, s.tenant_id, $4, $5, $6, $1, $2, s.subject_id, $7, $8, $3, s.detail::jsonb
FROM unnest($9::uuid[], $10::uuid[], $11::uuid[], $12::text[]) AS s(id, tenant_id, subject_id, detail)
"""

# Newest first; `$3` is the last id of the page before, or null.
LIST = """
SELECT id, tenant_id, happened_at, actor_kind, actor_id, action, subject_kind, subject_id, request_id, ip, reason, detail::text AS detail
FROM audit_entry
WHERE ($1::uuid IS NULL OR subject_id = $1) AND ($2::text IS NULL OR action = $2) AND ($3::uuid IS NULL OR id < $3)
ORDER BY id DESC LIMIT $4
"""
