"""Kill -9 at every step of a swap: by support at the front door, and by the worker that hears of a withdrawn code.

Whatever the step: the unit has one live attempt with one code, the bad code is in quarantine, and nobody paid twice.
"""

from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import reading, transaction
from fondaco_core.ids import AllocationId, CodeId, OrderId
from fondaco_tenants import codes, orders
from fondaco_tenants.orders import AllocationView
from tests.scenarios import test_faults as faults
from tests.scenarios.test_faults import FUNDS, Back, Case, Door, codes_of, kill_at_every_step, money_of, read, write
from tests.support.breaking import breakable, environment_of, global_id
from tests.support.factories.orders import PRICE, Shop, make_buyer, make_shop, place
from tests.support.invariants import assert_invariants
from tests.support.waiting import until
from tests.workers.conftest import Start

pytestmark = pytest.mark.usefixtures("database")

# The same front door and shop as for the other steps of an order.
door = faults.door

REPLACED = "order { id state } allocation { id state }"


async def units_of(buyer: Ctx, order_id: OrderId) -> list[AllocationView]:
    async with reading(buyer) as tx:
        found = await orders.list_allocations(tx, buyer, order_id=order_id)
    return sorted(found, key=lambda unit: unit.attempt)


async def test_a_front_door_that_is_killed_at_any_step_replaces_a_unit_once(door: Door) -> None:
    placed: dict[str, OrderId] = {}

    async def prepare() -> Case:
        buyer = await make_buyer(door.shop, funds_minor=FUNDS)
        order = await place(door.shop, buyer)
        unit = AllocationId(await read("SELECT id FROM allocation WHERE order_id = $1", order.order_id))
        given = {"allocationId": global_id("Allocation", unit), "reason": "does not redeem"}
        case = Case(buyer, door.owner, "replaceUnit", REPLACED, given, uuid4().hex)
        placed[case.key] = order.order_id
        return case

    async def check(case: Case, answer: dict[str, Any]) -> None:
        assert answer["allocation"]["state"] == "FULFILLED", answer
        units = await units_of(case.buyer, placed[case.key])
        assert [unit.state.value for unit in units] == ["FAILED", "FULFILLED"]
        assert await read("SELECT state FROM code WHERE id = $1", units[0].code_id) == "QUARANTINED"
        assert await codes_of(case.buyer) == ["DELIVERED"]
        assert await money_of(door, case.buyer) == FUNDS - PRICE

    steps = await kill_at_every_step(door, prepare, check)

    assert steps.count("COMMITTED") >= 1
    assert steps[-1] == "ANSWER"


async def withdraw(shop: Shop, buyer: Ctx) -> OrderId:
    """An order whose code is withdrawn before anybody saw it."""
    placed = await place(shop, buyer)
    (unit,) = await units_of(buyer, placed.order_id)
    assert unit.code_id is not None
    async with transaction(shop.owner) as tx:
        await codes.quarantine_codes(tx, shop.owner, code_ids=[CodeId(unit.code_id)], reason="the batch is bad")
    return placed.order_id


async def is_swapped(buyer: Ctx, order_id: OrderId) -> bool:
    """Whether an order's unit has its other code, and nobody is at it any more; what was put off is due at once."""
    await write("UPDATE outbox_task SET due_at = now() WHERE running_until IS NULL OR running_until <= now()")
    if await read("SELECT count(*) FROM outbox_task WHERE actor = 'orders.swap_withdrawn'"):
        return False
    states = [unit.state.value for unit in await units_of(buyer, order_id)]
    assert states in (["FULFILLED"], ["FAILED", "FULFILLED"])
    return len(states) > 1


async def test_a_worker_that_is_killed_at_any_step_swaps_a_withdrawn_code_once(
    queue: redis.Redis, queue_settings: Settings, start: Start, tmp_path: Path
) -> None:
    shop = await make_shop(stock=120)
    buyer = await make_buyer(shop)
    start("fondaco_workers.relay")
    async with breakable("worker", environment_of(queue_settings), tmp_path / "worker.log") as process:
        worker = Back(process, queue)
        order_id, steps, at = None, None, 0
        for at in count(1):
            begun = await read("SELECT coalesce(max(id), 0) FROM outbox_task WHERE actor = 'orders.swap_withdrawn'")
            await worker.start(at=at, after=begun)
            if order_id is not None:
                await until(lambda order_id=order_id: is_swapped(buyer, order_id))  # type: ignore[misc]
            order_id = await withdraw(shop, buyer)
            steps = await process.outcome()
            if steps is not None:
                await until(lambda order_id=order_id: is_swapped(buyer, order_id))  # type: ignore[misc]
                break

    assert steps is not None
    assert "COMMITTED" in steps
    assert await read("SELECT count(*) FROM code WHERE tenant_id = $1 AND state = 'QUARANTINED'", shop.tenant_id) == at
    assert await read("SELECT count(*) FROM code WHERE tenant_id = $1 AND state = 'DELIVERED'", shop.tenant_id) == at
    await assert_invariants()
