"""Every SQL statement of identity."""

# People

ADD_USER = """
INSERT INTO user_account (id, email, name, password_hash, platform_role, locale, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (email) DO NOTHING
"""
# An address that somebody named and nobody proved is nobody's yet: the platform's own people get it, without whatever was
# chosen for it before (FORGET_UNPROVED, FORGET_SUBJECTS, END_BEGUN, END_SESSIONS).
CLAIM_USER = """
UPDATE user_account SET platform_role = $2, name = $3, password_hash = NULL
WHERE email = $1 AND email_verified_at IS NULL AND platform_role IS NULL AND disabled_at IS NULL RETURNING id
"""
# The same for a tenant whose provider vouches for the address, as long as nobody ever came in by the account, nor was asked
# in by that very tenant; and as long as no other tenant's invitation waits in a hand: who came by it could choose no password
# any more. One that was mailed proves the address, and waits for nobody.
JOIN_NOBODYS = """
UPDATE user_account u SET name = $3
WHERE u.email = $1 AND u.email_verified_at IS NULL AND u.platform_role IS NULL AND u.password_hash IS NULL AND u.disabled_at IS NULL
  AND NOT EXISTS (SELECT FROM member m WHERE m.user_id = u.id AND (m.accepted_at IS NOT NULL OR m.tenant_id = $2))
  AND NOT EXISTS (SELECT FROM external_identity e WHERE e.user_id = u.id)
  AND NOT EXISTS (SELECT FROM invitation i WHERE i.user_id = u.id AND i.used_at IS NULL AND i.mailed_at IS NULL AND i.expires_at > $4)
RETURNING u.id
"""
# Somebody who is asked in; with a password and a place among the platform's people only by ADD_USER, as the platform.
INVITE_USER = """
INSERT INTO user_account (id, email, name, locale, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""
# Whose address is named may be found by it, and whose token is shown by that (row level security).
NAME_EMAIL = "SELECT set_config('app.email', $1, true)"
SHOW_TOKEN = "SELECT set_config('app.token', $1, true)"  # noqa: S105 - a statement
# What an account that never proved its address was bound to: whoever bound it may have been anybody.
FORGET_UNPROVED = """
WITH unproved AS (
  SELECT id FROM user_account WHERE id = $1 AND email_verified_at IS NULL
), factors AS (
  DELETE FROM second_factor WHERE user_id IN (SELECT id FROM unproved)
), papers AS (
  DELETE FROM recovery_code WHERE user_id IN (SELECT id FROM unproved)
)
DELETE FROM passkey WHERE user_id IN (SELECT id FROM unproved)
"""
FORGET_SUBJECTS = "DELETE FROM external_identity WHERE user_id = $1"
# What was begun with the password that was: a step of signing in, a passkey or an app that waits for its answer. Whoever
# comes back with it would come in by a password that opens nothing any more.
END_BEGUN = """
WITH apps AS (
  DELETE FROM second_factor WHERE user_id = $1 AND confirmed_at IS NULL
)
DELETE FROM sign_in_challenge WHERE user_id = $1
"""
PERSON_BY_EMAIL = "SELECT id, disabled_at FROM user_account WHERE email = $1"
OWN_NAME = "SELECT name FROM user_account WHERE id = $1"
# As the platform: no merchant's transaction reads who may sign in, and how.
USER_BY_EMAIL = "SELECT id, name, password_hash, platform_role, locale, disabled_at FROM user_account WHERE email = $1"
USER_BY_ID = "SELECT id, email, name, password_hash, platform_role, locale, disabled_at FROM user_account WHERE id = $1"
SET_PASSWORD = "UPDATE user_account SET password_hash = $2 WHERE id = $1"  # noqa: S105 - a statement
# Of a password that was chosen anew meanwhile it leaves the hash alone.
RENEW_HASH = "UPDATE user_account SET password_hash = $3 WHERE id = $1 AND password_hash = $2"
# Where no mail proved the address ($4), somebody else may hold the token: for an account that opens another tenant already,
# as one that a provider vouches for does, they choose nothing.
CHOOSE_PASSWORD = """
UPDATE user_account SET password_hash = $2, name = coalesce($3, name)
WHERE id = $1 AND password_hash IS NULL AND platform_role IS NULL AND ($4::boolean OR NOT EXISTS (
  SELECT FROM member m WHERE m.user_id = $1 AND m.tenant_id <> $5 AND m.accepted_at IS NOT NULL AND m.disabled_at IS NULL
))
"""  # noqa: S105

EMAIL_VERIFIED = "UPDATE user_account SET email_verified_at = coalesce(email_verified_at, $2) WHERE id = $1"
# Of nobody's account it makes nothing, by the same statement.
ADD_RESET = """
INSERT INTO password_reset (id, token_hash, user_id, created_at, expires_at)
SELECT $1::uuid, $2::bytea, id, $4::timestamptz, $5::timestamptz FROM user_account WHERE id = $3
"""
FIND_RESET = """
SELECT id, user_id, mailed_at FROM password_reset WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2
"""
USE_RESET = "UPDATE password_reset SET used_at = $2 WHERE id = $1 AND used_at IS NULL"
# A password that was chosen ends every token, and so does one that the platform's people issue. That somebody asks again ends
# none that was mailed: whoever asks may be anybody. Those that never left are of no use to anyone after a while ($2).
END_UNSENT_RESETS = """
UPDATE password_reset SET used_at = $3 WHERE user_id = $1 AND used_at IS NULL AND mailed_at IS NULL AND created_at < $2
"""
END_RESETS = "UPDATE password_reset SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL"

# Members. The name of an account is its owner's to tell: it shows once they have accepted.

_MEMBER = """
SELECT m.id, m.tenant_id, m.user_id, u.email, CASE WHEN m.accepted_at IS NOT NULL THEN u.name END AS name,
       m.role, m.created_at, m.accepted_at, m.version
