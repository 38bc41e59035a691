"""Every SQL statement of payments."""

SHOWN = "id, key, kind, title_zh, title_en, currencies, enabled, created_at, changed_at, version"

# What a tenant's transaction may read of gateways.
OFFERED = f"SELECT {SHOWN} FROM gateway WHERE enabled AND $1 = ANY(currencies) ORDER BY key LIMIT $2"
GATEWAYS_BY_IDS = f"SELECT {SHOWN} FROM gateway WHERE id = ANY($1::uuid[])"
FIND_OFFERED = f"SELECT {SHOWN} FROM gateway WHERE key = $1 AND enabled AND $2 = ANY(currencies)"

# What the platform's may.
GATEWAY_COLUMNS = f"{SHOWN}, base_url, options::text AS options"
ALL_GATEWAYS = f"SELECT {GATEWAY_COLUMNS} FROM gateway ORDER BY key LIMIT $1"
ADD_GATEWAY = """
INSERT INTO gateway (id, key, kind, title_zh, title_en, currencies, base_url, options, secret, enabled, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9, true, $10, $10) ON CONFLICT (key) DO NOTHING
"""
UPDATE_GATEWAY = """
UPDATE gateway SET title_zh = $3, title_en = $4, currencies = $5, base_url = $6, options = $7::text::jsonb, enabled = $8,
  changed_at = $9, version = version + 1 WHERE id = $1 AND version = $2
"""
RESEAL_GATEWAY = "UPDATE gateway SET secret = $2, changed_at = $3, version = version + 1 WHERE id = $1"
GATEWAY_BY_KEY = f"SELECT {GATEWAY_COLUMNS} FROM gateway WHERE key = $1"
COUNT_GATEWAYS = "SELECT count(*)::int FROM gateway"
REACH_BY_ID = f"SELECT {GATEWAY_COLUMNS}, secret FROM gateway WHERE id = $1"
REACH_BY_KEY = f"SELECT {GATEWAY_COLUMNS}, secret FROM gateway WHERE key = $1"

PAYMENT_COLUMNS = """
p.id, p.tenant_id, p.gateway_id, p.purpose, p.order_id, p.customer_id, p.amount_minor, p.currency, p.state, p.leftovers,
p.subject, p.return_url, p.notify_url, p.locale, p.gateway_reference, p.pay_url, p.qr_text, p.created_at, p.expires_at, p.looks,
p.unwanted, p.captured_at, p.captured_minor, p.captured_currency, p.refunding_minor, p.settled_at, p.outcome, p.version
"""
ADD = """
INSERT INTO payment (id, tenant_id, gateway_id, purpose, order_id, customer_id, amount_minor, currency, state, leftovers,
  subject, return_url, notify_url, locale, created_at, expires_at, next_look_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'CREATING', $9, $10, $11, $12, $13, $14, $15, $16)
"""
BY_IDS = f"SELECT {PAYMENT_COLUMNS} FROM payment p WHERE p.id = ANY($1::uuid[])"
GET = f"SELECT {PAYMENT_COLUMNS} FROM payment p WHERE p.id = $1"
OF_ORDERS = f"SELECT {PAYMENT_COLUMNS} FROM payment p WHERE p.order_id = ANY($1::uuid[]) ORDER BY p.id DESC LIMIT $2"
PAID_ORDER = f"""
SELECT {PAYMENT_COLUMNS} FROM payment p WHERE p.order_id = $1 AND p.outcome IN ('ORDER_PAID', 'ORDER_PAID_LATE')
"""
# One buyer's top-ups and payments of orders ($1), or a merchant's own top-ups; `$2` is the last id of the page before.
_LIST = f"""
SELECT {PAYMENT_COLUMNS} FROM payment p
WHERE p.tenant_id = $4 AND %s AND ($2::uuid IS NULL OR p.id %s $2) ORDER BY p.id %s LIMIT $3
"""
LIST_OF_CUSTOMER = {
    False: _LIST % ("p.customer_id = $1", "<", "DESC"),
    True: _LIST % ("p.customer_id = $1", ">", "ASC"),
}
LIST_OF_TENANT = {
    False: _LIST % ("p.customer_id IS NULL AND $1::uuid IS NULL", "<", "DESC"),
    True: _LIST % ("p.customer_id IS NULL AND $1::uuid IS NULL", ">", "ASC"),
}
REUSABLE = f"""
SELECT {PAYMENT_COLUMNS} FROM payment p WHERE p.order_id = $1 AND p.gateway_id = $2 AND p.leftovers = $3
  AND p.state = 'PENDING' AND NOT p.unwanted AND p.expires_at > $4 ORDER BY p.id DESC LIMIT 1
"""
OPEN_OF_ORDER = """
SELECT count(*)::int FROM payment WHERE order_id = $1 AND state IN ('CREATING', 'UNKNOWN', 'PENDING') AND NOT unwanted
"""
# `$4` is an id older than any payment that still waits: ids begin with their time.
OPEN_TOP_UPS = """
SELECT count(*)::int FROM payment WHERE tenant_id = $1 AND customer_id IS NOT DISTINCT FROM $2 AND order_id IS NULL AND id > $3
  AND state IN ('CREATING', 'UNKNOWN', 'PENDING') AND NOT unwanted
"""
# Starting payments for one order, or one wallet, goes one after the other.
LOCK_STARTS = "SELECT pg_advisory_xact_lock($1)"

