"""Use cases of custody: begin a change of a tenant's keys or the platform's, read and store what is re-sealed, end a pass, end the change.

A pass walks over every sealed column. A value that was sealed with the old key by a process that did not know better comes
at most limits.KEY_CACHE_S and KEY_SETTLE_S after the new one; so the change is over when a pass that began after that has
found nobody at any row. A change of the platform's key ends with the destruction of the older ones, and waits as long again
after the last value was re-sealed: somebody may have read it before and open it now.
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
from fondaco_core.custody.store import Within
from fondaco_core.db import SealedColumn, Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import TenantId, new_id
from fondaco_core.keyring import (
    KeysDestroyed,
    Made,
    destroy_keys,
    destroy_replaced_keys,
    platform_key_number,
    replace_key,
    worn_keys,
)
from fondaco_core.tenancy import TenantState


class ChangeKind(StrEnum):
    """What happens to keys: a new one takes over, or all of a tenant's are destroyed."""

    ROTATION = "ROTATION"
    DESTRUCTION = "DESTRUCTION"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a tenant's keys, or of the platform's (no tenant).

    `moved` of about `total` values are re-sealed, the last at `moved_at`; `missed` were somebody's at that moment.
    """

    id: UUID
    tenant_id: TenantId | None
    kind: ChangeKind
    number: int
    started_at: datetime
    started_by: UUID | None
    reason: str | None
    total: int
    moved: int
    moved_at: datetime | None
    pass_started_at: datetime
    at_column: str | None
    place: "Place | None"
    missed: int
    finished_at: datetime | None

    @property
    def settled_at(self) -> datetime:
        """From when on nobody seals with an older key any more, nor, where it is about to go, opens what it sealed."""
        if self.kind is ChangeKind.DESTRUCTION:
            return self.started_at
        last = self.moved_at if self.tenant_id is None and self.moved_at is not None else self.started_at
        return last + timedelta(seconds=limits.KEY_CACHE_S + limits.KEY_SETTLE_S)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands: the tenant, when it goes over several, the parent, where rows have one, and the last row's place below it."""

    parent: str | None
    key: tuple[Any, ...]
    tenant: str | None = None


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
        "place": None if place is None else Place(place["parent"], tuple(place["key"]), place.get("tenant")),
    }
    return Change(**values)


async def open_change(tx: Tx, ctx: Ctx, *, tenant_id: TenantId | None) -> Change | None:
    """The change of a tenant's keys that goes on, or of the platform's, if one does."""
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


async def owners_of_worn_keys(tx: Tx, ctx: Ctx, *, count: int) -> list[TenantId | None]:
    """Tenants whose key has sealed so much that it is time for another one; None is the platform."""
    ctx.require("platform.keys")
    return await worn_keys(tx, count=count)


async def tenants_after(tx: Tx, ctx: Ctx, *, after: TenantId | None, count: int) -> list[TenantId]:
    """Tenants that were ever approved, in the order of their ids."""
    ctx.require("platform.keys")
    return [TenantId(row["id"]) for row in await tx.fetch(store.TENANTS, after, count)]


async def begin_rotation(
    tx: Tx,
    ctx: Ctx,
    *,
    tenant_id: TenantId | None,
    made: Made,
    columns: Sequence[SealedColumn],
    reason: str | None = None,
) -> Change:
    """Makes a fresh key the one that seals for a tenant, or the platform; what older ones sealed is re-sealed from now on.

    Goes on with the change that is open, if there is one: the fresh key is thrown away then.
    """
    ctx.require("platform.keys")
    why = None if reason is None else tenancy.checked_reason(reason)
    await tx.fetchval(store.BEGIN, str(tenant_id))
    if (going := await open_change(tx, ctx, tenant_id=tenant_id)) is not None:
        return going
    if tenant_id is not None:
        if await tenancy.state_of(tx, tenant_id) is None:
            raise NotFound("tenant", path=("tenant_id",))
        if not await tx.fetchval(store.HAS_KEY, tenant_id):
            raise KeysDestroyed
    await replace_key(tx, made)
    return await _begin(tx, ctx, tenant_id, ChangeKind.ROTATION, number=made.key.number, columns=columns, reason=why)


