"""Use cases of tracing a code that turned up: its owner by the code, its neighbours by the lot, the platform over all of its path."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import AllocationId, CodeId, HopId, OrderId, TenantId
from fondaco_core.secret import Secret
from fondaco_tenants import codes
from fondaco_tenants.aftersales import store_leaks as store
from fondaco_tenants.aftersales.events import PathTraced
from fondaco_tenants.aftersales.rules_leaks import checked_lot, code_told, like_codes, refuse_code_in
from fondaco_tenants.orders import AllocationState


@dataclass(frozen=True, slots=True)
class Shown:
    """That an own code was shown: by which door, to what kind of asker, and when."""

    via: str
    actor_kind: str
    order_id: OrderId | None
    shown_at: datetime


@dataclass(frozen=True, slots=True)
class Sold:
    """Where an own code went: in which lot to a reseller, or into which order of an own store; neither while nobody bought it."""

    lot_id: HopId | None
    order_id: OrderId | None


@dataclass(frozen=True, slots=True)
class TracedUnit:
    """A unit of a lot as one of its two parties may follow it: to its own code, its other lot, or its own store's order."""

    masked: str | None
    state: AllocationState
    code_id: CodeId | None
    purchase_id: HopId | None
    sale_id: HopId | None
    order_id: OrderId | None
    allocation_id: AllocationId | None


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step of a path over merchants, from the code's owner on; the last one's buyer is a customer, and has no tenant."""

    seller_id: TenantId
    buyer_id: TenantId | None
    lot: str | None
    units: int
    order_code: str
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class AskedCode:
    """A code that somebody asks for: by its text, its fingerprint or its id, by one of them."""

    text: Secret[str] | None = None
    fingerprint: bytes | None = None
    code_id: CodeId | None = None

    @property
    def by(self) -> str:
        """By which of them."""
        return next(name for name in ("text", "fingerprint", "code_id") if getattr(self, name) is not None)


async def find_own(tx: Tx, ctx: Ctx, asked: AskedCode, *, said: str, path: str) -> list[codes.Code]:
    """The tenant's own codes that are asked for; `said` is what is written down with it, which must not say a code.

    A code of another merchant's is as unknown as one that does not exist, and texts of both are counted. Raises
    TooManyWrongCodes, and NotFound for an id.
    """
    ctx.require("codes.read")
    ctx.require("supply.read")
    if asked.text is not None:
        refuse_code_in(said, asked.text.reveal(), path=path)
    if await codes.is_own_among(tx, ctx, like_codes(said)):
        raise code_told(path)
    if asked.code_id is not None:
        found = (await codes.codes_by_ids(tx, ctx, code_ids=[asked.code_id])).get(asked.code_id)
        if found is None:
            raise NotFound("code", path=("code_id",))
        return [found]
    if asked.fingerprint is not None:
        return await codes.find_by_fingerprint(tx, ctx, fingerprint=asked.fingerprint)
    assert asked.text is not None
    since = clock.now() - timedelta(seconds=limits.TRACE_MISSES_S)
    await codes.require_few_misses(tx, ctx, since=since)
    found_all = await codes.find_codes(tx, ctx, text=asked.text)
    if not found_all:
        await codes.count_trace_miss(tx, ctx, since=since)
    return found_all


async def trace_code(tx: Tx, ctx: Ctx, asked: AskedCode, *, reason: str) -> list[codes.Code]:
    """The tenant's own codes that are asked for, on the record with the reason; empty for what is not its own."""
    ctx.require("codes.read")
    why = tenancy.checked_reason(reason)
    found = await find_own(tx, ctx, asked, said=why, path="reason")
    if found:
        await audit.record_many(
            tx, ctx, "code.traced", subject_kind="code", reason=why,
            subjects=[(ctx.tenant, code.id, {"by": asked.by}) for code in found],
        )  # fmt: skip
    return found


async def sold_of(tx: Tx, ctx: Ctx, *, code_ids: Sequence[CodeId]) -> dict[CodeId, Sold]:
    """Where own codes went; of one that was bad and replaced, where it had gone. In a trading transaction."""
    ctx.require("codes.read")
    rows = await tx.fetch(store.SOLD, list(code_ids), ctx.tenant)
    return {CodeId(row["code_id"]): Sold(row["lot_id"], row["order_id"]) for row in rows}


