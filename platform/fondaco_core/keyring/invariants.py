"""What is always true of keys: queries that return no rows."""

INVARIANTS = {
    "a destroyed key is gone, and no other": """
        SELECT number AS id FROM data_key WHERE (destroyed_at IS NOT NULL) <> (wrapped = ''::bytea)
    """,
    "a key that seals was neither replaced nor destroyed": """
        SELECT number AS id FROM data_key WHERE destroyed_at IS NOT NULL AND retired_at IS NULL
    """,
}
