"""What scorecards are told of orders: what was sold between merchants, what was short when it was routed, and what turned out bad."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from fondaco_core import clock, limits
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import HopId, OfferId, SourceId, TenantId
from fondaco_tenants import supply
from fondaco_tenants.orders import store_scored
from fondaco_tenants.orders.service.draft import Draft
from fondaco_tenants.supply import Fact, Trouble, TroubleKind


async def score_sales(tx: Tx, ctx: Ctx, *, hop_ids: Sequence[HopId]) -> int:
    """Adds paid sales between merchants to the scorecards of their offers, each once, however often it is asked to; says how many."""
    ctx.require("system.run")
    await supply.begin_counting(tx)
    rows = await tx.fetch(store_scored.SCORE, sorted(hop_ids))
    await supply.add_facts(tx, ctx, [_fact(row) for row in rows])
    return len(rows)


async def rebuild_scores(tx: Tx, ctx: Ctx) -> None:
    """Makes all scorecards anew out of the orders and troubles that they were made of."""
    ctx.require("system.run")
    await supply.begin_counting(tx)
    since = clock.now().date() - timedelta(days=limits.SCORE_KEPT_DAYS)
    rows = await tx.fetch(store_scored.SCORED, since)
    await supply.rebuild_scores(tx, ctx, sales=[_fact(row) for row in rows])


async def note_short(tx: Tx, drafts: Sequence[Draft], now: datetime) -> None:
    """Notes of orders that stand which suppliers' offers had not as much as they could have sold for them."""
    await supply.note_troubles(
        tx,
        [
            Trouble(
                tenant_id=short.buyer_id, source_id=short.source_id, offer_id=short.offer_id, kind=TroubleKind.SHORT,
                units=short.units, at=now,
            )
            for draft in drafts for short in draft.short
        ],
    )  # fmt: skip


async def note_trouble(tx: Tx, unit: Any, kind: TroubleKind, *, took_ms: int | None = None) -> None:
    """Notes what is wrong with a unit at every step that it came over; `unit` is its row as it was locked."""
    now = clock.now()
    rows = await tx.fetch(store_scored.SOURCES_OF_UNIT, unit["line_id"], unit["route"], unit["code_id"])
    await supply.note_troubles(
        tx,
        [
            Trouble(
                tenant_id=TenantId(row["tenant_id"]), source_id=SourceId(row["source_id"]),
                offer_id=None if row["offer_id"] is None else OfferId(row["offer_id"]), kind=kind, took_ms=took_ms, at=now,
            )
            for row in rows
        ],
    )  # fmt: skip


def _fact(row: Any) -> Fact:
    return Fact(
        offer_id=OfferId(row["offer_id"]), day=row["day"], orders=row["orders"], filled_units=row["units"],
        timed_units=row["units"], took_ms=row["took_ms"] or 0,
    )  # fmt: skip
