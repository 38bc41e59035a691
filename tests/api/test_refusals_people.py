"""What people, buyers, machines and merchants are refused, each refusal by its name, through GraphQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from fondaco_api.graphql.customers import Customer
from fondaco_api.graphql.identity import Member
from fondaco_api.graphql.node import global_id
from fondaco_api.graphql.tenancy import Tenant
from fondaco_core import identity, limits, tenancy
from fondaco_core.config import Settings
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_password
from fondaco_core.db import Database, governing, transaction
from fondaco_core.identity import MERCHANT_PERMISSIONS, MemberRole, PlatformRole
from fondaco_core.ids import TenantId
from fondaco_core.secret import Secret
from fondaco_tenants import customers
from tests.support.door import Door, open_door
from tests.support.factories.customers import customer_ctx, make_customer
from tests.support.factories.identity import admin_ctx, make_member, make_member_ctx, make_user, some_email
from tests.support.factories.storefront import make_store
from tests.support.factories.tenancy import make_tenant

PASSWORD = "a password of four words"
WRONG = "entirely other words"
SHORT = "short"


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    """The front door."""
    assert database
    async with open_door(settings) as opened:
        yield opened


@pytest.fixture
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tries a second time has tried too often."""
    monkeypatch.setattr(limits, "SIGN_IN_ATTEMPTS_MAX", 1)


async def suspend(tenant_id: TenantId) -> None:
    ctx = admin_ctx()
    async with governing(ctx) as tx:
        await tenancy.suspend_tenant(tx, ctx, tenant_id, reason="unpaid fees")


async def close(tenant_id: TenantId) -> None:
    ctx = admin_ctx()
    async with governing(ctx) as tx:
        await tenancy.close_tenant(tx, ctx, tenant_id, reason="they left")


async def make_owner() -> Ctx:
    return await make_member_ctx(await make_tenant())


async def make_owner_with_password() -> Ctx:
    user_id, tenant_id = await make_user(password=PASSWORD), await make_tenant()
    await make_member(tenant_id, user_id=user_id)
    return Ctx(
        actor=ActorKind.MEMBER, actor_id=user_id, tenant_id=tenant_id, permissions=MERCHANT_PERMISSIONS,
        request_id=uuid4().hex,
    )  # fmt: skip


async def make_buyer_with_password(owner: Ctx, *, contact: str | None = None) -> Ctx:
    hashed = await hash_password(Secret(PASSWORD))
    return customer_ctx(owner.tenant, await make_customer(owner.tenant, contact=contact, password_hash=hashed))


async def invite(owner: Ctx, email: str) -> str:
    async with transaction(owner) as tx:
        _, token = await identity.invite_member(tx, owner, email=email, name="New", role=MemberRole.SUPPORT)
    assert token is not None
    return token.reveal()


async def codes_of(door: Door, mutation: str, given: list[dict[str, Any]], *, ctx: Ctx | None = None) -> list[str]:
    return [(await door.do(mutation, each, ctx=ctx))["code"] for each in given]


async def test_a_merchant_has_a_short_name_that_is_one_and_its_own(door: Door) -> None:
    slug = f"t-{uuid4().hex[:16]}"
    await make_tenant(slug=slug)
    given = {"name": "New", "ownerEmail": some_email(), "ownerName": "Somebody"}

    bad = await door.do("createTenant", {"slug": "Not A Slug", **given}, ctx=admin_ctx())
    taken = await door.do("createTenant", {"slug": slug, **given}, ctx=admin_ctx())

    assert (bad["__typename"], bad["code"]) == ("BadSlug", "BAD_SLUG")
    assert (taken["__typename"], taken["code"]) == ("NameTaken", "NAME_TAKEN")


async def test_a_merchant_that_trades_is_not_resumed(door: Door) -> None:
    tenant_id = global_id(Tenant, await make_tenant())

    answer = await door.do("resumeTenant", {"tenantId": tenant_id, "reason": "it paid"}, ctx=admin_ctx())

    assert answer["code"] == "WRONG_TENANT_STATE"


async def test_a_merchant_that_left_is_not_closed_again(door: Door) -> None:
    tenant_id = await make_tenant()
    await close(tenant_id)
    given = {"tenantId": global_id(Tenant, tenant_id), "reason": "they left"}

    answer = await door.do("closeTenant", given, ctx=admin_ctx())

    assert answer["code"] == "WRONG_TENANT_STATE"


async def test_nobody_signs_in_for_a_merchant_that_left(door: Door) -> None:
    tenant_id, email = await make_tenant(), some_email()
    await make_member(tenant_id, user_id=await make_user(email=email, password=PASSWORD))
    await close(tenant_id)

    answer = await door.do("signIn", {"email": email, "password": PASSWORD})

    assert answer["code"] == "TENANT_NOT_ACTIVE"


async def test_who_is_invited_chooses_a_password_that_keeps_others_out(door: Door) -> None:
    token = await invite(await make_owner(), some_email())

    answer = await door.do("acceptInvitation", {"token": token, "password": SHORT})

    assert answer["code"] == "WEAK_PASSWORD"