FROM member m JOIN user_account u ON u.id = m.user_id
WHERE m.tenant_id = $1 AND m.disabled_at IS NULL
"""
MEMBER = _MEMBER + " AND m.id = $2"
MEMBERS_BY_IDS = _MEMBER + " AND m.id = ANY($2::uuid[])"
LIST_MEMBERS = _MEMBER + " AND ($2::uuid IS NULL OR m.id > $2) ORDER BY m.id LIMIT $3"
# Everybody of the tenant is locked, in one order, so that two owners cannot remove each other at the same time.
LOCK_MEMBERS = """
SELECT id, user_id, role, accepted_at, version FROM member
WHERE tenant_id = $1 AND disabled_at IS NULL ORDER BY id FOR UPDATE
"""
FIND_MEMBER = "SELECT id, disabled_at FROM member WHERE tenant_id = $1 AND user_id = $2 FOR UPDATE"
ADD_MEMBER = (
    "INSERT INTO member (id, tenant_id, user_id, role, created_at, accepted_at) VALUES ($1, $2, $3, $4, $5, $6)"
)
REVIVE_MEMBER = """
UPDATE member SET role = $2, created_at = $3, accepted_at = $4, disabled_at = NULL, version = version + 1 WHERE id = $1
"""
SET_ROLE = "UPDATE member SET role = $2, version = version + 1 WHERE id = $1"
# The seat is of whom and where the invitation says, or nobody's.
ACCEPT = """
UPDATE member SET accepted_at = $2, version = version + 1
WHERE id = $1 AND user_id = $3 AND tenant_id = $4 AND accepted_at IS NULL AND disabled_at IS NULL
"""
DISABLE_MEMBER = "UPDATE member SET disabled_at = $2, version = version + 1 WHERE id = $1"
# As the person itself, over tenants: the policy shows one's own rows.
MEMBERSHIPS = """
SELECT id, tenant_id, role FROM member
WHERE user_id = $1 AND disabled_at IS NULL AND accepted_at IS NOT NULL ORDER BY created_at, id
"""

ADD_INVITATION = """
INSERT INTO invitation (id, token_hash, tenant_id, member_id, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
FIND_INVITATION = """
SELECT id, tenant_id, member_id, user_id, mailed_at FROM invitation WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2
"""
USE_INVITATION = "UPDATE invitation SET used_at = $2 WHERE id = $1 AND used_at IS NULL"
END_INVITATIONS = "UPDATE invitation SET used_at = $2 WHERE member_id = $1 AND used_at IS NULL"

# What people prove themselves with; as the platform, as all of this.

FACTORS = """
SELECT EXISTS (SELECT 1 FROM second_factor WHERE user_id = $1 AND confirmed_at IS NOT NULL) AS app,
       EXISTS (SELECT 1 FROM passkey WHERE user_id = $1) AS passkey,
       (SELECT count(*) FROM recovery_code WHERE user_id = $1 AND used_at IS NULL) AS codes_left
"""
REQUIRE_FACTOR = """
UPDATE tenant SET second_factor_required = $2, version = version + 1 WHERE id = $1 AND second_factor_required <> $2
"""
FACTOR_REQUIRED = "SELECT second_factor_required FROM tenant WHERE id = $1"
# Whether somebody was signed in with this browser or program lately, or never before anywhere.
KNOWN_PLACE = """
SELECT coalesce(bool_or(user_agent IS NOT DISTINCT FROM $2), true) FROM session WHERE user_id = $1
"""
PUT_FACTOR = """
INSERT INTO second_factor (user_id, secret_sealed, created_at) VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO UPDATE SET secret_sealed = excluded.secret_sealed, created_at = excluded.created_at, step = 0
WHERE second_factor.confirmed_at IS NULL
"""
FACTOR = "SELECT secret_sealed, confirmed_at, created_at FROM second_factor WHERE user_id = $1"
CONFIRM_FACTOR = """
UPDATE second_factor SET confirmed_at = $3, step = $2 WHERE user_id = $1 AND confirmed_at IS NULL AND step < $2
"""
# Of two who show the same code at the same moment one is right.
TAKE_STEP = "UPDATE second_factor SET step = $2 WHERE user_id = $1 AND confirmed_at IS NOT NULL AND step < $2"
REMOVE_FACTOR = "DELETE FROM second_factor WHERE user_id = $1"
ADD_RECOVERY = (
    "INSERT INTO recovery_code (code_hash, user_id, created_at) SELECT h, $2, $3 FROM unnest($1::bytea[]) AS c(h)"
)
REMOVE_RECOVERY = "DELETE FROM recovery_code WHERE user_id = $1"
USE_RECOVERY = "UPDATE recovery_code SET used_at = $3 WHERE code_hash = $1 AND user_id = $2 AND used_at IS NULL"
VERIFIED_AT = "SELECT verified_at FROM session WHERE id = $1"
# Locked, so that a session that is being ended either has ended or waits.
LIVE_SESSION = """
SELECT id FROM session WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3 FOR UPDATE
"""
VERIFY_SESSION = "UPDATE session SET verified_at = $2 WHERE id = $1 AND revoked_at IS NULL"

ADD_CHALLENGE = """
INSERT INTO sign_in_challenge (id, purpose, user_id, tenant_id, provider_id, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
TRY_CHALLENGE = """
UPDATE sign_in_challenge SET attempts = attempts + 1
WHERE id = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3 AND attempts < $4
RETURNING user_id, tenant_id, provider_id
"""
USE_CHALLENGE = """
UPDATE sign_in_challenge SET used_at = $3 WHERE id = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3
RETURNING user_id, tenant_id, provider_id
"""
SWEEP_CHALLENGES = "DELETE FROM sign_in_challenge WHERE expires_at < $1"

ADD_PASSKEY = """
INSERT INTO passkey (id, user_id, credential_id, public_key, sign_count, name, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING
"""
LOCK_USER = "SELECT id FROM user_account WHERE id = $1 FOR UPDATE"
PASSKEYS = """
SELECT id, credential_id, name, created_at, last_used_at FROM passkey WHERE user_id = $1 ORDER BY created_at, id
"""
FIND_PASSKEY = """
SELECT p.id, p.user_id, p.public_key, p.sign_count, u.platform_role FROM passkey p JOIN user_account u ON u.id = p.user_id
WHERE p.credential_id = $1 AND u.disabled_at IS NULL
"""
# A counter that does not go up was copied; one that stays at 0 counts nothing.
PASSKEY_USED = """
UPDATE passkey SET sign_count = $2, last_used_at = $3 WHERE id = $1 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))
"""
RENAME_PASSKEY = "UPDATE passkey SET name = $3 WHERE id = $1 AND user_id = $2"
REMOVE_PASSKEY = "DELETE FROM passkey WHERE id = $1 AND user_id = $2"

# What waits to be mailed, as long as it still holds.

INVITATION_TO_MAIL = """
SELECT u.email, u.locale, t.name AS tenant, i.tenant_id FROM invitation i
JOIN user_account u ON u.id = i.user_id JOIN tenant t ON t.id = i.tenant_id
WHERE i.id = $1 AND i.mailed_at IS NULL AND i.used_at IS NULL AND i.expires_at > $2 AND u.disabled_at IS NULL
"""
INVITATION_MAILED = "UPDATE invitation SET mailed_at = $2 WHERE id = $1"
RESET_TO_MAIL = """
SELECT u.email, u.locale FROM password_reset r JOIN user_account u ON u.id = r.user_id
WHERE r.id = $1 AND r.mailed_at IS NULL AND r.used_at IS NULL AND r.expires_at > $2 AND u.disabled_at IS NULL
"""
RESET_MAILED = "UPDATE password_reset SET mailed_at = $2 WHERE id = $1"
SESSION_TO_MAIL = """
SELECT u.email, u.locale, s.created_at, s.ip, s.user_agent FROM session s JOIN user_account u ON u.id = s.user_id
WHERE s.id = $1 AND s.expires_at > $2 AND u.disabled_at IS NULL
"""
OWNERS_TO_MAIL = """
SELECT u.id, u.email, u.locale, t.name AS tenant FROM member m JOIN user_account u ON u.id = m.user_id JOIN tenant t ON t.id = m.tenant_id
WHERE m.tenant_id = $1 AND m.role = 'OWNER' AND m.accepted_at IS NOT NULL AND m.disabled_at IS NULL AND u.disabled_at IS NULL
ORDER BY u.id
"""
PERSON_TO_MAIL = "SELECT email, locale FROM user_account WHERE id = $1 AND disabled_at IS NULL AND created_at < $2"

# Providers; a tenant sees its own, the platform's people the platform's, and who signs in is read as the platform.

_PROVIDER = "id, tenant_id, title, issuer, client_id, domains, join_role, enabled, created_at"
PROVIDER = f"SELECT {_PROVIDER} FROM identity_provider WHERE id = $1"
PROVIDERS = f"SELECT {_PROVIDER} FROM identity_provider WHERE tenant_id IS NOT DISTINCT FROM $1 ORDER BY id"
PROVIDERS_OFFERED = f"""
SELECT {_PROVIDER} FROM identity_provider WHERE enabled AND (tenant_id IS NULL OR tenant_id = $1) ORDER BY id
"""
PROVIDER_TO_USE = f"SELECT {_PROVIDER}, client_secret_sealed FROM identity_provider WHERE id = $1 AND enabled"
ADD_PROVIDER = """
INSERT INTO identity_provider (id, tenant_id, title, issuer, client_id, client_secret_sealed, domains, join_role, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
"""
REMOVE_PROVIDER = "DELETE FROM identity_provider WHERE id = $1 AND tenant_id IS NOT DISTINCT FROM $2"
USER_BY_SUBJECT = """
SELECT u.id, u.platform_role, u.disabled_at FROM external_identity e JOIN user_account u ON u.id = e.user_id
WHERE e.provider_id = $1 AND e.subject = $2
"""
ADD_SUBJECT = """
INSERT INTO external_identity (provider_id, subject, user_id, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
SEAT_OF = """
SELECT id FROM member WHERE tenant_id = $1 AND user_id = $2 AND accepted_at IS NOT NULL AND disabled_at IS NULL
"""

# Break glass

_GLASS = "SELECT id, tenant_id, user_name, reason, created_at, expires_at, ended_at FROM break_glass"
GLASS = _GLASS + " WHERE id = $1"
GLASS_BY_IDS = _GLASS + " WHERE id = ANY($1::uuid[]) AND tenant_id = $2"
LIST_GLASS = (
    _GLASS
    + """
WHERE tenant_id = $1 AND (NOT $2::boolean OR (ended_at IS NULL AND expires_at > $3)) AND ($4::uuid IS NULL OR id < $4)
ORDER BY id DESC LIMIT $5
"""
)
ADD_GLASS = """
INSERT INTO break_glass (id, tenant_id, user_id, user_name, reason, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
END_GLASS = "UPDATE break_glass SET ended_at = $2, ended_by = $3 WHERE id = $1 AND ended_at IS NULL AND expires_at > $2"
END_GLASS_SESSIONS = "UPDATE session SET revoked_at = $2 WHERE break_glass_id = $1 AND revoked_at IS NULL"
GLASS_STANDING = """
SELECT u.platform_role FROM break_glass g JOIN user_account u ON u.id = g.user_id
WHERE g.id = $1 AND g.user_id = $2 AND g.ended_at IS NULL AND g.expires_at > $3 AND u.disabled_at IS NULL AND u.platform_role = 'ADMIN'
"""

# API clients

_CLIENT = """
SELECT id, tenant_id, client_id, name, customer_id, scopes, networks, created_at, last_used_at, expires_at, previous_until,
       suspended_at, awaits_consent, revoked_at
FROM api_client
"""
CLIENT = _CLIENT + " WHERE id = $1"
CLIENTS_BY_IDS = _CLIENT + " WHERE id = ANY($1::uuid[])"
LIST_CLIENTS = _CLIENT + " WHERE ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2"
LIST_OWN_CLIENTS = _CLIENT + " WHERE customer_id = $3 AND ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2"
COUNT_CLIENTS = """
SELECT count(*) FROM api_client WHERE revoked_at IS NULL AND customer_id IS NOT DISTINCT FROM $1
"""
ADD_CLIENT = """
INSERT INTO api_client (id, tenant_id, client_id, secret_hash, name, customer_id, scopes, created_at, networks, expires_at,
                        awaits_consent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
CLIENT_APPROVED = "UPDATE api_client SET awaits_consent = false WHERE id = $1 AND awaits_consent"
ROTATE_CLIENT = """
UPDATE api_client SET previous_hash = secret_hash, previous_until = $3, secret_hash = $2 WHERE id = $1
"""
RESTRICT_CLIENT = "UPDATE api_client SET networks = $2, expires_at = $3, noticed_at = NULL WHERE id = $1"
SUSPEND_CLIENTS = "UPDATE api_client SET suspended_at = $2 WHERE customer_id = $1 AND suspended_at IS NULL"
RESUME_CLIENTS = "UPDATE api_client SET suspended_at = NULL WHERE customer_id = $1"
END_CLIENT_SESSIONS = """
UPDATE session s SET revoked_at = $2 FROM api_client c
WHERE c.id = s.api_client_id AND c.customer_id = $1 AND s.revoked_at IS NULL
"""
# As the platform: whose machines end soon and were not told. Told is written down as the tenant.
CLIENTS_ENDING = """
SELECT id, tenant_id FROM api_client
WHERE expires_at < $1 AND expires_at > $2 AND noticed_at IS NULL AND revoked_at IS NULL ORDER BY expires_at, id LIMIT $3
"""
CLIENT_NOTICED = "UPDATE api_client SET noticed_at = $2 WHERE id = $1 AND noticed_at IS NULL AND revoked_at IS NULL"
CLIENT_BY_PUBLIC_ID = """
SELECT c.id, c.secret_hash, CASE WHEN c.previous_until > $2 THEN c.previous_hash END AS previous_hash, c.customer_id,
       c.scopes, c.networks, c.expires_at, t.state
FROM api_client c JOIN tenant t ON t.id = c.tenant_id
WHERE c.client_id = $1 AND c.revoked_at IS NULL AND c.suspended_at IS NULL AND NOT c.awaits_consent
  AND (c.expires_at IS NULL OR c.expires_at > $2)
"""
REVOKE_CLIENT = "UPDATE api_client SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"
# A buyer's, whole; the doors of their public ids are shut with them.
REVOKE_CLIENTS = """
WITH ended AS (
  UPDATE api_client SET revoked_at = $2 WHERE customer_id = $1 AND revoked_at IS NULL RETURNING id, tenant_id, client_id
), shut AS (
  DELETE FROM tenant_door d USING ended e WHERE d.kind = 'API_CLIENT' AND d.name = e.client_id AND d.tenant_id = e.tenant_id
)
SELECT id FROM ended ORDER BY id
"""
CLIENT_USED = "UPDATE api_client SET last_used_at = $2 WHERE id = $1"

ACTOR_NAMES = """
SELECT id, name FROM user_account WHERE id = ANY($1::uuid[])
UNION ALL SELECT id, name FROM api_client WHERE id = ANY($1::uuid[])
"""

# Sessions

ADD_SESSION = """
INSERT INTO session (id, token_hash, kind, tenant_id, user_id, member_id, customer_id, api_client_id, scopes,
                     created_at, used_at, expires_at, ip, user_agent, verified_at, break_glass_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13, $14, $15)
"""
FIND_SESSION = """
SELECT id, kind, tenant_id, user_id, member_id, customer_id, api_client_id, scopes, used_at, expires_at, verified_at,
       break_glass_id
FROM session WHERE token_hash = $1 AND revoked_at IS NULL
"""
TOUCH_SESSION = "UPDATE session SET used_at = $2 WHERE id = $1 AND used_at < $3"
END_SESSION = "UPDATE session SET revoked_at = $2 WHERE token_hash = $1 AND revoked_at IS NULL"
# Whose sessions: a person's, a customer's, a member's, an API client's; the one that is asked for is not null.
_WHOSE = "(user_id = $1 OR customer_id = $2 OR member_id = $3 OR api_client_id = $4)"
END_SESSIONS = f"""
UPDATE session SET revoked_at = $5 WHERE {_WHOSE} AND revoked_at IS NULL AND id IS DISTINCT FROM $6
"""
SESSION = "SELECT id, tenant_id, user_id, customer_id, revoked_at FROM session WHERE id = $1"
# Locked, so that one that is being ended either has ended or waits.
ENDED_SESSION = "SELECT revoked_at IS NOT NULL FROM session WHERE id = $1 FOR UPDATE"
REVOKE_SESSION = "UPDATE session SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"
_LIVE_OWN = """
SELECT id, kind, tenant_id, created_at, used_at, expires_at, ip, user_agent, verified_at FROM session
WHERE (user_id = $1 OR customer_id = $2) AND ($3::uuid IS NULL OR tenant_id = $3)
  AND revoked_at IS NULL AND expires_at > $4 AND used_at > $5
"""
OWN_SESSION = _LIVE_OWN + " AND id = $6"
LIST_SESSIONS = _LIVE_OWN + " AND ($6::uuid IS NULL OR id < $6) ORDER BY id DESC LIMIT $7"
END_OTHER_SESSIONS = """
UPDATE session SET revoked_at = $4
WHERE (user_id = $1 OR customer_id = $2) AND ($3::uuid IS NULL OR tenant_id = $3) AND revoked_at IS NULL AND id <> $5
"""
_HAS_FACTOR = """
(EXISTS (SELECT 1 FROM second_factor f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL)
 OR EXISTS (SELECT 1 FROM passkey p WHERE p.user_id = u.id)) AS has_factor
"""
USER_STANDING = f"""
SELECT u.platform_role, {_HAS_FACTOR} FROM user_account u WHERE u.id = $1 AND u.disabled_at IS NULL
"""
MEMBER_STANDING = f"""
SELECT m.role, t.state, t.second_factor_required, {_HAS_FACTOR} FROM member m JOIN user_account u ON u.id = m.user_id JOIN tenant t ON t.id = m.tenant_id
WHERE m.id = $1 AND m.disabled_at IS NULL AND m.accepted_at IS NOT NULL AND u.disabled_at IS NULL
"""
CLIENT_STANDING = """
SELECT c.customer_id, c.networks, t.state FROM api_client c JOIN tenant t ON t.id = c.tenant_id
WHERE c.id = $1 AND c.revoked_at IS NULL AND c.suspended_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $2)
"""

# What is over for long may go.
SWEEP_SESSIONS = "DELETE FROM session WHERE expires_at < $1"
SWEEP_ATTEMPTS = "DELETE FROM sign_in_attempt WHERE since < $1"
SWEEP_RESETS = "DELETE FROM password_reset WHERE expires_at < $1"
SWEEP_INVITATIONS = "DELETE FROM invitation WHERE expires_at < $1"
