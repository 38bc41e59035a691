"""Every SQL statement of offers, their prices and the market."""

from collections.abc import Mapping
from typing import Any

from fondaco_core.ids import AgreementId, EntitlementId, OfferId, TenantId, TierId
from fondaco_core.money import Money
from fondaco_tenants.supply.rules import AgreementState
from fondaco_tenants.supply.rules_offers import MarketOffer, Offer, OfferState, OfferTerms, PriceBreak, PriceList

_OFFER = (
    "id, tenant_id, entitlement_id, title, currency, state, min_resale_minor, in_market, created_at, published_at, "
    "withdrawn_at, version"
)

ADD = f"INSERT INTO offer ({_OFFER}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
CHANGE = """
UPDATE offer SET title = $2, in_market = $3, min_resale_minor = $4, version = version + 1 WHERE id = $1
"""
MOVE = """
UPDATE offer SET state = $2, published_at = $3, withdrawn_at = $4, version = version + 1 WHERE id = $1
"""
# Of one's own; beside `id`, since a reseller sees its supplier's.
LOCK = f"SELECT {_OFFER} FROM offer WHERE id = $1 AND tenant_id = $2 FOR NO KEY UPDATE"
# Two who publish the last one at once: the second waits, and counts the first one.
LOCK_PUBLISHED = "SELECT pg_advisory_xact_lock(hashtextextended('offers ' || $1::uuid::text, 0))"
COUNT_PUBLISHED = "SELECT count(*) FROM offer WHERE tenant_id = $1 AND state = 'PUBLISHED'"
OWN_BY_IDS = f"SELECT {_OFFER} FROM offer WHERE id = ANY($1::uuid[]) AND tenant_id = $2"
# A search finds whole words and parts of them; patterns are never the asker's.
LIST = f"""
SELECT {_OFFER} FROM offer
WHERE tenant_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::uuid IS NULL OR entitlement_id = $3)
  AND ($4::text IS NULL OR strpos(lower(title), lower($4)) > 0) AND ($5::uuid IS NULL OR id < $5)
ORDER BY id DESC LIMIT $6
"""

# Prices: the rows of one offer, tier and beginning are one list. Whoever adds one holds the offer's row, so that a list is
# whole and stands alone at its moment.

_LIST = (
    "offer_id, tier_id, starts_at, array_agg(from_units ORDER BY from_units) AS from_units,"
    " array_agg(unit_price_minor ORDER BY from_units) AS prices, min(p.created_at) AS created_at"
)

ADD_PRICES = """
INSERT INTO offer_price (id, tenant_id, offer_id, tier_id, starts_at, from_units, unit_price_minor, created_at, created_by)
SELECT s.id, $2, $3, $4, $5, s.from_units, s.unit_price_minor, $8, $9
FROM unnest($1::uuid[], $6::integer[], $7::bigint[]) AS s(id, from_units, unit_price_minor)
"""
IS_SET = "SELECT EXISTS (SELECT FROM offer_price WHERE offer_id = $1 AND tier_id = $2 AND starts_at = $3)"
COUNT_COMING = (
    "SELECT count(DISTINCT starts_at) FROM offer_price WHERE offer_id = $1 AND tier_id = $2 AND starts_at > $3"
)
# What holds now for each tier, and what is to come.
PRICES = f"""
SELECT {_LIST}, o.currency FROM offer_price p JOIN offer o ON o.id = p.offer_id
WHERE p.offer_id = ANY($1::uuid[]) AND p.tenant_id = $2 AND p.starts_at >= coalesce((
  SELECT max(h.starts_at) FROM offer_price h
  WHERE h.offer_id = p.offer_id AND h.tier_id = p.tier_id AND h.starts_at <= $3), '-infinity')
GROUP BY offer_id, tier_id, starts_at, o.currency ORDER BY offer_id, tier_id, starts_at
"""
PRICES_OF_TIER = f"""
SELECT {_LIST} FROM offer_price p
WHERE p.offer_id = $1 AND p.tier_id = $2 AND p.starts_at = (
  SELECT max(h.starts_at) FROM offer_price h WHERE h.offer_id = $1 AND h.tier_id = $2 AND h.starts_at <= $3)
GROUP BY offer_id, tier_id, starts_at
"""
HISTORY = f"""
SELECT {_LIST} FROM offer_price p
WHERE offer_id = $1 AND tenant_id = $2 AND ($3::uuid IS NULL OR tier_id = $3)
  AND ($4::timestamptz IS NULL OR (starts_at, tier_id) < ($4, $5::uuid))
GROUP BY offer_id, tier_id, starts_at ORDER BY starts_at DESC, tier_id DESC LIMIT $6
"""
# As fondaco_platform: who buys of an offer, in the tier $3 when one is given, and how the offer stands; nobody knows of a draft.
RESELLERS = """
SELECT o.state, a.reseller_tenant_id FROM offer o JOIN agreement a ON a.supplier_tenant_id = o.tenant_id
WHERE o.id = $1 AND o.tenant_id = $2 AND o.state <> 'DRAFT' AND a.state = 'ACTIVE'
  AND (a.tier_id = $3 OR ($3::uuid IS NULL AND EXISTS (
    SELECT FROM offer_price g WHERE g.offer_id = o.id AND g.tier_id = a.tier_id)))
"""

