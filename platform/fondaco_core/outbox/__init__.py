"""outbox: facts that wait to be acted upon, and the tasks that they become.

Owns     outbox_event, outbox_task, outbox_tick, outbox_listener.
Promises an event becomes a task for each of its subscribers if and only if its transaction committed; a task is handed
         to the queue again and again until a worker says that it is done, so that a queue which forgets loses nothing;
         neither holds a code.
Stands on db.
"""

from fondaco_core.outbox.events import Event, event_name
from fondaco_core.outbox.service import (
    Backlog,
    ForListeners,
    Gathering,
    Job,
    Note,
    Relayed,
    Task,
    announce,
    begin_task,
    fail_task,
    finish_task,
    hand_over,
    keep_task,
    listen,
    measure_backlog,
    offer_postponed,
    postpone_task,
    retry_parked,
    tick,
)

__all__ = [
    "Backlog",
    "Event",
    "ForListeners",
    "Gathering",
    "Job",
    "Note",
    "Relayed",
    "Task",
    "announce",
    "begin_task",
    "event_name",
    "fail_task",
    "finish_task",
    "hand_over",
    "keep_task",
    "listen",
    "measure_backlog",
    "offer_postponed",
    "postpone_task",
    "retry_parked",
    "tick",
]
