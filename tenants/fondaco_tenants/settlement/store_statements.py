"""Every SQL statement of statements; as fondaco_trade, since what a transfer is for may be an order of somebody else."""

MINE = """
SELECT id, kind FROM ledger_account
WHERE tenant_id = $1 AND customer_id IS NULL AND currency = $2 AND kind IN ('WALLET', 'RECEIVABLE', 'CREDIT_USED')
"""

# What the merchant `$1` paid and what others paid it: each by an index of its own, in the order of the moments when it was posted. `$2` are
# its accounts: its customers' are none of them.
_OWN = "AND (t.debit_account_id = ANY($2::uuid[]) OR t.credit_account_id = ANY($2::uuid[]))"
_PAID = f"t.state = 'POSTED' AND t.payer_tenant_id = $1 {_OWN}"
_GOT = f"t.state = 'POSTED' AND t.payee_tenant_id = $1 AND t.payee_tenant_id IS DISTINCT FROM t.payer_tenant_id {_OWN}"
# What was bought on credit is paid out of one's own wallet and off one's own credit: the supplier stands in the repayment alone.
_REPAID = """(t.purpose = 'REPAYMENT' AND EXISTS (
  SELECT FROM agreement a JOIN credit_repayment c ON c.agreement_id = a.id AND c.repayment_id = t.reference_id
  WHERE a.reseller_tenant_id = $1 AND a.supplier_tenant_id = {partner}
))"""
_COLUMNS = "t.id, t.debit_account_id, t.credit_account_id, t.payer_tenant_id, t.payee_tenant_id, t.amount_minor, t.purpose, t.reference_id, t.resolved_at"


def _moved(bounds: str, *, partner: str | None) -> str:
    """The transfers within bounds; `partner` is the parameter that holds the one other party."""
    paid = "" if partner is None else f"AND (t.payee_tenant_id = {partner} OR {_REPAID.format(partner=partner)})"
    got = "" if partner is None else f"AND t.payer_tenant_id = {partner}"
    return f"""(
  (SELECT {_COLUMNS} FROM ledger_transfer t WHERE {_PAID} {paid} {bounds})
  UNION ALL (SELECT {_COLUMNS} FROM ledger_transfer t WHERE {_GOT} {got} {bounds})
)"""


# A transfer between two accounts of the merchant is a line of each.
_LINES = """
CROSS JOIN LATERAL (VALUES (m.debit_account_id, -1), (m.credit_account_id, 1)) AS e(account_id, sign)
JOIN unnest($2::uuid[], $3::text[]) AS mine(id, kind) ON mine.id = e.account_id
"""

# By account, purpose and direction between `$4` and `$5`; beside it, with no purpose, what came after, and what the accounts hold now.
# One statement, so that it is all of one moment.
SUMS = f"""
SELECT mine.kind, CASE WHEN m.resolved_at < $5 THEN m.purpose END AS purpose, e.sign, count(*)::int AS n, sum(m.amount_minor)::bigint AS amount_minor
FROM {_moved("AND t.resolved_at >= $4", partner=None)} m {_LINES}
GROUP BY 1, 2, 3
UNION ALL
SELECT a.kind, NULL, 0, 0, (a.posted_minor + CASE WHEN a.bounded THEN 0 ELSE coalesce((
    SELECT sum(t.amount_minor) FROM ledger_transfer t WHERE t.credit_account_id = a.id AND t.posted_xid >= a.rolled_up_to
  ), 0) - coalesce((
    SELECT sum(t.amount_minor) FROM ledger_transfer t WHERE t.debit_account_id = a.id AND t.posted_xid >= a.rolled_up_to
  ), 0) END)::bigint
FROM ledger_account a WHERE a.id = ANY($2::uuid[])
"""
# The same with one partner `$6`; with no purpose, what came before.
SUMS_WITH = f"""
SELECT mine.kind, CASE WHEN m.resolved_at >= $4 THEN m.purpose END AS purpose, e.sign, count(*)::int AS n, sum(m.amount_minor)::bigint AS amount_minor
FROM {_moved("AND t.resolved_at < $5", partner="$6")} m {_LINES}
GROUP BY 1, 2, 3
"""


