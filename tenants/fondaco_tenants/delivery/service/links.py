"""Use cases of delivery: show codes to who is entitled to them; make, open and withdraw links."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_token, mask_code
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import AllocationId, LinkId, OrderId, TenantId, new_id
from fondaco_core.keyring import derived_text
from fondaco_core.secret import Secret
from fondaco_tenants import codes, orders, storefront
from fondaco_tenants.delivery import store
from fondaco_tenants.delivery.errors import CodesOfOthers, LinkUnknown, NotDelivered, TooManyLinks
from fondaco_tenants.delivery.events import LinkCreated, LinkOpened, LinkRevoked
from fondaco_tenants.delivery.rules import Link, check_link_terms, masked_ip, pending, why_closed
from fondaco_tenants.delivery.service.keys import refuse_plain, seal_units
from fondaco_tenants.delivery.service.personal import personal
from fondaco_tenants.delivery.service.shown import RevealedUnit

# An order that ended without a delivery has nothing to link to.
_UNDELIVERED: Final = frozenset(
    {orders.OrderState.EXPIRED, orders.OrderState.CANCELLED, orders.OrderState.REJECTED, orders.OrderState.REFUNDED}
)


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """What opening a link shows."""

    link: Link
    order_code: str
    store_name: str
    units: Sequence[RevealedUnit]
    # What whoever gave it says to its recipient; None when it is no gift, or they said nothing.
    gift_name: str | None
    gift_message: str | None


@dataclass(frozen=True, slots=True)
class Reveal:
    """That somebody saw a code: who by kind, when, how, and from where, half masked."""

    id: int
    order_id: OrderId
    allocation_id: AllocationId | None
    via: str
    actor_kind: str
    ip: str | None
    link_id: LinkId | None
    revealed_at: datetime


@dataclass(frozen=True, slots=True)
class StoreFace:
    """What strangers see of a store on its pages: its name, and where it helps."""

    name: str
    support: str | None


@dataclass(frozen=True, slots=True)
class OrderPage:
    """An order as its buyer's page shows it: no code, and nothing of the supply behind it. `units` are the last attempts."""

    order: orders.OrderView
    lines: Sequence[orders.LineView]
    units: Sequence[orders.AllocationView]


async def reveal_code(tx: Tx, ctx: Ctx, *, allocation_id: AllocationId) -> RevealedUnit:
    """Shows one unit's code to its buyer; from then on nothing refunds it by itself. Every call is on record.

    Raises NotFound for everybody but the buyer, NotDelivered when there is no code to show.
    """
    ctx.require("buyer.reveal")
    unit = (await orders.find_allocations(tx, ctx, [allocation_id])).get(allocation_id)
    if unit is None:
        raise NotFound("allocation", path=("allocation_id",))
    return (await _show_asker(tx, ctx, order_id=unit.order_id, allocation_id=allocation_id))[0]


async def reveal_order(tx: Tx, ctx: Ctx, *, order_id: OrderId) -> Sequence[RevealedUnit]:
    """Shows every delivered code of an order to its buyer, in the order of the basket; units on their way are left out.

    Raises NotFound for everybody but the buyer, NotDelivered when no unit has a code to show.
    """
    ctx.require("buyer.reveal")
    order = await orders.get_order(tx, ctx, order_id)
    return await _show_asker(tx, ctx, order_id=order.id, allocation_id=None)


async def _show_asker(
    tx: Tx, ctx: Ctx, *, order_id: OrderId, allocation_id: AllocationId | None
) -> Sequence[RevealedUnit]:
    """The units as the asker is shown them: to a machine with a public key, in envelopes alone."""
    units = await show_units(tx, ctx, order_id=order_id, allocation_id=allocation_id, via=_via(ctx))
    return await seal_units(tx, ctx, units)


