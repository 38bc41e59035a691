"""Many at once, through two processes of the front door: what there is one of, one gets, and the rest hear why not."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, trading
from fondaco_core.ids import AllocationId, OrderId
from fondaco_core.postings import AccountKind
from fondaco_tenants.orders import PayBy
from fondaco_workers.actors import orders as order_actors
from tests.support.actors import run_twice
from tests.support.breaking import Client, global_id, token_of
from tests.support.factories.codes import MadePool, make_pool, make_upload, some_codes
from tests.support.factories.orders import PRICE, Shop, balance, make_buyer, make_shop, place
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("concurrency", permissions=frozenset({"system.run"}))
FUNDS = 1_000_000
ORDER = "order { id code state }"
Ports = tuple[int, int]


@pytest.fixture(autouse=True)
async def _open(ports: Ports) -> AsyncIterator[None]:
    """Both front doors are open, and nothing is broken when the test ends."""
    async with Client(ports) as visitor:
        await visitor.welcome()
    yield
    await assert_invariants()


@asynccontextmanager
async def clients(ports: Ports, *tokens: str) -> AsyncGenerator[list[Client]]:
    """One client for each credential; they begin at the two doors in turn."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Client(ports if number % 2 else ports[::-1], token))
            for number, token in enumerate(tokens)
        ]


def line_of(shop: Shop, quantity: int = 1) -> list[dict[str, Any]]:
    """The shop's listing, as an order asks for it."""
    return [{"listingId": global_id("Listing", shop.listing_id), "quantity": quantity}]


def outcomes(answers: list[dict[str, Any]]) -> Counter[str]:
    """How often each outcome came: an order's state, or the refusal's code."""
    return Counter(answer.get("refused") or answer["order"]["state"] for answer in answers)


async def read(sql: str, *args: object) -> Any:
    """One value out of the database."""
    async with governing(SYSTEM) as tx:
        return await tx.fetchval(sql, *args)


async def unit_of(order_id: OrderId) -> AllocationId:
    """The one unit of an order."""
    return AllocationId(await read("SELECT id FROM allocation WHERE order_id = $1", order_id))


async def test_twenty_codes_go_to_twenty_of_a_hundred_buyers(ports: Ports) -> None:
    shop = await make_shop(stock=20, fee_bps=150)
    buyers = [await make_buyer(shop) for _ in range(100)]

    async with clients(ports, *[await token_of(buyer) for buyer in buyers]) as asking:
        answers = await asyncio.gather(
            *(client.do("placeOrder", ORDER, key=uuid4().hex, lines=line_of(shop)) for client in asking)
        )

    assert outcomes(answers) == {"FULFILLED": 20, "OUT_OF_STOCK": 80}
    paid = Counter([await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) for buyer in buyers])
    assert paid == {FUNDS - PRICE: 20, FUNDS: 80}
    assert await read("SELECT count(DISTINCT code_id) FROM allocation WHERE tenant_id = $1", shop.tenant_id) == 20


async def test_a_limit_per_customer_holds_for_ten_orders_at_once(ports: Ports) -> None:
    shop = await make_shop(stock=20, customer_max=3)
    token = await token_of(await make_buyer(shop))

    async with clients(ports, *[token] * 10) as asking:
        answers = await asyncio.gather(
            *(client.do("placeOrder", ORDER, key=uuid4().hex, lines=line_of(shop)) for client in asking)
        )

    assert outcomes(answers) == {"FULFILLED": 3, "LIMIT_EXCEEDED": 7}


async def test_a_wallet_pays_for_no_more_than_it_holds_whoever_asks_at_once(ports: Ports) -> None:
    shop = await make_shop(stock=20)
    buyer = await make_buyer(shop, funds_minor=3 * PRICE + 1)

    async with clients(ports, *[await token_of(buyer)] * 10) as asking:
        answers = await asyncio.gather(
            *(client.do("placeOrder", ORDER, key=uuid4().hex, lines=line_of(shop)) for client in asking)
        )

    assert outcomes(answers) == {"FULFILLED": 3, "INSUFFICIENT_FUNDS": 7}
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == 1


@pytest.mark.parametrize("times", [2, 20])
async def test_one_request_sent_many_times_at_once_is_one_order(ports: Ports, times: int) -> None:
    shop = await make_shop(stock=25)
    buyer = await make_buyer(shop)
    key = uuid4().hex

    async with clients(ports, *[await token_of(buyer)] * times) as asking:
        answers = await asyncio.gather(
            *(client.do("placeOrder", ORDER, key=key, lines=line_of(shop)) for client in asking)
        )

    assert outcomes(answers) == {"FULFILLED": times}
    assert len({answer["order"]["id"] for answer in answers}) == 1
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == FUNDS - PRICE


