"""Gifts, bad codes, look-ups and searches, as clients ask for them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fondaco_core import limits
from fondaco_core.config import Settings
from fondaco_core.db import Database
from fondaco_core.identity import MemberRole
from fondaco_tenants import customers
from tests.support.breaking import global_id
from tests.support.door import Door, open_door
from tests.support.factories.identity import make_member_ctx, some_email
from tests.support.factories.orders import Shop, make_buyer, make_shop
from tests.support.invariants import assert_invariants
from tests.support.smtp import post_office

GIFT = "gift { contact name message locale openedAt takenBackAt viewerCanTakeBack }"
UNITS = "allocations(first: 5) { nodes { id state viewerCanReplace } }"


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def buy(door: Door, shop: Shop, ctx: Any, **more: Any) -> dict[str, Any]:
    given = {"lines": [{"listingId": global_id("Listing", shop.listing_id)}], "payBy": "WALLET", **more}
    show = f"... on PlaceOrderSuccess {{ order {{ id code {GIFT} {UNITS} }} }}"
    return await door.do("placeOrder", given, ctx=ctx, show=show)


async def test_a_gift_is_given_kept_from_its_buyer_and_taken_back(door: Door) -> None:
    shop, contact = await make_shop(), some_email()
    buyer = await make_buyer(shop)
    to = {"contact": contact, "name": "小明", "message": "Enjoy!", "locale": "zh-CN"}

    order = (await buy(door, shop, buyer, giftTo=to))["order"]
    unit = {"allocationId": order["allocations"]["nodes"][0]["id"]}
    sealed = await door.do("revealCode", unit, ctx=buyer, locale="zh-CN")
    link = await door.do("createDeliveryLink", {"orderId": order["id"]}, ctx=buyer)
    back = await door.do(
        "takeBackGift", {"orderId": order["id"]}, ctx=buyer, show=f"... on TakeBackGiftSuccess {{ order {{ {GIFT} }} }}"
    )
    shown = await door.do("revealCode", unit, ctx=buyer)
    own_link = await door.do("createDeliveryLink", {"orderId": order["id"]}, ctx=buyer)

    assert order["gift"] == {
        "contact": customers.masked_contact(contact), "name": "小明", "message": "Enjoy!", "locale": "zh-CN",
        "openedAt": None, "takenBackAt": None, "viewerCanTakeBack": True,
    }  # fmt: skip
    assert (sealed["code"], sealed["message"][:2]) == ("GIFT_SEALED", "该订")
    assert (link["code"], own_link["__typename"]) == ("GIFT_SEALED", "CreateDeliveryLinkSuccess")
    assert back["order"]["gift"]["takenBackAt"] is not None
    assert back["order"]["gift"]["viewerCanTakeBack"] is False
    assert shown["__typename"] == "RevealCodeSuccess"


async def test_a_gift_that_makes_no_sense_is_refused_by_its_field(door: Door) -> None:
    shop = await make_shop()
    buyer = await make_buyer(shop)

    language = await buy(door, shop, buyer, giftTo={"contact": some_email(), "locale": "tlh"})
    message = await buy(
        door, shop, buyer, giftTo={"contact": some_email(), "message": "x" * (limits.GIFT_MESSAGE_MAX + 1)}
    )
    own = (await buy(door, shop, buyer))["order"]
    none = await door.do("takeBackGift", {"orderId": own["id"]}, ctx=buyer)

    assert (language["code"], language["path"]) == ("INVALID_ORDER", ["input", "giftTo", "locale"])
    assert (message["code"], message["path"]) == ("INVALID_ORDER", ["input", "giftTo", "message"])
    assert own["gift"] is None
    assert none["code"] == "NOT_FOUND"


async def test_support_replaces_a_unit_and_is_told_when_it_is_enough(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNIT_REPLACEMENTS_MAX", 1)
    shop = await make_shop(stock=2)
    buyer = await make_buyer(shop)
    support = await make_member_ctx(shop.tenant_id, role=MemberRole.SUPPORT)
    finance = await make_member_ctx(shop.tenant_id, role=MemberRole.FINANCE)
    bad = (await buy(door, shop, buyer))["order"]["allocations"]["nodes"][0]["id"]
    show = f"... on ReplaceUnitSuccess {{ allocation {{ id state }} order {{ {UNITS} }} }} ... on ReplacementLimit {{ most perUnit }}"

    async def replace(unit: str, ctx: Any, reason: str = "does not redeem") -> dict[str, Any]:
        return await door.do("replaceUnit", {"allocationId": unit, "reason": reason}, ctx=ctx, show=show)

    refused = [(await replace(bad, ctx))["code"] for ctx in (finance, buyer)]
    silent = await replace(bad, support, " ")
    done = await replace(bad, support)
    again = await replace(bad, support)
    enough = await replace(done["allocation"]["id"], support)

    assert refused == ["NOT_ALLOWED", "NOT_ALLOWED"]
    assert silent["path"] == ["input", "reason"]
    units = {unit["state"]: unit["viewerCanReplace"] for unit in done["order"]["allocations"]["nodes"]}
    assert units == {"FAILED": False, "FULFILLED": True}
    assert again["code"] == "ORDER_NOT_OPEN"
    assert (enough["code"], enough["most"], enough["perUnit"]) == ("REPLACEMENT_LIMIT", 1, True)
    await assert_invariants()


async def test_whoever_looks_for_an_order_hears_the_same_in_any_case(door: Door) -> None:
    shop, contact = await make_shop(), some_email()
    placed = (await buy(door, shop, None, payBy="LATER", guest={"contact": contact}))["order"]
    store = await door.ask("{ merchant { stores { nodes { slug } } } }", ctx=shop.owner)
    slug = store["merchant"]["stores"]["nodes"][0]["slug"]
    show = "... on LookUpOrderSuccess { accepted }"

    async def look(code: str, whose: str) -> dict[str, Any]:
        return await door.do("lookUpOrder", {"store": slug, "orderCode": code, "contact": whose}, show=show)

    nowhere = await look(placed["code"], contact)
    async with post_office():
        answers = [await look(placed["code"], contact), await look("FD-0000-0000-0000", contact)]
        odd = await look("x" * 101, contact)

    assert nowhere["code"] == "NO_LETTERS"
    assert answers == [{"__typename": "LookUpOrderSuccess", "accepted": True}] * 2
    assert odd["code"] == "INVALID_INPUT"


async def test_the_merchants_people_find_an_order_by_its_buyers_contact(door: Door) -> None:
    shop, contact = await make_shop(), some_email()
    placed = (await buy(door, shop, None, payBy="LATER", guest={"contact": contact}))["order"]
    query = "query ($s: OrderSearchInput) { merchant { findOrders(search: $s) { nodes { code } } } }"

    found = await door.ask(query, {"s": {"contact": contact.upper(), "states": ["PENDING_PAYMENT"]}}, ctx=shop.owner)
    other = await door.ask(query, {"s": {"contact": some_email()}}, ctx=shop.owner)
    everything = await door.ask(query, ctx=shop.owner)

    assert found["merchant"]["findOrders"]["nodes"] == [{"code": placed["code"]}]
    assert other["merchant"]["findOrders"]["nodes"] == []
    assert everything == found
