"""What is always true of keys' changes: queries that return no rows.

What merchants' rows hold under the platform's key is not looked at here: these run as fondaco_platform, which reads no code.
"""

from fondaco_core.db import Base, SealedColumn, sealed_columns


def _under_destroyed(column: SealedColumn) -> str:
    return f"""
        SELECT t."{column.how.row}" AS id FROM "{column.table.name}" t
        WHERE substring(t."{column.column.name}" FROM 2 FOR 4) IN
            (SELECT int4send(number) FROM data_key WHERE tenant_id IS NULL AND destroyed_at IS NOT NULL)
    """  # noqa: S608 - names of our own tables


# Whoever asks for invariants has loaded every table.
INVARIANTS = {
    "a key of the platform's that was replaced is destroyed, or what it sealed is being re-sealed": """
        SELECT number AS id FROM data_key
        WHERE tenant_id IS NULL AND purpose = 'SEAL' AND retired_at IS NOT NULL AND destroyed_at IS NULL
          AND NOT EXISTS (SELECT FROM key_change WHERE tenant_id IS NULL AND finished_at IS NULL)
    """,
    "a key of the platform's is destroyed by a change that came to its end": """
        SELECT number AS id FROM data_key k
        WHERE tenant_id IS NULL AND destroyed_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM key_change c WHERE c.tenant_id IS NULL AND c.finished_at >= k.retired_at)
    """,
} | {
    f"{column.name} is sealed with a key that is there": _under_destroyed(column)
    for column in sealed_columns(Base.metadata, platform=True)
}
