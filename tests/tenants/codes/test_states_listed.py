"""A pool's codes of one state are listed in order and page by page, without a look at those of other states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core.db import reading, transaction
from fondaco_core.ids import BatchId, new_id
from fondaco_tenants import codes
from fondaco_tenants.codes import CodeState
from fondaco_tenants.codes.store import vault as store
from tests.support.factories.codes import MadePool, make_codes, make_pool

pytestmark = pytest.mark.usefixtures("database")


async def page(
    pool: MadePool,
    state: CodeState | None,
    *,
    after: codes.Code | None = None,
    batch_id: BatchId | None = None,
    backward: bool = False,
    count: int = 3,
) -> list[codes.Code]:
    place = None if after is None else (after.batch_id, after.position)
    async with reading(pool.ctx) as tx:
        return await codes.list_codes(
            tx, pool.ctx, pool_id=pool.id, state=state, after=place, batch_id=batch_id, backward=backward, count=count
        )


async def quarantine(pool: MadePool, which: list[codes.Code]) -> None:
    if which:
        async with transaction(pool.ctx) as tx:
            await codes.quarantine_codes(tx, pool.ctx, code_ids=[code.id for code in which], reason="They are bad.")


@given(st.data())
async def test_pages_of_a_state_are_what_the_whole_list_has_of_it(data: st.DataObject) -> None:
    pool = await make_pool()
    for _ in range(3):
        await make_codes(pool, 5)
    everything = await page(pool, None, count=100)
    await quarantine(pool, data.draw(st.lists(st.sampled_from(everything), unique_by=lambda code: code.id)))
    everything = await page(pool, None, count=100)
    batch_id = data.draw(st.sampled_from([None, *{code.batch_id for code in everything}]))
    size = data.draw(st.integers(1, 4))

    for state in (CodeState.AVAILABLE, CodeState.QUARANTINED, CodeState.VOID):
        wanted = [code for code in everything if code.state is state and batch_id in (None, code.batch_id)]
        found: list[codes.Code] = []
        while more := await page(pool, state, after=found[-1] if found else None, batch_id=batch_id, count=size):
            found += more
        assert found == wanted
        found = []
        while more := await page(
            pool, state, after=found[-1] if found else None, batch_id=batch_id, backward=True, count=size
        ):
            found += more
        assert found == wanted[::-1]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("sql", [store.LIST_STATE_DOWN, store.LIST_STATE_UP], ids=["down", "up"])
async def test_the_plan_walks_over_the_codes_of_the_state_alone(sql: str, *, after: bool) -> None:
    pool = await make_pool()
    await make_codes(pool, 3)
    place = (new_id(), 7) if after else (None, None)

    async with transaction(pool.ctx) as tx:
        # Few rows are read whole in any case; what matters is that the index serves the order, so that nothing of it is sorted.
        await tx.execute("SET LOCAL enable_seqscan TO off")
        await tx.execute("SET LOCAL enable_bitmapscan TO off")
        plan = await tx.fetch(f"EXPLAIN (COSTS off) {sql}", pool.id, *place, None, 50, "VOID")

    text = "\n".join(row[0] for row in plan)
    walks = [line for line in text.splitlines() if "Scan" in line]
    assert len(walks) == (2 if after else 1), text
    assert all("ix_code_pool_state" in line for line in walks), text
    assert {line.strip() for line in text.splitlines() if "Filter" in line} <= {
        "One-Time Filter: false",
        "Filter: (tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)",
    }
