"""Use cases of reconciliation: a gateway's statement of a day is kept, compared with ours in both directions, and judged by people.

A difference stays on the list until it is gone, or somebody says what became of it. What the gateway has as paid and we have
not is verified again by the ordinary path, which then books it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import GatewayId, TenantId, new_id
from fondaco_core.money import CURRENCY_DIGITS, Money
from fondaco_core.outbox import Event
from fondaco_tenants.payments import store_reconciliation as store
from fondaco_tenants.payments.errors import DifferenceResolved, InvalidDay
from fondaco_tenants.payments.events import (
    PaymentNotified,
    PaymentReconciled,
    ReconciliationDiffered,
    ReconciliationRequested,
    RefundRequested,
)
from fondaco_tenants.payments.ports import StatementLine
from fondaco_tenants.payments.rules import PaymentState, RefundState

# What stands as the reason of a difference that was gone by itself.
GONE = "The books agree now. 双方账目已一致。"
# A run that is silent for so long was killed.
RUN_DEAD_S = 900
# Open differences are looked at again so often.
LOOK_AGAIN_S = 3_000


class ReconciliationState(StrEnum):
    """Where the comparison of a day is."""

    RUNNING = "RUNNING"
    DONE = "DONE"


class DifferenceSubject(StrEnum):
    """What two books differ about."""

    PAYMENT = "PAYMENT"
    REFUND = "REFUND"


class DifferenceKind(StrEnum):
    """How two books differ about it; the worst that can be said of it."""

    MISSING_HERE = "MISSING_HERE"
    MISSING_THERE = "MISSING_THERE"
    AMOUNT = "AMOUNT"
    CURRENCY = "CURRENCY"
    STATE = "STATE"
    REPEATED = "REPEATED"


class DifferenceState(StrEnum):
    """Whether somebody still has to look."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One day of one gateway, as it was last compared."""

    id: UUID
    gateway: str
    day: date
    state: ReconciliationState
    started_at: datetime
    finished_at: datetime | None
    lines: int
    differences: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in which a gateway's books and ours are not the same."""

    id: UUID
    reconciliation_id: UUID
    gateway: str
    day: date
    subject: DifferenceSubject
    kind: DifferenceKind
    written_id: str
    our_id: UUID | None
    tenant_id: TenantId | None
    gateway_reference: str | None
    ours_state: str | None
    ours: Money | None
    theirs: Money | None
    state: DifferenceState
    found_at: datetime
    resolved_at: datetime | None
    resolved_by: UUID | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """A comparison under way: which day's, and whose."""

    id: UUID
    run_id: UUID


async def begin_reconciliation(tx: Tx, ctx: Ctx, *, gateway_id: GatewayId, day: date) -> Run | None:
    """Begins to compare a day, anew if need be; None while somebody else is at it."""
    ctx.require("system.run")
    now, run_id = clock.now(), new_id()
    dead = now - timedelta(seconds=RUN_DEAD_S)
    found = await tx.fetchval(store.BEGIN, new_id(), gateway_id, day, run_id, now, dead)
    if found is None:
        return None
    await tx.execute(store.FORGET_LINES, found)
    return Run(found, run_id)


async def keep_lines(tx: Tx, ctx: Ctx, *, run: Run, first: int, lines: Sequence[StatementLine]) -> bool:
    """Keeps a part of a statement; whether this run still counts: another may have taken its place."""
    ctx.require("system.run")
    if await tx.fetchrow(store.HOLD, run.id, run.run_id) is None:
        return False
    await tx.execute(
        store.ADD_LINES, run.id, list(range(first, first + len(lines))),
        [line.kind.value for line in lines],
        [_text(line.our_id) for line in lines],
        [_uuid(line.our_id) for line in lines],
        [_text(line.gateway_reference) for line in lines],
        [line.amount.amount_minor for line in lines],
        [line.amount.currency for line in lines],
        [line.happened_at for line in lines],
    )  # fmt: skip
    return True


async def finish_reconciliation(tx: Tx, ctx: Ctx, *, run: Run) -> int | None:
    """Compares what was kept with ours, in both directions; how many differences there are, or None for a run that does not count."""
    ctx.require("system.run")
    held = await tx.fetchrow(store.HOLD, run.id, run.run_id)
    if held is None:
        return None
    day, gateway_id = held["day"], held["gateway_id"]
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(seconds=limits.RECONCILE_MARGIN_S)
    rows = await tx.fetch(
        store.COMPARE, run.id, gateway_id, day, begins, begins + timedelta(days=1), limits.RECONCILE_DIFFERENCES_MAX
    )
    total = rows[0]["total"] if rows else 0
    found = await _note(tx, run, rows)
    if total <= limits.RECONCILE_DIFFERENCES_MAX:
        await tx.execute(store.GONE, run.id, clock.now(), GONE, [row["id"] for row in found])
    lines = await tx.fetchval(store.FINISH, run.id, clock.now(), total)
    done = PaymentReconciled(str(gateway_id), day.isoformat(), lines, total)
    await outbox.announce(tx, (None, done), *(pair for row in found for pair in _announced(row)))
    return int(total)


async def _note(tx: Tx, run: Run, rows: Sequence[Any]) -> list[Any]:
    if not rows:
        return []
    names = (
        "subject", "kind", "written_id", "our_id", "tenant_id", "gateway_reference", "ours_state", "ours_minor",
        "ours_currency", "theirs_minor", "theirs_currency",
    )  # fmt: skip
    columns = ([row[name] for row in rows] for name in names)
    return await tx.fetch(store.FOUND, run.id, clock.now(), [new_id() for _ in rows], *columns)


