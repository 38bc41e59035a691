"""Queries about money that must return no rows."""

INVARIANTS = {
    "a bounded account's balance is the sum of its transfers": """
        SELECT a.id FROM ledger_account a WHERE a.bounded AND a.posted_minor <> coalesce((
          SELECT sum(CASE WHEN t.credit_account_id = a.id THEN t.amount_minor ELSE -t.amount_minor END)
          FROM ledger_transfer t WHERE t.state = 'POSTED' AND (t.credit_account_id = a.id OR t.debit_account_id = a.id)
        ), 0)
    """,
    "an unbounded account's roll-up is the sum of the transfers it covers": """
        SELECT a.id FROM ledger_account a WHERE NOT a.bounded AND a.posted_minor <> coalesce((
          SELECT sum(CASE WHEN t.credit_account_id = a.id THEN t.amount_minor ELSE -t.amount_minor END)
          FROM ledger_transfer t WHERE t.posted_xid < a.rolled_up_to AND (t.credit_account_id = a.id OR t.debit_account_id = a.id)
        ), 0)
    """,
    "what an account has set aside is the sum of its pending debits": """
        SELECT a.id FROM ledger_account a WHERE a.bounded AND a.pending_minor <> coalesce((
          SELECT sum(t.amount_minor) FROM ledger_transfer t WHERE t.state = 'PENDING' AND t.debit_account_id = a.id
        ), 0)
    """,
    "a transfer stays within one currency and names accounts that exist, with their owners": """
        SELECT t.id FROM ledger_transfer t
        LEFT JOIN ledger_account d ON d.id = t.debit_account_id LEFT JOIN ledger_account c ON c.id = t.credit_account_id
        WHERE d.currency IS DISTINCT FROM t.currency OR c.currency IS DISTINCT FROM t.currency
           OR d.tenant_id IS DISTINCT FROM t.payer_tenant_id OR c.tenant_id IS DISTINCT FROM t.payee_tenant_id
    """,
    "no wallet is below its floor": """
        SELECT id FROM ledger_account WHERE bounded AND posted_minor - pending_minor < floor_minor
    """,
}
