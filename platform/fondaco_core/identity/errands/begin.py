"""The last step of every way to sign in: for which merchant, with or without a second factor, and the session itself.

All of it runs as the platform: no merchant's transaction reads what proves who somebody is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import Tx, governing, reading
from fondaco_core.identity import store
from fondaco_core.identity.derived import derived_token
from fondaco_core.identity.errands.authenticate import member_ctx, person_ctx
from fondaco_core.identity.errors import FactorKind, SecondFactorRequired, TenantChoiceNeeded, WrongCredentials
from fondaco_core.identity.events import SignedInElsewhere
from fondaco_core.identity.rules import MemberRole, PlatformRole, SessionKind
from fondaco_core.identity.service.sessions import Started, start_session
from fondaco_core.ids import MemberId, TenantId, UserId, new_id
from fondaco_core.tenancy import DoorKind, TenantNotActive, TenantState


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has just begun, and who it is now."""

    ctx: Ctx
    session: Started


@dataclass(frozen=True, slots=True)
class Membership:
    """For which merchant somebody signs in, and as what."""

    member_id: MemberId
    tenant_id: TenantId
    role: MemberRole
    state: TenantState


@dataclass(frozen=True, slots=True)
class Factors:
    """What a person has beside a password."""

    app: bool
    passkey: bool
    codes_left: int

    def kinds(self) -> list[FactorKind]:
        """What they may show, the easiest first."""
        found = [
            (FactorKind.APP, self.app),
            (FactorKind.PASSKEY, self.passkey),
            (FactorKind.RECOVERY_CODE, self.codes_left),
        ]
        return [kind for kind, has in found if has]

    def __bool__(self) -> bool:
        return self.app or self.passkey


async def factors_of(tx: Tx, user_id: UserId) -> Factors:
    """What a person has beside a password; in a transaction as the platform."""
    row = await tx.fetchrow(store.FACTORS, user_id)
    assert row is not None
    return Factors(row["app"], row["passkey"], row["codes_left"])


async def begin(
    stranger: Ctx, user_id: UserId, platform_role: str | None, tenant: str | None, *, verified: bool = False
) -> SignedIn:
    """Signs in a person who has proved to be it: for the merchant they name, as one of the platform's, or for their only one.

    Raises SecondFactorRequired when they have one and have not shown it, WrongCredentials for a merchant that is not
    theirs, TenantChoiceNeeded, TenantNotActive.
    """
    if tenant is None and platform_role is not None:
        return await begin_for_platform(stranger, user_id, PlatformRole(platform_role), verified=verified)
    return await begin_for_member(stranger, user_id, await choose(stranger, user_id, tenant), verified=verified)


async def begin_for_platform(stranger: Ctx, user_id: UserId, role: PlatformRole, *, verified: bool = False) -> SignedIn:
    """Signs in one of the platform's own people."""
    async with governing(replace(stranger, actor_id=user_id)) as tx:
        has_factor = bool(await factors_of(tx, user_id))
    if has_factor and not verified:
        raise await _challenge(stranger, user_id, None)
    now = clock.now()
    ctx = person_ctx(stranger, user_id, role, has_factor=has_factor, verified_at=now if verified else None)
    async with governing(ctx) as tx:
        return await _start(tx, ctx, SessionKind.PLATFORM_ADMIN, user_id, None, verified=verified)


async def begin_for_member(stranger: Ctx, user_id: UserId, seat: Membership, *, verified: bool = False) -> SignedIn:
    """Signs in somebody who works for a merchant."""
    async with governing(replace(stranger, actor_id=user_id, tenant_id=seat.tenant_id)) as tx:
        has_factor = bool(await factors_of(tx, user_id))
        required = await tx.fetchval(store.FACTOR_REQUIRED, seat.tenant_id)
    ctx = member_ctx(
        replace(stranger, tenant_id=seat.tenant_id), user_id, seat.role, seat.state,
        has_factor=has_factor, required=required, verified_at=clock.now() if verified else None,
    )  # fmt: skip
    if not ctx.permissions:
        raise TenantNotActive(seat.state)
    if has_factor and not verified:
        raise await _challenge(stranger, user_id, seat.tenant_id)
    async with governing(ctx) as tx:
        return await _start(tx, ctx, SessionKind.MEMBER, user_id, seat.member_id, verified=verified)