async def reveals_of(tx: Tx, ctx: Ctx, *, code_ids: Sequence[CodeId]) -> dict[CodeId, list[Shown]]:
    """When own codes were shown and by which door, the newest first, so many of each as a page has."""
    ctx.require("codes.read")
    shown: dict[CodeId, list[Shown]] = {}
    for row in await tx.fetch(store.REVEALS, list(code_ids), limits.PAGE_MAX, ctx.tenant):
        at = Shown(row["via"], row["actor_kind"], row["order_id"], row["revealed_at"])
        shown.setdefault(CodeId(row["code_id"]), []).append(at)
    return shown


async def trace_lot(
    tx: Tx, ctx: Ctx, *, lot: str, reason: str, masked: str | None = None
) -> tuple[HopId, list[TracedUnit]]:
    """The units of a lot that the tenant sold or bought, unit by unit on to its own other side; `masked` names those with that mask.

    In a trading transaction, since between them stand units of others. Raises NotFound for what is no lot of the tenant's.
    """
    ctx.require("supply.read")
    why = tenancy.checked_reason(reason)
    rows = await tx.fetch(store.UNITS_OF_LOT, checked_lot(lot), ctx.tenant)
    if not rows:
        raise NotFound("lot", path=("lot",))
    lot_id = HopId(rows[0]["lot_id"])
    await audit.record(
        tx, ctx, "lot.traced", subject_kind="supply_sale", subject_id=lot_id, reason=why, detail={"lot": checked_lot(lot)}
    )  # fmt: skip
    return lot_id, [_unit(row) for row in rows if masked is None or row["masked"] == masked]


async def trace_path(
    tx: Tx, ctx: Ctx, *, text: Secret[str] | None, lot: str | None, reason: str
) -> tuple[list[TenantId], list[PathStep]]:
    """The whole path of a code or a lot over all merchants: who had it at first, and every step; as fondaco_platform.

    Every merchant on it is told that it was traced and why, as it is told of break glass. Raises NotFound.
    """
    ctx.require("platform.trace")
    why = tenancy.checked_reason(reason)
    if text is not None:
        refuse_code_in(why, text.reveal(), path="reason")
    number = None if lot is None else checked_lot(lot)
    code_ids = [] if text is None else await codes.code_ids_of_text(tx, ctx, text=text)
    owners: dict[UUID, TenantId] = {row["id"]: row["tenant_id"] for row in await tx.fetch(store.OWNERS, code_ids)}
    rows = await tx.fetch(store.WHOLE_PATH, code_ids, number)
    if not rows and not owners:
        raise NotFound("code" if lot is None else "lot", path=("text" if lot is None else "lot",))
    lots: dict[UUID, tuple[UUID | None, str | None]] = dict.fromkeys(owners.values(), (None, None))
    for row in rows:
        for tenant_id in (row["seller_id"], row["buyer_id"]):
            if tenant_id is not None and (tenant_id not in lots or lots[tenant_id][0] is None):
                lots[tenant_id] = (row["lot_id"], row["lot"])
    await audit.record_many(
        tx, ctx, "path.traced", subject_kind="supply_sale", reason=why,
        subjects=[(tenant_id, lot_id, {"lot": own}) for tenant_id, (lot_id, own) in lots.items()],
    )  # fmt: skip
    await outbox.announce(tx, *((tenant_id, PathTraced(own)) for tenant_id, (_, own) in lots.items()))
    return list(dict.fromkeys(owners.values())), [_step(row) for row in rows]


def _unit(row: Any) -> TracedUnit:
    return TracedUnit(
        row["masked"], AllocationState(row["state"]), row["code_id"], row["purchase_id"], row["sale_id"], row["order_id"],
        row["allocation_id"],
    )  # fmt: skip


def _step(row: Any) -> PathStep:
    return PathStep(
        row["seller_id"], row["buyer_id"], row["lot"], row["units"], row["order_code"], row["placed_at"]
    )  # fmt: skip
