"""What an operator watches of the audit log's seal."""

FIGURES = {
    "entries_unsealed": """
        SELECT count(*) FROM audit_entry WHERE xid >= COALESCE((SELECT max(through_xid) FROM audit_checkpoint), 0)
    """,
    "entries_sealed": "SELECT max(size) FROM audit_checkpoint",
}
