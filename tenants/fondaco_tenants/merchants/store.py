"""Every SQL statement of merchants."""

# A merchant that never wrote anything has the tenant's name, and version 0.
GET = """
SELECT t.id AS tenant_id, coalesce(p.display_name, t.name) AS display_name, p.legal_name, p.support_contact,
       coalesce(p.currency, 'CNY') AS currency, coalesce(p.version, 0) AS version
FROM tenant t LEFT JOIN merchant_profile p ON p.tenant_id = t.id WHERE t.id = $1
"""
# Writes when the version is the one that was read, and answers the new one; else nothing.
PUT = """
INSERT INTO merchant_profile AS p (tenant_id, display_name, legal_name, support_contact, currency, version)
SELECT $1, $2, $3, $4, $5, 1 WHERE $6 = 0 OR EXISTS (SELECT 1 FROM merchant_profile WHERE tenant_id = $1)
ON CONFLICT (tenant_id) DO UPDATE SET
  display_name = excluded.display_name, legal_name = excluded.legal_name, support_contact = excluded.support_contact,
  currency = excluded.currency, version = p.version + 1
WHERE p.version = $6
RETURNING version
"""
