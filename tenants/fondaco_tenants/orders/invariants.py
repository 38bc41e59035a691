"""Queries about orders that must return no rows: the invariants 1 to 4 of the domain."""

INVARIANTS = {
    "units delivered, refunded, failed and open are the units ordered": """
        SELECT l.id FROM order_line l LEFT JOIN allocation a ON a.line_id = l.id
        GROUP BY l.id, l.quantity HAVING count(DISTINCT a.unit) <> l.quantity
    """,
    "what a line counts as live are its units that are neither released nor refunded": """
        SELECT l.id FROM order_line l LEFT JOIN allocation a ON a.line_id = l.id
        GROUP BY l.id, l.live_quantity
        HAVING count(*) FILTER (WHERE a.state IN ('HELD', 'FULFILLED', 'UNKNOWN', 'WAITING')) <> l.live_quantity
    """,
    "a live unit has a code that is bound to it, and is in the state that the unit says": """
        SELECT a.id FROM allocation a LEFT JOIN code c ON c.id = a.code_id
        WHERE (a.state = 'HELD' AND (c.state IS DISTINCT FROM 'HELD' OR c.allocation_id IS DISTINCT FROM a.id))
           OR (a.state = 'FULFILLED' AND (coalesce(c.state, '') NOT IN ('DELIVERED', 'REDEEMED') OR c.allocation_id IS DISTINCT FROM a.id))
    """,
    "a code that is bound is bound to a live unit": """
        SELECT c.id FROM code c LEFT JOIN allocation a ON a.id = c.allocation_id AND a.code_id = c.id
        WHERE c.allocation_id IS NOT NULL AND coalesce(a.state, '') NOT IN ('HELD', 'FULFILLED', 'UNKNOWN')
    """,
    "an order's units are in the states that the order's state says": """
        SELECT o.id FROM "order" o JOIN allocation a ON a.order_id = o.id
        WHERE (o.state = 'PENDING_PAYMENT' AND a.state NOT IN ('HELD', 'FAILED'))
           OR (o.state IN ('CANCELLED', 'EXPIRED', 'REJECTED', 'REFUNDED') AND a.state IN ('HELD', 'FULFILLED', 'WAITING'))
           OR (o.state IN ('FULFILLED', 'PARTIALLY_REFUNDED') AND a.state = 'HELD')
    """,
    "an order costs what its lines cost": """
        SELECT o.id FROM "order" o JOIN order_line l ON l.order_id = o.id
        GROUP BY o.id, o.total_minor HAVING sum(l.quantity * l.unit_price_minor) <> o.total_minor
    """,
    "a paid order was paid once and whole, an unpaid one not at all": """
        SELECT o.id FROM "order" o LEFT JOIN ledger_transfer t
          ON t.reference_id = o.id AND t.purpose = 'SALE' AND t.state = 'POSTED' AND t.debit_account_id IN (
            SELECT id FROM ledger_account WHERE customer_id = o.customer_id)
        GROUP BY o.id, o.state, o.total_minor
        HAVING coalesce(sum(t.amount_minor), 0) <> CASE
          WHEN o.state IN ('PAID', 'FULFILLED', 'PARTIALLY_REFUNDED', 'REFUNDED') THEN o.total_minor ELSE 0 END
    """,
    "what was refunded of an order is what its refunds say and what its buyer got": """
        SELECT o.id FROM "order" o LEFT JOIN (
          SELECT r.order_id, sum(r.amount_minor) AS said, sum(coalesce(t.amount_minor, 0)) AS moved FROM refund r
          LEFT JOIN (
            -- One refund moves money once for every route that its units came by.
            SELECT reference_id, sum(amount_minor) AS amount_minor FROM ledger_transfer
            WHERE purpose = 'REFUND' AND state = 'POSTED' GROUP BY reference_id
          ) t ON t.reference_id = r.id GROUP BY r.order_id
        ) r ON r.order_id = o.id
        WHERE o.refunded_minor <> coalesce(r.said, 0) OR o.refunded_minor <> coalesce(r.moved, 0)
    """,
    "no unpaid order is held an hour beyond its time": """
        SELECT id FROM "order" WHERE state = 'PENDING_PAYMENT' AND hold_expires_at < now() - interval '1 hour'
    """,
    "the hops of a line sell as many units as the line has": """
        SELECT l.id FROM order_line l LEFT JOIN hop h ON h.line_id = l.id AND h.depth = 0
        GROUP BY l.id, l.quantity HAVING coalesce(sum(h.quantity), 0) <> l.quantity
    """,
    "every row of an order belongs to the order's tenant": """
        SELECT o.id FROM "order" o JOIN order_line l ON l.order_id = o.id JOIN allocation a ON a.order_id = o.id
        WHERE l.tenant_id <> o.tenant_id OR a.tenant_id <> o.tenant_id
    """,
}
