"""Use cases of people: accounts, members and their roles, invitations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, mail, outbox
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_token
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound, StaleVersion
from fondaco_core.identity import store
from fondaco_core.identity.derived import derived_token
from fondaco_core.identity.errors import AlreadyMember, EmailTaken, LastOwner, LimitReached, RoleTooHigh
from fondaco_core.identity.events import (
    InvitationMade,
    MemberInvited,
    MemberJoined,
    MemberRemoved,
    MemberRoleChanged,
    PasswordResetMade,
)
from fondaco_core.identity.rules import MemberRole, PlatformRole, may_grant, normalised_email
from fondaco_core.identity.service.sessions import end_sessions
from fondaco_core.ids import MemberId, TenantId, UserId, new_id
from fondaco_core.secret import Secret
from fondaco_core.tenancy import checked_name


@dataclass(frozen=True, slots=True)
class Member:
    """A person acting for a tenant, or asked to: `accepted_at` and `name` are None until they have said yes."""

    id: MemberId
    tenant_id: TenantId
    user_id: UserId
    email: str
    name: str | None
    role: MemberRole
    created_at: datetime
    accepted_at: datetime | None
    version: int


def _member(row: Any) -> Member:
    fields: dict[str, Any] = {**row, "role": MemberRole(row["role"])}
    return Member(**fields)


async def create_user(
    tx: Tx,
    ctx: Ctx,
    *,
    email: str,
    name: str,
    password_hash: str | None = None,
    platform_role: PlatformRole | None = None,
    locale: str = "en",
) -> UserId:
    """Makes a person's account; the password comes hashed (crypto.hash_password). Raises BadEmail, EmailTaken."""
    ctx.require("platform.people")
    user_id = UserId(new_id())
    role = None if platform_role is None else platform_role.value
    added = await tx.execute(
        store.ADD_USER, user_id, normalised_email(email), checked_name(name), password_hash, role, locale, clock.now()
    )
    if added == 0:
        raise EmailTaken
    await audit.record(tx, ctx, "user.created", subject_kind="user", subject_id=user_id, detail={"platform_role": role})
    return user_id


async def invite_platform_user(
    tx: Tx, ctx: Ctx, *, email: str, name: str, role: PlatformRole
) -> tuple[UserId, Secret[str] | None]:
    """Makes an account of one of the platform's own people; with the token, shown once, they choose a password.

    An address that nobody proved yet may be in anybody's hands, since every merchant invites whom it likes: its account
    becomes theirs, without the password, the factors and the sessions it had, and what was begun with them. Its seats stay,
    for whoever owns the address.
    Raises BadEmail; EmailTaken for an address that was proved, or is of the platform's people already.
    """
    ctx.require("platform.people")
    claimed = await tx.fetchval(store.CLAIM_USER, normalised_email(email), role.value, checked_name(name))
    if claimed is None:
        user_id = await create_user(tx, ctx, email=email, name=name, platform_role=role)
    else:
        user_id = UserId(claimed)
        for forget in (store.FORGET_UNPROVED, store.FORGET_SUBJECTS, store.END_BEGUN):
            await tx.execute(forget, user_id)
        await end_sessions(tx, user_id=user_id)
        await audit.record(
            tx, ctx, "user.claimed", subject_kind="user", subject_id=user_id, detail={"platform_role": role.value}
        )
    return user_id, _unless_mailed(await issue_reset(tx, ctx, user_id))


async def issue_password_reset(tx: Tx, ctx: Ctx, *, email: str) -> tuple[UserId, Secret[str] | None]:
    """Lets a person who forgot their password choose another one; the token is shown once, and ends those before.

    The platform's people do it, not a merchant's: the account may be a member elsewhere. Raises BadEmail, NotFound.
    """
    ctx.require("platform.people")
    user = await tx.fetchrow(store.USER_BY_EMAIL, normalised_email(email))
    if user is None or user["disabled_at"] is not None:
        raise NotFound("account", path=("email",))
    return UserId(user["id"]), _unless_mailed(await issue_reset(tx, ctx, UserId(user["id"])))


async def create_member(tx: Tx, ctx: Ctx, *, tenant_id: TenantId, user_id: UserId, role: MemberRole) -> MemberId:
    """Seats a person at a tenant at once, for the platform's own set-up; people of a tenant invite. Raises AlreadyMember."""
    ctx.require("platform.people")
    member_id = await _seat(tx, tenant_id, user_id, role, accepted_at=clock.now())
    await audit.record(
        tx,
        ctx,
        "member.joined",
        subject_kind="member",
        subject_id=member_id,
        tenant_id=tenant_id,
        detail={"role": role.value},
    )
    await outbox.announce(tx, (tenant_id, MemberJoined(member_id, role.value)))
    return member_id


