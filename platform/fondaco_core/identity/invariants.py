"""What is always true of people, machines and sessions: queries that return no rows."""

INVARIANTS = {
    "a tenant from which an owner was removed has another one": """
        SELECT tenant_id FROM member WHERE role = 'OWNER' AND accepted_at IS NOT NULL
        GROUP BY tenant_id HAVING count(*) FILTER (WHERE disabled_at IS NULL) = 0
    """,
    "a session names exactly the one who is signed in": """
        SELECT id FROM session WHERE NOT CASE kind
          WHEN 'MEMBER' THEN user_id IS NOT NULL AND member_id IS NOT NULL AND tenant_id IS NOT NULL AND customer_id IS NULL
          WHEN 'PLATFORM_ADMIN' THEN user_id IS NOT NULL AND member_id IS NULL AND tenant_id IS NULL
          WHEN 'BREAK_GLASS' THEN user_id IS NOT NULL AND break_glass_id IS NOT NULL AND tenant_id IS NOT NULL
          WHEN 'CUSTOMER' THEN customer_id IS NOT NULL AND tenant_id IS NOT NULL AND user_id IS NULL
          ELSE api_client_id IS NOT NULL AND tenant_id IS NOT NULL AND user_id IS NULL END
    """,
    "a session is of a member of its own tenant": """
        SELECT s.id FROM session s JOIN member m ON m.id = s.member_id WHERE m.tenant_id <> s.tenant_id OR m.user_id <> s.user_id
    """,
    "nobody who was removed or revoked is signed in": """
        SELECT s.id FROM session s LEFT JOIN member m ON m.id = s.member_id LEFT JOIN api_client c ON c.id = s.api_client_id
        WHERE s.revoked_at IS NULL AND s.created_at < greatest(m.disabled_at, c.revoked_at)
    """,
    "a look at a tenant's side has a reason and ends within the hours that it may": """
        SELECT id FROM break_glass WHERE reason = '' OR expires_at > created_at + interval '4 hours'
    """,
    "nobody looks at a tenant's side beyond what was said": """
        SELECT s.id FROM session s JOIN break_glass g ON g.id = s.break_glass_id
        WHERE s.tenant_id <> g.tenant_id OR s.user_id <> g.user_id OR s.expires_at > g.expires_at
    """,
    "an account has no more codes on paper than were made for it": """
        SELECT user_id FROM recovery_code GROUP BY user_id HAVING count(*) > 10
    """,
    "an API client that may act is found by its public id, and no other": """
        SELECT c.id FROM api_client c LEFT JOIN tenant_door d ON d.kind = 'API_CLIENT' AND d.name = c.client_id
        WHERE (c.revoked_at IS NULL) <> (d.tenant_id IS NOT NULL AND d.tenant_id = c.tenant_id)
    """,
}
