"""Use cases of sessions: begin, list, end. What a token is worth is read in errands/authenticate.py."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_token, new_token
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound, Unauthenticated
from fondaco_core.identity import store
from fondaco_core.identity.rules import SessionKind
from fondaco_core.ids import ApiClientId, CustomerId, MemberId, SessionId, TenantId, UserId, new_id
from fondaco_core.secret import Secret


@dataclass(frozen=True, slots=True)
class Session:
    """One place where somebody is signed in."""

    id: SessionId
    kind: SessionKind
    tenant_id: TenantId | None
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    ip: str | None
    user_agent: str | None
    verified_at: datetime | None


def _session(row: Any) -> Session:
    fields: dict[str, Any] = {**row, "kind": SessionKind(row["kind"])}
    return Session(**fields)


@dataclass(frozen=True, slots=True)
class Started:
    """A session that has just begun. The token is known to its bearer alone: what is stored is its hash."""

    id: SessionId
    token: Secret[str]
    expires_at: datetime


async def start_session(
    tx: Tx,
    ctx: Ctx,
    *,
    kind: SessionKind,
    tenant_id: TenantId | None = None,
    user_id: UserId | None = None,
    member_id: MemberId | None = None,
    customer_id: CustomerId | None = None,
    api_client_id: ApiClientId | None = None,
    scopes: tuple[str, ...] = (),
    verified_at: datetime | None = None,
    break_glass_id: UUID | None = None,
    ends: datetime | None = None,
) -> Started:
    """Begins a session of somebody whose credentials were right; `ctx` says from where."""
    now = clock.now()
    machine = kind is SessionKind.API_CLIENT
    token = new_token("access" if machine else "session")
    most = timedelta(seconds=limits.ACCESS_TOKEN_S) if machine else timedelta(hours=limits.SESSION_MAX_HOURS)
    ends = now + most if ends is None else min(ends, now + most)
    session_id = SessionId(new_id())
    await tx.execute(
        store.ADD_SESSION, session_id, hash_token(token), kind.value, tenant_id, user_id, member_id, customer_id,
        api_client_id, list(scopes), now, ends, ctx.ip, ctx.user_agent, verified_at, break_glass_id,
    )  # fmt: skip
    return Started(session_id, token, ends)


async def end_sessions(
    tx: Tx,
    *,
    user_id: UserId | None = None,
    customer_id: CustomerId | None = None,
    member_id: MemberId | None = None,
    api_client_id: ApiClientId | None = None,
    keep: UUID | None = None,
) -> int:
    """Ends every session of somebody but one, for use cases that take rights away; says how many."""
    assert [user_id, customer_id, member_id, api_client_id].count(None) == 3, "whose sessions?"  # noqa: PLR2004
    return await tx.execute(store.END_SESSIONS, user_id, customer_id, member_id, api_client_id, clock.now(), keep)


async def list_sessions(
    tx: Tx, ctx: Ctx, *, after: SessionId | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Session]:
    """Where one is signed in oneself, the latest first."""
    user_id, customer_id, tenant_id = _oneself(ctx)
    assert 0 < count <= limits.PAGE_MAX + 1
    now = clock.now()
    idle = now - timedelta(hours=limits.SESSION_IDLE_HOURS)
    rows = await tx.fetch(store.LIST_SESSIONS, user_id, customer_id, tenant_id, now, idle, after, count)
    return [_session(row) for row in rows]


async def find_session(tx: Tx, ctx: Ctx, session_id: SessionId) -> Session | None:
    """One of one's own sessions, or None when it is over or not one's own."""
    user_id, customer_id, tenant_id = _oneself(ctx)
    now = clock.now()
    idle = now - timedelta(hours=limits.SESSION_IDLE_HOURS)
    row = await tx.fetchrow(store.OWN_SESSION, user_id, customer_id, tenant_id, now, idle, session_id)
    return None if row is None else _session(row)


async def revoke_session(tx: Tx, ctx: Ctx, *, session_id: SessionId) -> None:
    """Ends one of one's own sessions; who may edit members may end those of the tenant's people. Raises NotFound."""
    user_id, customer_id, tenant_id = _oneself(ctx)
    row = await tx.fetchrow(store.SESSION, session_id)
    own = row is not None and _is_own(row, user_id, customer_id) and tenant_id in {None, row["tenant_id"]}
    if row is None or not (own or _is_staff(row, ctx)):
        raise NotFound("session")
    if await tx.execute(store.REVOKE_SESSION, session_id, clock.now()):
        await audit.record(tx, ctx, "session.revoked", subject_kind="session", subject_id=session_id)


async def revoke_other_sessions(tx: Tx, ctx: Ctx) -> int:
    """Ends all of one's own sessions but this one, and says how many; one that was lost with a device above all."""
    user_id, customer_id, tenant_id = _oneself(ctx)
    ended = await tx.execute(store.END_OTHER_SESSIONS, user_id, customer_id, tenant_id, clock.now(), ctx.session_id)
    if ended:
        await audit.record(
            tx,
            ctx,
            "session.others_revoked",
            subject_kind="session",
            subject_id=ctx.session_id,
            detail={"ended": ended},
        )
    return ended


async def forget_ended(tx: Tx, ctx: Ctx) -> int:
    """Deletes sessions, invitations and counts of attempts that are over for long, over all tenants; says how many.

    For a job, in a transaction as fondaco_platform.
    """
    ctx.require("system.run")
    before = clock.now() - timedelta(hours=limits.ENDED_KEPT_HOURS)
    sweeps = (
        store.SWEEP_SESSIONS,
        store.SWEEP_INVITATIONS,
        store.SWEEP_RESETS,
        store.SWEEP_ATTEMPTS,
        store.SWEEP_CHALLENGES,
    )
    return sum([await tx.execute(sweep, before) for sweep in sweeps])


def _oneself(ctx: Ctx) -> tuple[UUID | None, UUID | None, TenantId | None]:
    """The person or the customer who asks, and the tenant whose sessions are theirs to see; None for all of them.

    A member's session reaches those at the same tenant: by a tenant's own provider its owner can begin one as anybody who
    works there. A new password ends all. Machines, guests and strangers have no sessions to see.
    """
    match ctx.actor:
        case ActorKind.MEMBER if ctx.actor_id is not None:
            return ctx.actor_id, None, ctx.tenant
        case ActorKind.PLATFORM_ADMIN if ctx.actor_id is not None:
            return ctx.actor_id, None, None
        case ActorKind.CUSTOMER if ctx.customer_id is not None:
            return None, ctx.customer_id, None
        case _:
            raise Unauthenticated


def _is_own(row: Any, user_id: UUID | None, customer_id: UUID | None) -> bool:
    return (user_id is not None and row["user_id"] == user_id) or (
        customer_id is not None and row["customer_id"] == customer_id
    )


def _is_staff(row: Any, ctx: Ctx) -> bool:
    return (
        ctx.has("members.edit")
        and row["user_id"] is not None
        and ctx.tenant_id is not None
        and row["tenant_id"] == ctx.tenant_id
    )
