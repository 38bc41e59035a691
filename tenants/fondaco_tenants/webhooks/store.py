"""Every SQL statement of webhooks."""

_ENDPOINT = (
    "id, tenant_id, url, description, event_types, state, api_version, concurrency, failing_since, paused_until, "
    "disabled_at, disabled_reason, created_at, version"
)

ADD_ENDPOINT = f"""
INSERT INTO webhook_endpoint (id, tenant_id, url, description, event_types, state, api_version, concurrency, created_at)
VALUES ($1, $2, $3, $4, $5, 'ENABLED', $6, $7, $8) RETURNING {_ENDPOINT}
"""

# Two who make the last endpoint at once: the second waits, and counts the first one's.
LOCK_COUNT = "SELECT pg_advisory_xact_lock(hashtextextended('webhook_endpoint ' || $1::uuid::text, 0))"
COUNT_ENDPOINTS = "SELECT count(*) FROM webhook_endpoint WHERE deleted_at IS NULL"

ENDPOINTS_BY_IDS = f"SELECT {_ENDPOINT} FROM webhook_endpoint WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL"
LOCK_ENDPOINT = f"SELECT {_ENDPOINT} FROM webhook_endpoint WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE"

LIST_ENDPOINTS = f"""
SELECT {_ENDPOINT} FROM webhook_endpoint WHERE deleted_at IS NULL AND ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2
"""

UPDATE_ENDPOINT = f"""
UPDATE webhook_endpoint SET
  url = $2, description = $3, event_types = $4, concurrency = $5, version = version + 1
WHERE id = $1 RETURNING {_ENDPOINT}
"""

ENABLE_ENDPOINT = f"""
UPDATE webhook_endpoint SET state = 'ENABLED', failing_since = NULL, paused_until = NULL, disabled_at = NULL,
  disabled_reason = NULL, slow = false, version = version + 1
WHERE id = $1 RETURNING {_ENDPOINT}
"""

DISABLE_ENDPOINT = f"""
UPDATE webhook_endpoint SET state = 'DISABLED', disabled_at = $2, disabled_reason = $3, version = version + 1
WHERE id = $1 RETURNING {_ENDPOINT}
"""

DELETE_ENDPOINT = """
UPDATE webhook_endpoint SET state = 'DISABLED', disabled_at = coalesce(disabled_at, $2), deleted_at = $2,
  disabled_reason = coalesce(disabled_reason, 'DELETED'), version = version + 1
WHERE id = $1
"""

DROP_PENDING = """
UPDATE webhook_message SET state = 'DROPPED', ended_at = $2 WHERE endpoint_id = $1 AND state = 'PENDING'
"""

ADD_SIGNING = "INSERT INTO webhook_secret (id, tenant_id, endpoint_id, sealed, created_at) VALUES ($1, $2, $3, $4, $5)"

SECRETS = """
SELECT id, endpoint_id, created_at, expires_at FROM webhook_secret
WHERE endpoint_id = ANY($1::uuid[]) AND (expires_at IS NULL OR expires_at > $2) ORDER BY id DESC
"""

# The newest first: what a receiver that knows only one looks at first.
SEALED_SECRETS = """
SELECT id, sealed FROM webhook_secret WHERE endpoint_id = $1 AND (expires_at IS NULL OR expires_at > $2)
ORDER BY id DESC LIMIT $3
"""

# Those that another one replaces go on until $2, and never longer than they were to.
END_SECRETS = "UPDATE webhook_secret SET expires_at = least(coalesce(expires_at, $2), $2) WHERE endpoint_id = $1"

DELETE_SECRETS = "DELETE FROM webhook_secret WHERE endpoint_id = $1"
FORGET_SECRETS = "DELETE FROM webhook_secret WHERE expires_at <= $1"

# Those who want to hear of a type, those that nobody disabled.
LISTENERS = """
SELECT id FROM webhook_endpoint WHERE state <> 'DISABLED' AND deleted_at IS NULL AND $1 = ANY(event_types) ORDER BY id
"""

# As fondaco_platform: the merchants who want to hear of a type, in their order.
HEARING = """
SELECT DISTINCT tenant_id FROM webhook_endpoint
WHERE state <> 'DISABLED' AND deleted_at IS NULL AND $1 = ANY(event_types) AND ($2::uuid IS NULL OR tenant_id > $2)
ORDER BY tenant_id LIMIT $3
"""

# A fact that was told to an endpoint already is not told again: the task that tells it may run twice.
ADD_MESSAGES = """
INSERT INTO webhook_message (id, tenant_id, endpoint_id, fact, type, payload, happened_at, created_at, state, due_at)
SELECT s.id, $3, s.endpoint_id, $4, $5, $6::jsonb, $7, $8, 'PENDING', $8
FROM unnest($1::uuid[], $2::uuid[]) AS s(id, endpoint_id)
ON CONFLICT (endpoint_id, fact) DO NOTHING
"""

_MESSAGE = (
    "m.id, m.endpoint_id, m.type, m.payload::text AS payload, m.happened_at, m.state, m.attempts, m.due_at, m.ended_at, "
    "e.api_version"
)

MESSAGES_BY_IDS = f"""
SELECT {_MESSAGE} FROM webhook_message m JOIN webhook_endpoint e ON e.id = m.endpoint_id
WHERE m.id = ANY($1::uuid[]) AND e.deleted_at IS NULL
"""

