"""Orders and wallets through GraphQL: every refusal by its name, repeated requests, guests, what each may do."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from fondaco_api.graphql.context import Context
from fondaco_api.graphql.customers import Customer
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import global_id
from fondaco_api.graphql.orders import Allocation, Order
from fondaco_api.graphql.schema import schema
from fondaco_api.graphql.tenancy import Tenant
from fondaco_core import clock, identity, limits
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, transaction
from fondaco_core.identity import MemberRole
from fondaco_core.ids import new_id
from fondaco_core.postings import AccountKind
from fondaco_core.secret import Secret
from fondaco_tenants import catalog, customers, orders
from fondaco_tenants.orders import PayBy
from tests.support.door import Door, open_door
from tests.support.factories.customers import make_customer_ctx
from tests.support.factories.identity import admin_ctx, make_member_ctx, some_email
from tests.support.factories.orders import PRICE, Shop, balance, fund, make_buyer, make_shop, place
from tests.support.invariants import assert_invariants
from tests.support.statements import counted
from tests.tenants.orders.test_place import codes_by_state

ORDER = (
    "id code state total { minorUnits currency } viewerCanPay viewerCanCancel viewerCanRefund lines { title quantity } "
)
PLACED = f"... on PlaceOrderSuccess {{ order {{ {ORDER} allocations {{ nodes {{ id maskedCode viewerCanReveal }} }} }} guestToken }}"


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    """The front door."""
    assert database
    async with open_door(settings) as opened:
        yield opened


def line(shop: Shop, quantity: int = 1) -> dict[str, Any]:
    return {"listingId": global_id(Listing, shop.listing_id), "quantity": quantity}


async def buy(
    door: Door, ctx: Ctx | None, shop: Shop, quantity: int = 1, *, show: str = PLACED, **more: Any
) -> dict[str, Any]:
    return await door.do("placeOrder", {"lines": [line(shop, quantity)], **more}, ctx=ctx, show=show)


async def buy_once(door: Door, ctx: Ctx, shop: Shop, key: str, quantity: int = 1) -> dict[str, Any]:
    answer = await door.ask(
        "mutation ($input: PlaceOrderInput!, $key: String) { result: placeOrder(input: $input, idempotencyKey: $key) {"
        " __typename ... on PlaceOrderSuccess { order { id } } ... on Failure { code message path } } }",
        {"input": {"lines": [line(shop, quantity)]}, "key": key},
        ctx=ctx,
    )
    result: dict[str, Any] = answer["result"]
    return result


async def test_a_buyer_orders_and_sees_what_may_be_done_next(door: Door) -> None:
    shop = await make_shop(stock=3)
    buyer = await make_buyer(shop)

    result = await buy(door, buyer, shop, 2)

    order = result["order"]
    assert order["state"] == "FULFILLED"
    assert order["total"] == {"minorUnits": str(2 * PRICE), "currency": "CNY"}
    assert (order["viewerCanPay"], order["viewerCanCancel"], order["viewerCanRefund"]) == (False, False, False)
    assert [unit["viewerCanReveal"] for unit in order["allocations"]["nodes"]] == [True, True]
    assert all("*" in unit["maskedCode"] for unit in order["allocations"]["nodes"])
    assert result["guestToken"] is None


async def test_a_buyer_is_not_offered_the_codes_of_a_gift(door: Door) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)

    result = await buy(door, buyer, shop, 1, giftTo={"contact": "friend@example.com", "locale": "en"})

    assert result["order"]["state"] == "FULFILLED"
    assert [unit["viewerCanReveal"] for unit in result["order"]["allocations"]["nodes"]] == [False]


async def test_every_refusal_of_placing_has_its_name_and_says_how_to_go_on(door: Door) -> None:
    shop = await make_shop(stock=2, order_max=3, customer_max=3, guest_checkout=False)
    other = await make_shop(stock=1)
    buyer, poor = await make_buyer(shop), await make_buyer(shop, funds_minor=0)
    blocked = await make_buyer(shop)
    assert blocked.customer_id is not None
    async with transaction(shop.owner) as tx:
        await customers.block_customer(tx, shop.owner, customer_id=blocked.customer_id, reason="a charge-back")
    bought = await buy(door, buyer, shop, 1)

    stock = await buy(door, buyer, shop, 2, show="... on OutOfStock { asked available listingId }")
    price = await buy(
        door,
        buyer,
        shop,
        expectedTotal={"amount": "1.00", "currency": "CNY"},
        show="... on PriceChanged { total { minorUnits } }",
    )
    order_limit = await buy(door, buyer, shop, 4, show="... on LimitExceeded { limit remaining perOrder }")
    customer_limit = await buy(door, buyer, shop, 3, show="... on LimitExceeded { limit remaining perOrder }")
    funds = await buy(
        door, poor, shop, show="... on InsufficientFunds { needed { minorUnits } available { minorUnits } }"
    )
    quantity = await buy(door, buyer, shop, 0)
    unknown = await door.do("placeOrder", {"lines": [{"listingId": global_id(Listing, new_id())}]}, ctx=buyer)
    foreign = await buy(door, buyer, other)
    garbled = await door.do("placeOrder", {"lines": [{"listingId": "nonsense"}]}, ctx=buyer)
    empty = await door.do("placeOrder", {"lines": []}, ctx=buyer)
    barred = await buy(door, blocked, shop)
    guest = await buy(door, None, shop, guest={"contact": some_email()}, payBy="LATER")
    contact = await buy(door, None, other, guest={"contact": "not a contact"}, payBy="LATER")
    staff = await buy(door, shop.owner, shop)
    reference = await buy(door, buyer, shop, reference="x" * 201)

    assert bought["__typename"] == "PlaceOrderSuccess"
    assert (stock["code"], stock["asked"], stock["available"]) == ("OUT_OF_STOCK", 2, 1)
    assert stock["listingId"] == global_id(Listing, shop.listing_id)
    assert (price["code"], price["total"], price["path"]) == (
        "PRICE_CHANGED", {"minorUnits": str(PRICE)}, ["input", "expectedTotal"],
    )  # fmt: skip
    assert (order_limit["code"], order_limit["limit"], order_limit["perOrder"]) == ("LIMIT_EXCEEDED", 3, True)
    assert (customer_limit["limit"], customer_limit["remaining"], customer_limit["perOrder"]) == (3, 2, False)
    assert (funds["code"], funds["needed"], funds["available"]) == (
        "INSUFFICIENT_FUNDS", {"minorUnits": str(PRICE)}, {"minorUnits": "0"},
    )  # fmt: skip
    assert (quantity["code"], quantity["path"]) == ("INVALID_ORDER", ["input", "lines", "0", "quantity"])
    assert (unknown["code"], unknown["path"]) == ("NOT_FOUND", ["input", "lines", "0", "listingId"])
    assert foreign["code"] == "NOT_FOUND"
    assert (garbled["code"], garbled["path"]) == ("INVALID_INPUT", ["input", "lines", "0", "listingId"])
    assert empty["code"] == "INVALID_ORDER"
    assert barred["code"] == "CUSTOMER_BLOCKED"
    assert guest["code"] == "GUESTS_NOT_SERVED"
    assert contact["__typename"] == "BadContact"
    assert staff["code"] == "NOT_ALLOWED"
    assert staff["message"].endswith("use a buyer's.")
    assert (reference["code"], reference["path"]) == ("INVALID_ORDER", ["input", "reference"])
    assert await codes_by_state(shop) == {"AVAILABLE": 1, "DELIVERED": 1}
    await assert_invariants()


async def test_refusals_speak_the_viewers_language(door: Door) -> None:
    shop = await make_shop(stock=0)
    buyer = await make_buyer(shop)

    result = await door.do("placeOrder", {"lines": [line(shop)]}, ctx=buyer, locale="zh-CN")

    assert result["message"] == "需要 1 件，目前可售 0 件。"


async def test_a_stranger_without_a_contact_is_asked_who_they_are(door: Door) -> None:
    shop = await make_shop(stock=1)

    answer = await door.post(
        "mutation ($input: PlaceOrderInput!) { placeOrder(input: $input) { ... on Failure { code message path } } }",
        {"input": {"lines": [line(shop)]}},
    )

    asked = answer["data"]["placeOrder"]
    assert (asked["code"], asked["path"]) == ("INVALID_ORDER", ["input", "guest"])
    assert "`guest`" in asked["message"]


async def test_a_guest_gets_a_token_that_opens_this_order_and_no_other(door: Door) -> None:
    shop = await make_shop(stock=2)
    contact = some_email()

    first = await buy(door, None, shop, guest={"contact": contact}, payBy="LATER")
    second = await buy(door, None, shop, guest={"contact": contact}, payBy="LATER")
    guest = await identity.authenticate_bearer(Secret(first["guestToken"]), Ctx())
    seen = await door.ask(
        "query ($mine: ID!, $other: ID!) { mine: node(id: $mine) { id } other: node(id: $other) { id } viewer { orders { nodes { id } } } }",
        {"mine": first["order"]["id"], "other": second["order"]["id"]},
        ctx=guest,
    )

    assert first["order"]["state"] == "PENDING_PAYMENT"
    assert seen == {
        "mine": {"id": first["order"]["id"]},
        "other": None,
        "viewer": {"orders": {"nodes": [{"id": first["order"]["id"]}]}},
    }


async def test_a_repeated_request_gets_the_same_order_also_at_the_same_time(door: Door) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    key = uuid4().hex

    together = await asyncio.gather(*(buy_once(door, buyer, shop, key) for _ in range(8)))
    later = await buy_once(door, buyer, shop, key)
    other = await buy_once(door, buyer, shop, key, quantity=2)

    assert {result["order"]["id"] for result in [*together, later]} == {later["order"]["id"]}
    assert other["code"] == "IDEMPOTENCY_CONFLICT"
    assert await codes_by_state(shop) == {"DELIVERED": 1}


async def test_a_repeated_request_may_wait_longer(door: Door) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    query = (
        "mutation ($input: PlaceOrderInput!, $key: String, $wait: Int!) { placeOrder(input: $input, idempotencyKey: $key,"
        " waitMs: $wait) { __typename ... on PlaceOrderSuccess { order { id store { name } customer { id } } } } }"
    )
    given = {"input": {"lines": [line(shop)]}, "key": uuid4().hex}

    first, second = [await door.ask(query, {**given, "wait": wait}, ctx=buyer) for wait in (0, 50)]

    assert first == second
    assert first["placeOrder"]["order"]["store"] == {"name": "Card Corner"}
    assert first["placeOrder"]["order"]["customer"] is None


async def test_a_refused_request_leaves_its_key_free(door: Door) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop, funds_minor=0)
    key = uuid4().hex
    refused = await buy_once(door, buyer, shop, key)
    await fund(shop.tenant_id, buyer.customer_id, 1_000_000)

    done = await buy_once(door, buyer, shop, key)

    assert refused["code"] == "INSUFFICIENT_FUNDS"
    assert done["__typename"] == "PlaceOrderSuccess"


MANY = """mutation ($input: PlaceOrdersInput!, $key: String) { result: placeOrders(input: $input, idempotencyKey: $key) {
  __typename ... on PlaceOrdersSuccess { results { __typename ... on PlaceOrderSuccess { order { id } } ... on Failure { code } } }
  ... on Failure { code path } } }"""


async def test_many_orders_stand_or_fall_alone_and_repeat_alone(door: Door) -> None:
    shop = await make_shop(stock=3)
    buyer = await make_buyer(shop)
    given = {"orders": [{"lines": [line(shop, quantity)]} for quantity in (1, 9, 1)]}
    key = uuid4().hex

    first = (await door.ask(MANY, {"input": given, "key": key}, ctx=buyer))["result"]["results"]
    second = (await door.ask(MANY, {"input": given, "key": key}, ctx=buyer))["result"]["results"]

    assert [each["__typename"] for each in first] == ["PlaceOrderSuccess", "OutOfStock", "PlaceOrderSuccess"]
    assert [first[0], first[2]] == [second[0], second[2]]
    assert await codes_by_state(shop) == {"AVAILABLE": 1, "DELIVERED": 2}


@pytest.mark.parametrize("count", [0, 101])
async def test_too_few_or_too_many_orders_at_once_are_refused(door: Door, count: int) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)

    result = (await door.ask(MANY, {"input": {"orders": [{"lines": [line(shop)]}] * count}, "key": None}, ctx=buyer))[
        "result"
    ]

    assert result["code"] in {"INVALID_INPUT", "INVALID_ORDER"}


async def test_a_pending_order_is_paid_cancelled_and_refused_afterwards(door: Door) -> None:
    shop = await make_shop(stock=2)
    buyer, stranger = await make_buyer(shop), await make_buyer(shop)
    paid = await place(shop, buyer, pay_by=PayBy.LATER)
    dropped = await place(shop, buyer, pay_by=PayBy.LATER)
    paid_id, dropped_id = global_id(Order, paid.order_id), global_id(Order, dropped.order_id)

    pay = await door.do("payOrder", {"orderId": paid_id}, ctx=buyer, show="... on PayOrderSuccess { order { state } }")
    cancel = await door.do(
        "cancelOrder", {"orderId": dropped_id}, ctx=buyer, show="... on CancelOrderSuccess { order { state } }"
    )
    late = await door.do("payOrder", {"orderId": dropped_id}, ctx=buyer, show="... on OrderNotOpen { state }")
    early = await door.do("cancelOrder", {"orderId": paid_id}, ctx=buyer, show="... on OrderNotOpen { state }")
    nobodys = [
        await door.do("payOrder", {"orderId": paid_id}, ctx=stranger),
        await door.do("cancelOrder", {"orderId": dropped_id}, ctx=stranger),
    ]

    assert (pay["order"]["state"], cancel["order"]["state"]) == ("FULFILLED", "CANCELLED")
    assert (late["code"], late["state"]) == ("ORDER_NOT_OPEN", "CANCELLED")
    assert (early["code"], early["state"]) == ("ORDER_NOT_OPEN", "FULFILLED")
    assert [each["code"] for each in nobodys] == ["NOT_FOUND", "NOT_FOUND"]


async def test_paying_too_late_says_when_the_hold_ended(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = await make_shop(stock=1, hold_s=60)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    later = clock.now() + timedelta(seconds=61)
    monkeypatch.setattr(clock, "_now", lambda: later)

    result = await door.do(
        "payOrder", {"orderId": global_id(Order, placed.order_id)}, ctx=buyer, show="... on HoldExpired { expiredAt }"
    )

    assert result["code"] == "HOLD_EXPIRED"
    assert result["expiredAt"]


async def test_support_refunds_what_nobody_saw_and_each_refusal_has_its_name(door: Door) -> None:
    shop = await make_shop(stock=2)
    buyer = await make_buyer(shop)
    support = await make_member_ctx(shop.tenant_id, role=MemberRole.SUPPORT)
    operator = await make_member_ctx(shop.tenant_id, role=MemberRole.OPERATOR)
    placed = await place(shop, buyer, 2)
    async with transaction(buyer) as tx:
        seen, unseen = [unit.id for unit in await orders.list_allocations(tx, buyer, order_id=placed.order_id)]
        await orders.mark_revealed(tx, allocation_ids=[seen])
    given = {"orderId": global_id(Order, placed.order_id), "reason": "by mistake"}
    show = "... on RefundOrderSuccess { units amount { minorUnits } order { state viewerCanRefund } }"

    revealed = await door.do("refundOrder", given, ctx=support, show="... on CodeAlreadyRevealed { allocationIds }")
    done = await door.do(
        "refundOrder", given | {"allocationIds": [global_id(Allocation, unseen)]}, ctx=support, show=show
    )
    again = await door.do("refundOrder", given | {"allocationIds": [global_id(Allocation, unseen)]}, ctx=support)
    forbidden = await door.do("refundOrder", given, ctx=operator)
    own = await door.do("refundOrder", given, ctx=buyer)
    silent = await door.do("refundOrder", given | {"reason": " "}, ctx=support)

    assert (revealed["code"], revealed["allocationIds"]) == ("CODE_ALREADY_REVEALED", [global_id(Allocation, seen)])
    assert (done["units"], done["amount"], done["order"]) == (
        1, {"minorUnits": str(PRICE)}, {"state": "PARTIALLY_REFUNDED", "viewerCanRefund": True},
    )  # fmt: skip
    assert (again["code"], again["message"]) == (
        "ORDER_NOT_OPEN",
        "These units were refunded or replaced already, or have no code.",
    )
    assert (forbidden["code"], own["code"]) == ("NOT_ALLOWED", "NOT_ALLOWED")
    assert (silent["code"], silent["path"]) == ("INVALID_INPUT", ["input", "reason"])


async def test_a_simulation_tells_the_refusal_that_placing_would_meet(door: Door) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    show = "... on SimulateOrderSuccess { wouldBePlaced failure { code } total { minorUnits } lines { available quantity } }"

    fits = await door.do("simulateOrder", {"lines": [line(shop, 1)]}, ctx=buyer, show=show)
    short = await door.do("simulateOrder", {"lines": [line(shop, 2)]}, ctx=buyer, show=show)
    nonsense = await door.do("simulateOrder", {"lines": []}, ctx=buyer, show=show)

    assert (fits["wouldBePlaced"], fits["failure"], fits["total"]) == (True, None, {"minorUnits": str(PRICE)})
    assert (short["wouldBePlaced"], short["failure"]) == (False, {"code": "OUT_OF_STOCK"})
    assert nonsense["code"] == "INVALID_ORDER"
    assert await codes_by_state(shop) == {"AVAILABLE": 1}


async def test_money_reaches_a_buyer_only_out_of_the_merchants_wallet(door: Door) -> None:
    shop = await make_shop(stock=0)
    buyer = await make_buyer(shop, funds_minor=0)
    finance = await make_member_ctx(shop.tenant_id, role=MemberRole.FINANCE)
    assert buyer.customer_id is not None
    credit = {
        "customerId": global_id(Customer, buyer.customer_id),
        "amount": {"amount": "10.00", "currency": "CNY"},
        "reason": "cash",
    }
    deposit = {
        "tenantId": global_id(Tenant, shop.tenant_id),
        "amount": {"amount": "15.00", "currency": "CNY"},
        "reason": "bank",
    }

    broke = await door.do(
        "creditWallet", credit, ctx=finance, show="... on InsufficientFunds { available { minorUnits } }"
    )
    own_goal = await door.do("recordDeposit", deposit, ctx=shop.owner)
    came_in = await door.do("recordDeposit", deposit, ctx=admin_ctx())
    moved = await door.do("creditWallet", credit, ctx=finance)
    nothing = await door.do("creditWallet", credit | {"amount": {"amount": "0.00", "currency": "CNY"}}, ctx=finance)
    nobody = await door.do("creditWallet", credit | {"customerId": global_id(Customer, new_id())}, ctx=finance)
    silent = await door.do("creditWallet", credit | {"reason": ""}, ctx=finance)
    wallets = await door.ask(
        "{ viewer { wallets { available { amount } entries { amount { amount } purpose } } } }", ctx=buyer
    )
    accounts = await door.ask("{ merchant { accounts { kind available { amount } } } }", ctx=finance)

    assert (broke["code"], broke["available"]) == ("INSUFFICIENT_FUNDS", {"minorUnits": "0"})
    assert own_goal["code"] == "NOT_ALLOWED"
    assert (came_in["__typename"], moved["__typename"]) == ("RecordDepositSuccess", "CreditWalletSuccess")
    assert nothing["__typename"] == "InvalidAmount"
    assert nobody["code"] == "NOT_FOUND"
    assert (silent["code"], silent["path"]) == ("INVALID_INPUT", ["input", "reason"])
    assert wallets["viewer"]["wallets"] == [
        {"available": {"amount": "10.00"}, "entries": [{"amount": {"amount": "10.00"}, "purpose": "GRANT"}]}
    ]
    assert accounts["merchant"]["accounts"] == [{"kind": "WALLET", "available": {"amount": "5.00"}}]
    await assert_invariants()


async def test_waiting_ends_when_somebody_pays(door: Door) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    query = (
        "mutation ($input: PlaceOrderInput!) { placeOrder(input: $input, waitMs: 20000) {"
        " ... on PlaceOrderSuccess { order { state } } } }"
    )

    async def pay_when_there() -> None:
        while True:
            async with transaction(buyer) as tx:
                found = await orders.list_orders(tx, buyer)
            if found:
                break
        await door.do("payOrder", {"orderId": global_id(Order, found[0].id)}, ctx=buyer)

    waited, _ = await asyncio.gather(
        door.ask(query, {"input": {"lines": [line(shop)], "payBy": "LATER"}}, ctx=buyer), pay_when_there()
    )

    assert waited["placeOrder"]["order"]["state"] == "FULFILLED"


async def test_a_subscription_shows_an_order_and_each_change_until_it_ends(door: Door, settings: Settings) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    placed = await place(shop, buyer, pay_by=PayBy.LATER)
    context = Context(ctx=buyer, settings=settings, caching=False)
    stream: Any = await schema().subscribe(
        "subscription ($id: ID!) { orderChanged(id: $id) { state } }",
        variable_values={"id": global_id(Order, placed.order_id)},
        context_value=context,
    )

    first = await anext(stream)
    await door.do("cancelOrder", {"orderId": global_id(Order, placed.order_id)}, ctx=buyer)
    second = await anext(stream)
    rest = [each async for each in stream]

    assert [each.data["orderChanged"]["state"] for each in (first, second)] == ["PENDING_PAYMENT", "CANCELLED"]
    assert rest == []


async def test_a_page_of_orders_with_all_their_lines_takes_the_same_statements_for_one_or_many(door: Door) -> None:
    shop = await make_shop(stock=8)
    buyer = await make_buyer(shop)
    query = "{ viewer { orders(first: 50) { nodes { code lines { title entitlement { name } } } } } }"
    await place(shop, buyer)
    with counted() as few:
        await door.ask(query, ctx=buyer)
    for _ in range(6):
        await place(shop, buyer)

    with counted() as many:
        await door.ask(query, ctx=buyer)

    assert len(many) == len(few) <= 4


async def test_pages_of_orders_follow_each_other_both_ways(door: Door) -> None:
    shop = await make_shop(stock=5)
    buyer = await make_buyer(shop)
    placed = [(await place(shop, buyer)).code for _ in range(5)][::-1]
    query = (
        "query ($first: Int, $after: String, $last: Int, $before: String) { merchant { orders(first: $first, after: $after,"
        " last: $last, before: $before) { nodes { code } pageInfo { hasNextPage endCursor startCursor } } } }"
    )

    head = (await door.ask(query, {"first": 2}, ctx=shop.owner))["merchant"]["orders"]
    rest = (await door.ask(query, {"first": 5, "after": head["pageInfo"]["endCursor"]}, ctx=shop.owner))["merchant"][
        "orders"
    ]
    back = (await door.ask(query, {"last": 1, "before": rest["pageInfo"]["startCursor"]}, ctx=shop.owner))["merchant"][
        "orders"
    ]

    assert [node["code"] for node in head["nodes"] + rest["nodes"]] == placed
    assert [node["code"] for node in back["nodes"]] == [placed[1]]
    assert rest["pageInfo"]["hasNextPage"] is False


async def test_a_paused_listing_is_not_sold(door: Door) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    async with transaction(shop.owner) as tx:
        await catalog.pause_listing(tx, shop.owner, listing_id=shop.listing_id, version=2)

    assert (await buy(door, buyer, shop))["code"] == "NOT_FOUND"


async def test_a_character_that_no_text_can_hold_is_the_askers_mistake(door: Door) -> None:
    shop = await make_shop(stock=1)

    answer = await door.post(
        "query ($code: String!) { order(code: $code) { id } }", {"code": "FD\0"}, ctx=await make_buyer(shop)
    )

    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_guest_is_told_to_have_no_wallet(door: Door) -> None:
    shop = await make_shop(stock=1)
    placed = await buy(door, None, shop, guest={"contact": some_email()}, payBy="LATER")
    guest = await identity.authenticate_bearer(Secret(placed["guestToken"]), Ctx())

    seen = await door.ask(
        "query ($id: ID!) { viewer { wallets { currency } } node(id: $id) { ... on Order { viewerCanPay } } }",
        {"id": placed["order"]["id"]},
        ctx=guest,
    )
    refused = await door.do(
        "payOrder", {"orderId": placed["order"]["id"]}, ctx=guest, show="... on Failure { message }"
    )

    assert seen == {"viewer": {"wallets": []}, "node": {"viewerCanPay": False}}
    assert "open an account" in refused["message"]


async def test_a_contact_that_is_typed_pays_nothing(door: Door) -> None:
    shop = await make_shop(stock=3)
    contact = some_email()
    known = await make_customer_ctx(shop.tenant_id, contact=contact)
    await fund(shop.tenant_id, known.customer_id, PRICE * 3)
    mine = await buy(door, None, shop, guest={"contact": contact}, payBy="LATER")
    guest = await identity.authenticate_bearer(Secret(mine["guestToken"]), Ctx())

    at_once = await buy(door, None, shop, guest={"contact": contact}, payBy="WALLET")
    later = await door.do("payOrder", {"orderId": mine["order"]["id"]}, ctx=guest, show="__typename")

    assert at_once["code"] == later["code"] == "INSUFFICIENT_FUNDS"
    assert await codes_by_state(shop) == {"AVAILABLE": 2, "HELD": 1}
    assert await balance(shop.tenant_id, known.customer_id, AccountKind.WALLET) == PRICE * 3
    await assert_invariants()


async def test_a_blocked_buyer_pays_no_order_any_more(door: Door) -> None:
    shop = await make_shop(stock=1)
    buyer = await make_buyer(shop)
    order = (await buy(door, buyer, shop, payBy="LATER"))["order"]
    assert buyer.customer_id is not None
    async with transaction(shop.owner) as tx:
        await customers.block_customer(tx, shop.owner, customer_id=buyer.customer_id, reason="fraud")

    refused = await door.do("payOrder", {"orderId": order["id"]}, ctx=buyer, show="__typename")

    assert refused["code"] == "CUSTOMER_BLOCKED"


async def set_budgets(door: Door, shop: Shop, **changed: int) -> dict[str, Any]:
    """The budgets that hold by themselves, but for these."""
    fields = "buyerOrdersMax buyerUnitsMax guestOrdersMax guestUnitsMax deviceOrdersMax deviceUnitsMax addressOrdersMax addressUnitsMax guestSharePercent version"
    before = (await door.ask(f"{{ merchant {{ holdBudgets {{ {fields} }} }} }}", ctx=shop.owner))["merchant"][
        "holdBudgets"
    ]
    show = f"... on SetHoldBudgetsSuccess {{ holdBudgets {{ {fields} }} }}"
    return await door.do("setHoldBudgets", before | changed, ctx=shop.owner, show=show)


async def test_a_refused_hold_tells_which_budget_it_is_and_what_is_left_of_it(door: Door) -> None:
    shop = await make_shop(stock=9)
    await set_budgets(door, shop, deviceUnitsMax=3)
    given = {"lines": [line(shop, 2)], "payBy": "LATER", "deviceId": "phone 7"}
    query = (
        "mutation ($input: PlaceOrderInput!) { placeOrder(input: $input) { ... on PlaceOrderSuccess { order { holdExpiresAt } }"
        " ... on HoldBudgetExceeded { code budget ordersMax unitsMax ordersLeft unitsLeft freesAt } } }"
    )

    placed = await door.ask(query, {"input": given | {"guest": {"contact": some_email()}}})
    refused = await door.ask(query, {"input": given | {"guest": {"contact": some_email()}}})

    assert refused["placeOrder"] == {
        "code": "HOLD_BUDGET_EXCEEDED", "budget": "DEVICE", "ordersMax": limits.DEVICE_UNPAID_ORDERS_MAX, "unitsMax": 3,
        "ordersLeft": limits.DEVICE_UNPAID_ORDERS_MAX - 1, "unitsLeft": 1, "freesAt": placed["placeOrder"]["order"]["holdExpiresAt"],
    }  # fmt: skip


async def test_budgets_are_set_within_limits_at_the_version_that_was_read_and_on_the_record(door: Door) -> None:
    shop = await make_shop()

    done = await set_budgets(door, shop, guestUnitsMax=7)
    stale = await door.do("setHoldBudgets", done["holdBudgets"] | {"version": 0}, ctx=shop.owner, show="__typename")
    beyond = await set_budgets(door, shop, addressUnitsMax=limits.HOLD_BUDGET_UNITS_MAX + 1)
    log = await door.ask("{ merchant { auditLog(first: 1) { nodes { action } } } }", ctx=shop.owner)

    assert (done["holdBudgets"]["guestUnitsMax"], done["holdBudgets"]["version"]) == (7, 1)
    assert stale["code"] == "STALE_VERSION"
    assert (beyond["code"], beyond["path"]) == ("INVALID_INPUT", ["input", "addressUnitsMax"])
    assert log["merchant"]["auditLog"]["nodes"] == [{"action": "hold_budgets.changed"}]


async def test_a_guest_leaves_so_much_unpaid_and_no_more(door: Door) -> None:
    shop = await make_shop(stock=9)
    await set_budgets(door, shop, guestUnitsMax=3, guestOrdersMax=2)
    guest = {"contact": some_email()}

    units = await buy(door, None, shop, 4, guest=guest, payBy="LATER")
    placed = [await buy(door, None, shop, guest=guest, payBy="LATER") for _ in range(3)]
    token = await identity.authenticate_bearer(Secret(placed[0]["guestToken"]), Ctx())
    await door.do("cancelOrder", {"orderId": placed[0]["order"]["id"]}, ctx=token, show="__typename")
    again = await buy(door, None, shop, guest=guest, payBy="LATER")

    assert units["code"] == placed[2]["code"] == "HOLD_BUDGET_EXCEEDED"
    assert again["order"]["state"] == "PENDING_PAYMENT"
    assert await codes_by_state(shop) == {"AVAILABLE": 7, "HELD": 2}


async def test_many_unpaid_orders_at_once_are_counted_one_after_the_other(door: Door) -> None:
    shop = await make_shop(stock=9)
    await set_budgets(door, shop, buyerOrdersMax=3)
    buyer = await make_buyer(shop)

    results = await asyncio.gather(*(buy(door, buyer, shop, payBy="LATER") for _ in range(6)))

    assert sorted(result.get("code", "placed") for result in results) == ["HOLD_BUDGET_EXCEEDED"] * 3 + ["placed"] * 3
    assert await codes_by_state(shop) == {"AVAILABLE": 6, "HELD": 3}


async def test_an_address_begins_to_hold_so_much_with_however_many_contacts(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database
    monkeypatch.setattr(limits, "ADDRESS_UNPAID_UNITS_MAX", 2)
    shop = await make_shop(stock=9)

    async with open_door(replace(settings, profile="production")) as door:
        placed = [await buy(door, None, shop, guest={"contact": some_email()}, payBy="LATER") for _ in range(2)]
        answer = await door.post(
            "mutation ($input: PlaceOrderInput!) { placeOrder(input: $input) { __typename } }",
            {"input": {"lines": [line(shop)], "guest": {"contact": some_email()}, "payBy": "LATER"}},
        )

    assert all("order" in each for each in placed)
    assert answer["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert await codes_by_state(shop) == {"AVAILABLE": 7, "HELD": 2}


async def test_a_guests_key_is_none_that_somebody_else_sends(door: Door) -> None:
    shop = await make_shop(stock=3)
    given = {"lines": [line(shop)], "guest": {"contact": some_email()}, "payBy": "LATER"}
    query = (
        "mutation ($input: PlaceOrderInput!, $key: String) { placeOrder(input: $input, idempotencyKey: $key) {"
        " ... on PlaceOrderSuccess { order { id } guestToken } ... on Failure { code } } }"
    )
    long = uuid4().hex

    short = await door.ask(query, {"input": given, "key": "order-1"})
    first, second = [await door.ask(query, {"input": given, "key": long}) for _ in range(2)]

    assert short["placeOrder"]["code"] == "INVALID_INPUT"
    # The token says until when it opens, to the second, so that the two may differ.
    assert first["placeOrder"]["order"] == second["placeOrder"]["order"]
    assert second["placeOrder"]["guestToken"] is not None
    assert await codes_by_state(shop) == {"AVAILABLE": 2, "HELD": 1}


async def test_a_buyer_with_an_account_is_told_that_an_order_is_no_guests(door: Door) -> None:
    shop = await make_shop(stock=2)
    buyer = await make_buyer(shop)

    refused = await buy(door, buyer, shop, guest={"contact": some_email()})

    assert (refused["code"], refused["path"]) == ("INVALID_ORDER", ["input", "guest"])
    assert await codes_by_state(shop) == {"AVAILABLE": 2}
