"""Codes and links through GraphQL: plaintext in one answer, kept nowhere; links whose address only their maker gets."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from fondaco_api.graphql.node import global_id
from fondaco_api.graphql.orders import Allocation, Order
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, governing, transaction
from fondaco_core.ids import LinkId
from fondaco_core.secret import Secret
from fondaco_tenants import delivery, orders
from tests.support.door import Door, open_door
from tests.support.factories.customers import make_customer_ctx
from tests.support.factories.delivery import Sale, make_link, make_sale, opener, sell_again
from tests.support.factories.identity import admin_ctx
from tests.support.statements import counted

CODE = "plaintext pin maskedCode redemption restrictions revealCount allocationId title"
LINK = "link { id state opensMax opens viewerCanRevoke createdBy order { id } allocation { id } } url"
CREATE = f"""
mutation ($input: CreateDeliveryLinkInput!, $key: String) {{
  result: createDeliveryLink(input: $input, idempotencyKey: $key) {{
    __typename ... on CreateDeliveryLinkSuccess {{ {LINK} }} ... on Failure {{ code path }}
  }}
}}
"""


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    """The front door."""
    assert database
    async with open_door(settings) as opened:
        yield opened


def order_id(sale: Sale) -> str:
    return global_id(Order, sale.order_id)


def unit_id(sale: Sale, place: int = 0) -> str:
    return global_id(Allocation, sale.allocations[place])


async def reveal(door: Door, ctx: Ctx, allocation: str, *, locale: str = "en") -> dict[str, Any]:
    """What `revealCode` answers; of a shown code what is told of it."""
    show = f"... on RevealCodeSuccess {{ code {{ {CODE} }} }} ... on NotDelivered {{ pending }}"
    show = show.replace("on RevealCodeSuccess { code", "on RevealCodeSuccess { shown: code")
    answer = await door.do("revealCode", {"allocationId": allocation}, ctx=ctx, show=show, locale=locale)
    shown: dict[str, Any] = answer.pop("shown", {})
    return answer | shown


async def create(door: Door, ctx: Ctx, key: str | None = None, **terms: Any) -> dict[str, Any]:
    result: dict[str, Any] = (await door.ask(CREATE, {"input": terms, "key": key}, ctx=ctx))["result"]
    return result


async def kept_for_repetition(sale: Sale) -> str:
    async with governing(admin_ctx()) as tx:
        rows = await tx.fetch(
            "SELECT to_jsonb(t)::text AS text FROM idempotency_record t WHERE tenant_id = $1", sale.tenant_id
        )
    return "\n".join(row["text"] for row in rows)


async def test_the_buyer_gets_the_code_in_their_language(door: Door) -> None:
    sale = await make_sale(pin="0042")

    result = await reveal(door, sale.buyer, unit_id(sale), locale="zh-CN")

    assert result["__typename"] == "RevealCodeSuccess"
    assert (result["plaintext"], result["pin"], result["revealCount"]) == (sale.codes[0], "0042", 1)
    assert result["allocationId"] == unit_id(sale)
    assert result["redemption"].startswith("打开")
    assert sale.codes[0] not in result["maskedCode"]


async def test_strangers_and_the_merchant_get_no_code(door: Door) -> None:
    sale, other = await make_sale(), await make_sale()
    same_store = await make_customer_ctx(sale.tenant_id)

    results = [await reveal(door, ctx, unit_id(sale)) for ctx in (same_store, other.buyer, other.guest, sale.owner)]
    wrong_kind = await reveal(door, sale.buyer, order_id(sale))
    nothing = await reveal(door, sale.buyer, "not an id")

    assert [result["code"] for result in results] == ["NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "NOT_ALLOWED"]
    assert (wrong_kind["code"], nothing["code"]) == ("NOT_FOUND", "INVALID_INPUT")
    assert nothing["path"] == ["input", "allocationId"]
    assert not any(sale.codes[0] in str(result) for result in results)


async def test_what_is_not_paid_is_on_its_way(door: Door) -> None:
    sale = await make_sale(paid=False)

    result = await reveal(door, sale.guest, unit_id(sale))

    assert (result["__typename"], result["code"], result["pending"]) == ("NotDelivered", "NOT_DELIVERED", True)


async def test_a_machine_gets_the_codes_of_a_whole_order(door: Door) -> None:
    sale = await make_sale(units=4)

    result = await door.do(
        "revealOrder", {"orderId": order_id(sale)}, ctx=sale.machine,
        show="... on RevealOrderSuccess { codes { allocationId plaintext } }",
    )  # fmt: skip

    assert [each["allocationId"] for each in result["codes"]] == [unit_id(sale, place) for place in range(4)]
    assert sorted(each["plaintext"] for each in result["codes"]) == sorted(sale.codes)


async def test_a_repeated_reveal_is_a_second_showing_and_nothing_of_it_is_kept(door: Door) -> None:
    sale = await make_sale()
    document = """
    mutation ($input: RevealCodeInput!, $key: String!) {
      result: revealCode(input: $input, idempotencyKey: $key) { ... on RevealCodeSuccess { code { plaintext revealCount } } }
    }
    """
    given = {"input": {"allocationId": unit_id(sale)}, "key": uuid4().hex}

    answers = [(await door.ask(document, given, ctx=sale.buyer))["result"]["code"] for _ in range(2)]

    assert [(each["plaintext"], each["revealCount"]) for each in answers] == [(sale.codes[0], 1), (sale.codes[0], 2)]
    assert sale.codes[0] not in await kept_for_repetition(sale)


async def test_the_same_request_gets_the_same_link_and_address_and_the_secret_is_not_kept(door: Door) -> None:
    sale = await make_sale(units=2)
    key = uuid4().hex
    terms: dict[str, Any] = {"orderId": order_id(sale), "allocationId": unit_id(sale, 1), "opensMax": 2}
    terms["reason"] = "the buyer lost the mail"

    silent = await create(door, sale.owner, **{**terms, "reason": None})
    first = await create(door, sale.owner, key, **terms)
    again = await create(door, sale.owner, key, **terms)
    other = await create(door, sale.owner, key, **{**terms, "opensMax": 3})

    assert (silent["code"], silent["path"]) == ("INVALID_INPUT", ["input", "reason"])
    assert first == again
    assert other["code"] == "IDEMPOTENCY_CONFLICT"
    link = first["link"]
    assert (link["state"], link["opensMax"], link["opens"], link["createdBy"]) == ("OPEN", 2, 0, "MEMBER")
    assert (link["order"]["id"], link["allocation"]["id"], link["viewerCanRevoke"]) == (
        order_id(sale),
        unit_id(sale, 1),
        True,
    )
    path, _, secret = first["url"].partition("#")
    assert path.startswith(f"http://127.0.0.1:8000/s/{sale.store.slug}/r/")
    assert len(secret) == 43
    assert secret not in await kept_for_repetition(sale)
    async with transaction(opener(sale)) as tx:
        link_id = LinkId(UUID(path.rsplit("/", 1)[1]))
        opened = await delivery.open_link(
            tx, opener(sale), store_slug=sale.store.slug, link_id=link_id, secret=Secret(secret)
        )
    assert [unit.allocation_id for unit in opened.units] == [sale.allocations[1]]


async def test_terms_of_a_link_are_checked_where_they_are_wrong(door: Door) -> None:
    sale = await make_sale()

    often = await create(door, sale.buyer, orderId=order_id(sale), opensMax=21)
    long = await create(door, sale.buyer, orderId=order_id(sale), expiresInHours=0)

    assert (often["code"], often["path"]) == ("INVALID_INPUT", ["input", "opensMax"])
    assert (long["code"], long["path"]) == ("INVALID_INPUT", ["input", "expiresInHours"])


async def test_a_withdrawn_link_is_a_node_that_says_so(door: Door) -> None:
    sale = await make_sale()
    created = await create(door, sale.buyer, orderId=order_id(sale))

    result = await door.do(
        "revokeDeliveryLink", {"linkId": created["link"]["id"]}, ctx=sale.guest,
        show="... on RevokeDeliveryLinkSuccess { link { state revokedAt viewerCanRevoke } }",
    )  # fmt: skip
    node = "query ($id: ID!) { node(id: $id) { ... on DeliveryLink { state } } }"
    seen = await door.ask(node, {"id": created["link"]["id"]}, ctx=sale.owner)
    stranger = await door.ask(node, {"id": created["link"]["id"]}, ctx=(await make_sale()).owner)

    assert (result["link"]["state"], result["link"]["viewerCanRevoke"]) == ("REVOKED", False)
    assert seen["node"] == {"state": "REVOKED"}
    assert stranger["node"] is None


async def test_an_order_shows_who_saw_its_codes_to_its_buyer_and_its_merchant(door: Door) -> None:
    sale = await make_sale()
    link, secret = await make_link(sale)
    await reveal(door, replace(sale.buyer, ip="203.0.113.5"), unit_id(sale))
    async with transaction(opener(sale)) as tx:
        await delivery.open_link(tx, opener(sale), store_slug=sale.store.slug, link_id=link.id, secret=secret)
    document = """
    query ($id: ID!) { node(id: $id) { ... on Order {
      deliveryLinks { state opens }
      reveals { via seenBy ipMasked allocationId link { state } }
    } } }
    """

    for ctx in (sale.buyer, sale.guest, sale.owner):
        order = (await door.ask(document, {"id": order_id(sale)}, ctx=ctx))["node"]
        assert order["deliveryLinks"] == [{"state": "SPENT", "opens": 1}]
        assert [(each["via"], each["seenBy"], each["ipMasked"]) for each in order["reveals"]] == [
            ("LINK", "ANONYMOUS", "198.51.*.*"),
            ("ACCOUNT", "CUSTOMER", "203.0.*.*"),
        ]
        assert [each["link"] for each in order["reveals"]] == [{"state": "SPENT"}, None]
        assert {each["allocationId"] for each in order["reveals"]} == {unit_id(sale)}


async def test_deliveries_and_reveals_of_many_orders_are_read_together(door: Door) -> None:
    sale = await make_sale()
    document = """
    { merchant { orders { nodes {
      deliveryLinks { state order { id } allocation { id } }
      reveals { via link { id } }
    } } } }
    """

    async def show_and_count() -> int:
        async with transaction(sale.buyer) as tx:
            latest = (await orders.list_orders(tx, sale.buyer))[0].id
            await delivery.create_link(tx, sale.buyer, order_id=latest)
            await delivery.reveal_order(tx, sale.buyer, order_id=latest)
        with counted() as statements:
            await door.ask(document, ctx=sale.owner)
        return len(statements)

    with_one = await show_and_count()
    for _ in range(3):
        await sell_again(sale)
    with_many = await show_and_count()

    assert with_one == with_many
    assert with_many <= 7
