"""Actors of delivery: what follows when an order has its codes."""

from uuid import UUID

from fondaco_core.context import Ctx
from fondaco_core.db import governing, transaction
from fondaco_core.ids import AllocationId, DeliveryId, OrderId
from fondaco_core.logs import get_logger
from fondaco_tenants import delivery
from fondaco_tenants.codes import RevealVia
from fondaco_tenants.delivery import Showing
from fondaco_workers.actor import actor

log = get_logger(__name__)


@actor(name="delivery.plan", permissions={"system.run"}, gathers=True)
async def plan(ctx: Ctx, *, order_id: tuple[OrderId, ...]) -> None:
    """Decides by which ways fulfilled orders go out to their buyers, or to whom they were given."""
    async with transaction(ctx) as tx:
        await delivery.plan_deliveries(tx, ctx, order_ids=order_id, ways_out=delivery.ways_out())


@actor(name="delivery.plan_replacement", permissions={"system.run", "orders.read"})
async def plan_replacement(ctx: Ctx, *, order_id: OrderId, allocation_id: AllocationId) -> None:
    """Has a unit sent that got another code."""
    async with transaction(ctx) as tx:
        await delivery.plan_replacement(
            tx, ctx, order_id=order_id, allocation_id=allocation_id, ways_out=delivery.ways_out()
        )


@actor(name="delivery.send", permissions={"system.run", "orders.read", "buyer.reveal"}, deadline_s=90)
async def send(ctx: Ctx, *, delivery_id: DeliveryId) -> None:
    """Sends one delivery that is due."""
    await delivery.send_delivery(ctx, delivery_id=delivery_id)


@actor(name="delivery.tell_due", permissions={"system.run"})
async def tell_due(ctx: Ctx) -> None:
    """Has deliveries sent whose time has come again."""
    async with governing(ctx) as tx:
        await delivery.tell_due(tx, ctx)


@actor(name="delivery.look_at_reveals", permissions={"system.run"}, gathers=True)
async def look_at_reveals(
    ctx: Ctx,
    *,
    via: tuple[RevealVia, ...],
    actor_kind: tuple[str, ...],
    actor_id: tuple[UUID | None, ...],
    order_id: tuple[UUID | None, ...],
    link_id: tuple[UUID | None, ...],
) -> None:
    """Notes what has arrived, and raises an alarm where showing codes is unusual."""
    shown = [Showing(*each) for each in zip(via, actor_kind, actor_id, order_id, link_id, strict=True)]
    async with transaction(ctx) as tx:
        found = await delivery.look_at_reveals(tx, ctx, shown=shown)
    for each in found:
        log.warning("delivery.reveal_unusual", rule=each.rule.value, count=each.count, tenant=str(ctx.tenant))
