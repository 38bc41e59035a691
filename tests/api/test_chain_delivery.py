"""A buyer gets another merchant's codes through every door over HTTP; the people of all three merchants get none there."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database
from fondaco_core.identity import MERCHANT_PERMISSIONS
from tests.support.door import Door, open_door
from tests.support.factories.chain_sales import ChainSale, make_chain_sale
from tests.support.factories.delivery import make_link
from tests.support.invariants import assert_invariants
from tests.support.world import node_id

ASKING = {"x-requested-with": "fondaco"}
CODES = "... on RevealOrderSuccess { codes { plaintext } }"
CODE = "... on RevealCodeSuccess { shown: code { plaintext maskedCode revealCount } }"


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    """The front door."""
    assert database
    async with open_door(settings) as opened:
        yield opened
    await assert_invariants()


def unit(made: ChainSale, place: int = 0) -> dict[str, str]:
    return {"allocationId": node_id("Allocation", made.sale.allocations[place])}


def order(made: ChainSale) -> dict[str, str]:
    return {"orderId": node_id("Order", made.sale.order_id)}


def everybody_of(made: ChainSale) -> list[Ctx]:
    """The owners of all three merchants, who may do all that anybody of theirs may, and even what buyers may."""
    owners = [made.chain.a.owner, made.chain.b.owner, made.chain.c.owner]
    return [
        *owners,
        *(
            replace(each, permissions=MERCHANT_PERMISSIONS | {"buyer.reveal", "buyer.read", "buyer.link", "buyer.open"})
            for each in owners[:2]
        ),
    ]


async def test_the_buyer_the_guest_and_their_machine_are_shown_the_codes(door: Door) -> None:
    made = await make_chain_sale(units=2)

    one = await door.do("revealCode", unit(made), ctx=made.sale.buyer, show=CODE)
    again = await door.do("revealCode", unit(made), ctx=made.sale.guest, show=CODE)
    every = await door.do("revealOrder", order(made), ctx=made.sale.machine, show=CODES)

    assert (one["shown"]["plaintext"], one["shown"]["revealCount"]) == (made.sale.codes[0], 1)
    assert again["shown"]["revealCount"] == 2
    assert [each["plaintext"] for each in every["codes"]] == list(made.sale.codes)


async def test_the_pages_of_the_link_and_of_the_order_open_them(door: Door) -> None:
    made = await make_chain_sale(units=2)
    sale = made.sale
    link, secret = await make_link(sale)
    here = f"/s/{sale.store.slug}/r/{link.id}"

    looked = await door.send(here, method="GET")
    opened = await door.send(f"{here}/open", headers=ASKING, json={"secret": secret.reveal()})
    spent = await door.send(f"{here}/open", headers=ASKING, json={"secret": secret.reveal()})
    paged = await door.send(f"/s/{sale.store.slug}/o/{sale.order_code}/reveal", ctx=sale.guest, headers=ASKING, json={})

    assert not any(code in looked.text or code in spent.text for code in sale.codes)
    assert all(code in opened.text and code in paged.text for code in sale.codes)
    assert (opened.status_code, spent.status_code, paged.status_code) == (200, 410, 200)


async def test_the_people_of_no_merchant_get_them_through_any_door(door: Door) -> None:
    made = await make_chain_sale()
    code = {"id": node_id("Code", made.code_ids[0]), "reason": "We want to know what it is."}
    answers: list[tuple[Ctx, Any]] = []

    for ctx in everybody_of(made):
        answers += [
            (ctx, await door.do("revealCode", unit(made), ctx=ctx, show=CODE)),
            (ctx, await door.do("revealOrder", order(made), ctx=ctx, show=CODES)),
            (ctx, await door.do("createDeliveryLink", order(made) | {"reason": "lost the mail"}, ctx=ctx)),
            (
                ctx,
                (
                    await door.send(
                        f"/s/{made.sale.store.slug}/o/{made.sale.order_code}/reveal", ctx=ctx, headers=ASKING, json={}
                    )
                ).text,
            ),
        ]
        if ctx.tenant_id != made.chain.a.tenant_id:
            shown = await door.do("revealOwnCode", code, ctx=ctx)
            assert shown["code"] == "NOT_FOUND"
            answers.append((ctx, shown))

    assert [answer for _, answer in answers if made.sale.codes[0] in str(answer)] == []
    assert not [answer for _, answer in answers if isinstance(answer, dict) and "code" not in answer]
    by_store = [answer for ctx, answer in answers if ctx is made.chain.c.owner and isinstance(answer, dict)]
    assert {answer["code"] for answer in by_store} == {"NOT_ALLOWED", "CODES_OF_OTHERS", "NOT_FOUND"}