# An offer as $1 sees it at the moment $2. In an agreement it pays its own tier's prices; else it sees those that it would
# begin with. Whether a merchant trades is all that others may know of the company.
_SEEN = f"""
SELECT {", ".join(f"o.{column.strip()}" for column in _OFFER.split(","))},
  a.id AS agreement_id, a.state AS agreement_state, x.tier_id, c.starts_at AS starts_at, c.from_units, c.prices,
  c.created_at AS prices_created_at, m.trades AND m.mine AS both_trade
FROM offer o
JOIN partner p ON p.tenant_id = o.tenant_id
LEFT JOIN agreement a ON a.supplier_tenant_id = o.tenant_id AND a.reseller_tenant_id = $1
  AND a.state IN ('REQUESTED', 'ACTIVE', 'SUSPENDED')
LEFT JOIN tier e ON e.tenant_id = o.tenant_id AND e.entry AND e.archived_at IS NULL
CROSS JOIN LATERAL (SELECT CASE WHEN a.state IN ('ACTIVE', 'SUSPENDED') THEN a.tier_id ELSE e.id END AS tier_id) x
CROSS JOIN LATERAL (SELECT supply_trades(o.tenant_id) AS trades, supply_trades($1) AS mine) m
LEFT JOIN LATERAL (
  SELECT s.starts_at, array_agg(s.from_units ORDER BY s.from_units) AS from_units,
    array_agg(s.unit_price_minor ORDER BY s.from_units) AS prices, min(s.created_at) AS created_at
  FROM offer_price s
  WHERE s.offer_id = o.id AND s.tier_id = x.tier_id AND s.starts_at = (
    SELECT max(h.starts_at) FROM offer_price h WHERE h.offer_id = o.id AND h.tier_id = x.tier_id AND h.starts_at <= $2)
  GROUP BY s.starts_at
) c ON true
"""
_WITH_COMING = """
SELECT seen.*, n.starts_at AS next_starts_at, n.from_units AS next_from_units, n.prices AS next_prices,
  n.created_at AS next_created_at
FROM ({seen}) seen
LEFT JOIN LATERAL (
  SELECT s.starts_at, array_agg(s.from_units ORDER BY s.from_units) AS from_units,
    array_agg(s.unit_price_minor ORDER BY s.from_units) AS prices, min(s.created_at) AS created_at
  FROM offer_price s
  WHERE s.offer_id = seen.id AND s.tier_id = seen.tier_id AND s.starts_at = (
    SELECT min(h.starts_at) FROM offer_price h WHERE h.offer_id = seen.id AND h.tier_id = seen.tier_id AND h.starts_at > $2)
  GROUP BY s.starts_at
) n ON true
ORDER BY seen.id DESC
"""
_FOUND = """
  AND ($3::uuid IS NULL OR o.entitlement_id = $3)
  AND ($4::text IS NULL OR EXISTS (
    SELECT FROM entitlement t WHERE t.id = o.entitlement_id AND strpos(lower(concat_ws(' ',
      o.title, t.brand, t.name, t.name_zh, t.sku, p.name)), lower($4)) > 0))
  AND ($5::uuid IS NULL OR o.tenant_id = $5)
  AND ($6::text IS NULL OR (o.currency = $6 AND c.prices[1] <= $7::bigint))
  AND ($10::int IS NULL OR coalesce((SELECT y.health FROM offer_health y WHERE y.offer_id = o.id), $11::int) >= $10)
  AND ($8::uuid IS NULL OR o.id < $8)
ORDER BY o.id DESC LIMIT $9
"""
# What merchants offer to all others who trade.
MARKET = _WITH_COMING.format(
    seen=f"{_SEEN} WHERE o.state = 'PUBLISHED' AND o.in_market AND o.tenant_id <> $1 AND m.trades {_FOUND}"
)
# What may be bought now: by an agreement in force, at a price that has begun.
OFFERED = _WITH_COMING.format(
    seen=f"{_SEEN} WHERE o.state = 'PUBLISHED' AND o.tenant_id <> $1 AND a.state = 'ACTIVE' AND c.prices[1] IS NOT NULL"
    f" AND m.trades AND m.mine {_FOUND}"
)
# Own ones as others see them, what is in the market, and what one's tier gets, got, or is going to get.
SEEN_BY_IDS = _WITH_COMING.format(
    seen=f"""{_SEEN} WHERE o.id = ANY($3::uuid[]) AND (o.tenant_id = $1 OR (o.state = 'PUBLISHED' AND o.in_market)
      OR (o.state <> 'DRAFT' AND a.state IN ('ACTIVE', 'SUSPENDED') AND EXISTS (
        SELECT FROM offer_price g
        WHERE g.offer_id = o.id AND g.tier_id = a.tier_id AND g.unit_price_minor IS NOT NULL)))"""
)


