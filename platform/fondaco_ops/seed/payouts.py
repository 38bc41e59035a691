"""Money of the demo world that was settled already, and an account that a supplier may soon have it paid to."""

from typing import Any
from uuid import UUID

from fondaco_core.context import system_ctx
from fondaco_core.db import trading, transaction
from fondaco_core.ids import TenantId
from fondaco_core.secret import Secret
from fondaco_ops.seed.people import owner_ctx
from fondaco_tenants import settlement
from fondaco_tenants.settlement import DestinationKind

_SETTLER = system_ctx("seed", permissions=frozenset({"system.run"}))
# Nobody's: that number was never given to an account.
_HOLDER, _REFERENCE, _BANK = "Bamboo Source Co. 竹源卡业", "6222 0000 0000 0000 018", "Demo Bank, Harbour branch"


async def pay_out(supplier: dict[str, Any]) -> None:
    """Settles what is due to whom, as the scheduler does, and adds an account of a supplier, usable when its wait is over."""
    async with trading(_SETTLER, read_only=True) as tx:
        sellers = await settlement.due_sellers(tx, _SETTLER)
    for tenant_id, currency in sellers:
        async with trading(_SETTLER) as tx:
            await settlement.settle_seller(tx, _SETTLER, tenant_id=tenant_id, currency=currency)
    owner = owner_ctx(TenantId(UUID(supplier["key"])), supplier["members"][0])
    payee = settlement.checked_payee(holder=_HOLDER, reference=_REFERENCE, institution=_BANK)
    async with transaction(owner) as tx:
        await settlement.add_destination(tx, owner, kind=DestinationKind.BANK, payee=Secret(payee))
