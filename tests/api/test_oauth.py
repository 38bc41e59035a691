"""POST /oauth/token through the real front door (RFC 6749)."""

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote_plus

import httpx2
import pytest
from starlette.applications import Starlette

from fondaco_core import clock, identity, limits, tenancy
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, governing, transaction
from fondaco_core.ids import ApiClientId
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.tenancy import make_tenant
from tests.support.shop import Visitor, open_shop


@dataclass(frozen=True, slots=True)
class Machine:
    """A program with credentials."""

    visitor: Visitor
    owner: Ctx
    id: ApiClientId
    client_id: str
    secret: str

    def basic(self, secret: str | None = None) -> dict[str, str]:
        """The header of HTTP Basic."""
        pair = f"{quote_plus(self.client_id)}:{quote_plus(secret or self.secret)}"
        return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    async def post(self, form: Mapping[str, str] | None = None, /, **headers: str) -> httpx2.Response:
        """Asks for a token."""
        return await self.visitor.http.post(
            "/oauth/token", data=dict(form or {"grant_type": "client_credentials"}), headers=headers
        )


@pytest.fixture(scope="module")
async def shop(settings: Settings, database: Database) -> AsyncIterator[Starlette]:
    assert database
    async with open_shop(settings) as app:
        yield app


@pytest.fixture
async def machine(shop: Starlette) -> Machine:
    owner = await make_member_ctx(await make_tenant())
    async with transaction(owner) as tx:
        client, secret = await identity.create_api_client(
            tx, owner, name="A machine", scopes=["catalog.read", "merchant.read", "orders.read"]
        )
    return Machine(Visitor(shop), owner, client.id, client.client_id, secret.reveal())


async def test_a_machine_gets_a_token_with_all_its_scopes_and_may_ask(machine: Machine) -> None:
    response = await machine.post(**machine.basic())

    answer = response.json()
    machine.visitor.token = answer.pop("access_token")
    viewer = await machine.visitor.data("{ viewer { kind permissions } merchant { tenant { state } } }")
    assert response.status_code == 200
    assert answer == {
        "token_type": "Bearer",
        "expires_in": limits.ACCESS_TOKEN_S,
        "scope": "catalog.read merchant.read orders.read",
    }
    assert (response.headers["cache-control"], response.headers["pragma"]) == ("no-store", "no-cache")
    assert viewer == {
        "viewer": {"kind": "API_CLIENT", "permissions": ["catalog.read", "merchant.read", "orders.read"]},
        "merchant": {"tenant": {"state": "ACTIVE"}},
    }


async def test_a_token_is_good_no_longer_than_its_client(machine: Machine) -> None:
    ends = clock.now() + timedelta(minutes=10)
    async with transaction(machine.owner) as tx:
        await identity.restrict_client(tx, machine.owner, api_client_id=machine.id, networks=[], expires_at=ends)

    answer = (await machine.post(**machine.basic())).json()

    assert 0 < answer["expires_in"] <= 600


async def test_the_secret_may_stand_in_the_form(machine: Machine) -> None:
    form = {"grant_type": "client_credentials", "client_id": machine.client_id, "client_secret": machine.secret}

    assert (await machine.post(form)).status_code == 200


async def test_a_machine_asks_for_some_of_its_scopes_and_for_no_other(machine: Machine) -> None:
    some = await machine.post({"grant_type": "client_credentials", "scope": "orders.read"}, **machine.basic())
    more = await machine.post(
        {"grant_type": "client_credentials", "scope": "orders.read orders.refund"}, **machine.basic()
    )

    assert some.json()["scope"] == "orders.read"
    assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")


async def test_an_unknown_client_and_a_wrong_secret_are_one_answer(machine: Machine) -> None:
    wrong = await machine.post(**machine.basic("fd_secret_wrong"))
    pair = base64.b64encode(b"FC-0000-0000-0000-0000-0000:fd_secret_wrong").decode()
    unknown = await machine.post(authorization=f"Basic {pair}")

    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic")
    assert wrong.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !!!", "Basic /w==", "Bearer x", "Basic Og==", "Basic " + base64.b64encode(b"a\0b:c").decode()],
)
async def test_credentials_that_are_none_are_refused(machine: Machine, header: str) -> None:
    response = await machine.post(authorization=header)

    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


async def test_no_credentials_are_refused(machine: Machine) -> None:
    response = await machine.post()

    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "invalid_request"),
        ("scope=orders.read", "invalid_request"),
        ("grant_type=", "invalid_request"),
        ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        ("grant_type=client_credentials&client_secret=x", "invalid_request"),
        ("grant_type=password&username=a&password=b", "unsupported_grant_type"),
        ('grant_type="%22\n', "unsupported_grant_type"),
        ("grant_type=%FF", "invalid_request"),
    ],
)
async def test_a_wrong_form_is_named(machine: Machine, body: str, error: str) -> None:
    headers = machine.basic() | {"content-type": "application/x-www-form-urlencoded"}

    response = await machine.visitor.http.post("/oauth/token", content=body, headers=headers)

    assert (response.status_code, response.json()["error"]) == (400, error)


async def test_only_a_form_is_read(machine: Machine) -> None:
    response = await machine.visitor.http.post(
        "/oauth/token", json={"grant_type": "client_credentials"}, headers=machine.basic()
    )

    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_tokens_are_not_given_out_by_get(machine: Machine) -> None:
    response = await machine.visitor.http.get("/oauth/token?grant_type=client_credentials", headers=machine.basic())

    assert response.status_code == 405


async def test_a_revoked_machine_and_one_of_a_closed_tenant_get_none(machine: Machine) -> None:
    admin = admin_ctx()
    async with transaction(machine.owner) as tx:
        other, secret = await identity.create_api_client(tx, machine.owner, name="Another", scopes=["catalog.read"])
        await identity.revoke_api_client(tx, machine.owner, api_client_id=machine.id)
    revoked = await machine.post(**machine.basic())
    async with governing(admin) as tx:
        await tenancy.close_tenant(tx, admin, machine.owner.tenant, reason="a reason")
    closed = await machine.post(
        {"grant_type": "client_credentials", "client_id": other.client_id, "client_secret": secret.reveal()}
    )

    assert (revoked.status_code, closed.status_code) == (401, 401)


async def test_an_address_asks_for_so_many_tokens_at_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MUTATION_COST", limits.STRANGER_POINTS_MAX * limits.LOCAL_POINTS_FACTOR + 1)

    answer = await machine.post()

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
