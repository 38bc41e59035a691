"""Break glass: the platform's people look at a merchant's side, and the merchant sees and ends it."""

from dataclasses import replace

import pytest

from fondaco_core import audit, identity, limits
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound, Unauthenticated
from fondaco_core.identity import BadMoment, BreakGlass, MemberRole, PlatformRole
from fondaco_core.ids import TenantId, new_id
from fondaco_core.secret import Secret
from tests.core.identity.people import visitor
from tests.support.clock import later
from tests.support.factories.identity import admin_ctx, make_member_ctx, make_user
from tests.support.factories.tenancy import make_tenant
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")


async def make_admin() -> Ctx:
    return replace(admin_ctx(), actor_id=await make_user(name="Pat", platform_role=PlatformRole.ADMIN))


async def look(
    admin: Ctx, tenant_id: TenantId, *, reason: str = "a complaint", minutes: int = 30
) -> tuple[BreakGlass, Secret[str]]:
    async with governing(admin) as tx:
        glass, started = await identity.break_glass(tx, admin, tenant_id=tenant_id, reason=reason, minutes=minutes)
    return glass, started.token


async def test_who_looks_sees_what_an_auditor_sees_and_no_code() -> None:
    tenant_id = await make_tenant()

    _, token = await look(await make_admin(), tenant_id)

    ctx = await identity.authenticate_bearer(token, visitor())
    assert (ctx.actor, ctx.tenant_id) == (ActorKind.BREAK_GLASS, tenant_id)
    assert ctx.permissions == identity.ROLE_PERMISSIONS[MemberRole.AUDITOR]
    assert not [name for name in ctx.permissions if not name.endswith(".read")]


async def test_the_merchant_sees_who_why_and_until_when() -> None:
    owner = await make_member_ctx(await make_tenant())
    await look(await make_admin(), owner.tenant)

    async with reading(owner) as tx:
        [shown] = await identity.list_break_glass(tx, owner, open_only=True)
        entries = await audit.list_entries(tx, owner, action="break_glass.opened")

    assert (shown.user_name, shown.reason, shown.is_open()) == ("Pat", "a complaint", True)
    assert [(entry["reason"], entry["tenant_id"]) for entry in entries] == [("a complaint", owner.tenant_id)]


async def test_a_look_ends_by_itself() -> None:
    owner = await make_member_ctx(await make_tenant())
    _, token = await look(await make_admin(), owner.tenant, minutes=5)
    await identity.authenticate_bearer(token, visitor())

    with later(minutes=5):
        with pytest.raises(Unauthenticated):
            await identity.authenticate_bearer(token, visitor())
        async with reading(owner) as tx:
            assert await identity.list_break_glass(tx, owner, open_only=True) == []
            assert len(await identity.list_break_glass(tx, owner)) == 1


async def test_the_merchant_ends_it_at_once() -> None:
    owner = await make_member_ctx(await make_tenant())
    glass, token = await look(await make_admin(), owner.tenant)

    async with transaction(owner) as tx:
        await identity.end_break_glass(tx, owner, break_glass_id=glass.id)
    async with transaction(owner) as tx:
        ended = await identity.end_break_glass(tx, owner, break_glass_id=glass.id)

    assert not ended.is_open()
    with later(seconds=limits.CREDENTIAL_CACHE_S), pytest.raises(Unauthenticated):
        await identity.authenticate_bearer(token, visitor())
    await assert_invariants()


async def test_who_is_none_of_the_platforms_any_more_looks_no_longer() -> None:
    admin = await make_admin()
    _, token = await look(admin, await make_tenant())
    async with governing(admin) as tx:
        await tx.execute("UPDATE user_account SET platform_role = 'AUDITOR' WHERE id = $1", admin.actor_id)

    with pytest.raises(Unauthenticated):
        await identity.authenticate_bearer(token, visitor())


async def test_a_merchant_ends_no_look_at_another() -> None:
    owner = await make_member_ctx(await make_tenant())
    glass, _ = await look(await make_admin(), await make_tenant())

    with pytest.raises(NotFound):
        async with transaction(owner) as tx:
            await identity.end_break_glass(tx, owner, break_glass_id=glass.id)


async def test_nobody_looks_without_a_reason_for_long_or_at_nothing() -> None:
    admin, tenant_id = await make_admin(), await make_tenant()

    for reason, minutes, refusal in (
        (" ", 30, Invalid), ("a reason", 0, BadMoment), ("a reason", limits.BREAK_GLASS_MAX_MIN + 1, BadMoment),
    ):  # fmt: skip
        with pytest.raises(refusal):
            await look(admin, tenant_id, reason=reason, minutes=minutes)
    with pytest.raises(NotFound):
        await look(admin, TenantId(new_id()))


async def test_the_platforms_auditors_break_no_glass() -> None:
    auditor = replace(await make_admin(), permissions=frozenset({"platform.read", "audit.read"}))

    with pytest.raises(NotAllowed):
        await look(auditor, await make_tenant())
