"""People, members, roles, invitations, on a real database as the restricted roles."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest

from fondaco_core import audit, identity
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import NotAllowed, NotFound, StaleVersion
from fondaco_core.identity import (
    AlreadyMember,
    BadEmail,
    EmailTaken,
    InvitationInvalid,
    LastOwner,
    Member,
    MemberRole,
    PlatformRole,
    RoleTooHigh,
    WeakPassword,
    WrongCredentials,
)
from fondaco_core.ids import MemberId, TenantId
from fondaco_core.secret import Secret
from tests.support.clock import later
from tests.support.factories.identity import admin_ctx, make_member, make_member_ctx, make_user, some_email
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")

PASSWORD = Secret("a password of four words")


def visitor() -> Ctx:
    return Ctx(request_id=uuid4().hex, ip=f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1")


async def members_of(ctx: Ctx) -> list[Member]:
    async with reading(ctx) as tx:
        return await identity.list_members(tx, ctx)


async def invite(
    ctx: Ctx, *, email: str | None = None, role: MemberRole = MemberRole.SUPPORT
) -> tuple[MemberId, Secret[str]]:
    async with transaction(ctx) as tx:
        member_id, token = await identity.invite_member(tx, ctx, email=email or some_email(), name="Invited", role=role)
    assert token is not None
    return member_id, token


async def test_an_address_has_one_account() -> None:
    email = some_email()
    await make_user(email=email)

    with pytest.raises(EmailTaken):
        await make_user(email=email.upper())


async def test_who_was_invited_is_a_member_after_accepting_with_a_password() -> None:
    owner = await make_member_ctx(await make_tenant())
    email = some_email()
    member_id, token = await invite(owner, email=email, role=MemberRole.OPERATOR)

    signed_in = await identity.accept_invitation(visitor(), token=token, password=PASSWORD, name="Chosen Name")

    [_, joined] = await members_of(owner)
    assert (joined.id, joined.email, joined.name, joined.role) == (member_id, email, "Chosen Name", MemberRole.OPERATOR)
    assert signed_in.ctx.tenant_id == owner.tenant_id
    assert signed_in.ctx.permissions == identity.ROLE_PERMISSIONS[MemberRole.OPERATOR]


async def test_nobody_signs_in_before_accepting() -> None:
    owner = await make_member_ctx(await make_tenant())
    email = some_email()
    await make_user(email=email, password=PASSWORD.reveal())
    await invite(owner, email=email)

    with pytest.raises(WrongCredentials):
        await identity.sign_in(visitor(), email=email, password=PASSWORD)


async def test_an_invitation_does_not_tell_whether_there_is_an_account() -> None:
    owner = await make_member_ctx(await make_tenant())
    email = some_email()
    await make_user(email=email, name="A Private Name", password=PASSWORD.reveal())

    _, token = await invite(owner, email=email)
    _, other = await invite(owner)

    [_, known, unknown] = await members_of(owner)
    assert known.name is unknown.name is None
    assert len(token.reveal()) == len(other.reveal())


async def test_who_has_an_account_accepts_with_its_password() -> None:
    owner = await make_member_ctx(await make_tenant())
    email = some_email()
    await make_user(email=email, password=PASSWORD.reveal())
    _, token = await invite(owner, email=email)

    with pytest.raises(WrongCredentials):
        await identity.accept_invitation(visitor(), token=token, password=Secret("not the password"))
    signed_in = await identity.accept_invitation(visitor(), token=token, password=PASSWORD)

    assert signed_in.ctx.tenant_id == owner.tenant_id


async def test_an_invitation_holds_once() -> None:
    owner = await make_member_ctx(await make_tenant())
    _, token = await invite(owner)
    await identity.accept_invitation(visitor(), token=token, password=PASSWORD)

    with pytest.raises(InvitationInvalid):
        await identity.accept_invitation(visitor(), token=token, password=PASSWORD)


async def test_of_two_acceptances_at_once_one_counts() -> None:
    owner = await make_member_ctx(await make_tenant())
    _, token = await invite(owner)

    outcomes = await asyncio.gather(
        *(identity.accept_invitation(visitor(), token=token, password=PASSWORD) for _ in range(2)),
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["InvitationInvalid", "SignedIn"]


async def test_a_merchant_chooses_no_password_for_the_platforms_people() -> None:
    owner, email = await make_member_ctx(await make_tenant()), some_email()
    await make_user(email=email, platform_role=PlatformRole.ADMIN)
    _, token = await invite(owner, email=email)

    with pytest.raises(InvitationInvalid):
        await identity.accept_invitation(visitor(), token=token, password=PASSWORD)

    with pytest.raises(WrongCredentials):
        await identity.sign_in(visitor(), email=email, password=PASSWORD)


async def test_of_two_merchants_invitations_at_once_one_chooses_the_password() -> None:
    email = some_email()
    owners = [await make_member_ctx(await make_tenant()) for _ in range(2)]
    tokens = [(await invite(owner, email=email))[1] for owner in owners]

    outcomes = await asyncio.gather(
        *(identity.accept_invitation(visitor(), token=token, password=PASSWORD) for token in tokens),
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["InvitationInvalid", "SignedIn"]


async def test_an_invitation_ends() -> None:
    owner = await make_member_ctx(await make_tenant())
    _, token = await invite(owner)

    with later(hours=73), pytest.raises(InvitationInvalid):
        await identity.accept_invitation(visitor(), token=token, password=PASSWORD)


async def test_a_merchants_transaction_turns_no_invitation_into_a_seat_elsewhere() -> None:
    owner, other = await make_member_ctx(await make_tenant()), await make_member_ctx(await make_tenant())
    await invite(owner)
    seat, _ = await invite(other, role=MemberRole.OWNER)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with transaction(owner) as tx:
            await tx.execute("UPDATE invitation SET tenant_id = $1, member_id = $2", other.tenant_id, seat)


async def test_an_invitation_seats_nobody_where_somebody_else_is_asked_in() -> None:
    owner, other = await make_member_ctx(await make_tenant()), await make_member_ctx(await make_tenant())
    member_id, token = await invite(owner)
    seat, _ = await invite(other, role=MemberRole.OWNER)
    async with governing(admin_ctx()) as tx:
        await tx.execute(
            "UPDATE invitation SET tenant_id = $1, member_id = $2 WHERE member_id = $3",
            other.tenant_id,
            seat,
            member_id,
        )

    with pytest.raises(InvitationInvalid):
        await identity.accept_invitation(visitor(), token=token, password=PASSWORD)


@pytest.mark.parametrize("text", ["", "fd_invite_x", "fd_session_" + "0" * 49])
async def test_what_is_no_invitation_is_refused(text: str) -> None:
    with pytest.raises(InvitationInvalid):
        await identity.accept_invitation(visitor(), token=Secret(text), password=PASSWORD)


async def test_a_chosen_password_is_long_enough() -> None:
    owner = await make_member_ctx(await make_tenant())
    _, token = await invite(owner)

    with pytest.raises(WeakPassword):
        await identity.accept_invitation(visitor(), token=token, password=Secret("short"))


async def test_a_removed_member_cannot_accept_any_more() -> None:
    owner = await make_member_ctx(await make_tenant())
    member_id, token = await invite(owner)
    async with transaction(owner) as tx:
        await identity.remove_member(tx, owner, member_id=member_id)

    with pytest.raises(InvitationInvalid):
        await identity.accept_invitation(visitor(), token=token, password=PASSWORD)


async def test_a_person_is_invited_once() -> None:
    owner = await make_member_ctx(await make_tenant())
    email = some_email()
    await invite(owner, email=email)

    with pytest.raises(AlreadyMember):
        await invite(owner, email=email)


async def test_who_was_removed_comes_back_to_the_same_seat() -> None:
    owner = await make_member_ctx(await make_tenant())
    email = some_email()
    member_id, _ = await invite(owner, email=email)
    async with transaction(owner) as tx:
        await identity.remove_member(tx, owner, member_id=member_id)

    again, _ = await invite(owner, email=email, role=MemberRole.FINANCE)

    assert again == member_id


async def test_an_address_must_be_one() -> None:
    owner = await make_member_ctx(await make_tenant())

    with pytest.raises(BadEmail):
        await invite(owner, email="nobody")


@pytest.mark.parametrize("role", [role for role in MemberRole if role is not MemberRole.OWNER])
async def test_only_owners_say_who_works_here(role: MemberRole) -> None:
    ctx = await make_member_ctx(await make_tenant(), role=role)

    with pytest.raises(NotAllowed):
        await invite(ctx)


async def test_nobody_grants_or_takes_a_role_above_their_own() -> None:
    tenant_id = await make_tenant()
    owner_id = await make_member(tenant_id)
    ctx = await make_member_ctx(tenant_id, role=MemberRole.SUPPORT)
    ctx = replace(ctx, permissions=ctx.permissions | {"members.edit", "members.read"})

    for attempt in (
        lambda: invite(ctx, role=MemberRole.MANAGER),
        lambda: change(ctx, owner_id, MemberRole.SUPPORT),
        lambda: remove(ctx, owner_id),
    ):
        with pytest.raises(RoleTooHigh):
            await attempt()


async def change(ctx: Ctx, member_id: MemberId, role: MemberRole, *, version: int = 1) -> Member:
    async with transaction(ctx) as tx:
        return await identity.change_member_role(tx, ctx, member_id=member_id, role=role, version=version)


async def remove(ctx: Ctx, member_id: MemberId) -> None:
    async with transaction(ctx) as tx:
        await identity.remove_member(tx, ctx, member_id=member_id)


async def test_a_role_changes_and_counts_its_version() -> None:
    tenant_id = await make_tenant()
    owner = await make_member_ctx(tenant_id)
    member_id = await make_member(tenant_id, role=MemberRole.SUPPORT)

    changed = await change(owner, member_id, MemberRole.MANAGER)

    assert (changed.role, changed.version) == (MemberRole.MANAGER, 2)
    with pytest.raises(StaleVersion) as stale:
        await change(owner, member_id, MemberRole.SUPPORT)
    assert stale.value.current_version == 2


async def test_the_last_owner_stays_one() -> None:
    tenant_id = await make_tenant()
    owner = await make_member_ctx(tenant_id)
    [only] = await members_of(owner)
    await invite(owner, role=MemberRole.OWNER)

    with pytest.raises(LastOwner):
        await remove(owner, only.id)
    with pytest.raises(LastOwner):
        await change(owner, only.id, MemberRole.MANAGER)


async def test_two_owners_cannot_remove_each_other_at_the_same_time() -> None:
    tenant_id = await make_tenant()
    one, other = await make_member_ctx(tenant_id), await make_member_ctx(tenant_id)
    [first, second] = await members_of(one)

    outcomes = await asyncio.gather(remove(one, second.id), remove(other, first.id), return_exceptions=True)

    assert sorted(str(type(outcome).__name__) for outcome in outcomes) == ["LastOwner", "NoneType"]


async def test_what_happened_to_people_is_in_the_log() -> None:
    tenant_id = await make_tenant()
    owner = await make_member_ctx(tenant_id)
    member_id = await make_member(tenant_id, role=MemberRole.SUPPORT)
    await change(owner, member_id, MemberRole.FINANCE)
    await remove(owner, member_id)

    async with reading(owner) as tx:
        entries = await audit.list_entries(tx, owner, subject_id=member_id)

    assert [entry["action"] for entry in entries] == ["member.removed", "member.role_changed", "member.joined"]
    assert entries[1]["detail"] == {"before": "SUPPORT", "after": "FINANCE"}


async def test_another_tenants_people_are_invisible() -> None:
    mine, theirs = await make_tenant(), await make_tenant()
    owner, stranger_id = await make_member_ctx(mine), await make_member(theirs)

    assert all(member.id != stranger_id for member in await members_of(owner))
    with pytest.raises(NotFound):
        await change(owner, stranger_id, MemberRole.SUPPORT)
    with pytest.raises(NotFound):
        await remove(owner, stranger_id)


async def test_a_person_of_two_tenants_is_listed_in_each_alone() -> None:
    mine, theirs = await make_tenant(), await make_tenant()
    owner = await make_member_ctx(mine)
    assert owner.actor_id is not None
    await make_member(theirs, user_id=owner.actor_id)  # type: ignore[arg-type]

    assert [member.tenant_id for member in await members_of(owner)] == [mine]


async def test_the_platform_invites_a_tenants_first_owner() -> None:
    ctx, tenant_id = admin_ctx(), await make_tenant()
    async with governing(ctx) as tx:
        _, token = await identity.invite_owner(tx, ctx, tenant_id=tenant_id, email=some_email(), name="First Owner")
    assert token is not None

    signed_in = await identity.accept_invitation(visitor(), token=token, password=PASSWORD)

    assert signed_in.ctx.tenant_id == TenantId(tenant_id)
    assert signed_in.ctx.permissions == identity.MERCHANT_PERMISSIONS


async def test_no_merchants_transaction_makes_an_administrator() -> None:
    owner = await make_member_ctx(await make_tenant())

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with transaction(owner) as tx:
            await tx.execute("UPDATE user_account SET platform_role = 'ADMIN' WHERE id = $1", owner.actor_id)
