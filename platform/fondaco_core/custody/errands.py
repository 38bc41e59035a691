"""What takes longer than a transaction: carry a change of keys to its end, have every key wrapped by a new master key.

Values are opened and sealed between transactions. After each batch as long as it took several times over is left to others.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits
from fondaco_core.context import Ctx
from fondaco_core.crypto import MasterKeys, Tampered
from fondaco_core.custody import service
from fondaco_core.custody.service import Change, PassEnd, Place
from fondaco_core.db import SealedColumn, governing, reading, transaction
from fondaco_core.ids import TenantId
from fondaco_core.keyring import keyring, keys_by_master, make_key, rewrap_some

# Hears how far a change is, after each batch.
Told = Callable[[Change], None]


def _tell_nobody(_: Change) -> None:
    return


async def rotate_tenant_key(
    ctx: Ctx, *, tenant_id: TenantId, columns: Sequence[SealedColumn], reason: str | None = None
) -> Change:
    """Gives a tenant a new key, or finds the rotation that goes on; `carry_on` re-seals what older keys sealed.

    People give a reason; a key that is worn out is reason enough for the system.
    """
    return await _rotate(ctx, tenant_id, columns=columns, reason=reason)


async def rotate_platform_key(ctx: Ctx, *, columns: Sequence[SealedColumn], reason: str | None = None) -> Change:
    """Gives the platform a new key for what it keeps itself, or finds the rotation that goes on.

    `carry_on` re-seals what older keys sealed and then destroys them. `columns` are all that are sealed.
    """
    return await _rotate(ctx, None, columns=columns, reason=reason)


async def _rotate(
    ctx: Ctx, tenant_id: TenantId | None, *, columns: Sequence[SealedColumn], reason: str | None
) -> Change:
    async with governing(ctx) as tx:
        going = await service.open_change(tx, ctx, tenant_id=tenant_id)
    if going is not None:
        return going
    # There is a first one, to be replaced.
    await keyring().sealing_key(tenant_id)
    made = await make_key(keyring().master_keys, tenant_id)
    async with governing(ctx) as tx:
        change = await service.begin_rotation(tx, ctx, tenant_id=tenant_id, made=made, columns=columns, reason=reason)
    keyring().forget(tenant_id)
    return change


async def destroy_tenant_keys(ctx: Ctx, *, tenant_id: TenantId, reason: str, columns: Sequence[SealedColumn]) -> Change:
    """Begins the end of the keys of a merchant that has left; `carry_on` brings it about. Raises KeysStillNeeded, KeysDestroyed."""
    ctx.require("platform.keys")
    # There is one that what was bought comes under.
    await keyring().sealing_key(None)
    async with governing(ctx) as tx:
        return await service.begin_destruction(tx, ctx, tenant_id=tenant_id, reason=reason, columns=columns)


async def carry_on(
    ctx: Ctx,
    *,
    change_id: UUID,
    columns: Sequence[SealedColumn],
    patient: bool = False,
    told: Told = _tell_nobody,
) -> Change:
    """Carries a change of keys on from wherever it stands; to its end when `patient`, else as far as there is something to do.

    Several may do so at once, and each may be cut off anywhere.
    """
    async with governing(ctx) as tx:
        change = await service.get_change(tx, ctx, change_id=change_id)
    while change.finished_at is None:
        over = service.walked(change.kind, change.tenant_id, columns)
        names = [column.name for column in over]
        first = names.index(change.at_column) if change.at_column in names else 0
        for column in over[first:]:
            change = await _walk(ctx, change, column, told)
        async with governing(ctx) as tx:
            before = await service.destructions_before(tx, ctx, change=change)
        for other_id in before:
            await carry_on(ctx, change_id=other_id, columns=columns)
        async with governing(ctx) as tx:
            change, end = await service.end_pass(tx, ctx, change_id=change_id, begun=change.pass_started_at)
        told(change)
        if end is PassEnd.EARLY:
            if not patient:
                return change
            await asyncio.sleep(max(0.0, (change.settled_at - clock.now()).total_seconds()))
    keyring().forget(change.tenant_id)
    return change


async def look_after_keys(ctx: Ctx, *, columns: Sequence[SealedColumn]) -> int:
    """Carries on every change that was cut off, gives whoever's key is worn a new one, and says how many changes that were."""
    ctx.require("platform.keys")
    async with governing(ctx) as tx:
        worn = await service.owners_of_worn_keys(tx, ctx, count=limits.KEY_CHANGES_PER_RUN)
    for tenant_id in worn:
        await _rotate(ctx, tenant_id, columns=columns, reason=None)
    async with governing(ctx) as tx:
        going = await service.open_changes(tx, ctx, count=limits.KEY_CHANGES_PER_RUN)
    for change in going:
        await carry_on(ctx, change_id=change.id, columns=columns)
    return len(going)


