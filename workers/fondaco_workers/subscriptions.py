"""Event → actors: the whole upward flow on one page.

Who announces does not know who listens. An event that nobody listens to stands in UNHEARD with a reason, so that
tests/contracts/test_events.py can tell a decision from an oversight.
"""

from collections.abc import Mapping
from dataclasses import fields

from fondaco_core.outbox import Event, event_name
from fondaco_tenants.codes import CodesCollided, ImportRequested
from fondaco_workers.actor import Actor
from fondaco_workers.actors import codes

SUBSCRIPTIONS: Mapping[type[Event], tuple[Actor[...], ...]] = {
    CodesCollided: (codes.record_collisions,),
    ImportRequested: (codes.import_batch,),
}

# Events that nobody listens to yet, and why they are announced all the same.
_FOR_INTEGRATORS = "for the integrators' webhooks: a fact that a merchant's own systems may want to hear of"
_FOR_THE_RECORD = "for statistics and caches to come; what has to happen at once happens in the same transaction"

UNHEARD: Mapping[str, str] = {
    "batch.imported": _FOR_INTEGRATORS,
    "batch.undone": _FOR_INTEGRATORS,
    "client.created": _FOR_THE_RECORD,
    "client.revoked": _FOR_THE_RECORD,
    "account.factor_changed": _FOR_THE_RECORD,
    "break_glass.ended": _FOR_INTEGRATORS,
    "break_glass.opened": _FOR_INTEGRATORS,
    "client.ends_soon": _FOR_INTEGRATORS,
    "client.rotated": _FOR_THE_RECORD,
    "customer.blocked": _FOR_INTEGRATORS,
    "customer.registered": _FOR_INTEGRATORS,
    "customer.unblocked": _FOR_INTEGRATORS,
    "delivery_link.created": _FOR_INTEGRATORS,
    "delivery_link.opened": _FOR_INTEGRATORS,
    "delivery_link.revoked": _FOR_INTEGRATORS,
    "entitlement.changed": _FOR_THE_RECORD,
    "listing.changed": _FOR_THE_RECORD,
    "listing.moved": _FOR_THE_RECORD,
    "listing.repriced": _FOR_THE_RECORD,
    "listing.sources_changed": _FOR_THE_RECORD,
    "member.invited": _FOR_THE_RECORD,
    "member.joined": _FOR_THE_RECORD,
    "member.removed": _FOR_THE_RECORD,
    "member.role_changed": _FOR_THE_RECORD,
    "merchant.profile_changed": _FOR_THE_RECORD,
    "order.closed": _FOR_INTEGRATORS,
    "order.fulfilled": _FOR_INTEGRATORS,
    "order.placed": _FOR_INTEGRATORS,
    "order.refunded": _FOR_INTEGRATORS,
    "store.changed": _FOR_THE_RECORD,
    "tenant.applied": _FOR_THE_RECORD,
    "tenant.approved": _FOR_THE_RECORD,
    "tenant.closed": _FOR_THE_RECORD,
    "tenant.resumed": _FOR_THE_RECORD,
    "tenant.suspended": _FOR_THE_RECORD,
    "wallet.credited": _FOR_INTEGRATORS,
}


def subscriptions() -> dict[str, tuple[str, ...]]:
    """Names of events and of the actors that work on them, as the relay wants them."""
    for event, actors in SUBSCRIPTIONS.items():
        told = {field.name for field in fields(event)}
        for actor in actors:
            assert actor.readers.keys() <= told, f"{event.__name__} does not tell {actor.name} all that it asks for"
    return {event_name(event): tuple(actor.name for actor in actors) for event, actors in SUBSCRIPTIONS.items()}
