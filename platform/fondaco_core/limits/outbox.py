"""Events, tasks and those who carry them."""

# Events are relayed in groups of at most this many, so that a crash repeats little.
RELAY_BATCH = 200
# How long the relay pauses, in seconds: while events come, at most when none do, and at most when a server is away.
RELAY_BUSY_S = 0.02
RELAY_IDLE_S = 0.1
RELAY_AWAY_S = 5.0
# How often the relay says how far behind it is, in seconds.
RELAY_LAG_EVERY_S = 30.0
# How old the oldest event may be before somebody should look, in seconds.
RELAY_LAG_ALARM_S = 60.0
# How long a message is believed to be on its way before its task is handed to the queue again, in seconds; twice that the
# next time, so that a long queue is not made longer.
TASK_HANDED_S = 10.0
# How long a worker is believed to be alive after it last said so, in seconds; it says so three times as often.
TASK_RUNNING_S = 9.0
# How long slow work waits when a worker has its hands full of such, in seconds, before it is offered again.
TASK_POSTPONED_S = 3.0
# How long a failed task waits for its second attempt, in seconds; each further wait is twice as long, up to the most.
TASK_BACK_OFF_S = 1.0
TASK_BACK_OFF_MAX_S = 300.0
# How often a task is begun before a person has to look: with the waits above, some two hours.
TASK_ATTEMPTS_MAX = 30
# How long an actor may take unless it says otherwise, in seconds.
ACTOR_DEADLINE_S = 60.0
# How often an idle worker asks the queue, in milliseconds, and after how long a silent one is dead to the queue: more than
# any pause of a process, less than anybody would wait for what it had begun.
QUEUE_POLL_MS = 50
QUEUE_HEARTBEAT_MS = 3_000
# How long the queue may take to answer, in seconds, before it counts as away.
QUEUE_ANSWER_S = 5.0
# How long a round of relay or scheduler may take, in seconds, before the process counts as stuck: longer than the longest
# statement and the longest pause together.
ROUND_STUCK_S = 90.0
# How long the event loop of a worker may take to come to what it is asked, in seconds, before the worker counts as stuck.
LOOP_STUCK_S = 4.0
