"""Every SQL statement of customers."""

_CUSTOMER = """
SELECT id, tenant_id, kind, name, contact_masked, contact_verified_at, created_at, blocked_at, blocked_reason FROM customer
"""
GET = _CUSTOMER + " WHERE id = $1"
BY_IDS = _CUSTOMER + " WHERE id = ANY($1::uuid[])"
LIST = (
    _CUSTOMER
    + """
WHERE ($1::uuid IS NULL OR id < $1) AND ($2::bytea IS NULL OR contact_lookup = $2) AND ($3::text IS NULL OR kind = $3)
ORDER BY id DESC LIMIT $4
"""
)
ADD = """
INSERT INTO customer (id, tenant_id, kind, name, contact_lookup, contact_sealed, contact_masked, password_hash, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, contact_lookup, kind) DO NOTHING
"""
FIND_BY_CONTACT = "SELECT id FROM customer WHERE contact_lookup = $1 AND kind = $2"
CREDENTIALS = "SELECT id, password_hash, blocked_at FROM customer WHERE contact_lookup = $1 AND kind = 'REGISTERED'"
PASSWORD = "SELECT password_hash FROM customer WHERE id = $1"  # noqa: S105 - a statement
SET_PASSWORD = "UPDATE customer SET password_hash = $2 WHERE id = $1"  # noqa: S105
SEALED_CONTACT = "SELECT contact_sealed FROM customer WHERE id = $1"
BLOCKED = "SELECT blocked_at IS NOT NULL FROM customer WHERE id = $1"
KIND = "SELECT kind FROM customer WHERE id = $1"
BLOCK = "UPDATE customer SET blocked_at = $2, blocked_reason = $3 WHERE id = $1 AND blocked_at IS NULL"
UNBLOCK = "UPDATE customer SET blocked_at = NULL, blocked_reason = NULL WHERE id = $1 AND blocked_at IS NOT NULL"

# Tokens that were sent to contacts.
# Asking again ends none that was sent, since anybody may ask; those that never left are of no use after a while ($3).
END_UNSENT_PROOFS = """
UPDATE customer_proof SET used_at = $4
WHERE customer_id = $1 AND purpose = $2 AND used_at IS NULL AND mailed_at IS NULL AND created_at < $3
"""
END_PROOFS = "UPDATE customer_proof SET used_at = $3 WHERE customer_id = $1 AND purpose = $2 AND used_at IS NULL"
# Of nobody's account it makes nothing, by the same statement.
ADD_PROOF = """
INSERT INTO customer_proof (id, tenant_id, customer_id, purpose, locale, created_at, expires_at)
SELECT $1::uuid, $2::uuid, id, $4::text, $5::text, $6::timestamptz, $7::timestamptz FROM customer WHERE id = $3
"""
# As the platform, since a token names no tenant.
FIND_PROOF = """
SELECT id, tenant_id, customer_id FROM customer_proof WHERE id = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3
"""
USE_PROOF = "UPDATE customer_proof SET used_at = $2 WHERE id = $1 AND used_at IS NULL"
# Whether somebody has used an account whose contact nobody had proved; locked before it is.
UNPROVED = """
SELECT contact_verified_at IS NULL AND password_hash IS NOT NULL FROM customer WHERE id = $1 FOR UPDATE
"""
CONTACT_VERIFIED = "UPDATE customer SET contact_verified_at = $2 WHERE id = $1"
PROOF_TO_MAIL = """
SELECT p.customer_id, p.purpose, p.locale, coalesce(m.display_name, t.name) AS tenant
FROM customer_proof p JOIN tenant t ON t.id = p.tenant_id LEFT JOIN merchant_profile m ON m.tenant_id = p.tenant_id
WHERE p.id = $1 AND p.mailed_at IS NULL AND p.used_at IS NULL AND p.expires_at > $2
"""
PROOF_MAILED = "UPDATE customer_proof SET mailed_at = $2 WHERE id = $1"
