"""Queries about stores that must return no rows."""

INVARIANTS = {
    "a store's slug is a door to its tenant": """
        SELECT s.id FROM store s LEFT JOIN tenant_door d ON d.kind = 'STORE' AND d.name = s.slug
        WHERE d.tenant_id IS DISTINCT FROM s.tenant_id
    """,
}
