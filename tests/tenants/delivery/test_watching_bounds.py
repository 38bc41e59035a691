"""Looking whether showings are unusual costs as much for a busy merchant as for a quiet one."""

import pytest

from fondaco_core import clock, limits
from fondaco_core.db import transaction
from fondaco_core.ids import new_id
from fondaco_tenants import delivery
from fondaco_tenants.delivery import DeliverySettings, store
from fondaco_workers.actors.delivery import look_at_reveals
from tests.support.actors import run_twice
from tests.support.factories.delivery import Sale, make_sale, opener
from tests.tenants.delivery.test_watching import alarms, own_code

pytestmark = pytest.mark.usefixtures("database")


async def usual(sale: Sale, **numbers: int) -> None:
    async with transaction(sale.owner) as tx:
        await delivery.update_settings(tx, sale.owner, settings=DeliverySettings(**numbers))  # type: ignore[arg-type]


async def test_what_is_far_beyond_the_usual_is_counted_no_further_than_twice_it() -> None:
    sale = await make_sale(units=2)
    await usual(sale, staff_reveals_max=2)
    for _ in range(9):
        await own_code(sale, sale.owner)

    await run_twice(
        look_at_reveals, tenant_id=sale.tenant_id, via="BACK_OFFICE", actor_kind="MEMBER",
        actor_id=str(sale.owner.actor_id), order_id=None, link_id=None,
    )  # fmt: skip

    assert await alarms(sale) == [("STAFF_BURST", str(sale.owner.actor_id), 5)]


async def test_an_order_that_is_shown_again_and_again_is_looked_at_where_it_was_shown_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "ORDER_REVEALS_SEEN_MAX", 1)
    sale = await make_sale()
    for place in (1, 2):
        async with transaction(sale.buyer) as tx:
            await tx.execute(
                "INSERT INTO code_reveal (tenant_id, code_id, order_id, via, actor_kind, ip, revealed_at)"
                " SELECT tenant_id, code_id, order_id, 'ACCOUNT', 'CUSTOMER', $2, $3 FROM allocation WHERE id = $1",
                sale.allocations[0], f"198.51.100.{place}", clock.now(),
            )  # fmt: skip

    async with transaction(sale.owner) as tx:
        rows = await tx.fetch(
            store.ACCOUNTS_AT_PLACES, sale.tenant_id, [sale.order_id], clock.now().replace(year=2000), 1, 9, 9
        )

    assert [(row["ip"], row["accounts"]) for row in rows] == [("198.51.100.2", 1)]


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (store.SHOWN_TO, "ix_code_reveal_actor"),
        (store.PLACES_OF, "ix_code_reveal_actor"),
        (store.PLACES_OF_LINK, "ix_code_reveal_order_id"),
        (store.ACCOUNTS_AT_PLACES, "ix_code_reveal_place"),
    ],
    ids=["shown to", "places of", "places of a link", "accounts at places"],
)
async def test_showings_are_found_by_an_index_the_newest_first(sql: str, index: str) -> None:
    sale = await make_sale()
    visitor = opener(sale)
    long_ago, now = clock.now().replace(year=2000), clock.now()
    asked = {
        store.SHOWN_TO: (sale.tenant_id, new_id(), "MEMBER", long_ago, 5),
        store.PLACES_OF: (sale.tenant_id, new_id(), long_ago, now, 5),
        store.PLACES_OF_LINK: (sale.order_id, new_id(), long_ago, 5),
        store.ACCOUNTS_AT_PLACES: (sale.tenant_id, [sale.order_id], long_ago, 5, 5, 5),
    }[sql]

    async with transaction(visitor) as tx:
        # Few rows are read whole in any case; what matters is that the index serves the order, so that a bound ends the walk.
        await tx.execute("SET LOCAL enable_seqscan TO off")
        await tx.execute("SET LOCAL enable_bitmapscan TO off")
        plan = await tx.fetch(f"EXPLAIN (COSTS off) {sql}", *asked)

    text = "\n".join(row[0] for row in plan)
    assert index in text, text
    assert "Seq Scan on code_reveal" not in text, text
    assert "Sort Key: code_reveal" not in text, text
    assert "Sort Key: r.revealed_at" not in text, text