OPENED = """
UPDATE payment SET state = 'PENDING', gateway_reference = $2, pay_url = $3, qr_text = $4, version = version + 1
WHERE id = $1 AND state IN ('CREATING', 'UNKNOWN')
"""
UNANSWERED = "UPDATE payment SET state = 'UNKNOWN', version = version + 1 WHERE id = $1 AND state = 'CREATING'"
FAILED = """
UPDATE payment SET state = 'FAILED', failure = $2, next_look_at = NULL, version = version + 1
WHERE id = $1 AND state IN ('CREATING', 'UNKNOWN') RETURNING tenant_id
"""
ENDED = """
UPDATE payment SET state = 'CLOSED', next_look_at = NULL, version = version + 1
WHERE id = $1 AND state IN ('CREATING', 'UNKNOWN', 'PENDING') RETURNING tenant_id
"""
# Exactly once, however many say so: whoever finds it captured already changes nothing.
CAPTURED = """
UPDATE payment SET state = 'CAPTURED', captured_at = $2, captured_minor = $3, captured_currency = $4, next_look_at = NULL,
  gateway_reference = coalesce(gateway_reference, $5), version = version + 1
WHERE id = $1 AND state <> 'CAPTURED' RETURNING tenant_id, order_id
"""
SUSPECTED = "UPDATE payment SET failure = $2 WHERE id = $1 AND failure IS NULL"
UNWANTED = """
UPDATE payment SET unwanted = true, next_look_at = $2, version = version + 1
WHERE order_id = ANY($1::uuid[]) AND state IN ('CREATING', 'UNKNOWN', 'PENDING') AND NOT unwanted AND id <> ALL($3::uuid[])
RETURNING id, tenant_id
"""
SETTLED = """
UPDATE payment SET settled_at = $2, outcome = $3, version = version + 1
WHERE id = $1 AND state = 'CAPTURED' AND settled_at IS NULL
"""
UNSETTLED = """
SELECT id, tenant_id, captured_at FROM payment
WHERE state = 'CAPTURED' AND settled_at IS NULL AND order_id IS NOT NULL AND captured_at < $1
  AND ($3::timestamptz IS NULL OR (captured_at, id) > ($3, $4::uuid))
ORDER BY captured_at, id LIMIT $2
"""
# Taken by one poller; the next look is further away each time, and one is when the payment's time is over.
DUE = """
UPDATE payment p SET looks = p.looks + 1, next_look_at = least(
  $1::timestamptz + make_interval(secs => least($3 * 2 ^ least(p.looks, 16), $4)),
  CASE WHEN p.expires_at > $1 THEN p.expires_at + interval '1 second' ELSE 'infinity' END
)
WHERE p.id IN (
  SELECT id FROM payment WHERE next_look_at <= $1 ORDER BY next_look_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
) RETURNING p.id
"""

NOTE = """
INSERT INTO payment_notification (id, gateway_id, tenant_id, payment_id, notification_id, verdict, digest, message, ip, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (gateway_id, notification_id, digest) WHERE verdict <> 'FORGED' DO NOTHING
"""
FORGED_SINCE = """
SELECT count(*)::int FROM payment_notification WHERE gateway_id = $1 AND verdict = 'FORGED' AND received_at > $2
"""

