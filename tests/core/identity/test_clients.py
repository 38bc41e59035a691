"""API clients, on a real database as the restricted roles."""

from uuid import uuid4

import asyncpg
import pytest

from fondaco_core import audit, identity
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound
from fondaco_core.identity import ApiClient, MemberRole, RoleTooHigh, UnknownScope
from fondaco_core.ids import ApiClientId, CustomerId
from fondaco_core.secret import Secret
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")


async def create(
    ctx: Ctx, *scopes: str, name: str = "A machine", customer_id: CustomerId | None = None
) -> tuple[ApiClient, Secret[str]]:
    async with transaction(ctx) as tx:
        return await identity.create_api_client(tx, ctx, name=name, scopes=scopes, customer_id=customer_id)


async def test_a_client_has_a_name_a_public_id_and_scopes() -> None:
    owner = await make_member_ctx(await make_tenant())

    client, secret = await create(owner, "orders.read", "catalog.read", "orders.read")

    assert (client.name, client.scopes) == ("A machine", ("catalog.read", "orders.read"))
    assert secret.reveal() not in repr(client) + repr(secret)


async def test_a_client_gets_no_right_that_its_maker_lacks() -> None:
    ctx = await make_member_ctx(await make_tenant(), role=MemberRole.MANAGER)

    with pytest.raises(RoleTooHigh):
        await create(ctx, "codes.reveal")


@pytest.mark.parametrize("scope", ["buyer.order", "platform.tenants", "nothing", ""])
async def test_a_tenants_client_has_a_tenants_scopes(scope: str) -> None:
    owner = await make_member_ctx(await make_tenant())

    with pytest.raises(UnknownScope):
        await create(owner, scope)


async def test_a_buyers_client_has_a_buyers_scopes() -> None:
    owner = await make_member_ctx(await make_tenant())
    buyer = CustomerId(uuid4())

    client, _ = await create(owner, "buyer.order", customer_id=buyer)

    assert client.customer_id == buyer
    with pytest.raises(UnknownScope):
        await create(owner, "orders.read", customer_id=buyer)


async def test_a_client_has_a_name() -> None:
    owner = await make_member_ctx(await make_tenant())

    with pytest.raises(Invalid):
        await create(owner, name=" ")


async def test_who_may_not_make_clients_makes_none() -> None:
    ctx = await make_member_ctx(await make_tenant(), role=MemberRole.AUDITOR)

    with pytest.raises(NotAllowed):
        await create(ctx, "catalog.read")


async def test_revoking_twice_is_revoking_once() -> None:
    owner = await make_member_ctx(await make_tenant())
    client, _ = await create(owner, "catalog.read")

    async with transaction(owner) as tx:
        first = await identity.revoke_api_client(tx, owner, api_client_id=client.id)
        second = await identity.revoke_api_client(tx, owner, api_client_id=client.id)
        entries = await audit.list_entries(tx, owner, subject_id=client.id)

    assert first.revoked_at == second.revoked_at is not None
    assert [entry["action"] for entry in entries] == ["client.revoked", "client.created"]


async def test_another_tenants_clients_are_invisible() -> None:
    owner, stranger = await make_member_ctx(await make_tenant()), await make_member_ctx(await make_tenant())
    client, _ = await create(stranger, "catalog.read")

    async with reading(owner) as tx:
        listed = await identity.list_api_clients(tx, owner)
        some = await identity.clients_by_ids(tx, owner, [client.id])

    assert (listed, some) == ([], {})
    for id_ in (client.id, ApiClientId(uuid4())):
        with pytest.raises(NotFound):
            async with transaction(owner) as tx:
                await identity.revoke_api_client(tx, owner, api_client_id=id_)


async def test_clients_are_listed_newest_first() -> None:
    owner = await make_member_ctx(await make_tenant())
    made = [(await create(owner, "catalog.read"))[0].id for _ in range(3)]

    async with reading(owner) as tx:
        page = await identity.list_api_clients(tx, owner, count=2)
        rest = await identity.list_api_clients(tx, owner, after=page[-1].id)

    assert [client.id for client in [*page, *rest]] == made[::-1]


async def test_the_platform_never_reads_the_hash_of_a_secret() -> None:

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with governing(admin_ctx()) as tx:
            await tx.fetch("SELECT secret_hash FROM api_client")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with governing(admin_ctx()) as tx:
            await tx.fetch("SELECT token_hash FROM session")
