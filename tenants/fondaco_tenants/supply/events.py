"""Facts that supply announces."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class AgreementChanged(Event):
    """An agreement is another than it was: REQUESTED, JOINED, ACCEPTED, DECLINED, SUSPENDED, RESUMED, ENDED or MOVED.

    It is of the tenant that did it; an actor tells the partner.
    """

    name: ClassVar[str] = "agreement.changed"

    agreement_id: UUID
    supplier_tenant_id: UUID
    reseller_tenant_id: UUID
    state: str
    change: str
    changed_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class TermsSet(Event):
    """That a tier is going to grant something else, from now or a later moment on, was decided; an actor tells its resellers."""

    name: ClassVar[str] = "tier.terms_set"

    tier_id: UUID
    terms_id: UUID
    set_at: datetime
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class TierChanged(Event):
    """A tier was made, renamed, made the one that newcomers begin in, put away or brought back."""

    name: ClassVar[str] = "tier.changed"

    tier_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class InvitationCreated(Event):
    """There is a code by which merchants join a tier."""

    name: ClassVar[str] = "supply_invitation.created"

    invitation_id: UUID
    tier_id: UUID


@dataclass(frozen=True, slots=True)
class InvitationRevoked(Event):
    """Nobody joins by a code any more."""

    name: ClassVar[str] = "supply_invitation.revoked"

    invitation_id: UUID


@dataclass(frozen=True, slots=True)
class PartnerChanged(Event):
    """A merchant presents itself to its partners in another way."""

    name: ClassVar[str] = "partner.changed"

    version: int


@dataclass(frozen=True, slots=True)
class OfferChanged(Event):
    """An offer was drafted, or something else is said of it."""

    name: ClassVar[str] = "offer.changed"

    offer_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class OfferPublished(Event):
    """An offer is shown to those whom it is for."""

    name: ClassVar[str] = "offer.published"

    offer_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class OfferWithdrawn(Event):
    """Nobody buys from an offer any more."""

    name: ClassVar[str] = "offer.withdrawn"

    offer_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class OfferPricesSet(Event):
    """What an offer costs a tier from a moment on was decided; an actor tells its resellers.

    `unit_price_minor` is for a single unit; None when the tier does not get the offer any more.
    """

    name: ClassVar[str] = "offer.prices_set"

    offer_id: UUID
    tier_id: UUID
    starts_at: datetime
    currency: str
    unit_price_minor: int | None


@dataclass(frozen=True, slots=True)
class SupplyOfferChanged(Event):
    """Of the reseller that it is told to: a supplier's offer is published, withdrawn, or something else is said of it."""

    name: ClassVar[str] = "supply.offer_changed"

    offer_id: UUID
    state: str
    version: int


@dataclass(frozen=True, slots=True)
class OfferPriceComing(Event):
    """Of the reseller that it is told to: what a supplier's offer costs it from a moment on, which may be now or to come."""

    name: ClassVar[str] = "supply.price_coming"

    offer_id: UUID
    tier_id: UUID
    starts_at: datetime
    currency: str
    unit_price_minor: int | None
