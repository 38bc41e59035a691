"""The SQL of commissions; as fondaco_trade."""

# Both sides of what the hops of paid orders cost their sellers; `$2` is now. Once: an order is paid once, under its lock.
PAY = """
INSERT INTO commission (id, tenant_id, partner_tenant_id, hop_id, level, amount_minor, currency, created_at, due_at)
SELECT uuidv7(), side.tenant_id, side.partner_id, h.id, c.level, side.sign * c.amount_minor, h.currency, $2, h.settles_at
FROM hop h JOIN agreement a ON a.id = h.agreement_id
CROSS JOIN LATERAL unnest(h.commissions, a.referrers[1:cardinality(h.commissions)]) WITH ORDINALITY AS c(amount_minor, referrer_id, level)
CROSS JOIN LATERAL (VALUES (h.seller_tenant_id, c.referrer_id, -1), (c.referrer_id, h.seller_tenant_id, 1)) AS side(tenant_id, partner_id, sign)
WHERE h.order_id = ANY($1::uuid[]) AND c.amount_minor > 0
RETURNING hop_id, tenant_id, partner_tenant_id, amount_minor, currency
"""
# Both sides of what refunds give back: what the seller gets again, and who brought its buyer gives up.
GIVE_BACK = """
INSERT INTO commission (id, tenant_id, partner_tenant_id, hop_id, refund_id, level, amount_minor, currency, created_at, due_at)
SELECT uuidv7(), side.tenant_id, side.partner_id, h.id, $1, w.level, side.sign * w.amount_minor, h.currency, $2, h.settles_at
FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::bigint[]) AS w(hop_id, referrer_id, level, amount_minor)
JOIN hop h ON h.id = w.hop_id
CROSS JOIN LATERAL (VALUES (h.seller_tenant_id, w.referrer_id, 1), (w.referrer_id, h.seller_tenant_id, -1)) AS side(tenant_id, partner_id, sign)
"""
# Newest first; `$2` is the last id of the page before, or null.
LIST = """
SELECT c.id, c.partner_tenant_id AS partner_id, c.level, c.amount_minor, c.currency, c.refund_id IS NOT NULL AS refunded, c.created_at,
  c.due_at, c.settled_at
FROM commission c WHERE c.tenant_id = $1 AND ($2::uuid IS NULL OR c.id < $2) ORDER BY c.id DESC LIMIT $3
"""
