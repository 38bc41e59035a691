"""Every invariant holds: how a scenario test ends."""

from fondaco_core.context import system_ctx
from fondaco_core.db import find_breaches
from fondaco_tenants import registry


async def assert_invariants() -> None:
    """Runs every invariant over the whole database of this worker and fails with the promises that are broken."""
    ctx = system_ctx("invariants", permissions=frozenset({"system.run"}))

    breaches = await find_breaches(ctx, registry.invariants())

    assert breaches == [], [(b.invariant.promise, b.rows) for b in breaches]
