"""Facts that routing announces."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class SourcesChanged(Event):
    """A listing's sources were added to, taken from, switched or reordered."""

    name: ClassVar[str] = "listing.sources_changed"

    listing_id: UUID


@dataclass(frozen=True, slots=True)
class OfferSourcesChanged(Event):
    """What an offer to resellers is filled from has changed: whatever stands on it is worked out again."""

    name: ClassVar[str] = "offer.sources_changed"

    offer_id: UUID


@dataclass(frozen=True, slots=True)
class SourcePaused(Event):
    """No order comes to a source for now: by itself, since it failed, or a person said so."""

    name: ClassVar[str] = "source.paused"

    source_id: UUID
    listing_id: UUID | None
    offer_id: UUID | None
    reason: str
    # None: until a person resumes it.
    until: datetime | None


@dataclass(frozen=True, slots=True)
class SourceResumed(Event):
    """Orders come to a source again that was paused."""

    name: ClassVar[str] = "source.resumed"

    source_id: UUID
    listing_id: UUID | None
    offer_id: UUID | None


@dataclass(frozen=True, slots=True)
class RoutingPolicyChanged(Event):
    """A merchant orders its sources by something else, or wants another margin: of a listing, an offer, or of all without their own."""

    name: ClassVar[str] = "routing.policy_changed"

    listing_id: UUID | None
    offer_id: UUID | None
    policy: str


@dataclass(frozen=True, slots=True)
class StockChanged(Event):
    """There is more or less than a merchant was last told: of an own listing, or, as its tier says, of a supplier's offer."""

    name: ClassVar[str] = "stock.changed"

    listing_id: UUID | None
    offer_id: UUID | None
    available: bool
    units: int | None
    stock_class: str | None


@dataclass(frozen=True, slots=True)
class ResalePriceBreached(Event):
    """A reseller asks less for a unit than the merchant's offer allows; of the supplier, once for each breach."""

    name: ClassVar[str] = "supply.resale_price_breached"

    breach_id: UUID
    offer_id: UUID
    reseller_tenant_id: UUID
    listing_id: UUID
    asked_minor: int
    least_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class ResalePriceTooLow(Event):
    """A listing of the merchant asks less for a unit than its supplier's offer allows; once for each breach."""

    name: ClassVar[str] = "supply.resale_price_too_low"

    breach_id: UUID
    offer_id: UUID
    listing_id: UUID
    asked_minor: int
    least_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class ListingLow(Event):
    """All sources of a listing together have so little left that its merchant wants to be told; announced once."""

    name: ClassVar[str] = "listing_stock.low"

    listing_id: UUID
    available: int
    low_stock_at: int


@dataclass(frozen=True, slots=True)
class ListingOut(Event):
    """Buyers can buy nothing more of a listing."""

    name: ClassVar[str] = "listing_stock.out"

    listing_id: UUID


@dataclass(frozen=True, slots=True)
class ListingBack(Event):
    """A listing of which there was nothing has something again, or one of which there was little has enough."""

    name: ClassVar[str] = "listing_stock.back"

    listing_id: UUID
    band: str
