"""Queries about withdrawals that must return no rows."""

WITHDRAWALS = {
    "a withdrawal has its money set aside while it is open, posted once it is paid, and in its wallet again otherwise": """
        SELECT w.id FROM withdrawal w LEFT JOIN ledger_transfer t ON t.id = w.transfer_id
        LEFT JOIN ledger_account d ON d.id = t.debit_account_id LEFT JOIN ledger_account c ON c.id = t.credit_account_id
        WHERE t.state IS DISTINCT FROM CASE w.state WHEN 'PAID' THEN 'POSTED' WHEN 'REQUESTED' THEN 'PENDING' WHEN 'APPROVED' THEN 'PENDING'
                                         ELSE 'VOIDED' END
           OR t.amount_minor <> w.amount_minor OR t.currency <> w.currency OR t.purpose <> 'WITHDRAWAL' OR t.reference_id <> w.id
           OR d.kind <> 'WALLET' OR d.tenant_id <> w.tenant_id OR d.customer_id IS NOT NULL OR c.kind <> 'GATEWAY_CLEARING'
    """,
    "every transfer of a withdrawal is one's": """
        SELECT t.id FROM ledger_transfer t LEFT JOIN withdrawal w ON w.transfer_id = t.id
        WHERE t.purpose = 'WITHDRAWAL' AND w.id IS NULL
    """,
    "a withdrawal goes to a destination of its own merchant that was old enough": """
        SELECT w.id FROM withdrawal w LEFT JOIN withdrawal_destination d ON d.id = w.destination_id
        WHERE d.tenant_id IS DISTINCT FROM w.tenant_id OR d.usable_from > w.requested_at
    """,
    "nobody approved what they asked for themselves, and nothing was paid that nobody approved": """
        SELECT id FROM withdrawal WHERE approved_by = requested_by OR (state = 'PAID' AND approved_by IS NULL)
    """,
}
