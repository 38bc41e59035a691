"""Use cases of scorecards: note what goes wrong, count it once, and show how an offer and a supplier do."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import clock, limits
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import OfferId, TenantId, new_id
from fondaco_tenants.supply import store_scorecard as store
from fondaco_tenants.supply.rules_scorecard import (
    Fact,
    Scorecard,
    Tally,
    Trouble,
    bucket_of,
    fact_of,
    health_of,
    p95_of,
)

_SUMS = ("orders", "short_orders", "filled_units", "short_units", "bad_units", "pauses")


async def note_troubles(tx: Tx, troubles: Sequence[Trouble]) -> None:
    """Writes down what went wrong, as trading, with what else waits to be written; a job counts it."""
    if troubles:
        await tx.later(
            store.TROUBLES, [new_id() for _ in troubles], [t.tenant_id for t in troubles], [t.source_id for t in troubles],
            [t.offer_id for t in troubles], [t.kind.value for t in troubles], [t.units for t in troubles],
            [t.took_ms for t in troubles], [t.at for t in troubles],
        )  # fmt: skip


async def begin_counting(tx: Tx) -> None:
    """Waits until nobody else counts: what is counted from here on, and what follows from it, is of one moment."""
    await tx.execute(store.LOCK_COUNTING)


async def take_troubles(tx: Tx, ctx: Ctx, *, count: int) -> list[Trouble]:
    """The next troubles that nobody has counted; they are added to scorecards in here, and never again when this commits."""
    ctx.require("system.run")
    troubles = [store.to_trouble(row) for row in await tx.fetch(store.TAKE_TROUBLES, count)]
    await add_facts(tx, ctx, [fact for fact in map(fact_of, troubles) if fact is not None])
    return troubles


async def add_facts(tx: Tx, ctx: Ctx, facts: Sequence[Fact]) -> None:
    """Adds facts to the days of their offers, and works out anew how healthy these are; within begin_counting."""
    ctx.require("system.run")
    if not facts:
        return
    days: dict[tuple[UUID, date], Counter[str]] = defaultdict(Counter)
    times: Counter[tuple[UUID, date, int]] = Counter()
    for fact in facts:
        days[fact.offer_id, fact.day].update({name: getattr(fact, name) for name in _SUMS})
        if fact.timed_units:
            times[fact.offer_id, fact.day, bucket_of(fact.took_ms)] += fact.timed_units
    keys = sorted(days)
    await tx.execute(
        store.ADD_DAYS, [offer for offer, _ in keys], [day for _, day in keys], *([days[key][name] for key in keys] for name in _SUMS)
    )  # fmt: skip
    slots = sorted(times)
    await tx.execute(
        store.ADD_TIMES, [s[0] for s in slots], [s[1] for s in slots], [s[2] for s in slots], [times[s] for s in slots]
    )  # fmt: skip
    await _reckon(tx, [OfferId(offer) for offer in sorted({offer for offer, _ in keys})])


async def refresh_health(tx: Tx, ctx: Ctx, *, count: int = limits.SCORED_AT_ONCE) -> int:
    """Works out anew how healthy offers are that nothing was counted of today; says of how many."""
    ctx.require("system.run")
    stale = [OfferId(row["offer_id"]) for row in await tx.fetch(store.STALE, clock.now().date(), count)]
    await _reckon(tx, stale)
    return len(stale)


async def forget_scores(tx: Tx, ctx: Ctx) -> None:
    """Forgets days and troubles that nobody looks back at any more."""
    ctx.require("system.run")
    before = clock.now().date() - timedelta(days=limits.SCORE_KEPT_DAYS)
    for statement in store.FORGET:
        await tx.execute(statement, before)


async def rebuild_scores(tx: Tx, ctx: Ctx, *, sales: Iterable[Fact]) -> None:
    """Makes every scorecard anew, from these sales and from the troubles that are written down; within begin_counting.

    What is not counted yet stays so, and is added as ever.
    """
    ctx.require("system.run")
    for statement in store.CLEAR:
        await tx.execute(statement)
    await add_facts(tx, ctx, list(sales))
    after: UUID | None = None
    while rows := await tx.fetch(store.ALL_TROUBLES, after, limits.SCORED_AT_ONCE):
        await add_facts(
            tx, ctx, [fact for fact in (fact_of(store.to_trouble(row)) for row in rows) if fact is not None]
        )
        after = rows[-1]["id"]


async def scorecards_of_offers(tx: Tx, ctx: Ctx, ids: Sequence[OfferId]) -> dict[OfferId, Scorecard]:
    """How offers do that the asker may see; its own and those of others."""
    ctx.require("supply.read")
    seen = [row["id"] for row in await tx.fetch(store.SEEN_OFFERS, list(ids))]
    cards = await _cards(tx, seen, store.DAYS_OF_OFFERS, store.TIMES_OF_OFFERS)
    return {OfferId(key): card for key, card in cards.items()}


async def scorecards_of_suppliers(tx: Tx, ctx: Ctx, ids: Sequence[TenantId]) -> dict[TenantId, Scorecard]:
    """How suppliers do, by those of their offers that the asker may see."""
    ctx.require("supply.read")
    seen = [row["id"] for row in await tx.fetch(store.SEEN_SUPPLIERS, list(ids))]
    cards = await _cards(tx, seen, store.DAYS_OF_SUPPLIERS, store.TIMES_OF_SUPPLIERS)
    return {TenantId(key): card for key, card in cards.items()}


async def _reckon(tx: Tx, offer_ids: Sequence[OfferId]) -> None:
    if not offer_ids:
        return
    cards = await _cards(tx, offer_ids, store.DAYS_OF_OFFERS, store.TIMES_OF_OFFERS)
    await tx.execute(store.PUT_HEALTH, list(offer_ids), [cards[key].health for key in offer_ids], clock.now().date())


async def _cards(tx: Tx, keys: Sequence[UUID], days: str, times: str) -> dict[UUID, Scorecard]:
    """A scorecard for each key; one of which nothing is known is neither good nor bad."""
    today = clock.now().date()
    # Today is the last of the days.
    since = (today - timedelta(days=limits.SCORE_DAYS - 1), today - timedelta(days=limits.SCORE_DAYS_LONG - 1))
    sums: Mapping[UUID, Any] = {row["key"]: row for row in await tx.fetch(days, list(keys), *since)}
    week: dict[UUID, dict[int, int]] = defaultdict(dict)
    month: dict[UUID, dict[int, int]] = defaultdict(dict)
    for row in await tx.fetch(times, list(keys), *since):
        week[row["key"]][row["bucket"]] = row["week"]
        month[row["key"]][row["bucket"]] = row["month"]
    return {key: _card(sums.get(key), week[key], month[key]) for key in keys}


def _card(row: Any, week: Mapping[int, int], month: Mapping[int, int]) -> Scorecard:
    if row is None:
        return Scorecard(health=health_of(Tally()), week=Tally(), month=Tally())
    of_week = Tally(**store.sums_of(row, "week"), p95_ms=p95_of(week))
    of_month = Tally(**store.sums_of(row, "month"), p95_ms=p95_of(month))
    return Scorecard(health=health_of(of_week), week=of_week, month=of_month)