async def create_link(
    tx: Tx,
    ctx: Ctx,
    *,
    order_id: OrderId,
    allocation_id: AllocationId | None = None,
    opens_max: int = 1,
    expires_in_hours: int = 24,
    reason: str | None = None,
) -> Link:
    """Makes a link that opens an order's codes, or one unit's, a limited number of times.

    The buyer makes one to hand on, of a gift only after taking it back (GiftSealed). Whoever of the merchant's people makes one
    could open it as well, so that only they may who may see codes at all, and for a reason; of another merchant's codes,
    none of them may (CodesOfOthers). `secret_of` gives what completes the link's address; only its hash is stored.
    """
    _require_making(ctx)
    why = None if reason is None else tenancy.checked_reason(reason)
    await refuse_plain(tx, ctx)
    check_link_terms(opens_max=opens_max, expires_in_hours=expires_in_hours)
    order = await orders.get_order(tx, ctx, order_id)
    if allocation_id is not None:
        unit = (await orders.find_allocations(tx, ctx, [allocation_id])).get(allocation_id)
        if unit is None or unit.order_id != order.id:
            raise NotFound("allocation", path=("allocation_id",))
    if order.state in _UNDELIVERED:
        raise NotDelivered(pending=False)
    if _is_buyer(ctx):
        await orders.require_opener(tx, order_id=order.id, by_recipient=False)
    else:
        await refuse_others(tx, order.id, allocation_id)
    now = clock.now()
    if await tx.fetchval(store.COUNT_OPEN_LINKS, order_id, now) >= limits.LINKS_PER_ORDER_MAX:
        raise TooManyLinks(order_id)

    link = Link(
        id=LinkId(new_id()), order_id=order_id, allocation_id=allocation_id, opens_max=opens_max, opens=0,
        expires_at=now + timedelta(hours=expires_in_hours), created_by_kind=ctx.actor.value, created_at=now, revoked_at=None,
    )  # fmt: skip
    await tx.execute(
        store.ADD_LINK, link.id, ctx.tenant, order_id, allocation_id, hash_token(secret_of(link.id)), opens_max,
        link.expires_at, link.created_by_kind, ctx.actor_id or ctx.customer_id, now,
    )  # fmt: skip
    detail = {
        "order_id": order_id,
        "allocation_id": allocation_id,
        "opens_max": opens_max,
        "expires_at": link.expires_at,
    }
    await audit.record(
        tx, ctx, "delivery_link.created", subject_kind="delivery_link", subject_id=link.id, reason=why, detail=detail
    )
    await outbox.announce(tx, (ctx.tenant_id, LinkCreated(link.id, order_id)))
    return link


def _require_making(ctx: Ctx) -> None:
    if _is_buyer(ctx):
        ctx.require("buyer.link")
    else:
        ctx.require("delivery.edit")
        ctx.require("codes.reveal")


async def refuse_others(tx: Tx, order_id: OrderId, allocation_id: AllocationId | None = None) -> None:
    """Raises CodesOfOthers for what has codes of other merchants: the store's people say nothing of where these go."""
    if await tx.fetchval(store.HAS_OTHERS, order_id, allocation_id):
        raise CodesOfOthers


def secret_of(link_id: LinkId) -> Secret[str]:
    """What stands behind the # of a link's address: 256 bits. For who just made the link, and for nobody else.

    Derived from the link's id under the platform's look-up key and not drawn, so that a repeated request shows the same
    address without its being kept anywhere.
    """
    return derived_text("delivery-link", str(link_id))


async def find_link_address(tx: Tx, ctx: Ctx, *, link_id: LinkId) -> Secret[str] | None:
    """A link's address below the host, with its secret; for the answer to who made it, also when that is repeated.

    None for a link that the asker may not see or that the system mailed to somebody, or whose secret cannot be derived any more.
    """
    _require_making(ctx)
    secret = secret_of(link_id)
    found = (await _find_links(tx, ctx, [link_id])).get(link_id)
    # What the system mailed is for its addressee alone.
    mailed = found is None or found.created_by_kind == ActorKind.SYSTEM
    row = None if mailed else await tx.fetchrow(store.LINK_ADDRESS, link_id)
    if row is None or not hmac.compare_digest(row["secret_hash"], hash_token(secret)):
        return None
    return Secret(f"/s/{row['slug']}/r/{link_id}#{secret.reveal()}")


