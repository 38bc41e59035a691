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
            SELECT x.reference_id, sum(x.amount_minor) AS amount_minor FROM ledger_transfer x
            JOIN ledger_account w ON w.id = x.credit_account_id AND w.customer_id IS NOT NULL
            WHERE x.purpose = 'REFUND' AND x.state = 'POSTED' GROUP BY x.reference_id
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
    "every merchant of a chain bought what it sold, as many units, from the next one": """
        SELECT h.id FROM hop h LEFT JOIN hop u ON u.line_id = h.line_id AND u.route = h.route AND u.depth = h.depth - 1
        WHERE h.depth > 0 AND (u.seller_tenant_id IS DISTINCT FROM h.buyer_tenant_id OR u.quantity <> h.quantity)
    """,
    "a unit's code is of the merchant at the end of its route": """
        SELECT a.id FROM allocation a JOIN LATERAL (
          SELECT seller_tenant_id FROM hop h WHERE h.line_id = a.line_id AND h.route = a.route ORDER BY depth DESC LIMIT 1
        ) leaf ON true WHERE leaf.seller_tenant_id <> a.leaf_tenant_id
    """,
    "merchants paid each other, or set aside while an order waits, what its hops say": """
        SELECT h.order_id FROM (
          SELECT order_id, sum(quantity * unit_price_minor) AS amount_minor FROM hop WHERE depth > 0 GROUP BY order_id
        ) h JOIN "order" o ON o.id = h.order_id LEFT JOIN (
          SELECT x.reference_id, sum(x.amount_minor) FILTER (WHERE x.state = 'POSTED') AS posted,
            sum(x.amount_minor) FILTER (WHERE x.state = 'PENDING') AS pending
          FROM ledger_transfer x JOIN ledger_account d ON d.id = x.debit_account_id AND d.customer_id IS NULL
          WHERE x.purpose = 'SALE' GROUP BY x.reference_id
        ) t ON t.reference_id = h.order_id
        WHERE coalesce(t.posted, 0) <> CASE WHEN o.paid_at IS NOT NULL THEN h.amount_minor ELSE 0 END
           OR coalesce(t.pending, 0) <> CASE WHEN o.state = 'PENDING_PAYMENT' THEN h.amount_minor ELSE 0 END
    """,
    "as many units went back at every hop of a route as were refunded of it": """
        SELECT h.id FROM hop h LEFT JOIN (
          SELECT line_id, route, count(*) AS units FROM allocation WHERE refunded_at IS NOT NULL GROUP BY line_id, route
        ) a ON a.line_id = h.line_id AND a.route = h.route LEFT JOIN (
          SELECT hop_id, sum(units) AS units FROM hop_refund GROUP BY hop_id
        ) r ON r.hop_id = h.id WHERE coalesce(a.units, 0) <> coalesce(r.units, 0)
    """,
    "what a reseller holds by an agreement is what orders that wait have of it": """
        SELECT u.agreement_id FROM agreement_use u LEFT JOIN (
          SELECT h.agreement_id, sum(h.quantity) AS units FROM hop h JOIN "order" o ON o.id = h.order_id
          WHERE o.state = 'PENDING_PAYMENT' AND h.agreement_id IS NOT NULL GROUP BY h.agreement_id
        ) h ON h.agreement_id = u.agreement_id WHERE u.held_units <> coalesce(h.units, 0)
    """,
    "what a seller pays of a hop is what those get that brought its buyer, and what the hop says but for what went back": """
        SELECT h.id FROM hop h LEFT JOIN (
          SELECT hop_id, sum(amount_minor) AS both, -sum(amount_minor) FILTER (WHERE tenant_id = x.seller_tenant_id) AS paid
          FROM commission JOIN hop x ON x.id = hop_id GROUP BY hop_id
        ) c ON c.hop_id = h.id LEFT JOIN (
          SELECT hop_id, sum(units) AS units FROM hop_refund GROUP BY hop_id
        ) r ON r.hop_id = h.id
        WHERE coalesce(c.both, 0) <> 0 OR coalesce(c.paid, 0) <> CASE WHEN h.settles_at IS NULL THEN 0 ELSE coalesce((
          SELECT sum(whole - div(whole * coalesce(r.units, 0), h.quantity)) FROM unnest(h.commissions) AS whole
        ), 0) END
    """,
    "commission moved as its rows say": """
        SELECT c.reference_id FROM (
          SELECT coalesce(c.refund_id, h.order_id) AS reference_id, sum(c.amount_minor) AS amount_minor
          FROM commission c JOIN hop h ON h.id = c.hop_id
          WHERE c.amount_minor > 0 GROUP BY 1
        ) c FULL JOIN (
          SELECT reference_id, sum(amount_minor) AS amount_minor FROM ledger_transfer
          WHERE purpose IN ('COMMISSION', 'COMMISSION_REFUND') AND state = 'POSTED' GROUP BY reference_id
        ) t ON t.reference_id = c.reference_id WHERE c.amount_minor IS DISTINCT FROM t.amount_minor
    """,
    "a hop has a time when its money is its seller's own exactly when its order is paid": """
        SELECT h.id FROM hop h JOIN "order" o ON o.id = h.order_id WHERE (h.settles_at IS NULL) <> (o.paid_at IS NULL)
    """,
    "what two merchants traded by one line and one offer is one lot, with one number": """
        SELECT h.id FROM hop h LEFT JOIN hop l ON l.id = h.lot_id
        WHERE (h.depth > 0) <> (h.lot_id IS NOT NULL) OR (h.lot IS NOT NULL) <> coalesce(h.lot_id = h.id, false)
           OR (l.line_id, l.seller_tenant_id, l.buyer_tenant_id, l.offer_id) IS DISTINCT FROM (h.line_id, h.seller_tenant_id, h.buyer_tenant_id, h.offer_id)
             AND h.depth > 0
           OR EXISTS (
             SELECT FROM hop g WHERE g.line_id = h.line_id AND g.seller_tenant_id = h.seller_tenant_id AND g.depth > 0
               AND g.buyer_tenant_id = h.buyer_tenant_id AND g.offer_id = h.offer_id AND g.lot_id <> h.lot_id
           )
    """,
}