async def begin_destruction(
    tx: Tx, ctx: Ctx, *, tenant_id: TenantId, reason: str, columns: Sequence[SealedColumn]
) -> Change:
    """Has the keys of a merchant that has left destroyed, once what buyers bought is under the platform's key.

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
    number = await platform_key_number(tx)
    return await _begin(tx, ctx, tenant_id, ChangeKind.DESTRUCTION, number=number, columns=columns, reason=why)


async def _begin(
    tx: Tx,
    ctx: Ctx,
    tenant_id: TenantId | None,
    kind: ChangeKind,
    *,
    number: int,
    columns: Sequence[SealedColumn],
    reason: str | None,
) -> Change:  # fmt: skip
    counts = [
        await tx.fetchval(store.count_of(column, within(kind, tenant_id, column)), tenant_id)
        for column in walked(kind, tenant_id, columns)
    ]
    change_id = new_id()
    # Why a rotation was asked for stands in the audit log alone: the platform's own have no reason.
    kept = reason if kind is ChangeKind.DESTRUCTION else None
    await tx.execute(store.ADD, change_id, tenant_id, kind.value, number, clock.now(), ctx.actor_id, kept, sum(counts))
    await audit.record(
        tx, ctx, f"keys.{kind.value.lower()}_begun", subject_kind=_owner_kind(tenant_id), subject_id=tenant_id,
        tenant_id=tenant_id, reason=reason, detail={"change_id": change_id, "number": number, "values": sum(counts)},
    )  # fmt: skip
    await outbox.announce(tx, (tenant_id, KeyChangeBegun(change_id)))
    return await get_change(tx, ctx, change_id=change_id)


def _owner_kind(tenant_id: TenantId | None) -> str:
    return "platform" if tenant_id is None else "tenant"


def walked(kind: ChangeKind, tenant_id: TenantId | None, columns: Sequence[SealedColumn]) -> list[SealedColumn]:
    """The columns that a change goes over.

    For a tenant's new key all that are sealed with tenants' keys, before a destruction those in which buyers own rows; for
    the platform's those that it keeps itself, and those in which it keeps what buyers bought.
    """
    if tenant_id is None:
        own = [column for column in columns if column.how.platform]
        assert own, "whoever rotates the platform's key knows what it seals"
        return own + [column for column in columns if column.how.bought]
    return [
        column for column in columns if not column.how.platform and (kind is ChangeKind.ROTATION or column.how.bought)
    ]


def within(kind: ChangeKind, tenant_id: TenantId | None, column: SealedColumn) -> Within:
    """Which values of a column a change goes over."""
    if tenant_id is None:
        return Within.PLATFORM if column.how.platform else Within.KEPT
    return Within.TENANT if kind is ChangeKind.ROTATION else Within.BOUGHT


async def next_departed(tx: Tx, ctx: Ctx, *, since: str | None, count: int) -> list[str]:
    """Tenants of which something is under the platform's key, or is being brought there, from one on."""
    ctx.require("platform.keys")
    return [str(row["tenant_id"]) for row in await tx.fetch(store.DEPARTED, since, count)]


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
    wanted = store.rows_of(column, within(change.kind, change.tenant_id, column))
    rows: list[Mapping[str, Any]] = await tx.fetch(
        wanted, ctx.tenant_id, place.parent, change.number, limits.RESEAL_BATCH, *after
    )
    return rows


async def store_rows(
    tx: Tx, ctx: Ctx, *, column: SealedColumn, rows: Sequence[Mapping[str, Any]], values: Sequence[bytes]
) -> int:
    """Stores re-sealed values and says how many; the others are somebody's at this moment. `advance` belongs beside it."""
    ctx.require("system.run")
    await tx.execute(store.IN_NO_HURRY)
    await tx.fetchval(store.BEGIN_BATCH, str(ctx.tenant_id))
    keys = ([row[name] for row in rows] for name in column.keys)
    return await tx.execute(store.reseal(column), [row["value"] for row in rows], list(values), *keys)


async def advance(
    tx: Tx, ctx: Ctx, *, change: Change, column: SealedColumn, place: Place, moved: int, missed: int
) -> None:
    """Says how far a walk has come: in the transaction of the batch, or after it, where the tenant's does not see the change."""
    ctx.require("system.run")
    shown = orjson.dumps({"tenant": place.tenant, "parent": place.parent, "key": place.key}, default=str).decode()
    await tx.execute(
        store.ADVANCE, change.id, column.name, shown, moved, missed, clock.now(), change.pass_started_at
    )  # fmt: skip


async def end_pass(tx: Tx, ctx: Ctx, *, change_id: UUID, begun: datetime) -> tuple[Change, PassEnd]:
    """Says that all columns were walked over in the pass that began then, and what follows."""
    ctx.require("platform.keys")
    row = await tx.fetchrow(store.LOCK, change_id)
    change = _change(row)
    now = clock.now()
    if change.finished_at is not None:
        return change, PassEnd.DONE
    if change.pass_started_at != begun:
        # Somebody else ended that pass, and this one is not walked to its end.
        return change, PassEnd.AGAIN
    clean = change.missed == 0 and not await _astray(tx, change)
    if clean and change.pass_started_at >= change.settled_at:
        await _finish(tx, ctx, change)
        return await get_change(tx, ctx, change_id=change_id), PassEnd.DONE
    if clean and now < change.settled_at:
        return change, PassEnd.EARLY
    await tx.execute(store.NEXT_WALK, change_id, now)
    return await get_change(tx, ctx, change_id=change_id), PassEnd.AGAIN


async def _astray(tx: Tx, change: Change) -> list[UUID]:
    """Destructions that bring what was bought under a key that a change of the platform's is about to destroy."""
    if change.tenant_id is not None:
        return []
    rows = await tx.fetch(store.ASTRAY, change.number, limits.KEY_CHANGES_PER_RUN)
    return [row["id"] for row in rows]


async def destructions_before(tx: Tx, ctx: Ctx, *, change: Change) -> list[UUID]:
    """Destructions that must come to their end before a change of the platform's key does."""
    ctx.require("platform.keys")
    return await _astray(tx, change)


async def _finish(tx: Tx, ctx: Ctx, change: Change) -> None:
    detail: dict[str, object] = {"change_id": change.id, "moved": change.moved}
    if change.tenant_id is None:
        detail["keys"] = await destroy_replaced_keys(tx, number=change.number)
    elif change.kind is ChangeKind.DESTRUCTION:
        detail["keys"] = await destroy_keys(tx, change.tenant_id)
        await tx.execute(store.LOOK_AGAIN, change.number)
    await tx.execute(store.FINISH, change.id, clock.now())
    rotated = change.kind is ChangeKind.ROTATION
    await audit.record(
        tx, ctx, "keys.rotated" if rotated else "keys.destroyed", subject_kind=_owner_kind(change.tenant_id),
        subject_id=change.tenant_id, tenant_id=change.tenant_id, reason=change.reason, detail=detail,
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
