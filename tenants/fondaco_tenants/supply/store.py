"""Every SQL statement of partners, tiers, agreements and invitations."""

# Partners

_PARTNER = "tenant_id, name, about, changed_at, version"

COMPANY = "SELECT name, EXISTS (SELECT FROM partner p WHERE p.tenant_id = t.id) AS begun FROM tenant t WHERE id = $1"
# Of two who take names that look alike the second waits, and is told that it is taken; of whom nobody is told.
LOCK_LOOK = "SELECT pg_advisory_xact_lock(hashtextextended('partner ' || $1, 0))"
LOOK_IS_TAKEN = "SELECT supply_look_taken($1)"
# Who has begun stays as it is.
BEGIN_PARTNER = """
INSERT INTO partner (tenant_id, name, look, changed_at) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant_id) DO NOTHING
"""
PARTNERS_BY_IDS = f"SELECT {_PARTNER} FROM partner WHERE tenant_id = ANY($1::uuid[])"
UPDATE_PARTNER = f"""
UPDATE partner SET name = $2, about = $3, changed_at = $4, version = version + 1, look = $6
WHERE tenant_id = $1 AND version = $5 RETURNING {_PARTNER}
"""

# Tiers

_TIER = "id, tenant_id, name, entry, created_at, archived_at, version"

# Two who make the last tier, or the one for newcomers, at once: the second waits, and sees what the first one made.
LOCK_TIERS = "SELECT pg_advisory_xact_lock(hashtextextended('tier ' || $1::uuid::text, 0))"
COUNT_TIERS = "SELECT count(*) FROM tier WHERE tenant_id = $1"
ADD_TIER = f"""
INSERT INTO tier (id, tenant_id, name, entry, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, name) DO NOTHING RETURNING {_TIER}
"""
# Of a supplier's own tiers; beside `id`, since a reseller sees its supplier's.
LOCK_TIER = f"SELECT {_TIER} FROM tier WHERE id = $1 AND tenant_id = $2 FOR UPDATE"
LOCK_TIER_AS_IT_IS = f"SELECT {_TIER} FROM tier WHERE id = $1 AND tenant_id = $2 FOR SHARE"
NAME_IS_TAKEN = "SELECT EXISTS (SELECT FROM tier WHERE tenant_id = $1 AND name = $2 AND id <> $3)"
# The one before makes room first: the index over them is looked at row by row.
NO_OTHER_ENTRY = """
UPDATE tier SET entry = false, version = version + 1
WHERE tenant_id = $1 AND id <> $2 AND entry AND archived_at IS NULL RETURNING id, version
"""
UPDATE_TIER = f"""
UPDATE tier SET name = $2, entry = $3, archived_at = $4, version = version + 1 WHERE id = $1 RETURNING {_TIER}
"""
LIVE_IN_TIER = """
SELECT count(*) FROM agreement WHERE tier_id = $1 AND state IN ('REQUESTED', 'ACTIVE', 'SUSPENDED')
"""
LIST_TIERS = f"""
SELECT {_TIER} FROM tier WHERE tenant_id = $1 AND ($2 OR archived_at IS NULL) AND ($3::uuid IS NULL OR id < $3)
ORDER BY id DESC LIMIT $4
"""
TIERS_BY_IDS = f"SELECT {_TIER} FROM tier WHERE id = ANY($1::uuid[])"
ENTRY_TIER = "SELECT id FROM tier WHERE tenant_id = $1 AND entry AND archived_at IS NULL"
SUPPLIER_TRADES = "SELECT supply_trades($1)"
ARCHIVED_AT = "SELECT archived_at FROM tier WHERE id = $1"

# Terms

_TERMS = (
    "id, tier_id, starts_at, stock_view, day_units_max, month_units_max, hold_units_max, credit_minor, currency, "
    "settle_days, commissions, created_at"
)

