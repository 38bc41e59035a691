"""Use cases of custody: begin a change of a tenant's keys, read and store what is re-sealed, end a pass, end the change.

A pass walks over every sealed column. A value that was sealed with the old key by a process that did not know better comes
at most limits.KEY_CACHE_S and KEY_SETTLE_S after the new one; so the change is over when a pass that began after that has
found nobody at any row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.custody import store
from fondaco_core.custody.errors import KeysStillNeeded
from fondaco_core.custody.events import KeyChangeBegun, KeyRotated, TenantKeysDestroyed
from fondaco_core.db import SealedColumn, Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import TenantId, new_id
from fondaco_core.keyring import KeysDestroyed, Made, destroy_keys, replace_key, worn_keys
from fondaco_core.tenancy import TenantState


class ChangeKind(StrEnum):
    """What happens to a tenant's keys: a new one takes over, or all are destroyed."""

    ROTATION = "ROTATION"
    DESTRUCTION = "DESTRUCTION"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a tenant's keys. `moved` of about `total` values are re-sealed; `missed` were somebody's at that moment."""

    id: UUID
    tenant_id: TenantId
    kind: ChangeKind
    number: int
    started_at: datetime
    started_by: UUID | None
    reason: str | None
    total: int
    moved: int
    pass_started_at: datetime
    at_column: str | None
    place: "Place | None"
    missed: int
    finished_at: datetime | None

    @property
    def settled_at(self) -> datetime:
        """From when on nobody seals with an older key any more."""
        if self.kind is ChangeKind.DESTRUCTION:
            return self.started_at
        return self.started_at + timedelta(seconds=limits.KEY_CACHE_S + limits.KEY_SETTLE_S)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands: the parent, where rows have one, and the last row's place below it."""

    parent: str | None
    key: tuple[Any, ...]


class PassEnd(StrEnum):
    """What follows a pass: the change is done, another pass begins, or it is too early for the last one."""

    DONE = "DONE"
    AGAIN = "AGAIN"
    EARLY = "EARLY"


def _change(row: Any) -> Change:
    place = None if row["place"] is None else orjson.loads(row["place"])
    values: dict[str, Any] = {
        **row,
        "kind": ChangeKind(row["kind"]),
        "place": None if place is None else Place(place["parent"], tuple(place["key"])),
    }
    return Change(**values)


async def open_change(tx: Tx, ctx: Ctx, *, tenant_id: TenantId) -> Change | None:
    """The change of a tenant's keys that goes on, if one does."""
    ctx.require("platform.keys")
    row = await tx.fetchrow(store.OPEN, tenant_id)
    return None if row is None else _change(row)


async def get_change(tx: Tx, ctx: Ctx, *, change_id: UUID) -> Change:
    """One change. Raises NotFound."""
    ctx.require("platform.keys")
    row = await tx.fetchrow(store.GET, change_id)
    if row is None:
        raise NotFound("key change")
    return _change(row)


async def open_changes(tx: Tx, ctx: Ctx, *, count: int) -> list[Change]:
    """Changes that go on, the oldest first."""
    ctx.require("platform.keys")
    return [_change(row) for row in await tx.fetch(store.ALL_OPEN, count)]


async def latest_changes(tx: Tx, ctx: Ctx, *, tenant_ids: Sequence[TenantId], count: int) -> list[Change]:
    """The last changes of tenants' keys, the newest first."""
    ctx.require("platform.keys")
    return [_change(row) for row in await tx.fetch(store.LATEST, list(tenant_ids), count)]


async def tenants_with_worn_keys(tx: Tx, ctx: Ctx, *, count: int) -> list[TenantId]:
    """Tenants whose key has sealed so much that it is time for another one."""
    ctx.require("platform.keys")
    return await worn_keys(tx, count=count)


async def tenants_after(tx: Tx, ctx: Ctx, *, after: TenantId | None, count: int) -> list[TenantId]:
    """Tenants that were ever approved, in the order of their ids."""
    ctx.require("platform.keys")
    return [TenantId(row["id"]) for row in await tx.fetch(store.TENANTS, after, count)]


