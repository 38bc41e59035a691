"""Use cases of break glass: one of the platform's people looks at a tenant's side for a while, and the tenant sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.identity import store
from fondaco_core.identity.errors import BadMoment
from fondaco_core.identity.events import GlassBroken, GlassMended
from fondaco_core.identity.rules import SessionKind
from fondaco_core.identity.service.sessions import Started, start_session
from fondaco_core.ids import BreakGlassId, TenantId, UserId, new_id


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """A look of the platform's people at a tenant's side."""

    id: BreakGlassId
    tenant_id: TenantId
    user_name: str
    reason: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    def is_open(self) -> bool:
        """Whether it goes on now."""
        return self.ended_at is None and self.expires_at > clock.now()


def _glass(row: Any) -> BreakGlass:
    return BreakGlass(**row)


async def break_glass(
    tx: Tx, ctx: Ctx, *, tenant_id: TenantId, reason: str, minutes: int
) -> tuple[BreakGlass, Started]:
    """Begins to look at a tenant's side, as an auditor of it: everything but codes, and no change. The token is shown once.

    The reason and the name stand in the tenant's own audit log, and on its console until it is over. Who has a second
    factor has shown it lately; but on one's own machine everybody has one. Raises NotFound, BadMoment, SecondFactorNeeded.
    """
    ctx.require("platform.break_glass")
    assert ctx.actor is ActorKind.PLATFORM_ADMIN
    checked = tenancy.checked_reason(reason)
    if not 0 < minutes <= limits.BREAK_GLASS_MAX_MIN:
        most = limits.BREAK_GLASS_MAX_MIN
        raise BadMoment("minutes", f"A look takes 1 to {most} minutes.", f"查看时长须为 1 至 {most} 分钟。")
    tenant = await tenancy.get_tenant(tx, ctx, tenant_id)
    user = await tx.fetchrow(store.USER_BY_ID, ctx.actor_id)
    if user is None:
        raise NotFound("account")
    glass_id, now = BreakGlassId(new_id()), clock.now()
    ends = now + timedelta(minutes=minutes)
    await tx.execute(store.ADD_GLASS, glass_id, tenant.id, user["id"], user["name"], checked, now, ends)
    started = await start_session(
        tx,
        ctx,
        kind=SessionKind.BREAK_GLASS,
        tenant_id=tenant.id,
        user_id=UserId(user["id"]),
        break_glass_id=glass_id,
        ends=ends,
    )
    await audit.record(
        tx, ctx, "break_glass.opened", subject_kind="break_glass", subject_id=glass_id, tenant_id=tenant.id, reason=checked,
        detail={"minutes": minutes},
    )  # fmt: skip
    await outbox.announce(tx, (tenant.id, GlassBroken(glass_id)))
    row = await tx.fetchrow(store.GLASS, glass_id)
    return _glass(row), started


async def end_break_glass(tx: Tx, ctx: Ctx, *, break_glass_id: BreakGlassId) -> BreakGlass:
    """Ends a look: the tenant's managers any at their own side, the platform's people any. Twice changes nothing."""
    if not ctx.has("platform.break_glass"):
        ctx.require("merchant.edit")
    row = await tx.fetchrow(store.GLASS, break_glass_id)
    if row is None:
        raise NotFound("look")
    now = clock.now()
    if await tx.execute(store.END_GLASS, break_glass_id, now, ctx.actor_id):
        await tx.execute(store.END_GLASS_SESSIONS, break_glass_id, now)
        await audit.record(
            tx,
            ctx,
            "break_glass.ended",
            subject_kind="break_glass",
            subject_id=break_glass_id,
            tenant_id=row["tenant_id"],
        )
        await outbox.announce(tx, (row["tenant_id"], GlassMended(break_glass_id)))
    return _glass(await tx.fetchrow(store.GLASS, break_glass_id))


async def list_break_glass(
    tx: Tx, ctx: Ctx, *, open_only: bool = False, after: UUID | None = None, count: int = limits.PAGE_DEFAULT
) -> list[BreakGlass]:
    """A page of the looks at the tenant's side, the latest first."""
    ctx.require("merchant.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    rows = await tx.fetch(store.LIST_GLASS, ctx.tenant, open_only, clock.now(), after, count)
    return [_glass(row) for row in rows]


async def glass_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[BreakGlassId]) -> dict[BreakGlassId, BreakGlass]:
    """Several looks at the tenant's side at once, those that exist."""
    ctx.require("merchant.read")
    return {BreakGlassId(row["id"]): _glass(row) for row in await tx.fetch(store.GLASS_BY_IDS, list(ids), ctx.tenant)}
