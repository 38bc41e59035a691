"""The SQL of chains: routes as they are open now, what resellers may still buy, and what orders use of it; as fondaco_trade."""

from fondaco_core.db import Write
from fondaco_tenants.orders.store_fees import fee_bps
from fondaco_tenants.orders.store_rank import (
    count_of,
    counted,
    key_by_priority,
    key_of,
    left_of,
    place_of,
    probes_of,
    tried,
)

# The latest terms of a tier that have begun.
TERMS = """
CROSS JOIN LATERAL (
  SELECT tt.stock_view, tt.day_units_max, tt.month_units_max, tt.hold_units_max, tt.credit_minor, tt.currency, tt.settle_days, tt.commissions FROM tier_terms tt
  WHERE tt.tier_id = a.tier_id AND tt.starts_at <= %s ORDER BY tt.starts_at DESC LIMIT 1
) terms
"""
# What may still be bought, held and owed by an agreement `a` with its use `u`; units of another day or month count no more.
LEFT = """
least(
  coalesce(a.day_units_max, terms.day_units_max) - CASE WHEN u.day = {today} THEN u.day_units ELSE 0 END,
  terms.month_units_max - CASE WHEN u.month = date_trunc('month', {today}) THEN u.month_units ELSE 0 END
) AS units_left,
terms.hold_units_max - u.held_units AS hold_left,
CASE WHEN terms.currency = {currency} AND (u.credit_used_minor = 0 OR u.currency = {currency}) THEN greatest(0, coalesce(a.credit_minor, terms.credit_minor) - u.credit_used_minor) ELSE 0 END
  AS credit_left
"""

# A way down step by step, as far as every step is open now: offer published, source on, merchant active, agreement active, a price for
# its tier; and what each buyer on it has, may and said of the source `buyer` by which it buys. What buyers have is read without a lock,
# and looked at again under it.
_STEPS = """
SELECT array_agg(g.offer_id ORDER BY g.n) AS offer_ids, array_agg(g.seller_id ORDER BY g.n) AS seller_ids,
  array_agg(a.id ORDER BY g.n) AS agreement_ids, array_agg(e.id ORDER BY g.n) AS step_ids, array_agg({fee} ORDER BY g.n) AS fees,
  array_agg(array_to_string(terms.commissions[1:cardinality(a.referrers)], ',') ORDER BY g.n) AS commissions,
  array_agg(price.list ORDER BY g.n) AS prices, array_agg(b.max_cost_minor ORDER BY g.n) AS max_costs,
  array_agg(b.below_cost ORDER BY g.n) AS below_costs, array_agg(rest.units_left ORDER BY g.n) AS units_left,
  array_agg(rest.hold_left ORDER BY g.n) AS hold_left, array_agg(rest.credit_left ORDER BY g.n) AS credits,
  array_agg(terms.settle_days ORDER BY g.n) AS settle_days,
  array_agg(greatest(0, coalesce(w.posted_minor - w.pending_minor - w.floor_minor, 0)) ORDER BY g.n) AS wallets,
  array_agg(CASE WHEN {counted} OR e.state = 'PROBING' OR b.margin_bps > 0 OR b.margin_minor > 0 THEN
    format('%s:%s:%s:%s:%s', b.margin_bps, b.margin_minor, {counted}, e.state = 'PROBING', {left}) END ORDER BY g.n) AS rules,
  array_agg(terms.stock_view ORDER BY g.n) AS views
FROM unnest({offers}, {sellers}, {sources}) WITH ORDINALITY AS g(offer_id, seller_id, source_id, n)
JOIN offer o ON o.id = g.offer_id AND o.state = 'PUBLISHED' AND o.currency = {currency}
JOIN tenant t ON t.id = g.seller_id AND t.state = 'ACTIVE'
JOIN source e ON e.id = g.source_id AND {tried}
JOIN source b ON b.id = {buyer}
JOIN agreement a ON a.supplier_tenant_id = g.seller_id AND a.reseller_tenant_id = b.tenant_id AND a.state = 'ACTIVE'
JOIN agreement_use u ON u.agreement_id = a.id
{terms}
CROSS JOIN LATERAL (SELECT {rest}) rest
CROSS JOIN LATERAL (
  SELECT string_agg(q.from_units || ':' || q.unit_price_minor, ',' ORDER BY q.from_units) AS list FROM offer_price q
  WHERE q.offer_id = g.offer_id AND q.tier_id = a.tier_id AND q.starts_at = (
    SELECT max(x.starts_at) FROM offer_price x WHERE x.offer_id = g.offer_id AND x.tier_id = a.tier_id AND x.starts_at <= {now}
  ) HAVING bool_and(q.unit_price_minor IS NOT NULL)
) price
LEFT JOIN ledger_account w ON w.tenant_id = b.tenant_id AND w.customer_id IS NULL AND w.kind = 'WALLET' AND w.currency = {currency}
HAVING count(*) = cardinality({offers})
"""


