"""Facts that the catalogue announces."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class EntitlementChanged(Event):
    """A standard was made, changed or retired."""

    name: ClassVar[str] = "entitlement.changed"

    entitlement_id: UUID
    state: str
    version: int


@dataclass(frozen=True, slots=True)
class ListingChanged(Event):
    """A listing was made, or its terms were changed."""

    name: ClassVar[str] = "listing.changed"

    listing_id: UUID
    store_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class ListingRepriced(Event):
    """A listing's price was changed."""

    name: ClassVar[str] = "listing.repriced"

    listing_id: UUID
    currency: str
    before_minor: int
    after_minor: int


@dataclass(frozen=True, slots=True)
class ListingMoved(Event):
    """A listing was published, paused or archived."""

    name: ClassVar[str] = "listing.moved"

    listing_id: UUID
    before: str
    after: str
