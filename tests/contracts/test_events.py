"""Every event has a subscriber, or a reason not to; every actor has somebody who calls it."""

import importlib
import pkgutil
from collections.abc import Iterator

import fondaco_core
import fondaco_tenants
from fondaco_core.identity import PERMISSIONS
from fondaco_core.outbox import Event, event_name
from fondaco_workers.actor import ACTORS
from fondaco_workers.schedule import jobs
from fondaco_workers.subscriptions import UNHEARD, subscriptions


def events_of_the_tree() -> Iterator[type[Event]]:
    for package in (fondaco_core, fondaco_tenants):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.endswith(".events"):
                module = importlib.import_module(found.name)
                yield from (
                    event
                    for event in vars(module).values()
                    if isinstance(event, type)
                    and issubclass(event, Event)
                    and event.__module__ == found.name
                    and event.name
                )


def test_every_event_is_heard_or_says_why_not() -> None:
    announced = {event_name(event) for event in events_of_the_tree()}

    decided = subscriptions().keys() | UNHEARD.keys()

    assert decided == announced


def test_no_event_is_both_heard_and_unheard() -> None:
    assert subscriptions().keys() & UNHEARD.keys() == set()


def test_no_two_events_share_a_name() -> None:
    names = [event_name(event) for event in events_of_the_tree()]

    assert len(names) == len(set(names))


def test_every_actor_is_called_by_an_event_or_the_schedule() -> None:
    called = {name for names in subscriptions().values() for name in names} | {job.actor for job in jobs()}

    assert {name for name in ACTORS if not name.startswith("probe.")} == called


def test_an_actor_may_do_only_what_there_is() -> None:
    asked = {permission for actor in ACTORS.values() for permission in actor.permissions}

    assert asked <= PERMISSIONS.keys()