async def open_link(tx: Tx, ctx: Ctx, *, store_slug: str, link_id: LinkId, secret: Secret[str]) -> OpenedLink:
    """Opens a link and shows its codes, using up one opening in the same transaction: both happen, or neither.

    Raises LinkUnknown for a link that does not exist, another store's, and a wrong secret alike; LinkExpired, LinkSpent
    or LinkRevoked to who holds the secret; NotDelivered, with nothing used up, while a unit is on its way.
    """
    ctx.require("buyer.open")
    proof = hash_token(secret)
    place = await tx.fetchrow(store.FIND_LINK_IN_STORE, link_id, proof, store_slug)
    if place is None:
        raise LinkUnknown
    burnt = await tx.fetchrow(store.BURN_LINK, link_id, proof, clock.now())
    if burnt is None:
        closed = why_closed(Link(**(await tx.fetch(store.FIND_LINKS, [link_id]))[0]), clock.now())
        # Who holds the secret may know which order to name when asking for help.
        closed.order_code = place["order_code"]
        raise closed

    link = Link(**burnt)
    by_recipient = link.created_by_kind == ActorKind.SYSTEM.value
    await orders.require_opener(tx, order_id=link.order_id, by_recipient=by_recipient, made_at=link.created_at)
    # The secret is what entitles: from here on its holder may see these codes, and only these.
    entitled = replace(ctx, permissions=ctx.permissions | {"buyer.reveal"})
    units = await show_units(
        tx, entitled, order_id=link.order_id, allocation_id=link.allocation_id, via="LINK", link_id=link.id, whole=True
    )
    detail = {"order_id": link.order_id, "opens": link.opens, "units": len(units)}
    await audit.record(tx, ctx, "delivery_link.opened", subject_kind="delivery_link", subject_id=link.id, detail=detail)
    await outbox.announce(tx, (ctx.tenant_id, LinkOpened(link.id, link.order_id, link.opens)))
    return OpenedLink(
        link, place["order_code"], place["store_name"], units, place["gift_name"], place["gift_message"]
    )  # fmt: skip


async def revoke_link(tx: Tx, ctx: Ctx, *, link_id: LinkId) -> Link:
    """Withdraws a link, whoever of the two sides made it; withdrawing it again changes nothing."""
    if _is_buyer(ctx):
        ctx.require("buyer.link")
    else:
        ctx.require("delivery.edit")
    found = (await _find_links(tx, ctx, [link_id])).get(link_id)
    if found is None:
        raise NotFound("link", path=("link_id",))
    revoked = await tx.fetchrow(store.REVOKE_LINK, link_id, clock.now())
    assert revoked is not None, "links are never deleted"
    link = Link(**revoked)
    if found.revoked_at is None:
        detail = {"order_id": link.order_id, "opens": link.opens}
        await audit.record(
            tx, ctx, "delivery_link.revoked", subject_kind="delivery_link", subject_id=link_id, detail=detail
        )
        await outbox.announce(tx, (ctx.tenant_id, LinkRevoked(link_id, link.order_id)))
    return link


async def find_links(tx: Tx, ctx: Ctx, link_ids: Sequence[LinkId]) -> dict[LinkId, Link]:
    """The links among those named that the asker may see."""
    _require_reading(ctx)
    return await _find_links(tx, ctx, link_ids)


async def list_links(tx: Tx, ctx: Ctx, order_ids: Sequence[OrderId]) -> dict[OrderId, list[Link]]:
    """The newest links of each order that the asker may see, at most LINKS_PER_ORDER_MAX of each."""
    _require_reading(ctx)
    visible = list(await orders.find_orders(tx, ctx, order_ids))
    listed: dict[OrderId, list[Link]] = {order_id: [] for order_id in visible}
    for row in await tx.fetch(store.LIST_LINKS, visible, limits.LINKS_PER_ORDER_MAX):
        listed[row["order_id"]].append(Link(**row))
    return listed


async def list_reveals(tx: Tx, ctx: Ctx, order_ids: Sequence[OrderId]) -> dict[OrderId, list[Reveal]]:
    """Who saw codes of each order that the asker may see, newest first, at most REVEALS_LISTED_MAX of each."""
    _require_reading(ctx)
    visible = list(await orders.find_orders(tx, ctx, order_ids))
    listed: dict[OrderId, list[Reveal]] = {order_id: [] for order_id in visible}
    for row in await tx.fetch(store.LIST_REVEALS, visible, limits.REVEALS_LISTED_MAX):
        fields = {**row}
        fields["ip"] = masked_ip(fields["ip"])
        listed[row["order_id"]].append(Reveal(**fields))
    return listed


async def get_order_page(tx: Tx, ctx: Ctx, *, store_slug: str, order_code: str) -> OrderPage:
    """An order by the code that people read aloud, for its buyer's page; NotFound for everybody else."""
    ctx.require("buyer.read")
    order = await orders.get_order_by_code(tx, ctx, order_code)
    if (await storefront.stores_by_ids(tx, [order.store_id]))[order.store_id].slug != store_slug:
        raise NotFound("order")
    lines = (await orders.lines_of(tx, ctx, [order.id]))[order.id]
    last: dict[tuple[UUID, int], orders.AllocationView] = {}
    for unit in await orders.list_allocations(tx, ctx, order_id=order.id):
        place = (unit.line_id, unit.unit)
        if place not in last or last[place].attempt < unit.attempt:
            last[place] = unit
    numbers = {line.id: line.number for line in lines}
    units = sorted(last.values(), key=lambda unit: (numbers[unit.line_id], unit.unit))
    return OrderPage(order, sorted(lines, key=lambda line: line.number), units)


