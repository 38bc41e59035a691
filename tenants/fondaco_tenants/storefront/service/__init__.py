"""Use cases of the storefront: a merchant's stores."""

from fondaco_tenants.storefront.service.stores import (
    StoreChanges,
    create_store,
    get_store,
    list_stores,
    stores_by_ids,
    update_store,
)

__all__ = ["StoreChanges", "create_store", "get_store", "list_stores", "stores_by_ids", "update_store"]
