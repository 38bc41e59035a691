"""Lots: what one merchant sells to another by one line and one offer, told to its seller and written into the seller's own record.

Between a code's owner and the store stand merchants who know nothing of each other: the owner's record says into which lot its codes
went, and to which neighbour; not by which order, nor to whom in the end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from fondaco_core import audit, outbox
from fondaco_core.context import system_ctx
from fondaco_core.db import Tx
from fondaco_core.ids import CodeId, HopId, OfferId, OrderId, TenantId
from fondaco_tenants.orders import store_resold
from fondaco_tenants.orders.events import SupplySold
from fondaco_tenants.orders.rules import AllocationState
from fondaco_tenants.orders.service.draft import Draft

# Who asked for an order is the store's to know: at the merchants behind it the entry is the system's, and of no request.
_NOBODY = system_ctx("orders.lots")
_BOUND = (AllocationState.HELD.value, AllocationState.FULFILLED.value)


@dataclass(slots=True)
class LotSold:
    """Units of a lot; `code_ids` are those of its seller's own codes."""

    id: HopId
    number: str
    seller_id: TenantId
    buyer_id: TenantId
    offer_id: OfferId
    units: int = 0
    code_ids: list[CodeId] = field(default_factory=list)


def lots_of(draft: Draft) -> list[LotSold]:
    """The lots of an order as it is about to be written."""
    found: dict[HopId, LotSold] = {}
    for hop, lot in zip(draft.hops, draft.lots, strict=True):
        if lot is None:
            continue
        assert hop.buyer_id is not None
        assert hop.offer_id is not None
        sold = found.setdefault(lot.id, LotSold(lot.id, lot.number, hop.seller_id, hop.buyer_id, hop.offer_id))
        sold.units += hop.quantity
        units = (unit for unit in draft.units[hop.line] if unit.number == hop.route)
        sold.code_ids += [unit.picked.code_id for unit in units if unit.picked.owner_id == hop.seller_id]
    return list(found.values())


def news_of(lots: Iterable[LotSold]) -> list[tuple[UUID | None, outbox.Event]]:
    """What the merchants behind a store hear when it is paid: each of its own lots alone."""
    return [(lot.seller_id, SupplySold(str(lot.id), str(lot.offer_id), lot.units, lot.number)) for lot in lots]


async def record_lots(tx: Tx, lots: Sequence[LotSold], action: str) -> None:
    """Writes into each seller's record what became of its lots: supply.held, supply.sold, supply.replaced or supply.released."""
    if lots:
        await audit.record_many(
            tx, _NOBODY, action, subject_kind="supply_sale",
            subjects=[
                (lot.seller_id, lot.id, {
                    "lot": lot.number, "units": lot.units, "offer_id": lot.offer_id, "reseller_id": lot.buyer_id,
                    "codes": [str(code_id) for code_id in lot.code_ids],
                })
                for lot in lots
            ],
        )  # fmt: skip


async def record_lots_of(tx: Tx, order_ids: Sequence[OrderId], action: str, *, released: bool = False) -> list[LotSold]:
    """The same of orders that are written, and their lots; `released` when their codes are free again."""
    states = [AllocationState.RELEASED.value] if released else list(_BOUND)
    lots = [
        LotSold(
            HopId(row["id"]), row["lot"], TenantId(row["seller_tenant_id"]), TenantId(row["buyer_tenant_id"]),
            OfferId(row["offer_id"]), row["units"], [CodeId(code_id) for code_id in row["codes"] or ()],
        )
        for row in await tx.fetch(store_resold.LOTS, list(order_ids), states)
    ]  # fmt: skip
    await record_lots(tx, lots, action)
    return lots


async def tell_sellers(tx: Tx, order_id: OrderId) -> None:
    """Tells every merchant that sold to another one by an order that it is paid, and writes it into their records."""
    await outbox.announce(tx, *news_of(await record_lots_of(tx, [order_id], "supply.sold")))
