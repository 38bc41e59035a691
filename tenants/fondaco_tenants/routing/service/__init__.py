"""Use cases of routing: where a merchant's listings and offers are filled from, and the routes that follow."""

from fondaco_tenants.routing.service.sources import (
    add_source,
    list_offer_sources,
    list_sources,
    publish_listing,
    publish_offer,
    remove_source,
    sources_by_ids,
    update_source,
)

__all__ = [
    "add_source",
    "list_offer_sources",
    "list_sources",
    "publish_listing",
    "publish_offer",
    "remove_source",
    "sources_by_ids",
    "update_source",
]
