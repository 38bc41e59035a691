"""What is asked for, and what it costs now: read in one statement, whether it is placed or only simulated."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from fondaco_core import clock, ledger, limits
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import CustomerId, ListingId, OrderId, PoolId, SourceId, new_id
from fondaco_core.ledger import InsufficientFunds
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind
from fondaco_tenants import customers, routing
from fondaco_tenants.orders import store, store_chain, store_quote
from fondaco_tenants.orders.rules import Leg, PricedOrder, Quote, Route

# What is read with a listing and is no part of its quote.
_NOT_QUOTED = frozenset(
    {"known", "blocked", "price_minor", "policy", "source_ids", "pool_ids", "places", "counts", "over_others"}
)
# Where a listing's source stands in the order in which they are tried.
_Place = bytes
# How many of which listing somebody asks for: what suppliers charge depends on it.
Asked = tuple[ListingId, int]
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
    tx: Tx, customer_id: CustomerId | None, asked: Collection[Asked]
) -> dict[ListingId, Mapping[str, Any]]:
    """What is on sale, as read together with whether the merchant sells to this buyer; refuses when it does not."""
    rows = await tx.fetch(store_quote.QUOTE, list({listing for listing, _ in asked}), customer_id, clock.now())
    # Who is unknown or blocked is refused by customers; without a row nobody has looked yet.
    if customer_id is not None and not (rows and rows[0]["known"] and not rows[0]["blocked"]):
        await customers.require_welcome(tx, customer_id)
    found = {ListingId(row["listing_id"]): dict(row) for row in rows}
    by_rule = {
        key: row["currency"] for key, row in found.items() if row["policy"] not in {None, routing.Policy.PRIORITY}
    }
    for listing_id, row in (await _own_sources(tx, by_rule) if by_rule else {}).items():
        found[listing_id] |= row
    over_others = await _first_over_others(tx, found, asked)
    return {key: row | {"over_others": over_others} for key, row in found.items()}


async def _own_sources(tx: Tx, currencies: Mapping[ListingId, str]) -> dict[ListingId, Mapping[str, Any]]:
    """What listings are filled from of their merchants' own, in the order that these want."""
    rows = await tx.fetch(store_quote.OWN_SOURCES, list(currencies), list(currencies.values()), clock.now())
    return {ListingId(row["listing_id"]): row for row in rows}


async def _first_over_others(
    tx: Tx, rows: Mapping[ListingId, Mapping[str, Any]], asked: Collection[Asked]
) -> dict[Asked, list[tuple[_Place, Route]]]:
    """The first routes over other merchants of what is asked for; of several units, where turns are taken, all of them."""
    chained = [each for each in asked if each[0] in rows and rows[each[0]]["chained"]]
    policies = {each: routing.Policy(rows[each[0]]["policy"]) for each in chained}
    shared = {each for each, policy in policies.items() if policy is routing.Policy.WEIGHTED and each[1] > 1}
    plain = {each for each, policy in policies.items() if policy is routing.Policy.PRIORITY}
    found: dict[Asked, list[tuple[_Place, Route]]] = {}
    for wanted, by_rule, count in (
        (plain, False, limits.ROUTES_FIRST),
        (set(policies) - plain - shared, True, limits.ROUTES_FIRST),
        (shared, True, None),
    ):
        if wanted:
            found |= await _routes_over_others(tx, wanted, count=count, by_rule=by_rule)
    return found


async def _routes_over_others(
    tx: Tx, asked: Collection[Asked], *, count: int | None, by_rule: bool
) -> dict[Asked, list[tuple[_Place, Route]]]:
    """The routes over other merchants that are open now, in the order in which they are tried, with their source's place in it.

    The first `count` of each listing, or (None) as many as an order looks at, of every source in turn. Where somebody behind its
    suppliers orders by something else than priority, they are read again `by_rule`.
    """
    now = clock.now()
    statement, most = store_chain.FAIR_ROUTES, limits.ROUTES_MAX
    if count is not None:
        statement, most = store_chain.FIRST_ROUTES_BY_RULE if by_rule else store_chain.FIRST_ROUTES, count
    columns = [list(column) for column in zip(*asked, strict=True)]
    rows = await tx.fetch(statement, columns[0], now, now.date(), most, columns[1])
    found: dict[Asked, list[tuple[_Place, Route]]] = defaultdict(list)
    for row in rows:
        found[ListingId(row["listing_id"]), row["units"]].append((row["place"], route_of(row)))
    ruled = {(ListingId(row["listing_id"]), row["units"]) for row in rows if row["ruled"]}
    if count is not None and ruled and not by_rule:
        found |= await _routes_over_others(tx, ruled, count=count, by_rule=True)
    return found


