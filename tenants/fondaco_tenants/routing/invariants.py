"""Queries about sources that must return no rows."""

INVARIANTS = {
    "a source's pool holds what its listing sells, and all three belong to one tenant": """
        SELECT x.id FROM source x JOIN listing l ON l.id = x.listing_id JOIN code_pool p ON p.id = x.pool_id
        WHERE p.entitlement_id <> l.entitlement_id OR p.tenant_id <> x.tenant_id OR l.tenant_id <> x.tenant_id
    """,
    "a source's pool holds what its offer sells, and all three belong to one tenant": """
        SELECT x.id FROM source x JOIN offer o ON o.id = x.offer_id JOIN code_pool p ON p.id = x.pool_id
        WHERE p.entitlement_id <> o.entitlement_id OR p.tenant_id <> x.tenant_id OR o.tenant_id <> x.tenant_id
    """,
    "a supplier's offer is of what it fills, in its currency, and of another merchant": """
        SELECT x.id FROM source x JOIN offer s ON s.id = x.supplier_offer_id
        LEFT JOIN offer o ON o.id = x.offer_id LEFT JOIN listing l ON l.id = x.listing_id
        WHERE s.tenant_id = x.tenant_id OR coalesce(o.tenant_id, l.tenant_id) <> x.tenant_id
           OR s.entitlement_id <> coalesce(o.entitlement_id, l.entitlement_id) OR s.currency <> coalesce(o.currency, l.currency)
    """,
    "a route leads over its sources, step by step, and over no merchant twice": """
        SELECT r.id FROM route r
        CROSS JOIN LATERAL (SELECT count(DISTINCT s) AS sellers FROM unnest(r.seller_ids) s) n
        WHERE n.sellers <> cardinality(r.seller_ids) OR cardinality(r.seller_ids) <> cardinality(r.source_ids) OR EXISTS (
          SELECT FROM unnest(r.source_ids, r.offer_ids) WITH ORDINALITY g(source_id, offer_id, n)
          JOIN source s ON s.id = g.source_id
          WHERE s.offer_id <> g.offer_id OR coalesce(s.supplier_offer_id <> r.offer_ids[g.n + 1], s.pool_id <> r.pool_id)
        )
    """,
    "a source keeps what its merchant's routing policy says": """
        SELECT s.id FROM source s
        LEFT JOIN routing_policy p ON p.tenant_id = s.tenant_id AND p.listing_id IS NOT DISTINCT FROM s.listing_id
          AND p.offer_id IS NOT DISTINCT FROM s.offer_id
        LEFT JOIN routing_policy d ON d.tenant_id = s.tenant_id AND d.listing_id IS NULL AND d.offer_id IS NULL
        WHERE s.policy <> coalesce(p.policy, d.policy, 'PRIORITY') OR s.margin_bps <> coalesce(p.margin_bps, d.margin_bps, 0)
          OR s.margin_minor <> coalesce(p.margin_minor, 0)
          OR s.points <> coalesce(CASE WHEN p.policy IS NOT NULL THEN p.points ELSE d.points END, '{}')
    """,
    "a source that is bounded by day is counted": """
        SELECT s.id FROM source s WHERE s.day_units_max IS NOT NULL
          AND NOT EXISTS (SELECT FROM source_use u WHERE u.source_id = s.id)
    """,
    "routes are worked out within an hour": """
        SELECT id FROM route_due WHERE since < now() - interval '1 hour'
    """,
}
