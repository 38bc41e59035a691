"""Every SQL statement of settlement."""

# Whom something is due to: sales, commission, refunds and repayments of what was settled, and what is carried where a wallet has money for it.
# Of sales, each seller's oldest is looked at and no other, from one seller in the index to the next.
DUE = """
WITH RECURSIVE seller AS (
  (SELECT seller_tenant_id, currency, settles_at FROM hop WHERE settled_at IS NULL AND settles_at IS NOT NULL
   ORDER BY seller_tenant_id, currency, settles_at LIMIT 1)
  UNION ALL
  SELECT n.* FROM seller s CROSS JOIN LATERAL (
    SELECT h.seller_tenant_id, h.currency, h.settles_at FROM hop h
    WHERE h.settled_at IS NULL AND h.settles_at IS NOT NULL
      AND (h.seller_tenant_id, h.currency) > (s.seller_tenant_id, s.currency)
    ORDER BY h.seller_tenant_id, h.currency, h.settles_at LIMIT 1
  ) n
)
SELECT seller_tenant_id AS tenant_id, currency FROM seller WHERE settles_at <= $1
UNION SELECT r.seller_tenant_id, r.currency FROM hop_refund r JOIN hop h ON h.id = r.hop_id
WHERE r.settled_at IS NULL AND h.settled_at IS NOT NULL
UNION SELECT c.supplier_tenant_id, c.currency FROM credit_repayment c JOIN hop h ON h.id = c.hop_id
WHERE c.settled_at IS NULL AND h.settled_at IS NOT NULL
UNION SELECT tenant_id, currency FROM commission WHERE settled_at IS NULL AND due_at <= $1
UNION SELECT s.tenant_id, s.currency FROM settlement_account s
LEFT JOIN ledger_account w ON w.tenant_id = s.tenant_id AND w.customer_id IS NULL AND w.kind = 'WALLET' AND w.currency = s.currency
WHERE s.carried_minor > 0 OR (s.carried_minor < 0 AND w.posted_minor - w.pending_minor - w.floor_minor > 0)
ORDER BY tenant_id, currency
"""

OPEN = "INSERT INTO settlement_account (tenant_id, currency) VALUES ($1, $2) ON CONFLICT DO NOTHING"
# Who settles a merchant is alone with it until it commits; nothing else is locked before.
LOCK = "SELECT carried_minor FROM settlement_account WHERE tenant_id = $1 AND currency = $2 FOR NO KEY UPDATE"
CARRY = "UPDATE settlement_account SET carried_minor = $3 WHERE tenant_id = $1 AND currency = $2"

TAKE_HOPS = """
UPDATE hop h SET settled_at = $3 FROM (
  SELECT id FROM hop WHERE seller_tenant_id = $1 AND currency = $2 AND settled_at IS NULL AND settles_at <= $3
  ORDER BY settles_at, id LIMIT $4 FOR NO KEY UPDATE
) due WHERE h.id = due.id
RETURNING h.id, h.unit_price_minor * h.quantity - h.fee_minor - h.credit_minor AS amount_minor, h.settles_at AS due_at
"""
# Refunds of what is settled by now: also of the hops above, which were due net of them.
TAKE_REFUNDS = """
UPDATE hop_refund r SET settled_at = $3 FROM (
  SELECT x.id FROM hop_refund x JOIN hop h ON h.id = x.hop_id
  WHERE x.seller_tenant_id = $1 AND x.currency = $2 AND x.settled_at IS NULL AND h.settled_at IS NOT NULL
  ORDER BY x.id FOR NO KEY UPDATE OF x
) due WHERE r.id = due.id
RETURNING r.id, r.fee_minor + r.credit_minor - r.amount_minor AS amount_minor, r.refunded_at AS due_at
"""
# What was repaid of what is settled by now: the hops above were due without what was owed.
TAKE_REPAYMENTS = """
UPDATE credit_repayment c SET settled_at = $3 FROM (
  SELECT x.id FROM credit_repayment x JOIN hop h ON h.id = x.hop_id
  WHERE x.supplier_tenant_id = $1 AND x.currency = $2 AND x.settled_at IS NULL AND h.settled_at IS NOT NULL
  ORDER BY x.id LIMIT $4 FOR NO KEY UPDATE OF x
) due WHERE c.id = due.id
RETURNING c.id, c.amount_minor, c.repaid_at AS due_at
"""

# Commission, got and paid, that counts by now.
TAKE_COMMISSIONS = """
UPDATE commission c SET settled_at = $3 FROM (
  SELECT id FROM commission WHERE tenant_id = $1 AND currency = $2 AND settled_at IS NULL AND due_at <= $3
  ORDER BY due_at, id LIMIT $4 FOR NO KEY UPDATE
) due WHERE c.id = due.id
RETURNING c.id, c.amount_minor, c.due_at
"""

ADD_PAYOUT = """
INSERT INTO payout (id, tenant_id, currency, amount_minor, hops, refunds, repayments, transfer_id, since, until, paid_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
ADD_ITEMS = """
INSERT INTO payout_item (payout_id, tenant_id, item_id, kind, amount_minor)
SELECT $1, $2, * FROM unnest($3::uuid[], $4::text[], $5::bigint[])
"""

# Newest first; `$2` is the last id of the page before, or null.
LIST = """
SELECT id, currency, amount_minor, hops, refunds, repayments, transfer_id, since, until, paid_at FROM payout
WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""
