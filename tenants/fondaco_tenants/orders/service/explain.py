"""Explaining to a merchant how an order of one of its listings would be routed: its own step at each candidate, and nothing behind it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from fondaco_core import clock
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import ListingId, PoolId, SourceId, TenantId
from fondaco_core.money import Money
from fondaco_tenants import codes, routing
from fondaco_tenants.orders import rules, store_explain
from fondaco_tenants.orders.rules import Quote, Route, Spare
from fondaco_tenants.orders.rules.explain import Candidate, FirstStep, Verdict, explain, withhold
from fondaco_tenants.orders.service.quote import price_list, with_all_routes


@dataclass(frozen=True, slots=True)
class ExplainedSource:
    """What becomes of one of a listing's sources; costs and margins are of one unit, and of suppliers' offers alone.

    `units` is None, and neither cost nor margin is told, where it would say how much a supplier has that does not tell. `rank` is what it
    is ordered by, where its merchant may know that: the least goes first.
    """

    source: routing.Source
    supplier_id: TenantId | None
    verdict: Verdict
    units: int | None
    unit_cost: Money | None
    unit_margin: Money | None
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class ExplainedRoute:
    """All sources, and how many units they bring together: None when it is fewer than asked for and not told."""

    units: int | None
    sources: list[ExplainedSource]


async def explain_route(tx: Tx, ctx: Ctx, *, listing_id: ListingId, quantity: int) -> ExplainedRoute:
    """Every source of an own listing in the order in which they are tried, and what an order that is paid at once would make of it.

    In a trading transaction that only reads. A supplier's offer is one candidate, over however many merchants it comes.
    """
    ctx.require("catalog.read")
    row = await tx.fetchrow(store_explain.HEAD, listing_id, ctx.tenant)
    if row is None:
        raise NotFound("listing", path=("listing_id",))
    rules.check_lines([(listing_id, quantity)])
    quote = _quote(row, quantity)
    routes = (await with_all_routes(tx, [quote]))[listing_id, quantity]
    stock = await codes.stock_of_pools(tx, sorted({route.pool_id for route in routes}), up_to=quantity)
    quote = replace(quote, routes=routes)
    taken = _taken(quote, stock)
    able = {
        route.source_id
        for route in routes
        if rules.units_over(quote, route, min(quantity, stock.get(route.pool_id, 0)), Spare({}))
    }
    steps = await _steps(tx, listing_id, quote.currency)
    reserved = await _reserved(tx, routes)
    ranks = {
        row["source_id"]: row
        for row in await tx.fetch(store_explain.RANKS, listing_id, clock.now(), quantity, quote.currency)
    }
    own = {source.id: source for source in await routing.list_sources(tx, ctx, listing_ids=[listing_id])}
    sources = [own[id_] for id_ in ranks if id_ in own]
    told = explain(
        [
            Candidate(
                source.id, source.enabled, _step(source, steps, ranks[source.id]), source.tried, ranks[source.id]["units_left"]
            )
            for source in sources
        ],
        quantity=quantity, price_minor=quote.unit_price_minor, fee_bps=quote.fee_bps, taken=taken, able=able,
    )  # fmt: skip
    brought = sum(taken.values())
    shown = withhold(told, quantity=quantity, reserved=reserved)
    found = [
        ExplainedSource(
            source, TenantId(steps[source.id]["supplier_id"]) if source.id in steps else None, each.verdict, each.units,
            _money(each.cost_minor, quote.currency), _money(each.margin_minor, quote.currency), ranks[source.id]["rank"],
        )
        for source, each in zip(sources, shown, strict=True)
    ]  # fmt: skip
    is_told = brought >= quantity or all(each.units is not None for each in shown)
    return ExplainedRoute(brought if is_told else None, found)


async def _reserved(tx: Tx, routes: Sequence[Route]) -> set[SourceId]:
    """The sources of which some supplier on the way does not tell exactly how much it has."""
    agreements = sorted({leg.agreement_id for route in routes for leg in route.legs})
    rows = await tx.fetch(store_explain.RESERVED, agreements, clock.now()) if agreements else []
    found = {row["id"] for row in rows}
    return {route.source_id for route in routes if any(leg.agreement_id in found for leg in route.legs)}


def _quote(row: Mapping[str, Any], quantity: int) -> Quote:
    return Quote(
        **row, order_max=quantity, customer_max=None, customer_period_days=None, guest_checkout=True, chained=True, routes=(),
        quantity=quantity, line=0,
    )  # fmt: skip


def _taken(quote: Quote, stock: Mapping[PoolId, int]) -> Counter[SourceId]:
    """How many units an order would take of each source."""
    taken: Counter[SourceId] = Counter()
    for route, units in rules.plan_units(quote, Spare(dict(stock))):
        taken[route.source_id] += units
    return taken


async def _steps(tx: Tx, listing_id: ListingId, currency: str) -> dict[UUID, Mapping[str, Any]]:
    now = clock.now()
    rows = await tx.fetch(store_explain.STEPS, listing_id, now, now.date(), currency)
    return {row["source_id"]: dict(row) for row in rows}


def _step(source: routing.Source, steps: Mapping[UUID, Mapping[str, Any]], rank: Mapping[str, Any]) -> FirstStep | None:
    if source.kind is routing.SourceKind.POOL:
        return None
    row = steps[source.id]
    return FirstStep(
        row["published"], row["supplier_active"], row["agreed"], price_list(row["prices"]) if row["prices"] else (),
        source.max_cost_minor, source.below_cost, row["wallet"] + (row["credit_left"] or 0), row["units_left"],
        rank["margin_bps"], rank["margin_minor"],
    )  # fmt: skip


def _money(amount_minor: int | None, currency: str) -> Money | None:
    return None if amount_minor is None else Money(amount_minor, currency)
