"""What a token is worth, and until when, on a real database as the restricted roles."""

from uuid import UUID, uuid4

import pytest

from fondaco_core import identity, limits, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import new_token
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import NotFound, Unauthenticated
from fondaco_core.identity import GUEST_PERMISSIONS, KnownClient, MemberRole, SessionKind, Started
from fondaco_core.ids import MemberId, TenantId
from fondaco_core.secret import Secret
from tests.support.clock import later
from tests.support.factories.identity import admin_ctx, make_member, make_member_ctx, make_user
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")

VISITOR = Ctx(request_id="a request", ip="192.0.2.1", user_agent="a test", locale="zh-CN")


async def start_member(tenant_id: TenantId) -> tuple[MemberId, Started]:
    user_id = await make_user()
    member_id = await make_member(tenant_id, user_id=user_id, role=MemberRole.MANAGER)
    ctx = Ctx(tenant_id=tenant_id)
    async with transaction(ctx) as tx:
        started = await identity.start_session(
            tx, ctx, kind=SessionKind.MEMBER, tenant_id=tenant_id, user_id=user_id, member_id=member_id
        )
    return member_id, started


async def start_client(owner: Ctx, *scopes: str) -> tuple[KnownClient, Secret[str], Started]:
    async with transaction(owner) as tx:
        client, secret = await identity.create_api_client(tx, owner, name="A machine", scopes=scopes)
    known = await identity.find_api_client(client.client_id)
    assert known is not None
    return known, secret, await identity.start_access(VISITOR, known, scopes=known.scopes)


async def refuses(token: Secret[str]) -> bool:
    try:
        await identity.authenticate_bearer(token, VISITOR)
    except Unauthenticated:
        return True
    return False


async def test_a_session_says_who_asks_and_the_request_what_it_is() -> None:
    tenant_id = await make_tenant()
    _, started = await start_member(tenant_id)

    asked = await identity.authenticate_bearer(started.token, VISITOR)

    assert (asked.actor, asked.tenant_id) == (ActorKind.MEMBER, tenant_id)
    assert (asked.request_id, asked.ip, asked.user_agent, asked.locale) == ("a request", "192.0.2.1", "a test", "zh-CN")


async def test_what_is_no_token_of_ours_is_refused_without_asking_the_database() -> None:
    _, started = await start_member(await make_tenant())
    text = started.token.reveal()
    changed = text[:-1] + ("0" if text[-1] != "0" else "1")

    for wrong in ("", "x", changed, text.replace("session", "access"), "fd_order_", "fd_order_!!!", "fd_order_AAAA"):
        assert await refuses(Secret(wrong)), wrong


async def test_a_token_that_was_never_given_out_is_refused() -> None:

    assert await refuses(new_token("session"))


async def test_a_session_ends_without_use() -> None:
    _, started = await start_member(await make_tenant())

    with later(hours=limits.SESSION_IDLE_HOURS - 1):
        assert not await refuses(started.token)
    with later(hours=2 * limits.SESSION_IDLE_HOURS - 2):
        assert not await refuses(started.token)
    with later(hours=3 * limits.SESSION_IDLE_HOURS):
        assert await refuses(started.token)


async def test_a_session_ends_in_any_case() -> None:
    _, started = await start_member(await make_tenant())

    for hours in range(6, limits.SESSION_MAX_HOURS, 6):
        with later(hours=hours):
            assert not await refuses(started.token)
    with later(hours=limits.SESSION_MAX_HOURS):
        assert await refuses(started.token)


async def test_a_removed_member_is_out_within_seconds() -> None:
    tenant_id = await make_tenant()
    owner = await make_member_ctx(tenant_id)
    member_id, started = await start_member(tenant_id)
    assert not await refuses(started.token)
    async with transaction(owner) as tx:
        await identity.remove_member(tx, owner, member_id=member_id)

    with later(seconds=limits.CREDENTIAL_CACHE_S):
        assert await refuses(started.token)


async def test_a_changed_role_counts_within_seconds() -> None:
    tenant_id = await make_tenant()
    owner = await make_member_ctx(tenant_id)
    member_id, started = await start_member(tenant_id)
    async with transaction(owner) as tx:
        await identity.change_member_role(tx, owner, member_id=member_id, role=MemberRole.AUDITOR, version=1)

    with later(seconds=limits.CREDENTIAL_CACHE_S):
        asked = await identity.authenticate_bearer(started.token, VISITOR)

    assert asked.permissions == identity.ROLE_PERMISSIONS[MemberRole.AUDITOR]


async def test_a_suspended_tenants_people_only_look_and_a_closed_ones_are_gone() -> None:
    tenant_id, admin = await make_tenant(), admin_ctx()
    _, started = await start_member(tenant_id)
    async with governing(admin) as tx:
        await tenancy.suspend_tenant(tx, admin, tenant_id, reason="a reason")
    with later(seconds=limits.CREDENTIAL_CACHE_S):
        asked = await identity.authenticate_bearer(started.token, VISITOR)
    async with governing(admin) as tx:
        await tenancy.close_tenant(tx, admin, tenant_id, reason="a reason")

    assert asked.permissions
    assert all(name.endswith(".read") for name in asked.permissions)
    with later(seconds=2 * limits.CREDENTIAL_CACHE_S):
        assert await refuses(started.token)


