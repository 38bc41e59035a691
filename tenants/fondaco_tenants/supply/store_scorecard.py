"""Every SQL statement of scorecards."""

from collections.abc import Mapping
from typing import Any

from fondaco_core.db import Write
from fondaco_core.ids import OfferId, SourceId, TenantId
from fondaco_tenants.supply.rules_scorecard import Trouble, TroubleKind

# Written where it happens, as fondaco_trade: a row of its own, so that nobody waits for anybody.
TROUBLES = Write(
    frozenset({"supply_trouble"}),
    {
        "trouble_noted": """
INSERT INTO supply_trouble (id, tenant_id, source_id, offer_id, kind, units, took_ms, at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::int[], $7::bigint[], $8::timestamptz[])
""",
    },
)

# What follows is of one job, as fondaco_platform. Whoever counts holds this, so that sums and what follows from them are of one moment.
LOCK_COUNTING = "SELECT pg_advisory_xact_lock(4207303185)"
_TROUBLE = "id, tenant_id, source_id, offer_id, kind, units, took_ms, at"
TAKE_TROUBLES = f"""
UPDATE supply_trouble SET counted = true
WHERE id IN (SELECT id FROM supply_trouble WHERE NOT counted ORDER BY id LIMIT $1) RETURNING {_TROUBLE}
"""
ALL_TROUBLES = f"""
SELECT {_TROUBLE} FROM supply_trouble WHERE counted AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2
"""
_SUMS = ("orders", "short_orders", "filled_units", "short_units", "bad_units", "pauses")
ADD_DAYS = f"""
INSERT INTO offer_score_day AS d (offer_id, tenant_id, day, {", ".join(_SUMS)})
SELECT w.offer_id, o.tenant_id, w.day, {", ".join(f"w.{name}" for name in _SUMS)}
FROM unnest($1::uuid[], $2::date[], {", ".join(f"${n}::bigint[]" for n in range(3, 9))}) AS w(offer_id, day, {", ".join(_SUMS)})
JOIN offer o ON o.id = w.offer_id
ON CONFLICT (offer_id, day) DO UPDATE SET {", ".join(f"{name} = d.{name} + EXCLUDED.{name}" for name in _SUMS)}
"""
ADD_TIMES = """
INSERT INTO offer_time_day AS d (offer_id, tenant_id, day, bucket, units)
SELECT w.offer_id, o.tenant_id, w.day, w.bucket, w.units
FROM unnest($1::uuid[], $2::date[], $3::int[], $4::bigint[]) AS w(offer_id, day, bucket, units)
JOIN offer o ON o.id = w.offer_id
ON CONFLICT (offer_id, day, bucket) DO UPDATE SET units = d.units + EXCLUDED.units
"""
STALE = "SELECT offer_id FROM offer_health WHERE reckoned_on < $1 ORDER BY reckoned_on LIMIT $2"
PUT_HEALTH = """
INSERT INTO offer_health (offer_id, tenant_id, health, reckoned_on)
SELECT w.offer_id, o.tenant_id, w.health, $3 FROM unnest($1::uuid[], $2::int[]) AS w(offer_id, health)
JOIN offer o ON o.id = w.offer_id
ON CONFLICT (offer_id) DO UPDATE SET health = EXCLUDED.health, reckoned_on = EXCLUDED.reckoned_on
"""
CLEAR = ("DELETE FROM offer_score_day", "DELETE FROM offer_time_day", "DELETE FROM offer_health")
FORGET = (
    "DELETE FROM offer_score_day WHERE day < $1",
    "DELETE FROM offer_time_day WHERE day < $1",
    "DELETE FROM supply_trouble WHERE counted AND at < $1::date::timestamptz",
)

# Sums of the days from $2 and from $3 on, and the buckets of times; as the asker may see them. `{key}` is what they are summed by.
_DAYS = f"""
SELECT {{key}} AS key, {", ".join(f"coalesce(sum({name}) FILTER (WHERE day >= $2), 0)::bigint AS week_{name}" for name in _SUMS)},
  {", ".join(f"coalesce(sum({name}), 0)::bigint AS month_{name}" for name in _SUMS)}
FROM offer_score_day WHERE {{key}} = ANY($1::uuid[]) AND day >= $3 GROUP BY {{key}}
"""
_TIMES = """
SELECT {key} AS key, bucket, coalesce(sum(units) FILTER (WHERE day >= $2), 0)::bigint AS week, sum(units)::bigint AS month
FROM offer_time_day WHERE {key} = ANY($1::uuid[]) AND day >= $3 GROUP BY {key}, bucket
"""
DAYS_OF_OFFERS, TIMES_OF_OFFERS = _DAYS.format(key="offer_id"), _TIMES.format(key="offer_id")
DAYS_OF_SUPPLIERS, TIMES_OF_SUPPLIERS = _DAYS.format(key="tenant_id"), _TIMES.format(key="tenant_id")
# Which of these the asker may see at all: of what it sees nothing, it learns nothing, not even that nothing happened.
SEEN_OFFERS = "SELECT id FROM offer WHERE id = ANY($1::uuid[])"
SEEN_SUPPLIERS = "SELECT DISTINCT tenant_id AS id FROM offer WHERE tenant_id = ANY($1::uuid[]) AND state <> 'DRAFT'"


def to_trouble(row: Mapping[str, Any]) -> Trouble:
    """A row as the module speaks of it."""
    return Trouble(
        tenant_id=TenantId(row["tenant_id"]), source_id=SourceId(row["source_id"]),
        offer_id=None if row["offer_id"] is None else OfferId(row["offer_id"]), kind=TroubleKind(row["kind"]), units=row["units"],
        took_ms=row["took_ms"], at=row["at"],
    )  # fmt: skip


def sums_of(row: Mapping[str, Any], period: str) -> dict[str, int]:
    """The sums of one period."""
    return {name: row[f"{period}_{name}"] for name in _SUMS}