async def begin_rotation(
    tx: Tx, ctx: Ctx, *, tenant_id: TenantId, made: Made, columns: Sequence[SealedColumn], reason: str | None = None
) -> Change:
    """Makes a fresh key the one that seals for a tenant; what older ones sealed is re-sealed from now on.

    Goes on with the change that is open, if there is one: the fresh key is thrown away then.
    """
    ctx.require("platform.keys")
    why = None if reason is None else tenancy.checked_reason(reason)
    await tx.fetchval(store.BEGIN, str(tenant_id))
    if (going := await open_change(tx, ctx, tenant_id=tenant_id)) is not None:
        return going
    if await tenancy.state_of(tx, tenant_id) is None:
        raise NotFound("tenant", path=("tenant_id",))
    if not await tx.fetchval(store.HAS_KEY, tenant_id):
        raise KeysDestroyed
    await replace_key(tx, made)
    return await _begin(tx, ctx, tenant_id, ChangeKind.ROTATION, number=made.key.number, columns=columns, reason=why)


async def begin_destruction(
    tx: Tx, ctx: Ctx, *, tenant_id: TenantId, number: int, reason: str, columns: Sequence[SealedColumn]
) -> Change:
    """Has the keys of a merchant that has left destroyed, once what buyers bought is under the platform's key `number`.

    Nobody takes it back. Raises KeysStillNeeded before the merchant is closed for limits.KEYS_KEPT_DAYS, KeysDestroyed.
    """
    ctx.require("platform.keys")
    why = tenancy.checked_reason(reason)
    await tx.fetchval(store.BEGIN, str(tenant_id))
    row = await tx.fetchrow(store.TENANT, tenant_id)
    if row is None:
        raise NotFound("tenant", path=("tenant_id",))
    if row["state"] != TenantState.CLOSED.value:
        raise KeysStillNeeded(None)
    until = row["decided_at"] + timedelta(days=limits.KEYS_KEPT_DAYS)
    if clock.now() < until:
        raise KeysStillNeeded(until)
    going = await open_change(tx, ctx, tenant_id=tenant_id)
    if going is not None and going.kind is ChangeKind.DESTRUCTION:
        return going
    if not await tx.fetchval(store.HAS_KEY, tenant_id):
        raise KeysDestroyed
    if going is not None:
        # Nothing needs to be under the newest key that is about to go.
        await tx.execute(store.FINISH, going.id, clock.now())
    return await _begin(tx, ctx, tenant_id, ChangeKind.DESTRUCTION, number=number, columns=columns, reason=why)


async def _begin(
    tx: Tx,
    ctx: Ctx,
    tenant_id: TenantId,
    kind: ChangeKind,
    *,
    number: int,
    columns: Sequence[SealedColumn],
    reason: str | None,
) -> Change:  # fmt: skip
    bought = kind is ChangeKind.DESTRUCTION
    counts = [await tx.fetchval(store.count_of(column, bought=bought), tenant_id) for column in walked(kind, columns)]
    change_id = new_id()
    # Why a rotation was asked for stands in the audit log alone: the platform's own have no reason.
    kept = reason if bought else None
    await tx.execute(store.ADD, change_id, tenant_id, kind.value, number, clock.now(), ctx.actor_id, kept, sum(counts))
    await audit.record(
        tx, ctx, f"keys.{kind.value.lower()}_begun", subject_kind="tenant", subject_id=tenant_id, tenant_id=tenant_id,
        reason=reason, detail={"change_id": change_id, "number": number, "values": sum(counts)},
    )  # fmt: skip
    await outbox.announce(tx, (tenant_id, KeyChangeBegun(change_id)))
    return await get_change(tx, ctx, change_id=change_id)


def walked(kind: ChangeKind, columns: Sequence[SealedColumn]) -> list[SealedColumn]:
    """The columns that a change goes over: all, or before a destruction those in which buyers own rows."""
    return [column for column in columns if kind is ChangeKind.ROTATION or column.how.bought]


