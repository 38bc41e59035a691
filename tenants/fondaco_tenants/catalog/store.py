"""Every SQL statement of the catalogue."""

from collections.abc import Mapping
from typing import Any

from fondaco_core.ids import EntitlementId, ListingId, StoreId, TenantId
from fondaco_core.money import Money
from fondaco_tenants.catalog.rules import (
    Entitlement,
    EntitlementDetails,
    EntitlementState,
    FulfilmentKind,
    Listing,
    ListingState,
    ListingTerms,
)

_ENTITLEMENT = """
id, sku, brand, name, name_zh, category, fulfilment_kind, face_value_minor, face_currency, region, validity_days,
case_sensitive, redemption, redemption_zh, restrictions, restrictions_zh, state, created_at, version
"""
_LISTING = """
id, tenant_id, store_id, entitlement_id, title, description, price_minor, currency, order_max, customer_max,
customer_period_days, low_stock_at, state, position, created_at, version
"""

ADD_ENTITLEMENT = f"""
INSERT INTO entitlement ({_ENTITLEMENT})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
ON CONFLICT (sku) DO NOTHING
"""
CHANGE_ENTITLEMENT = """
UPDATE entitlement SET
  brand = $3, name = $4, name_zh = $5, category = $6, face_value_minor = $7, face_currency = $8, region = $9,
  validity_days = $10, redemption = $11, redemption_zh = $12, restrictions = $13, restrictions_zh = $14, state = $15,
  version = version + 1
WHERE id = $1 AND version = $2
"""
FIND_ENTITLEMENTS = f"SELECT {_ENTITLEMENT} FROM entitlement WHERE id = ANY($1::uuid[])"
LOCK_ENTITLEMENT = f"SELECT {_ENTITLEMENT} FROM entitlement WHERE id = $1 FOR UPDATE"
# A search finds whole words and parts of them; patterns are never the asker's.
_LIST_ENTITLEMENTS = f"""
SELECT {_ENTITLEMENT} FROM entitlement
WHERE ($1::text IS NULL OR strpos(lower(brand || ' ' || name || ' ' || name_zh || ' ' || sku), lower($1)) > 0)
  AND ($2::text IS NULL OR category = $2)
  AND ($3::text IS NULL OR fulfilment_kind = $3)
  AND ($4::text IS NULL OR state = $4)
  AND ($5::text IS NULL OR sku {{far}} $5)
ORDER BY sku {{direction}} LIMIT $6
"""
LIST_ENTITLEMENTS = _LIST_ENTITLEMENTS.format(far=">", direction="ASC")
LIST_ENTITLEMENTS_BACKWARD = _LIST_ENTITLEMENTS.format(far="<", direction="DESC")

# The store's row stays as it is until the listing is in: its currency is the listing's.
CURRENCY_OF_STORE = "SELECT currency FROM store WHERE id = $1"
ADD_LISTING = f"""
INSERT INTO listing ({_LISTING})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
CHANGE_LISTING = """
UPDATE listing SET
  title = $3, description = $4, price_minor = $5, order_max = $6, customer_max = $7, customer_period_days = $8,
  low_stock_at = $9, position = $10, version = version + 1
WHERE id = $1 AND version = $2
"""
MOVE_LISTING = "UPDATE listing SET state = $3, version = version + 1 WHERE id = $1 AND version = $2"
FIND_LISTINGS = f"SELECT {_LISTING} FROM listing WHERE id = ANY($1::uuid[])"
LOCK_LISTING = f"SELECT {_LISTING} FROM listing WHERE id = $1 FOR UPDATE"
# In the order of their ids, so that two requests never wait for each other in a circle.
LOCK_LISTINGS = f"SELECT {_LISTING} FROM listing WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"
REPRICE_LISTINGS = """
UPDATE listing SET price_minor = s.price_minor, version = version + 1
FROM unnest($1::uuid[], $2::bigint[]) AS s(id, price_minor)
WHERE listing.id = s.id
"""
_LIST_LISTINGS = f"""
SELECT {_LISTING} FROM listing
WHERE tenant_id = $1
  AND ($2::uuid IS NULL OR store_id = $2)
  AND ($3::text IS NULL OR state = $3)
  AND ($4::text IS NULL OR strpos(lower(title), lower($4)) > 0)
  AND ($5::bigint IS NULL OR (position, id) {{far}} ($5, $6::uuid))
ORDER BY position {{direction}}, id {{direction}} LIMIT $7
"""
LIST_LISTINGS = _LIST_LISTINGS.format(far=">", direction="ASC")
LIST_LISTINGS_BACKWARD = _LIST_LISTINGS.format(far="<", direction="DESC")


def to_entitlement(row: Mapping[str, Any]) -> Entitlement:
    """A row as the module speaks of it."""
    face = None if row["face_value_minor"] is None else Money(row["face_value_minor"], row["face_currency"])
    return Entitlement(
        id=EntitlementId(row["id"]),
        sku=row["sku"],
        fulfilment_kind=FulfilmentKind(row["fulfilment_kind"]),
        case_sensitive=row["case_sensitive"],
        details=EntitlementDetails(
            brand=row["brand"],
            name=row["name"],
            name_zh=row["name_zh"],
            category=row["category"],
            face_value=face,
            region=row["region"],
            validity_days=row["validity_days"],
            redemption=row["redemption"],
            redemption_zh=row["redemption_zh"],
            restrictions=row["restrictions"],
            restrictions_zh=row["restrictions_zh"],
        ),
        state=EntitlementState(row["state"]),
        created_at=row["created_at"],
        version=row["version"],
    )


def to_listing(row: Mapping[str, Any]) -> Listing:
    """A row as the module speaks of it."""
    return Listing(
        id=ListingId(row["id"]),
        tenant_id=TenantId(row["tenant_id"]),
        store_id=StoreId(row["store_id"]),
        entitlement_id=EntitlementId(row["entitlement_id"]),
        terms=ListingTerms(
            title=row["title"],
            description=row["description"],
            price=Money(row["price_minor"], row["currency"]),
            order_max=row["order_max"],
            customer_max=row["customer_max"],
            customer_period_days=row["customer_period_days"],
            low_stock_at=row["low_stock_at"],
            position=row["position"],
        ),
        state=ListingState(row["state"]),
        created_at=row["created_at"],
        version=row["version"],
    )


def entitlement_values(entitlement: Entitlement) -> tuple[object, ...]:
    """A standard as the parameters of ADD_ENTITLEMENT."""
    details = entitlement.details
    face = details.face_value
    return (
        entitlement.id, entitlement.sku, details.brand, details.name, details.name_zh, details.category,
        entitlement.fulfilment_kind.value, face and face.amount_minor, face and face.currency, details.region,
        details.validity_days, entitlement.case_sensitive, details.redemption, details.redemption_zh,
        details.restrictions, details.restrictions_zh, entitlement.state.value, entitlement.created_at,
        entitlement.version,
    )  # fmt: skip


def listing_values(listing: Listing) -> tuple[object, ...]:
    """A listing as the parameters of ADD_LISTING."""
    terms = listing.terms
    return (
        listing.id, listing.tenant_id, listing.store_id, listing.entitlement_id, terms.title, terms.description,
        terms.price.amount_minor, terms.price.currency, terms.order_max, terms.customer_max,
        terms.customer_period_days, terms.low_stock_at, listing.state.value, terms.position, listing.created_at,
        listing.version,
    )  # fmt: skip