async def test_a_guests_order_sent_many_times_at_once_is_one_order(ports: Ports) -> None:
    shop = await make_shop(stock=10)
    key, contact = uuid4().hex, f"{uuid4().hex}@example.com"
    async with AsyncExitStack() as stack:
        asking = [await stack.enter_async_context(Client(ports if n % 2 else ports[::-1])) for n in range(8)]

        answers = await asyncio.gather(
            *(
                client.do("placeOrder", ORDER, key=key, lines=line_of(shop), payBy="LATER", guest={"contact": contact})
                for client in asking
            )
        )

    assert outcomes(answers) == {"PENDING_PAYMENT": 8}
    assert len({answer["order"]["id"] for answer in answers}) == 1
    assert await read("SELECT count(*) FROM customer WHERE tenant_id = $1", shop.tenant_id) == 1


async def test_two_different_requests_with_one_key_are_one_order_and_one_conflict(ports: Ports) -> None:
    shop = await make_shop(stock=10)
    token, key = await token_of(await make_buyer(shop)), uuid4().hex

    async with clients(ports, token, token) as asking:
        answers = await asyncio.gather(
            *(
                client.do("placeOrder", ORDER, key=key, lines=line_of(shop, number))
                for number, client in enumerate(asking, start=1)
            )
        )

    assert outcomes(answers) == {"FULFILLED": 1, "IDEMPOTENCY_CONFLICT": 1}


async def test_a_code_is_either_shown_or_taken_back(ports: Ports) -> None:
    shop = await make_shop(stock=20)
    buyer = await make_buyer(shop)
    placed = [await place(shop, buyer) for _ in range(10)]
    units = {order.order_id: await unit_of(order.order_id) for order in placed}
    async with clients(ports, await token_of(buyer), await token_of(shop.owner)) as (asking, support):

        async def both(order_id: OrderId) -> tuple[bool, bool]:
            shown, refunded = await asyncio.gather(
                asking.do("revealCode", "code { plaintext }", allocationId=global_id("Allocation", units[order_id])),
                support.do("refundOrder", ORDER, orderId=global_id("Order", order_id), reason="a mistake"),
            )
            assert shown.get("refused") in {None, "NOT_DELIVERED", "ORDER_NOT_OPEN"}, shown
            assert refunded.get("refused") in {None, "CODE_ALREADY_REVEALED"}, refunded
            return "refused" not in shown, "refused" not in refunded

        ends = await asyncio.gather(*(both(order.order_id) for order in placed))

    assert all(shown is not refunded for shown, refunded in ends)
    kept = sum(1 for shown, _ in ends if shown)
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == FUNDS - kept * PRICE


async def test_ten_refunds_of_one_order_give_the_money_back_once(ports: Ports) -> None:
    shop = await make_shop(stock=5, fee_bps=150)
    buyer = await make_buyer(shop)
    order = await place(shop, buyer, 3)

    async with clients(ports, *[await token_of(shop.owner)] * 10) as asking:
        target = global_id("Order", order.order_id)
        answers = await asyncio.gather(
            *(client.do("refundOrder", ORDER, key=uuid4().hex, orderId=target, reason="a mistake") for client in asking)
        )

    assert outcomes(answers) == {"REFUNDED": 1, "ORDER_NOT_OPEN": 9}
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == FUNDS


async def test_an_order_is_paid_cancelled_or_expired_and_never_two_of_them(ports: Ports) -> None:
    shop = await make_shop(stock=20)
    buyer = await make_buyer(shop)
    placed = [await place(shop, buyer, pay_by=PayBy.LATER) for _ in range(12)]

    async with clients(ports, await token_of(buyer), await token_of(shop.owner)) as (asking, support):
        answers = await asyncio.gather(
            *(asking.do("payOrder", ORDER, orderId=global_id("Order", order.order_id)) for order in placed),
            *(
                support.do("cancelOrder", ORDER, orderId=global_id("Order", order.order_id), reason="closing")
                for order in placed
            ),
            expire([order.order_id for order in placed[::3]]),
        )

    states = await states_of(buyer)
    paid = states["FULFILLED"]
    assert states.total() == len(placed)
    assert states.keys() <= {"FULFILLED", "CANCELLED", "EXPIRED"}
    told = [answer for answer in answers if answer is not None]
    assert outcomes(told[:12])["FULFILLED"] == paid
    assert outcomes(told[12:])["CANCELLED"] == states["CANCELLED"]
    assert set(outcomes(told)) <= {"FULFILLED", "CANCELLED", "ORDER_NOT_OPEN", "HOLD_EXPIRED"}
    assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == FUNDS - paid * PRICE