def to_offer(row: Mapping[str, Any]) -> Offer:
    """A row as the module speaks of it."""
    least = None if row["min_resale_minor"] is None else Money(row["min_resale_minor"], row["currency"])
    return Offer(
        id=OfferId(row["id"]), tenant_id=TenantId(row["tenant_id"]), entitlement_id=EntitlementId(row["entitlement_id"]),
        currency=row["currency"], terms=OfferTerms(title=row["title"], in_market=row["in_market"], min_resale=least),
        state=OfferState(row["state"]), created_at=row["created_at"], published_at=row["published_at"],
        withdrawn_at=row["withdrawn_at"], version=row["version"],
    )  # fmt: skip


def offer_values(offer: Offer) -> tuple[object, ...]:
    """An offer as the parameters of ADD."""
    terms = offer.terms
    return (
        offer.id, offer.tenant_id, offer.entitlement_id, terms.title, offer.currency, offer.state.value,
        minor_of(terms.min_resale), terms.in_market, offer.created_at, offer.published_at, offer.withdrawn_at,
        offer.version,
    )  # fmt: skip


def minor_of(value: Money | None) -> int | None:
    """An amount as a column holds it."""
    return None if value is None else value.amount_minor


def to_price_list(row: Mapping[str, Any], *, currency: str) -> PriceList:
    """The rows of one list, gathered, as the module speaks of them."""
    return PriceList(
        offer_id=OfferId(row["offer_id"]), tier_id=TierId(row["tier_id"]), starts_at=row["starts_at"],
        breaks=to_breaks(row["from_units"], row["prices"], currency=currency), created_at=row["created_at"],
    )  # fmt: skip


def to_breaks(quantities: list[int], prices: list[int | None], *, currency: str) -> tuple[PriceBreak, ...]:
    """The breaks of a list; none when its price is null."""
    return tuple(
        PriceBreak(units, Money(price, currency))
        for units, price in zip(quantities, prices, strict=True)
        if price is not None
    )


def to_market_offer(row: Mapping[str, Any]) -> MarketOffer:
    """An offer with what is beside it, as another merchant sees it."""
    offer = to_offer(row)
    state = None if row["agreement_state"] is None else AgreementState(row["agreement_state"])

    def list_of(prefix: str, created_at: str) -> PriceList | None:
        if row[f"{prefix}starts_at"] is None:
            return None
        return PriceList(
            offer_id=offer.id, tier_id=TierId(row["tier_id"]), starts_at=row[f"{prefix}starts_at"],
            breaks=to_breaks(row[f"{prefix}from_units"], row[f"{prefix}prices"], currency=offer.currency),
            created_at=row[created_at],
        )  # fmt: skip

    prices = list_of("", "prices_created_at")
    held = prices is not None and bool(prices.breaks)
    return MarketOffer(
        offer=offer, agreement_id=None if row["agreement_id"] is None else AgreementId(row["agreement_id"]), agreement_state=state,
        prices=prices if held else None, coming=list_of("next_", "next_created_at"),
        open_=offer.state is OfferState.PUBLISHED and state is AgreementState.ACTIVE and held and row["both_trade"],
    )  # fmt: skip
