"""GraphQL over HTTP beyond what the public audit looks at."""

import hashlib
import re
from uuid import UUID

import httpx2
import pytest

from fondaco_api.graphql.node import global_id
from tests.api.conftest import Ask, Logged
from tests.support.stage import SESSION, TOKEN, Player

JSON = {"content-type": "application/json"}
WHO = {"query": "{ who }"}


async def test_an_answer_tells_what_it_cost(ask: Ask) -> None:
    answer = (await ask("{ players(first: 7) { nodes { id } } }")).json()

    assert answer["extensions"]["cost"]["requested"] == 8
    assert answer["extensions"]["cost"]["actual"] == 8
    assert answer["extensions"]["cost"].keys() == {"requested", "actual", "available", "restoreRate"}


async def test_a_status_tells_of_an_error_only_where_the_media_type_says_so(ask: Ask) -> None:
    plain = await ask("{ nope }", accept="application/json")
    precise = await ask("{ nope }", accept="application/graphql-response+json;q=0.9, application/json;q=0.1")

    assert (plain.status_code, precise.status_code) == (200, 400)
    assert plain.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}
    assert "data" not in precise.json()


async def test_a_mutation_by_get_is_refused_and_post_named(door: httpx2.AsyncClient) -> None:
    answer = await door.get("/graphql", params={"query": "mutation { leaveStage { __typename } }"})

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_subscription_needs_a_stream(ask: Ask) -> None:
    assert (await ask("subscription { count(to: 1) }")).status_code == 405


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused_and_ours_named(door: httpx2.AsyncClient, method: str) -> None:
    answer = await door.request(method, "/graphql")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_what_a_form_can_send_runs_nothing(door: httpx2.AsyncClient, kind: str) -> None:
    answer = await door.post("/graphql", content=b'{"query": "{ who }"}', headers={"content-type": kind})

    assert answer.status_code == 415


async def test_lists_of_operations_are_not_taken(door: httpx2.AsyncClient) -> None:
    answer = await door.post("/graphql", json=[WHO, WHO])

    assert answer.status_code == 400


async def test_a_media_type_that_is_not_served_is_told(ask: Ask) -> None:
    assert (await ask("{ who }", accept="text/html")).status_code == 406


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": "http://shop.example.elsewhere.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_foreign_page_is_answered_nothing(door: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    cookie = {"cookie": f"fondaco_session={SESSION}"}

    posted = await door.post("/graphql", json=WHO, headers=headers | cookie)
    got = await door.get("/graphql", params=WHO, headers=headers | cookie)

    assert (posted.status_code, got.status_code) == (403, 403)
    assert "access-control-allow-origin" not in posted.headers


async def test_a_page_of_ours_asks_with_its_session(door: httpx2.AsyncClient) -> None:
    headers = {"origin": "http://shop.example", "sec-fetch-site": "same-origin", "cookie": f"fondaco_session={SESSION}"}

    answer = await door.post("/graphql", json=WHO, headers=headers)

    assert answer.json()["data"] == {"who": "MEMBER"}


async def test_a_session_does_not_speak_for_an_address_that_anybody_may_have_written(door: httpx2.AsyncClient) -> None:
    cookie = {"cookie": f"fondaco_session={SESSION}"}

    followed = await door.get("/graphql", params=WHO, headers=cookie)
    asked = await door.get("/graphql", params=WHO, headers=cookie | {"x-requested-with": "fondaco"})

    assert (followed.json()["data"]["who"], asked.json()["data"]["who"]) == ("ANONYMOUS", "MEMBER")


async def test_a_wrong_token_is_told_before_anything_runs(ask: Ask) -> None:
    answer = await ask("{ who }", authorization="Bearer a-token-that-is-bad")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_good_token_says_who_asks(ask: Ask) -> None:
    assert (await ask("{ who }", authorization=f"Bearer {TOKEN}")).json()["data"] == {"who": "API_CLIENT"}


async def test_what_is_not_found_is_null_and_no_error(ask: Ask) -> None:
    answer = (await ask('{ fail(how: "not found") who }')).json()

    assert answer["data"] == {"fail": None, "who": "ANONYMOUS"}
    assert "errors" not in answer


@pytest.mark.parametrize(("how", "code"), [("not allowed", "FORBIDDEN"), ("stranger", "UNAUTHENTICATED")])
async def test_who_may_not_is_told_so(ask: Ask, how: str, code: str) -> None:
    answer = (await ask("query ($how: String!) { fail(how: $how) }", {"how": how}, accept_language="zh-CN")).json()

    assert answer["data"] == {"fail": None}
    assert answer["errors"][0]["extensions"] == {"code": code}
    assert not answer["errors"][0]["message"].isascii()


