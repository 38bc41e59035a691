"""A difference between a gateway's books and ours, as the comparison would have found it."""

from uuid import UUID

from fondaco_core import clock
from fondaco_core.context import system_ctx
from fondaco_core.db import governing
from fondaco_core.ids import TenantId, new_id
from fondaco_core.secret import Secret
from fondaco_tenants import payments
from tests.support.factories.identity import admin_ctx
from tests.support.factories.payments import SECRET, some_details


async def make_difference(tenant_id: TenantId) -> UUID:
    """A payment of the tenant's that its gateway lists with another amount; nobody has looked at it yet."""
    ctx, admin = system_ctx("factory", permissions=frozenset({"system.run"})), admin_ctx()
    async with payments.sealing_gateways(admin) as tx:
        gateway = await payments.add_gateway(
            tx, admin, key=f"g-{new_id().hex[-12:]}", kind="SANDBOX", details=some_details(), secret=Secret(SECRET)
        )
    difference_id, reconciliation_id, now = new_id(), new_id(), clock.now()
    async with governing(ctx) as tx:
        await tx.execute(
            "INSERT INTO reconciliation (id, gateway_id, day, state, run_id, started_at, finished_at, lines, differences)"
            " VALUES ($1, $2, $3, 'DONE', $4, $5, $5, 1, 1)",
            reconciliation_id, gateway.shown.id, now.date(), new_id(), now,
        )  # fmt: skip
        await tx.execute(
            "INSERT INTO reconciliation_difference (id, reconciliation_id, subject, kind, written_id, our_id, tenant_id,"
            " ours_state, ours_minor, ours_currency, theirs_minor, theirs_currency, found_at)"
            " VALUES ($1, $2, 'PAYMENT', 'AMOUNT', $3, $4, $5, 'CAPTURED', 4800, 'CNY', 4801, 'CNY', $6)",
            difference_id, reconciliation_id, str(new_id()), new_id(), tenant_id, now,
        )  # fmt: skip
    return difference_id
