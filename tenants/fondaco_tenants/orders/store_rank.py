"""The SQL of ordering sources as their merchants say: every source has one key of bytes, and the least is tried first.

A key is the value that its policy orders by, its priority and its id, each of fixed length and none negative: keys of several steps, one
behind the other, are ordered by the first step, then by the second, and never tie. As fondaco_trade: what a value is made of is of
several merchants, and none of them is told more of it than is its own.
"""

# No value: what has none comes last.
_LAST = "9223372036854775807"
# What has not failed yet, of 1,000: a pool of one's own, and an offer that nobody has bought from.
OWN_HEALTH, NEW_HEALTH = 1_000, 800

# The code that a pool would give next, as it is picked; see codes.
_NEXT_CODE = """
SELECT c.expires_at, c.unit_cost_minor, c.batch_id FROM code_pool p
CROSS JOIN LATERAL (SELECT {now} + p.stop_sale_days * interval '24 hours' AS until) stop
CROSS JOIN LATERAL (
  SELECT d.expires_at, d.unit_cost_minor, d.batch_id FROM code d
  WHERE d.pool_id = p.id AND d.state = 'AVAILABLE'
    AND (d.expires_at, d.position) >= (
      greatest(p.pick_expires_at, stop.until),
      CASE WHEN p.pick_expires_at > stop.until THEN p.pick_position ELSE 9223372036854775807 END
    )
  ORDER BY d.expires_at, d.position LIMIT 1
) c
WHERE p.id = {pool} AND p.archived_at IS NULL
"""
# What a unit costs the merchant when so many are bought: a supplier's price; of an own pool what its import said of the next code.
_COST = """
(
  SELECT q.unit_price_minor FROM offer o
  JOIN agreement a ON a.supplier_tenant_id = o.tenant_id AND a.reseller_tenant_id = {s}.tenant_id AND a.state = 'ACTIVE'
  JOIN offer_price q ON q.offer_id = o.id AND q.tier_id = a.tier_id AND q.starts_at <= {now} AND q.from_units <= {units}
  WHERE o.id = {s}.supplier_offer_id ORDER BY q.starts_at DESC, q.from_units DESC LIMIT 1
)
"""
_OWN_COST = """
(
  SELECT CASE WHEN b.currency = {currency} THEN coalesce(n.unit_cost_minor, b.unit_cost_minor) ELSE 0 END
  FROM ({next_code}) n JOIN code_batch b ON b.id = n.batch_id
)
"""
# When the first code expires that its routes lead to, in seconds; none where none does.
_OWN_POOL = "SELECT {s}.pool_id"
_POOLS = f"""
{_OWN_POOL} WHERE {{s}}.kind = 'POOL'
UNION SELECT r.pool_id FROM route r WHERE r.offer_id = {{s}}.supplier_offer_id AND NOT {{s}}.tenant_id = ANY(r.seller_ids)
"""
_EXPIRY = """
(SELECT min(extract(epoch FROM n.expires_at))::bigint FROM (
{pools}
) way(pool_id) CROSS JOIN LATERAL ({next_code}) n WHERE isfinite(n.expires_at))
"""
# How far it is ahead of its turn: the next unit goes to the least (Webster's divisors).
_TURN = """
CASE WHEN {s}.weight > 0 THEN
  (2 * coalesce((SELECT v.turn_units FROM source_use v WHERE v.source_id = {s}.id), 0) + 1) * 10000000 / {s}.weight
END
"""
_DAYS = (
    "least(36500, greatest(0, (coalesce({expiry}, 9000000000) - extract(epoch FROM {now})::bigint + 86399) / 86400))"
)
_POINTS = """
{s}.points[1] * ({cost}) + {s}.points[2] * (1000 - ({health})) + CASE WHEN {s}.points[3] = 0 THEN 0 ELSE {s}.points[3] * {days} END
  + {s}.points[4] * {s}.priority
"""


def tried(s: str) -> str:
    """Whether orders come to a source `s`: switched on, and not paused."""
    return f"{s}.enabled AND ({s}.state = 'ACTIVE' OR source_tried({s}.id))"


