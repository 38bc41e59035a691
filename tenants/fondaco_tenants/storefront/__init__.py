"""storefront: stores, and their pages as visitors see them.

Owns     store.
Promises a store is found by its slug as long as it is open and its merchant may trade; strangers learn whether there is
         stock, never how much.
Stands on catalog, and on tenancy for doors.
"""

from fondaco_tenants.storefront.events import StoreChanged
from fondaco_tenants.storefront.rules import StockClass, Store, StoreDetails, StoreState, stock_class, stock_seen
from fondaco_tenants.storefront.service import (
    StoreChanges,
    create_store,
    get_store,
    list_stores,
    stores_by_ids,
    update_store,
)

__all__ = [
    "StockClass",
    "Store",
    "StoreChanged",
    "StoreChanges",
    "StoreDetails",
    "StoreState",
    "create_store",
    "get_store",
    "list_stores",
    "stock_class",
    "stock_seen",
    "stores_by_ids",
    "update_store",
]