def steps_of(*, begin: str, buyer: str, now: str, today: str, currency: str) -> str:
    """The steps of a route `r` from some place on, and all that the rules need of them; no row where one is not open."""
    return _STEPS.format(
        offers=f"r.offer_ids{begin}", sellers=f"r.seller_ids{begin}", sources=f"r.source_ids{begin}", buyer=buyer, now=now,
        currency=currency, terms=TERMS % now, rest=LEFT.format(today=today, currency=currency),
        left=left_of("e", today=today), counted=counted("e"), tried=tried("e"),
        fee=fee_bps(tenant="t", entitlement="o.entitlement_id"),
    )  # fmt: skip


def ways_of(
    head: str, *, units: str, now: str, today: str, count: str, fair: bool = False, by_rule: bool = False
) -> str:
    """`count` routes over other merchants that fill a listing `head`, tried in the order of `place`, `nth` and `older`: the first ones.

    Or, `fair`, of every source in turn, so that a supplier with many ways, none of which leads anywhere, leaves the others theirs.
    Not `by_rule` all are taken to be ordered by priorities: to prepare what is hardly ever needed takes as long as all the rest. Where
    none of the first ones is `ruled` by something else, these are the first of all.
    """
    ranked = {"units": units, "now": now, "currency": f"{head}.currency"}
    nth = place_of("r", **ranked) if by_rule else "r.rank"
    key = key_of("x", **ranked) if by_rule else key_by_priority("x")
    turn = f"row_number() OVER (PARTITION BY s.id ORDER BY {nth}, r.place), " if fair else ""
    return f"""
  SELECT s.rank AS place, s.id AS source_id, s.count,
    {nth} AS nth, r.place AS older, r.by_rule AS ruled, r.offer_ids, r.seller_ids, r.source_ids, r.pool_id
  FROM (
    SELECT x.id, x.tenant_id, x.supplier_offer_id, {key} AS rank, {count_of("x", "v", today=today)} AS count
    FROM source x LEFT JOIN source_use v ON v.source_id = x.id
    WHERE coalesce(v.day < {today} OR v.day_units < x.day_units_max, true) AND x.listing_id = {head}.id AND {tried("x")} AND x.kind = 'OFFER' OFFSET 0
  ) s
  JOIN route r ON r.offer_id = s.supplier_offer_id AND NOT s.tenant_id = ANY(r.seller_ids)
  ORDER BY {turn}s.rank, nth, older LIMIT {count}
"""


def _routes(*, fair: bool, by_rule: bool) -> str:
    return f"""
SELECT l.id AS listing_id, w.units, r.source_id, r.place, r.count, r.ruled, r.pool_id, leg.*
FROM unnest($1::uuid[], $5::bigint[]) AS w(listing_id, units) JOIN listing l ON l.id = w.listing_id
CROSS JOIN LATERAL ({
        ways_of("l", units="w.units", now="$2::timestamptz", today="$3::date", count="$4", fair=fair, by_rule=by_rule)
    }) r
CROSS JOIN LATERAL ({
        steps_of(
            begin="",
            buyer="CASE WHEN g.n = 1 THEN r.source_id ELSE r.source_ids[g.n - 1] END",
            now="$2::timestamptz",
            today="$3::date",
            currency="l.currency",
        )
    }) leg
ORDER BY l.id, w.units, r.place, r.nth, r.older
"""


# `$4` routes of each listing that a supplier fills, when so many units of it are asked for, each with its steps.
FIRST_ROUTES = _routes(fair=False, by_rule=False)
FIRST_ROUTES_BY_RULE = _routes(fair=False, by_rule=True)
FAIR_ROUTES = _routes(fair=True, by_rule=True)

