"""People and machines for tests, valid by default."""

from uuid import uuid4

from fondaco_core import identity
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_password
from fondaco_core.db import governing
from fondaco_core.identity import PLATFORM_ADMIN_PERMISSIONS, ROLE_PERMISSIONS, MemberRole, PlatformRole
from fondaco_core.ids import MemberId, TenantId, UserId, new_id
from fondaco_core.secret import Secret


def some_email() -> str:
    """An address that nobody else has."""
    return f"p{uuid4().hex}@example.com"


def admin_ctx() -> Ctx:
    """One of the platform's admins asking."""
    return Ctx(
        actor=ActorKind.PLATFORM_ADMIN,
        actor_id=new_id(),
        permissions=PLATFORM_ADMIN_PERMISSIONS,
        request_id=uuid4().hex,
    )


async def make_user(
    *,
    email: str | None = None,
    name: str = "Some person",
    password: str | None = None,
    platform_role: PlatformRole | None = None,
) -> UserId:
    """A person's account; one that can sign in when a password is given."""
    ctx = admin_ctx()
    hashed = None if password is None else await hash_password(Secret(password))
    async with governing(ctx) as tx:
        return await identity.create_user(
            tx, ctx, email=email or some_email(), name=name, password_hash=hashed, platform_role=platform_role
        )


async def make_member(
    tenant_id: TenantId, *, user_id: UserId | None = None, role: MemberRole = MemberRole.OWNER
) -> MemberId:
    """A person who works for a tenant."""
    ctx = admin_ctx()
    user = user_id or await make_user()
    async with governing(ctx) as tx:
        return await identity.create_member(tx, ctx, tenant_id=tenant_id, user_id=user, role=role)


async def make_member_ctx(tenant_id: TenantId, *, role: MemberRole = MemberRole.OWNER) -> Ctx:
    """A member of the tenant asking, with the permissions of the role; account and membership are real."""
    user_id = await make_user()
    await make_member(tenant_id, user_id=user_id, role=role)
    return Ctx(
        actor=ActorKind.MEMBER,
        actor_id=user_id,
        tenant_id=tenant_id,
        permissions=ROLE_PERMISSIONS[role],
        request_id=uuid4().hex,
    )
