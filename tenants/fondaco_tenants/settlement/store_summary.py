"""The SQL of what a merchant has and is to get."""

CARRIED = "SELECT currency, carried_minor AS minor FROM settlement_account WHERE tenant_id = $1"
WITHDRAWING = """
SELECT currency, sum(amount_minor)::bigint AS minor FROM withdrawal
WHERE tenant_id = $1 AND state IN ('REQUESTED', 'APPROVED') GROUP BY currency
"""
# By the day (UTC) on which it becomes due; what is overdue by now is due today. Commission counts as what it brings, or costs,
# what was bought on credit as what was repaid of it.
DUE = """
SELECT currency, (greatest(due_at, $2) AT TIME ZONE 'UTC')::date AS day, sum(minor)::bigint AS minor FROM (
  SELECT h.currency, h.settles_at AS due_at, h.unit_price_minor * h.quantity - h.fee_minor - h.credit_minor + back.minor AS minor
  FROM hop h CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.fee_minor + r.credit_minor - r.amount_minor), 0)::bigint AS minor FROM hop_refund r
    WHERE r.hop_id = h.id AND r.settled_at IS NULL
  ) back
  WHERE h.seller_tenant_id = $1 AND h.settled_at IS NULL AND h.settles_at < $3
  UNION ALL
  SELECT currency, due_at, amount_minor FROM commission WHERE tenant_id = $1 AND settled_at IS NULL AND due_at < $3
  UNION ALL
  SELECT c.currency, greatest(c.repaid_at, h.settles_at), c.amount_minor FROM credit_repayment c JOIN hop h ON h.id = c.hop_id
  WHERE c.supplier_tenant_id = $1 AND c.settled_at IS NULL AND h.settles_at < $3
) due
GROUP BY 1, 2 ORDER BY 1, 2
"""