async def test_an_access_token_has_the_scopes_and_ends_soon() -> None:
    owner = await make_member_ctx(await make_tenant())
    known, _, started = await start_client(owner, "catalog.read", "orders.read")

    asked = await identity.authenticate_bearer(started.token, VISITOR)

    assert (asked.actor, asked.actor_id) == (ActorKind.API_CLIENT, known.id)
    assert asked.permissions == {"catalog.read", "orders.read"}
    with later(seconds=limits.ACCESS_TOKEN_S):
        assert await refuses(started.token)


async def test_a_revoked_client_is_out_within_seconds_and_gets_no_new_token() -> None:
    owner = await make_member_ctx(await make_tenant())
    known, _, started = await start_client(owner, "catalog.read")
    assert not await refuses(started.token)
    async with transaction(owner) as tx:
        await identity.revoke_api_client(tx, owner, api_client_id=known.id)

    assert await identity.find_api_client(known.client_id) is None
    with later(seconds=limits.CREDENTIAL_CACHE_S):
        assert await refuses(started.token)


async def test_a_closed_tenants_client_gets_no_token() -> None:
    tenant_id, admin = await make_tenant(), admin_ctx()
    known, _, started = await start_client(await make_member_ctx(tenant_id), "catalog.read")
    async with governing(admin) as tx:
        await tenancy.close_tenant(tx, admin, tenant_id, reason="a reason")

    assert await identity.find_api_client(known.client_id) is None
    with later(seconds=limits.CREDENTIAL_CACHE_S):
        assert await refuses(started.token)


async def test_a_secret_is_the_clients_own() -> None:
    owner = await make_member_ctx(await make_tenant())
    known, secret, _ = await start_client(owner, "catalog.read")
    _, others, _ = await start_client(owner, "catalog.read")

    assert known.has_secret(secret)
    assert not known.has_secret(others)
    assert await identity.find_api_client("no such client") is None


async def test_a_guests_token_opens_one_order_of_one_version() -> None:
    tenant_id, order_id = await make_tenant(), uuid4()
    token = identity.new_order_token(tenant_id=tenant_id, order_id=order_id, version=3)

    asked = await identity.authenticate_bearer(token, VISITOR)

    assert (asked.actor, asked.tenant_id, asked.order_id) == (ActorKind.GUEST, tenant_id, order_id)
    assert (asked.order_token_version, asked.permissions) == (3, GUEST_PERMISSIONS)
    assert asked.customer_id is None


async def test_a_guests_token_ends_and_cannot_be_changed() -> None:
    token = identity.new_order_token(tenant_id=TenantId(uuid4()), order_id=uuid4(), version=1)
    text = token.reveal()

    for place in range(len("fd_order_"), len(text) - 1, 7):
        swapped = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert await refuses(Secret(swapped)), place
    with later(days=limits.ORDER_TOKEN_DAYS):
        assert await refuses(token)


async def test_a_guests_token_is_no_session_cookie() -> None:
    token = identity.new_order_token(tenant_id=TenantId(uuid4()), order_id=uuid4(), version=1)

    assert await identity.authenticate_session(token, VISITOR) is None


async def test_one_sees_and_ends_ones_own_sessions() -> None:
    tenant_id = await make_tenant()
    _, started = await start_member(tenant_id)
    asked = await identity.authenticate_bearer(started.token, VISITOR)

    async with transaction(asked) as tx:
        listed = await identity.list_sessions(tx, asked)
        await identity.revoke_session(tx, asked, session_id=started.id)
        left = await identity.list_sessions(tx, asked)

    assert ([each.id for each in listed], left) == ([started.id], [])
    with later(seconds=limits.CREDENTIAL_CACHE_S):
        assert await refuses(started.token)


async def test_an_owner_ends_the_sessions_of_who_works_there_and_of_nobody_else() -> None:
    tenant_id = await make_tenant()
    owner = await make_member_ctx(tenant_id)
    _, theirs = await start_member(tenant_id)
    _, strange = await start_member(await make_tenant())

    async with transaction(owner) as tx:
        await identity.revoke_session(tx, owner, session_id=theirs.id)

    assert await refuses(theirs.token)
    with pytest.raises(NotFound):
        async with transaction(owner) as tx:
            await identity.revoke_session(tx, owner, session_id=strange.id)


async def test_a_colleague_may_not_end_ones_sessions() -> None:
    tenant_id = await make_tenant()
    colleague = await make_member_ctx(tenant_id, role=MemberRole.MANAGER)
    _, theirs = await start_member(tenant_id)

    with pytest.raises(NotFound):
        async with transaction(colleague) as tx:
            await identity.revoke_session(tx, colleague, session_id=theirs.id)


async def test_nobody_reads_a_token_out_of_the_database() -> None:
    tenant_id = await make_tenant()
    _, started = await start_member(tenant_id)

    async with reading(Ctx(tenant_id=tenant_id)) as tx:
        row = await tx.fetchrow("SELECT * FROM session WHERE id = $1", started.id)

    assert row is not None
    assert started.token.reveal() not in str(dict(row))
    assert started.token.reveal().encode() != row["token_hash"]


async def test_a_disabled_account_is_out() -> None:
    tenant_id = await make_tenant()
    _, started = await start_member(tenant_id)
    asked = await identity.authenticate_bearer(started.token, VISITOR)
    assert isinstance(asked.actor_id, UUID)
    async with governing(admin_ctx()) as tx:
        await tx.execute("UPDATE user_account SET disabled_at = now() WHERE id = $1", asked.actor_id)

    with later(seconds=limits.CREDENTIAL_CACHE_S):
        assert await refuses(started.token)
