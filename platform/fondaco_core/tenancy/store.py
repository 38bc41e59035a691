"""Every SQL statement of tenancy."""

_TENANT = "id, slug, name, state, plan, fee_bps, applied_at, decided_at, reason, version"

ADD = """
INSERT INTO tenant (id, slug, name, state, fee_bps, applied_at) VALUES ($1, $2, $3, 'APPLIED', $4, $5)
ON CONFLICT (slug) DO NOTHING
"""
GET = f"SELECT {_TENANT} FROM tenant WHERE id = $1"
GET_FOR_CHANGE = f"SELECT {_TENANT} FROM tenant WHERE id = $1 FOR UPDATE"
BY_IDS = f"SELECT {_TENANT} FROM tenant WHERE id = ANY($1::uuid[])"
STATE = "SELECT state FROM tenant WHERE id = $1"
# Newest first; `$2` is the last id of the page before, or null.
LIST = f"""
SELECT {_TENANT} FROM tenant WHERE ($1::text IS NULL OR state = $1) AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""
SET_STATE = "UPDATE tenant SET state = $2, decided_at = $3, reason = $4, version = version + 1 WHERE id = $1"
RENAME = "UPDATE tenant SET name = $2, version = version + 1 WHERE id = $1"

ADD_DOOR = "INSERT INTO tenant_door (kind, name, tenant_id) VALUES ($1, $2, $3) ON CONFLICT (kind, name) DO NOTHING"
FIND_DOOR = "SELECT tenant_id FROM tenant_door WHERE kind = $1 AND name = $2"
SHUT_DOOR = "DELETE FROM tenant_door WHERE kind = $1 AND name = $2 AND tenant_id = $3"
DOORS_OF = "SELECT name, tenant_id FROM tenant_door WHERE kind = $1 AND tenant_id = ANY($2::uuid[]) ORDER BY name"
