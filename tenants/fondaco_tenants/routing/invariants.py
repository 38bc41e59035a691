"""Queries about sources that must return no rows."""

INVARIANTS = {
    "a source's pool holds what its listing sells, and all three belong to one tenant": """
        SELECT x.id FROM source x JOIN listing l ON l.id = x.listing_id JOIN code_pool p ON p.id = x.pool_id
        WHERE p.entitlement_id <> l.entitlement_id OR p.tenant_id <> x.tenant_id OR l.tenant_id <> x.tenant_id
    """,
}
