"""routing: which source serves a line.

Owns     source, source_use, routing_policy, route, route_due, listing_watch, stock_told, resale_breach.
Promises a listing or offer is filled only from pools of its own tenant that hold its entitlement, and from suppliers' offers of it;
         sources are tried in the order that their merchant says, as of the first step, then of the next, and those that fail are paused;
         what nothing fills is not put on sale; no route leads over a
         merchant twice, and nobody but trading sees one.
Stands on catalog, supply, codes.
"""

from fondaco_tenants.routing.errands import look_at_troubles, rebuild_routes, watch_listings, watch_resale_prices
from fondaco_tenants.routing.errors import (
    NoSource,
    OfferDoesNotFit,
    PoolDoesNotFit,
    SourceExists,
    SourceInWrongState,
    SupplyCircle,
)
from fondaco_tenants.routing.events import (
    ListingBack,
    ListingLow,
    ListingOut,
    OfferSourcesChanged,
    ResalePriceBreached,
    ResalePriceTooLow,
    RoutingPolicyChanged,
    SourcePaused,
    SourceResumed,
    SourcesChanged,
    StockChanged,
)
from fondaco_tenants.routing.rules import (
    PauseReason,
    Points,
    Policy,
    RoutingPolicy,
    Source,
    SourceKind,
    SourceState,
)
from fondaco_tenants.routing.service import (
    add_source,
    list_offer_sources,
    list_sources,
    publish_listing,
    publish_offer,
    remove_source,
    sources_by_ids,
    update_source,
)
from fondaco_tenants.routing.service.breaches import ResaleBreach, list_breaches
from fondaco_tenants.routing.service.pauses import count_probes, pause_source, resume_source
from fondaco_tenants.routing.service.policies import (
    default_policy,
    policies_of_listings,
    policies_of_offers,
    set_routing_policy,
)
from fondaco_tenants.routing.service.told import StockNow, tell_stock

__all__ = [
    "ListingBack",
    "ListingLow",
    "ListingOut",
    "NoSource",
    "OfferDoesNotFit",
    "OfferSourcesChanged",
    "PauseReason",
    "Points",
    "Policy",
    "PoolDoesNotFit",
    "ResaleBreach",
    "ResalePriceBreached",
    "ResalePriceTooLow",
    "RoutingPolicy",
    "RoutingPolicyChanged",
    "Source",
    "SourceExists",
    "SourceInWrongState",
    "SourceKind",
    "SourcePaused",
    "SourceResumed",
    "SourceState",
    "SourcesChanged",
    "StockChanged",
    "StockNow",
    "SupplyCircle",
    "add_source",
    "count_probes",
    "default_policy",
    "list_breaches",
    "list_offer_sources",
    "list_sources",
    "look_at_troubles",
    "pause_source",
    "policies_of_listings",
    "policies_of_offers",
    "publish_listing",
    "publish_offer",
    "rebuild_routes",
    "remove_source",
    "resume_source",
    "set_routing_policy",
    "sources_by_ids",
    "tell_stock",
    "update_source",
    "watch_listings",
    "watch_resale_prices",
]