@pytest.mark.usefixtures("one_attempt")
async def test_who_has_an_account_proves_it_to_accept_and_does_not_guess(door: Door) -> None:
    email = some_email()
    await make_user(email=email, password=PASSWORD)
    token = await invite(await make_owner(), email)

    answers = await codes_of(door, "acceptInvitation", [{"token": token, "password": WRONG}] * 2)

    assert answers == ["WRONG_CREDENTIALS", "TOO_MANY_ATTEMPTS"]


async def test_an_invitation_of_a_merchant_that_left_signs_nobody_in(door: Door) -> None:
    owner = await make_owner()
    token = await invite(owner, some_email())
    await close(owner.tenant)

    given = {"token": token, "password": PASSWORD, "name": "New"}
    answers = [(await door.do("acceptInvitation", given))["code"] for _ in range(2)]

    # The first refusal used nothing up: the second is the same.
    assert answers == ["TENANT_NOT_ACTIVE", "TENANT_NOT_ACTIVE"]


@pytest.mark.usefixtures("one_attempt")
async def test_a_person_changes_a_password_to_a_good_one_and_guesses_none(door: Door) -> None:
    person = await make_owner_with_password()

    weak = await door.do("changePassword", {"current": PASSWORD, "chosen": SHORT}, ctx=person)
    guessed = await codes_of(door, "changePassword", [{"current": WRONG, "chosen": PASSWORD}] * 2, ctx=person)

    assert weak["code"] == "WEAK_PASSWORD"
    assert guessed == ["WRONG_CREDENTIALS", "TOO_MANY_ATTEMPTS"]


async def test_a_weak_password_does_not_use_up_a_reset(door: Door) -> None:
    admin, email = admin_ctx(), some_email()
    await make_user(email=email, password=PASSWORD)
    async with governing(admin) as tx:
        _, issued = await identity.issue_password_reset(tx, admin, email=email)
    assert issued is not None
    token = issued.reveal()

    weak = await door.do("resetPassword", {"token": token, "password": SHORT})
    good = await door.do("resetPassword", {"token": token, "password": WRONG})

    assert (weak["code"], good["__typename"]) == ("WEAK_PASSWORD", "ResetPasswordSuccess")


@pytest.mark.usefixtures("one_attempt")
async def test_a_buyer_registers_with_a_contact_and_a_good_password_and_not_too_often(door: Door) -> None:
    owner = await make_owner()
    given = {"store": (await make_store(owner)).slug, "contact": some_email(), "password": PASSWORD}

    bad = await door.do("registerCustomer", {**given, "contact": "not a contact"})
    weak = await door.do("registerCustomer", {**given, "password": SHORT})
    first = await door.do("registerCustomer", given)
    second = await door.do("registerCustomer", given)

    assert (bad["code"], weak["code"]) == ("BAD_CONTACT", "WEAK_PASSWORD")
    assert first["__typename"] == "RegisterCustomerSuccess"
    assert second["code"] == "TOO_MANY_ATTEMPTS"


async def test_a_suspended_merchant_gets_no_new_buyers_and_changes_nothing(door: Door) -> None:
    owner = await make_owner()
    store = await make_store(owner)
    await suspend(owner.tenant)
    registered = {"store": store.slug, "contact": some_email(), "password": PASSWORD}
    profile = {"version": 0, "displayName": "Corner", "currency": "EUR"}

    by_themselves = await door.do("registerCustomer", registered)
    by_the_merchant = await door.do("createCustomer", {"contact": some_email()}, ctx=owner)
    changed = await door.do("updateMerchantProfile", profile, ctx=owner)

    assert by_themselves["code"] == "TENANT_NOT_ACTIVE"
    assert by_the_merchant["code"] == "TENANT_NOT_ACTIVE"
    assert changed["code"] == "TENANT_NOT_ACTIVE"


@pytest.mark.usefixtures("one_attempt")
async def test_a_buyers_password_is_not_guessed(door: Door) -> None:
    owner = await make_owner()
    given = {"store": (await make_store(owner)).slug, "contact": some_email(), "password": WRONG}

    answers = await codes_of(door, "signInCustomer", [given] * 2)

    assert answers == ["WRONG_CREDENTIALS", "TOO_MANY_ATTEMPTS"]


async def test_a_blocked_buyer_is_told_so_when_the_password_is_right(door: Door) -> None:
    owner, contact = await make_owner(), some_email()
    store, buyer = await make_store(owner), await make_buyer_with_password(owner, contact=contact)
    assert buyer.customer_id is not None
    async with transaction(owner) as tx:
        await customers.block_customer(tx, owner, customer_id=buyer.customer_id, reason="a charge-back")
    given = [{"store": store.slug, "contact": contact, "password": password} for password in (WRONG, PASSWORD)]

    answers = await codes_of(door, "signInCustomer", given)

    assert answers == ["WRONG_CREDENTIALS", "CUSTOMER_BLOCKED"]


