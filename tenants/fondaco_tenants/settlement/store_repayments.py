"""Every SQL statement about what merchants owe each other; as fondaco_trade, but for what one's own merchant reads."""

# Merchants that something is due from, and that have money: whoever is drawn from is drawn from until either is at its end.
DUE_RESELLERS = """
SELECT w.tenant_id, w.currency FROM (
  SELECT DISTINCT u.reseller_tenant_id, due.currency FROM agreement_use u CROSS JOIN LATERAL (
    SELECT h.currency FROM hop h
    WHERE h.agreement_id = u.agreement_id AND h.credit_minor > h.cleared_minor AND h.settles_at <= $1 ORDER BY h.settles_at, h.id LIMIT 1
  ) due WHERE u.credit_used_minor > 0
) d
JOIN ledger_account w ON w.tenant_id = d.reseller_tenant_id AND w.customer_id IS NULL AND w.kind = 'WALLET' AND w.currency = d.currency
WHERE w.posted_minor - w.pending_minor - w.floor_minor > 0
ORDER BY w.tenant_id, w.currency LIMIT $2
"""
# The oldest that a merchant owes and that is due, to whomever it owes it.
DUE_HOPS = """
SELECT h.id, h.agreement_id FROM agreement a JOIN agreement_use u ON u.agreement_id = a.id AND u.credit_used_minor > 0
CROSS JOIN LATERAL (
  SELECT x.id, x.agreement_id, x.settles_at FROM hop x
  WHERE x.agreement_id = a.id AND x.credit_minor > x.cleared_minor AND x.settles_at <= $3 AND x.currency = $2
  ORDER BY x.settles_at, x.id LIMIT $4
) h
WHERE a.reseller_tenant_id = $1 ORDER BY h.settles_at, h.id LIMIT $4
"""
# What of one agreement is owed, oldest first, until it is as much as asked for; also what is not due yet, but of no unpaid order.
OWED_HOPS = """
SELECT id FROM (
  SELECT h.id, sum(h.credit_minor - h.cleared_minor) OVER (ORDER BY h.settles_at, h.id) - (h.credit_minor - h.cleared_minor) AS before
  FROM hop h WHERE h.agreement_id = $1 AND h.credit_minor > h.cleared_minor AND h.settles_at IS NOT NULL
) h WHERE h.before < $2
"""
# The uses of agreements before hops, and hops before wallets: the order in which everybody locks them.
LOCK_USES = """
SELECT agreement_id FROM agreement_use WHERE agreement_id = ANY($1::uuid[]) ORDER BY agreement_id FOR NO KEY UPDATE
"""
LOCK_HOPS = """
SELECT id, agreement_id, seller_tenant_id, credit_minor - cleared_minor AS owed_minor FROM hop
WHERE id = ANY($1::uuid[]) AND credit_minor > cleared_minor ORDER BY settles_at, id FOR NO KEY UPDATE
"""
CLEAR = """
UPDATE hop h SET cleared_minor = h.cleared_minor + w.amount_minor FROM unnest($1::uuid[], $2::bigint[]) AS w(id, amount_minor)
WHERE h.id = w.id
"""
LOWER = """
UPDATE agreement_use u SET credit_used_minor = u.credit_used_minor - w.amount_minor
FROM unnest($1::uuid[], $2::bigint[]) AS w(agreement_id, amount_minor) WHERE u.agreement_id = w.agreement_id
"""
ADD = """
INSERT INTO credit_repayment (id, repayment_id, hop_id, agreement_id, supplier_tenant_id, amount_minor, reseller_tenant_id, currency, drawn, repaid_at)
SELECT w.*, $7, $8, $9, $10 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[]) AS w
"""

AGREEMENT_OF = "SELECT supplier_tenant_id FROM agreement WHERE id = $1 AND reseller_tenant_id = $2"
# What is owed by agreements: all of paid orders, what of that is due at `$2`, and what was so at `$3` already.
DEBTS = """
SELECT u.agreement_id, u.currency, coalesce(sum(h.owed), 0)::bigint AS owed_minor,
  coalesce(sum(h.owed) FILTER (WHERE h.settles_at <= $2), 0)::bigint AS due_minor,
  coalesce(sum(h.owed) FILTER (WHERE h.settles_at <= $3), 0)::bigint AS overdue_minor, min(h.settles_at) AS due_at
FROM agreement_use u LEFT JOIN LATERAL (
  SELECT credit_minor - cleared_minor AS owed, settles_at FROM hop
  WHERE agreement_id = u.agreement_id AND credit_minor > cleared_minor AND settles_at IS NOT NULL
) h ON true
WHERE u.agreement_id = ANY($1::uuid[]) AND u.currency IS NOT NULL GROUP BY u.agreement_id
"""
# What was paid at once, newest first; `$2` is the last one of the page before, or null.
LIST = """
SELECT repayment_id AS id, agreement_id, sum(amount_minor)::bigint AS amount_minor, currency, drawn, repaid_at FROM credit_repayment
WHERE agreement_id = $1 AND ($2::uuid IS NULL OR repayment_id < $2)
GROUP BY repayment_id, agreement_id, currency, drawn, repaid_at ORDER BY repayment_id DESC LIMIT $3
"""

# Agreements by which something is overdue, and of which nobody was told today.
UNTOLD = """
SELECT u.agreement_id FROM agreement_use u
WHERE u.credit_used_minor > 0 AND coalesce(u.overdue_told < $1, true) AND EXISTS (
  SELECT FROM hop h WHERE h.agreement_id = u.agreement_id AND h.credit_minor > h.cleared_minor AND h.settles_at <= $2
)
ORDER BY u.agreement_id LIMIT $3 FOR NO KEY UPDATE OF u
"""
TOLD = """
UPDATE agreement_use u SET overdue_told = $2 WHERE agreement_id = ANY($1::uuid[])
RETURNING u.agreement_id, u.supplier_tenant_id, u.reseller_tenant_id
"""