async def next_parents(tx: Tx, ctx: Ctx, *, column: SealedColumn, since: str | None, count: int) -> list[str | None]:
    """The parents by whose rows a column is walked, from one on; [None] for a column without."""
    ctx.require("system.run")
    if column.how.parent is None:
        return [None]
    return [str(row["id"]) for row in await tx.fetch(store.parents_of(column), ctx.tenant, since, count)]


async def next_rows(tx: Tx, ctx: Ctx, *, change: Change, column: SealedColumn, place: Place) -> list[Mapping[str, Any]]:
    """The next rows that are not under the change's key, with what says to what their values are bound."""
    ctx.require("system.run")
    width = len(column.walked) - (column.how.parent is not None)
    after = place.key or (None,) * width
    bought = change.kind is ChangeKind.DESTRUCTION
    rows: list[Mapping[str, Any]] = await tx.fetch(
        store.rows_of(column, bought=bought), ctx.tenant, place.parent, change.number, limits.RESEAL_BATCH, *after
    )
    return rows


async def store_rows(
    tx: Tx,
    ctx: Ctx,
    *,
    change: Change,
    column: SealedColumn,
    rows: Sequence[Mapping[str, Any]],
    values: Sequence[bytes],
    place: Place,
) -> tuple[int, int]:  # fmt: skip
    """Stores re-sealed values, and how far the walk has come, together; says how many, and how many rows others had."""
    ctx.require("system.run")
    await tx.execute(store.IN_NO_HURRY)
    await tx.fetchval(store.BEGIN_BATCH, str(ctx.tenant))
    keys = ([row[name] for row in rows] for name in column.keys)
    moved = await tx.execute(store.reseal(column), [row["value"] for row in rows], list(values), *keys)
    missed = len(rows) - moved
    shown = orjson.dumps({"parent": place.parent, "key": place.key}, default=str).decode()
    await tx.execute(store.ADVANCE, change.id, column.name, shown, moved, missed)
    return moved, missed


async def end_pass(tx: Tx, ctx: Ctx, *, change_id: UUID) -> tuple[Change, PassEnd]:
    """Says that all columns were walked over, and what follows."""
    ctx.require("platform.keys")
    row = await tx.fetchrow(store.LOCK, change_id)
    change = _change(row)
    now = clock.now()
    if change.finished_at is not None:
        return change, PassEnd.DONE
    if change.missed == 0 and change.pass_started_at >= change.settled_at:
        await _finish(tx, ctx, change)
        return await get_change(tx, ctx, change_id=change_id), PassEnd.DONE
    if change.missed == 0 and now < change.settled_at:
        return change, PassEnd.EARLY
    await tx.execute(store.NEXT_WALK, change_id, now)
    return await get_change(tx, ctx, change_id=change_id), PassEnd.AGAIN


async def _finish(tx: Tx, ctx: Ctx, change: Change) -> None:
    detail: dict[str, object] = {"change_id": change.id, "moved": change.moved}
    if change.kind is ChangeKind.DESTRUCTION:
        detail["keys"] = await destroy_keys(tx, change.tenant_id)
    await tx.execute(store.FINISH, change.id, clock.now())
    rotated = change.kind is ChangeKind.ROTATION
    await audit.record(
        tx, ctx, "keys.rotated" if rotated else "keys.destroyed", subject_kind="tenant", subject_id=change.tenant_id,
        tenant_id=change.tenant_id, reason=change.reason, detail=detail,
    )  # fmt: skip
    event = (
        KeyRotated(change.id, change.moved) if rotated else TenantKeysDestroyed(change.id, kept_for_buyers=change.moved)
    )
    await outbox.announce(tx, (change.tenant_id, event))


async def stand_aside(tx: Tx, tenant_ids: Sequence[TenantId]) -> bool:
    """Waits until no row of these tenants is just being re-sealed, and keeps it so until the transaction ends.

    For who needs rows that others may have locked and found too few; False when nothing is being re-sealed at all.
    """
    return bool(await tx.fetch(store.STAND_ASIDE, list(tenant_ids)))
