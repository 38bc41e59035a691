"""What an operator watches of payments."""

FIGURES = {
    "payments_open": "SELECT count(*) FROM payment WHERE next_look_at IS NOT NULL",
    # Money that came in and has neither paid anything nor gone back: somebody waits for it.
    "captured_unsettled_seconds": """
        SELECT extract(epoch FROM now() - min(captured_at)) FROM payment WHERE state = 'CAPTURED' AND settled_at IS NULL
    """,
    "refunds_open": "SELECT count(*) FROM payment_refund WHERE next_try_at IS NOT NULL",
    "differences_open": "SELECT count(*) FROM reconciliation_difference WHERE state = 'OPEN'",
}
