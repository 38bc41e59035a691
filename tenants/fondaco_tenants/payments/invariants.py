"""Queries about payments that must return no rows."""

INVARIANTS = {
    "what was captured and settled is what came out of clearing for it": """
        SELECT p.id FROM payment p LEFT JOIN ledger_transfer t ON t.reference_id = p.id AND t.state = 'POSTED'
          AND t.debit_account_id IN (SELECT id FROM ledger_account WHERE kind = 'GATEWAY_CLEARING')
        GROUP BY p.id, p.settled_at, p.captured_minor
        HAVING coalesce(sum(t.amount_minor), 0) <> CASE WHEN p.settled_at IS NULL THEN 0 ELSE p.captured_minor END
    """,
    "captured money is settled within an hour": """
        SELECT id FROM payment WHERE state = 'CAPTURED' AND settled_at IS NULL AND captured_at < now() - interval '1 hour'
    """,
    "what goes back of a payment is what its refunds say": """
        SELECT p.id FROM payment p LEFT JOIN payment_refund r ON r.payment_id = p.id AND NOT r.into_wallet
        GROUP BY p.id, p.refunding_minor HAVING coalesce(sum(r.amount_minor), 0) <> p.refunding_minor
    """,
    "captured money that paid nothing went back whole, or into the wallet": """
        SELECT p.id FROM payment p LEFT JOIN payment_refund r ON r.payment_id = p.id AND r.order_refund_id IS NULL
        WHERE p.outcome NOT IN ('ORDER_PAID', 'ORDER_PAID_LATE', 'TOPPED_UP') AND p.leftovers = 'SOURCE'
        GROUP BY p.id, p.captured_minor HAVING coalesce(sum(r.amount_minor), 0) <> p.captured_minor
    """,
    "money of a refund left the wallet once, and arrived where the refund says": """
        SELECT r.id FROM payment_refund r LEFT JOIN ledger_transfer t ON t.reference_id = r.id AND t.purpose IN ('PAY_BACK', 'PAY_OUT')
        LEFT JOIN ledger_account d ON d.id = t.debit_account_id LEFT JOIN ledger_account c ON c.id = t.credit_account_id
        GROUP BY r.id, r.amount_minor, r.state, r.into_wallet
        HAVING coalesce(sum(t.amount_minor) FILTER (WHERE c.kind = 'REFUNDS'), 0) <> r.amount_minor
            OR coalesce(sum(t.amount_minor) FILTER (WHERE c.kind = 'GATEWAY_CLEARING'), 0)
               <> CASE WHEN r.state IN ('DONE', 'PAID_OUT') THEN r.amount_minor ELSE 0 END
            OR coalesce(sum(t.amount_minor) FILTER (WHERE d.kind = 'REFUNDS' AND c.kind = 'WALLET'), 0)
               <> CASE WHEN r.into_wallet THEN r.amount_minor ELSE 0 END
    """,
    "an order that was paid through a gateway was paid by one payment of its own amount or more": """
        SELECT p.id FROM payment p JOIN "order" o ON o.id = p.order_id
        WHERE p.outcome IN ('ORDER_PAID', 'ORDER_PAID_LATE')
          AND (o.state NOT IN ('PAID', 'FULFILLED', 'PARTIALLY_REFUNDED', 'REFUNDED') OR p.captured_minor < o.total_minor
            OR p.captured_currency <> o.currency OR p.tenant_id <> o.tenant_id OR p.customer_id <> o.customer_id)
    """,
    "a guest's wallet is empty": """
        SELECT a.id FROM ledger_account a JOIN customer c ON c.id = a.customer_id WHERE c.kind = 'GUEST' AND a.posted_minor <> 0
    """,
    "a payment that waits is looked after, and ends within a day of its time": """
        SELECT id FROM payment WHERE state IN ('CREATING', 'UNKNOWN', 'PENDING')
          AND (next_look_at IS NULL OR expires_at < now() - interval '1 day')
    """,
    "money on its way back is looked after": """
        SELECT id FROM payment_refund WHERE state IN ('REQUESTED', 'UNKNOWN') AND next_try_at IS NULL
    """,
    "every payment is of a gateway that exists": """
        SELECT p.id FROM payment p LEFT JOIN gateway g ON g.id = p.gateway_id WHERE g.id IS NULL
    """,
}