async def rewrap_keys(ctx: Ctx, master_keys: MasterKeys, *, told: Callable[[int], None]) -> int:
    """Has every key that another master key wrapped wrapped by the current one, some at a time, and says how many.

    What was cut off goes on where it stood: a key says itself by which master key it is wrapped.
    """
    ctx.require("platform.keys")
    done = 0
    while (some := await rewrap_some(master_keys, count=limits.REWRAP_BATCH)) > 0:
        done += some
        told(done)
    if done:
        async with governing(ctx) as tx:
            await audit.record(
                tx, ctx, "keys.rewrapped", subject_kind="master_key", subject_id=None,
                detail={"master_key_id": master_keys.current_id, "keys": done},
            )  # fmt: skip
    return done


async def master_keys_in_use(ctx: Ctx) -> dict[str, int]:
    """How many keys each master key has wrapped; one that is not here can go."""
    ctx.require("platform.keys")
    async with governing(ctx) as tx:
        return await keys_by_master(tx)


async def _walk(ctx: Ctx, change: Change, column: SealedColumn, told: Told) -> Change:
    """Re-seals the rows of one column that are not under the change's key, from where the change stands."""
    start = change.place if change.at_column == column.name else None
    async for tenant_id, begun in _owners(ctx, change, column, start):
        acting = replace(ctx, tenant_id=tenant_id)
        async for place in _parents(acting, column, begun, named=change.tenant_id is None):
            while True:
                began = time.perf_counter()
                async with governing(acting) if column.how.platform else reading(acting) as tx:
                    rows = await service.next_rows(tx, acting, change=change, column=column, place=place)
                if not rows:
                    break
                place = replace(place, key=_place_of(column, rows[-1]))  # noqa: PLW2901 - it goes on from here
                change = await _store(acting, change, column, rows, place)
                told(change)
                await asyncio.sleep((time.perf_counter() - began) * limits.RESEAL_PAUSE_FACTOR)
    return change


async def _store(
    ctx: Ctx, change: Change, column: SealedColumn, rows: Sequence[Mapping[str, Any]], place: Place
) -> Change:
    """Re-seals one batch and says how far the walk has come, in one transaction wherever one may do both."""
    values = await _resealed(change, column, rows)
    together = column.how.platform or change.tenant_id is not None
    async with governing(ctx) if column.how.platform else transaction(ctx) as tx:
        moved = await service.store_rows(tx, ctx, column=column, rows=rows, values=values)
        how_far = {"moved": moved, "missed": len(rows) - moved}
        if together:
            await service.advance(tx, ctx, change=change, column=column, place=place, **how_far)
    if not together:
        # Who is cut off right here meets the batch again, and finds it done.
        async with governing(ctx) as tx:
            await service.advance(tx, ctx, change=change, column=column, place=place, **how_far)
    return replace(change, moved=change.moved + moved)


async def _owners(
    ctx: Ctx, change: Change, column: SealedColumn, start: Place | None
) -> AsyncIterator[tuple[TenantId | None, Place | None]]:
    """In which tenants to walk, with the place in the first: the change's own, none, or all that have left with what was bought."""
    if change.tenant_id is not None or column.how.platform:
        yield change.tenant_id, start
        return
    since = None if start is None else start.tenant
    if since is not None:
        yield TenantId(UUID(since)), start
    while True:
        async with governing(ctx) as tx:
            found = await service.next_departed(tx, ctx, since=since, count=limits.PAGE_MAX)
        fresh = [tenant_id for tenant_id in found if tenant_id != since]
        for tenant_id in fresh:
            yield TenantId(UUID(tenant_id)), None
        if not fresh:
            return
        since = fresh[-1]


async def _parents(ctx: Ctx, column: SealedColumn, start: Place | None, *, named: bool) -> AsyncIterator[Place]:
    """Where to walk, one parent after the other; the first from the place where the change stands, with the tenant if `named`."""
    tenant = str(ctx.tenant_id) if named and ctx.tenant_id is not None else None
    if column.how.parent is None:
        yield start or Place(None, (), tenant)
        return
    since = None if start is None else start.parent
    if start is not None:
        yield start
    while True:
        async with reading(ctx) as tx:
            found = await service.next_parents(tx, ctx, column=column, since=since, count=limits.PAGE_MAX)
        fresh = [parent for parent in found if parent != since]
        for parent in fresh:
            yield Place(parent, (), tenant)
        if not fresh:
            return
        since = fresh[-1]


async def _resealed(change: Change, column: SealedColumn, rows: Sequence[Mapping[str, Any]]) -> list[bytes]:
    target = await keyring().numbered(change.number)
    contexts = [column.aad(row) for row in rows]
    opened: list[bytes] = []
    for row, aad in zip(rows, contexts, strict=True):
        try:
            opened.append((await keyring().key_of(row["value"])).open(row["value"], aad=aad))
        except Tampered as error:
            # A change ends where all opens, so that an operator has to find this one.
            msg = f"A value of {column.name} does not open, at {_place_of(column, row)}."
            raise Tampered(msg) from error
    return target.seal_many(list(zip(opened, contexts, strict=True)))


def _place_of(column: SealedColumn, row: Mapping[str, Any]) -> tuple[Any, ...]:
    names = column.walked[1:] if column.how.parent is not None else column.walked
    return tuple(row[name] if isinstance(row[name], int) else str(row[name]) for name in names)