async def get_store_face(tx: Tx, ctx: Ctx, *, store_slug: str) -> StoreFace:
    """What a sealed page shows of its store; NotFound when there is none. A closed store's buyers still get their codes."""
    ctx.require("buyer.open")
    row = await tx.fetchrow(store.STORE_FACE, store_slug)
    if row is None:
        raise NotFound("store")
    return StoreFace(row["name"], row["support_contact"])


async def show_units(
    tx: Tx,
    ctx: Ctx,
    *,
    order_id: OrderId,
    allocation_id: AllocationId | None,
    via: str,
    link_id: LinkId | None = None,
    whole: bool = False,
) -> list[RevealedUnit]:
    """Opens the codes of an order's delivered units; `whole` refuses while one of them is on its way.

    Whether the asker may see this order's is decided by whoever calls this.
    """
    ctx.require("buyer.reveal")
    if via != "LINK":
        # A letter with the codes in it goes to whoever they are for; every other door is the buyer's own.
        await orders.require_opener(tx, order_id=order_id, by_recipient=via == "EMAIL")
    locked = await tx.fetch(store.LOCK_UNITS, order_id, allocation_id)
    rows = sorted(locked, key=lambda row: (row["line"], row["unit"], row["attempt"]))
    ready = [row for row in rows if row["state"] == "FULFILLED" and row["code_id"] is not None]
    on_its_way = pending([row["state"] for row in rows])
    if not ready or (whole and on_its_way):
        raise NotDelivered(pending=on_its_way)
    assert len(ready) <= limits.REVEAL_UNITS_MAX
    code_ids = [row["code_id"] for row in ready]
    allocation_ids = [row["id"] for row in ready]
    opened = await codes.reveal_codes(
        tx,
        ctx,
        code_ids=code_ids,
        via=via,
        order_id=order_id,
        allocation_ids=allocation_ids,
        owner_ids=[row["leaf_tenant_id"] for row in ready],
        link_id=link_id,
        reason=None,
    )
    await orders.mark_revealed(tx, allocation_ids=allocation_ids)
    shown = {each.code_id: each for each in opened}
    counts = {row["code_id"]: row for row in await tx.fetch(store.COUNT_REVEALS, code_ids)}
    return [_unit(row, shown[row["code_id"]], counts[row["code_id"]]) for row in ready]


def _unit(row: Mapping[str, Any], shown: codes.Revealed, count: Mapping[str, Any]) -> RevealedUnit:
    # An address leads to whoever made it, and they check it with a key of theirs.
    owner = TenantId(row["leaf_tenant_id"])
    code = personal(shown.code, tenant_id=owner, order_id=row["order_id"], customer_id=row["customer_id"])
    return RevealedUnit(
        allocation_id=row["id"], line=row["line"], unit=row["unit"], title=row["title"], kind=row["fulfilment_kind"],
        code=code, pin=shown.pin, masked=mask_code(shown.code.reveal()),
        redemption=row["redemption"], redemption_zh=row["redemption_zh"],
        restrictions=row["restrictions"], restrictions_zh=row["restrictions_zh"],
        revealed_at=count["first_at"], reveal_count=count["times"],
    )  # fmt: skip


def _is_buyer(ctx: Ctx) -> bool:
    return ctx.customer_id is not None or ctx.order_id is not None


def _via(ctx: Ctx) -> str:
    match ctx.actor:
        case ActorKind.API_CLIENT:
            return "API"
        case ActorKind.GUEST:
            return "GUEST"
        case _:
            return "ACCOUNT"


def _require_reading(ctx: Ctx) -> None:
    ctx.require("buyer.read" if _is_buyer(ctx) else "orders.read")


async def _find_links(tx: Tx, ctx: Ctx, link_ids: Sequence[LinkId]) -> dict[LinkId, Link]:
    links = [Link(**row) for row in await tx.fetch(store.FIND_LINKS, link_ids)]
    visible = await orders.find_orders(tx, ctx, [link.order_id for link in links])
    return {link.id: link for link in links if link.order_id in visible}
