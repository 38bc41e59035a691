"""What a careless GraphQL server gives away or multiplies, asked of the production profile by a stranger."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from fondaco_core.config import Settings
from fondaco_core.db import Database
from tests.support.door import Door, open_door


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(replace(settings, profile="production", public_url="https://shop.example")) as opened:
        yield opened


async def refused(door: Door, document: str) -> list[str]:
    """The errors of a document that must give no data."""
    body = await door.post(document)
    assert not body.get("data"), body
    return [error["message"] for error in body["errors"]]


async def test_aliases_multiply_nothing(door: Door) -> None:
    assert await refused(door, "{" + " ".join(f"a{n}: __typename" for n in range(101)) + "}")


async def test_directives_multiply_nothing(door: Door) -> None:
    assert await refused(door, "{ __typename " + "@aa" * 10 + " }")
    assert await refused(door, "{ __typename " + "@include(if: true)" * 100 + " }")


async def test_repeated_fields_multiply_nothing(door: Door) -> None:
    assert await refused(door, "{" + "__typename " * 1_000 + "}")


async def test_introspection_goes_in_no_circles(door: Door) -> None:
    circle = "{ __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } } }"

    assert await refused(door, circle)


async def test_many_requests_do_not_come_as_one(door: Door) -> None:
    answer = await door.send("/graphql", json=[{"query": "{ __typename }"}] * 10)

    assert answer.status_code >= 400
    assert "data" not in answer.text


async def test_a_misspelt_field_is_not_corrected(door: Door) -> None:
    told = " ".join(await refused(door, "{ viewr { kind } }"))

    assert "Did you mean" not in told
    assert "viewer" not in told


async def test_a_link_changes_nothing_and_another_page_reads_nothing(door: Door) -> None:
    changing = await door.send("/graphql", method="GET", params={"query": "mutation { signOut { __typename } }"})
    foreign = await door.send(
        "/graphql", method="GET", params={"query": "{ __typename }"},
        headers={"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    )  # fmt: skip

    assert changing.status_code == 405
    assert foreign.status_code >= 400
    assert "access-control-allow-origin" not in foreign.headers


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"])
async def test_a_form_on_another_page_asks_nothing(door: Door, kind: str) -> None:
    answer = await door.send("/graphql", headers={"content-type": kind}, content=b"query={__typename}")

    assert answer.status_code >= 400
    assert "__typename" not in answer.text


@pytest.mark.parametrize("path", ["/", "/playground", "/console", "/graphql/console", "/altair"])
async def test_no_foreign_workbench_is_open(door: Door, path: str) -> None:
    answer = await door.send(path, method="GET", headers={"accept": "text/html"})

    assert not any(name in answer.text.lower() for name in ("playground", "altair", "voyager"))


async def test_our_own_workbench_runs_no_script_but_its_own_and_in_no_frame(door: Door) -> None:
    answer = await door.send("/graphiql", method="GET", headers={"accept": "text/html"})

    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


async def test_no_trace_is_told(door: Door) -> None:
    body = await door.post("{ __typename }")

    assert not {"tracing", "debug", "trace"} & body.get("extensions", {}).keys()


async def test_an_error_tells_nothing_of_what_is_inside(door: Door) -> None:
    for asked in ({"query": "qwerty"}, {"query": 7}, {"query": "{ __typename }", "variables": "x"}, {"x": None}):
        answer = await door.send("/graphql", json=asked)
        body: dict[str, Any] = answer.json()

        assert answer.status_code < 500
        assert not body.get("data")
        assert "Traceback" not in answer.text
        assert all("exception" not in error.get("extensions", {}) for error in body["errors"])
