"""Every SQL statement of the audit log."""

from fondaco_core.db import Write

APPEND = Write(
    frozenset({"audit_entry"}),
    {
        "audit_appended": """
INSERT INTO audit_entry
  (id, tenant_id, happened_at, actor_kind, actor_id, action, subject_kind, subject_id, request_id, ip, reason, detail)
SELECT s.id, s.tenant_id, $4::timestamptz, $5::text, $6::uuid, $1::text, $2::text, s.subject_id, $7::text, $8::text, $3::text, s.detail::jsonb
FROM unnest($9::uuid[], $10::uuid[], $11::uuid[], $12::text[]) AS s(id, tenant_id, subject_id, detail)
""",
    },
)

# Newest first; `$3` is the last id of the page before, or null.
LIST = """
SELECT id, tenant_id, happened_at, actor_kind, actor_id, action, subject_kind, subject_id, request_id, ip, reason, detail::text AS detail
FROM audit_entry
WHERE ($1::uuid IS NULL OR subject_id = $1) AND ($2::text IS NULL OR action = $2) AND ($3::uuid IS NULL OR id < $3)
ORDER BY id DESC LIMIT $4
"""
