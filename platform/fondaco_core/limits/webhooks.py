"""Messages to merchants' systems."""

# Webhooks. The most endpoints of one merchant, and the most messages on their way to one of them at once.
WEBHOOK_ENDPOINTS_MAX = 20
WEBHOOK_CONCURRENCY_MAX = 10
# How long an endpoint may take to answer, in seconds, and how much of its answer is read and kept, in bytes.
WEBHOOK_TIMEOUT_S = 20.0
WEBHOOK_ANSWER_BYTES_MAX = 512
# An endpoint that took longer than this, in seconds, shares the places of those that fail.
WEBHOOK_SLOW_S = 3.0
# How many messages one process has on their way at once, and how many of them to endpoints that are slow or fail.
WEBHOOK_SENDS_MAX = 64
WEBHOOK_SLOW_SENDS_MAX = 24
# Until when whoever sends a message is believed to be alive, in seconds: thrice what an attempt may take.
WEBHOOK_LEASE_S = 60.0
# How long one run of the sender takes on new messages, in seconds; the next run goes on.
WEBHOOK_RUN_S = 60.0
# The longest an endpoint may ask us to wait, in seconds.
WEBHOOK_PAUSE_MAX_S = 3_600.0
# For how many hours every attempt must have failed before an endpoint is disabled: longer than a long weekend.
WEBHOOK_FAILING_HOURS = 24 * 5
# How long a replaced secret goes on signing, in hours, at most and unless somebody says otherwise.
WEBHOOK_OVERLAP_HOURS_MAX = 24 * 7
WEBHOOK_OVERLAP_HOURS = 24
# How many valid secrets an endpoint has at most: each is one more signature in every message.
WEBHOOK_SECRETS_MAX = 4
# How many bytes of chance a secret has (Standard Webhooks: 24 to 64).
WEBHOOK_SECRET_BYTES = 32
# How long messages and their attempts are kept, in days, and how many are sent again by one request.
WEBHOOK_KEPT_DAYS = 30
WEBHOOK_RESENDS_MAX = 1_000
# How often a sender that waits for answers looks for more to send, in seconds, if nothing tells it sooner.
WEBHOOK_LOOK_S = 1.0
