"""Finding orders again: a guest by number and contact, who is written to and told nothing; the merchant's people by anything."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fondaco_core import limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid
from fondaco_core.ids import CustomerId, ListingId, OrderId
from fondaco_core.secret import Secret
from fondaco_tenants import customers
from fondaco_tenants.orders import store, store_search
from fondaco_tenants.orders.events import LookUpAsked
from fondaco_tenants.orders.rules import OrderState
from fondaco_tenants.orders.service.read import OrderView, order_view


@dataclass(frozen=True, slots=True)
class LookUp:
    """What a letter to a guest is written from."""

    order_id: OrderId
    code: str
    token_version: int
    store_slug: str
    store_name: str
    contact: Secret[str]


async def ask_look_up(tx: Tx, ctx: Ctx, *, order_code: str, contact: str) -> None:
    """Notes that somebody looks for an order of a guest; whether there is one shows in nothing, the time neither."""
    lookup = customers.contact_lookup(ctx.tenant, contact)
    found = await tx.fetchval(store.FIND_FOR_GUEST, order_code.strip().upper(), lookup)
    # An event in either case: the same statements, and a commit.
    await outbox.announce(tx, (ctx.tenant, LookUpAsked(None if found is None else str(found), ctx.locale)))


async def read_look_up(tx: Tx, ctx: Ctx, *, order_id: OrderId) -> LookUp:
    """What a guest is written of an order that was looked for."""
    ctx.require("system.run")
    row = await tx.fetchrow(store.LOOK_UP, order_id)
    assert row is not None, "orders are never deleted"
    contact = await customers.open_contact(tx, ctx, CustomerId(row["customer_id"]))
    return LookUp(order_id, row["code"], row["token_version"], row["slug"], row["name"], contact)


@dataclass(frozen=True, slots=True)
class OrderSearch:
    """What orders are looked for by; everything given holds at once. `reference` and `code` are whole."""

    states: tuple[OrderState, ...] | None = None
    code: str | None = None
    contact: str | None = None
    listing_id: ListingId | None = None
    reference: str | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None


async def search_orders(
    tx: Tx,
    ctx: Ctx,
    *,
    search: OrderSearch,
    bound: UUID | None = None,
    backwards: bool = False,
    count: int = limits.PAGE_DEFAULT,
) -> list[OrderView]:
    """A page of the merchant's orders that fit, newest first (oldest first when `backwards`) from the order `bound` on.

    By contact needs customers.read as well. Raises BadContact, Invalid.
    """
    ctx.require("orders.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    given: dict[str, object] = {}
    if search.states is not None:
        given["settled" if OrderState.FULFILLED in search.states else "unfinished"] = [s.value for s in search.states]
    if search.code is not None:
        given["code"] = search.code.strip().upper()
    if search.contact is not None:
        ctx.require("customers.read")
        given["contact"] = customers.contact_lookup(ctx.tenant, customers.normalised_contact(search.contact))
    if search.listing_id is not None:
        given["listing"] = search.listing_id
    if search.reference is not None:
        given["reference"] = search.reference
    given |= _period(search.placed_from, search.placed_to)
    if bound is not None:
        given["after" if backwards else "before"] = bound
    sql, names = store_search.search(frozenset(given), backwards=backwards)
    return [order_view(row) for row in await tx.fetch(sql, ctx.tenant, count, *(given[name] for name in names))]


def _period(since: datetime | None, until: datetime | None) -> dict[str, object]:
    """A period as ids, which begin with their time: the index by id serves it, whatever else is asked."""
    if since is not None and until is not None and since >= until:
        raise Invalid("A period ends after it begins.", zh="时间段的结束须晚于开始。", path=("placedTo",))
    found: dict[str, object] = {}
    if since is not None:
        found["since"] = first_id_at(since)
    if until is not None:
        found["until"] = first_id_at(until)
    return found


def first_id_at(moment: datetime) -> UUID:
    """The smallest id of a row that was made at a moment or later."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)
