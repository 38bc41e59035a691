"""Event → actors: the whole upward flow on one page.

Who announces does not know who listens. An event that nobody listens to stands in UNHEARD with a reason, so that
tests/contracts/test_events.py can tell a decision from an oversight.
"""

from collections.abc import Mapping
from dataclasses import fields

import fondaco_workers.actors  # noqa: F401 - every actor is known from here on
from fondaco_core.outbox import Event, event_name
from fondaco_workers.actor import Actor

SUBSCRIPTIONS: Mapping[type[Event], tuple[Actor[...], ...]] = {}

# Names of events that nobody listens to, and why.
UNHEARD: Mapping[str, str] = {}


def subscriptions() -> dict[str, tuple[str, ...]]:
    """Names of events and of the actors that work on them, as the relay wants them."""
    for event, actors in SUBSCRIPTIONS.items():
        told = {field.name for field in fields(event)}
        for actor in actors:
            assert actor.readers.keys() <= told, f"{event.__name__} does not tell {actor.name} all that it asks for"
    return {event_name(event): tuple(actor.name for actor in actors) for event, actors in SUBSCRIPTIONS.items()}
