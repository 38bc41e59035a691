"""Use cases of routing: where a merchant's listings are filled from."""

from fondaco_tenants.routing.service.sources import (
    add_source,
    list_sources,
    publish_listing,
    remove_source,
    sources_by_ids,
    update_source,
)

__all__ = ["add_source", "list_sources", "publish_listing", "remove_source", "sources_by_ids", "update_source"]