async def invite_owner(
    tx: Tx, ctx: Ctx, *, tenant_id: TenantId, email: str, name: str
) -> tuple[MemberId, Secret[str] | None]:
    """Asks the first person of a new tenant in as its owner; the token is shown once. Raises BadEmail, AlreadyMember."""
    ctx.require("platform.tenants")
    return await _invite(tx, ctx, tenant_id=tenant_id, email=email, name=name, role=MemberRole.OWNER)


async def invite_member(
    tx: Tx, ctx: Ctx, *, email: str, name: str, role: MemberRole
) -> tuple[MemberId, Secret[str] | None]:
    """Asks a person to work for the tenant; the token, shown once, lets them accept and choose a password.

    Whether the person has an account elsewhere is not told. Raises BadEmail, RoleTooHigh, AlreadyMember, LimitReached.
    """
    ctx.require("members.edit")
    if not may_grant(ctx.permissions, role):
        raise RoleTooHigh(role.value)
    if len(await tx.fetch(store.LOCK_MEMBERS, ctx.tenant)) >= limits.MEMBERS_MAX:
        raise LimitReached(limits.MEMBERS_MAX)
    return await _invite(tx, ctx, tenant_id=ctx.tenant, email=email, name=name, role=role)


async def change_member_role(tx: Tx, ctx: Ctx, *, member_id: MemberId, role: MemberRole, version: int) -> Member:
    """Gives a member another role. Raises NotFound, StaleVersion, RoleTooHigh, LastOwner."""
    ctx.require("members.edit")
    row = await _for_change(tx, ctx, member_id)
    if row["version"] != version:
        raise StaleVersion("member", current_version=row["version"])
    before = MemberRole(row["role"])
    for each in (before, role):
        if not may_grant(ctx.permissions, each):
            raise RoleTooHigh(each.value)
    if before is MemberRole.OWNER and role is not MemberRole.OWNER:
        _refuse_last_owner(row, await tx.fetch(store.LOCK_MEMBERS, ctx.tenant))

    await tx.execute(store.SET_ROLE, member_id, role.value)
    await audit.record(
        tx, ctx, "member.role_changed", subject_kind="member", subject_id=member_id,
        detail={"before": before.value, "after": role.value},
    )  # fmt: skip
    await outbox.announce(tx, (ctx.tenant, MemberRoleChanged(member_id, before.value, role.value)))
    return await get_member(tx, ctx, member_id)


async def remove_member(tx: Tx, ctx: Ctx, *, member_id: MemberId) -> None:
    """Ends a member's work for the tenant, their sessions and invitations. Raises NotFound, RoleTooHigh, LastOwner."""
    ctx.require("members.edit")
    row = await _for_change(tx, ctx, member_id)
    role = MemberRole(row["role"])
    if not may_grant(ctx.permissions, role):
        raise RoleTooHigh(role.value)
    if role is MemberRole.OWNER:
        _refuse_last_owner(row, await tx.fetch(store.LOCK_MEMBERS, ctx.tenant))

    now = clock.now()
    await tx.execute(store.DISABLE_MEMBER, member_id, now)
    await tx.execute(store.END_INVITATIONS, member_id, now)
    await end_sessions(tx, member_id=member_id)
    await audit.record(
        tx, ctx, "member.removed", subject_kind="member", subject_id=member_id, detail={"role": role.value}
    )
    await outbox.announce(tx, (ctx.tenant, MemberRemoved(member_id)))


async def require_second_factor(tx: Tx, ctx: Ctx, *, required: bool) -> None:
    """Says whether the tenant's people do nothing here before they have a second factor; also who says so.

    Nobody is signed out: who has none sets one up, and finds everything else closed until then.
    """
    ctx.require("members.edit")
    if await tx.execute(store.REQUIRE_FACTOR, ctx.tenant, required):
        action = "tenant.second_factor_required" if required else "tenant.second_factor_optional"
        await audit.record(tx, ctx, action, subject_kind="tenant", subject_id=ctx.tenant)


async def get_member(tx: Tx, ctx: Ctx, member_id: MemberId) -> Member:
    """One member of the tenant. Raises NotFound."""
    if not ctx.has("members.edit"):
        ctx.require("members.read")
    row = await tx.fetchrow(store.MEMBER, ctx.tenant, member_id)
    if row is None:
        raise NotFound("member")
    return _member(row)


async def members_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[MemberId]) -> dict[MemberId, Member]:
    """Several members of the tenant at once, those that exist."""
    ctx.require("members.read")
    return {MemberId(row["id"]): _member(row) for row in await tx.fetch(store.MEMBERS_BY_IDS, ctx.tenant, list(ids))}


