"""catalog: the platform's standard entitlements, and what each store lists of them.

Owns     entitlement, listing.
Promises a listing is in exactly one of draft, active, paused, archived, and only an active one is on sale; its price is
         in its store's currency; a change that was made on an outdated version is refused; every change of a price or
         a state is in the audit log.
Stands on tenancy alone.
"""

from fondaco_tenants.catalog.errors import EntitlementRetired, ListingInWrongState, SkuTaken
from fondaco_tenants.catalog.events import EntitlementChanged, ListingChanged, ListingMoved, ListingRepriced
from fondaco_tenants.catalog.rules import (
    Entitlement,
    EntitlementDetails,
    EntitlementState,
    FulfilmentKind,
    Listing,
    ListingState,
    ListingTerms,
    checked_text,
    may_move,
)
from fondaco_tenants.catalog.service import (
    ListingChanges,
    PriceChange,
    archive_listing,
    create_entitlement,
    create_listing,
    entitlements_by_ids,
    get_entitlement,
    get_listing,
    list_entitlements,
    list_listings,
    listings_by_ids,
    pause_listing,
    publish_listing,
    retire_entitlement,
    update_entitlement,
    update_listing,
    update_prices,
)

__all__ = [
    "Entitlement",
    "EntitlementChanged",
    "EntitlementDetails",
    "EntitlementRetired",
    "EntitlementState",
    "FulfilmentKind",
    "Listing",
    "ListingChanged",
    "ListingChanges",
    "ListingInWrongState",
    "ListingMoved",
    "ListingRepriced",
    "ListingState",
    "ListingTerms",
    "PriceChange",
    "SkuTaken",
    "archive_listing",
    "checked_text",
    "create_entitlement",
    "create_listing",
    "entitlements_by_ids",
    "get_entitlement",
    "get_listing",
    "list_entitlements",
    "list_listings",
    "listings_by_ids",
    "may_move",
    "pause_listing",
    "publish_listing",
    "retire_entitlement",
    "update_entitlement",
    "update_listing",
    "update_prices",
]
