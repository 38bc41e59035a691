"""Every SQL statement of the keyring."""

NEXT_NUMBER = "SELECT nextval('data_key_number_seq')::int"
CURRENT = """
SELECT number, master_key_id, wrapped, seals FROM data_key
WHERE tenant_id IS NOT DISTINCT FROM $1::uuid AND purpose = $2 AND retired_at IS NULL
"""
BY_NUMBER = "SELECT tenant_id, purpose, master_key_id, wrapped, destroyed_at FROM data_key WHERE number = $1"
LEFT = """
SELECT EXISTS (
    SELECT 1 FROM data_key WHERE tenant_id IS NOT DISTINCT FROM $1::uuid AND purpose = $2 AND destroyed_at IS NOT NULL
)
"""
# Of two processes that make a key at the same time one is first; the other's is thrown away.
ADD = """
INSERT INTO data_key (number, tenant_id, purpose, master_key_id, wrapped, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, purpose) WHERE retired_at IS NULL DO NOTHING
"""
COUNT_SEALS = "UPDATE data_key SET seals = seals + $2 WHERE number = $1"

# Rotation and destruction; as fondaco_platform.
LOCK_TENANT = "SELECT pg_advisory_xact_lock(hashtextextended('fondaco keys of ' || $1::text, 0))"
RETIRE = """
UPDATE data_key SET retired_at = $3 WHERE tenant_id IS NOT DISTINCT FROM $1::uuid AND purpose = $2 AND retired_at IS NULL
"""
DESTROY = """
UPDATE data_key SET wrapped = ''::bytea, master_key_id = '', destroyed_at = $2, retired_at = coalesce(retired_at, $2)
WHERE tenant_id = $1 AND destroyed_at IS NULL
"""
DESTROY_REPLACED = """
UPDATE data_key SET wrapped = ''::bytea, master_key_id = '', destroyed_at = $2
WHERE tenant_id IS NULL AND purpose = 'SEAL' AND number <> $1 AND retired_at IS NOT NULL AND destroyed_at IS NULL
"""
WORN = """
SELECT tenant_id FROM data_key WHERE seals >= $1 AND retired_at IS NULL AND purpose = 'SEAL'
ORDER BY seals DESC LIMIT $2
"""
# Keys that the current master key has not wrapped, in the order of their numbers.
UNDER_OTHERS = """
SELECT number, tenant_id, purpose, master_key_id, wrapped FROM data_key
WHERE master_key_id <> $1 AND destroyed_at IS NULL ORDER BY number LIMIT $2
"""
REWRAP = """
UPDATE data_key k SET master_key_id = u.master_key_id, wrapped = u.wrapped
FROM unnest($1::int[], $2::bytea[], $3::bytea[], $4::text[]) AS u(number, before, wrapped, master_key_id)
WHERE k.number = u.number AND k.wrapped = u.before
"""
BY_MASTER = "SELECT master_key_id, count(*)::int AS keys FROM data_key WHERE destroyed_at IS NULL GROUP BY 1 ORDER BY 1"
