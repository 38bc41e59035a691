"""Facts that routing announces."""

from dataclasses import dataclass
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