ADD_TERMS = f"""
INSERT INTO tier_terms (id, tenant_id, tier_id, starts_at, stock_view, day_units_max, month_units_max, hold_units_max,
  credit_minor, currency, settle_days, commissions, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (tier_id, starts_at) DO NOTHING RETURNING {_TERMS}
"""
# What holds now, and what is to come, of each tier: earliest first.
TERMS_OF_TIERS = f"""
SELECT {_TERMS} FROM tier_terms t
WHERE t.tier_id = ANY($1::uuid[]) AND t.starts_at >= (
  SELECT max(h.starts_at) FROM tier_terms h WHERE h.tier_id = t.tier_id AND h.starts_at <= $2)
ORDER BY t.tier_id, t.starts_at
"""
LIST_TERMS = f"""
SELECT {_TERMS} FROM tier_terms
WHERE tier_id = $1 AND ($2::timestamptz IS NULL OR starts_at < $2) ORDER BY starts_at DESC LIMIT $3
"""
COUNT_COMING = "SELECT count(*) FROM tier_terms WHERE tier_id = $1 AND starts_at > $2"
# The one currency of a tier's credit; null as long as it has granted none.
CURRENCY_OF_TIER = "SELECT currency FROM tier_terms WHERE tier_id = $1 AND currency IS NOT NULL LIMIT 1"

# Agreements

_AGREEMENT = (
    "a.id, a.supplier_tenant_id, a.reseller_tenant_id, a.tier_id, a.state, a.note, a.credit_minor, a.day_units_max, a.reason, "
    "a.referrers, a.created_at, a.changed_at, a.version, u.credit_used_minor, u.currency AS used_currency, u.day, u.day_units, u.month, "
    "u.month_units, u.held_units, "
    "(SELECT t.currency FROM tier_terms t WHERE t.tier_id = a.tier_id AND t.currency IS NOT NULL LIMIT 1) AS currency"
)
_AGREEMENTS = f"SELECT {_AGREEMENT} FROM agreement a LEFT JOIN agreement_use u ON u.agreement_id = a.id"

AGREEMENTS_BY_IDS = f"{_AGREEMENTS} WHERE a.id = ANY($1::uuid[])"
LOCK_AGREEMENT = f"{_AGREEMENTS} WHERE a.id = $1 FOR NO KEY UPDATE OF a"
# The agreement of two that has not ended, in one direction.
LOCK_LIVE = f"""
{_AGREEMENTS} WHERE a.supplier_tenant_id = $1 AND a.reseller_tenant_id = $2
AND a.state IN ('REQUESTED', 'ACTIVE', 'SUSPENDED') FOR NO KEY UPDATE OF a
"""
# The last one of two that has ended, or was declined.
LAST_ENDED = """
SELECT state, changed_at FROM agreement
WHERE supplier_tenant_id = $1 AND reseller_tenant_id = $2 AND state IN ('ENDED', 'DECLINED')
ORDER BY changed_at DESC LIMIT 1
"""
# Two requests of one reseller at once: the second waits, and counts the first one.
LOCK_RESELLER = "SELECT pg_advisory_xact_lock(hashtextextended('agreement ' || $1::uuid::text, 0))"
# Those that wait, and those of lately that came to nothing: to ask and take back is as much to read as to ask.
COUNT_REQUESTS = """
SELECT count(*) FROM agreement a WHERE a.reseller_tenant_id = $1 AND (
  a.state = 'REQUESTED'
  OR a.created_at > $2 AND a.state IN ('ENDED', 'DECLINED') AND NOT EXISTS (SELECT FROM agreement_use u WHERE u.agreement_id = a.id))
"""
# Whom the merchant brought that hands a code on, and who brought it, as long as it is a reseller itself.
REFERRED_BY = """
SELECT array_prepend(reseller_tenant_id, referrers[1:$3]) AS referrers FROM agreement
WHERE supplier_tenant_id = $1 AND reseller_tenant_id = $2 AND state = 'ACTIVE'
"""
# Nobody brings itself.
REFERRED = "UPDATE agreement SET referrers = array_remove($2::uuid[], reseller_tenant_id) WHERE id = $1"
ADD_AGREEMENT = """
INSERT INTO agreement (id, supplier_tenant_id, reseller_tenant_id, tier_id, state, note, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
ON CONFLICT (supplier_tenant_id, reseller_tenant_id) WHERE state IN ('REQUESTED', 'ACTIVE', 'SUSPENDED') DO NOTHING
"""
CHANGE_AGREEMENT = """
UPDATE agreement SET state = $2, tier_id = $3, credit_minor = $4, day_units_max = $5, reason = $6, changed_at = $7,
  version = version + 1
WHERE id = $1
"""
# What was bought today and in this month by an agreement that has ended counts on: to end and begin again frees no quota.
BEGIN_USE = """
INSERT INTO agreement_use (agreement_id, supplier_tenant_id, reseller_tenant_id, currency, day, day_units, month, month_units)
SELECT $1::uuid, $2::uuid, $3::uuid, $4::text, $5::date, coalesce(sum(u.day_units) FILTER (WHERE u.day = $5), 0), $6::date,
  coalesce(sum(u.month_units) FILTER (WHERE u.month = $6), 0)
FROM (
  SELECT day, day_units, month, month_units FROM agreement_use
  WHERE supplier_tenant_id = $2 AND reseller_tenant_id = $3 AND agreement_id <> $1
  ORDER BY month DESC, day DESC, agreement_id DESC LIMIT 1
) AS u
"""
STILL_OWED = """
SELECT EXISTS (SELECT FROM agreement_use WHERE supplier_tenant_id = $1 AND reseller_tenant_id = $2 AND credit_used_minor > 0)
"""
# `$1` is whose side: as the supplier, as the reseller, or (neither) both.
LIST_AGREEMENTS = f"""
{_AGREEMENTS}
WHERE (($2 AND a.supplier_tenant_id = $1) OR ($3 AND a.reseller_tenant_id = $1))
  AND ($4::text[] IS NULL OR a.state = ANY($4)) AND ($5::uuid IS NULL OR a.id < $5)
ORDER BY a.id DESC LIMIT $6
"""
# Those who are told when a tier's terms change.
RESELLERS_OF_TIER = """
SELECT DISTINCT reseller_tenant_id FROM agreement
WHERE tier_id = $1 AND supplier_tenant_id = $2 AND state IN ('REQUESTED', 'ACTIVE', 'SUSPENDED')
  AND ($3::uuid IS NULL OR reseller_tenant_id > $3)
ORDER BY reseller_tenant_id LIMIT $4
"""

