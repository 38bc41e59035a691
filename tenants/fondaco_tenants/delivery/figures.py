"""What an operator watches of deliveries."""

FIGURES = {
    "deliveries_due": "SELECT count(*) FROM delivery WHERE next_attempt_at IS NOT NULL",
    "delivery_overdue_seconds": """
        SELECT extract(epoch FROM now() - min(next_attempt_at)) FROM delivery WHERE next_attempt_at < now()
    """,
}
