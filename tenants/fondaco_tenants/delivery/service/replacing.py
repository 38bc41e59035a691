"""Use cases after a unit got another code: the new one goes the way its order went."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from fondaco_core import clock, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import AllocationId, DeliveryId, OrderId, new_id
from fondaco_tenants import orders
from fondaco_tenants.delivery import store
from fondaco_tenants.delivery.events import DeliveryDue
from fondaco_tenants.delivery.rules import Channel, DeliveryState, Form, channel_of
from fondaco_tenants.delivery.service.outgoing import HAS_CODES, is_over, resealed_contact


async def plan_replacement(
    tx: Tx, ctx: Ctx, *, order_id: OrderId, allocation_id: AllocationId, ways_out: Collection[Channel]
) -> list[DeliveryId]:
    """Sends a replaced unit to whoever its order went to last, with a link to that unit alone; twice changes nothing.

    An order that was not sent yet brings it anyway. When many units of one order are replaced at once, the first few go out
    one by one, then the whole order once, and the rest is found there.
    """
    ctx.require("system.run")
    await tx.fetch(store.LOCK_DELIVERIES, order_id)
    order = (await orders.find_orders(tx, ctx, [order_id])).get(order_id)
    ways = {row["form"] == Form.PAGE: row for row in await tx.fetch(store.WAYS, order_id)}
    own = ways.get(True)
    if order is None or order.state not in HAS_CODES or own is None:
        return []
    if await _add(tx, ctx, order_id, own, unit=allocation_id, state=DeliveryState.SENT) is None:
        return []
    way = ways.get(False)
    if way is None or _brings_it_anyway(way):
        return []
    way = await _as_it_is_now(tx, order_id, way)
    sent = await tx.fetchrow(store.COUNT_UNIT_MAILS, order_id, clock.now() - timedelta(hours=1))
    assert sent is not None
    state = DeliveryState.QUEUED if way["channel"] in ways_out else DeliveryState.FAILED
    if sent["units"] < limits.UNIT_MAILS_PER_HOUR_MAX:
        made = await _add(tx, ctx, order_id, way, unit=allocation_id, state=state)
    elif not sent["wholes"]:
        made = await _add(tx, ctx, order_id, way, unit=None, state=state)
    else:
        made = None
    due = [] if made is None or state is DeliveryState.FAILED else [made]
    await outbox.announce(tx, *((ctx.tenant, DeliveryDue(each)) for each in due))
    return due


def _brings_it_anyway(way: Mapping[str, Any]) -> bool:
    """Whether it is the whole order that is still to be sent for the first time: it is written when it leaves."""
    return way["allocation_id"] is None and way["state"] == DeliveryState.QUEUED and not way["attempts"]


async def _as_it_is_now(tx: Tx, order_id: OrderId, way: Mapping[str, Any]) -> Mapping[str, Any]:
    """A gift that was taken back is its buyer's again, and so is what replaces a unit of it."""
    if not await is_over(tx, order_id, way["addressee"], way["created_at"]):
        return way
    masked = await tx.fetchval(store.BUYERS_CONTACT, order_id)
    channel = channel_of(masked)
    form = way["form"] if channel.value == way["channel"] else Form.LINK.value
    return {**way, "addressee": "BUYER", "contact_masked": masked, "channel": channel.value, "form": form}


async def _add(
    tx: Tx, ctx: Ctx, order_id: OrderId, way: Mapping[str, Any], *, unit: AllocationId | None, state: DeliveryState
) -> DeliveryId | None:
    id_ = DeliveryId(new_id())
    sealed = None
    if way["addressee"] == "CORRECTED":
        sealed = await resealed_contact(tx, ctx.tenant, kept=way["id"], made=id_)
    resend_of = None if unit is not None else way["id"]
    added: DeliveryId | None = await tx.fetchval(
        store.ADD_UNIT, id_, ctx.tenant, order_id, unit, way["channel"], state.value, way["form"], way["addressee"], sealed,
        way["contact_masked"], way["locale"], clock.now(), resend_of,
    )  # fmt: skip
    return added
