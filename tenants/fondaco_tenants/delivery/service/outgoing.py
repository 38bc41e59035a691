"""Use cases of what is sent: plan an order's deliveries, claim an attempt, write down how it ended, list, send again.

plan ──► QUEUED ──begin_attempt──► UNKNOWN ──end_attempt──► SENT ──► DELIVERED (it was opened)
            ▲                         │ │
            └──────── not now ────────┘ └── never ──► FAILED
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import AllocationId, DeliveryId, LinkId, OrderId, TenantId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants import customers, orders
from fondaco_tenants.delivery import store
from fondaco_tenants.delivery.errors import NotResendable, TooManyResends
from fondaco_tenants.delivery.events import DeliveryDue, DeliveryFailed, DeliveryRequested, DeliverySent
from fondaco_tenants.delivery.rules import Channel, DeliveryState, Form, Outcome, after_attempt, channel_of
from fondaco_tenants.delivery.service.letters import Letter, write_letter
from fondaco_tenants.delivery.service.links import refuse_others

# An order in one of these states has something that was delivered.
HAS_CODES = frozenset({orders.OrderState.FULFILLED, orders.OrderState.PARTIALLY_REFUNDED})
_NOTHING_TO_SEND = "NOTHING_TO_SEND"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery as the log shows it; the contact is masked."""

    id: DeliveryId
    order_id: OrderId
    channel: Channel
    state: DeliveryState
    form: Form
    addressee: str
    contact_masked: str
    link_id: LinkId | None
    attempts: int
    next_attempt_at: datetime | None
    failure: str | None
    resend_of: DeliveryId | None
    requested_by_kind: str
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    # The one unit that it brings in place of a bad one; None for the whole order.
    allocation_id: AllocationId | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt; `outcome` is None while it runs."""

    delivery_id: DeliveryId
    number: int
    began_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    status: int | None


@dataclass(frozen=True, slots=True)
class Sending:
    """An attempt that was claimed, with all that it takes to make it. The contact and the words print as nothing."""

    delivery_id: DeliveryId
    number: int
    channel: Channel
    to: Secret[str]
    letter: Letter = field(repr=False)
    # Whether it goes to somebody who bought nothing, and whose address the buyer named.
    gift: bool


def _delivery(row: Mapping[str, Any]) -> Delivery:
    fields = {**row}
    for name, kind in (("channel", Channel), ("state", DeliveryState), ("form", Form)):
        fields[name] = kind(fields[name])
    return Delivery(**fields)


async def plan_deliveries(
    tx: Tx, ctx: Ctx, *, order_ids: Sequence[OrderId], ways_out: Collection[Channel]
) -> list[DeliveryId]:
    """Decides by which ways fulfilled orders go out, and announces what is to be sent; planning twice changes nothing.

    An order is always on its buyer's own side: the page, or the API for a machine. People are written to as well; what none
    of the `ways_out` leads to has failed at once, and is nobody's task. Every order of a merchant comes by here, so that many
    are planned by the statements of one.
    """
    ctx.require("system.run")
    made = [
        (new_id(), facts["id"], facts["locale"], *way)
        for facts in await tx.fetch(store.PLAN, list(order_ids))
        if facts["state"] in HAS_CODES
        for way in _ways_of(facts, ways_out)
    ]
    if not made:
        return []
    columns = [list(column) for column in zip(*made, strict=True)]
    added = await tx.fetch(store.ADD_FIRST, ctx.tenant, clock.now(), *columns)
    due = [DeliveryId(row["id"]) for row in added if row["state"] == DeliveryState.QUEUED]
    await outbox.announce(tx, *((ctx.tenant, DeliveryDue(each)) for each in due))
    return due


def _ways_of(facts: Mapping[str, Any], ways_out: Collection[Channel]) -> list[tuple[str, str, str, str, str]]:
    own = Channel.API if facts["channel"] == "API" else Channel.ACCOUNT
    ways = [(own.value, DeliveryState.SENT.value, Form.PAGE.value, "BUYER", facts["contact_masked"])]
    if facts["gift_masked"] is not None:
        ways.append(_sent_to(facts["gift_masked"], "RECIPIENT", facts["form"], ways_out))
    elif own is Channel.ACCOUNT:
        ways.append(_sent_to(facts["contact_masked"], "BUYER", facts["form"], ways_out))
    return ways


def _sent_to(
    masked: str, addressee: str, form: str, ways_out: Collection[Channel]
) -> tuple[str, str, str, str, str]:  # fmt: skip
    channel = channel_of(masked)
    state = DeliveryState.QUEUED if channel in ways_out else DeliveryState.FAILED
    # A text message carries no file.
    sent = form if channel is Channel.EMAIL else Form.LINK.value
    return channel.value, state.value, sent, addressee, masked


async def tell_due(tx: Tx, ctx: Ctx) -> int:
    """Announces deliveries whose time has come, over all tenants, and says how many; for the schedule."""
    ctx.require("system.run")
    rows = await tx.fetch(
        store.TELL_DUE, clock.now(), limits.DELIVERY_TOLD_AGAIN_S, limits.DELIVERIES_TOLD_MAX
    )  # fmt: skip
    await outbox.announce(tx, *((row["tenant_id"], DeliveryDue(row["id"])) for row in rows))
    return len(rows)


async def begin_attempt(tx: Tx, ctx: Ctx, *, delivery_id: DeliveryId, public_url: str) -> Sending | None:
    """Claims the next attempt of a delivery and writes what is to be sent; None when nothing is due, or nothing is left to send.

    Commit before sending: from then on the attempt counts, whatever becomes of this process.
    """
    ctx.require("system.run")
    now = clock.now()
    row = await tx.fetchrow(store.CLAIM, delivery_id, now, limits.DELIVERY_LEASE_S)
    if row is None:
        return None
    unknowns = await tx.fetchval(store.END_ABANDONED, delivery_id, now)
    if row["attempts"] > limits.DELIVERY_ATTEMPTS_MAX or unknowns > limits.DELIVERY_UNKNOWNS_MAX:
        await tx.execute(store.GIVE_UP, delivery_id, DeliveryState.UNKNOWN.value, Outcome.UNKNOWN.value)
        return None
    order = (await orders.find_orders(tx, ctx, [row["order_id"]]))[row["order_id"]]
    if order.state not in HAS_CODES:
        await tx.execute(store.GIVE_UP, delivery_id, DeliveryState.FAILED.value, _NOTHING_TO_SEND)
        return None
    to = await _contact(tx, ctx, row, order)
    gone = row["allocation_id"] is not None and not await tx.fetchval(store.UNIT_IS_HERE, row["allocation_id"])
    if to is None or gone:
        await tx.execute(store.GIVE_UP, delivery_id, DeliveryState.FAILED.value, _NOTHING_TO_SEND)
        return None
    await tx.execute(store.ADD_ATTEMPT, ctx.tenant, delivery_id, row["attempts"], now)
    letter = await write_letter(tx, ctx, delivery=row, public_url=public_url)
    return Sending(
        delivery_id, row["attempts"], Channel(row["channel"]), to, letter, gift=row["addressee"] == "RECIPIENT"
    )  # fmt: skip


async def _contact(tx: Tx, ctx: Ctx, row: Mapping[str, Any], order: orders.OrderView) -> Secret[str] | None:
    """Where the delivery goes; None for a gift that was taken back, which nobody does until this one has left."""
    if await is_over(tx, order.id, row["addressee"], row["created_at"]):
        return None
    match row["addressee"]:
        case "CORRECTED":
            opened = await keyring().open(row["contact_sealed"], aad=bound_to("contact", row["id"], ctx.tenant))
            return Secret(opened.reveal().decode())
        case "RECIPIENT":
            return await orders.recipient_of(tx, order.id)
        case _:
            return await customers.open_contact(tx, ctx, order.customer_id)


async def is_over(tx: Tx, order_id: OrderId, addressee: str, made_at: datetime) -> bool:
    """Whether what was made for somebody then is none of their business any more: the gift was taken back since."""
    if addressee == "BUYER":
        return False
    taken_back_at = await orders.taken_back_at(tx, order_id)
    return taken_back_at is not None and made_at <= taken_back_at


async def end_attempt(
    tx: Tx, ctx: Ctx, *, delivery_id: DeliveryId, number: int, outcome: Outcome, status: int | None = None
) -> None:
    """Writes down how an attempt ended, and what follows."""
    ctx.require("system.run")
    now = clock.now()
    await tx.execute(store.END_ATTEMPT, delivery_id, number, now, outcome.value, status)
    unknown = int(outcome is Outcome.UNKNOWN)
    before = await tx.fetchval("SELECT unknowns FROM delivery WHERE id = $1", delivery_id)
    following = after_attempt(outcome, attempts=number, unknowns=before + unknown, now=now)
    failure = None if outcome is Outcome.SENT else outcome.value
    order_id = await tx.fetchval(
        store.SETTLE, delivery_id, number, following.state.value, following.at, failure, unknown, now
    )
    if order_id is None or following.at is not None:
        return
    told = DeliverySent if following.state is DeliveryState.SENT else DeliveryFailed
    await outbox.announce(tx, (ctx.tenant, told(delivery_id, order_id)))


async def list_deliveries(tx: Tx, ctx: Ctx, order_ids: Sequence[OrderId]) -> dict[OrderId, list[Delivery]]:
    """The newest deliveries of each order that the asker may see, at most DELIVERIES_LISTED_MAX of each."""
    _require_reading(ctx)
    visible = list(await orders.find_orders(tx, ctx, order_ids))
    listed: dict[OrderId, list[Delivery]] = {order_id: [] for order_id in visible}
    for row in await tx.fetch(store.LIST_DELIVERIES, visible, limits.DELIVERIES_LISTED_MAX):
        listed[row["order_id"]].append(_delivery(row))
    return listed


async def find_deliveries(tx: Tx, ctx: Ctx, ids: Sequence[DeliveryId]) -> dict[DeliveryId, Delivery]:
    """The deliveries among those named that the asker may see."""
    _require_reading(ctx)
    found = [_delivery(row) for row in await tx.fetch(store.FIND_DELIVERIES, list(ids))]
    visible = await orders.find_orders(tx, ctx, [each.order_id for each in found])
    return {each.id: each for each in found if each.order_id in visible}


async def list_attempts(tx: Tx, ctx: Ctx, ids: Sequence[DeliveryId]) -> dict[DeliveryId, list[Attempt]]:
    """Every attempt of the deliveries that the asker may see, the newest first."""
    _require_reading(ctx)
    visible = list(await find_deliveries(tx, ctx, ids))
    listed: dict[DeliveryId, list[Attempt]] = {each: [] for each in visible}
    for row in await tx.fetch(store.LIST_ATTEMPTS, visible):
        outcome = None if row["outcome"] is None else Outcome(row["outcome"])
        fields: dict[str, Any] = {**row, "outcome": outcome}
        listed[row["delivery_id"]].append(Attempt(**fields))
    return listed


async def resend_delivery(
    tx: Tx, ctx: Ctx, *, delivery_id: DeliveryId, contact: str | None = None, reason: str | None = None
) -> Delivery:
    """Sends an order once more: to the same contact, or to a corrected one, for a reason that is kept.

    Whoever corrects a contact could name an own one, so that only they may who may see codes; what went to the wrong one
    opens no more. Another merchant's codes go to no other contact. Raises NotFound, TooManyResends, NotResendable, Invalid,
    CodesOfOthers.
    """
    _require_resending(ctx, corrected=contact is not None)
    first = (await find_deliveries(tx, ctx, [delivery_id])).get(delivery_id)
    if first is None:
        raise NotFound("delivery", path=("delivery_id",))
    await tx.execute(store.LOCK_DELIVERIES, first.order_id)
    order = await orders.get_order(tx, ctx, first.order_id)
    if order.state not in HAS_CODES or first.form is Form.PAGE:
        raise NotResendable
    if contact is None and await is_over(tx, order.id, first.addressee, first.created_at):
        raise NotResendable
    if contact is not None:
        await refuse_others(tx, order.id)
    now = clock.now()
    if await tx.fetchval(store.COUNT_RESENDS, first.order_id, now - timedelta(hours=1)) >= limits.RESENDS_PER_HOUR_MAX:
        raise TooManyResends
    made = await _add_resend(tx, ctx, first, contact=contact, reason=reason, now=now)
    await outbox.announce(
        tx, (ctx.tenant, DeliveryDue(made.id)), (ctx.tenant, DeliveryRequested(made.id, made.order_id))
    )
    return made


async def _add_resend(
    tx: Tx, ctx: Ctx, first: Delivery, *, contact: str | None, reason: str | None, now: datetime
) -> Delivery:
    id_ = DeliveryId(new_id())
    addressee, sealed, masked, channel = first.addressee, None, first.contact_masked, first.channel
    why = None
    if contact is not None:
        if reason is None:
            raise Invalid(
                "Say why the contact is another.", zh="请说明更改联系方式的原因。", path=("reason",)
            )  # fmt: skip
        why = tenancy.checked_reason(reason)
        address = customers.normalised_contact(contact)
        key = await keyring().sealing_key(ctx.tenant)
        addressee, masked = "CORRECTED", customers.masked_contact(address)
        sealed, channel = key.seal(address.encode(), aad=bound_to("contact", id_, ctx.tenant)), channel_of(masked)
        await tx.execute(store.REVOKE_MAILED_LINKS, first.order_id, now)
    elif first.addressee == "CORRECTED":
        sealed = await resealed_contact(tx, ctx.tenant, kept=first.id, made=id_)
    row = await tx.fetchrow(
        store.ADD_RESEND, first.id, id_, channel.value, addressee, sealed, masked, now, ctx.actor.value,
        ctx.actor_id or ctx.customer_id,
    )  # fmt: skip
    assert row is not None
    detail = {"order_id": first.order_id, "resend_of": first.id, "corrected": contact is not None}
    await audit.record(
        tx, ctx, "delivery.requested", subject_kind="delivery", subject_id=id_, reason=why, detail=detail
    )
    return _delivery(row)


async def resealed_contact(tx: Tx, tenant_id: TenantId, *, kept: DeliveryId, made: DeliveryId) -> bytes:
    """The corrected contact of one delivery, sealed for another."""
    sealed = await tx.fetchval(store.SEALED_CONTACT, kept)
    opened = await keyring().open(sealed, aad=bound_to("contact", kept, tenant_id))
    key = await keyring().sealing_key(tenant_id)
    return key.seal(opened.reveal(), aad=bound_to("contact", made, tenant_id))


async def mark_delivered(tx: Tx, ctx: Ctx, seen: Collection[tuple[UUID, UUID | None, Channel | None]]) -> None:
    """What was opened has arrived: of an order, by a link or on a channel of the buyer's own."""
    ctx.require("system.run")
    if seen:
        order_ids, link_ids, channels = zip(*seen, strict=True)
        await tx.execute(store.MARK_DELIVERED, order_ids, link_ids, channels, clock.now())


def _is_buyer(ctx: Ctx) -> bool:
    return ctx.customer_id is not None or ctx.order_id is not None


def _require_reading(ctx: Ctx) -> None:
    ctx.require("buyer.read" if _is_buyer(ctx) else "orders.read")


def _require_resending(ctx: Ctx, *, corrected: bool) -> None:
    if _is_buyer(ctx) and not corrected:
        ctx.require("buyer.link")
        return
    ctx.require("delivery.edit")
    if corrected:
        ctx.require("codes.reveal")
