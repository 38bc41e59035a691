"""What is always true of tenants: queries that return no rows."""

INVARIANTS = {
    "an active or suspended tenant has a key that seals for it": """
        SELECT t.id FROM tenant t
        WHERE t.state IN ('ACTIVE', 'SUSPENDED')
          AND NOT EXISTS (SELECT 1 FROM data_key k WHERE k.tenant_id = t.id AND k.purpose = 'SEAL' AND k.retired_at IS NULL)
    """,
    "a tenant is found by its own short name": """
        SELECT t.id FROM tenant t
        WHERE NOT EXISTS (SELECT 1 FROM tenant_door d WHERE d.kind = 'TENANT' AND d.name = t.slug AND d.tenant_id = t.id)
    """,
    "what was decided about a tenant has a time": """
        SELECT id FROM tenant WHERE (state = 'APPLIED') <> (decided_at IS NULL)
    """,
}
