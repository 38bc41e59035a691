"""What the owner of codes may know of those that other merchants' customers bought: whom it sold them to, and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import CodeId, HopId, TenantId
from fondaco_tenants.orders import store


@dataclass(frozen=True, slots=True)
class Resale:
    """That a code went to a reseller; who bought it from there, and where, is not its owner's to know."""

    code_id: CodeId
    reseller_id: TenantId
    # The lot that it went in.
    lot_id: HopId
    # When it was paid; None while it is only held for somebody.
    sold_at: datetime | None


async def resales_of(tx: Tx, ctx: Ctx, *, code_ids: Sequence[CodeId]) -> dict[CodeId, Resale]:
    """Those of the asker's own codes that went to resellers; as fondaco_trade, since between them stand units of others."""
    ctx.require("codes.read")
    rows = await tx.fetch(store.RESALES, list(code_ids), ctx.tenant)
    return {CodeId(row["code_id"]): Resale(**row) for row in rows}
