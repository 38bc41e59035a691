"""Use cases of sources that fail: they are paused by themselves, tried again with a few units, and brought back; or by a person."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import ListingId, OfferId, SourceId, TenantId
from fondaco_tenants import supply
from fondaco_tenants.routing import store, store_pauses
from fondaco_tenants.routing.errors import SourceInWrongState
from fondaco_tenants.routing.events import SourcePaused, SourceResumed
from fondaco_tenants.routing.rules import PauseReason, Source, SourceState
from fondaco_tenants.routing.rules_pauses import Pause, Watched, judge
from fondaco_tenants.routing.service.sources import locked_source, sources_by_ids
from fondaco_tenants.supply import Trouble, TroubleKind

_REASONS: Mapping[TroubleKind, PauseReason] = {
    TroubleKind.BAD: PauseReason.BAD_CODES,
    TroubleKind.SHORT: PauseReason.STOCK_OUTS,
    TroubleKind.UNREADABLE: PauseReason.UNREADABLE,
}


async def count_probes(tx: Tx, units: Mapping[SourceId, int], now: datetime) -> None:
    """Notes how many units of orders go over sources that are being probed, with what else waits to be written."""
    if units:
        ids = sorted(units)
        await tx.later(store.PROBED, ids, [units[id_] for id_ in ids], now)


async def look_at_troubles(tx: Tx, ctx: Ctx) -> int:
    """Counts what went wrong of late, each thing once, pauses the sources that failed, and says how many things it looked at.

    In a transaction as fondaco_platform; whatever is cut off is as if it had not begun.
    """
    ctx.require("system.run")
    await supply.begin_counting(tx)
    troubles = await supply.take_troubles(tx, ctx, count=limits.SCORED_AT_ONCE)
    fresh: dict[SourceId, set[PauseReason]] = defaultdict(set)
    for trouble in troubles:
        if trouble.kind in _REASONS:
            fresh[trouble.source_id].add(_REASONS[trouble.kind])
    now = clock.now()
    judged = [judge(source, now=now) for source in await _watched(tx, fresh, now)]
    await _pause(tx, ctx, [pause for pause in judged if pause is not None], now)
    return len(troubles)


async def move_probes(tx: Tx, ctx: Ctx) -> int:
    """Lets sources be tried again whose pause is over, and brings those back that did well; says how many were brought back."""
    ctx.require("system.run")
    now = clock.now()
    await tx.execute(store_pauses.BEGIN_PROBES, now, limits.SCORED_AT_ONCE)
    watched = now - timedelta(seconds=limits.PROBE_WATCH_S)
    rows = await tx.fetch(store_pauses.END_PROBES, now, watched, limits.SCORED_AT_ONCE)
    if not rows:
        return 0
    await audit.record_many(
        tx, ctx, "source.resumed", subject_kind="source", subjects=[(row["tenant_id"], row["id"], {}) for row in rows]
    )  # fmt: skip
    await outbox.announce(
        tx, *((row["tenant_id"], SourceResumed(row["id"], row["listing_id"], row["offer_id"])) for row in rows)
    )  # fmt: skip
    return len(rows)


async def pause_source(tx: Tx, ctx: Ctx, *, source_id: SourceId, reason: str) -> Source:
    """Lets no order come to a source until a person resumes it, even where nothing else fills the same.

    Raises SourceInWrongState when a person paused it already.
    """
    ctx.require("catalog.edit" if ctx.has("catalog.edit") else "supply.edit")
    why = tenancy.checked_reason(reason)
    listing_id, offer_id, row = await _held(tx, ctx, source_id)
    if row["paused_for"] == PauseReason.PERSON.value:
        raise SourceInWrongState(paused=True)
    await tx.execute(store_pauses.PAUSE_BY_PERSON, source_id, why, clock.now())
    await audit.record(tx, ctx, "source.paused", subject_kind="source", subject_id=source_id, reason=why)
    paused = SourcePaused(source_id, listing_id, offer_id, PauseReason.PERSON.value, None)
    await outbox.announce(tx, (ctx.tenant, paused))
    return await _shown(tx, ctx, source_id)


async def resume_source(tx: Tx, ctx: Ctx, *, source_id: SourceId, reason: str) -> Source:
    """Lets orders come to a source again that was paused, by whomever, or is being probed; what it did before is forgotten.

    Raises SourceInWrongState when it is active.
    """
    ctx.require("catalog.edit" if ctx.has("catalog.edit") else "supply.edit")
    why = tenancy.checked_reason(reason)
    listing_id, offer_id, row = await _held(tx, ctx, source_id)
    if row["state"] == SourceState.ACTIVE.value:
        raise SourceInWrongState(paused=False)
    await tx.execute(store_pauses.RESUME, source_id, clock.now())
    await audit.record(tx, ctx, "source.resumed", subject_kind="source", subject_id=source_id, reason=why)
    await outbox.announce(tx, (ctx.tenant, SourceResumed(source_id, listing_id, offer_id)))
    return await _shown(tx, ctx, source_id)


async def _held(tx: Tx, ctx: Ctx, source_id: SourceId) -> tuple[ListingId | None, OfferId | None, Any]:
    listing_id, offer_id, _ = await locked_source(tx, ctx, source_id)
    row = await tx.fetchrow(store_pauses.LOCK, source_id)
    if row is None:
        raise NotFound("source")
    return listing_id, offer_id, row


async def _shown(tx: Tx, ctx: Ctx, source_id: SourceId) -> Source:
    return (await sources_by_ids(tx, ctx, [source_id]))[source_id]


async def _watched(tx: Tx, fresh: Mapping[SourceId, set[PauseReason]], now: datetime) -> list[Watched]:
    if not fresh:
        return []
    since = now - timedelta(seconds=limits.SOURCE_WINDOW_S)
    # The first of all ids of that moment.
    oldest = UUID(int=int(since.timestamp() * 1000) << 80)
    rows = await tx.fetch(
        store_pauses.LOOK_AT, sorted(fresh), since, oldest, limits.SOURCE_BAD_UNITS, limits.SOURCE_SHORT_TIMES
    )  # fmt: skip
    found: list[dict[str, Any]] = [
        {**row, "state": SourceState(row["state"]), "fresh": fresh[row["id"]]} for row in rows
    ]
    return [Watched(**each) for each in found]


async def _pause(tx: Tx, ctx: Ctx, pauses: Sequence[Pause], now: datetime) -> None:
    if not pauses:
        return
    await tx.execute(
        store_pauses.PAUSE, [p.source.id for p in pauses], [p.reason.value for p in pauses], [p.until for p in pauses],
        [p.strikes for p in pauses], now,
    )  # fmt: skip
    await audit.record_many(
        tx, ctx, "source.paused", subject_kind="source",
        subjects=[
            (p.source.tenant_id, p.source.id, {"paused_for": p.reason.value, "strikes": p.strikes, "until": p.until.isoformat()})
            for p in pauses
        ],
    )  # fmt: skip
    told: list[tuple[UUID | None, outbox.Event]] = [
        (p.source.tenant_id, SourcePaused(p.source.id, p.source.listing_id, p.source.offer_id, p.reason.value, p.until))
        for p in pauses
    ]
    await outbox.announce(tx, *told)
    await supply.note_troubles(tx, [_noted(p, now) for p in pauses if p.source.supplier_offer_id is not None])


def _noted(pause: Pause, now: datetime) -> Trouble:
    source = pause.source
    return Trouble(
        tenant_id=TenantId(source.tenant_id), source_id=source.id, offer_id=source.supplier_offer_id, kind=TroubleKind.PAUSED, at=now
    )  # fmt: skip
