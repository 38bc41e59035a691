"""Buyers as one tenant knows them, on a real database as the restricted roles."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from fondaco_core import audit, identity, limits, tenancy
from fondaco_core.context import ActorKind, Ctx, system_ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound, Unauthenticated
from fondaco_core.identity import MemberRole, TooManyAttempts, WeakPassword, WrongCredentials
from fondaco_core.ids import CustomerId, TenantId
from fondaco_core.secret import Secret
from fondaco_core.tenancy import TenantNotActive
from fondaco_tenants import customers
from fondaco_tenants.customers import BadContact, ContactTaken, CustomerBlocked, CustomerKind
from tests.support.clock import later
from tests.support.factories.customers import customer_ctx, make_customer, make_customer_ctx
from tests.support.factories.identity import admin_ctx, make_member_ctx, some_email
from tests.support.factories.storefront import make_store
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")

PASSWORD = Secret("a password of four words")


def visitor() -> Ctx:
    return Ctx(request_id=uuid4().hex, ip=f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1")


async def guest(tenant_id: TenantId, contact: str) -> CustomerId:
    ctx = Ctx(tenant_id=tenant_id)
    async with transaction(ctx) as tx:
        return await customers.find_or_create_guest(tx, ctx, contact=contact)


async def block(ctx: Ctx, customer_id: CustomerId) -> customers.Customer:
    async with transaction(ctx) as tx:
        return await customers.block_customer(tx, ctx, customer_id=customer_id, reason="charged back twice")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A.Buyer@Example.com ", "a.buyer@example.com"),
        ("+86 138-0013-8000", "008613800138000"),
        ("+1 (555) 010.0199", "+15550100199"),
    ],
)
def test_two_spellings_of_one_contact_are_equal(one: str, other: str) -> None:
    assert customers.normalised_contact(one) == customers.normalised_contact(other)


@pytest.mark.parametrize(
    "text", ["", "alice", "@", "a@b", "13800138000", "+0123456789", "+12345", "+1234567890123456", "+1555x010199"]
)
def test_what_is_no_contact_is_refused(text: str) -> None:
    with pytest.raises(BadContact):
        customers.normalised_contact(text)


def test_a_mask_shows_little() -> None:
    assert customers.masked_contact("alice@example.com") == "a***@example.com"
    assert customers.masked_contact("+8613800138000") == "+86********000"
    assert customers.masked_contact("+1234567") == "+12**567"


async def test_a_guest_is_known_again() -> None:
    tenant_id, contact = await make_tenant(), some_email()

    assert await guest(tenant_id, contact) == await guest(tenant_id, contact.upper())


async def test_two_first_orders_at_once_are_of_one_guest() -> None:
    tenant_id, contact = await make_tenant(), some_email()

    found = await asyncio.gather(*(guest(tenant_id, contact) for _ in range(5)))

    assert len(set(found)) == 1


async def test_one_person_is_not_linkable_over_tenants() -> None:
    first, second, contact = await make_tenant(), await make_tenant(), some_email()
    await guest(first, contact)
    await guest(second, contact)

    rows: list[Any] = []
    for tenant_id in (first, second):
        async with reading(Ctx(tenant_id=tenant_id)) as tx:
            rows += await tx.fetch("SELECT id, contact_lookup, contact_sealed FROM customer")

    assert len({row["contact_lookup"] for row in rows}) == len({row["id"] for row in rows}) == 2
    assert not any(contact.encode() in row["contact_sealed"] for row in rows)


async def test_an_account_does_not_open_what_a_guest_bought() -> None:
    tenant_id, contact = await make_tenant(), some_email()
    as_guest = await guest(tenant_id, contact)

    registered = await make_customer(tenant_id, contact=contact)

    assert registered != as_guest
    assert await guest(tenant_id, contact) == as_guest


async def test_a_contact_has_one_account_with_a_merchant() -> None:
    tenant_id, contact = await make_tenant(), some_email()
    await make_customer(tenant_id, contact=contact)

    with pytest.raises(ContactTaken):
        await make_customer(tenant_id, contact=f" {contact.upper()}")
    assert await make_customer(await make_tenant(), contact=contact)


async def test_nobody_registers_with_a_merchant_that_does_not_trade() -> None:
    tenant_id = await make_tenant(approved=False)

    with pytest.raises(TenantNotActive):
        await make_customer(tenant_id)


async def test_another_tenants_buyers_are_invisible() -> None:
    owner, theirs = await make_member_ctx(await make_tenant()), await make_tenant()
    stranger = await make_customer(theirs)

    async with reading(owner) as tx:
        assert await customers.list_customers(tx, owner) == []
        assert await customers.customers_by_ids(tx, owner, [stranger]) == {}
        with pytest.raises(NotFound):
            await customers.get_customer(tx, owner, stranger)
    with pytest.raises(NotFound):
        await block(owner, stranger)


async def test_a_buyer_sees_oneself_and_no_other() -> None:
    tenant_id = await make_tenant()
    buyer, other = await make_customer_ctx(tenant_id), await make_customer(tenant_id)
    assert buyer.customer_id is not None

    async with reading(buyer) as tx:
        own = await customers.get_customer(tx, buyer, buyer.customer_id)
        some = await customers.customers_by_ids(tx, buyer, [buyer.customer_id, other])
        with pytest.raises(NotAllowed):
            await customers.get_customer(tx, buyer, other)
        with pytest.raises(NotAllowed):
            await customers.list_customers(tx, buyer)

    assert list(some) == [own.id] == [buyer.customer_id]


async def test_a_buyer_is_found_by_the_whole_contact() -> None:
    tenant_id, contact = await make_tenant(), some_email()
    owner = await make_member_ctx(tenant_id, role=MemberRole.SUPPORT)
    customer_id = await make_customer(tenant_id, contact=contact)
    await make_customer(tenant_id)
    await guest(tenant_id, contact)

    async with reading(owner) as tx:
        both = await customers.list_customers(tx, owner, contact=contact.upper())
        [found] = await customers.list_customers(tx, owner, contact=contact, kind=CustomerKind.REGISTERED)

    assert found.id == customer_id
    assert len(both) == 2
    assert contact not in repr(found)


async def test_a_blocked_buyer_is_signed_out_and_is_not_sold_to() -> None:
    tenant_id, contact = await make_tenant(), some_email()
    owner = await make_member_ctx(tenant_id)
    store = await make_store(owner)
    signed_in = await customers.sign_up_customer(visitor(), store_slug=store.slug, contact=contact, password=PASSWORD)
    assert signed_in.ctx.customer_id is not None

    blocked = await block(owner, signed_in.ctx.customer_id)

    assert (blocked.blocked_at is not None, blocked.blocked_reason) == (True, "charged back twice")
    assert await identity.authenticate_session(signed_in.session.token, visitor()) is None
    with pytest.raises(CustomerBlocked):
        await customers.sign_in_customer(visitor(), store_slug=store.slug, contact=contact, password=PASSWORD)
    async with reading(owner) as tx:
        with pytest.raises(CustomerBlocked):
            await customers.require_welcome(tx, signed_in.ctx.customer_id)


async def test_a_blocked_guest_is_not_sold_to() -> None:
    tenant_id, contact = await make_tenant(), some_email()
    owner = await make_member_ctx(tenant_id)
    await block(owner, await guest(tenant_id, contact))

    with pytest.raises(CustomerBlocked):
        await guest(tenant_id, contact)


async def test_a_buyer_is_unblocked_and_the_log_tells_both() -> None:
    tenant_id = await make_tenant()
    owner, customer_id = await make_member_ctx(tenant_id), await make_customer(tenant_id)
    await block(owner, customer_id)

    async with transaction(owner) as tx:
        back = await customers.unblock_customer(tx, owner, customer_id=customer_id, reason="it was a mistake")
        entries = await audit.list_entries(tx, owner, subject_id=customer_id)

    assert (back.blocked_at, back.blocked_reason) == (None, None)
    assert [entry["action"] for entry in entries] == ["customer.unblocked", "customer.blocked", "customer.registered"]
    async with transaction(owner) as tx:
        with pytest.raises(Invalid):
            await customers.block_customer(tx, owner, customer_id=customer_id, reason="")


async def test_only_who_looks_after_buyers_changes_them() -> None:
    tenant_id = await make_tenant()
    ctx, customer_id = await make_member_ctx(tenant_id, role=MemberRole.FINANCE), await make_customer(tenant_id)

    with pytest.raises(NotAllowed):
        await block(ctx, customer_id)
    with pytest.raises(NotAllowed):
        async with transaction(ctx) as tx:
            await customers.create_customer(tx, ctx, contact=some_email())


async def test_a_buyers_machine_acts_for_that_buyer() -> None:
    tenant_id = await make_tenant()
    owner, customer_id = await make_member_ctx(tenant_id), await make_customer(tenant_id)
    async with transaction(owner) as tx:
        client, _ = await customers.create_buyer_client(
            tx, owner, customer_id=customer_id, name="A shop", scopes=["buyer.order", "buyer.reveal"]
        )
    known = await identity.find_api_client(client.client_id)
    assert known is not None

    started = await identity.start_access(visitor(), known, scopes=("buyer.order",))

    asked = await identity.authenticate_bearer(started.token, visitor())
    assert (asked.actor, asked.customer_id) == (ActorKind.API_CLIENT, customer_id)
    assert asked.permissions == {"buyer.order"}


@pytest.mark.parametrize("scope", ["buyer.reveal", "buyer.link"])
async def test_who_may_not_see_codes_makes_no_machine_that_may(scope: str) -> None:
    tenant_id = await make_tenant()
    manager, customer_id = await make_member_ctx(tenant_id, role=MemberRole.MANAGER), await make_customer(tenant_id)

    with pytest.raises(identity.RoleTooHigh):
        async with transaction(manager) as tx:
            await customers.create_buyer_client(tx, manager, customer_id=customer_id, name="A shop", scopes=[scope])


async def test_no_machine_acts_for_a_stranger_or_a_blocked_buyer() -> None:
    tenant_id = await make_tenant()
    owner, customer_id = await make_member_ctx(tenant_id), await make_customer(tenant_id)
    strange = await make_customer(await make_tenant())
    await block(owner, customer_id)

    for buyer, refusal in ((strange, NotFound), (customer_id, CustomerBlocked)):
        with pytest.raises(refusal):
            async with transaction(owner) as tx:
                await customers.create_buyer_client(tx, owner, customer_id=buyer, name="A shop", scopes=["buyer.order"])


async def test_a_contact_opens_for_the_systems_jobs_alone() -> None:
    tenant_id, contact = await make_tenant(), some_email()
    owner, customer_id = await make_member_ctx(tenant_id), await make_customer(tenant_id, contact=contact)
    job = system_ctx("a job", tenant_id=tenant_id, permissions=frozenset({"system.run"}))

    async with reading(job) as tx:
        opened = await customers.open_contact(tx, job, customer_id)

    assert opened.reveal() == contact
    with pytest.raises(NotAllowed):
        async with reading(owner) as tx:
            await customers.open_contact(tx, owner, customer_id)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with governing(admin_ctx()) as tx:
            await tx.fetch("SELECT contact_sealed FROM customer")


async def test_a_buyer_signs_up_and_in_to_a_store() -> None:
    owner = await make_member_ctx(await make_tenant())
    store, contact = await make_store(owner), some_email()
    up = await customers.sign_up_customer(
        visitor(), store_slug=store.slug, contact=contact, password=PASSWORD, name="Bo"
    )

    again = await customers.sign_in_customer(
        visitor(), store_slug=store.slug, contact=contact.upper(), password=PASSWORD
    )

    asked = await identity.authenticate_bearer(again.session.token, visitor())
    assert (asked.actor, asked.customer_id) == (ActorKind.CUSTOMER, up.ctx.customer_id)
    assert asked.permissions == identity.BUYER_PERMISSIONS
    assert asked.tenant_id == owner.tenant_id


async def test_what_one_may_do_elsewhere_does_not_come_along() -> None:
    owner = await make_member_ctx(await make_tenant())
    store = await make_store(await make_member_ctx(await make_tenant()))

    signed_in = await customers.sign_up_customer(owner, store_slug=store.slug, contact=some_email(), password=PASSWORD)

    assert signed_in.ctx.permissions == identity.BUYER_PERMISSIONS
    assert signed_in.ctx.tenant_id != owner.tenant_id


async def test_signing_in_to_a_store_does_not_tell_who_has_an_account() -> None:
    owner = await make_member_ctx(await make_tenant())
    store, contact, as_guest = await make_store(owner), some_email(), some_email()
    await customers.sign_up_customer(visitor(), store_slug=store.slug, contact=contact, password=PASSWORD)
    await guest(owner.tenant, as_guest)

    messages: set[str] = set()
    for name in (contact, some_email(), as_guest, "nonsense", ""):
        with pytest.raises(WrongCredentials) as refused:
            await customers.sign_in_customer(visitor(), store_slug=store.slug, contact=name, password=Secret("not it"))
        messages.add(refused.value.message)

    assert len(messages) == 1


async def test_one_address_opens_so_many_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SIGN_IN_ADDRESS_ATTEMPTS_MAX", 2)
    store, crowd = await make_store(await make_member_ctx(await make_tenant())), visitor()
    for _ in range(2):
        await customers.sign_up_customer(crowd, store_slug=store.slug, contact=some_email(), password=PASSWORD)

    with pytest.raises(TooManyAttempts):
        await customers.sign_up_customer(crowd, store_slug=store.slug, contact=some_email(), password=PASSWORD)


async def test_guessing_a_buyers_password_is_stopped() -> None:
    owner = await make_member_ctx(await make_tenant())
    store, guesser, contact = await make_store(owner), visitor(), some_email()
    for _ in range(limits.SIGN_IN_ATTEMPTS_MAX):
        with pytest.raises(WrongCredentials):
            await customers.sign_in_customer(guesser, store_slug=store.slug, contact=contact, password=Secret("not it"))

    with pytest.raises(TooManyAttempts):
        await customers.sign_in_customer(guesser, store_slug=store.slug, contact=contact, password=PASSWORD)


async def test_an_account_is_opened_with_a_good_password_in_a_store_that_exists() -> None:
    store = await make_store(await make_member_ctx(await make_tenant()))

    with pytest.raises(WeakPassword):
        await customers.sign_up_customer(
            visitor(), store_slug=store.slug, contact=some_email(), password=Secret("short")
        )
    with pytest.raises(NotFound):
        await customers.sign_up_customer(visitor(), store_slug="no-such-store", contact=some_email(), password=PASSWORD)
    with pytest.raises(NotFound):
        await customers.sign_in_customer(visitor(), store_slug="no-such-store", contact=some_email(), password=PASSWORD)


async def test_buyers_of_a_suspended_tenant_keep_what_they_bought_and_buy_nothing() -> None:
    owner, admin = await make_member_ctx(await make_tenant()), admin_ctx()
    store, contact = await make_store(owner), some_email()
    signed_in = await customers.sign_up_customer(visitor(), store_slug=store.slug, contact=contact, password=PASSWORD)
    async with governing(admin) as tx:
        await tenancy.suspend_tenant(tx, admin, owner.tenant, reason="a reason")

    with later(seconds=limits.CREDENTIAL_CACHE_S):
        asked = await identity.authenticate_bearer(signed_in.session.token, visitor())

    assert asked.permissions == identity.BUYER_PERMISSIONS - {"buyer.order"}


async def test_a_buyer_sees_where_one_is_signed_in_oneself() -> None:
    tenant_id = await make_tenant()
    buyer, other = await make_customer(tenant_id), await make_customer(tenant_id)
    for customer_id in (buyer, other):
        ctx = customer_ctx(tenant_id, customer_id)
        async with transaction(ctx) as tx:
            await identity.start_session(
                tx, ctx, kind=identity.SessionKind.CUSTOMER, tenant_id=tenant_id, customer_id=customer_id
            )

    ctx = customer_ctx(tenant_id, buyer)
    async with reading(ctx) as tx:
        listed = await identity.list_sessions(tx, ctx)

    assert len(listed) == 1


async def test_a_buyer_changes_the_password_and_is_out_elsewhere() -> None:
    store, contact = await make_store(await make_member_ctx(await make_tenant())), some_email()
    here = await customers.sign_up_customer(visitor(), store_slug=store.slug, contact=contact, password=PASSWORD)
    there = await customers.sign_in_customer(visitor(), store_slug=store.slug, contact=contact, password=PASSWORD)
    chosen = Secret("another password altogether")
    with pytest.raises(WrongCredentials):
        await customers.change_customer_password(here.ctx, current=chosen, chosen=chosen)

    await customers.change_customer_password(here.ctx, current=PASSWORD, chosen=chosen)

    assert await identity.authenticate_session(here.session.token, visitor()) is not None
    assert await identity.authenticate_session(there.session.token, visitor()) is None
    assert await customers.sign_in_customer(visitor(), store_slug=store.slug, contact=contact, password=chosen)
    with pytest.raises(Unauthenticated):
        await customers.change_customer_password(visitor(), current=PASSWORD, chosen=chosen)
