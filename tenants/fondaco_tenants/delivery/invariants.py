"""What is always true of deliveries: queries that return no rows."""

INVARIANTS = {
    "a link was opened if and only if it shows on record": """
        SELECT k.id FROM delivery_link k
        WHERE (k.opens > 0) <> EXISTS (SELECT 1 FROM code_reveal r WHERE r.order_id = k.order_id AND r.link_id = k.id)
    """,
    "a link belongs to the store's tenant, and its unit to its order": """
        SELECT k.id FROM delivery_link k JOIN "order" o ON o.id = k.order_id LEFT JOIN allocation a ON a.id = k.allocation_id
        WHERE o.tenant_id <> k.tenant_id OR a.order_id <> k.order_id
    """,
    # Reveals never change, so those of the last day are enough to look at.
    "a unit whose code its buyer saw says so, and it is the code that was shown": """
        SELECT a.id FROM code_reveal r JOIN allocation a ON a.id = r.allocation_id
        WHERE r.revealed_at > now() - interval '1 day'
          AND (a.revealed_at IS NULL OR a.code_id IS DISTINCT FROM r.code_id OR a.order_id IS DISTINCT FROM r.order_id)
    """,
}
