"""Queries about the catalogue that must return no rows."""

INVARIANTS = {
    "a listing is priced in its store's currency and belongs to its store's tenant": """
        SELECT l.id FROM listing l JOIN store s ON s.id = l.store_id
        WHERE l.currency <> s.currency OR l.tenant_id <> s.tenant_id
    """,
    "a listing with a period has a limit per customer": """
        SELECT id FROM listing WHERE customer_period_days IS NOT NULL AND customer_max IS NULL
    """,
    "a face value has a currency": """
        SELECT id FROM entitlement WHERE (face_value_minor IS NULL) <> (face_currency IS NULL)
    """,
}
