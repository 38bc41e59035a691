"""Machines within their bounds: networks, an end, another secret, and a buyer who agrees."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fondaco_core import clock, identity, limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.crypto import hash_password
from fondaco_core.db import governing, transaction
from fondaco_core.errors import NotFound, Unauthenticated
from fondaco_core.identity import ApiClient, BadMoment, BadNetwork, MemberRole, RoleTooHigh, UnknownScope
from fondaco_core.identity.rules import checked_networks, may_ask_from
from fondaco_core.secret import Secret
from fondaco_tenants import customers
from tests.support.clock import later
from tests.support.factories.customers import customer_ctx, make_customer, make_customer_ctx
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")

HOME, AWAY = Ctx(ip="203.0.113.7"), Ctx(ip="198.51.100.7")


async def create(
    ctx: Ctx, *, networks: tuple[str, ...] = (), expires_at: datetime | None = None
) -> tuple[ApiClient, Secret[str]]:
    async with transaction(ctx) as tx:
        return await identity.create_api_client(
            tx, ctx, name="A machine", scopes=["orders.read"], networks=networks, expires_at=expires_at
        )


async def found(client: ApiClient) -> identity.KnownClient:
    known = await identity.find_api_client(client.client_id)
    assert known is not None
    return known


async def start(client: ApiClient) -> Secret[str]:
    known = await found(client)
    return (await identity.start_access(HOME, known, scopes=known.scopes)).token


@pytest.mark.parametrize(
    ("ip", "inside"),
    [
        ("203.0.113.7", True), ("::ffff:203.0.113.7", True), ("2001:db8:1::9", True), ("203.0.114.7", False),
        ("2001:db9::1", False), (None, False), ("nowhere", False),
    ],
)  # fmt: skip
def test_an_address_lies_in_a_network_or_does_not(ip: str | None, inside: bool) -> None:  # noqa: FBT001
    assert may_ask_from(ip, ("203.0.113.0/24", "2001:db8::/32")) is inside


def test_networks_are_kept_in_one_spelling() -> None:
    assert checked_networks([" 203.0.113.9/24 ", "203.0.113.0/24", "2001:DB8::/32"]) == (
        "203.0.113.0/24",
        "2001:db8::/32",
    )
    for wrong in (["203.0.113.0/33"], ["example.com"], [""], ["10.0.0.1"] * (limits.CLIENT_NETWORKS_MAX + 1)):
        with pytest.raises(BadNetwork):
            checked_networks(wrong)


async def test_a_token_is_worth_nothing_outside_of_its_machines_networks() -> None:
    owner = await make_member_ctx(await make_tenant())
    client, _ = await create(owner, networks=("203.0.113.0/24",))
    token = await start(client)

    assert (await identity.authenticate_bearer(token, HOME)).actor_id == client.id
    with pytest.raises(Unauthenticated):
        await identity.authenticate_bearer(token, AWAY)
    known = await found(client)
    assert known.may_ask_from(HOME.ip)
    assert not known.may_ask_from(AWAY.ip)


async def test_credentials_end_when_it_was_said_and_their_tokens_with_them() -> None:
    owner = await make_member_ctx(await make_tenant())
    client, _ = await create(owner, expires_at=clock.now() + timedelta(minutes=10))
    token = await start(client)

    with later(minutes=10):
        assert await identity.find_api_client(client.client_id) is None
        with pytest.raises(Unauthenticated):
            await identity.authenticate_bearer(token, HOME)
    with pytest.raises(BadMoment):
        await create(owner, expires_at=clock.now())


async def test_two_secrets_count_while_they_overlap() -> None:
    owner = await make_member_ctx(await make_tenant())
    client, before = await create(owner)

    async with transaction(owner) as tx:
        _, after = await identity.rotate_secret(tx, owner, api_client_id=client.id, overlap_hours=1)

    known = await found(client)
    assert known.has_secret(before)
    assert known.has_secret(after)
    with later(hours=1, seconds=1):
        known = await found(client)
        assert not known.has_secret(before)
        assert known.has_secret(after)


@pytest.mark.parametrize("hours", [-1, limits.SECRET_OVERLAP_MAX_HOURS + 1])
async def test_secrets_do_not_overlap_for_ever(hours: int) -> None:
    owner = await make_member_ctx(await make_tenant())
    client, _ = await create(owner)

    with pytest.raises(BadMoment):
        async with transaction(owner) as tx:
            await identity.rotate_secret(tx, owner, api_client_id=client.id, overlap_hours=hours)


async def test_who_may_ask_from_where_is_said_anew() -> None:
    owner = await make_member_ctx(await make_tenant())
    client, _ = await create(owner)
    token = await start(client)
    await identity.authenticate_bearer(token, AWAY)

    async with transaction(owner) as tx:
        await identity.restrict_client(tx, owner, api_client_id=client.id, networks=["203.0.113.0/24"], expires_at=None)

    with later(seconds=limits.CREDENTIAL_CACHE_S), pytest.raises(Unauthenticated):
        await identity.authenticate_bearer(token, AWAY)


async def test_an_end_that_comes_soon_is_announced_once() -> None:
    owner = await make_member_ctx(await make_tenant())
    client, _ = await create(owner, expires_at=clock.now() + timedelta(days=limits.CLIENT_ENDS_SOON_DAYS - 1))
    await create(owner, expires_at=clock.now() + timedelta(days=limits.CLIENT_ENDS_SOON_DAYS + 1))
    job = system_ctx("test", permissions=frozenset({"system.run"}))

    for _ in range(2):
        await identity.announce_endings(job)

    async with governing(job) as tx:
        told = await tx.fetchval(
            "SELECT count(*) FROM outbox_event WHERE name = 'client.ends_soon' AND tenant_id = $1", owner.tenant_id
        )
        noticed = await tx.fetchval("SELECT noticed_at IS NOT NULL FROM api_client WHERE id = $1", client.id)
    assert (told, noticed) == (1, True)


async def test_a_merchants_machine_spends_a_buyers_money_when_the_buyer_agrees() -> None:
    tenant_id = await make_tenant()
    owner = await make_member_ctx(tenant_id)
    customer_id = await make_customer(tenant_id, password_hash=await hash_password(Secret("a password of four words")))
    buyer, other = customer_ctx(tenant_id, customer_id), await make_customer_ctx(tenant_id)
    async with transaction(owner) as tx:
        client, _ = await customers.create_buyer_client(
            tx, owner, customer_id=customer_id, name="A shop", scopes=["buyer.order"]
        )

    assert client.awaits_consent
    assert await identity.find_api_client(client.client_id) is None
    with pytest.raises(NotFound):
        async with transaction(other) as tx:
            await identity.approve_client(tx, other, api_client_id=client.id)
    async with transaction(buyer) as tx:
        await identity.approve_client(tx, buyer, api_client_id=client.id)
    assert await identity.find_api_client(client.client_id) is not None


async def test_a_buyer_makes_and_ends_machines_of_their_own() -> None:
    tenant_id = await make_tenant()
    buyer, other = await make_customer_ctx(tenant_id), await make_customer_ctx(tenant_id)
    async with transaction(buyer) as tx:
        client, _ = await identity.create_own_client(tx, buyer, name="Mine", scopes=["buyer.order", "buyer.reveal"])
        assert [each.id for each in await identity.list_own_clients(tx, buyer)] == [client.id]

    for scope, refusal in (("orders.read", UnknownScope), ("buyer.clients", UnknownScope)):
        with pytest.raises(refusal):
            async with transaction(buyer) as tx:
                await identity.create_own_client(tx, buyer, name="Mine", scopes=[scope])
    with pytest.raises(NotFound):
        async with transaction(other) as tx:
            await identity.revoke_api_client(tx, other, api_client_id=client.id)
    async with transaction(buyer) as tx:
        ended = await identity.revoke_api_client(tx, buyer, api_client_id=client.id)
    assert ended.revoked_at is not None


async def test_a_blocked_buyers_machines_stop_and_come_back() -> None:
    tenant_id = await make_tenant()
    owner, buyer = await make_member_ctx(tenant_id), await make_customer_ctx(tenant_id)
    assert buyer.customer_id is not None
    async with transaction(buyer) as tx:
        client, _ = await identity.create_own_client(tx, buyer, name="Mine", scopes=["buyer.order"])
    token = await start(client)

    async with transaction(owner) as tx:
        await customers.block_customer(tx, owner, customer_id=buyer.customer_id, reason="fraud")

    assert await identity.find_api_client(client.client_id) is None
    with pytest.raises(Unauthenticated):
        await identity.authenticate_bearer(token, HOME)
    async with transaction(owner) as tx:
        await customers.unblock_customer(tx, owner, customer_id=buyer.customer_id, reason="a mistake")
    assert await identity.find_api_client(client.client_id) is not None


@pytest.mark.parametrize("scope", ["codes.reveal", "codes.export"])
async def test_nobody_is_shown_the_secret_of_a_machine_that_may_more_than_they(scope: str) -> None:
    tenant_id = await make_tenant()
    owner, manager = [await make_member_ctx(tenant_id, role=role) for role in (MemberRole.OWNER, MemberRole.MANAGER)]
    async with transaction(owner) as tx:
        client, _ = await identity.create_api_client(tx, owner, name="A machine", scopes=[scope, "orders.read"])

    with pytest.raises(RoleTooHigh):
        async with transaction(manager) as tx:
            await customers.rotate_client_secret(tx, manager, api_client_id=client.id, overlap_hours=0)

    async with transaction(owner) as tx:
        _, after = await customers.rotate_client_secret(tx, owner, api_client_id=client.id, overlap_hours=0)
    assert (await found(client)).has_secret(after)


async def test_a_merchant_is_not_shown_the_secret_of_a_machine_that_its_buyer_looks_after() -> None:
    tenant_id = await make_tenant()
    owner = await make_member_ctx(tenant_id)
    customer_id = await make_customer(tenant_id, password_hash=await hash_password(Secret("a password of four words")))
    buyer = customer_ctx(tenant_id, customer_id)
    async with transaction(buyer) as tx:
        client, before = await identity.create_own_client(
            tx, buyer, name="Mine", scopes=["buyer.order", "buyer.reveal"]
        )

    with pytest.raises(RoleTooHigh):
        async with transaction(owner) as tx:
            await customers.rotate_client_secret(tx, owner, api_client_id=client.id, overlap_hours=1)

    assert (await found(client)).has_secret(before)
    async with transaction(buyer) as tx:
        _, after = await customers.rotate_client_secret(tx, buyer, api_client_id=client.id, overlap_hours=1)
    assert (await found(client)).has_secret(after)


async def test_a_buyers_machine_has_no_right_that_the_buyer_lacks() -> None:
    buyer = await make_customer_ctx(await make_tenant())
    less = replace(buyer, permissions=frozenset({"buyer.clients", "buyer.read"}))

    with pytest.raises(RoleTooHigh):
        async with transaction(less) as tx:
            await identity.create_own_client(tx, less, name="Mine", scopes=["buyer.order"])
