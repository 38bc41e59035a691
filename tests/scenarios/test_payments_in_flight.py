"""The database hangs up on everybody and the queue forgets, while buyers pay at a gateway: every paid order is fulfilled, once."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
import redis

from fondaco_core.config import Settings
from tests.support.factories.orders import PRICE, make_shop
from tests.support.invariants import assert_invariants
from tests.support.town import Purchase, Town, open_town, read
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("database")

BUYERS = 12
HANG_UP = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
TAKEN = """
SELECT coalesce(sum(t.amount_minor), 0)::int FROM ledger_transfer t JOIN ledger_account a ON a.id = t.debit_account_id
WHERE t.reference_id = ANY($1) AND a.kind = 'GATEWAY_CLEARING'
"""


@pytest.fixture
async def town(
    queue_settings: Settings, ports: tuple[int, int], database: object, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    assert database
    async with open_town(queue_settings, ports, tmp_path_factory.mktemp("town")) as opened:
        yield opened


async def hang_up(settings: Settings) -> int:
    """Every connection to the database is cut, whatever was under way on it; says how many there were."""
    connection = await asyncpg.connect(settings.require_database_url().reveal())
    try:
        return int(await connection.fetchval(HANG_UP))
    finally:
        await connection.close()


async def test_payments_in_flight_survive_a_database_that_hangs_up_and_a_queue_that_forgets(
    town: Town, queue_settings: Settings
) -> None:
    shop = await make_shop(stock=BUYERS, fee_bps=150)
    purchases = [await town.buy(shop) for _ in range(BUYERS)]
    for purchase in purchases[::3]:
        # Slow enough that some of it is cut in the middle.
        await town.sandbox.switch("SLOW", payment_id=str(purchase.payment_id), operation="QUERY", seconds=0.2)
    queue = redis.Redis.from_url(queue_settings.require_redis_url().reveal())

    for place in range(0, BUYERS, 3):
        paying = asyncio.gather(*(town.sandbox.press(each.payment_id) for each in purchases[place : place + 3]))
        # Processes that were hung up on a moment ago may not be back yet: as often as it takes to cut somebody.
        await until(lambda: hang_up(queue_settings))
        queue.flushdb()
        await paying
    queue.close()

    await town.heal(lambda: are_fulfilled(purchases))
    await until(lambda: are_told(town, purchases))
    shown = [await town.sandbox.shown(each.payment_id) for each in purchases]
    assert {(each["paid_minor"], each["refunded_minor"]) for each in shown} == {(PRICE, 0)}
    assert await read(TAKEN, [each.payment_id for each in purchases]) == PRICE * BUYERS
    assert (
        await read("SELECT count(*) FROM allocation WHERE order_id = ANY($1)", [each.order_id for each in purchases])
        == BUYERS
    )
    assert [process.poll() for process in town.processes.values()] == [None] * len(town.processes)
    await assert_invariants()


async def are_fulfilled(purchases: list[Purchase]) -> bool:
    """Whether every buyer has what was paid for."""
    try:
        return all([await each.is_fulfilled() for each in purchases])
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, httpx2.TransportError):
        # This process was hung up on as well.
        return False


async def are_told(town: Town, purchases: list[Purchase]) -> bool:
    """Whether the gateway has said all that it has to say."""
    return all([await town.sandbox.has_told(each.payment_id) for each in purchases])
