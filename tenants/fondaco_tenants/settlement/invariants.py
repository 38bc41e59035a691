"""Queries about settlement that must return no rows."""

from fondaco_tenants.settlement.invariants_withdrawals import WITHDRAWALS

INVARIANTS = {
    "no hop is settled before its time": """
        SELECT id FROM hop WHERE settled_at IS NOT NULL AND (settles_at IS NULL OR settled_at < settles_at)
    """,
    "what is settled stands in one payout, with the amount that it is": """
        SELECT h.id FROM hop h LEFT JOIN payout_item i ON i.item_id = h.id AND i.kind = 'HOP' AND i.tenant_id = h.seller_tenant_id
        WHERE (h.settled_at IS NULL) <> (i.item_id IS NULL)
           OR i.amount_minor <> h.unit_price_minor * h.quantity - h.fee_minor - h.credit_minor
        UNION ALL
        SELECT r.id FROM hop_refund r LEFT JOIN payout_item i ON i.item_id = r.id AND i.kind = 'REFUND' AND i.tenant_id = r.seller_tenant_id
        WHERE (r.settled_at IS NULL) <> (i.item_id IS NULL) OR i.amount_minor <> r.fee_minor + r.credit_minor - r.amount_minor
    """,
    "commission that was settled stands in one payout, with the amount that it is": """
        SELECT c.id FROM commission c LEFT JOIN payout_item i ON i.item_id = c.id AND i.kind = 'COMMISSION' AND i.tenant_id = c.tenant_id
        WHERE (c.settled_at IS NULL) <> (i.item_id IS NULL) OR i.amount_minor <> c.amount_minor OR c.settled_at < c.due_at
    """,
    "payouts and what is carried are the sum of what they are for": """
        SELECT s.tenant_id FROM settlement_account s WHERE s.carried_minor + coalesce((
          SELECT sum(p.amount_minor) FROM payout p WHERE p.tenant_id = s.tenant_id AND p.currency = s.currency
        ), 0) <> coalesce((
          SELECT sum(i.amount_minor) FROM payout_item i JOIN payout p ON p.id = i.payout_id
          WHERE p.tenant_id = s.tenant_id AND p.currency = s.currency
        ), 0)
    """,
    "every payout moved its amount between what a merchant is to get and its wallet": """
        SELECT p.id FROM payout p LEFT JOIN ledger_transfer t ON t.id = p.transfer_id
        LEFT JOIN ledger_account d ON d.id = t.debit_account_id LEFT JOIN ledger_account c ON c.id = t.credit_account_id
        WHERE p.amount_minor <> 0 AND (t.id IS NULL OR t.state <> 'POSTED' OR t.purpose <> 'SETTLEMENT'
          OR t.amount_minor <> abs(p.amount_minor) OR t.currency <> p.currency
          OR d.tenant_id IS DISTINCT FROM p.tenant_id OR c.tenant_id IS DISTINCT FROM p.tenant_id
          OR d.kind <> CASE WHEN p.amount_minor > 0 THEN 'RECEIVABLE' ELSE 'WALLET' END
          OR c.kind <> CASE WHEN p.amount_minor > 0 THEN 'WALLET' ELSE 'RECEIVABLE' END)
    """,
    **WITHDRAWALS,
}
