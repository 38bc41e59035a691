"""What is always true of the outbox: queries that return no rows."""

INVARIANTS = {
    "an event becomes tasks within minutes": """
        SELECT seq, name, happened_at FROM outbox_event WHERE happened_at < clock_timestamp() - interval '10 minutes'
    """,
    "a task that is not given up is due again within the hour": """
        SELECT id, actor, due_at FROM outbox_task
        WHERE parked_at IS NULL AND due_at > clock_timestamp() + interval '1 hour'
    """,
    "a run of a periodic job is never given up": """
        SELECT id, job FROM outbox_task WHERE job IS NOT NULL AND parked_at IS NOT NULL
    """,
}
