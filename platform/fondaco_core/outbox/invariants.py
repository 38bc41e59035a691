"""What is always true of the outbox: queries that return no rows."""

INVARIANTS = {
    "no task is handed to another while its worker is believed to be alive": """
        SELECT id, actor, running_until, due_at FROM outbox_task WHERE running_until > due_at
    """,
    "a task in a worker's hands was begun": """
        SELECT id, actor FROM outbox_task WHERE running_until IS NOT NULL AND attempts = 0
    """,
    "a task that was given up was begun, and is no run of a periodic job": """
        SELECT id, actor, job FROM outbox_task WHERE parked_at IS NOT NULL AND (attempts = 0 OR job IS NOT NULL)
    """,
}