REFUND_COLUMNS = """
r.id, r.tenant_id, r.payment_id, r.customer_id, r.order_refund_id, r.amount_minor, r.currency, r.reason, r.state,
r.requested_at, r.tries, r.ended_at, r.into_wallet, coalesce(r.sent_as, r.id) AS sent_as, r.failure, r.payout_reference
"""
# Never more than was captured, whoever else is refunding.
RESERVE_REFUND = """
UPDATE payment SET refunding_minor = refunding_minor + $2, version = version + 1
WHERE id = $1 AND state = 'CAPTURED' AND refunding_minor + $2 <= captured_minor
"""
FREE_REFUND = "UPDATE payment SET refunding_minor = refunding_minor - $2, version = version + 1 WHERE id = $1"
TOUCH = "UPDATE payment SET version = version + 1 WHERE id = $1"
ADD_REFUND = """
INSERT INTO payment_refund (id, tenant_id, payment_id, customer_id, order_refund_id, amount_minor, currency, reason, state,
  requested_at, next_try_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'REQUESTED', $9, $9)
"""
REFUND_TO_SEND = f"""
SELECT {REFUND_COLUMNS}, p.gateway_id, p.gateway_reference, p.captured_minor FROM payment_refund r JOIN payment p ON p.id = r.payment_id
WHERE r.id = $1 AND r.state IN ('REQUESTED', 'UNKNOWN')
"""
REFUND_TRIED = """
UPDATE payment_refund SET tries = tries + 1, next_try_at = $2
WHERE id = $1 AND state IN ('REQUESTED', 'UNKNOWN')
"""
# What the gateway says is of the number that it was asked by ($2): an answer that comes late must not end a later try.
_ASKED = "id = $1 AND coalesce(sent_as, id) = $2"
REFUND_UNKNOWN = f"UPDATE payment_refund SET state = 'UNKNOWN' WHERE {_ASKED} AND state = 'REQUESTED'"
REFUND_DONE = f"""
UPDATE payment_refund SET state = 'DONE', ended_at = $3, next_try_at = NULL WHERE {_ASKED} AND state IN ('REQUESTED', 'UNKNOWN')
"""
REFUND_REFUSED = f"""
UPDATE payment_refund SET state = 'REFUSED', ended_at = $3, next_try_at = NULL, failure = $4, into_wallet = $5
WHERE {_ASKED} AND state IN ('REQUESTED', 'UNKNOWN')
"""
REFUNDS_OF = f"""
SELECT {REFUND_COLUMNS} FROM payment_refund r WHERE r.payment_id = ANY($1::uuid[]) ORDER BY r.id LIMIT $2
"""
REFUNDS_DUE = """
UPDATE payment_refund r SET next_try_at = $1::timestamptz + make_interval(secs => least($3 * 2 ^ least(r.tries, 16), $4))
WHERE r.id IN (
  SELECT id FROM payment_refund WHERE next_try_at <= $1 ORDER BY next_try_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
) RETURNING r.id
"""

# Money that no gateway and no wallet took; of a merchant ($1), or of all.
REFUSED_REFUNDS = f"""
SELECT {REFUND_COLUMNS} FROM payment_refund r WHERE r.state = 'REFUSED' AND NOT r.into_wallet
  AND ($1::uuid IS NULL OR r.tenant_id = $1) AND ($2::uuid IS NULL OR r.id < $2) ORDER BY r.id DESC LIMIT $3
"""
REFUNDS_BY_IDS = f"""
SELECT {REFUND_COLUMNS} FROM payment_refund r WHERE r.id = ANY($1::uuid[]) AND ($2::uuid IS NULL OR r.tenant_id = $2)
"""
LOCK_REFUND = f"""
SELECT {REFUND_COLUMNS} FROM payment_refund r WHERE r.id = $1 AND ($2::uuid IS NULL OR r.tenant_id = $2) FOR NO KEY UPDATE
"""
RETRY_REFUND = """
UPDATE payment_refund SET state = 'REQUESTED', sent_as = $2, next_try_at = $3, tries = 0, ended_at = NULL, failure = NULL
WHERE id = $1
"""
PAY_REFUND_OUT = "UPDATE payment_refund SET state = 'PAID_OUT', ended_at = $2, payout_reference = $3 WHERE id = $1"

_NOTIFICATION = """
SELECT n.id, g.key AS gateway, n.tenant_id, n.payment_id, n.notification_id, n.verdict, n.digest, n.ip, n.received_at%s
FROM payment_notification n JOIN gateway g ON g.id = n.gateway_id
"""
NOTIFICATIONS = f"""{_NOTIFICATION % ""}
WHERE ($1::uuid IS NULL OR n.payment_id = $1) AND ($2::text IS NULL OR n.verdict = $2) AND ($3::uuid IS NULL OR n.id < $3)
ORDER BY n.id DESC LIMIT $4
"""
NOTIFICATIONS_BY_IDS = f"{_NOTIFICATION % ''} WHERE n.id = ANY($1::uuid[])"
NOTIFICATION_MESSAGE = f"{_NOTIFICATION % ', n.message'} WHERE n.id = $1"
