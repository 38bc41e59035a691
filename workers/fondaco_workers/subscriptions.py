"""Event → actors: the whole upward flow on one page.

Who announces does not know who listens. What merchants' own systems hear of is listed in fondaco_tenants.webhooks. An
event that nobody listens to stands in UNHEARD with a reason, so that tests/contracts/test_events.py can tell a decision
from an oversight.
"""

from collections.abc import Mapping
from dataclasses import fields

from fondaco_core.custody import KeyChangeBegun
from fondaco_core.identity import FactorChanged, InvitationMade, PasswordResetMade, SignedInElsewhere
from fondaco_core.outbox import Event, ForListeners, Gathering, event_name
from fondaco_core.tenancy import TenantResumed
from fondaco_tenants.codes import (
    CodesCollided,
    CodesProbed,
    CodesRequested,
    CodesRevealed,
    CodesWithdrawn,
    ImportRequested,
)
from fondaco_tenants.customers import CustomerProofMade
from fondaco_tenants.delivery import DeliveryDue
from fondaco_tenants.orders import ExportRequested, LookUpAsked, OrderFulfilled, SupplySold, UnitReplaced
from fondaco_tenants.payments import (
    PaymentCaptured,
    PaymentNotified,
    PaymentUnwanted,
    ReconciliationRequested,
    RefundRequested,
)
from fondaco_tenants.routing import OfferSourcesChanged
from fondaco_tenants.settlement import DestinationAdded, StatementRequested
from fondaco_tenants.supply import (
    AgreementChanged,
    OfferChanged,
    OfferPricesSet,
    OfferPublished,
    OfferWithdrawn,
    TermsSet,
)
from fondaco_tenants.webhooks import BY_EVENT, MessagesWaiting
from fondaco_workers.actor import Actor
from fondaco_workers.actors import (
    codes,
    delivery,
    identity,
    keys,
    offers,
    orders,
    payments,
    reconciliation,
    routing,
    scores,
    settlement,
    supply,
    webhooks,
)

SUBSCRIPTIONS: Mapping[type[Event], tuple[Actor[...], ...]] = {
    CustomerProofMade: (identity.mail_proof,),
    FactorChanged: (identity.mail_factor_changed,),
    InvitationMade: (identity.mail_invitation,),
    PasswordResetMade: (identity.mail_reset,),
    SignedInElsewhere: (identity.mail_elsewhere,),
    CodesCollided: (codes.record_collisions,),
    CodesProbed: (codes.record_probing,),
    CodesWithdrawn: (orders.swap_withdrawn,),
    CodesRevealed: (delivery.look_at_reveals,),
    DeliveryDue: (delivery.send,),
    ImportRequested: (codes.import_batch,),
    CodesRequested: (codes.make,),
    KeyChangeBegun: (keys.carry_on,),
    ExportRequested: (orders.write_export,),
    LookUpAsked: (orders.send_look_up,),
    OrderFulfilled: (delivery.plan,),
    SupplySold: (scores.add_sales,),
    UnitReplaced: (delivery.plan_replacement,),
    PaymentCaptured: (payments.settle,),
    PaymentNotified: (payments.look,),
    PaymentUnwanted: (payments.look,),
    RefundRequested: (payments.send_refund,),
    TenantResumed: (codes.resume_imports,),
    ReconciliationRequested: (reconciliation.compare,),
    MessagesWaiting: (webhooks.send_due,),
    AgreementChanged: (supply.tell_partner,),
    TermsSet: (supply.tell_terms,),
    OfferChanged: (offers.tell_offer,),
    OfferPublished: (offers.tell_offer,),
    OfferWithdrawn: (offers.tell_offer,),
    OfferPricesSet: (offers.tell_prices,),
    OfferSourcesChanged: (routing.rebuild,),
    DestinationAdded: (settlement.mail_destination_added,),
    StatementRequested: (settlement.write_statement,),
}

# Events that nobody listens to yet, and why they are announced all the same.
_FOR_THE_PLATFORM = "for the platform's own people, who see it on a list; alarms of theirs are to come"
_FOR_THE_RECORD = "for statistics and caches to come; what has to happen at once happens in the same transaction"

UNHEARD: Mapping[str, str] = {
    "client.created": _FOR_THE_RECORD,
    "client.revoked": _FOR_THE_RECORD,
    "client.rotated": _FOR_THE_RECORD,
    "delivery.requested": _FOR_THE_RECORD,
    "entitlement.changed": _FOR_THE_RECORD,
    "keys.destroyed": _FOR_THE_RECORD,
    "keys.rotated": _FOR_THE_RECORD,
    "gift.taken_back": "for the record: what was sent to the recipient is refused from then on, in the same transaction",
    "listing.changed": _FOR_THE_RECORD,
    "listing.moved": _FOR_THE_RECORD,
    "listing.repriced": _FOR_THE_RECORD,
    "listing.sources_changed": _FOR_THE_RECORD,
    "routing.policy_changed": _FOR_THE_RECORD,
    "member.invited": _FOR_THE_RECORD,
    "member.joined": _FOR_THE_RECORD,
    "member.removed": _FOR_THE_RECORD,
    "member.role_changed": _FOR_THE_RECORD,
    "merchant.profile_changed": _FOR_THE_RECORD,
    "partner.changed": _FOR_THE_RECORD,
    "payment.reconciled": _FOR_THE_RECORD,
    "reconciliation.difference": _FOR_THE_PLATFORM,
    "store.changed": _FOR_THE_RECORD,
    "supply_invitation.created": _FOR_THE_RECORD,
    "supply_invitation.revoked": _FOR_THE_RECORD,
    "tenant.applied": _FOR_THE_RECORD,
    "tenant.approved": _FOR_THE_RECORD,
    "tenant.closed": _FOR_THE_RECORD,
    "tenant.suspended": _FOR_THE_RECORD,
    "tier.changed": _FOR_THE_RECORD,
    "withdrawal_destination.removed": _FOR_THE_RECORD,
}


def subscriptions() -> dict[str, tuple[str, ...]]:
    """Names of events and of the actors that work on them, as the relay wants them."""
    for event, actors in SUBSCRIPTIONS.items():
        told = {field.name for field in fields(event)}
        for actor in actors:
            assert actor.readers.keys() <= told, f"{event.__name__} does not tell {actor.name} all that it asks for"
    heard = {
        event_name(event): tuple(Gathering(actor.name) if actor.gathers else actor.name for actor in actors)
        for event, actors in SUBSCRIPTIONS.items()
    }
    # What is public is told to the endpoints of those merchants who have some.
    public = {event: (*heard.get(event, ()), ForListeners(webhooks.tell.name)) for event in BY_EVENT}
    return heard | public
