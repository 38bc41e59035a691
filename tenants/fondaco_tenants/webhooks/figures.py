"""What an operator watches of webhooks."""

FIGURES = {
    "messages_pending": "SELECT count(*) FROM webhook_message WHERE state = 'PENDING'",
    "endpoints_failing": "SELECT count(*) FROM webhook_endpoint WHERE state = 'FAILING'",
}
