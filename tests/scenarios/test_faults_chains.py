"""Kill -9 at every step of an order over three merchants: whatever the step, every hop is paid or none is.

The invariants at the end of each table say that what merchants paid each other is what the hops of the paid orders say.
"""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from fondaco_core.config import Settings
from fondaco_core.postings import AccountKind
from fondaco_tenants.orders import PayBy
from tests.scenarios.test_faults import (
    CANCELLED,
    FUNDS,
    PAID,
    PLACED,
    REFUNDED,
    Case,
    Door,
    codes_of,
    kill_at_every_step,
    money_of,
    orders_of,
    read,
)
from tests.support.breaking import Client, breakable, environment_of, free_port, global_id, token_of
from tests.support.factories.chains import Chain, make_chain
from tests.support.factories.orders import balance, make_buyer, place

pytestmark = pytest.mark.usefixtures("database")

OF_B = 1_000_000


@pytest.fixture(scope="module")
async def chain(database: object) -> Chain:
    """Three merchants, with so little in the wallets between them that every order is decided under their locks."""
    assert database
    return await make_chain(codes=120, funds_of_b=OF_B // 2, funds_of_c=OF_B // 2, credit_of_a=OF_B)


@pytest.fixture(scope="module")
async def door(chain: Chain, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """The front door of the store at the end of the chain."""
    port = free_port()
    await place(chain.shop, await make_buyer(chain.shop))
    log = tmp_path_factory.mktemp("faults") / "api.log"
    environment = environment_of(settings, FONDACO_PORT=str(port))
    async with breakable("api", environment, log) as process, Client([port]) as client:
        yield Door(process, client, chain.shop, await token_of(chain.shop.owner))


async def check_leaf(chain: Chain) -> None:
    """What the leaf is to get is what is sold of its codes now."""
    sold = await read(
        "SELECT count(*) FROM code WHERE tenant_id = $1 AND state IN ('DELIVERED', 'REDEEMED')", chain.a.tenant_id
    )
    assert await balance(chain.a.tenant_id, None, AccountKind.RECEIVABLE) == 700 * sold


async def test_a_front_door_that_is_killed_at_any_step_sells_over_a_chain_once(door: Door, chain: Chain) -> None:
    lines = [{"listingId": global_id("Listing", door.shop.listing_id), "quantity": 1}]

    async def prepare() -> Case:
        buyer = await make_buyer(door.shop, funds_minor=FUNDS)
        return Case(buyer, await token_of(buyer), "placeOrder", PLACED, {"lines": lines}, uuid4().hex)

    async def check(case: Case, answer: dict[str, Any]) -> None:
        assert answer["order"]["state"] == "FULFILLED", answer
        assert await orders_of(case.buyer) == ["FULFILLED"]
        assert await codes_of(case.buyer) == ["DELIVERED"]
        assert await money_of(door, case.buyer) == FUNDS - 1_000
        await check_leaf(chain)

    assert "COMMITTED" in await kill_at_every_step(door, prepare, check)


@pytest.mark.parametrize("ends", [False, True])
async def test_a_front_door_that_is_killed_at_any_step_pays_or_frees_what_was_set_aside(
    door: Door,
    chain: Chain,
    ends: bool,  # noqa: FBT001 - drawn
) -> None:
    mutation, shown, state = ("cancelOrder", CANCELLED, "CANCELLED") if ends else ("payOrder", PAID, "FULFILLED")

    async def prepare() -> Case:
        buyer = await make_buyer(door.shop, funds_minor=FUNDS)
        order = await place(door.shop, buyer, pay_by=PayBy.LATER)
        given = {"orderId": global_id("Order", order.order_id)}
        return Case(buyer, await token_of(buyer), mutation, shown, given, uuid4().hex)

    async def check(case: Case, answer: dict[str, Any]) -> None:
        assert answer["order"]["state"] == state, answer
        assert await codes_of(case.buyer) == ([] if ends else ["DELIVERED"])
        assert await money_of(door, case.buyer) == (FUNDS if ends else FUNDS - 1_000)
        await check_leaf(chain)

    assert "COMMITTED" in await kill_at_every_step(door, prepare, check)


async def test_a_front_door_that_is_killed_at_any_step_refunds_over_a_chain_once(door: Door, chain: Chain) -> None:
    async def prepare() -> Case:
        buyer = await make_buyer(door.shop, funds_minor=FUNDS)
        order = await place(door.shop, buyer)
        given = {"orderId": global_id("Order", order.order_id), "reason": "bought by mistake"}
        return Case(buyer, door.owner, "refundOrder", REFUNDED, given, uuid4().hex)

    async def check(case: Case, answer: dict[str, Any]) -> None:
        assert (answer["units"], answer["order"]["state"]) == (1, "REFUNDED"), answer
        assert await codes_of(case.buyer) == []
        assert await money_of(door, case.buyer) == FUNDS
        await check_leaf(chain)

    assert "COMMITTED" in await kill_at_every_step(door, prepare, check)
