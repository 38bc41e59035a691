"""The use case of an order's timeline: what happened to it, when, and by whom, for its buyer and for its merchant."""

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import OrderId
from fondaco_core.money import Money
from fondaco_tenants import orders
from fondaco_tenants.aftersales import store
from fondaco_tenants.aftersales.rules import TimelineEntry, TimelineKind, who


async def timeline_of(tx: Tx, ctx: Ctx, order_id: OrderId) -> list[TimelineEntry]:
    """What happened to an order so far, oldest first; NotFound for who may not see the order.

    Its buyer reads the same as its merchant, but for the reasons, which the merchant's people gave each other.
    """
    ctx.require("orders.read" if ctx.has("orders.read") else "buyer.read")
    told_why = ctx.has("orders.read")
    order = await orders.get_order(tx, ctx, order_id)
    return [
        TimelineEntry(
            TimelineKind(row["kind"]), row["at"], who(row["actor_kind"]), units=row["units"],
            amount=None if row["amount_minor"] is None else Money(row["amount_minor"], order.total.currency),
            channel=row["channel"], reason=row["reason"] if told_why else None,
        )
        for row in await tx.fetch(store.TIMELINE, order_id, limits.PAGE_MAX)
    ]  # fmt: skip
