"""The SQL of quoting: what is asked for, what it costs now, and which own sources fill it."""

from fondaco_tenants.orders.store_fees import fee_bps
from fondaco_tenants.orders.store_rank import count_of, counted, key_by_priority, key_of_own, tried


def _sources(place: str) -> str:
    """What of a listing `l` is filled from own pools, in the order of their keys, and whether others fill it."""
    return f"""
LEFT JOIN LATERAL (
  SELECT max(x.policy) AS policy, coalesce(bool_or(x.kind = 'OFFER'), false) AS chained,
    array_agg(x.id ORDER BY x.place) FILTER (WHERE x.kind = 'POOL') AS source_ids,
    array_agg(x.pool_id ORDER BY x.place) FILTER (WHERE x.kind = 'POOL') AS pool_ids,
    array_agg(x.place ORDER BY x.place) FILTER (WHERE x.kind = 'POOL') AS places,
    array_agg(x.count ORDER BY x.place) FILTER (WHERE x.kind = 'POOL') AS counts
  FROM (
    SELECT x.id, x.pool_id, x.kind, x.policy, CASE WHEN x.kind = 'POOL' THEN
      {place} END AS place,
      {count_of("x", "v", today="($3::timestamptz AT TIME ZONE 'UTC')::date")} AS count
    FROM source x LEFT JOIN source_use v ON v.source_id = x.id AND {counted("x")} WHERE x.listing_id = l.id AND {tried("x")} OFFSET 0
  ) x
) src ON true
"""


# One round trip over what catalogue, storefront, tenancy, routing and customers say of the listings and the buyer: the hot
# path cannot ask each of them by itself. Only what may be sold now is found; row level security keeps it to the store's tenant.
# Sources are ordered by priorities; OWN_SOURCES is for those that are not.
QUOTE = f"""
SELECT l.id AS listing_id, l.store_id, l.tenant_id AS seller_id, l.entitlement_id, l.title, l.price_minor, l.currency,
  l.order_max, l.customer_max, l.customer_period_days,
  {fee_bps(tenant="t", entitlement="l.entitlement_id")} AS fee_bps, s.hold_s, s.guest_checkout, src.*,
  c.id IS NOT NULL AS known, c.blocked_at IS NOT NULL AS blocked
FROM listing l
JOIN store s ON s.id = l.store_id AND s.state = 'OPEN'
JOIN tenant t ON t.id = l.tenant_id AND t.state = 'ACTIVE'
{_sources(key_by_priority("x"))}
LEFT JOIN customer c ON c.id = $2
WHERE l.id = ANY($1::uuid[]) AND l.state = 'ACTIVE'
"""

OWN_SOURCES = f"""
SELECT l.id AS listing_id, src.* FROM unnest($1::uuid[], $2::text[]) AS l(id, currency)
{_sources(key_of_own("x", now="$3::timestamptz", currency="l.currency"))}
"""
