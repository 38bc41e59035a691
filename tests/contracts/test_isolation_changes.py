"""Every mutation, subscription and route, tried with another's ids: nothing happens, and nothing is told.

A refusal must be the same, word for word, as for an id that nobody ever had: else asking tells what exists.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import orjson
import pyrage
import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, get_named_type

from fondaco_api.graphql.schema import core_schema
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database
from fondaco_core.identity import MemberRole
from tests.support.door import Door, open_door
from tests.support.inputs import COMMON, IDS, Inputs, Path, ids_of
from tests.support.notary import seal_all
from tests.support.rows import as_owner, fingerprint
from tests.support.strangers import STRANGERS, Known, leaked, meet
from tests.support.world import PASSWORD, node_id

ASKERS = tuple(
    name
    for name in STRANGERS
    if name != "the same merchant's buyer" and not name.endswith("machine of the same merchant")
)
EVERYTHING = "somebody with every right elsewhere"
# What anybody may do with a public id: buy what a store sells.
PUBLIC = {("placeOrder", "Listing"), ("placeOrders", "Listing"), ("simulateOrder", "Listing")}

# A key that a file may be encrypted to, whoever has the other half.
AGE_KEY = str(pyrage.x25519.Identity.generate().to_public())
# Far more than a refusal takes; who is not refused would follow for ever.
FOLLOWED_S = 20.0


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


def mutations() -> dict[str, GraphQLInputObjectType | None]:
    """Every mutation with the type of its input."""
    root = core_schema().mutation_type
    assert root is not None
    found = {name: field.args.get("input") for name, field in root.fields.items()}
    return {name: None if given is None else get_named_type(given.type) for name, given in found.items()}


def targets() -> Iterator[tuple[str, Path, str]]:
    """Every place of every mutation where an id of somebody's stands, with the type that it is of."""
    for name, given in mutations().items():
        for path, key in ids_of(given) if given is not None else ():
            if IDS.get(key) not in COMMON:
                yield name, path, IDS.get(key, "")


