"""What is asked for, and what it costs now: read in one statement, whether it is placed or only simulated."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from fondaco_core import clock, ledger, limits
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import CustomerId, ListingId, OrderId, PoolId, SourceId, new_id
from fondaco_core.ledger import InsufficientFunds
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind
from fondaco_tenants import customers
from fondaco_tenants.orders import store, store_chain
from fondaco_tenants.orders.rules import Leg, PricedOrder, Quote, Route

# What is read with a listing and is no part of its quote.
_NOT_QUOTED = frozenset({"known", "blocked", "price_minor", "source_ids", "pool_ids", "priorities", "probes"})
# Where a listing's source stands in the order in which they are tried.
_Place = tuple[int, UUID]
# Before anything was sold here.
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


class PayBy(StrEnum):
    """How an order is paid: from the buyer's wallet in the same transaction, or later, until its hold expires."""

    WALLET = "WALLET"
    LATER = "LATER"


@dataclass(frozen=True, slots=True)
class NewGift:
    """Somebody else for whom an order is bought: where they are told, by which name, in which words and language."""

    contact: str = field(repr=False)
    name: str | None = None
    message: str | None = field(default=None, repr=False)
    locale: str = "en"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a buyer asks for. `agreed` is the total the buyer saw, if the order shall stand at no other price."""

    lines: tuple[tuple[ListingId, int], ...]
    pay_by: PayBy = PayBy.WALLET
    agreed: Money | None = None
    reference: str | None = None
    channel: str = "API"
    # What the client calls the device that it runs on.
    device: str | None = field(default=None, repr=False)
    gift: NewGift | None = None
    order_id: OrderId = field(default_factory=lambda: OrderId(new_id()))


def as_guest(ctx: Ctx) -> bool:
    """Whether the asker buys without an account."""
    return ctx.actor in {ActorKind.GUEST, ActorKind.ANONYMOUS}


def check_guest_pays_nothing(total: Money) -> None:
    """Refuses to take a guest's money out of a wallet: a contact that somebody types proves nothing of whose it is."""
    if total.amount_minor:
        raise InsufficientFunds(
            asked=total, available=Money(0, total.currency),
            advice="A guest has none: open an account with the merchant, and order with that.",
            advice_zh="访客没有钱包：请先在该商户注册账号，再用账号下单。",
        )  # fmt: skip


async def require_affordable(tx: Tx, customer_id: CustomerId | None, priced: PricedOrder) -> None:
    """Refuses an order with InsufficientFunds that its buyer's wallet does not pay for, as it is seen now."""
    # Somebody new has no wallet yet; without a customer the ledger would answer with the merchant's own.
    found = (
        [] if customer_id is None else await ledger.balances(tx, tenant_id=priced.seller_id, customer_id=customer_id)
    )
    currency = priced.total.currency
    available = next((b.available_minor for b in found if b.kind is AccountKind.WALLET and b.currency == currency), 0)
    if available < priced.total.amount_minor:
        raise InsufficientFunds(asked=priced.total, available=Money(available, currency))


async def read_listings(
    tx: Tx, customer_id: CustomerId | None, listing_ids: set[ListingId]
) -> dict[ListingId, Mapping[str, Any]]:
    """What is on sale, as read together with whether the merchant sells to this buyer; refuses when it does not."""
    rows = await tx.fetch(store.QUOTE, list(listing_ids), customer_id)
    # Who is unknown or blocked is refused by customers; without a row nobody has looked yet.
    if customer_id is not None and not (rows and rows[0]["known"] and not rows[0]["blocked"]):
        await customers.require_welcome(tx, customer_id)
    chained = [ListingId(row["listing_id"]) for row in rows if row["chained"]]
    routes = await _routes_over_others(tx, chained, count=limits.ROUTES_FIRST) if chained else {}
    return {
        ListingId(row["listing_id"]): dict(row) | {"routes": _in_order(row, routes.get(row["listing_id"]))}
        for row in rows
    }


async def _routes_over_others(
    tx: Tx, listing_ids: Sequence[ListingId], *, count: int | None
) -> dict[UUID, list[tuple[_Place, Route]]]:
    """The routes over other merchants that are open now, in the order in which they are tried, with their source's place in it.

    The first `count` of each listing, or (None) as many as an order looks at, of every source in turn.
    """
    now = clock.now()
    found: dict[UUID, list[tuple[_Place, Route]]] = defaultdict(list)
    statement, most = (
        (store_chain.FAIR_ROUTES, limits.ROUTES_MAX) if count is None else (store_chain.FIRST_ROUTES, count)
    )
    for row in await tx.fetch(statement, listing_ids, now, now.date(), most):
        columns = (
            row["offer_ids"], row["agreement_ids"], row["seller_ids"], row["source_ids"], row["fees"], row["commissions"], row["prices"],
            row["max_costs"], row["below_costs"], row["wallets"], row["credits"], row["units_left"], row["hold_left"],
            row["settle_days"],
        )  # fmt: skip
        legs = tuple(_leg(*step) for step in zip(*columns, strict=True))
        place = (row["priority"], row["source_id"])
        probes = _probes([row["source_id"], *row["source_ids"]], [row["probe"], *row["probes"]])
        found[row["listing_id"]].append(
            (place, Route(SourceId(row["source_id"]), PoolId(row["pool_id"]), legs, probes))
        )
    return found


