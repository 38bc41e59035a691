"""What is always true of customers: queries that return no rows."""

INVARIANTS = {
    "a blocked buyer has a reason": """
        SELECT id FROM customer WHERE (blocked_at IS NULL) <> (blocked_reason IS NULL)
    """,
    "a buyer belongs to a tenant that exists": """
        SELECT c.id FROM customer c WHERE NOT EXISTS (SELECT 1 FROM tenant t WHERE t.id = c.tenant_id)
    """,
}
