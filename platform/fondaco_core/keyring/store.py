"""Every SQL statement of the keyring."""

# One process makes the platform's keys; the others wait and find them.
LOCK = "SELECT pg_advisory_xact_lock(hashtext('fondaco platform keys'))"
NEXT_NUMBER = "SELECT nextval('data_key_number_seq')::int"
CURRENT = """
SELECT number, master_key_id, wrapped FROM data_key
WHERE tenant_id IS NOT DISTINCT FROM $1::uuid AND purpose = $2 AND retired_at IS NULL
"""
BY_NUMBER = "SELECT tenant_id, purpose, master_key_id, wrapped FROM data_key WHERE number = $1"
ADD = """
INSERT INTO data_key (number, tenant_id, purpose, master_key_id, wrapped, created_at) VALUES ($1, $2, $3, $4, $5, $6)
"""
