"""Every SQL statement of the outbox."""

from fondaco_core.db import Write

ADD = Write(
    frozenset({"outbox_event"}),
    {
        "event_added": """
INSERT INTO outbox_event (tenant_id, name, payload)
SELECT s.tenant_id, s.name, s.payload::jsonb FROM unnest($1::uuid[], $2::text[], $3::text[]) AS s(tenant_id, name, payload)
""",
    },
)

# Events become tasks and are deleted; tasks that are due are taken. Both get a new time to be due in this statement: who
# takes them and is killed before it tells the queue has them handed over again then. $4 to $6 are seconds: how long to
# believe in a message, the longest that may get when it was believed in vain, and how many tasks to take. $7 is how often
# a task may be begun: one that ended with its worker each time is parked, or it would take every worker with it. $8 says
# which subscribers hear of listening tenants alone; they are told which fact it is, whatever event it is of. $9 says which
# are told all of a tenant's facts of a kind in one task.
HAND_OVER = """
WITH taken AS (
  DELETE FROM outbox_event WHERE seq IN (
    SELECT seq FROM outbox_event ORDER BY seq LIMIT $6 FOR UPDATE SKIP LOCKED
  )
  RETURNING seq, tenant_id, name, payload, happened_at
), heard AS (
  SELECT * FROM unnest($1::text[], $2::text[], $8::boolean[], $9::boolean[]) AS s(event, actor, listens, gathers)
), made AS (
  INSERT INTO outbox_task (actor, tenant_id, payload, happened_at, due_at, handed)
  SELECT m.actor, m.tenant_id, m.payload, m.happened_at, $3::timestamptz + make_interval(secs => $4), 1
  FROM (
    SELECT t.seq, s.actor, t.tenant_id, t.happened_at,
      CASE WHEN s.listens THEN t.payload || jsonb_build_object(
        'fact', t.seq::text, 'event', t.name, 'happened_at', t.happened_at, 'told', t.payload::text) ELSE t.payload END AS payload
    FROM taken AS t JOIN heard AS s ON s.event = t.name
    WHERE NOT s.gathers
      AND (NOT s.listens OR EXISTS (SELECT FROM outbox_listener AS l WHERE l.tenant_id = t.tenant_id))
    UNION ALL
    SELECT min(t.seq), s.actor, t.tenant_id, min(t.happened_at),
      jsonb_build_object('facts', jsonb_agg(t.payload ORDER BY t.seq))
    FROM taken AS t JOIN heard AS s ON s.event = t.name
    WHERE s.gathers GROUP BY s.actor, s.event, t.tenant_id
  ) AS m
  ORDER BY m.seq
  RETURNING id, actor
), due AS (
  UPDATE outbox_task SET
    handed = handed + 1,
    due_at = $3::timestamptz + make_interval(secs => least($4 * 2 ^ least(handed, 10), $5)),
    parked_at = CASE WHEN attempts >= $7 AND job IS NULL THEN $3::timestamptz END
  WHERE id IN (
    SELECT id FROM outbox_task WHERE parked_at IS NULL AND due_at <= $3 ORDER BY due_at LIMIT $6 FOR UPDATE SKIP LOCKED
  )
  RETURNING id, actor, parked_at
)
SELECT
  (SELECT count(*) FROM taken) AS taken,
  (SELECT coalesce(array_agg(parked.id), '{}') FROM due AS parked WHERE parked_at IS NOT NULL) AS parked,
  (SELECT coalesce(array_agg(note.id ORDER BY note.id), '{}') FROM (
    SELECT id FROM made UNION ALL SELECT id FROM due WHERE parked_at IS NULL) AS note) AS ids,
  (SELECT coalesce(array_agg(note.actor ORDER BY note.id), '{}') FROM (
    SELECT id, actor FROM made UNION ALL SELECT id, actor FROM due WHERE parked_at IS NULL) AS note) AS actors
"""

