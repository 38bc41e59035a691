"""Documents and requests that no honest client sends."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from time import monotonic

import httpx2
import pytest

from fondaco_api.graphql.budget import Budgets
from fondaco_api.graphql.context import Context
from fondaco_api.graphql.execution import Asked, Engine
from fondaco_core import limits
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.errors import Unauthenticated
from fondaco_core.secret import Secret
from tests.api.conftest import Ask, client_for
from tests.support.servers import TestServers
from tests.support.stage import TOKEN, serving, stage_app

JSON = {"content-type": "application/json"}


def deep(levels: int) -> str:
    """A document so many fields deep."""
    return (
        "{ players { nodes "
        + "{ followers { nodes " * (levels // 2 - 1)
        + "{ id }"
        + " } }" * (levels // 2 - 1)
        + " } }"
    )


def doubling(levels: int) -> str:
    """Fragments that each spread the next one twice, under two names."""
    fragments = [
        f"fragment F{n} on Player {{ a: followers(first: 1) {{ nodes {{ ...F{n + 1} }} }} b: followers(first: 1) {{ nodes {{ ...F{n + 1} }} }} }}"
        for n in range(levels)
    ]
    return (
        "{ players(first: 1) { nodes { ...F0 } } } " + " ".join(fragments) + f" fragment F{levels} on Player {{ id }}"
    )


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """What runs operations, by itself."""
    app = stage_app(Settings())
    await app.state.process.open()
    yield app.state.process.engine
    await app.state.process.close()


BOMBS = {
    "aliases": "{ " + " ".join(f"a{n}: who" for n in range(limits.DOCUMENT_ALIASES_MAX + 1)) + " }",
    "directives": "{ who " + "@include(if: true) " * (limits.DOCUMENT_DIRECTIVES_MAX + 1) + "}",
    "unknown directives": "{ who " + "@a" * 2_000 + "}",
    "root fields": "{ " + "who " * (limits.ROOT_FIELDS_MAX + 1) + "}",
    "tokens": "{ " + "who " * limits.DOCUMENT_TOKENS_MAX + "}",
    "depth": deep(limits.DOCUMENT_DEPTH_MAX + 4),
    "deeper than any stack": "{ a " * 1_600 + "}" * 1_600,
    "deeper values than any stack": "{ echo(big: " + "[" * 2_000 + "]" * 2_000 + ") }",
    "doubling fragments": doubling(14),
    "a fragment of itself": "{ players { nodes { ...F } } } fragment F on Player { followers { nodes { ...F } } }",
    "a ring of fragments": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "a long chain of fragments": "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(700))
    + " fragment F700 on Query { who }",
    "fields to compare": "{ players { "
    + "nodes { followers { nodes { id } } } " * (limits.DOCUMENT_REPEATS_MAX + 2)
    + "} }",
    "fields to compare behind fragments": "{ " + "... on Query { who } " * (limits.DOCUMENT_REPEATS_MAX + 2) + "}",
    "fragments to compare": "{ players { nodes { "
    + "...F " * (limits.DOCUMENT_SPREADS_MAX + 1)
    + "} } } fragment F on Player { id }",
    "comments": "{ who } #" + "a" * limits.DOCUMENT_CHARS_MAX,
    "introspection in circles": "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
    "nothing": " ",
    "only a fragment": "fragment F on Query { who }",
    "two of one name": "query A { who } query A { who }",
    "schema definitions": "type T { a: Int }",
    "lone surrogates": '{ echo(big: "\\uD800") }',
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_document_no_honest_client_sends_is_refused_at_once(ask: Ask, name: str) -> None:
    began = monotonic()

    answer = await ask(BOMBS[name], accept="application/graphql-response+json")

    assert answer.status_code == 400, answer.text
    assert {error["extensions"]["code"] for error in answer.json()["errors"]} == {"BAD_REQUEST"}
    assert monotonic() - began < 5


async def test_what_would_cost_too_much_is_refused_before_it_runs(ask: Ask) -> None:
    query = "query ($n: Int) { players(first: $n) { nodes { followers(first: $n) { nodes { followers(first: $n) { nodes { id } } } } } } }"

    cheap = (await ask(query, {"n": 3})).json()
    dear = (await ask(query, {"n": 100})).json()

    assert cheap["extensions"]["cost"]["requested"] == 1 + 3 * (2 + 3 * (2 + 3))
    assert dear["errors"][0]["extensions"]["code"] == "QUERY_TOO_COSTLY"


@pytest.mark.parametrize("given", [{"n": "many"}, {"n": -5}, {"n": 101}, {"n": True}, {"n": 2**70}, {"n": [1] * 500}])
async def test_odd_page_sizes_are_bad_requests(ask: Ask, given: dict[str, object]) -> None:
    answer = (await ask("query ($n: Int) { players(first: $n) { nodes { id } } }", given)).json()

    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("cursor", ["", "x", "bm8=", "W251bGxd", "WyJhIl0=", "WzFlOTldCg==", "é", "W1tdXQ=="])
async def test_odd_cursors_are_bad_requests_or_the_beginning(ask: Ask, cursor: str) -> None:
    answer = (
        await ask("query ($c: String) { players(first: 1, after: $c) { nodes { number } } }", {"c": cursor})
    ).json()

    if "errors" in answer:
        assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    else:
        assert answer["data"]["players"]["nodes"] == [{"number": 0}]


async def test_pages_are_read_forth_and_back(ask: Ask) -> None:
    query = """query ($f: Int, $a: String, $l: Int, $b: String) {
      players(first: $f, after: $a, last: $l, before: $b) { nodes { number } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }
    }"""

    first = (await ask(query, {"f": 2})).json()["data"]["players"]
    second = (await ask(query, {"f": 2, "a": first["pageInfo"]["endCursor"]})).json()["data"]["players"]
    back = (await ask(query, {"l": 2, "b": second["pageInfo"]["startCursor"]})).json()["data"]["players"]
    both = (await ask(query, {"f": 2, "l": 2})).json()

    assert [page["nodes"] for page in (first, second, back)] == [
        [{"number": 0}, {"number": 1}], [{"number": 2}, {"number": 3}], [{"number": 0}, {"number": 1}],
    ]  # fmt: skip
    assert first["pageInfo"]["hasPreviousPage"] is False
    assert second["pageInfo"]["hasPreviousPage"] is True
    assert both["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_body_larger_than_allowed_is_refused_without_reading_it(door: httpx2.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65_536

    declared = await door.post("/graphql", content=b" " * (limits.GRAPHQL_BODY_BYTES_MAX + 1), headers=JSON)
    streamed = await door.post("/graphql", content=endless(), headers=JSON)

    assert (declared.status_code, streamed.status_code) == (413, 413)


async def test_an_address_longer_than_allowed_is_refused(door: httpx2.AsyncClient) -> None:
    answer = await door.get("/graphql", params={"query": "{ who }" + " " * limits.QUERY_STRING_BYTES_MAX})

    assert answer.status_code == 414


@pytest.mark.parametrize(
    "body", [b"", b"{", b'"x"', b"\xff\xfe", b'{"query": "\xff"}', b"[" * 100_000, b'{"query": 1e999}']
)
async def test_a_body_that_is_no_request_is_refused(door: httpx2.AsyncClient, body: bytes) -> None:
    answer = await door.post("/graphql", content=body, headers=JSON)

    assert answer.status_code == 400


async def test_a_compressed_body_is_not_unpacked(door: httpx2.AsyncClient) -> None:
    answer = await door.post("/graphql", content=b"\x1f\x8b", headers=JSON | {"content-encoding": "gzip"})

    assert answer.status_code == 415


def test_a_body_that_dribbles_in_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_READ_S", 0.3)
    with serving(stage_app()) as address, connected(address) as connection:
        connection.sendall(
            b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"
        )

        answer = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 408")


@contextmanager
def connected(address: str) -> Generator[socket.socket]:
    """A connection of one's own making."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield connection


