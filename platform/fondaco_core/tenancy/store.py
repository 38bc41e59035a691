"""Every SQL statement of tenancy."""

_TENANT = "id, slug, name, state, plan_id, fee_bps, applied_at, decided_at, reason, version"

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

PLANS_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('plan', 0))"
_PLAN = """
SELECT p.id, p.name, p.version, p.created_at, f.changed_at, f.categories, f.fees FROM plan p CROSS JOIN LATERAL (
  SELECT array_agg(x.category ORDER BY x.category) AS categories, array_agg(x.fee_bps ORDER BY x.category) AS fees,
    max(x.created_at) AS changed_at
  FROM plan_fee x WHERE x.plan_id = p.id AND x.version = p.version
) f
"""
ADD_PLAN = "INSERT INTO plan (id, name, created_at, version) VALUES ($1, $2, $3, 1) ON CONFLICT (name) DO NOTHING"
ADD_PLAN_FEES = """
INSERT INTO plan_fee (plan_id, version, category, fee_bps, created_at)
SELECT $1, $2, f.category, f.fee_bps, $5 FROM unnest($3::text[], $4::bigint[]) AS f(category, fee_bps)
"""
COUNT_PLANS = "SELECT count(*) FROM plan"
PLAN_FOR_CHANGE = "SELECT id, name, version FROM plan WHERE id = $1 FOR UPDATE"
PLAN_NAMED = "SELECT EXISTS (SELECT FROM plan WHERE name = $1 AND id <> $2)"
SET_PLAN = "UPDATE plan SET name = $2, version = $3 WHERE id = $1"
PLANS_BY_IDS = f"{_PLAN} WHERE p.id = ANY($1::uuid[])"
# Newest first; `$1` is the last id of the page before, or null.
LIST_PLANS = f"{_PLAN} WHERE $1::uuid IS NULL OR p.id < $1 ORDER BY p.id DESC LIMIT $2"
# What held before, newest first; `$2` is the last version of the page before, or null.
PLAN_HISTORY = """
SELECT version, max(created_at) AS changed_at, array_agg(category ORDER BY category) AS categories, array_agg(fee_bps ORDER BY category) AS fees
FROM plan_fee WHERE plan_id = $1 AND ($2::int IS NULL OR version < $2) GROUP BY version ORDER BY version DESC LIMIT $3
"""
ON_PLAN = "SELECT id FROM tenant WHERE plan_id = $1 AND state <> 'CLOSED' ORDER BY id"
SET_FEES = "UPDATE tenant SET plan_id = $2, fee_bps = coalesce($3, fee_bps), version = version + 1 WHERE id = $1"