def verdict(answer: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a mutation; of one that does many things, that of the first."""
    found: dict[str, Any] | None = (answer.get("data") or {}).get("result")
    if found is not None and found["__typename"] == "UpdateListingPricesSuccess":
        first: dict[str, Any] = found["outcomes"][0]
        return first["failure"] or first
    if found is not None and found["__typename"] == "PlaceOrdersSuccess":
        return dict(found["results"][0])
    return found


def is_success(result: dict[str, Any] | None) -> bool:
    """Whether a result is none of the refusals."""
    if result is None:
        return False
    kind = core_schema().type_map[result["__typename"]]
    assert isinstance(kind, GraphQLObjectType)
    return "Failure" not in {interface.name for interface in kind.interfaces}


def test_every_id_of_every_input_is_known() -> None:
    found = {key for given in mutations().values() if given is not None for _, key in ids_of(given)}

    assert found == set(IDS)


class Attempt:
    """One mutation as one asker, with the ids that a test chooses."""

    def __init__(self, door: Door, known: tuple[Known, Known], asker: str) -> None:
        self.door = door
        self.a, self.b = known
        self.ctx: Ctx | None = STRANGERS[asker](self.a.world, self.b.world)
        self.documents = self.a.documents()
        self.forbidden = self.a.marks - self.a.may_know(self.ctx)

    def own(self, kind: str) -> str:
        """An id that is the asker's own."""
        if self.ctx is None or self.ctx.tenant_id != self.a.world.tenant_id:
            return self.b.ids(kind)[0]
        mine = [id_ for id_ in self.a.ids(kind) if id_ in self.a.nodes_of(self.ctx)]
        return (mine or self.a.ids(kind))[0]

    def theirs(self, kind: str) -> str:
        """An id that is not the asker's own."""
        others = [id_ for id_ in self.a.ids(kind) if id_ not in self.a.nodes_of(self.ctx)]
        return (others or self.a.ids(kind))[0]

    def is_open_to_anybody(self, name: str, kind: str) -> bool:
        """Whether the asker buys here, as every visitor and buyer of the store may."""
        here = self.ctx is None or self.ctx.tenant_id == self.a.world.tenant_id
        return here and (name, kind) in PUBLIC

    async def run(self, name: str, target: Path, given: str) -> dict[str, Any]:
        """The whole answer, with `given` as the id at the target."""
        kind = mutations()[name]
        variables = {}
        if kind is not None:
            inputs = Inputs(lambda of, other: given if other else self.own(of), self.named())
            variables = {"input": inputs.build(kind, target)}
        return await self.door.post(self.documents.mutation(name), variables, ctx=self.ctx)

    def named(self) -> dict[str, Any]:
        """What fields of these names are given."""
        return {
            "email": f"{uuid4().hex}@example.com", "ownerEmail": f"{uuid4().hex}@example.com",
            "contact": f"{uuid4().hex}@example.com", "slug": f"s-{uuid4().hex}", "store": self.b.world.store_slug,
            "reason": "a reason that says enough", "password": PASSWORD.reveal(), "chosen": PASSWORD.reveal(),
            "recipientKey": AGE_KEY, "locale": "en", "region": "CN", "carrier": "TOKEN", "text": self.a.world.secrets["code 0"],
        }  # fmt: skip


def wordless(answer: dict[str, Any], given: str) -> str:
    """An answer without the id that was asked for and without the request's own."""
    return str([answer.get("data"), [error["message"] for error in answer.get("errors", [])]]).replace(given, "…")


@pytest.mark.parametrize("asker", ASKERS)
async def test_no_mutation_touches_what_is_anothers(
    door: Door, known: tuple[Known, Known], owner: Any, asker: str
) -> None:
    a, _ = known
    attempt = Attempt(door, known, asker)
    wrong: list[tuple[str, str, object, object]] = []
    before = await fingerprint(owner, a.world.tenant_id)

    for name, path, kind in targets():
        if attempt.is_open_to_anybody(name, kind):
            continue
        theirs, nobodys = attempt.theirs(kind), node_id(kind, uuid4())
        answer, same = await attempt.run(name, path, theirs), await attempt.run(name, path, nobodys)
        after = await fingerprint(owner, a.world.tenant_id)
        changed, before = sorted(table for table in after if after[table] != before[table]), after
        found = [
            ("succeeded", is_success(verdict(answer))),
            ("told", leaked(answer, attempt.forbidden)),
            ("differs", wordless(answer, theirs) != wordless(same, nobodys)),
            ("changed", changed),
            ("said", asker == EVERYTHING and not is_unknown(verdict(answer))),
        ]
        wrong += [(f"{name}({'.'.join(path)})", what, is_so, (answer, same)) for what, is_so in found if is_so]

    assert wrong == []


def is_unknown(result: dict[str, Any] | None) -> bool:
    """Whether somebody who may do everything elsewhere was told that there is no such thing, or that it is the platform's."""
    assert result is not None
    return result.get("code") == "NOT_FOUND" or result.get("permission", "").startswith("platform.")


@pytest.mark.parametrize("asker", [name for name in ASKERS if "same merchant" not in name])
async def test_no_mutation_without_an_id_touches_another_merchant(
    door: Door, known: tuple[Known, Known], owner: Any, asker: str
) -> None:
    a, _ = known
    attempt = Attempt(door, known, asker)
    wrong: list[tuple[str, object]] = []
    before = await fingerprint(owner, a.world.tenant_id)

    for name in mutations():
        answer = await attempt.run(name, (), "")
        if before != (before := await fingerprint(owner, a.world.tenant_id)) or leaked(answer, attempt.forbidden):
            wrong.append((name, answer))

    assert wrong == []


async def test_an_auditor_changes_nothing(door: Door, known: tuple[Known, Known], owner: Any) -> None:
    a, _ = known
    attempt = Attempt(door, known, EVERYTHING)
    attempt.ctx = a.world.members[MemberRole.AUDITOR]
    proofs = {"makeEvidence", "makeUnitEvidence"}
    changed: dict[str, set[str]] = {}
    before = await fingerprint(owner, a.world.tenant_id)

    for name, path, kind in targets():
        if name in proofs:
            # The first proof is itself an entry about the code, which the second can only prove once it is sealed.
            await seal_all()
            before = await fingerprint(owner, a.world.tenant_id)
        if not attempt.is_open_to_anybody(name, kind):
            answer = await attempt.run(name, path, a.ids(kind)[0])
            after = await fingerprint(owner, a.world.tenant_id)
            tables = {table for table in after if after[table] != before.get(table)}
            if tables or is_success(verdict(answer)):
                changed[name] = tables
            before = after

    # To make evidence and to trace what turned up is an auditor's work, and the log says who did.
    assert changed == {name: {"audit_entry"} for name in {*proofs, "traceCode"}}


def test_only_buying_is_open_to_anybody() -> None:
    places = {(name, kind) for name, _, kind in targets()}

    assert places >= PUBLIC
    assert len(places) > 30


@pytest.mark.parametrize("asker", ASKERS)
async def test_no_stranger_follows_what_is_anothers(door: Door, known: tuple[Known, Known], asker: str) -> None:
    attempt = Attempt(door, known, asker)
    root = core_schema().subscription_type
    assert root is not None

    for name in root.fields:
        document = attempt.documents.subscription(name)
        async with asyncio.timeout(FOLLOWED_S):
            answer = await door.send(
                "/graphql", ctx=attempt.ctx, headers={"accept": "text/event-stream"}, json={"query": document}
            )

        events = [line.partition(":")[2] for line in answer.text.splitlines() if line.startswith("data:")]
        told = [orjson.loads(event) for event in events if event.strip()]
        assert told, name
        assert all(event.get("data") is None and event["errors"] for event in told)
        assert leaked(told, attempt.forbidden) == []