@pytest.fixture
async def production(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx2.AsyncClient]:
    """The stage in the production profile, where a stranger has few points; Valkey is away."""
    monkeypatch.setattr(limits, "STRANGER_POINTS_MAX", 100)
    monkeypatch.setattr(limits, "STRANGER_POINTS_PER_S", 1)
    app = stage_app(Settings(profile="production", allowed_origins=("https://console.example",)))
    await app.state.process.open()
    async with client_for(app) as client:
        yield client
    await app.state.process.close()


async def test_strangers_learn_nothing_of_the_schema_in_production(production: httpx2.AsyncClient) -> None:
    introspection = (await production.post("/graphql", json={"query": "{ __schema { types { name } } }"})).json()
    guess = (await production.post("/graphql", json={"query": "{ whos }"})).json()
    known = await production.post(
        "/graphql", json={"query": "{ __schema { types { name } } }"}, headers={"authorization": f"Bearer {TOKEN}"}
    )

    assert introspection["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "Did you mean" not in guess["errors"][0]["message"]
    assert known.json()["data"]["__schema"]["types"]


async def test_who_asks_too_much_is_told_when_to_come_back(production: httpx2.AsyncClient) -> None:
    dear = {"query": "{ players(first: 59) { nodes { id } } }"}

    answers = [await production.post("/graphql", json=dear) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert answers[1].json()["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert 1 <= int(answers[1].headers["retry-after"]) <= 25
    somebody_else = await production.post("/graphql", json=dear, headers={"authorization": f"Bearer {TOKEN}"})
    assert somebody_else.status_code == 200


async def test_what_is_refused_has_cost_its_reading(
    production: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DOCUMENT_CHARS_PER_POINT", 1)

    answers = [await production.post("/graphql", json={"query": f"{{ nothing{n} }}"}) for n in range(9)]

    assert answers[0].status_code == 200
    assert answers[0].json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert answers[-1].status_code == 429


async def test_a_strangers_document_is_kept_in_this_process_alone(
    servers: TestServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STRANGER_POINTS_MAX", 100_000)
    query = "query Kept { who }"
    digest = hashlib.sha256(query.encode()).hexdigest()
    named = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}
    known = {"authorization": f"Bearer {TOKEN}"}
    first, second = (stage_app(Settings(redis_url=Secret(servers.redis_url))) for _ in range(2))
    await first.state.process.open()
    await second.state.process.open()

    async with client_for(first) as here, client_for(second) as there:
        await here.post("/graphql", json=named | {"query": query})
        before = (await there.post("/graphql", json=named)).json()
        await there.post("/graphql", json=named | {"query": query}, headers=known)
    await second.state.process.close()
    third = stage_app(Settings(redis_url=Secret(servers.redis_url)))
    await third.state.process.open()
    async with client_for(third) as elsewhere:
        after = (await elsewhere.post("/graphql", json=named)).json()
    await third.state.process.close()
    await first.state.process.close()

    assert before["errors"][0]["message"] == "PersistedQueryNotFound"
    assert after["data"] == {"who": "ANONYMOUS"}


async def test_a_client_follows_so_many_streams_at_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STRANGER_STREAMS_MAX", 2)
    engine.budgets = Budgets(None, "production")
    asked, context = Asked("subscription { count(to: 2) }"), Context(Ctx(ip="192.0.2.1"), Settings())
    following = [engine.stream(asked, context) for _ in range(2)]
    firsts = [await anext(stream) for stream in following]

    refused = await anext(engine.stream(asked, context))
    elsewhere = await anext(engine.stream(asked, Context(Ctx(ip="192.0.2.2"), Settings())))
    for stream in following:
        await stream.aclose()
    again = await anext(engine.stream(asked, context))

    assert [first.body["data"]["count"] for first in firsts] == [1, 1]
    assert refused.code == "THROTTLED"
    assert elsewhere.body["data"] == again.body["data"] == {"count": 1}


async def test_a_stream_ends_with_the_credentials_it_began_with(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STREAM_ASKER_S", 0.0)

    async def nobody() -> Ctx:
        raise Unauthenticated

    context = Context(Ctx(), Settings(), asker=nobody)

    answers = [answer async for answer in engine.stream(Asked("subscription { silence }"), context)]

    assert [answer.code for answer in answers] == ["UNAUTHENTICATED"]


async def test_an_allowed_page_of_another_site_may_ask(production: httpx2.AsyncClient) -> None:
    console = {"origin": "https://console.example", "sec-fetch-site": "cross-site"}
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}

    preflight = await production.options("/graphql", headers=console | asking)
    answer = await production.post("/graphql", json={"query": "{ who }"}, headers=console)
    stranger = await production.options("/graphql", headers={"origin": "https://elsewhere.example"} | asking)

    assert (preflight.status_code, answer.status_code, stranger.status_code) == (204, 200, 403)
    assert answer.headers["access-control-allow-origin"] == "https://console.example"
    assert answer.headers["vary"] == "origin"


def test_addresses_of_one_household_share_a_bucket() -> None:
    budgets = Budgets(None, "production")

    keys = {budgets.allowance(Ctx(ip=ip)).key for ip in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1")}

    assert len(keys) == 2


async def test_a_bucket_is_shared_by_all_processes(servers: TestServers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STRANGER_POINTS_MAX", 50)
    # So few that none comes back while a busy machine thinks.
    monkeypatch.setattr(limits, "STRANGER_POINTS_PER_S", 0.01)
    settings = Settings(profile="production", redis_url=Secret(servers.redis_url))
    apps = [stage_app(settings) for _ in range(2)]
    query = {"query": "{ players(first: 39) { nodes { id } } }"}

    statuses = []
    for app in apps:
        await app.state.process.open()
        async with client_for(app, "192.0.2.77") as client:
            statuses.append((await client.post("/graphql", json=query)).status_code)
        await app.state.process.close()

    assert statuses == [200, 429]


async def test_many_questions_at_once_are_all_answered(ask: Ask) -> None:
    answers = await asyncio.gather(*(ask("{ players(first: 3) { nodes { id } } }") for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200}


def test_a_stream_of_events_ends_when_the_process_is_told_to_stop() -> None:
    asking = b'{"query": "subscription { silence }"}'
    with serving(stage_app()) as address:
        connection = socket.create_connection(address.split(":"), timeout=20)  # type: ignore[arg-type]
        connection.sendall(
            b"POST /graphql HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(asking), asking)
        )
        received = connection.recv(4096)
        while b":\n\n" not in received:
            received += connection.recv(4096)

    while part := connection.recv(4096):
        received += part
    connection.close()
    assert received.endswith(b"0\r\n\r\n")