# What may still come from sources that are counted, as it is once nobody else counts; locked first of all that decides an order.
LOCK_SOURCES = f"""
SELECT u.source_id, least(s.day_units_max - CASE WHEN u.day = $2::date THEN u.day_units ELSE 0 END, {probes_of("s")}) AS units_left
FROM source_use u JOIN source s ON s.id = u.source_id
WHERE u.source_id = ANY($1::uuid[]) ORDER BY u.source_id FOR NO KEY UPDATE OF u
"""
USE_SOURCES = Write(
    frozenset({"source_use"}),
    {
        "source_locked": """
SELECT w.source_id, w.units, s.day_units_max FROM unnest($1::uuid[], $2::int[]) AS w(source_id, units)
JOIN source_use u ON u.source_id = w.source_id JOIN source s ON s.id = w.source_id
ORDER BY u.source_id FOR NO KEY UPDATE OF u
""",
        "source_used": """
UPDATE source_use u SET turn_units = u.turn_units + w.units, day = $3::date,
  day_units = w.units + CASE WHEN u.day = $3::date THEN u.day_units ELSE 0 END
FROM source_locked w
WHERE u.source_id = w.source_id
  AND coalesce(w.units + CASE WHEN u.day = $3::date THEN u.day_units ELSE 0 END <= w.day_units_max, true)
RETURNING u.source_id
""",
    },
    counted="source_used",
)
# What came to nothing was not taken from its sources; what was bought before they were counted is none of theirs.
GIVE_BACK_SOURCES = """
WITH held AS (
  SELECT h.source_id, sum(h.quantity)::bigint AS units, o.placed_at FROM hop h JOIN "order" o ON o.id = h.order_id
  WHERE h.order_id = ANY($1::uuid[]) GROUP BY h.source_id, o.placed_at
), locked AS (
  SELECT u.source_id FROM source_use u WHERE u.source_id IN (SELECT source_id FROM held) ORDER BY u.source_id FOR NO KEY UPDATE
)
UPDATE source_use u SET
  turn_units = greatest(0, u.turn_units - coalesce(
    (SELECT sum(h.units) FROM held h WHERE h.source_id = u.source_id AND h.placed_at >= u.turn_since), 0)),
  day_units = greatest(0, u.day_units - coalesce((
    SELECT sum(h.units) FROM held h WHERE h.source_id = u.source_id AND h.placed_at >= u.day_since
      AND (h.placed_at AT TIME ZONE 'UTC')::date = u.day
  ), 0))
FROM locked WHERE u.source_id = locked.source_id
"""
# Of the hops of an order: what of its sources is counted, and how much of each.
COUNTED_OF = f"""
SELECT h.source_id, sum(h.quantity)::int AS units FROM hop h JOIN source s ON s.id = h.source_id
WHERE h.order_id = $1 AND {counted("s")} GROUP BY h.source_id
"""

# Locked in the order of their keys by whoever locks several, after codes and before wallets.
LOCK_USES = f"""
SELECT a.id, {LEFT.format(today="$3::date", currency="$4")}
FROM agreement_use u JOIN agreement a ON a.id = u.agreement_id AND a.state = 'ACTIVE'
{TERMS % "$2"}
WHERE u.agreement_id = ANY($1::uuid[]) ORDER BY u.agreement_id FOR NO KEY UPDATE OF u
"""
# Whoever has not locked them before locks them here, in the same order; what is too much by now is not written, and so not counted.
USE = Write(
    frozenset({"agreement_use"}),
    {
        "agreement_locked": f"""
SELECT w.*, {LEFT.format(today="$5::date", currency="$6::text")}
FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::int[]) AS w(agreement_id, credit_minor, units, held)
JOIN agreement_use u ON u.agreement_id = w.agreement_id
JOIN agreement a ON a.id = w.agreement_id
{TERMS % "$7::timestamptz"}
ORDER BY u.agreement_id FOR NO KEY UPDATE OF u
""",
        "agreement_used": """
UPDATE agreement_use u SET credit_used_minor = u.credit_used_minor + w.credit_minor, held_units = u.held_units + w.held,
  currency = CASE WHEN w.credit_minor > 0 THEN $6::text ELSE u.currency END,
  day_units = w.units + CASE WHEN u.day = $5::date THEN u.day_units ELSE 0 END, day = $5::date,
  month_units = w.units + CASE WHEN u.month = date_trunc('month', $5::date) THEN u.month_units ELSE 0 END,
  month = date_trunc('month', $5::date)
FROM agreement_locked w
WHERE u.agreement_id = w.agreement_id AND w.credit_minor <= w.credit_left AND coalesce(w.units <= w.units_left, true)
  -- A budget that was lowered below what is held stops further holds, and nobody who pays at once.
  AND (w.held = 0 OR coalesce(w.held <= w.hold_left, true))
RETURNING u.agreement_id
""",
    },
    counted="agreement_used",
)

