"""A sale over three merchants, asked for with every query and changed by every mutation: each sees its neighbour, and no code.

A supplies B, B supplies C, C's customer bought. Nobody but A and the customer learns what the codes are; C not who A is, A not
who C and the customer are, B neither the customer nor which codes they have.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
from graphql import GraphQLArgument, get_named_type

from fondaco_api.graphql.schema import core_schema
from fondaco_core import clock
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, trading, transaction
from fondaco_core.identity import MERCHANT_PERMISSIONS
from fondaco_tenants import aftersales, delivery, supply
from tests.contracts.test_isolation_changes import AGE_KEY, mutations, targets
from tests.support.documents import Documents, told
from tests.support.door import Door, open_door
from tests.support.factories.chain_sales import ChainSale, make_chain_sale
from tests.support.factories.chains import Merchant
from tests.support.factories.delivery import make_link
from tests.support.inputs import Inputs
from tests.support.notary import seal_all
from tests.support.rows import as_owner, rows_of
from tests.support.strangers import ID_ARGUMENTS, NODES, PUBLIC_NODES, PUBLIC_QUERIES, TABLES, leaked, row_key
from tests.support.world import PASSWORD, node_id

NAMES = {"a": "Leaf Trading", "b": "Middle Trading", "c": "Front Trading"}


@dataclass(frozen=True, slots=True)
class Told:
    """The sale, the rows of its merchants, and what each merchant must not be told."""

    made: ChainSale
    rows: dict[str, list[tuple[str, dict[str, Any]]]]
    forbidden: dict[str, set[str]]

    def merchant(self, who: str) -> Merchant:
        """One of the three."""
        found: Merchant = getattr(self.made.chain, who)
        return found

    def asker(self, who: str) -> Ctx:
        """Its owner, who may do all that anybody of a merchant may."""
        return self.merchant(who).owner

    def ids(self, whose: str, kind: str) -> list[str]:
        """The nodes of a type that a merchant has, or one that nobody has."""
        found = [node_id(kind, row_key(row)) for table, row in self.rows[whose] if table == TABLES[kind]]
        return found or [node_id(kind, uuid4())]

    def documents(self, whose: str) -> Documents:
        """Documents that ask for what is one merchant's."""
        sale = self.made.sale

        def fill(kind: str, field: str, argument: str, given: GraphQLArgument) -> Any:
            if get_named_type(given.type).name == "ID":
                of = ID_ARGUMENTS[kind, field, argument]
                return None if of is None else self.ids(whose, of)[0]
            named = {
                ("Fees", "fee", "amount"): {"amount": "1.00", "currency": "CNY"},
                ("Merchant", "gateways", "currency"): "CNY",
                ("Merchant", "statement", "currency"): "CNY",
                ("Merchant", "statement", "from"): f"{clock.now() - timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}",
                ("Merchant", "statement", "to"): f"{clock.now() + timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}",
                ("Query", "store", "slug"): sale.store.slug,
                ("Query", "order", "code"): sale.order_code,
                ("Merchant", "customers", "contact"): "nobody@example.com",
            }
            return named.get((kind, field, argument), False if str(given.type) == "Boolean!" else None)

        return Documents(core_schema(), fill)


@pytest.fixture(scope="module")
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def _name(merchant: Merchant, name: str) -> None:
    async with transaction(merchant.owner) as tx:
        known = (await supply.partners_by_ids(tx, merchant.owner, [merchant.tenant_id])).get(merchant.tenant_id)
        await supply.update_partner(
            tx, merchant.owner, version=0 if known is None else known.version, name=name, about=None
        )