async def test_what_goes_wrong_inside_is_told_by_an_id_only(ask: Ask, logged: Logged) -> None:
    answer = await ask("query ($how: String!) { fail(how: $how) }", {"how": "plaintext"})

    error = answer.json()["errors"][0]
    assert error["extensions"] == {"code": "INTERNAL", "id": answer.headers["x-request-id"]}
    assert "plaintext" not in answer.text
    assert answer.headers["x-request-id"] in logged()
    assert "Bug" in logged()
    assert "plaintext" not in logged()


async def test_an_id_that_was_not_issued_is_a_bad_request(ask: Ask) -> None:
    for text in ("", "x", "UGxheWVy", "UGxheWVyOng=", "T3JkZXI6MQ==", "é", "=" * 400):
        answer = (await ask("query ($id: ID!) { node(id: $id) { id } player(id: $id) { id } }", {"id": text})).json()

        assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_REQUEST", "BAD_REQUEST"], text


async def test_nodes_are_fetched_again_by_their_ids(ask: Ask) -> None:
    there, nowhere = (global_id(Player, UUID(int=n)) for n in (7, 700))

    answer = (
        await ask(
            "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Player { number } } }", {"ids": [there, nowhere]}
        )
    ).json()

    assert answer["data"]["nodes"] == [{"id": there, "number": 7}, None]


async def test_money_and_large_numbers_are_exact(ask: Ask) -> None:
    query = 'query ($id: ID!) { player(id: $id) { pay { amount currency minorUnits } } echo(big: "9007199254740993") }'

    answer = (await ask(query, {"id": global_id(Player, UUID(int=12))})).json()

    assert answer["data"]["player"]["pay"] == {"amount": "12.01", "currency": "CNY", "minorUnits": "1201"}
    assert answer["data"]["echo"] == "9007199254740993"


async def test_a_persisted_document_is_known_by_its_hash(door: httpx2.AsyncClient) -> None:
    query = "query Known { who }"
    digest = hashlib.sha256(query.encode()).hexdigest()
    named = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}

    unknown = (await door.post("/graphql", json=named)).json()
    registered = (await door.post("/graphql", json=named | {"query": query})).json()
    known = (await door.post("/graphql", json=named)).json()
    by_id = (await door.get("/graphql", params={"documentId": f"sha256:{digest}"})).json()

    assert unknown["errors"][0]["message"] == "PersistedQueryNotFound"
    assert registered["data"] == known["data"] == by_id["data"] == {"who": "ANONYMOUS"}


async def test_a_document_is_not_kept_under_another_hash(door: httpx2.AsyncClient) -> None:
    named = {"query": "{ who }", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}

    answer = (await door.post("/graphql", json=named)).json()

    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_every_answer_forbids_what_it_does_not_need(ask: Ask) -> None:
    headers = (await ask("{ who }")).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["cache-control"] == "no-store"


async def test_the_log_has_neither_documents_nor_variables_nor_addresses(ask: Ask, logged: Logged) -> None:
    await ask("query Seen($how: String!) { fail(how: $how) }", {"how": "unseen-variable"})

    assert '"route": "/graphql"' in logged()
    for word in ("Seen", "unseen-variable", "192.0.2.7"):
        assert word not in logged()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0190a3f2-7c1e-7d44-9f3b-3c5a1f6f0b11", True),
        ("a.b:c_d-1", True),
        ("short", False),
        ("x" * 64, True),
        ("x" * 65, False),
        ("x" * 100_000, False),
        ("eight chars and more", False),
        ('x", "level": "critical', False),
        ("<script>alert(1)</script>", False),
        ("卡密卡密卡密卡密", False),
        ("abcdefgh\tijkl", False),
    ],
)
async def test_a_request_has_the_id_that_its_client_gave_if_that_is_one(
    door: httpx2.AsyncClient, logged: Logged, given: str, *, kept: bool
) -> None:
    answer = await door.get("/healthz", headers={b"x-request-id": given.encode()})

    said = answer.headers["x-request-id"]
    assert (said == given) is kept
    assert re.fullmatch(r"[A-Za-z0-9_.:-]{8,64}", said)
    assert f'"request_id": "{said}"' in logged()
    assert kept or given not in logged()


async def test_health_readiness_and_metrics_answer(door: httpx2.AsyncClient) -> None:
    await door.post("/graphql", json={"query": "query Counted { who }"})

    assert (await door.get("/healthz")).json() == {"status": "alive"}
    assert (await door.get("/readyz")).json()["checks"]["valkey"] is True
    metrics = await door.get("/metrics")
    assert 'fondaco_graphql_operations_total{kind="query",operation="Counted",outcome="OK"}' in metrics.text
    assert (await door.get("/metrics", headers={"x-forwarded-for": "203.0.113.9"})).status_code == 404


async def test_a_process_with_everything_open_is_ready(stage: httpx2.AsyncClient) -> None:
    answer = await stage.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
