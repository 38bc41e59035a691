"""What is always true of tenants: queries that return no rows."""

INVARIANTS = {
    "a tenant that may trade has lost no key": """
        SELECT t.id FROM tenant t JOIN data_key k ON k.tenant_id = t.id
        WHERE t.state <> 'CLOSED' AND k.destroyed_at IS NOT NULL
    """,
    "a tenant is found by its own short name": """
        SELECT t.id FROM tenant t
        WHERE NOT EXISTS (SELECT 1 FROM tenant_door d WHERE d.kind = 'TENANT' AND d.name = t.slug AND d.tenant_id = t.id)
    """,
    "a plan has a fee for whatever is sold": """
        SELECT p.id FROM plan p
        WHERE NOT EXISTS (SELECT FROM plan_fee f WHERE f.plan_id = p.id AND f.version = p.version AND f.category = '')
    """,
    "what was decided about a tenant has a time": """
        SELECT id FROM tenant WHERE (state = 'APPLIED') <> (decided_at IS NULL)
    """,
}