@pytest.fixture(scope="module")
async def chain(settings: Settings, database: Database) -> Told:
    """A sale of which the customer has looked at one unit, whose code turned up then, and has made a link to the other."""
    assert database
    made = await make_chain_sale(units=2)
    tag = uuid4().hex[:8]
    for who, name in NAMES.items():
        await _name(getattr(made.chain, who), f"{name} {tag}")
    buyer = made.sale.buyer
    async with transaction(buyer) as tx:
        await delivery.reveal_code(tx, buyer, allocation_id=made.sale.allocations[0])
    await make_link(made.sale, allocation_id=made.sale.allocations[1])
    place = f"A forum {tag}"
    async with trading(made.chain.a.owner) as tx:
        await aftersales.report_leak(tx, made.chain.a.owner, code_id=made.code_ids[0], place=place)
    await seal_all()
    async with as_owner(settings) as owner:
        rows = {who: await rows_of(owner, getattr(made.chain, who).tenant_id) for who in NAMES}
    customer = next(row for table, row in rows["c"] if table == "customer")
    of_sale = {
        made.sale.order_code, str(made.sale.order_id), made.sale.store.slug, str(made.sale.store.id),
        str(buyer.customer_id), customer["contact_masked"], *(str(each) for each in made.sale.allocations),
    }  # fmt: skip
    of_codes = {*made.sale.codes}
    of_stock = {str(row["id"]) for table, row in rows["a"] if table in {"code", "code_pool", "code_batch"}}
    leaks = {who: {str(row["id"]) for table, row in rows[who] if table in {"leak", "leak_find"}} for who in NAMES}
    assert all(leaks.values())
    forbidden = {
        # The leaf: whose customer it was, and who sells to customers at all.
        "a": of_sale | {f"{NAMES['c']} {tag}", str(made.chain.c.tenant_id), str(made.chain.offer_of_b)},
        # The middle: what passed through its hands, of which it knows the masks.
        "b": of_codes | of_sale | of_stock,
        # The store: what its customer has, and from whom its supplier has it.
        "c": of_codes | {f"{NAMES['a']} {tag}", str(made.chain.a.tenant_id), str(made.chain.offer_of_a)}
        | {str(row["id"]) for table, row in rows["a"] if table in {"code_pool", "code_batch", "tier", "agreement"}},
    }  # fmt: skip
    for who, others in (("a", ("b", "c")), ("b", ("a", "c")), ("c", ("a", "b"))):
        forbidden[who] |= set().union(*(leaks[other] for other in others))
        forbidden[who] |= set() if who == "a" else {place}
    forbidden |= {who: marks | {node for mark in marks for node in _nodes(mark)} for who, marks in forbidden.items()}
    return Told(made, rows, forbidden)


def _nodes(mark: str) -> Iterator[str]:
    """How a row's id stands in an answer."""
    if len(mark) == 36 and mark.count("-") == 4:
        for kind in TABLES:
            yield node_id(kind, mark)  # type: ignore[arg-type]


@pytest.mark.parametrize("whose", NAMES)
@pytest.mark.parametrize("who", NAMES)
async def test_no_query_tells_a_merchant_what_lies_beyond_its_neighbour(
    door: Door, chain: Told, who: str, whose: str
) -> None:
    documents, ctx = chain.documents(whose), chain.asker(who)

    # What a store shows to every visitor is no secret.
    answers: dict[str, Any] = {
        name: await door.post(text, ctx=ctx) for name, text in documents.queries() if name not in PUBLIC_QUERIES
    }
    for kind in documents.nodes():
        if kind.name in PUBLIC_NODES:
            continue
        ids = chain.ids(whose, kind.name)
        for place, id_ in enumerate(ids[:2]):
            answers[f"node {kind.name} {place}"] = _without(
                await door.post(documents.node(kind), {"id": id_}, ctx=ctx), id_
            )
        found = (await door.ask(NODES, {"ids": ids[:100]}, ctx=ctx))["nodes"]
        answers[f"nodes {kind.name}"] = [node for node in found if node is not None]

    assert "QUERY_TOO_COSTLY" not in str(answers), "what is not answered tells nobody anything"
    assert {name: leaks for name, answer in answers.items() if (leaks := leaked(answer, chain.forbidden[who]))} == {}


def _without(answer: Any, id_: str) -> Any:
    """An answer without what it was asked for, when nothing was found."""
    return (
        answer
        if (answer.get("data") or {}).get("node") is not None
        else [text.replace(id_, "") for text in told(answer)]
    )


