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
    "a showing of another merchant's code is on its owner's record too, and nothing of who it was": """
        SELECT r.id FROM code_reveal r JOIN code c ON c.id = r.code_id
        WHERE r.revealed_at > now() - interval '1 day' AND (
          (r.tenant_id <> c.tenant_id AND NOT EXISTS (
            SELECT FROM code_reveal o WHERE o.code_id = c.id AND o.tenant_id = c.tenant_id AND o.via <> 'BACK_OFFICE'
          )) OR (r.tenant_id = c.tenant_id AND EXISTS (
            SELECT FROM code_reveal s WHERE s.code_id = c.id AND s.tenant_id <> c.tenant_id
          ) AND r.via <> 'BACK_OFFICE' AND r.order_id IS NULL AND coalesce(r.ip, r.user_agent, r.actor_id::text, r.link_id::text) IS NOT NULL)
        )
    """,
    "a delivery is of its order's tenant, and its link opens that order": """
        SELECT d.id FROM delivery d JOIN "order" o ON o.id = d.order_id LEFT JOIN delivery_link k ON k.id = d.link_id
        WHERE o.tenant_id <> d.tenant_id OR k.order_id <> d.order_id
    """,
    "a delivery has as many attempts on record as it counts, and left only after one that says so": """
        SELECT d.id FROM delivery d LEFT JOIN delivery_attempt a ON a.delivery_id = d.id
        WHERE d.form <> 'PAGE' GROUP BY d.id
        HAVING count(a.id) > d.attempts OR (d.state = 'SENT' AND coalesce(bool_or(a.outcome = 'SENT'), false) = false)
    """,
    "nothing that is due waits for a day": """
        SELECT id FROM delivery WHERE next_attempt_at < now() - interval '1 day'
    """,
}