# Invitations

SHOW_TOKEN = "SELECT set_config('app.token', $1, true)"  # noqa: S105 - a statement

_INVITATION = "id, tenant_id, tier_id, label, referrers, uses_max, uses, expires_at, created_at, revoked_at"

LOCK_INVITATIONS = "SELECT pg_advisory_xact_lock(hashtextextended('supply_invitation ' || $1::uuid::text, 0))"
COUNT_INVITATIONS = """
SELECT count(*) FROM supply_invitation WHERE tenant_id = $1 AND revoked_at IS NULL AND expires_at > $2 AND uses < uses_max
"""
ADD_INVITATION = f"""
INSERT INTO supply_invitation (id, tenant_id, tier_id, token_hash, label, uses_max, expires_at, created_at, referrers)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING {_INVITATION}
"""
INVITATIONS_BY_IDS = f"SELECT {_INVITATION} FROM supply_invitation WHERE id = ANY($1::uuid[]) AND tenant_id = $2"
LIST_INVITATIONS = f"""
SELECT {_INVITATION} FROM supply_invitation
WHERE tenant_id = $1 AND (NOT $2 OR (revoked_at IS NULL AND expires_at > $3 AND uses < uses_max))
  AND ($4::uuid IS NULL OR id < $4)
ORDER BY id DESC LIMIT $5
"""
# By the code that was shown; no two use the last of its uses.
LOCK_SHOWN = f"SELECT {_INVITATION} FROM supply_invitation WHERE token_hash = $1 FOR UPDATE"
USE_INVITATION = "UPDATE supply_invitation SET uses = uses + 1 WHERE id = $1"
REVOKE_INVITATION = f"""
UPDATE supply_invitation SET revoked_at = $3 WHERE id = $1 AND tenant_id = $2 AND revoked_at IS NULL RETURNING {_INVITATION}
"""