async def test_each_is_told_what_is_its_own_to_know(door: Door, chain: Told) -> None:
    resale = "query ($id: ID!) { node(id: $id) { ... on Code { state reseller { name } resoldAt } } }"
    order = "query ($code: String!) { order(code: $code) { allocations { nodes { maskedCode revealedAt } } } }"

    sold = await door.ask(resale, {"id": node_id("Code", chain.made.code_ids[0])}, ctx=chain.asker("a"))
    bought = await door.ask(order, {"code": chain.made.sale.order_code}, ctx=chain.asker("c"))

    assert sold["node"]["state"] == "DELIVERED"
    assert sold["node"]["reseller"]["name"].startswith(NAMES["b"])
    assert sold["node"]["resoldAt"] is not None
    units = bought["order"]["allocations"]["nodes"]
    assert sorted(unit["revealedAt"] is None for unit in units) == [False, True]
    assert all(unit["maskedCode"] for unit in units)
    assert all(chain.asker(who).permissions >= MERCHANT_PERMISSIONS for who in NAMES)


async def test_evidence_tells_each_side_its_own_part(door: Door, chain: Told) -> None:
    made = chain.made
    of_code = {"codeId": node_id("Code", made.code_ids[0]), "reason": "the buyer says it never came"}
    of_unit = {"allocationId": node_id("Allocation", made.sale.allocations[0]), "reason": of_code["reason"]}
    shown = "evidence { document entries }"

    by_owner = await door.do(
        "makeEvidence", of_code, ctx=chain.asker("a"), show=f"... on MakeEvidenceSuccess {{ {shown} }}"
    )
    by_store = await door.do(
        "makeUnitEvidence", of_unit, ctx=chain.asker("c"), show=f"... on MakeUnitEvidenceSuccess {{ {shown} }}"
    )
    others = [
        await door.do("makeEvidence", of_code, ctx=chain.asker("c")),
        await door.do("makeUnitEvidence", of_unit, ctx=chain.asker("a")),
        await door.do("makeEvidence", of_code, ctx=chain.asker("b")),
        await door.do("makeUnitEvidence", of_unit, ctx=chain.asker("b")),
    ]

    told_owner, told_store = (orjson.loads(each["evidence"]["document"]) for each in (by_owner, by_store))
    assert told_owner["code"]["resale"]["reseller_id"] == str(made.chain.b.tenant_id)
    acts = [row["entry"]["action"] for row in told_owner["entries"]]
    assert "batch.imported" in acts
    assert "order.placed" not in acts
    assert [row["entry"]["detail"] for row in told_owner["entries"] if row["entry"]["action"] == "code.revealed"] == [
        {"shown_to": "END_CUSTOMER"}
    ]
    assert leaked(told_owner, chain.forbidden["a"]) == []
    acts = [row["entry"]["action"] for row in told_store["entries"]]
    assert {"order.placed", "code.revealed"} <= set(acts)
    assert "batch.imported" not in acts
    assert leaked(told_store, chain.forbidden["c"]) == []
    assert {answer["code"] for answer in others} == {"NOT_FOUND"}


# The last one: some of what it tries is the store's own to do.
@pytest.mark.parametrize("who", ["b", "c"])
async def test_no_mutation_tells_who_stands_between_what_the_codes_are(door: Door, chain: Told, who: str) -> None:
    ctx, documents = chain.asker(who), chain.documents(who)
    named = {
        "contact": f"{uuid4().hex}@example.com", "email": f"{uuid4().hex}@example.com", "slug": f"s-{uuid4().hex}",
        "store": chain.made.sale.store.slug, "reason": "a reason that says enough", "password": PASSWORD.reveal(),
        "chosen": PASSWORD.reveal(), "recipientKey": AGE_KEY, "locale": "en", "region": "CN", "carrier": "TOKEN",
        "text": "nothing of theirs",
    }  # fmt: skip
    told_: dict[str, object] = {}

    for name, path, kind in targets():
        for whose in ("c", "b", "a"):
            given = chain.ids(whose, kind)[0]
            inputs = Inputs(lambda of, other, given=given: given if other else chain.ids(who, of)[0], named)  # type: ignore[misc]
            wanted = mutations()[name]
            assert wanted is not None
            answer = await door.post(documents.mutation(name), {"input": inputs.build(wanted, path)}, ctx=ctx)
            if leaks := leaked(_shown(answer), chain.forbidden[who] - {given}):
                told_[f"{name} {path} {whose}"] = leaks

    assert told_ == {}


def _shown(answer: dict[str, Any]) -> Any:
    """What an answer says; an error may repeat the id that it was asked for."""
    return answer.get("data")
