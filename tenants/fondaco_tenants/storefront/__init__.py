"""storefront: stores, and their pages as visitors see them.

Owns     store.
Promises a store is found by its slug as long as it is open and its merchant may trade; strangers learn whether there is
         stock, never how much.
Stands on catalog, and on tenancy for doors.
"""

from fondaco_tenants.storefront.events import StoreChanged
from fondaco_tenants.storefront.rules import (
    ShownListing,
    StockClass,
    Store,
    StoreDetails,
    StoreState,
    stock_class,
    stock_seen,
)
from fondaco_tenants.storefront.service import (
    StoreChanges,
    create_store,
    get_store,
    list_own_shown,
    list_shown,
    list_stores,
    own_shown,
    stock_of_listings,
    stores_by_ids,
    tenants_of_listings,
    tenants_of_stores,
    update_store,
    visit_listings,
    visit_store,
    visit_stores,
)

__all__ = [
    "ShownListing",
    "StockClass",
    "Store",
    "StoreChanged",
    "StoreChanges",
    "StoreDetails",
    "StoreState",
    "create_store",
    "get_store",
    "list_own_shown",
    "list_shown",
    "list_stores",
    "own_shown",
    "stock_class",
    "stock_of_listings",
    "stock_seen",
    "stores_by_ids",
    "tenants_of_listings",
    "tenants_of_stores",
    "update_store",
    "visit_listings",
    "visit_store",
    "visit_stores",
]
