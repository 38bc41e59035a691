"""Every SQL statement of the storefront."""

from collections.abc import Iterable, Mapping
from typing import Any

from fondaco_core import limits
from fondaco_core.ids import StoreId, TenantId
from fondaco_tenants.storefront.rules import ShownListing, Store, StoreDetails, StoreState

_STORE = "id, tenant_id, slug, name, description, currency, locale, state, guest_checkout, hold_s, created_at, version"

ADD = f"""
INSERT INTO store ({_STORE}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (slug) DO NOTHING
"""
CHANGE = """
UPDATE store SET
  name = $3, description = $4, locale = $5, state = $6, guest_checkout = $7, hold_s = $8, version = version + 1
WHERE id = $1 AND version = $2
"""
LOCK = f"SELECT {_STORE} FROM store WHERE id = $1 FOR UPDATE"
FIND = f"SELECT {_STORE} FROM store WHERE id = ANY($1::uuid[])"
LIST = f"""
SELECT {_STORE} FROM store WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3
"""
LIST_BACKWARD = f"""
SELECT {_STORE} FROM store WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""

# A visitor's store: open, of a merchant who may trade.
VISIT = f"""
SELECT {", ".join(f"s.{name.strip()}" for name in _STORE.split(","))}
FROM store s JOIN tenant t ON t.id = s.tenant_id
WHERE s.state = 'OPEN' AND t.state = 'ACTIVE' AND (s.slug = $1 OR s.id = ANY($2::uuid[]))
"""
# Asked in a transaction without a tenant, in which row level security shows what is on sale, and nothing else.
TENANTS_OF_STORES = "SELECT id, tenant_id FROM store WHERE id = ANY($1::uuid[])"
TENANTS_OF_LISTINGS = "SELECT id, tenant_id FROM listing WHERE id = ANY($1::uuid[])"

# Counting starts at the pool's picking mark and stops at `most`: a pool that sold a million codes costs what a new one does.
# Mark and expiry are one comparison on purpose: beside a second one, `expires_at > now()`, PostgreSQL begins there, at the
# index entries of what was sold first, and walks over all of them (measured: 140 pages a listing instead of 3). They are counted
# in the order of the index, which does not matter to a count, but keeps PostgreSQL from marking all entries of a pool in a
# bitmap before it looks at the first ten (measured over 200,000 codes: 7 times the time of a page, and growing with the pool).
_COUNT = """
SELECT count(*) FROM (
  SELECT FROM source x
  JOIN code_pool p ON p.id = x.pool_id
  CROSS JOIN LATERAL (SELECT now() + p.stop_sale_days * interval '24 hours' AS until) stop
  CROSS JOIN LATERAL (
    SELECT FROM code c
    WHERE c.pool_id = p.id AND c.state = 'AVAILABLE'
      AND (c.expires_at, c.position) >= (
        greatest(p.pick_expires_at, stop.until),
        CASE WHEN p.pick_expires_at > stop.until THEN p.pick_position ELSE 9223372036854775807 END
      )
    ORDER BY c.expires_at, c.position LIMIT {most}
  ) unit
  WHERE x.listing_id = {listing} AND x.enabled AND (x.state = 'ACTIVE' OR source_tried(x.id)) AND p.archived_at IS NULL
  LIMIT {most}
) seen
"""
STOCK = f"""
SELECT l.id, ({_COUNT.format(listing="l.id", most="$2")}) AS available FROM unnest($1::uuid[]) AS l(id)
"""

# One statement for a page: the listings first, then, for those that are shown, what they are of and how many there are.
# It reads the tables of catalog, routing and codes, because a page is what all of them say together, at once.
_SHOWN = f"""
SELECT
  l.id, l.tenant_id, l.store_id, l.title, l.description, l.price_minor, l.currency, l.order_max, l.customer_max,
  l.customer_period_days, l.low_stock_at, l.state, l.position, l.created_at, l.version,
  e.id AS entitlement_id, e.sku, e.brand, e.name, e.name_zh, e.category, e.fulfilment_kind, e.face_value_minor,
  e.face_currency, e.region, e.validity_days, e.case_sensitive, e.redemption, e.redemption_zh, e.restrictions,
  e.restrictions_zh, e.state AS entitlement_state, e.created_at AS entitlement_created_at,
  e.version AS entitlement_version,
  ({_COUNT.format(listing="l.id", most="least(greatest(l.low_stock_at, {low}), {seen})")}) AS available,
  EXISTS (SELECT FROM source x WHERE x.listing_id = l.id AND x.kind = 'OFFER' AND x.enabled) AS chained
FROM ({{page}}) l JOIN entitlement e ON e.id = l.entitlement_id
ORDER BY l.position {{direction}}, l.id {{direction}}
""".replace("{low}", str(limits.STOCK_LOW_BELOW)).replace("{seen}", str(limits.STOCK_SEEN_MAX))
_ON_SALE = "l.state = 'ACTIVE' AND s.state = 'OPEN' AND t.state = 'ACTIVE'"
_PAGE = """
SELECT l.* FROM listing l JOIN entitlement e ON e.id = l.entitlement_id {more}
WHERE {which}
  AND ($2::text IS NULL OR strpos(lower(l.title || ' ' || e.brand || ' ' || e.name || ' ' || e.name_zh), lower($2)) > 0)
  AND ($3::text IS NULL OR e.category = $3)
  AND ($4::bigint IS NULL OR (l.position, l.id) {far} ($4, $5::uuid))
ORDER BY l.position {direction}, l.id {direction} LIMIT $6
"""
_FORWARD = {"far": ">", "direction": "ASC"}
_BACKWARD = {"far": "<", "direction": "DESC"}
_VISITORS = {
    "more": "JOIN store s ON s.id = l.store_id JOIN tenant t ON t.id = l.tenant_id",
    "which": f"l.store_id = $1 AND {_ON_SALE}",
}
_OWNERS = {
    "more": "",
    "which": "l.tenant_id = $1 AND ($7::uuid IS NULL OR l.store_id = $7) AND ($8::text IS NULL OR l.state = $8)",
}


def _page(order: Mapping[str, str], whose: Mapping[str, str]) -> str:
    return _SHOWN.format(page=_PAGE.format(**order, **whose), direction=order["direction"])


PAGE = _page(_FORWARD, _VISITORS)
PAGE_BACKWARD = _page(_BACKWARD, _VISITORS)
OWN_PAGE = _page(_FORWARD, _OWNERS)
OWN_PAGE_BACKWARD = _page(_BACKWARD, _OWNERS)
BY_IDS = _SHOWN.format(
    page=f"SELECT l.* FROM listing l {_VISITORS['more']} WHERE l.id = ANY($1::uuid[]) AND {_ON_SALE}", direction="ASC"
)
OWN_BY_IDS = _SHOWN.format(page="SELECT l.* FROM listing l WHERE l.id = ANY($1::uuid[])", direction="ASC")


def to_shown(row: Iterable[Any]) -> ShownListing:
    """A row of a page, whose columns are the fields in their order."""
    return ShownListing._make(row)


def to_store(row: Mapping[str, Any]) -> Store:
    """A row as the module speaks of it."""
    return Store(
        id=StoreId(row["id"]),
        tenant_id=TenantId(row["tenant_id"]),
        slug=row["slug"],
        currency=row["currency"],
        details=StoreDetails(
            name=row["name"],
            description=row["description"],
            locale=row["locale"],
            state=StoreState(row["state"]),
            guest_checkout=row["guest_checkout"],
            hold_s=row["hold_s"],
        ),
        created_at=row["created_at"],
        version=row["version"],
    )
