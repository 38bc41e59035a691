"""The SQL by which a merchant's people look for orders."""

from functools import lru_cache

from fondaco_tenants.orders.store import ORDER_COLUMNS

# What orders are looked for by, each with the index that serves it: one statement for each combination, since a condition
# that may be absent is one that no index serves.
_SOUGHT = {
    "code": "o.code = {}",
    "contact": "c.contact_lookup = {}",
    "listing": "EXISTS (SELECT 1 FROM order_line l WHERE l.order_id = o.id AND l.listing_id = {})",
    "reference": "o.reference = {}",
    "settled": "o.state = ANY({}::text[])",
    "unfinished": "o.state <> 'FULFILLED' AND o.state = ANY({}::text[])",
    "since": "o.id >= {}",
    "until": "o.id < {}",
    "before": "o.id < {}",
    "after": "o.id > {}",
}


@lru_cache(maxsize=256)
def search(given: frozenset[str], *, backwards: bool) -> tuple[str, tuple[str, ...]]:
    """The statement for what is given, and the names of its parameters from `$3` on; `$1` is the tenant, `$2` how many.

    A contact is at most two buyers, an account and a guest, who may have no order at all: each is asked for theirs, since
    whoever looks through the newest orders of a large merchant for them looks through all. So does who looks for a listing
    that was seldom sold: its own lines are walked, in the order of their orders.
    """
    names = tuple(name for name in _SOUGHT if name in given)
    sought = {name: _SOUGHT[name].format(f"${place}") for place, name in enumerate(names, start=3)}
    buyer = sought.pop("contact", None)
    mine = [] if buyer is None else ["o.customer_id = c.id"]
    where = " AND ".join(["o.tenant_id = $1", *mine, *sought.values()])
    end = f"ORDER BY o.id {'ASC' if backwards else 'DESC'} LIMIT $2"
    found = f'SELECT {ORDER_COLUMNS} FROM "order" o WHERE {where} {end}'
    if buyer is None and "listing" in names:
        place = names.index("listing") + 3
        bounds = [
            sought[name].replace("o.id", "l.order_id")
            for name in ("since", "until", "before", "after")
            if name in sought
        ]
        lines = " AND ".join(["l.tenant_id = $1", f"l.listing_id = ${place}", *bounds])
        del sought["listing"]
        found = f"""
SELECT {ORDER_COLUMNS} FROM (SELECT DISTINCT l.order_id FROM order_line l WHERE {lines}) w
JOIN "order" o ON o.id = w.order_id WHERE {" AND ".join(["o.tenant_id = $1", *sought.values()])}
{end.replace("o.id", "w.order_id")}
"""
    if buyer is not None:
        found = f"SELECT o.* FROM customer c CROSS JOIN LATERAL ({found}) o WHERE c.tenant_id = $1 AND {buyer} {end}"
    return found, names