# Nobody begins what is done, parked, or in the hands of a worker that is alive.
BEGIN_TASK = """
UPDATE outbox_task SET
  attempts = attempts + 1, handed = 0, running_until = $3::timestamptz + make_interval(secs => $4),
  due_at = $3::timestamptz + make_interval(secs => $4)
WHERE id = $1 AND actor = $2 AND parked_at IS NULL AND (running_until IS NULL OR running_until <= $3)
RETURNING id, actor, tenant_id, payload::text AS payload, attempts
"""

POSTPONE_TASK = """
UPDATE outbox_task SET handed = 0, due_at = $3::timestamptz + make_interval(secs => $4)
WHERE id = $1 AND actor = $2 AND parked_at IS NULL AND (running_until IS NULL OR running_until <= $3)
"""

# Of those that only wait for somebody to have the time: what failed waits for a reason of its own.
OFFER_POSTPONED = """
UPDATE outbox_task SET due_at = $2 WHERE id IN (
  SELECT id FROM outbox_task
  WHERE actor = ANY($1::text[]) AND parked_at IS NULL AND handed = 0 AND failure IS NULL AND due_at > $2
    AND (running_until IS NULL OR running_until <= $2)
  ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
"""

KEEP_TASK = """
UPDATE outbox_task SET
  running_until = $3::timestamptz + make_interval(secs => $4), due_at = $3::timestamptz + make_interval(secs => $4)
WHERE id = $1 AND attempts = $2
"""

# Whoever did it last, it is done.
FINISH_TASK = "DELETE FROM outbox_task WHERE id = $1"

FAIL_TASK = """
UPDATE outbox_task SET
  running_until = NULL, failure = $3, due_at = $4::timestamptz + make_interval(secs => $5),
  attempts = CASE WHEN $6 THEN least(attempts, $7 - 1) ELSE attempts END,
  parked_at = CASE WHEN attempts >= $7 AND job IS NULL AND NOT $6 THEN $4::timestamptz END
WHERE id = $1 AND attempts = $2
RETURNING parked_at IS NOT NULL AS parked
"""

# One of several schedulers wins a tick; a job whose last run is not done yet gets no second one.
TICK = """
WITH due AS (
  INSERT INTO outbox_tick (job, ticked_at)
  SELECT j.job, $4::timestamptz FROM unnest($1::text[], $2::float8[]) AS j(job, every_s)
  WHERE NOT EXISTS (SELECT FROM outbox_tick AS t WHERE t.job = j.job AND t.ticked_at > $4 - make_interval(secs => j.every_s))
  ON CONFLICT (job) DO UPDATE SET ticked_at = excluded.ticked_at
  -- Seen again under the row's lock: the scheduler that came second finds the tick of the first.
  WHERE outbox_tick.ticked_at <= $4 - make_interval(secs => (
    SELECT j.every_s FROM unnest($1::text[], $2::float8[]) AS j(job, every_s) WHERE j.job = outbox_tick.job))
  RETURNING job
)
INSERT INTO outbox_task (actor, payload, job, happened_at, due_at)
SELECT j.actor, '{}', j.job, $4, $4 FROM unnest($1::text[], $3::text[]) AS j(job, actor) JOIN due USING (job)
ON CONFLICT (job) WHERE job IS NOT NULL DO NOTHING
"""

BACKLOG = """
SELECT
  (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(happened_at)), 0)::float8 FROM outbox_event) AS event_s,
  (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(happened_at)), 0)::float8 FROM outbox_task
   WHERE parked_at IS NULL) AS task_s,
  (SELECT count(*) FROM outbox_event) AS events,
  (SELECT count(*) FROM outbox_task WHERE parked_at IS NULL) AS tasks,
  (SELECT count(*) FROM outbox_task WHERE parked_at IS NOT NULL) AS parked
"""

RETRY_PARKED = """
UPDATE outbox_task SET parked_at = NULL, attempts = 0, handed = 0, running_until = NULL, due_at = $1
WHERE parked_at IS NOT NULL
"""

LISTEN = "INSERT INTO outbox_listener (tenant_id) VALUES ($1) ON CONFLICT (tenant_id) DO NOTHING"
