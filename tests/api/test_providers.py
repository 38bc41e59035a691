"""Signing in by a provider, and the pages that mails lead to, through the front door as a browser meets them."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from uuid import uuid4

import pytest
from starlette.applications import Starlette

from fondaco_core import identity
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, transaction
from fondaco_core.identity import MemberRole
from fondaco_core.secret import Secret
from tests.support.door import open_door
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.tenancy import make_tenant
from tests.support.provider import CLIENT_ID, CLIENT_SECRET, Provider, open_provider
from tests.support.receiver import reaching_loopback
from tests.support.shop import Visitor, open_shop


@pytest.fixture(scope="module")
async def shop(settings: Settings, database: Database) -> AsyncIterator[Starlette]:
    assert database
    async with open_shop(settings) as app:
        yield app


@pytest.fixture
async def provider(shop: Starlette) -> AsyncIterator[Provider]:
    assert shop
    async with reaching_loopback(), open_provider() as opened:
        opened.email = f"p{uuid4().hex}@corp.example"
        yield opened


async def set_up(provider: Provider) -> tuple[str, str]:
    """A tenant's provider that lets newcomers in: where a browser begins, and the tenant's short name."""
    slug = f"t-{uuid4().hex[:16]}"
    owner = await make_member_ctx(await make_tenant(slug=slug))
    async with transaction(owner) as tx:
        row = await identity.add_provider(
            tx, owner, title="Corp", issuer="https://corp.example", client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET),
            domains=["corp.example"], join_role=MemberRole.SUPPORT,
        )  # fmt: skip
        await tx.execute("UPDATE identity_provider SET issuer = $2 WHERE id = $1", row.id, provider.issuer)
    return f"/account/oidc/{row.id}", slug


async def test_a_browser_goes_there_and_comes_back_signed_in(shop: Starlette, provider: Provider) -> None:
    path, slug = await set_up(provider)
    browser = Visitor(shop)
    offered = await browser.data("query($t: String!) { signInProviders(tenant: $t) { title path } }", t=slug)
    there = await browser.http.get(path)
    code, state = provider.grant(there.headers["location"])

    back = await browser.http.get(f"{path}/callback", params={"code": code, "state": state})

    assert {"title": "Corp", "path": path} in offered["signInProviders"]
    assert there.status_code == back.status_code == HTTPStatus.SEE_OTHER
    assert back.headers["location"] == "/account/welcome#"
    assert code not in back.headers["location"]
    session = next(each for each in back.headers.get_list("set-cookie") if each.startswith("fondaco_session="))
    assert "HttpOnly" in session
    asked = await browser.http.post(
        "/graphql", json={"query": "{ viewer { kind tenant { slug } } }"}, headers={"sec-fetch-site": "same-origin"}
    )
    assert asked.json()["data"]["viewer"] == {"kind": "MEMBER", "tenant": {"slug": slug}}


async def test_who_keeps_a_provider_is_told_that_they_may_remove_it(settings: Settings) -> None:
    owner, admin = await make_member_ctx(await make_tenant()), admin_ctx()
    given = {
        "title": "Corp", "issuer": f"https://{uuid4().hex}.example", "clientId": "c", "clientSecret": "s", "domains": ["corp.example"],
    }  # fmt: skip
    show = "... on AddIdentityProviderSuccess { provider { key viewerCanRemove } }"
    async with open_door(settings) as door:
        for ctx, side in ((owner, "merchant"), (admin, "platform")):
            made = await door.do("addIdentityProvider", given, ctx=ctx, show=show)
            seen = (await door.ask(f"{{ {side} {{ identityProviders {{ key viewerCanRemove }} }} }}", ctx=ctx))[side]

            assert made["provider"]["viewerCanRemove"]
            assert made["provider"] in seen["identityProviders"]
            assert all(each["viewerCanRemove"] for each in seen["identityProviders"])

    for stranger in (
        await make_member_ctx(owner.tenant, role=MemberRole.MANAGER),
        await make_member_ctx(await make_tenant()),
        Ctx(),
    ):
        assert not identity.keeps_provider(stranger, owner.tenant)
        assert not identity.keeps_provider(stranger, None)
    assert not identity.keeps_provider(admin, owner.tenant)


async def test_another_browser_brings_an_answer_in_vain(shop: Starlette, provider: Provider) -> None:
    path, _ = await set_up(provider)
    there = await Visitor(shop).http.get(path)
    code, state = provider.grant(there.headers["location"])

    for given in ({"code": code, "state": state}, {}, {"code": code}, {"state": "x" * 5000, "code": code}):
        back = await Visitor(shop).http.get(f"{path}/callback", params=given)

        assert back.headers["location"] == "/account/trouble#PROVIDER_REFUSED"
        assert not [each for each in back.headers.get_list("set-cookie") if each.startswith("fondaco_session=")]


async def test_a_provider_that_nobody_set_up_is_no_page(shop: Starlette) -> None:
    for path in (f"/account/oidc/{uuid4()}", "/account/oidc/none", "/account/oidc/callback", "/account/none"):
        assert (await Visitor(shop).http.get(path)).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("page", ["invitation", "password", "forgotten", "buyer-password", "verify", "second-factor"])
async def test_what_mails_lead_to_is_a_page_under_a_strict_policy(shop: Starlette, page: str) -> None:
    answer = await Visitor(shop).http.get(f"/account/{page}", headers={"accept-language": "zh-CN"})

    assert answer.status_code == HTTPStatus.OK
    assert "您的账号" in answer.text
    assert "account.js" in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
