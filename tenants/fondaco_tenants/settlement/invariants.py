"""Queries about settlement that must return no rows."""

from fondaco_tenants.settlement.invariants_withdrawals import WITHDRAWALS

# What an account holds by now, pending debits included: its roll-up and what was posted since.
_BALANCE = """
a.posted_minor
  + coalesce((SELECT sum(t.amount_minor) FROM ledger_transfer t WHERE t.credit_account_id = a.id AND t.posted_xid >= a.rolled_up_to), 0)
  - coalesce((SELECT sum(t.amount_minor) FROM ledger_transfer t WHERE t.debit_account_id = a.id AND t.posted_xid >= a.rolled_up_to), 0)
"""
_SET_ASIDE = """
coalesce((SELECT sum(t.amount_minor) FROM ledger_transfer t WHERE t.debit_account_id = a.id AND t.posted_xid IS NULL AND t.state = 'PENDING'), 0)
"""

INVARIANTS = {
    "what resellers owe by their agreements is what their accounts of credit say": f"""
        SELECT coalesce(u.tenant_id, c.tenant_id) AS tenant_id, coalesce(u.currency, c.currency) AS currency FROM (
          SELECT reseller_tenant_id AS tenant_id, currency, sum(credit_used_minor) AS minor FROM agreement_use
          WHERE credit_used_minor > 0 GROUP BY reseller_tenant_id, currency
        ) u FULL JOIN (
          SELECT a.tenant_id, a.currency, {_BALANCE} - {_SET_ASIDE} AS minor FROM ledger_account a WHERE a.kind = 'CREDIT_USED'
        ) c ON c.tenant_id = u.tenant_id AND c.currency = u.currency
        WHERE coalesce(u.minor, 0) + coalesce(c.minor, 0) <> 0
    """,  # noqa: S608 - constants
    "what is owed by an agreement is what of its hops is not cleared": """
        SELECT u.agreement_id FROM agreement_use u LEFT JOIN (
          SELECT h.agreement_id, sum(h.credit_minor - h.cleared_minor) AS minor FROM hop h JOIN "order" o ON o.id = h.order_id
          WHERE h.credit_minor > h.cleared_minor AND (h.settles_at IS NOT NULL OR o.state = 'PENDING_PAYMENT') GROUP BY h.agreement_id
        ) h ON h.agreement_id = u.agreement_id WHERE u.credit_used_minor <> coalesce(h.minor, 0)
    """,
    "what of a hop's credit is cleared was repaid, or taken off by refunds": """
        SELECT h.id FROM hop h
        LEFT JOIN (SELECT hop_id, sum(amount_minor) AS minor FROM credit_repayment GROUP BY hop_id) c ON c.hop_id = h.id
        LEFT JOIN (SELECT hop_id, sum(credit_minor) AS minor FROM hop_refund GROUP BY hop_id) r ON r.hop_id = h.id
        WHERE h.cleared_minor <> coalesce(c.minor, 0) + coalesce(r.minor, 0)
    """,
    "every repayment is of the agreement's parties, and moved its amount from the reseller's wallet to what it owes": """
        SELECT c.repayment_id FROM (
          SELECT repayment_id, agreement_id, supplier_tenant_id, reseller_tenant_id, currency, sum(amount_minor) AS amount_minor
          FROM credit_repayment GROUP BY 1, 2, 3, 4, 5
        ) c LEFT JOIN ledger_transfer t ON t.reference_id = c.repayment_id AND t.purpose = 'REPAYMENT' AND t.state = 'POSTED'
        LEFT JOIN ledger_account d ON d.id = t.debit_account_id LEFT JOIN ledger_account a ON a.id = t.credit_account_id
        LEFT JOIN agreement g ON g.id = c.agreement_id
        WHERE t.amount_minor IS DISTINCT FROM c.amount_minor OR d.kind <> 'WALLET' OR a.kind <> 'CREDIT_USED'
           OR t.currency <> c.currency OR t.payer_tenant_id <> c.reseller_tenant_id OR t.payee_tenant_id <> c.reseller_tenant_id
           OR g.supplier_tenant_id <> c.supplier_tenant_id OR g.reseller_tenant_id <> c.reseller_tenant_id
    """,
    "what a merchant is to get is what of its sales, commission, refunds and repayments is not settled, what it is owed, and what is carried": f"""
        SELECT coalesce(e.tenant_id, r.tenant_id) AS tenant_id, coalesce(e.currency, r.currency) AS currency FROM (
          SELECT tenant_id, currency, sum(minor) AS minor FROM (
            SELECT seller_tenant_id AS tenant_id, currency, unit_price_minor * quantity - fee_minor - credit_minor AS minor FROM hop
            WHERE settled_at IS NULL AND settles_at IS NOT NULL
            UNION ALL SELECT seller_tenant_id, currency, credit_minor - cleared_minor FROM hop
            WHERE credit_minor > cleared_minor AND settles_at IS NOT NULL
            UNION ALL SELECT seller_tenant_id, currency, fee_minor + credit_minor - amount_minor FROM hop_refund WHERE settled_at IS NULL
            UNION ALL SELECT supplier_tenant_id, currency, amount_minor FROM credit_repayment WHERE settled_at IS NULL
            UNION ALL SELECT tenant_id, currency, amount_minor FROM commission WHERE settled_at IS NULL
            UNION ALL SELECT tenant_id, currency, carried_minor FROM settlement_account WHERE carried_minor <> 0
          ) part GROUP BY tenant_id, currency
        ) e FULL JOIN (
          SELECT a.tenant_id, a.currency, {_BALANCE} AS minor FROM ledger_account a WHERE a.kind = 'RECEIVABLE'
        ) r ON r.tenant_id = e.tenant_id AND r.currency = e.currency
        WHERE coalesce(e.minor, 0) <> coalesce(r.minor, 0)
    """,  # noqa: S608 - constants
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
        UNION ALL
        SELECT c.id FROM credit_repayment c LEFT JOIN payout_item i ON i.item_id = c.id AND i.kind = 'REPAYMENT' AND i.tenant_id = c.supplier_tenant_id
        WHERE (c.settled_at IS NULL) <> (i.item_id IS NULL) OR i.amount_minor <> c.amount_minor
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