LIST_MESSAGES = f"""
SELECT {_MESSAGE} FROM webhook_message m JOIN webhook_endpoint e ON e.id = m.endpoint_id
WHERE m.tenant_id = $1 AND e.deleted_at IS NULL AND ($2::uuid IS NULL OR m.endpoint_id = $2)
  AND ($3::text IS NULL OR m.state = $3) AND ($4::uuid IS NULL OR m.id < $4)
ORDER BY m.id DESC LIMIT $5
"""

LIST_ATTEMPTS = """
SELECT id, number, sent_at, duration_ms, status, failure, answer FROM webhook_attempt
WHERE message_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""

# Sent again from the beginning of the schedule, under the same id.
RESEND = """
UPDATE webhook_message SET state = 'PENDING', tries = 0, due_at = $2, ended_at = NULL
WHERE id = $1 AND (sending_until IS NULL OR sending_until <= $2)
"""

RESEND_FAILED = """
UPDATE webhook_message SET state = 'PENDING', tries = 0, due_at = $3, ended_at = NULL WHERE id IN (
  SELECT id FROM webhook_message WHERE endpoint_id = $1 AND state = 'FAILED' AND happened_at >= $2
  ORDER BY id LIMIT $4 FOR UPDATE
)
"""

# Takes what is due, oldest first, no more for one endpoint than it bears: $2 whether of the endpoints that are slow or fail,
# $3 how many at most, $4 how many seconds to believe in whoever takes them. The endpoint's row is locked while its messages
# are counted, so that two who take at once do not take twice as many. A slow endpoint bears one at a time.
CLAIM = """
WITH open AS (
  SELECT id, CASE WHEN slow OR state = 'FAILING' THEN 1 ELSE concurrency END AS bears FROM webhook_endpoint
  WHERE state <> 'DISABLED' AND (slow OR state = 'FAILING') = $2 AND (paused_until IS NULL OR paused_until <= $1)
    AND EXISTS (SELECT FROM webhook_message m WHERE m.endpoint_id = webhook_endpoint.id AND m.state = 'PENDING' AND m.due_at <= $1)
  FOR NO KEY UPDATE SKIP LOCKED
), due AS (
  SELECT d.id FROM open CROSS JOIN LATERAL (
    SELECT m.id, m.due_at FROM webhook_message m
    WHERE m.endpoint_id = open.id AND m.state = 'PENDING' AND m.due_at <= $1
    ORDER BY m.due_at, m.id
    LIMIT greatest(0, open.bears - (
      SELECT count(*) FROM webhook_message s
      WHERE s.endpoint_id = open.id AND s.state = 'PENDING' AND s.due_at > $1 AND s.sending_until > $1))
  ) AS d ORDER BY d.due_at, d.id LIMIT $3
)
UPDATE webhook_message SET
  attempts = attempts + 1, tries = tries + 1, sending_until = $1::timestamptz + make_interval(secs => $4),
  due_at = $1::timestamptz + make_interval(secs => $4)
WHERE id IN (SELECT id FROM due) AND state = 'PENDING' AND due_at <= $1
RETURNING id, tenant_id, endpoint_id, attempts, tries
"""

# What is sent, and where to; nothing when the endpoint was disabled since.
TO_SEND = """
SELECT m.type, m.payload::text AS payload, m.happened_at, e.url, e.api_version
FROM webhook_message m JOIN webhook_endpoint e ON e.id = m.endpoint_id
WHERE m.id = $1 AND m.state = 'PENDING' AND m.attempts = $2 AND e.state <> 'DISABLED'
"""

# Nobody sent it after all: its place in the schedule is still to come.
GIVE_BACK = """
UPDATE webhook_message SET sending_until = NULL, attempts = attempts - 1, tries = tries - 1, due_at = $3
WHERE id = $1 AND attempts = $2 AND state = 'PENDING'
"""

ADD_ATTEMPT = """
INSERT INTO webhook_attempt (id, tenant_id, message_id, number, sent_at, duration_ms, status, failure, answer)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

# Whoever sent it last says what becomes of it; that it arrived counts from anybody.
SETTLE = """
UPDATE webhook_message SET state = $3, due_at = coalesce($4, due_at), sending_until = NULL,
  ended_at = CASE WHEN $3 <> 'PENDING' THEN $5::timestamptz END
WHERE id = $1 AND state = 'PENDING' AND (attempts = $2 OR $3 = 'DELIVERED')
"""

ANSWERED = """
UPDATE webhook_endpoint SET state = 'ENABLED', failing_since = NULL, slow = $2
WHERE id = $1 AND state <> 'DISABLED' AND (state <> 'ENABLED' OR failing_since IS NOT NULL OR slow <> $2)
"""

FAILED = """
UPDATE webhook_endpoint SET state = 'FAILING', failing_since = coalesce(failing_since, $2),
  paused_until = greatest(paused_until, $3)
WHERE id = $1 AND state <> 'DISABLED'
"""

# Messages that are old, with their attempts; what is still to be sent is kept.
FORGET_MESSAGES = """
WITH old AS (
  SELECT id FROM webhook_message WHERE created_at < $1 AND state <> 'PENDING'
  ORDER BY created_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
), attempts AS (DELETE FROM webhook_attempt WHERE message_id IN (SELECT id FROM old))
DELETE FROM webhook_message WHERE id IN (SELECT id FROM old)
"""
# Nobody enabled their endpoint for so long.
DROP_OLD = """
UPDATE webhook_message SET state = 'DROPPED', ended_at = $3 WHERE id IN (
  SELECT m.id FROM webhook_message m JOIN webhook_endpoint e ON e.id = m.endpoint_id
  WHERE m.created_at < $1 AND m.state = 'PENDING' AND e.state = 'DISABLED' ORDER BY m.created_at LIMIT $2)
"""
