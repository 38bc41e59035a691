"""Every route beside GraphQL, asked by strangers: the address of another's order, link or upload opens nothing."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from fondaco_api.app import create_app
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database
from tests.support.door import Door, open_door
from tests.support.rows import as_owner, fingerprint
from tests.support.strangers import STRANGERS, Known, leaked, meet
from tests.support.world import ASKED_BY_SCRIPT, node_id

# Every route, and where it is held against strangers.
ROUTES = {
    "/graphql": "the other files named test_isolation",
    "/s/{slug}/r/{link_id}": "here",
    "/s/{slug}/r/{link_id}/open": "here",
    "/s/{slug}/o/{code}": "here",
    "/s/{slug}/o/{code}/state": "here",
    "/s/{slug}/o/{code}/reveal": "here",
    "/s/{slug}/o/{code}/resend": "here",
    "/statements/{export_id}": "here",
    "/stock-exports/{export_id}": "here",
    "/uploads": "here",
    "/imports/{batch_id}/lines": "here",
    "/exports/{export_id}": "tests/api/test_order_exports.py: of another merchant, it does not exist",
    "/gateways/{key}/notify": "tests/api/test_payments.py: what is not signed by the gateway does nothing",
    "/oauth/token": "tests/api/test_oauth.py: it takes a secret and tells nothing else",
    "/account/{page}": "the same for everybody",
    "/account/oidc/{provider_id}/callback": "tests/api/test_providers.py: what does not fit is refused as one",
    "/account/oidc/{provider_id}": "tests/api/test_providers.py: it begins, and tells where a provider is",
    "/": "the same for everybody",
    "/assets/{version}/{name}": "the same for everybody",
    "/graphiql": "the same for everybody",
    "/graphiql/{name}": "the same for everybody",
    "/healthz": "the same for everybody",
    "/metrics": "the same for everybody",
    "/readyz": "the same for everybody",
}
BUYERS = {"the same merchant's buyer", "a buyer's machine of the same merchant"}


@pytest.fixture(scope="module")
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
async def owner(settings: Settings) -> AsyncIterator[Any]:
    async with as_owner(settings) as connection:
        yield connection


@pytest.fixture(scope="module")
async def known(owner: Any, door: Door) -> tuple[Known, Known]:
    """Two merchants who have nothing to do with each other."""
    return await meet(door, owner)


@pytest.fixture(params=sorted(set(STRANGERS) - BUYERS))
def stranger(request: pytest.FixtureRequest, known: tuple[Known, Known]) -> Ctx | None:
    """Somebody whose order it is not."""
    return STRANGERS[request.param](known[0].world, known[1].world)


def test_every_route_is_known(settings: Settings) -> None:
    found = {str(getattr(route, "path", route)) for route in create_app(settings).routes}

    assert found == set(ROUTES)


async def test_a_stranger_opens_no_order_page(
    door: Door, known: tuple[Known, Known], owner: Any, stranger: Ctx | None
) -> None:
    a, b = known
    before = await fingerprint(owner, a.world.tenant_id)

    for slug in (a.world.store_slug, b.world.store_slug):
        answers = []
        for code in (a.world.order_code, "FD-0000-0000-0000"):
            where = f"/s/{slug}/o/{code}"
            state = await door.send(f"{where}/state", ctx=stranger, headers=ASKED_BY_SCRIPT, method="GET")
            shown = await door.send(f"{where}/reveal", ctx=stranger, headers=ASKED_BY_SCRIPT, json={})
            again = await door.send(
                f"{where}/resend", ctx=stranger, headers=ASKED_BY_SCRIPT, json={"deliveryId": str(uuid4())}
            )
            page = await door.send(where, ctx=stranger, method="GET")
            answers.append([(each.status_code, each.text) for each in (state, shown, again, page)])

        assert answers[0] == answers[1], "an order of another is as unknown as one that nobody placed"
        # Who is no buyer at all is told so, before anything is looked for.
        assert {status for status, _ in answers[0][:3]} <= {403, 404}
        assert leaked([text for _, text in answers[0]], a.marks - a.may_know(stranger)) == []
    assert await fingerprint(owner, a.world.tenant_id) == before


async def test_a_unit_of_another_is_not_shown_through_ones_own_order(
    door: Door, known: tuple[Known, Known], owner: Any
) -> None:
    a, b = known
    before = await fingerprint(owner, a.world.tenant_id)
    unit = next(
        row["id"] for table, row in a.rows if table == "allocation" and row["order_id"] == str(a.world.order_id)
    )
    own = {a.world.store_slug: (a.world.other_buyer, a.world.other_order_code)}
    own |= {b.world.store_slug: (b.world.buyer, b.world.order_code)}

    answers = [
        await door.send(f"/s/{slug}/o/{code}/reveal", ctx=ctx, headers=ASKED_BY_SCRIPT, json={"allocationId": wanted})
        for slug, (ctx, code) in own.items()
        for wanted in (unit, str(uuid4()))
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert await fingerprint(owner, a.world.tenant_id) == before


async def test_a_link_opens_with_its_own_secret_at_its_own_store_alone(
    door: Door, known: tuple[Known, Known], owner: Any
) -> None:
    a, b = (each.world for each in known)
    before = await fingerprint(owner, a.tenant_id)
    attempts = [
        (a.store_slug, a.link_id, b.link_secret),
        (b.store_slug, a.link_id, a.link_secret),
        (b.store_slug, a.link_id, b.link_secret),
        (b.store_slug, b.link_id, a.link_secret),
        (a.store_slug, uuid4(), a.link_secret),
        (a.store_slug, a.link_id, ""),
    ]

    answers = [
        await door.send(f"/s/{slug}/r/{link}/open", headers=ASKED_BY_SCRIPT, json={"secret": secret})
        for slug, link, secret in attempts
    ]
    page = await door.send(f"/s/{a.store_slug}/r/{a.link_id}", method="GET")
    unknown = await door.send(f"/s/{a.store_slug}/r/{uuid4()}", method="GET")

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert page.text == unknown.text
    assert leaked([answer.text for answer in answers], known[0].marks) == []
    assert await fingerprint(owner, a.tenant_id) == before


async def test_who_may_not_import_uploads_nothing(
    door: Door, known: tuple[Known, Known], owner: Any, stranger: Ctx | None
) -> None:
    a, _ = known
    before = await fingerprint(owner, a.world.tenant_id)

    answer = await door.send("/uploads", ctx=stranger, content=b"A-CODE-THAT-IS-NOBODYS")

    elsewhere = stranger is not None and stranger.has("codes.import")
    assert answer.status_code == (201 if elsewhere else 401 if stranger is None else 403)
    assert await fingerprint(owner, a.world.tenant_id) == before


async def test_lines_of_anothers_import_are_handed_to_nobody(
    door: Door, known: tuple[Known, Known], owner: Any, stranger: Ctx | None
) -> None:
    a, _ = known
    before = await fingerprint(owner, a.world.tenant_id)
    body = {"reason": "Let me see them."}

    answers = [
        await door.send(f"/imports/{each}/lines", ctx=stranger, json=body)
        for each in (*a.ids("CodeBatch"), node_id("CodeBatch", uuid4()), "no-id")
    ]

    shows = stranger is not None and stranger.has("codes.reveal")
    assert {answer.status_code for answer in answers} == ({404} if shows else {401 if stranger is None else 403})
    assert len({answer.text for answer in answers}) == 1
    assert await fingerprint(owner, a.world.tenant_id) == before


@pytest.mark.parametrize(("where", "behind"), [("stock-exports", "stock_export"), ("statements", "statement_export")])
async def test_a_stranger_fetches_no_export_of_stock_and_no_statement(
    door: Door, known: tuple[Known, Known], owner: Any, stranger: Ctx | None, *, where: str, behind: str
) -> None:
    a, _ = known
    before = await fingerprint(owner, a.world.tenant_id)
    exports = [row["id"] for table, row in a.rows if table == behind]

    answers = [
        await door.send(f"/{where}/{each}", ctx=stranger, method="GET") for each in (*exports, uuid4(), "nothing")
    ]

    assert exports
    assert all(answer.status_code in {401, 403, 404} for answer in answers)
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    assert await fingerprint(owner, a.world.tenant_id) == before