def _announced(row: Any) -> list[tuple[UUID | None, Event]]:
    """What a difference leads to: it is told once, and what waits here is verified again as often as it is found."""
    told: list[tuple[UUID | None, Event]] = []
    if row["fresh"]:
        told.append((None, ReconciliationDiffered(str(row["id"]), row["subject"], row["kind"])))
    if row["kind"] == DifferenceKind.STATE and row["state"] == DifferenceState.OPEN:
        if row["subject"] == DifferenceSubject.PAYMENT and row["ours_state"] != PaymentState.CAPTURED:
            told.append((row["tenant_id"], PaymentNotified(str(row["our_id"]))))
        if row["subject"] == DifferenceSubject.REFUND and row["ours_state"] in {
            RefundState.REQUESTED,
            RefundState.UNKNOWN,
        }:
            told.append((row["tenant_id"], RefundRequested(str(row["our_id"]))))
    return told


async def due_reconciliations(tx: Tx, ctx: Ctx) -> list[tuple[GatewayId, date]]:
    """The days of the last few that are to be compared: yesterday's first of all those that never were."""
    ctx.require("system.run")
    now = clock.now()
    yesterday = now.date() - timedelta(days=1)
    rows = await tx.fetch(
        store.DUE, yesterday - timedelta(days=limits.RECONCILE_DAYS - 1), yesterday,
        now - timedelta(seconds=RUN_DEAD_S), now - timedelta(seconds=LOOK_AGAIN_S),
        limits.GATEWAYS_MAX * limits.RECONCILE_DAYS,
    )  # fmt: skip
    return [(GatewayId(row["gateway_id"]), row["day"]) for row in rows]


async def request_reconciliation(tx: Tx, ctx: Ctx, *, gateway: str, day: date) -> None:
    """Has a day compared now, once more if need be. Raises InvalidDay for one that has not begun."""
    ctx.require("platform.wallets")
    if day > clock.now().date():
        raise InvalidDay
    gateway_id = await tx.fetchval(store.GATEWAY_ID, gateway)
    if gateway_id is None:
        raise NotFound("gateway", path=("gateway",))
    await audit.record(
        tx,
        ctx,
        "reconciliation.requested",
        subject_kind="gateway",
        subject_id=gateway_id,
        detail={"day": day.isoformat()},
    )
    await outbox.announce(tx, (None, ReconciliationRequested(str(gateway_id), day.isoformat())))


async def list_reconciliations(
    tx: Tx, ctx: Ctx, *, gateway: str | None, after: UUID | None, count: int
) -> list[Reconciliation]:
    """A page of compared days, the latest first."""
    ctx.require("platform.read")
    return [_reconciliation(row) for row in await tx.fetch(store.LIST, gateway, after, count)]


async def list_differences(
    tx: Tx, ctx: Ctx, *, gateway: str | None, day: date | None, state: DifferenceState | None,
    after: UUID | None, count: int,
) -> list[Difference]:  # fmt: skip
    """A page of differences, newest first: of a gateway, of a day, in a state."""
    ctx.require("platform.read")
    rows = await tx.fetch(store.LIST_DIFFERENCES, gateway, day, state.value if state else None, after, count)
    return [_difference(row) for row in rows]


async def differences_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[UUID]) -> dict[UUID, Difference]:
    """Differences by their ids."""
    ctx.require("platform.read")
    return {row["id"]: _difference(row) for row in await tx.fetch(store.DIFFERENCES_BY_IDS, list(ids))}


async def resolve_difference(tx: Tx, ctx: Ctx, *, difference_id: UUID, reason: str) -> Difference:
    """Takes a difference off the list, with what became of it; it stays so however often the day is compared. Raises DifferenceResolved."""
    ctx.require("platform.wallets")
    why = tenancy.checked_reason(reason)
    known = (await differences_by_ids(tx, ctx, [difference_id])).get(difference_id)
    if known is None:
        raise NotFound("difference", path=("difference_id",))
    if await tx.execute(store.RESOLVE, difference_id, clock.now(), ctx.actor_id, why) != 1:
        raise DifferenceResolved
    await audit.record(
        tx, ctx, "reconciliation.resolved", subject_kind="reconciliation_difference", subject_id=difference_id, reason=why,
        detail={"kind": known.kind, "subject": known.subject, "our_id": known.our_id, "day": known.day.isoformat()},
    )  # fmt: skip
    return (await differences_by_ids(tx, ctx, [difference_id]))[difference_id]


def _reconciliation(row: Any) -> Reconciliation:
    fields: dict[str, Any] = {**row, "state": ReconciliationState(row["state"])}
    return Reconciliation(**fields)


def _difference(row: Any) -> Difference:
    fields = dict(row)
    for side in ("ours", "theirs"):
        minor, currency = fields.pop(f"{side}_minor"), fields.pop(f"{side}_currency")
        fields[side] = Money(minor, currency) if minor is not None and currency in CURRENCY_DIGITS else None
    fields["subject"], fields["kind"] = DifferenceSubject(fields["subject"]), DifferenceKind(fields["kind"])
    fields["state"] = DifferenceState(fields["state"])
    return Difference(**fields)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _text(text: str) -> str:
    """Somebody else's text as it can be stored."""
    return text.replace("\0", "�")[: limits.NAME_MAX]