def route_of(row: Mapping[str, Any]) -> Route:
    """A route as SQL reads it; without steps it is a pool of the seller's own."""
    return _route(row["source_id"], row["pool_id"], _legs(row), row["count"])


def _route(source: SourceId, pool: PoolId, legs: tuple[Leg, ...], count: str | None) -> Route:
    if count is None:
        return Route(source, pool, legs)
    weight, taken, left, counted, probed = count.split(":")
    return Route(
        source, pool, legs, source_left=int(left) if left else None, counted=counted == "t", probed=probed == "t",
        weight=int(weight) if weight else None, taken=int(taken),
    )  # fmt: skip


def _legs(row: Mapping[str, Any]) -> tuple[Leg, ...]:
    if row["offer_ids"] is None:
        return ()
    columns = (
        row["offer_ids"], row["agreement_ids"], row["seller_ids"], row["step_ids"], row["fees"], row["commissions"],
        row["prices"], row["max_costs"], row["below_costs"], row["wallets"], row["credits"], row["units_left"], row["hold_left"], row["settle_days"],
        row["rules"],
    )  # fmt: skip
    return tuple(_leg(*step) for step in zip(*columns, strict=True))


def _leg(  # noqa: PLR0917 - the columns of a step, in their order
    offer: Any, agreement: Any, seller: Any, source: Any, fee_bps: int, commissions: str, prices: str,
    max_cost: int | None, below_cost: Any, wallet: int, credit: int, units_left: int | None, hold_left: int | None, settle_days: int,
    rule: str | None,
) -> Leg:  # fmt: skip
    leg = Leg(
        offer_id=offer, agreement_id=agreement, seller_id=seller, source_id=source, fee_bps=fee_bps,
        prices=price_list(prices), commissions_bps=commission_levels(commissions), max_cost_minor=max_cost,
        below_cost=below_cost, funds_minor=wallet + credit, wallet_minor=wallet, units_left=units_left, hold_left=hold_left, settle_days=settle_days,
    )  # fmt: skip
    if rule is None:
        return leg
    bps, minor, counted, probed, left = rule.split(":")
    return replace(
        leg, margin_bps=int(bps), margin_minor=int(minor), counted=counted == "t", probed=probed == "t",
        source_left=int(left) if left else None,
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
    columns = (row["places"] or (), row["source_ids"] or (), row["pool_ids"] or (), row["counts"] or ())
    routes = [(place, _route(source, pool, (), count)) for place, source, pool, count in zip(*columns, strict=True)]
    if over_others:
        routes = sorted([*routes, *over_others], key=lambda each: each[0])
    return tuple(route for _, route in routes)


async def with_all_routes(tx: Tx, quotes: Sequence[Quote]) -> dict[Asked, tuple[Route, ...]]:
    """Every route of these quotes that are filled over other merchants, where the first ones were not enough."""
    asked = {(quote.listing_id, quote.quantity): quote.currency for quote in quotes if quote.chained}
    if not asked:
        return {}
    rows = await _own_sources(tx, {listing: currency for (listing, _), currency in asked.items()})
    routes = await _routes_over_others(tx, asked, count=None, by_rule=True)
    return {each: _in_order(rows[each[0]], routes.get(each)) for each in asked}


def quotes_of(rows: Mapping[ListingId, Mapping[str, Any]], lines: Sequence[Asked], *, pay_by: PayBy) -> list[Quote]:
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
    routes = _in_order(row, row["over_others"].get((row["listing_id"], quantity)))
    return Quote(**fields, routes=routes, quantity=quantity, line=line, waits=waits)


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
    tx: Tx,
    ctx: Ctx,
    *,
    listing_ids: Sequence[ListingId],
    count: int | None = limits.ROUTES_FIRST,
    units: int = 1,
    by_rule: bool = False,
) -> list[Route]:
    """The routes over other merchants that an order finds open, the first of each listing or all; for no merchant's eyes.

    For so many units, and `by_rule` where the listing's own sources are not ordered by their priority.
    """
    ctx.require("system.run")
    asked = [(listing_id, units) for listing_id in listing_ids]
    found = await _routes_over_others(tx, asked, count=count, by_rule=by_rule)
    return [route for routes in found.values() for _, route in routes]
