"""Use cases of leaks: a code that turned up is reported by its owner, and each merchant on its path is told of its own lot.

The report goes on by itself, from neighbour to neighbour down to the store: a merchant between that had to pass it on could
keep it back, and what each is told is the same either way. Nobody is told where the code was found, nor of anybody but its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Conflict, NotFound
from fondaco_core.ids import CodeId, HopId, TenantId, new_id
from fondaco_tenants import codes
from fondaco_tenants.aftersales import store_leaks as store
from fondaco_tenants.aftersales.events import LeakReported
from fondaco_tenants.aftersales.rules_leaks import checked_place


@dataclass(frozen=True, slots=True)
class Leak:
    """A unit whose code turned up, as one merchant knows it; `code_id` is None where the code is another's."""

    id: UUID
    code_id: CodeId | None
    masked: str
    purchase_id: HopId | None
    sale_id: HopId | None
    partner_id: TenantId | None
    finds: int
    reported_at: datetime
    found_at: datetime


@dataclass(frozen=True, slots=True)
class LeakCount:
    """How many codes turned up that went to one reseller, of how many lots, and at how many places."""

    partner_id: TenantId
    codes: int
    lots: int
    finds: int
    found_at: datetime


@dataclass(frozen=True, slots=True)
class Find:
    """A place at which a code was found."""

    place: str
    found_at: datetime


async def report_leak(tx: Tx, ctx: Ctx, *, code_id: CodeId, place: str) -> Leak:
    """Writes down that an own code was found somewhere, and tells each merchant on its path which of its lots it was of.

    In a trading transaction. The same place counts once, however often it is reported. Raises NotFound.
    """
    ctx.require("codes.read")
    ctx.require("supply.edit")
    where, now = checked_place(place), clock.now()
    rows = await tx.fetch(store.PATH_OF_OWN, code_id, ctx.tenant)
    if not rows:
        raise NotFound("code", path=("code_id",))
    # A code that nobody bought turned up out of the own stock.
    steps = [_step(row, owner_id=ctx.tenant) for row in rows]
    ids, tenants, units, own, bought, sold, partners = (list(column) for column in zip(*steps, strict=True))
    new = {
        row["id"]
        for row in await tx.fetch(
            store.ADD_LEAKS, ids, tenants, units, own, bought, sold, rows[0]["masked"], now, partners
        )
    }
    leak = await tx.fetchrow(store.OWN_LEAK, ctx.tenant, code_id)
    assert leak is not None
    if leak["places"] >= limits.LEAK_FINDS_MAX:
        raise Conflict(
            f"It was found at {limits.LEAK_FINDS_MAX} places already; more are not kept.",
            zh=f"该卡密已记录 {limits.LEAK_FINDS_MAX} 处发现地点，不再保存更多。",
        )
    if await tx.execute(store.ADD_FIND, new_id(), ctx.tenant, leak["id"], where, ctx.actor_id, now):
        await tx.execute(store.FOUND_AGAIN, tenants, units, now)
        await audit.record(
            tx, ctx, "leak.reported", subject_kind="leak", subject_id=leak["id"], detail={"code_id": code_id}
        )
    lots = [row["purchase_lot"] for row in rows]
    await outbox.announce(
        tx,
        *(
            (tenant, LeakReported(id_, lot))
            for id_, tenant, lot in zip(ids, tenants, lots, strict=True)
            if id_ in new and lot is not None
        ),
    )
    return (await leaks_by_ids(tx, ctx, [leak["id"]]))[leak["id"]]


def _step(row: Any, *, owner_id: TenantId) -> tuple[object, ...]:
    tenant = row["tenant_id"] or owner_id
    unit = codes.name_of_code(row["code_id"], owner_id=owner_id, seen_by=tenant)
    return new_id(), tenant, unit, tenant == owner_id, row["purchase_lot_id"], row["sale_lot_id"], row["partner_id"]


async def list_leaks(
    tx: Tx, ctx: Ctx, *, partner_id: TenantId | None = None, after: UUID | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Leak]:
    """A page of the units of the tenant's whose codes turned up, the newest first."""
    ctx.require("supply.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    return [_leak(row) for row in await tx.fetch(store.LEAKS, ctx.tenant, partner_id, after, count)]


async def leaks_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[UUID]) -> dict[UUID, Leak]:
    """Those of these leaks that are the tenant's."""
    ctx.require("supply.read")
    return {row["id"]: _leak(row) for row in await tx.fetch(store.LEAKS_BY_IDS, ctx.tenant, list(ids))}


async def leaks_of_codes(tx: Tx, ctx: Ctx, code_ids: Sequence[CodeId]) -> dict[CodeId, Leak]:
    """Those of the tenant's own codes that turned up."""
    ctx.require("supply.read")
    return {row["unit_id"]: _leak(row) for row in await tx.fetch(store.LEAKS_OF_CODES, ctx.tenant, list(code_ids))}


async def finds_of(tx: Tx, ctx: Ctx, ids: Sequence[UUID]) -> dict[UUID, list[Find]]:
    """Where the tenant itself found codes of its own."""
    ctx.require("supply.read")
    found: dict[UUID, list[Find]] = {}
    for row in await tx.fetch(store.FINDS, list(ids), ctx.tenant):
        found.setdefault(row["leak_id"], []).append(Find(row["place"], row["found_at"]))
    return found


async def count_leaks(tx: Tx, ctx: Ctx) -> list[LeakCount]:
    """How much turned up of what went to each reseller, most first."""
    ctx.require("supply.read")
    return [LeakCount(**row) for row in await tx.fetch(store.BY_PARTNER, ctx.tenant, limits.PAGE_MAX)]


def _leak(row: Any) -> Leak:
    return Leak(
        id=row["id"], code_id=CodeId(row["unit_id"]) if row["own"] else None, masked=row["masked"],
        purchase_id=row["purchase_lot_id"], sale_id=row["sale_lot_id"], partner_id=row["partner_id"], finds=row["finds"],
        reported_at=row["reported_at"], found_at=row["found_at"],
    )  # fmt: skip
