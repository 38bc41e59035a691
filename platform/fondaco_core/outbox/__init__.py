"""outbox: facts that wait to be relayed to the queue.

Owns     outbox_event.
Promises an event is relayed, at least once, if and only if its transaction committed; it holds ids, never a code.
Stands on db.
"""

from fondaco_core.outbox.events import Event, event_name
from fondaco_core.outbox.service import Waiting, announce, take_waiting, waiting_seconds

__all__ = ["Event", "Waiting", "announce", "event_name", "take_waiting", "waiting_seconds"]