def _rows(partner: str | None) -> str:
    """A page of `$8` lines in the order of time, past the line (`$4`, `$6`, `$7`), before `$5`."""
    bounds = (
        "AND (t.resolved_at, t.id) >= ($4, $6::uuid) AND t.resolved_at < $5 ORDER BY t.resolved_at, t.id LIMIT $8 + 1"
    )
    return f"""
SELECT l.*, o.code AS order_code, h.lot_id, h.sold FROM (
  SELECT m.id, m.resolved_at, m.purpose, m.reference_id, mine.kind, e.sign, e.sign * m.amount_minor AS amount_minor,
    CASE WHEN m.payer_tenant_id <> m.payee_tenant_id
      THEN CASE WHEN m.payer_tenant_id = $1 THEN m.payee_tenant_id ELSE m.payer_tenant_id END
      WHEN m.purpose = 'REPAYMENT' THEN (
        SELECT a.supplier_tenant_id FROM agreement a JOIN credit_repayment c ON c.agreement_id = a.id AND c.repayment_id = m.reference_id
        WHERE a.reseller_tenant_id = $1 LIMIT 1
      ) END AS partner_id
  FROM {_moved(bounds, partner=partner)} m {_LINES}
  WHERE (m.resolved_at, m.id, e.sign) > ($4, $6::uuid, $7::int)
  ORDER BY m.resolved_at, m.id, e.sign LIMIT $8
) l
LEFT JOIN LATERAL (
  SELECT o.id, CASE WHEN o.tenant_id = $1 THEN o.code END AS code FROM "order" o
  WHERE o.id = coalesce((SELECT r.order_id FROM refund r WHERE r.id = l.reference_id), l.reference_id)
) o ON l.purpose IN ('SALE', 'FEE', 'REFUND', 'FEE_REFUND')
-- What was sold between the two, as both know it: by its lot; of several, which one transfer paid together, the first.
LEFT JOIN LATERAL (
  SELECT h.lot_id, h.seller_tenant_id = $1 AS sold FROM hop h
  WHERE h.order_id = o.id AND h.depth > 0 AND CASE
    WHEN l.partner_id IS NULL THEN h.seller_tenant_id = $1
    WHEN (l.sign > 0) = (l.purpose = 'SALE') THEN h.seller_tenant_id = $1 AND h.buyer_tenant_id = l.partner_id
    ELSE h.buyer_tenant_id = $1 AND h.seller_tenant_id = l.partner_id
  END
  ORDER BY h.id LIMIT 1
) h ON true
ORDER BY l.resolved_at, l.id, l.sign
"""


ROWS = _rows(None)
ROWS_WITH = _rows("$9")

PARTNERS = "SELECT tenant_id, name FROM partner WHERE tenant_id = ANY($1::uuid[])"

_EXPORT = "id, state, format, currency, since, until, partner_id, rows, size, created_at, finished_at, expires_at"
GET_EXPORT = f"SELECT {_EXPORT} FROM statement_export WHERE id = $1"
LIST_EXPORTS = f"SELECT {_EXPORT} FROM statement_export WHERE tenant_id = $1 ORDER BY id DESC LIMIT $2"
COUNT_EXPORTS = "SELECT count(*) FROM statement_export WHERE tenant_id = $1 AND state <> 'EXPIRED'"
ADD_EXPORT = """
INSERT INTO statement_export (id, tenant_id, state, format, currency, since, until, partner_id, requested_by, created_at, expires_at)
VALUES ($1, $2, 'REQUESTED', $3, $4, $5, $6, $7, $8, $9, $10)
"""
FINISH_EXPORT = """
UPDATE statement_export SET state = 'READY', rows = $2, size = $3, finished_at = $4, expires_at = $5 WHERE id = $1 AND state = 'REQUESTED'
"""
ADD_PIECE = "INSERT INTO statement_export_piece (export_id, number, sealed, tenant_id) VALUES ($1, $2, $3, $4)"
PIECE = "SELECT sealed FROM statement_export_piece WHERE export_id = $1 AND number = $2"
STALE_EXPORTS = """
SELECT id, tenant_id FROM statement_export WHERE state IN ('REQUESTED', 'READY') AND expires_at <= $1 ORDER BY expires_at LIMIT $2
"""
EXPIRE_EXPORT = """
UPDATE statement_export SET state = 'EXPIRED' WHERE id = $1 AND state IN ('REQUESTED', 'READY') AND expires_at <= $2
"""
DROP_PIECES = "DELETE FROM statement_export_piece WHERE export_id = $1"
