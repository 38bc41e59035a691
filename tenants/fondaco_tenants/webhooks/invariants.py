"""What is always true of webhooks: queries that return no rows."""

INVARIANTS = {
    "a message and its attempts are of the tenant of their endpoint": """
        SELECT m.id FROM webhook_message m JOIN webhook_endpoint e ON e.id = m.endpoint_id WHERE m.tenant_id <> e.tenant_id
        UNION ALL
        SELECT a.id FROM webhook_attempt a JOIN webhook_message m ON m.id = a.message_id WHERE a.tenant_id <> m.tenant_id
    """,
    "a delivered message has an attempt that was answered with 2xx": """
        SELECT m.id FROM webhook_message m WHERE m.state = 'DELIVERED' AND m.ended_at > now() - interval '1 day'
        AND NOT EXISTS (SELECT FROM webhook_attempt a WHERE a.message_id = m.id AND a.status BETWEEN 200 AND 299)
    """,
    "an endpoint that hears something has a secret that signs it": """
        SELECT e.id FROM webhook_endpoint e WHERE e.state <> 'DISABLED'
        AND NOT EXISTS (SELECT FROM webhook_secret s WHERE s.endpoint_id = e.id AND (s.expires_at IS NULL OR s.expires_at > now()))
    """,
    "a tenant with an endpoint is told what happens": """
        SELECT e.id FROM webhook_endpoint e WHERE NOT EXISTS (SELECT FROM outbox_listener l WHERE l.tenant_id = e.tenant_id)
    """,
}