async def expire(order_ids: list[OrderId]) -> None:
    """Lets the time of some orders run out while others are at them, and has the worker's job look."""
    async with trading(SYSTEM) as tx:
        await tx.execute(
            'UPDATE "order" SET hold_expires_at = now() WHERE id = ANY($1::uuid[]) AND state = $2',
            order_ids, "PENDING_PAYMENT",
        )  # fmt: skip
    await run_twice(order_actors.expire_overdue)


async def states_of(buyer: Ctx) -> Counter[str]:
    """How many of a buyer's orders are in each state."""
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch('SELECT state FROM "order" WHERE customer_id = $1', buyer.customer_id)
    return Counter(row["state"] for row in rows)


async def sums_of(pools: list[MadePool]) -> dict[str, int]:
    """What the imports into some pools counted together."""
    async with governing(SYSTEM) as tx:
        row = await tx.fetchrow(
            "SELECT sum(accepted)::int AS accepted, sum(duplicates)::int AS duplicates, sum(rejected)::int AS rejected"
            " FROM code_batch WHERE pool_id = ANY($1::uuid[])",
            [pool.id for pool in pools],
        )
    assert row is not None
    return dict(row)


@pytest.mark.parametrize("merchants", [1, 6])
async def test_one_file_imported_six_times_at_once_is_in_stock_once(ports: Ports, merchants: int) -> None:
    pools = [await make_pool() for _ in range(merchants)]
    texts = some_codes(50)

    async with clients(ports, *[await token_of(pools[n % merchants].ctx) for n in range(6)]) as asking:
        answers = await asyncio.gather(
            *(
                client.do(
                    "importCodes", "batch { state }", poolId=global_id("Pool", pools[n % merchants].id),
                    # Each in an order of its own: who meets whom crosswise must not wait for ever.
                    text="\n".join(texts[n:] + texts[:n]), unitCost={"amount": "1.00", "currency": "CNY"},
                )
                for n, client in enumerate(asking)
            )
        )  # fmt: skip

    assert [answer["batch"]["state"] for answer in answers] == ["READY"] * 6, answers
    assert await sums_of(pools) == {"accepted": 50, "duplicates": 250, "rejected": 0}
    on_sale = "SELECT count(*) FROM code WHERE pool_id = ANY($1::uuid[]) AND state = 'AVAILABLE'"
    assert await read(on_sale, [pool.id for pool in pools]) == 50


async def test_one_upload_is_imported_once_however_many_ask_at_once(ports: Ports) -> None:
    pool = await make_pool()
    upload = await make_upload(pool.ctx, "\n".join(some_codes(5)).encode())

    async with clients(ports, *[await token_of(pool.ctx)] * 6) as asking:
        answers = await asyncio.gather(
            *(
                client.do(
                    "importCodes", "batch { state }", poolId=global_id("Pool", pool.id),
                    uploadId=global_id("Upload", upload), unitCost={"amount": "1.00", "currency": "CNY"},
                )
                for client in asking
            )
        )  # fmt: skip

    assert Counter(answer.get("refused") for answer in answers) == {None: 1, "UPLOAD_NOT_READY": 5}


async def test_buying_selling_back_and_filling_up_at_once_never_cross(ports: Ports) -> None:
    shop = await make_shop(stock=(6, 6), fee_bps=150)
    buyers = [await make_buyer(shop) for _ in range(6)]
    tokens = [await token_of(buyer) for buyer in buyers]
    async with clients(ports, *tokens) as asking, clients(ports, await token_of(shop.owner)) as (support,):

        async def trade(client: Client) -> list[str]:
            told: list[str] = []
            for quantity in (1, 2, 1):
                placed = await client.do("placeOrder", ORDER, key=uuid4().hex, lines=line_of(shop, quantity))
                told.append(placed.get("refused", "FULFILLED"))
                if "order" in placed:
                    back = await support.do("refundOrder", ORDER, orderId=placed["order"]["id"], reason="and back")
                    told.append(back.get("refused", "REFUNDED"))
            return told

        async def fill_up() -> list[str]:
            for _ in range(3):
                await support.done(
                    "importCodes", "batch { state }", poolId=global_id("Pool", shop.pools[1].id),
                    text="\n".join(some_codes(2)), unitCost={"amount": "1.00", "currency": "CNY"},
                )  # fmt: skip
            return []

        told = await asyncio.gather(fill_up(), *map(trade, asking))

    assert {outcome for each in told for outcome in each} <= {"FULFILLED", "REFUNDED", "OUT_OF_STOCK"}
    for buyer in buyers:
        assert await balance(shop.tenant_id, buyer.customer_id, AccountKind.WALLET) == FUNDS
    on_sale = "SELECT count(*) FROM code WHERE tenant_id = $1 AND state = 'AVAILABLE'"
    assert await read(on_sale, shop.tenant_id) == 18
