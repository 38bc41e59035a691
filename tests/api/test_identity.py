"""People, buyers and machines through the real front door."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest
from starlette.applications import Starlette

from fondaco_core import identity, limits
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, reading, transaction
from fondaco_core.identity import MemberRole, PlatformRole
from fondaco_tenants import customers
from tests.support.clock import later
from tests.support.factories.customers import make_customer
from tests.support.factories.identity import admin_ctx, make_member, make_member_ctx, make_user, some_email
from tests.support.factories.storefront import make_store
from tests.support.factories.tenancy import make_tenant
from tests.support.shop import Visitor, open_shop, sign_in_as
from tests.support.statements import counted

PASSWORD = "a password of four words"
SESSION = "{ token expiresAt tenantSlug }"
SIGNED_IN = f"... on SignInSuccess {SESSION}"
VIEWER = "{ viewer { kind name permissions tenant { slug } customer { maskedContact } } }"


@pytest.fixture(scope="module")
async def shop(settings: Settings, database: Database) -> AsyncIterator[Starlette]:
    assert database
    async with open_shop(settings) as app:
        yield app


async def make_admin(shop: Starlette, role: PlatformRole = PlatformRole.ADMIN) -> Visitor:
    user_id = await make_user(platform_role=role)
    return await sign_in_as(Visitor(shop), replace(admin_ctx(), actor_id=user_id))


async def make_owner(shop: Starlette, *, role: MemberRole = MemberRole.OWNER) -> tuple[Visitor, Ctx]:
    ctx = await make_member_ctx(await make_tenant(), role=role)
    return await sign_in_as(Visitor(shop), ctx), ctx


async def test_a_stranger_is_nobody(shop: Starlette) -> None:
    data = await Visitor(shop).data(
        "{ viewer { kind name permissions tenant { id } sessions { nodes { id } } } merchant { profile { displayName } } platform { tenants { nodes { id } } } }"
    )

    assert data["viewer"] == {
        "kind": "ANONYMOUS",
        "name": None,
        "permissions": [],
        "tenant": None,
        "sessions": {"nodes": []},
    }
    assert data["merchant"] is data["platform"] is None


async def test_a_merchant_begins(shop: Starlette) -> None:
    admin, slug, email = await make_admin(shop), f"t-{uuid4().hex[:16]}", some_email()
    created = await admin.do(
        "createTenant", "... on CreateTenantSuccess { invitationToken tenant { id state viewerCanApprove } }",
        slug=slug, name="Card Corner", ownerEmail=email, ownerName="An Owner",
    )  # fmt: skip
    approved = await admin.data(
        "mutation($id: ID!) { approveTenant(input: {tenantId: $id}) { ... on ApproveTenantSuccess { tenant { state } } } }",
        id=created["tenant"]["id"],
    )
    browser = Visitor(shop)
    accepted = await browser.do(
        "acceptInvitation",
        f"... on AcceptInvitationSuccess {SESSION}",
        token=created["invitationToken"],
        password=PASSWORD,
        name="Ann",
    )
    viewer = (await browser.data(VIEWER))["viewer"]

    assert created["tenant"]["state"] == "APPLIED"
    assert created["tenant"]["viewerCanApprove"]
    assert approved["approveTenant"]["tenant"]["state"] == "ACTIVE"
    assert (accepted["token"], accepted["tenantSlug"]) == (None, slug)
    assert (viewer["kind"], viewer["name"], viewer["tenant"]) == ("MEMBER", "Ann", {"slug": slug})
    assert set(viewer["permissions"]) == identity.MERCHANT_PERMISSIONS


async def test_the_cookie_is_the_browsers_alone(shop: Starlette) -> None:
    email = some_email()
    await make_member(await make_tenant(), user_id=await make_user(email=email, password=PASSWORD))
    browser = Visitor(shop)
    query = "mutation($input: SignInInput!) { signIn(input: $input) { ... on SignInSuccess { token } } }"
    given = {"input": {"email": email, "password": PASSWORD}}

    response = await browser.http.post("/graphql", json={"query": query, "variables": given})

    cookie = response.headers["set-cookie"]
    assert cookie.startswith("fondaco_session=fd_session_")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    assert response.json()["data"]["signIn"] == {"token": None}


async def test_signing_out_is_out(shop: Starlette) -> None:
    email = some_email()
    await make_member(await make_tenant(), user_id=await make_user(email=email, password=PASSWORD))
    browser = Visitor(shop)
    await browser.do("signIn", SIGNED_IN, email=email, password=PASSWORD)
    kept = browser.http.cookies["fondaco_session"]

    answer = await browser.data("mutation { signOut { ... on SignOutSuccess { ended } } }")
    browser.http.cookies.set("fondaco_session", kept, domain="shop.example")
    after = await browser.data(VIEWER)

    assert answer["signOut"]["ended"]
    assert after["viewer"]["kind"] == "ANONYMOUS"


async def test_a_program_gets_a_token(shop: Starlette) -> None:
    email, program = some_email(), Visitor(shop)
    await make_member(await make_tenant(), user_id=await make_user(email=email, password=PASSWORD))

    answer = await program.do("signIn", SIGNED_IN, email=email, password=PASSWORD, carrier="TOKEN")
    program.token = answer["token"]

    assert not program.http.cookies
    assert (await program.data(VIEWER))["viewer"]["kind"] == "MEMBER"
    sessions = (await program.data("{ viewer { sessions { nodes { current ip } } } }"))["viewer"]["sessions"]["nodes"]
    assert [session["current"] for session in sessions] == [True]


async def test_wrong_credentials_are_one_answer(shop: Starlette) -> None:
    email, visitor = some_email(), Visitor(shop)
    await make_member(await make_tenant(), user_id=await make_user(email=email, password=PASSWORD))

    known = await visitor.do("signIn", SIGNED_IN, email=email, password="not the password")
    unknown = await visitor.do("signIn", SIGNED_IN, email=some_email(), password=PASSWORD)

    assert known == unknown
    assert known["code"] == "WRONG_CREDENTIALS"


async def test_guessing_is_answered_with_when_to_come_back(shop: Starlette) -> None:
    email, visitor = some_email(), Visitor(shop)
    shown = "... on TooManyAttempts { retryAfterS }"
    for _ in range(limits.SIGN_IN_ATTEMPTS_MAX):
        await visitor.do("signIn", shown, email=email, password="wrong password")

    answer = await visitor.do("signIn", shown, email=email, password="wrong password")

    assert answer["code"] == "TOO_MANY_ATTEMPTS"
    assert answer["retryAfterS"] > 0


async def test_who_belongs_to_several_is_asked_for_which(shop: Starlette) -> None:
    slugs, email, visitor = sorted(f"t-{uuid4().hex[:16]}" for _ in range(2)), some_email(), Visitor(shop)
    user_id = await make_user(email=email, password=PASSWORD)
    for slug in slugs:
        await make_member(await make_tenant(slug=slug), user_id=user_id)

    choice = await visitor.do("signIn", "... on TenantChoiceNeeded { tenants }", email=email, password=PASSWORD)
    chosen = await visitor.do("signIn", SIGNED_IN, email=email, password=PASSWORD, tenant=slugs[0])

    assert (choice["code"], choice["tenants"]) == ("TENANT_CHOICE_NEEDED", slugs)
    assert chosen["tenantSlug"] == slugs[0]


async def test_a_buyer_registers_signs_in_and_is_the_viewer(shop: Starlette) -> None:
    _, ctx = await make_owner(shop)
    store, browser, contact = await make_store(ctx), Visitor(shop), some_email()
    registered = await browser.do(
        "registerCustomer",
        f"... on RegisterCustomerSuccess {SESSION}",
        store=store.slug,
        contact=contact,
        password=PASSWORD,
        name="Bo",
    )
    program = Visitor(shop)
    signed = await program.do(
        "signInCustomer",
        f"... on SignInCustomerSuccess {SESSION}",
        store=store.slug,
        contact=contact,
        password=PASSWORD,
        carrier="TOKEN",
    )
    program.token = signed["token"]

    viewers = [(await visitor.data(VIEWER))["viewer"] for visitor in (browser, program)]

    assert registered["__typename"] == "RegisterCustomerSuccess"
    assert viewers[0] == viewers[1]
    assert (viewers[0]["kind"], viewers[0]["name"]) == ("CUSTOMER", "Bo")
    assert viewers[0]["customer"] == {"maskedContact": f"{contact[0]}***@example.com"}
    assert set(viewers[0]["permissions"]) == identity.BUYER_PERMISSIONS
    taken = await Visitor(shop).do("registerCustomer", "", store=store.slug, contact=contact, password=PASSWORD)
    assert taken["code"] == "CONTACT_TAKEN"


async def test_people_are_invited_promoted_and_removed(shop: Starlette) -> None:
    owner, _ = await make_owner(shop)
    email = some_email()
    invited = await owner.do(
        "inviteMember", "... on InviteMemberSuccess { invitationToken member { id role acceptedAt version } }",
        email=email, name="New", role="SUPPORT",
    )  # fmt: skip
    id_, version = invited["member"]["id"], invited["member"]["version"]
    changed = await owner.do(
        "changeMemberRole",
        "... on ChangeMemberRoleSuccess { member { role version } }",
        memberId=id_,
        role="MANAGER",
        version=version,
    )
    stale = await owner.do(
        "changeMemberRole", "... on StaleVersion { currentVersion }", memberId=id_, role="OWNER", version=version
    )
    removed = await owner.do("removeMember", "... on RemoveMemberSuccess { removedMemberId }", memberId=id_)
    again = await owner.do("removeMember", "", memberId=id_)

    assert invited["invitationToken"].startswith("fd_invite_")
    assert changed["member"] == {"role": "MANAGER", "version": 2}
    assert (stale["code"], stale["currentVersion"]) == ("STALE_VERSION", 2)
    assert removed["removedMemberId"] == id_
    assert again["code"] == "NOT_FOUND"


async def test_the_last_owner_is_kept(shop: Starlette) -> None:
    owner, _ = await make_owner(shop)
    [only] = (await owner.data("{ merchant { members { nodes { id viewerCanEdit } } } }"))["merchant"]["members"][
        "nodes"
    ]

    answer = await owner.do("removeMember", "", memberId=only["id"])

    assert (answer["code"], only["viewerCanEdit"]) == ("LAST_OWNER", True)


async def test_a_secret_is_shown_once_and_kept_nowhere(shop: Starlette) -> None:
    owner, ctx = await make_owner(shop)
    shown = "... on CreateApiClientSuccess { secret apiClient { id clientId scopes } }"
    key = uuid4().hex

    first = await owner.do("createApiClient", shown, key=key, name="A machine", scopes=["catalog.read"])
    again = await owner.do("createApiClient", shown, key=key, name="A machine", scopes=["catalog.read"])

    assert first["secret"].startswith("fd_secret_")
    assert again["secret"] is None
    assert again["apiClient"] == first["apiClient"]
    async with reading(ctx) as tx:
        kept = await tx.fetchval("SELECT string_agg(answer::text, ' ') FROM idempotency_record WHERE key = $1", key)
    assert first["secret"] not in kept


async def test_a_client_is_revoked_and_a_buyers_client_names_the_buyer(shop: Starlette) -> None:
    owner, ctx = await make_owner(shop)
    await make_customer(ctx.tenant)
    [buyer] = (await owner.data("{ merchant { customers { nodes { id } } } }"))["merchant"]["customers"]["nodes"]
    created = await owner.do(
        "createApiClient", "... on CreateApiClientSuccess { apiClient { id customer { id } viewerCanRevoke } }",
        name="A shop", scopes=["buyer.order"], customerId=buyer["id"],
    )  # fmt: skip

    revoked = await owner.do(
        "revokeApiClient",
        "... on RevokeApiClientSuccess { apiClient { revokedAt viewerCanRevoke } }",
        apiClientId=created["apiClient"]["id"],
    )

    assert created["apiClient"]["customer"] == buyer
    assert created["apiClient"]["viewerCanRevoke"]
    assert revoked["apiClient"]["revokedAt"] is not None
    assert not revoked["apiClient"]["viewerCanRevoke"]


async def test_buyers_are_created_blocked_and_unblocked(shop: Starlette) -> None:
    owner, _ = await make_owner(shop, role=MemberRole.SUPPORT)
    shown = "... on CreateCustomerSuccess { customer { id blockedReason viewerCanBlock viewerCanUnblock } }"
    created = (await owner.do("createCustomer", shown, contact="+86 138 0013 8000", name="Bo"))["customer"]
    seen = "... on %s { customer { blockedReason viewerCanBlock } }"

    blocked = await owner.do("blockCustomer", seen % "BlockCustomerSuccess", customerId=created["id"], reason="fraud")
    unblocked = await owner.do(
        "unblockCustomer", seen % "UnblockCustomerSuccess", customerId=created["id"], reason="no fraud"
    )
    found = await owner.data('{ merchant { customers(contact: "+8613800138000") { nodes { maskedContact } } } }')

    assert (created["viewerCanBlock"], created["viewerCanUnblock"]) == (True, False)
    assert blocked["customer"] == {"blockedReason": "fraud", "viewerCanBlock": False}
    assert unblocked["customer"] == {"blockedReason": None, "viewerCanBlock": True}
    assert found["merchant"]["customers"]["nodes"] == [{"maskedContact": "+86********000"}]


async def test_a_profile_is_written_and_not_overwritten(shop: Starlette) -> None:
    owner, _ = await make_owner(shop)
    shown = "... on UpdateMerchantProfileSuccess { profile { displayName version currency } } ... on StaleVersion { currentVersion }"

    written = await owner.do("updateMerchantProfile", shown, version=0, displayName="Corner", currency="EUR")
    stale = await owner.do("updateMerchantProfile", shown, version=0, displayName="Other", currency="EUR")
    read = await owner.data("{ merchant { tenant { state } profile { displayName viewerCanEdit } } }")

    assert written["profile"] == {"displayName": "Corner", "version": 1, "currency": "EUR"}
    assert stale["currentVersion"] == 1
    assert read["merchant"] == {
        "tenant": {"state": "ACTIVE"},
        "profile": {"displayName": "Corner", "viewerCanEdit": True},
    }


async def test_a_merchants_log_names_who_did_what(shop: Starlette) -> None:
    owner, _ = await make_owner(shop)
    await owner.do("createApiClient", "", name="A machine", scopes=["catalog.read"])

    log = await owner.data(
        '{ merchant { auditLog(action: "client.created") { nodes { action actorKind actorName details { name value } } } } }'
    )
    [entry] = log["merchant"]["auditLog"]["nodes"]

    assert (entry["action"], entry["actorKind"], entry["actorName"]) == ("client.created", "MEMBER", "Some person")
    assert {"name": "scopes", "value": '["catalog.read"]'} in entry["details"]
    assert "customer_id" not in {detail["name"] for detail in entry["details"]}


async def test_the_platform_sees_all_and_decides(shop: Starlette) -> None:
    admin, (owner, ctx) = await make_admin(shop), await make_owner(shop)
    page = await admin.data(
        "{ platform { tenants(first: 1, state: ACTIVE) { nodes { id } pageInfo { hasNextPage } } auditLog(first: 1) { nodes { tenant { slug } } } } }"
    )
    id_ = page["platform"]["tenants"]["nodes"][0]["id"]
    shown = "... on SuspendTenantSuccess { tenant { id state reason } }"

    suspended = await admin.do("suspendTenant", shown, tenantId=id_, reason="unpaid fees")
    twice = await admin.do("suspendTenant", shown, tenantId=id_, reason="unpaid fees")
    approved = await admin.do("approveTenant", "", tenantId=id_)
    seen = await admin.data(
        "query($id: ID!) { platform { tenant(id: $id) { state viewerCanResume } } node(id: $id) { id } }", id=id_
    )
    with later(seconds=limits.CREDENTIAL_CACHE_S):
        refused = await owner.do("updateMerchantProfile", "", version=0, displayName="Corner", currency="EUR")

    assert ctx.tenant
    assert suspended["tenant"] == {"id": id_, "state": "SUSPENDED", "reason": "unpaid fees"}
    assert twice["code"] == "WRONG_TENANT_STATE"
    assert seen["platform"]["tenant"] == {"state": "SUSPENDED", "viewerCanResume": True}
    assert refused["code"] == "NOT_ALLOWED"
    assert "suspended" in refused["message"]
    assert approved["message"].endswith("Resume it instead.")


async def test_a_bad_address_of_an_owner_is_named_where_it_was_typed(shop: Starlette) -> None:
    admin, slug = await make_admin(shop), f"t-{uuid4().hex[:16]}"

    refused = await admin.do("createTenant", "", slug=slug, name="New", ownerEmail="nobody", ownerName="Somebody")

    assert (refused["code"], refused["path"]) == ("BAD_EMAIL", ["input", "ownerEmail"])


async def test_an_auditor_of_the_platform_decides_nothing(shop: Starlette) -> None:
    auditor = await make_admin(shop, PlatformRole.AUDITOR)
    page = await auditor.data("{ platform { tenants(first: 1) { nodes { id viewerCanSuspend viewerCanClose } } } }")

    answer = await auditor.do("createTenant", "", slug="some-slug", name="x", ownerEmail="a@example.com", ownerName="x")

    assert answer["code"] == "NOT_ALLOWED"
    assert not any(
        tenant["viewerCanSuspend"] or tenant["viewerCanClose"] for tenant in page["platform"]["tenants"]["nodes"]
    )


async def test_the_platform_gets_people_and_helps_who_forgot(shop: Starlette) -> None:
    admin, email, visitor = await make_admin(shop), some_email(), Visitor(shop)
    shown = "... on %s { resetToken }"
    invited = await admin.do(
        "invitePlatformUser", shown % "InvitePlatformUserSuccess", email=email, name="New", role="AUDITOR"
    )
    await visitor.do("resetPassword", "", token=invited["resetToken"], password=PASSWORD)
    signed_in = await visitor.do("signIn", SIGNED_IN, email=email, password=PASSWORD)
    issued = await admin.do("issuePasswordReset", shown % "IssuePasswordResetSuccess", email=email)
    reset = await visitor.do(
        "resetPassword",
        "... on ResetPasswordSuccess { changed }",
        token=issued["resetToken"],
        password="entirely other words",
    )

    again = await visitor.do("resetPassword", "", token=issued["resetToken"], password="entirely other words")

    assert signed_in["tenantSlug"] is None
    assert reset["changed"]
    assert again["code"] == "RESET_INVALID"


async def test_another_tenants_things_do_not_exist(shop: Starlette) -> None:
    (owner, _), (stranger, theirs) = await make_owner(shop), await make_owner(shop)
    await make_customer(theirs.tenant)
    await stranger.do("createApiClient", "", name="A machine", scopes=["catalog.read"])
    found = await stranger.data(
        "{ merchant { tenant { id } members { nodes { id } } customers { nodes { id } } apiClients { nodes { id } } } viewer { sessions { nodes { id } } } }"
    )
    merchant = found["merchant"]
    ids = [
        merchant["tenant"]["id"],
        *(node["id"] for name in ("members", "customers", "apiClients") for node in merchant[name]["nodes"]),
    ]
    ids += [node["id"] for node in found["viewer"]["sessions"]["nodes"]]

    own = await stranger.data("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
    seen = await owner.data("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
    anybody = await Visitor(shop).data("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)

    assert len(ids) == 5
    assert [node["id"] for node in own["nodes"]] == ids
    assert seen["nodes"] == anybody["nodes"] == [None] * len(ids)


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("{ merchant { members { nodes { email name role } } } }", 1),
        ("{ merchant { customers { nodes { maskedContact name } } } }", 1),
        ("{ merchant { apiClients { nodes { name customer { maskedContact } } } } }", 2),
        ("{ merchant { auditLog { nodes { action actorName tenant { slug } details { name } } } } }", 3),
        ("{ viewer { name tenant { slug } sessions { nodes { ip } } } }", 3),
    ],
)
async def test_a_page_takes_the_same_few_statements_however_long_it_is(shop: Starlette, query: str, most: int) -> None:
    owner, ctx = await make_owner(shop)
    for _ in range(3):
        customer_id = await make_customer(ctx.tenant)
        await make_member(ctx.tenant)
        async with transaction(ctx) as tx:
            await customers.create_buyer_client(tx, ctx, customer_id=customer_id, name="A shop", scopes=["buyer.order"])
    # The first request finds out who asks; the process remembers it for the second.
    await owner.data(VIEWER)

    with counted() as statements:
        await owner.data(query)

    assert len(statements) <= most, statements


async def test_a_refusal_speaks_the_viewers_language(shop: Starlette) -> None:
    visitor = Visitor(shop)
    visitor.http.headers["accept-language"] = "zh-CN"

    answer = await visitor.do("signIn", "", email=some_email(), password="wrong password")

    assert answer["message"] == "账号或密码错误。"


async def test_a_nonsense_token_is_unauthenticated(shop: Starlette) -> None:
    visitor = Visitor(shop)
    visitor.token = "fd_session_nonsense"

    answer = await visitor.ask(VIEWER)

    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
