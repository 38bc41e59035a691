"""Random documents made from the schema itself, asked by everybody there is: nothing goes wrong inside, whatever is sent.

Most of what is sent fits the schema, some does not. The ids, names and codes in it are those of a merchant's whole world
as often as nonsense, so that much of it gets past the front door.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
import schemathesis
from graphql import StringValueNode, ValueNode
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes
from schemathesis.specs.graphql.scalars import CUSTOM_SCALARS

from fondaco_api.graphql.errors import ErrorCode
from fondaco_api.graphql.schema import printed
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database
from fondaco_core.identity import PlatformRole
from fondaco_core.money import CURRENCY_DIGITS
from tests.support.door import Door, open_door
from tests.support.factories.identity import admin_ctx, make_user
from tests.support.invariants import assert_invariants
from tests.support.rows import as_owner, rows_of
from tests.support.strangers import TABLES, Known
from tests.support.world import make_worlds, node_id

# Documents for each field of the roots, each asked by everybody.
EXAMPLES = 4
TYPED = {code.value for code in ErrorCode} - {ErrorCode.INTERNAL.value}
ANSWERED_S = 60.0
SERVER_ERROR = 500


@dataclass(slots=True)
class Words:
    """What documents are filled with beside nonsense: ids of nodes, and texts that somebody would ask with."""

    ids: list[str] = field(default_factory=lambda: [node_id("Order", uuid4())])
    texts: list[str] = field(default_factory=lambda: ["x"])

    def learn(self, known: Known) -> None:
        """Takes the words of a world, in an order that is the same in every run."""
        self.ids += [each for kind in sorted(TABLES) for each in known.ids(kind)[:3]]
        world = known.world
        self.texts += [
            world.store_slug,
            world.order_code,
            world.contact,
            world.tag,
            world.link_secret,
            "CNY",
            "a@example.com",
        ]
        self.texts += [
            "10",
            "2026-11-22",
            "https://example.com/hook",
            "orders.read",
            "order.fulfilled",
            "sandbox",
            "{{code}}",
        ]


WORDS = Words()


def string(text: str) -> StringValueNode:
    """A text as a document holds it."""
    return StringValueNode(value=text)


def scalars() -> Iterator[tuple[str, st.SearchStrategy[ValueNode]]]:
    """How each scalar is filled: mostly with what it takes, up to its very ends."""
    odd = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
        ["", "\u0000", "-", "'", "%", "\u202e", "9" * 400]
    )
    # Asked for when a document is made: by then there is a world.
    known_ids, known_texts = (
        st.deferred(lambda: st.sampled_from(WORDS.ids)),
        st.deferred(lambda: st.sampled_from(WORDS.texts)),
    )
    foreign = st.sampled_from(sorted(TABLES)).map(lambda kind: node_id(kind, uuid4()))
    yield "ID", (known_ids | known_ids | known_ids | foreign | odd).map(string)
    yield "String", (known_texts | known_texts | odd).map(string)
    yield "BigInt", (st.integers(0, 100) | st.integers(-(2**63), 2**63 - 1)).map(lambda number: string(str(number)))
    yield "Int", (st.integers(0, 100) | st.integers(-(2**31), 2**31 - 1)).map(nodes.Int)
    yield (
        "Decimal",
        st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**15), max_value=10**15).map(
            lambda number: string(str(number))
        ),
    )
    yield "CurrencyCode", st.sampled_from(sorted(CURRENCY_DIGITS)).map(string)
    yield "Date", st.dates().map(lambda day: string(day.isoformat()))
    yield "DateTime", st.datetimes().map(lambda moment: string(f"{moment.isoformat()}Z"))


@pytest.fixture(scope="module", autouse=True)
def _filled() -> Iterator[None]:
    before = dict(CUSTOM_SCALARS)
    CUSTOM_SCALARS.update(scalars())
    yield
    CUSTOM_SCALARS.clear()
    CUSTOM_SCALARS.update(before)


@pytest.fixture(scope="module")
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
async def askers(settings: Settings, door: Door) -> dict[str, Ctx | None]:
    """Everybody, each with an account that there is."""
    a, b = await make_worlds(door)
    async with as_owner(settings) as owner:
        for world in (a, b):
            WORDS.learn(Known(world, await rows_of(owner, world.tenant_id)))
    return {
        "the owner": a.owner,
        "a buyer": a.buyer,
        "a guest": a.guest,
        "a stranger": None,
        "the platform": await admin(),
    }


@pytest.fixture(scope="module")
def operations() -> dict[str, Any]:
    """Every field of the roots as schemathesis reads it from the schema's text."""
    found = schemathesis.graphql.from_file(printed()).get_all_operations()
    return {made.label: made for made in (each.ok() for each in found if isinstance(each, Ok))}


async def admin() -> Ctx:
    """One of the platform's admins, with an account."""
    return replace(admin_ctx(), actor_id=await make_user(platform_role=PlatformRole.ADMIN))


def wrong(status: int, answer: Any) -> str:
    """What is wrong about an answer, whatever was asked; nothing when it is data, or refused by name."""
    if status >= SERVER_ERROR or not isinstance(answer, dict) or not answer.keys() & {"data", "errors"}:
        return f"answered {status}: {answer}"
    errors = answer.get("errors", [])
    untyped = [error for error in errors if error.get("extensions", {}).get("code") not in TYPED]
    return f"{untyped}" if untyped else ""


def test_what_is_wrong_is_seen() -> None:
    masked = {"message": "Something went wrong here", "extensions": {"code": "INTERNAL"}}

    seen = [
        wrong(200, {"data": None, "errors": [masked]}),
        wrong(200, {"errors": [{"message": "x"}]}),
        wrong(500, {}),
        wrong(200, []),
    ]

    assert all(seen)
    assert not wrong(200, {"data": {"x": 1}})
    assert not wrong(400, {"errors": [{"message": "x", "extensions": {"code": "BAD_REQUEST"}}]})


async def test_no_document_of_the_schema_breaks_the_server(
    door: Door, askers: dict[str, Ctx | None], operations: dict[str, Any]
) -> None:
    loop, found = asyncio.get_running_loop(), {}

    for label, operation in operations.items():
        broken = await asyncio.to_thread(_first_broken, door, askers, operation, loop)
        if broken:
            found[label] = broken

    assert not found, "\n\n".join(f"{label}: " + "\n".join(broken) for label, broken in found.items())
    await assert_invariants()


def _first_broken(
    door: Door, askers: dict[str, Ctx | None], operation: Any, loop: asyncio.AbstractEventLoop
) -> tuple[str, ...]:
    """The smallest document that an operation answers in a way it must not, and the answer; empty when there is none."""
    made = operation.as_strategy() | operation.as_strategy(GenerationMode.NEGATIVE)
    broken: tuple[str, ...] = ()

    @hypothesis.settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=(Phase.generate, Phase.shrink),
        suppress_health_check=(HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.too_slow,
                               HealthCheck.large_base_example),
    )  # fmt: skip
    @hypothesis.given(case=made)
    def ask(case: Any) -> None:
        nonlocal broken
        for name, ctx in askers.items():
            sent = door.send("/graphql", ctx=ctx, json={"query": case.body})
            answer = asyncio.run_coroutine_threadsafe(sent, loop).result(ANSWERED_S)
            fault = wrong(answer.status_code, answer.json())
            if fault:
                broken = (name, case.body, fault)
                raise AssertionError(fault)

    with contextlib.suppress(AssertionError):
        ask()
    return broken
