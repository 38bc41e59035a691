"""What is always true of merchants: queries that return no rows."""

INVARIANTS = {
    "a profile has a name and a version": """
        SELECT tenant_id FROM merchant_profile WHERE version < 1 OR display_name = ''
    """,
}
