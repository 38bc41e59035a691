"""What is always true of the vault: queries that return no rows."""

INVARIANTS = {
    "no code that may be sold lies before its pool's picking mark": """
        SELECT c.id FROM code c JOIN code_pool p ON p.id = c.pool_id
        WHERE c.state = 'AVAILABLE' AND (c.expires_at, c.position) < (p.pick_expires_at, p.pick_position)
          AND c.expires_at > now() + p.stop_sale_days * interval '24 hours'
    """,
    "a code, its pool and its import are one tenant's": """
        SELECT c.id FROM code c
        LEFT JOIN code_pool p ON p.id = c.pool_id AND p.tenant_id = c.tenant_id
        LEFT JOIN code_batch b ON b.id = c.batch_id AND b.tenant_id = c.tenant_id AND b.pool_id = c.pool_id
        WHERE p.id IS NULL OR b.id IS NULL
    """,
    "every line of an import was accepted, a duplicate, or rejected": """
        SELECT id FROM code_batch WHERE lines <> accepted + duplicates + rejected
    """,
    # An import never changes once it is done, so those of the last day are enough to look at.
    "an import that is done has the codes that it says it accepted": """
        SELECT b.id FROM code_batch b
        LEFT JOIN code c ON c.batch_id = b.id AND (c.original OR c.state <> 'QUARANTINED')
        WHERE b.state = 'READY' AND b.finished_at > now() - interval '1 day'
        GROUP BY b.id, b.accepted HAVING count(c.id) <> b.accepted
    """,
    "nothing is kept of a file that was imported or dropped": """
        SELECT k.upload_id AS id FROM upload_chunk k JOIN upload u ON u.id = k.upload_id
        WHERE u.state = 'DROPPED'
           OR EXISTS (SELECT 1 FROM code_batch b WHERE b.upload_id = k.upload_id AND b.state <> 'IMPORTING')
    """,
    "a code is REDEEMED when a redemption of it stands, and only then": """
        SELECT c.id FROM code c LEFT JOIN code_redemption r ON r.code_id = c.id AND r.state = 'REDEEMED'
        WHERE (c.state = 'REDEEMED') <> (r.id IS NOT NULL)
        UNION ALL
        SELECT r.id FROM code_redemption r LEFT JOIN code c ON c.id = r.code_id AND c.tenant_id = r.tenant_id WHERE c.id IS NULL
    """,
    "codes that were made are as many as were asked for, and of one's own pool": """
        SELECT b.id FROM code_making m JOIN code_batch b ON b.id = m.batch_id
        WHERE b.tenant_id <> m.tenant_id OR b.accepted > m.wanted OR (b.state = 'READY' AND b.accepted <> m.wanted)
    """,
    "a code that was exported is never sold here": """
        SELECT x.code_id AS id FROM stock_export_code x LEFT JOIN code c ON c.id = x.code_id AND c.tenant_id = x.tenant_id
        WHERE c.id IS NULL OR c.state <> 'VOID' OR NOT c.original
    """,
    "an export has the codes that it says": """
        SELECT e.id FROM stock_export e LEFT JOIN stock_export_code x ON x.export_id = e.id
        GROUP BY e.id, e.codes HAVING count(x.code_id) <> e.codes
    """,
    # One read of each table, whichever of the two has a row too many.
    "a code that is or was for sale has its fingerprint to itself, and a fingerprint its code": """
        SELECT coalesce(c.id, f.code_id) AS id
        FROM (SELECT id, fingerprint, tenant_id FROM code WHERE original) c
        FULL JOIN code_fingerprint f ON f.code_id = c.id AND f.fingerprint = c.fingerprint AND f.tenant_id = c.tenant_id
        WHERE c.id IS NULL OR f.code_id IS NULL
    """,
    "a code that was undone or voided unsold is not for sale": """
        SELECT id FROM code WHERE NOT original AND state NOT IN ('VOID', 'QUARANTINED')
    """,
}
