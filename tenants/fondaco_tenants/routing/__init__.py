"""routing: which source serves a line.

Owns     source.
Promises a listing is filled only from pools of its own tenant that hold its entitlement; sources are tried in the order
         of their priority; what nothing fills is not put on sale.
Stands on catalog, codes.
"""

from fondaco_tenants.routing.errands import watch_listings
from fondaco_tenants.routing.errors import NoSource, PoolDoesNotFit, SourceExists
from fondaco_tenants.routing.events import ListingBack, ListingLow, ListingOut, SourcesChanged
from fondaco_tenants.routing.rules import Source, SourceKind
from fondaco_tenants.routing.service import (
    add_source,
    list_sources,
    publish_listing,
    remove_source,
    sources_by_ids,
    update_source,
)

__all__ = [
    "ListingBack",
    "ListingLow",
    "ListingOut",
    "NoSource",
    "PoolDoesNotFit",
    "Source",
    "SourceExists",
    "SourceKind",
    "SourcesChanged",
    "add_source",
    "list_sources",
    "publish_listing",
    "remove_source",
    "sources_by_ids",
    "update_source",
    "watch_listings",
]
