"""Kill -9 at every step of what is paid between merchants later: payouts, what is drawn, what is repaid. It happened once, or not yet."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from fondaco_core import outbox
from fondaco_core.config import Settings
from fondaco_core.db import governing
from fondaco_core.outbox import Job
from tests.scenarios.test_faults import SYSTEM, Back, Case, Door, kill_at_every_step, read, write
from tests.support.breaking import Client, breakable, environment_of, free_port, global_id, token_of
from tests.support.factories.chains import Chain, make_chain
from tests.support.factories.orders import fund, make_buyer, place
from tests.support.factories.settling import agreement_of, money
from tests.support.invariants import assert_invariants
from tests.support.waiting import until
from tests.workers.conftest import Start

pytestmark = pytest.mark.usefixtures("database")

ACTOR = "settlement.settle_due"
REPAID = "agreement { debt { owed { amount } } }"
COST, PART = 700, 300


@pytest.fixture
async def chain(database: object) -> Chain:
    """Three merchants of which the one in the middle has no money: what it sells it owes."""
    assert database
    made = await make_chain(codes=150, funds_of_b=0, funds_of_c=1_000_000, credit_of_a=1_000_000)
    # The rows and accounts that only a first sale makes are there.
    await place(made.shop, await make_buyer(made.shop))
    return made


@pytest.fixture
async def door(chain: Chain, settings: Settings, tmp_path: Path) -> AsyncIterator[Door]:
    """A front door that can be broken."""
    port = free_port()
    environment = environment_of(settings, FONDACO_PORT=str(port))
    async with breakable("api", environment, tmp_path / "api.log") as process, Client([port]) as client:
        yield Door(process, client, chain.shop, await token_of(chain.b.owner))


async def test_a_front_door_that_is_killed_at_any_step_repays_once(door: Door, chain: Chain) -> None:
    agreement = await agreement_of(chain.a, chain.b)
    amount = {"amount": f"{PART / 100:.2f}", "currency": "CNY"}
    given = {"agreementId": global_id("Agreement", agreement), "amount": amount}
    orders = 1

    async def prepare() -> Case:
        nonlocal orders
        orders += 1
        buyer = await make_buyer(chain.shop)
        await place(chain.shop, buyer)
        await fund(chain.b.tenant_id, None, PART)
        return Case(buyer, door.owner, "repayCredit", REPAID, given, uuid4().hex)

    async def check(case: Case, answer: dict[str, Any]) -> None:
        assert case.mutation == "repayCredit"
        owed = COST * orders - PART * (orders - 1)
        assert answer["agreement"]["debt"]["owed"]["amount"] == f"{owed / 100:.2f}", answer
        assert await money(chain.b.tenant_id) == (0, 800 * orders, owed)

    assert "COMMITTED" in await kill_at_every_step(door, prepare, check)


async def test_a_worker_that_is_killed_at_any_step_pays_out_and_draws_once(
    chain: Chain, queue: redis.Redis, queue_settings: Settings, start: Start, tmp_path: Path
) -> None:
    orders = 1
    start("fondaco_workers.relay")
    async with breakable("worker", environment_of(queue_settings), tmp_path / "worker.log") as process:
        back, steps = Back(process, queue), None
        for at in count(1):
            # The next worker finishes what the last one was at, and then meets its own end.
            begun = await read("SELECT coalesce(max(id), 0) FROM outbox_task WHERE actor = $1", ACTOR)
            await back.start(at=at, after=begun, actor=ACTOR)
            if at > 1:
                await check(chain, orders)
            await place(chain.shop, await make_buyer(chain.shop))
            orders += 1
            await run()
            steps = await process.outcome()
            if steps is not None:
                await check(chain, orders)
                break

    assert steps is not None
    assert steps.count("COMMITTED") > 2
    await assert_invariants()


async def run() -> None:
    """It is time to settle."""
    async with governing(SYSTEM) as tx:
        await outbox.tick(tx, [Job(uuid4().hex, ACTOR, 3_600)])


async def is_quiet() -> bool:
    """Whether nobody settles any more; what was put off for a moment is due at once."""
    await write("UPDATE outbox_task SET due_at = now() WHERE running_until IS NULL OR running_until <= now()")
    return bool(await read("SELECT count(*) FROM outbox_task WHERE actor = $1", ACTOR) == 0)


async def check(chain: Chain, orders: int) -> None:
    """Everybody has what its sales brought, and owes nothing."""
    await until(is_quiet)
    assert await money(chain.a.tenant_id) == (COST * orders, 0, 0)
    assert await money(chain.b.tenant_id) == ((800 - COST) * orders, 0, 0)