async def list_members(
    tx: Tx, ctx: Ctx, *, after: MemberId | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Member]:
    """A page of the people who work for the tenant, or are asked to, the longest first."""
    ctx.require("members.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    return [_member(row) for row in await tx.fetch(store.LIST_MEMBERS, ctx.tenant, after, count)]


async def find_own_name(tx: Tx, ctx: Ctx) -> str | None:
    """The asking person's own name, or None for whoever is not one of the console's people."""
    if ctx.actor not in {ActorKind.MEMBER, ActorKind.PLATFORM_ADMIN}:
        return None
    name = await tx.fetchval(store.OWN_NAME, ctx.actor_id)
    return None if name is None else str(name)


async def actor_names(tx: Tx, ctx: Ctx, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of people and machines in the audit log, those that may be known."""
    ctx.require("audit.read")
    return {row["id"]: row["name"] for row in await tx.fetch(store.ACTOR_NAMES, list(ids))}


def _unless_mailed(token: Secret[str]) -> Secret[str] | None:
    """What its maker is shown: nothing where mail goes out, since then it goes to whom it is for and to nobody else."""
    return None if mail.configured() else token


async def issue_reset(tx: Tx, ctx: Ctx, user_id: UserId) -> Secret[str]:
    """Makes the token and records it, for use cases that have seen to who may; it ends those before."""
    await audit.record(tx, ctx, "user.reset_issued", subject_kind="user", subject_id=user_id)
    await tx.execute(store.END_RESETS, user_id, clock.now())
    return await make_reset(tx, user_id)


async def make_reset(tx: Tx, user_id: UserId) -> Secret[str]:
    """Makes the token itself; of an account that does not exist it makes none that opens anything, with the same work.

    Those that were mailed go on counting, as many as letters may leave: anybody may ask, and keeps nobody from coming back.
    """
    now, reset_id = clock.now(), new_id()
    token = derived_token("reset", reset_id)
    await tx.execute(store.END_UNSENT_RESETS, user_id, now - timedelta(seconds=limits.LETTERS_WINDOW_S), now)
    ends = now + timedelta(hours=limits.INVITATION_HOURS)
    await tx.execute(store.ADD_RESET, reset_id, hash_token(token), user_id, now, ends)
    await outbox.announce(tx, (None, PasswordResetMade(reset_id)))
    return token


async def _for_change(tx: Tx, ctx: Ctx, member_id: MemberId) -> Any:
    for row in await tx.fetch(store.LOCK_MEMBERS, ctx.tenant):
        if row["id"] == member_id:
            return row
    raise NotFound("member")


def _refuse_last_owner(leaving: Any, members: Sequence[Any]) -> None:
    # An owner who was only invited cannot act yet, so that one does not count.
    others = [m for m in members if m["role"] == MemberRole.OWNER and m["accepted_at"] and m["id"] != leaving["id"]]
    if leaving["accepted_at"] is not None and not others:
        raise LastOwner


async def _invite(
    tx: Tx, ctx: Ctx, *, tenant_id: TenantId, email: str, name: str, role: MemberRole
) -> tuple[MemberId, Secret[str] | None]:
    address, now = normalised_email(email), clock.now()
    await tx.execute(store.INVITE_USER, new_id(), address, checked_name(name), ctx.locale, now)
    await tx.fetchval(store.NAME_EMAIL, address)
    user = await tx.fetchrow(store.PERSON_BY_EMAIL, address)
    assert user is not None
    member_id = await _seat(tx, tenant_id, UserId(user["id"]), role, accepted_at=None)
    invitation_id = new_id()
    token = derived_token("invite", invitation_id)
    await tx.execute(
        store.ADD_INVITATION, invitation_id, hash_token(token), tenant_id, member_id, user["id"], now,
        now + timedelta(hours=limits.INVITATION_HOURS),
    )  # fmt: skip
    await audit.record(
        tx,
        ctx,
        "member.invited",
        subject_kind="member",
        subject_id=member_id,
        tenant_id=tenant_id,
        detail={"role": role.value},
    )
    await outbox.announce(
        tx, (tenant_id, MemberInvited(member_id, role.value)), (tenant_id, InvitationMade(invitation_id))
    )
    return member_id, _unless_mailed(token)


async def _seat(
    tx: Tx, tenant_id: TenantId, user_id: UserId, role: MemberRole, *, accepted_at: datetime | None
) -> MemberId:
    """Gives a person a seat at a tenant; somebody who left gets the old one back, so that the log names one person."""
    found = await tx.fetchrow(store.FIND_MEMBER, tenant_id, user_id)
    if found is None:
        member_id = MemberId(new_id())
        await tx.execute(store.ADD_MEMBER, member_id, tenant_id, user_id, role.value, clock.now(), accepted_at)
        return member_id
    if found["disabled_at"] is None:
        raise AlreadyMember
    await tx.execute(store.REVIVE_MEMBER, found["id"], role.value, clock.now(), accepted_at)
    return MemberId(found["id"])