async def choose(stranger: Ctx, user_id: UserId, tenant: str | None) -> Membership:
    """The membership to act under; a tenant one does not belong to is as wrong as a wrong password."""
    person = replace(stranger, actor=ActorKind.MEMBER, actor_id=user_id)
    async with reading(person) as tx:
        rows = await tx.fetch(store.MEMBERSHIPS, user_id)
        doors = await tenancy.doors_of(tx, DoorKind.TENANT, [row["tenant_id"] for row in rows])
    if tenant is not None:
        rows = [row for row in rows if doors.get(row["tenant_id"]) == tenant.strip().lower()]
    if not rows:
        raise WrongCredentials
    if len(rows) > 1:
        raise TenantChoiceNeeded(_names(rows, doors))
    [row] = rows
    async with reading(replace(person, tenant_id=row["tenant_id"])) as tx:
        state = await tenancy.state_of(tx, row["tenant_id"])
    assert state is not None
    return Membership(MemberId(row["id"]), TenantId(row["tenant_id"]), MemberRole(row["role"]), state)


async def seat_at(stranger: Ctx, user_id: UserId, tenant_id: TenantId) -> Membership:
    """The membership at one tenant, by its id; WrongCredentials when it has ended meanwhile."""
    async with reading(replace(stranger, actor=ActorKind.MEMBER, actor_id=user_id)) as tx:
        rows = [row for row in await tx.fetch(store.MEMBERSHIPS, user_id) if row["tenant_id"] == tenant_id]
    if not rows:
        raise WrongCredentials
    async with reading(replace(stranger, tenant_id=tenant_id)) as tx:
        state = await tenancy.state_of(tx, tenant_id)
    assert state is not None
    return Membership(MemberId(rows[0]["id"]), tenant_id, MemberRole(rows[0]["role"]), state)


async def _challenge(stranger: Ctx, user_id: UserId, tenant_id: TenantId | None) -> SecondFactorRequired:
    """Writes down that the password was right, for whoever shows a second factor soon."""
    challenge_id, now = new_id(), clock.now()
    ends = now + timedelta(seconds=limits.CHALLENGE_S)
    async with governing(replace(stranger, actor_id=user_id)) as tx:
        factors = await factors_of(tx, user_id)
        await tx.execute(store.ADD_CHALLENGE, challenge_id, "CODE", user_id, tenant_id, None, now, ends)
    return SecondFactorRequired(derived_token("challenge", challenge_id), factors.kinds(), ends)


async def _start(
    tx: Tx, ctx: Ctx, kind: SessionKind, user_id: UserId, member_id: MemberId | None, *, verified: bool
) -> SignedIn:
    known = await tx.fetchval(store.KNOWN_PLACE, user_id, ctx.user_agent)
    started = await start_session(
        tx, ctx, kind=kind, tenant_id=ctx.tenant_id, user_id=user_id, member_id=member_id,
        verified_at=clock.now() if verified else None,
    )  # fmt: skip
    await audit.record(
        tx, ctx, "session.started", subject_kind="session", subject_id=started.id,
        detail={"second_factor": True} if verified else {},
    )  # fmt: skip
    if not known:
        await outbox.announce(tx, (ctx.tenant_id, SignedInElsewhere(started.id)))
    return SignedIn(replace(ctx, session_id=started.id), started)


def _names(rows: Sequence[Any], doors: dict[TenantId, str]) -> list[str]:
    return sorted(doors[row["tenant_id"]] for row in rows if row["tenant_id"] in doors)