# The hops between merchants of orders that wait, and their money that is set aside.
CHAIN_HOPS = """
SELECT h.order_id, h.agreement_id, h.buyer_tenant_id, h.currency, h.quantity, h.credit_minor FROM hop h
WHERE h.order_id = ANY($1::uuid[]) AND h.depth > 0
"""
LOCK_USES_OF = """
SELECT u.agreement_id FROM agreement_use u WHERE u.agreement_id = ANY($1::uuid[]) ORDER BY u.agreement_id FOR NO KEY UPDATE
"""
IS_CHAINED = "SELECT EXISTS (SELECT FROM hop WHERE order_id = ANY($1::uuid[]) AND depth > 0)"
SET_ASIDE = """
SELECT id FROM ledger_transfer WHERE reference_id = ANY($1::uuid[]) AND state = 'PENDING' AND purpose IN ('SALE', 'FEE')
"""
# What waited is held no more; what came to nothing is owed no more either, and may be bought again on the same day.
END_HOLD = """
UPDATE agreement_use u SET held_units = u.held_units - w.units,
  credit_used_minor = u.credit_used_minor - CASE WHEN $2 THEN w.credit_minor ELSE 0 END,
  day_units = CASE WHEN $2 THEN greatest(0, u.day_units - w.today) ELSE u.day_units END,
  month_units = CASE WHEN $2 THEN greatest(0, u.month_units - w.this_month) ELSE u.month_units END
FROM (
  SELECT h.agreement_id, sum(h.quantity)::int AS units, sum(h.credit_minor)::bigint AS credit_minor,
    coalesce(sum(h.quantity) FILTER (WHERE (o.placed_at AT TIME ZONE 'UTC')::date = v.day), 0)::int AS today,
    coalesce(sum(h.quantity) FILTER (WHERE date_trunc('month', o.placed_at AT TIME ZONE 'UTC')::date = v.month), 0)::int AS this_month
  FROM hop h JOIN "order" o ON o.id = h.order_id JOIN agreement_use v ON v.agreement_id = h.agreement_id
  WHERE h.order_id = ANY($1::uuid[]) AND h.depth > 0 GROUP BY h.agreement_id
) w WHERE u.agreement_id = w.agreement_id
"""

# Whether a step of an order's routes is not open any more, or costs more than it did: what was held is no promise once the hold has ended.
CLOSED_SINCE = """
SELECT EXISTS (
  SELECT FROM hop h WHERE h.order_id = $1 AND h.depth > 0 AND NOT EXISTS (
    SELECT FROM hop above
    JOIN source b ON b.id = above.source_id AND b.enabled AND (b.state = 'ACTIVE' OR source_tried(b.id))
      AND coalesce(h.unit_price_minor <= b.max_cost_minor, true)
      AND (b.below_cost OR h.unit_price_minor * h.quantity <= above.unit_price_minor * above.quantity - above.fee_minor
        - (SELECT coalesce(sum(x), 0) FROM unnest(above.commissions) x)
        - greatest(b.margin_minor * h.quantity, (above.unit_price_minor * above.quantity * b.margin_bps + 9999) / 10000))
    JOIN source e ON e.id = h.source_id AND e.enabled AND (e.state = 'ACTIVE' OR source_tried(e.id))
    JOIN offer o ON o.id = h.offer_id AND o.state = 'PUBLISHED'
    JOIN tenant t ON t.id = h.seller_tenant_id AND t.state = 'ACTIVE'
    JOIN agreement a ON a.id = h.agreement_id
    JOIN LATERAL (
      SELECT q.unit_price_minor FROM offer_price q
      WHERE q.offer_id = h.offer_id AND q.tier_id = a.tier_id AND q.starts_at <= $2 AND q.from_units <= h.quantity
      ORDER BY q.starts_at DESC, q.from_units DESC LIMIT 1
    ) price ON price.unit_price_minor <= h.unit_price_minor
    WHERE above.line_id = h.line_id AND above.route = h.route AND above.depth = h.depth - 1
  )
)
"""
# What of hops is owed when they are paid for later than they were held.
OWE = """
UPDATE hop h SET credit_minor = w.credit_minor FROM unnest($1::uuid[], $2::bigint[]) AS w(id, credit_minor)
WHERE h.id = w.id AND h.credit_minor <> w.credit_minor
"""

# What refunds take off what is owed: never more than is.
LOWER_CREDIT = """
UPDATE agreement_use u SET credit_used_minor = u.credit_used_minor - w.credit_minor
FROM unnest($1::uuid[], $2::bigint[]) AS w(agreement_id, credit_minor) WHERE u.agreement_id = w.agreement_id
"""
# What of hops is still owed; the uses of their agreements are locked before. Whoever locks several hops does so in this order.
LOCK_OWED = """
SELECT id, credit_minor - cleared_minor AS owed_minor FROM hop WHERE id = ANY($1::uuid[]) ORDER BY settles_at, id FOR NO KEY UPDATE
"""
CLEAR = """
UPDATE hop h SET cleared_minor = h.cleared_minor + w.credit_minor FROM unnest($1::uuid[], $2::bigint[]) AS w(id, credit_minor)
WHERE h.id = w.id
"""
ADD_HOP_REFUNDS = """
INSERT INTO hop_refund (id, hop_id, seller_tenant_id, buyer_tenant_id, units, amount_minor, fee_minor, credit_minor, currency, refunded_at)
SELECT gen_random_uuid(), h.id, h.seller_tenant_id, h.buyer_tenant_id, w.units, w.amount_minor, w.fee_minor, w.credit_minor, $6, $7
FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[]) AS w(hop_id, units, amount_minor, fee_minor, credit_minor)
JOIN hop h ON h.id = w.hop_id
"""
