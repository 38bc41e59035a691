"""Reading orders: by their buyer, a guest with the order's token, a machine of the buyer, or the merchant's people."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import (
    AllocationId,
    CodeId,
    CustomerId,
    EntitlementId,
    ListingId,
    OrderId,
    OrderLineId,
    SourceId,
    StoreId,
    TenantId,
)
from fondaco_core.money import Money
from fondaco_tenants.orders import store
from fondaco_tenants.orders.rules import AllocationState, OrderState


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as it is stored."""

    id: OrderId
    tenant_id: TenantId
    code: str
    store_id: StoreId
    customer_id: CustomerId
    state: OrderState
    total: Money
    refunded: Money
    channel: str
    reference: str | None
    hold_expires_at: datetime | None
    placed_at: datetime
    paid_at: datetime | None
    fulfilled_at: datetime | None
    closed_at: datetime | None
    reason: str | None
    token_version: int
    version: int


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of an order; `live_quantity` is what is neither released nor refunded."""

    id: OrderLineId
    order_id: OrderId
    listing_id: ListingId
    entitlement_id: EntitlementId
    number: int
    title: str
    quantity: int
    live_quantity: int
    unit_price_minor: int


@dataclass(frozen=True, slots=True)
class AllocationView:
    """One unit of an order, with its code masked."""

    id: AllocationId
    tenant_id: TenantId
    leaf_tenant_id: TenantId
    order_id: OrderId
    line_id: OrderLineId
    unit: int
    attempt: int
    source_id: SourceId
    code_id: CodeId | None
    state: AllocationState
    changed_at: datetime
    refunded_at: datetime | None
    revealed_at: datetime | None
    masked: str | None


def order_view(row: Any) -> OrderView:
    """A row as an OrderView."""
    fields = dict(row)
    currency = fields.pop("currency")
    fields["total"] = Money(fields.pop("total_minor"), currency)
    fields["refunded"] = Money(fields.pop("refunded_minor"), currency)
    fields["state"] = OrderState(fields["state"])
    return OrderView(**fields)


def allocation_view(row: Any) -> AllocationView:
    """A row as an AllocationView."""
    fields = dict(row)
    fields["state"] = AllocationState(fields["state"])
    return AllocationView(**fields)


def may_see(ctx: Ctx, order: OrderView) -> bool:
    """Whether the asker may know of the order: its merchant's people, its buyer, or who holds its token."""
    if order.tenant_id != ctx.tenant_id:
        return False
    if ctx.has("orders.read"):
        return True
    if not ctx.has("buyer.read"):
        return False
    if ctx.order_id is not None:
        return ctx.order_id == order.id and ctx.order_token_version == order.token_version
    return ctx.customer_id is not None and ctx.customer_id == order.customer_id


async def find_orders(tx: Tx, ctx: Ctx, order_ids: Sequence[OrderId]) -> dict[OrderId, OrderView]:
    """Those of the orders that the asker may see."""
    ctx.require("orders.read" if ctx.has("orders.read") else "buyer.read")
    views = [order_view(row) for row in await tx.fetch(store.BY_IDS, list(order_ids))]
    return {view.id: view for view in views if may_see(ctx, view)}


async def get_order(tx: Tx, ctx: Ctx, order_id: OrderId) -> OrderView:
    """One order; NotFound when the asker may not know of it."""
    found = (await find_orders(tx, ctx, [order_id])).get(order_id)
    if found is None:
        raise NotFound("order")
    return found


async def get_order_by_code(tx: Tx, ctx: Ctx, code: str) -> OrderView:
    """One order by its public code; NotFound when the asker may not know of it."""
    ctx.require("orders.read" if ctx.has("orders.read") else "buyer.read")
    row = await tx.fetchrow(store.BY_CODE, code.strip().upper())
    if row is None or not may_see(ctx, view := order_view(row)):
        raise NotFound("order")
    return view


async def list_orders(
    tx: Tx,
    ctx: Ctx,
    *,
    customer_id: CustomerId | None = None,
    states: Sequence[OrderState] | None = None,
    bound: UUID | None = None,
    backwards: bool = False,
    count: int = limits.PAGE_DEFAULT,
) -> list[OrderView]:
    """A page of orders, newest first (oldest first when `backwards`) from the order `bound` on: a merchant's, or a buyer's own."""
    if not ctx.has("orders.read"):
        ctx.require("buyer.read")
        if ctx.order_id is not None:
            found = await find_orders(tx, ctx, [OrderId(ctx.order_id)])
            return list(found.values())
        if ctx.customer_id is None:
            raise NotFound("customer")
        customer_id = ctx.customer_id
    assert 0 < count <= limits.PAGE_MAX + 1
    wanted = None if states is None else [state.value for state in states]
    statement = store.LIST_OLDEST if backwards else store.LIST_NEWEST
    return [order_view(row) for row in await tx.fetch(statement, customer_id, wanted, bound, count)]


async def lines_of(tx: Tx, ctx: Ctx, order_ids: Sequence[OrderId]) -> dict[OrderId, list[LineView]]:
    """The lines of orders that the asker may see."""
    visible = await find_orders(tx, ctx, order_ids)
    lines: dict[OrderId, list[LineView]] = defaultdict(list)
    for row in await tx.fetch(store.LINES, list(visible)):
        lines[OrderId(row["order_id"])].append(LineView(**row))
    return lines


async def list_allocations(
    tx: Tx,
    ctx: Ctx,
    *,
    order_id: OrderId,
    bound: UUID | None = None,
    backwards: bool = False,
    count: int = limits.HOLD_CODES_MAX,
) -> list[AllocationView]:
    """The units of one order that the asker may see, codes masked; a page of them from the unit `bound` on."""
    await get_order(tx, ctx, order_id)
    statement = store.ALLOCATIONS_BACKWARDS if backwards else store.ALLOCATIONS
    return [allocation_view(row) for row in await tx.fetch(statement, order_id, bound, count)]


async def find_allocations(
    tx: Tx, ctx: Ctx, allocation_ids: Sequence[AllocationId]
) -> dict[AllocationId, AllocationView]:
    """Those of the units whose order the asker may see."""
    ctx.require("orders.read" if ctx.has("orders.read") else "buyer.read")
    views = [allocation_view(row) for row in await tx.fetch(store.ALLOCATION_BY_IDS, list(allocation_ids))]
    visible = await find_orders(tx, ctx, list({view.order_id for view in views}))
    return {view.id: view for view in views if view.order_id in visible}


async def allocations_of_code(tx: Tx, ctx: Ctx, *, code_id: CodeId) -> list[AllocationView]:
    """The unit that a code is bound to now, if the asker may see its order."""
    ctx.require("orders.read")
    views = [allocation_view(row) for row in await tx.fetch(store.ALLOCATIONS_OF_CODE, code_id)]
    visible = await find_orders(tx, ctx, [view.order_id for view in views])
    return [view for view in views if view.order_id in visible]
