"""What @mutation promises: refusals as types, one transaction, the same answer to a repeated request."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from fondaco_core.db import Tx
from tests.support import stage as on_stage
from tests.support.stage import TOKEN

ENTER = """mutation Enter($number: Int!, $key: String) {
  enterStage(input: { number: $number }, idempotencyKey: $key) {
    __typename
    ... on EnterSuccess { nth player { number } }
    ... on Failure { code message path }
    ... on StageFull { places }
    ... on NotAllowed { permission }
  }
}"""


async def enter(stage: httpx2.AsyncClient, number: int, key: str | None = None, **headers: str) -> dict[str, Any]:
    """What the mutation answered."""
    named = {"authorization": f"Bearer {TOKEN}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await stage.post(
        "/graphql", json={"query": ENTER, "variables": {"number": number, "key": key}}, headers=named
    )
    assert "errors" not in answer.json(), answer.text
    found: dict[str, Any] = answer.json()["data"]["enterStage"]
    return found


async def test_a_mutation_answers_its_success(stage: httpx2.AsyncClient) -> None:
    answer = await enter(stage, 7)

    assert answer["__typename"] == "EnterSuccess"
    assert answer["player"] == {"number": 7}


async def test_a_refusal_is_a_type_with_what_the_client_needs_in_its_language(stage: httpx2.AsyncClient) -> None:
    english = await enter(stage, 50, accept_language="de, en;q=0.9, zh;q=0.1")
    chinese = await enter(stage, 50, accept_language="zh-Hans-CN, en;q=0.5")

    assert english == {
        "__typename": "StageFull",
        "code": "STAGE_FULL",
        "message": "There are 0 places left.",
        "path": ["input", "number"],
        "places": 0,
    }
    assert chinese["message"] == "还剩 0 个位置。"


async def test_a_refusal_that_is_not_declared_shows_as_its_nearest_ancestor(stage: httpx2.AsyncClient) -> None:
    stale = await enter(stage, 51)
    denied = await enter(stage, 52)

    assert (stale["__typename"], stale["code"]) == ("Conflict", "STALE_VERSION")
    assert (denied["__typename"], denied["permission"]) == ("NotAllowed", "stage.enter")


async def test_a_repeated_request_gets_the_first_answer(stage: httpx2.AsyncClient) -> None:
    key = str(uuid4())

    first = await enter(stage, 8, key)
    again = await enter(stage, 8, key)
    by_header = await enter(stage, 8, idempotency_key=key)

    assert first == again == by_header
    assert on_stage.entered.count(8) == 1


async def test_the_same_key_with_another_input_is_a_conflict(stage: httpx2.AsyncClient) -> None:
    key = str(uuid4())
    await enter(stage, 9, key)

    answer = await enter(stage, 10, key)

    assert (answer["__typename"], answer["code"], answer["path"]) == (
        "IdempotencyConflict",
        "IDEMPOTENCY_CONFLICT",
        ["idempotencyKey"],
    )


async def test_two_repeated_requests_at_once_do_the_work_once(stage: httpx2.AsyncClient) -> None:
    key = str(uuid4())

    answers = await asyncio.gather(*(enter(stage, 11, key) for _ in range(6)))

    assert all(answer == answers[0] for answer in answers)
    assert on_stage.entered.count(11) == 1


async def test_a_refused_request_may_come_again_with_its_key(stage: httpx2.AsyncClient) -> None:
    key = str(uuid4())

    assert (await enter(stage, 50, key))["__typename"] == "StageFull"
    assert (await enter(stage, 50, key))["__typename"] == "StageFull"


@pytest.mark.parametrize("key", ["", " ", "x" * 129])
async def test_a_key_that_is_none_is_invalid(stage: httpx2.AsyncClient, key: str) -> None:
    answer = await enter(stage, 12, key)

    assert (answer["__typename"], answer["path"]) == ("InvalidInput", ["idempotencyKey"])


async def test_crossing_transactions_are_tried_again_as_a_whole(
    stage: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = Tx.execute
    crossings = iter([asyncpg.DeadlockDetectedError, asyncpg.SerializationError])

    async def crossing(tx: Tx, sql: str, *arguments: object) -> int:
        if sql == "SELECT 1" and (error := next(crossings, None)) is not None:
            raise error
        return await execute(tx, sql, *arguments)

    monkeypatch.setattr(Tx, "execute", crossing)

    answer = await enter(stage, 13, str(uuid4()))

    assert answer["__typename"] == "EnterSuccess"
    assert on_stage.entered.count(13) == 3


async def test_one_key_in_a_header_does_not_stand_for_two_mutations(stage: httpx2.AsyncClient) -> None:
    query = "mutation { a: enterStage(input: { number: 14 }) { __typename } b: enterStage(input: { number: 14 }) { __typename } }"

    answer = await stage.post(
        "/graphql", json={"query": query}, headers={"authorization": f"Bearer {TOKEN}", "idempotency-key": str(uuid4())}
    )

    assert answer.json()["data"] == {"a": {"__typename": "EnterSuccess"}, "b": {"__typename": "EnterSuccess"}}
    assert on_stage.entered.count(14) == 2


async def test_refusals_are_counted_by_code(stage: httpx2.AsyncClient) -> None:
    await enter(stage, 50)

    assert (
        'fondaco_mutation_refusals_total{code="STAGE_FULL",mutation="enterStage"}' in (await stage.get("/metrics")).text
    )
