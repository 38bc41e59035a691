"""Every SQL statement of withdrawals."""

_DESTINATION = "id, kind, masked, added_at, usable_from, removed_at"
DESTINATIONS = f"""
SELECT {_DESTINATION} FROM withdrawal_destination WHERE tenant_id = $1 AND removed_at IS NULL ORDER BY id DESC LIMIT $2
"""
DESTINATIONS_BY_IDS = f"SELECT {_DESTINATION} FROM withdrawal_destination WHERE id = ANY($1::uuid[])"
DESTINATION = (
    f"SELECT {_DESTINATION} FROM withdrawal_destination WHERE id = $1 AND tenant_id = $2 AND removed_at IS NULL"
)
COUNT_DESTINATIONS = "SELECT count(*) FROM withdrawal_destination WHERE tenant_id = $1 AND removed_at IS NULL"
ADD_DESTINATION = """
INSERT INTO withdrawal_destination (id, tenant_id, kind, masked, payee_sealed, added_by, added_at, usable_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
REMOVE_DESTINATION = """
UPDATE withdrawal_destination SET removed_at = $3 WHERE id = $1 AND tenant_id = $2 AND removed_at IS NULL
"""
PAYEE = "SELECT payee_sealed FROM withdrawal_destination WHERE id = $1 AND tenant_id = $2"

_WITHDRAWAL = """
SELECT id, tenant_id, destination_id, currency, amount_minor, state, transfer_id, requested_by, requested_at, approved_by, approved_at,
  bank_reference, refusal, closed_at, version
FROM withdrawal
"""
BY_IDS = f"{_WITHDRAWAL} WHERE id = ANY($1::uuid[]) AND ($2::uuid IS NULL OR tenant_id = $2)"
# What two do to one withdrawal at once, the second does to what the first left.
LOCK = f"{_WITHDRAWAL} WHERE id = $1 AND ($2::uuid IS NULL OR tenant_id = $2) FOR NO KEY UPDATE"
# Newest first; `$2` is the last id of the page before, or null.
LIST = f"{_WITHDRAWAL} WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"
# Of all merchants, those that wait the oldest first: that is the order of the work.
WAITING = f"""
{_WITHDRAWAL} WHERE state IN ('REQUESTED', 'APPROVED') AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2
"""
ALL = f"{_WITHDRAWAL} WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2"
COUNT_OPEN = """
SELECT count(*) FROM withdrawal WHERE tenant_id = $1 AND currency = $2 AND state IN ('REQUESTED', 'APPROVED')
"""
ADD = """
INSERT INTO withdrawal (id, tenant_id, destination_id, currency, amount_minor, state, transfer_id, requested_by, requested_at)
VALUES ($1, $2, $3, $4, $5, 'REQUESTED', $6, $7, $8)
"""
APPROVED = """
UPDATE withdrawal SET state = 'APPROVED', approved_by = $2, approved_at = $3, version = version + 1 WHERE id = $1
"""
CLOSED = """
UPDATE withdrawal SET state = $2, bank_reference = $3, refusal = $4, closed_by = $5, closed_at = $6, version = version + 1 WHERE id = $1
"""
# What the last payout left, what the next one takes back, and what is owed to suppliers and due, by currency: who asks for money just after
# a refund, or just before it is drawn, asks for less.
OWED = """
SELECT currency, sum(minor)::bigint AS minor FROM (
  SELECT currency, carried_minor AS minor FROM settlement_account WHERE tenant_id = $1
  UNION ALL
  SELECT r.currency, r.fee_minor + r.credit_minor - r.amount_minor FROM hop_refund r JOIN hop h ON h.id = r.hop_id
  WHERE r.seller_tenant_id = $1 AND r.settled_at IS NULL AND h.settled_at IS NOT NULL
  UNION ALL
  SELECT currency, amount_minor FROM commission
  WHERE tenant_id = $1 AND settled_at IS NULL AND refund_id IS NOT NULL AND amount_minor < 0 AND due_at <= $2
  UNION ALL
  SELECT h.currency, h.cleared_minor - h.credit_minor FROM agreement_use u JOIN hop h ON h.agreement_id = u.agreement_id
  WHERE u.reseller_tenant_id = $1 AND u.credit_used_minor > 0 AND h.credit_minor > h.cleared_minor AND h.settles_at <= $2
) owed GROUP BY currency
"""