def value_of(s: str, *, units: str, now: str, currency: str, own: bool = False) -> str:
    """What a source `s` is ordered by, as its policy says: less goes first, nothing last. Of an `own` pool any role may ask."""
    cost = _OWN_COST.format(currency=currency, next_code=_NEXT_CODE.format(now=now, pool=f"{s}.pool_id"))
    if not own:
        cost = f"CASE WHEN {s}.kind = 'POOL' THEN {cost} ELSE {_COST.format(s=s, now=now, units=units)} END"
    pools = (_OWN_POOL if own else _POOLS).format(s=s)
    expiry = _EXPIRY.format(pools=pools, next_code=_NEXT_CODE.format(now=now, pool="way.pool_id"))
    health = health_of(s, own=own)
    points = _POINTS.format(s=s, cost=cost, health=health, days=_DAYS.format(expiry=expiry, now=now))
    return f"""CASE {s}.policy WHEN 'PRIORITY' THEN 0 WHEN 'CHEAPEST' THEN {cost} WHEN 'HEALTHIEST' THEN 1000 - ({health})
WHEN 'FIRST_EXPIRING' THEN {expiry} WHEN 'WEIGHTED' THEN {_TURN.format(s=s)} WHEN 'SCORE' THEN {points} END"""


def health_of(s: str, *, own: bool = False) -> str:
    """How well a source `s` has delivered, of 1,000: a pool of one's own is as good as can be, a new offer in between."""
    if own:
        return str(OWN_HEALTH)
    return f"""CASE {s}.kind WHEN 'POOL' THEN {OWN_HEALTH} ELSE coalesce(
  (SELECT y.health FROM offer_health y WHERE y.offer_id = {s}.supplier_offer_id), {NEW_HEALTH}) END"""


def key_of(s: str, *, units: str, now: str, currency: str) -> str:
    """The key by which a source `s` is ordered among those that fill the same."""
    return _key(s, value_of(s, units=units, now=now, currency=currency))


def key_of_own(s: str, *, now: str, currency: str) -> str:
    """The same of an own pool `s`, for any role: of what is another's nothing is asked."""
    return _key(s, value_of(s, units="1", now=now, currency=currency, own=True))


def _key(s: str, value: str) -> str:
    value = value if value == "0" else f"coalesce({value}, {_LAST})::bigint"
    return f"(int8send({value}) || int8send({s}.priority) || uuid_send({s}.id))"


def key_by_priority(s: str) -> str:
    """The key of a source `s` whose policy is the priority."""
    return _key(s, "0")


def left_of(s: str, *, today: str) -> str:
    """How many units may still come from a source `s`: today, or while it is tried after it failed; null without a bound."""
    return f"""least(CASE WHEN {s}.day_units_max IS NOT NULL THEN {s}.day_units_max - coalesce((
  SELECT v.day_units FROM source_use v WHERE v.source_id = {s}.id AND v.day = {today}), 0) END, {probes_of(s)})"""


def probes_of(s: str) -> str:
    """How many units a source `s` still gets that failed and is tried again; null for any other."""
    return f"CASE WHEN {s}.state = 'PROBING' THEN source_probes({s}.id) END"


def count_of(s: str, use: str, *, today: str) -> str:
    """What bounds a source `s` with its `use`, if anything: its weight, the units of its turns, what is left, and why."""
    return f"""CASE WHEN {counted(s)} OR {s}.state = 'PROBING' THEN format('%s:%s:%s:%s:%s',
  CASE WHEN {s}.policy = 'WEIGHTED' THEN {s}.weight END, coalesce({use}.turn_units, 0),
  least({s}.day_units_max - CASE WHEN {use}.day = {today} THEN {use}.day_units ELSE 0 END, {probes_of(s)}),
  {counted(s)}, {s}.state = 'PROBING') END"""


def counted(s: str) -> str:
    """Whether what comes from a source `s` is counted."""
    return f"({s}.day_units_max IS NOT NULL OR {s}.policy = 'WEIGHTED')"


def place_of(route: str, *, units: str, now: str, currency: str) -> str:
    """The key by which a route is ordered among those of its offer: its sources' keys, step by step from the first on."""
    return f"""CASE WHEN {route}.by_rule THEN (
  SELECT string_agg({key_of("i", units=units, now=now, currency=currency)}, ''::bytea ORDER BY j.n)
  FROM unnest({route}.source_ids) WITH ORDINALITY AS j(id, n) JOIN source i ON i.id = j.id
) ELSE {route}.rank END"""
