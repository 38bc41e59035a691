"""Use cases of the catalogue: the platform's standards, the merchants' listings."""

from fondaco_tenants.catalog.service.entitlements import (
    create_entitlement,
    entitlements_by_ids,
    get_entitlement,
    list_entitlements,
    retire_entitlement,
    update_entitlement,
)
from fondaco_tenants.catalog.service.listings import (
    ListingChanges,
    archive_listing,
    create_listing,
    get_listing,
    list_listings,
    listings_by_ids,
    pause_listing,
    publish_listing,
    update_listing,
)
from fondaco_tenants.catalog.service.prices import PriceChange, update_prices

__all__ = [
    "ListingChanges",
    "PriceChange",
    "archive_listing",
    "create_entitlement",
    "create_listing",
    "entitlements_by_ids",
    "get_entitlement",
    "get_listing",
    "list_entitlements",
    "list_listings",
    "listings_by_ids",
    "pause_listing",
    "publish_listing",
    "retire_entitlement",
    "update_entitlement",
    "update_listing",
    "update_prices",
]
