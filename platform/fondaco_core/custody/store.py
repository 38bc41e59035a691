"""Every SQL statement of custody. Those over sealed columns are made from their declaration: names of our own tables only."""

from enum import StrEnum
from functools import lru_cache

from fondaco_core.db import SealedColumn

_CHANGE = """
id, tenant_id, kind, number, started_at, started_by, reason, total, moved, moved_at, pass_started_at, at_column,
place::text AS place, missed, finished_at
"""
OPEN = f"SELECT {_CHANGE} FROM key_change WHERE tenant_id IS NOT DISTINCT FROM $1::uuid AND finished_at IS NULL"
# Of two who begin a change of the same tenant's keys at once, the second finds the first one's.
BEGIN = "SELECT pg_advisory_xact_lock(hashtextextended('fondaco key change of ' || $1::text, 0))"
ALL_OPEN = f"SELECT {_CHANGE} FROM key_change WHERE finished_at IS NULL ORDER BY id LIMIT $1"
GET = f"SELECT {_CHANGE} FROM key_change WHERE id = $1"
LOCK = f"SELECT {_CHANGE} FROM key_change WHERE id = $1 FOR NO KEY UPDATE"
LATEST = f"SELECT {_CHANGE} FROM key_change WHERE tenant_id = ANY($1::uuid[]) ORDER BY id DESC LIMIT $2"
ADD = """
INSERT INTO key_change (id, tenant_id, kind, number, started_at, started_by, reason, total, pass_started_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $5)
"""
NEXT_WALK = "UPDATE key_change SET pass_started_at = $2, at_column = NULL, place = NULL, missed = 0 WHERE id = $1"
FINISH = "UPDATE key_change SET finished_at = $2, at_column = NULL, place = NULL WHERE id = $1"
TENANT = "SELECT state, decided_at FROM tenant WHERE id = $1"
TENANTS = "SELECT id FROM tenant WHERE state <> 'APPLIED' AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2"
HAS_KEY = "SELECT EXISTS (SELECT 1 FROM data_key WHERE tenant_id = $1 AND purpose = 'SEAL' AND destroyed_at IS NULL)"
# Tenants of which something is under the platform's key, or is being brought there.
DEPARTED = """
SELECT DISTINCT tenant_id FROM key_change
WHERE kind = 'DESTRUCTION' AND ($1::uuid IS NULL OR tenant_id >= $1) ORDER BY tenant_id LIMIT $2
"""
# Destructions that bring something under an older key of the platform's.
ASTRAY = (
    "SELECT id FROM key_change WHERE kind = 'DESTRUCTION' AND number <> $1 AND finished_at IS NULL ORDER BY id LIMIT $2"
)
# What one of them did stands where a pass of the platform's rotation may have been already.
LOOK_AGAIN = (
    "UPDATE key_change SET missed = missed + 1 WHERE tenant_id IS NULL AND finished_at IS NULL AND number <> $1"
)

# In the tenant, if there is one. Two who carry on the same change count what each of them did; who is still at an older
# pass says nothing about the one that goes on.
ADVANCE = """
UPDATE key_change SET moved = moved + $4, moved_at = CASE WHEN $4 > 0 THEN $6 ELSE moved_at END,
  missed = CASE WHEN pass_started_at = $7 THEN missed + $5 ELSE missed END,
  at_column = CASE WHEN pass_started_at = $7 THEN $2 ELSE at_column END,
  place = CASE WHEN pass_started_at = $7 THEN $3::text::jsonb ELSE place END
WHERE id = $1 AND finished_at IS NULL
"""

# Rows that are being re-sealed are locked for a moment, and picking passes locked codes by. Who found too few waits here
# until the moment is over, and looks again. Re-sealing takes its lock before any row, and takes no row that is locked:
# so nobody who waits here is waited for.
# A batch that a crash of the database takes back is done again, so that nobody waits for its way to the disk.
IN_NO_HURRY = "SET LOCAL synchronous_commit TO off"
BEGIN_BATCH = "SELECT pg_advisory_xact_lock(hashtextextended('fondaco re-sealing ' || $1::text, 0))"
STAND_ASIDE = """
SELECT pg_advisory_xact_lock_shared(hashtextextended('fondaco re-sealing ' || k.tenant_id::text, 0))
FROM (SELECT DISTINCT tenant_id FROM key_change WHERE finished_at IS NULL AND tenant_id = ANY($1::uuid[]) ORDER BY 1) k
"""


