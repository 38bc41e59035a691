"""Use cases of the storefront: a merchant's stores."""

from fondaco_tenants.storefront.service.stores import (
    StoreChanges,
    create_store,
    get_store,
    list_stores,
    stores_by_ids,
    update_store,
)
from fondaco_tenants.storefront.service.visits import (
    list_own_shown,
    list_shown,
    own_shown,
    stock_of_listings,
    tenants_of_listings,
    tenants_of_stores,
    visit_listings,
    visit_store,
    visit_stores,
)

__all__ = [
    "StoreChanges",
    "create_store",
    "get_store",
    "list_own_shown",
    "list_shown",
    "list_stores",
    "own_shown",
    "stock_of_listings",
    "stores_by_ids",
    "tenants_of_listings",
    "tenants_of_stores",
    "update_store",
    "visit_listings",
    "visit_store",
    "visit_stores",
]