def _leg(  # noqa: PLR0917 - the columns of a step, in their order
    offer: Any, agreement: Any, seller: Any, source: Any, fee_bps: int, commissions: str, prices: str, max_cost: int | None,
    below_cost: Any, wallet: int, credit: int, units_left: int | None, hold_left: int | None, settle_days: int,
) -> Leg:  # fmt: skip
    return Leg(
        offer_id=offer, agreement_id=agreement, seller_id=seller, source_id=source, fee_bps=fee_bps,
        prices=price_list(prices), commissions_bps=commission_levels(commissions), max_cost_minor=max_cost, below_cost=below_cost, funds_minor=wallet + credit,
        wallet_minor=wallet, units_left=units_left, hold_left=hold_left, settle_days=settle_days,
    )  # fmt: skip


def commission_levels(text: str) -> tuple[int, ...]:
    """Basis points by level as SQL writes them."""
    return tuple(map(int, text.split(","))) if text else ()


def price_list(text: str) -> tuple[tuple[int, int], ...]:
    """Prices by number of units as SQL writes them."""
    pairs = (pair.split(":") for pair in text.split(","))
    return tuple((int(from_units), int(price)) for from_units, price in pairs)


def _in_order(row: Mapping[str, Any], over_others: Sequence[tuple[_Place, Route]] | None) -> tuple[Route, ...]:
    """All routes of a listing in the order in which they are tried: that of its sources, and each supplier's own within."""
    own = zip(
        row["priorities"] or (), row["source_ids"] or (), row["pool_ids"] or (), row["probes"] or (), strict=True
    )  # fmt: skip
    routes = [
        ((priority, source), Route(source, pool, probes=_probes([source], [probe])))
        for priority, source, pool, probe in own
    ]
    if over_others:
        routes = sorted([*routes, *over_others], key=lambda each: each[0])
    return tuple(route for _, route in routes)


def _probes(source_ids: Sequence[UUID], left: Sequence[int | None]) -> tuple[tuple[SourceId, int], ...]:
    """The sources that are being probed, each with how many units it still gets."""
    return tuple((SourceId(id_), units) for id_, units in zip(source_ids, left, strict=True) if units is not None)


async def with_all_routes(tx: Tx, quotes: Sequence[Quote]) -> dict[ListingId, tuple[Route, ...]]:
    """Every route of the listings of these quotes that are filled over other merchants, where the first ones were not enough."""
    listing_ids = list(dict.fromkeys(quote.listing_id for quote in quotes if quote.chained))
    if not listing_ids:
        return {}
    rows = await tx.fetch(store.OWN_SOURCES, listing_ids)
    routes = await _routes_over_others(tx, listing_ids, count=None)
    return {ListingId(row["listing_id"]): _in_order(row, routes.get(row["listing_id"])) for row in rows}


def quotes_of(
    rows: Mapping[ListingId, Mapping[str, Any]], lines: Sequence[tuple[ListingId, int]], *, pay_by: PayBy
) -> list[Quote]:
    """What each line costs and where it can come from; NotFound for a listing that is not on sale here."""
    quotes: list[Quote] = []
    for number, (listing_id, quantity) in enumerate(lines):
        row: Mapping[str, Any] | None = rows.get(listing_id)
        if row is None:
            raise NotFound("listing", path=("lines", str(number), "listingId"))
        quotes.append(_quote_of(row, quantity=quantity, line=number, waits=pay_by is PayBy.LATER))
    return quotes


def _quote_of(row: Mapping[str, Any], *, quantity: int, line: int, waits: bool) -> Quote:
    fields = {name: value for name, value in row.items() if name not in _NOT_QUOTED}
    fields["unit_price_minor"] = row["price_minor"]
    return Quote(**fields, quantity=quantity, line=line, waits=waits)


async def bought_before(tx: Tx, customer_id: CustomerId, lines: Sequence[Quote], now: datetime) -> dict[ListingId, int]:
    """How many units of limited listings a customer has already, within each listing's period."""
    if not lines:
        return {}
    since = [
        _EVER if line.customer_period_days is None else now - timedelta(days=line.customer_period_days)
        for line in lines
    ]
    rows = await tx.fetch(store.BOUGHT, [line.listing_id for line in lines], since, customer_id)
    return {ListingId(row["listing_id"]): int(row["units"]) for row in rows}


def limit_key(listing_id: ListingId, customer_id: CustomerId) -> int:
    """The advisory lock under which one customer's orders of one limited listing go one after the other."""
    digest = hashlib.blake2b(listing_id.bytes + customer_id.bytes, digest_size=8, person=b"limit").digest()
    return int.from_bytes(digest, "big", signed=True)


async def open_routes(
    tx: Tx, ctx: Ctx, *, listing_ids: Sequence[ListingId], count: int | None = limits.ROUTES_FIRST
) -> list[Route]:
    """The routes over other merchants that an order finds open, the first of each listing or all; for no merchant's eyes."""
    ctx.require("system.run")
    found = await _routes_over_others(tx, listing_ids, count=count)
    return [route for routes in found.values() for _, route in routes]