class Within(StrEnum):
    """Which values of a column are walked over.

    TENANT    a tenant's, all of them
    BOUGHT    a tenant's that belong to buyers
    PLATFORM  those of the whole column: what the platform keeps itself
    KEPT      a tenant's that are under the platform's key, because the tenant's own are gone or going
    """

    TENANT = "TENANT"
    BOUGHT = "BOUGHT"
    PLATFORM = "PLATFORM"
    KEPT = "KEPT"


def count_of(column: SealedColumn, within: Within) -> str:
    """About how many values a change has to look at; `$1` is the tenant, or null."""
    whose = {
        Within.TENANT: "tenant_id = $1",
        Within.BOUGHT: f"tenant_id = $1 AND {column.how.bought}",
        Within.PLATFORM: "$1::uuid IS NULL",
        Within.KEPT: "$1::uuid IS NULL AND tenant_id IN (SELECT tenant_id FROM key_change WHERE kind = 'DESTRUCTION')"
        f" AND {column.how.bought}",
    }[within]
    return f'SELECT count(*) FROM "{column.table.name}" WHERE {whose}'


def parents_of(column: SealedColumn) -> str:
    """The parents by which the rows of a large table are walked, from one on."""
    assert column.how.parent is not None
    return f'SELECT id FROM "{column.how.parent[0]}" WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id >= $2) ORDER BY id LIMIT $3'


# Not by the state of a row: what was bought may have been sent back since.
_PLATFORM_NUMBERS = "SELECT int4send(number) FROM data_key WHERE tenant_id IS NULL AND purpose = 'SEAL'"


@lru_cache(maxsize=200)
def rows_of(column: SealedColumn, within: Within) -> str:
    """The next rows of a tenant ($1, or null), of a parent ($2) where there is one, that are not under the key ($3) yet.

    `$4` is how many; from `$5` on stands the place after which to look, or null.
    """
    places = column.walked[1:] if column.how.parent is not None else column.walked
    names = ", ".join(f't."{name}"' for name in column.needed)
    order = ", ".join(f't."{name}"' for name in places)
    given = [f"${number}::{column.type_of(name)}" for number, name in enumerate(places, start=5)]
    under = f't."{column.column.name}"'
    number = f"substring({under} FROM 2 FOR 4)"
    conditions = [
        "$1::uuid IS NULL" if within is Within.PLATFORM else "t.tenant_id = $1",
        f'(t."{column.walked[0]}" = $2::uuid)' if column.how.parent is not None else "$2::uuid IS NULL",
        f"{under} IS NOT NULL",
        f"{number} <> int4send($3::int)",
        f"({given[0]} IS NULL OR ({order}) > ({', '.join(given)}))",
        *([column.how.bought, f"{number} NOT IN ({_PLATFORM_NUMBERS})"] if within is Within.BOUGHT else []),
        *([f"{number} IN ({_PLATFORM_NUMBERS})"] if within is Within.KEPT else []),
    ]
    return (
        f'SELECT {names}, {under} AS value FROM "{column.table.name}" t WHERE {" AND ".join(conditions)} '
        f"ORDER BY {order} LIMIT $4"
    )


@lru_cache(maxsize=200)
def reseal(column: SealedColumn) -> str:
    """Puts new values ($2) where the old ones ($1) still stand and nobody has the row locked; keys from `$3` on."""
    keys = column.keys
    types = ", ".join(f"${number}::{column.type_of(name)}[]" for number, name in enumerate(keys, start=3))
    same = " AND ".join(f't."{name}" = g."{name}"' for name in keys)
    listed = ", ".join(f'"{name}"' for name in keys)
    mine = ", ".join(f't."{name}"' for name in keys)
    held = " AND ".join(f't."{name}" = h."{name}"' for name in keys)
    return f"""
WITH held AS (
  SELECT {mine}, g.after FROM unnest($1::bytea[], $2::bytea[], {types}) AS g(before, after, {listed})
  JOIN "{column.table.name}" t ON {same} AND t."{column.column.name}" = g.before
  FOR NO KEY UPDATE OF t SKIP LOCKED
)
UPDATE "{column.table.name}" t SET "{column.column.name}" = h.after FROM held h WHERE {held}
"""