@pytest.mark.usefixtures("one_attempt")
async def test_a_buyer_changes_a_password_to_a_good_one_and_guesses_none(door: Door) -> None:
    buyer = await make_buyer_with_password(await make_owner())

    weak = await door.do("changeCustomerPassword", {"current": PASSWORD, "chosen": SHORT}, ctx=buyer)
    guessed = await codes_of(door, "changeCustomerPassword", [{"current": WRONG, "chosen": PASSWORD}] * 2, ctx=buyer)

    assert weak["code"] == "WEAK_PASSWORD"
    assert guessed == ["WRONG_CREDENTIALS", "TOO_MANY_ATTEMPTS"]


async def test_a_merchant_makes_a_buyer_with_a_contact_and_once(door: Door) -> None:
    owner, contact = await make_owner(), some_email()
    await make_customer(owner.tenant, contact=contact)

    answers = await codes_of(
        door, "createCustomer", [{"contact": "not a contact"}, {"contact": contact.upper()}], ctx=owner
    )

    assert answers == ["BAD_CONTACT", "CONTACT_TAKEN"]


async def test_a_person_is_invited_at_an_address_and_once(door: Door) -> None:
    owner, email = await make_owner(), some_email()
    await invite(owner, email)
    given = [{"email": each, "name": "New", "role": "SUPPORT"} for each in ("nobody", email)]

    answers = await codes_of(door, "inviteMember", given, ctx=owner)

    assert answers == ["BAD_EMAIL", "ALREADY_MEMBER"]


async def test_a_merchant_has_only_so_many_people(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = await make_owner()
    monkeypatch.setattr(limits, "MEMBERS_MAX", 1)

    answer = await door.do("inviteMember", {"email": some_email(), "name": "New", "role": "SUPPORT"}, ctx=owner)

    assert answer["code"] == "LIMIT_REACHED"


async def test_nobody_gives_changes_or_takes_away_a_role_beyond_their_own_rights(door: Door) -> None:
    owner = await make_owner()
    keeper = replace(owner, permissions=frozenset({"members.read", "members.edit"}))
    other = global_id(Member, await make_member(owner.tenant))

    invited = await door.do("inviteMember", {"email": some_email(), "name": "New", "role": "OWNER"}, ctx=keeper)
    changed = await door.do("changeMemberRole", {"memberId": other, "role": "SUPPORT", "version": 1}, ctx=keeper)
    removed = await door.do("removeMember", {"memberId": other}, ctx=keeper)

    assert [answer["code"] for answer in (invited, changed, removed)] == ["ROLE_TOO_HIGH"] * 3


async def test_the_last_owner_stays_owner(door: Door) -> None:
    tenant_id = await make_tenant()
    only = await make_member(tenant_id)
    asker = Ctx(
        actor=ActorKind.MEMBER, actor_id=uuid4(), tenant_id=tenant_id, permissions=MERCHANT_PERMISSIONS,
        request_id=uuid4().hex,
    )  # fmt: skip
    given = {"memberId": global_id(Member, only), "role": "SUPPORT", "version": 1}

    answer = await door.do("changeMemberRole", given, ctx=asker)

    assert answer["code"] == "LAST_OWNER"


async def test_a_machine_gets_scopes_that_exist_and_none_that_its_maker_lacks(door: Door) -> None:
    manager = await make_member_ctx(await make_tenant(), role=MemberRole.MANAGER)
    given = [{"name": "A machine", "scopes": [scope]} for scope in ("catalog.burn", "platform.read", "members.edit")]

    answers = await codes_of(door, "createApiClient", given, ctx=manager)

    assert answers == ["UNKNOWN_SCOPE", "UNKNOWN_SCOPE", "ROLE_TOO_HIGH"]


async def test_a_merchant_has_only_so_many_machines(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = await make_owner()
    given = {"name": "A machine", "scopes": ["catalog.read"]}
    monkeypatch.setattr(limits, "API_CLIENTS_MAX", 1)

    first = await door.do("createApiClient", given, ctx=owner)
    second = await door.do("createApiClient", given, ctx=owner)

    assert (first["__typename"], second["code"]) == ("CreateApiClientSuccess", "LIMIT_REACHED")


async def test_a_blocked_buyer_gets_no_machine(door: Door) -> None:
    owner = await make_owner()
    customer_id = await make_customer(owner.tenant)
    async with transaction(owner) as tx:
        await customers.block_customer(tx, owner, customer_id=customer_id, reason="a charge-back")
    given = {"name": "A shop", "scopes": ["buyer.order"], "customerId": global_id(Customer, customer_id)}

    answer = await door.do("createApiClient", given, ctx=owner)

    assert answer["code"] == "CUSTOMER_BLOCKED"


async def test_the_platforms_people_have_addresses_of_their_own(door: Door) -> None:
    email = some_email()
    await make_user(email=email, platform_role=PlatformRole.ADMIN)
    given = [{"email": each, "name": "New", "role": "AUDITOR"} for each in ("nobody", email)]

    answers = await codes_of(door, "invitePlatformUser", given, ctx=admin_ctx())

    assert answers == ["BAD_EMAIL", "EMAIL_TAKEN"]


async def test_a_reset_is_issued_for_an_address(door: Door) -> None:
    answer = await door.do("issuePasswordReset", {"email": "nobody"}, ctx=admin_ctx())

    assert answer["code"] == "BAD_EMAIL"
